"""The .scorer package: written, read back, and refused where it is damaged."""

from __future__ import annotations

import dataclasses
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from asr.client.scorer_file import check_scorer
from asr.core.alphabet import Alphabet
from asr.core.errors import ScorerError, SentenceError, SetupError
from asr.core.third_party import part
from asr.settings.sections import Scorer
from lm import kenlm
from lm.look_ahead import Arpa
from lm.scorer import build, write_scorer
from lm.sentences import Templates
from tests.lm.scorer_reader import read_scorer

LIGHT = "(turn|switch) (on|off) the light[s]\nit's dark\n"
WORDS = ("dark", "it's", "light", "lights", "off", "on", "switch", "the", "turn")


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a scorer of nine words."""
    for name in ("bin/lmplz", "bin/build_binary"):
        try:
            part(name)
        except SetupError as error:
            pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("light")
    (folder / "sentences.txt").write_text(LIGHT)
    build(folder / "sentences.txt", Alphabet(), folder / "export", Scorer(), limit=100, seed=1)
    return folder


def test_what_is_written_is_read(light: Path) -> None:
    info = read_scorer(light / "export" / "kenlm.scorer")
    assert info.words == WORDS
    assert (info.alpha, info.beta) == (0.931289039105002, 1.1834137581510284)
    assert (len(info.ngrams), info.is_utf8, info.structure) == (5, False, "quantised array trie")
    assert info.ngrams[0] == len(WORDS) + len(["<unk>", "<s>", "</s>"])


def test_the_files_are_those_of_deepspeechs_tools(light: Path) -> None:
    assert {path.name for path in (light / "export").iterdir()} == {
        "lm.binary",
        "vocab-500000.txt",
        "kenlm.scorer",
    }
    # All but the last sentence say "the", half of them each of the next; equals are in order of appearance.
    vocabulary = (light / "export" / "vocab-500000.txt").read_bytes()
    assert vocabulary == b"the\nturn\non\nlights\nlight\noff\nswitch\nit's\ndark"
    binary = (light / "export" / "lm.binary").read_bytes()
    package = (light / "export" / "kenlm.scorer").read_bytes()
    assert package.startswith(binary)
    assert package[len(binary) :].startswith(
        struct.pack("<ii?dd", 0x54524945, 6, False, 0.931289039105002, 1.1834137581510284)
    )


def test_the_same_sentences_make_the_same_bytes(light: Path, tmp_path: Path) -> None:
    build(light / "sentences.txt", Alphabet(), tmp_path, Scorer(), limit=100, seed=1)
    for name in ("lm.binary", "vocab-500000.txt", "kenlm.scorer"):
        assert (tmp_path / name).read_bytes() == (light / "export" / name).read_bytes()


def test_settings_reach_the_package(light: Path, tmp_path: Path) -> None:
    settings = dataclasses.replace(Scorer(), order=3, alpha=0.5, beta=-2.0, top_k=5)
    try:
        part("bin/filter")
    except SetupError as error:
        pytest.skip(str(error))
    built = build(light / "sentences.txt", Alphabet(), tmp_path, settings, limit=100, seed=1)
    info = read_scorer(built.scorer)
    assert (len(info.ngrams), info.alpha, info.beta) == (3, 0.5, -2.0)
    assert built.vocabulary.name == "vocab-5.txt"
    assert set(info.words) == set(built.vocabulary.read_text().split("\n"))
    assert (len(info.words), info.ngrams[0]) == (5, 5 + 3)
    assert len(built.remarks) == 1 and "4 of 9 words are beyond top_k" in built.remarks[0]


def test_a_sample_is_remarked_on(light: Path, tmp_path: Path) -> None:
    built = build(light / "sentences.txt", Alphabet(), tmp_path, Scorer(), limit=6, seed=1)
    assert (built.sentences, built.derivations, built.words) == (6, 9, 9)
    assert len(built.remarks) == 1 and "6 of the 9" in built.remarks[0]


def test_a_wrong_sentence_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "sentences.txt").write_text("turn on\nTurn off\n")
    with pytest.raises(SentenceError, match=r"sentences\.txt:2:1: 'T'"):
        build(tmp_path / "sentences.txt", Alphabet(), tmp_path / "export", Scorer(), limit=9, seed=1)
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize("room", [200, 500, 5000, 8800])
def test_a_full_disk_is_an_error_and_leaves_the_old_scorer(light: Path, tmp_path: Path, room: int) -> None:
    """A limit on the size of files stands in for the disk. It hits one step after the other."""
    export = light / "export"
    sizes = [(export / name).stat().st_size for name in ("lm.binary", "kenlm.scorer")]
    assert 5000 < sizes[0] < 8800 < sizes[1]
    for file in export.iterdir():
        shutil.copy(file, tmp_path)
    child = f"""if True:
        import resource
        from pathlib import Path
        from asr.core.alphabet import Alphabet
        from asr.core.errors import ScorerError
        from asr.settings.sections import Scorer
        from lm.scorer import build
        resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
        try:
            build(Path({str(light / "sentences.txt")!r}), Alphabet(), Path({str(tmp_path)!r}), Scorer(),
                  limit=100, seed=1)
        except ScorerError as error:
            print(error)
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(kenlm.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, env=environment)
    assert "Make room on the disk" in done.stdout, done
    assert done.stdout.count("\n") == 1 and not done.stderr
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in export.iterdir()}
    assert (tmp_path / "kenlm.scorer").read_bytes() == (export / "kenlm.scorer").read_bytes()


def test_every_cut_is_found(light: Path, tmp_path: Path) -> None:
    whole = (light / "export" / "kenlm.scorer").read_bytes()
    cut = tmp_path / "cut.scorer"
    start = len((light / "export" / "lm.binary").read_bytes())
    ends = [*range(start, len(whole), 3), len(whole) - 1, len(whole) + 1]
    for length in [0, 1, 50, start - 1, *ends]:
        cut.write_bytes((whole + whole)[:length])
        with pytest.raises(ScorerError, match=r"cut.scorer: .*make scorer") as caught:
            check_scorer(cut)
        assert "\n" not in str(caught.value)


def test_what_is_no_scorer_is_refused(light: Path, tmp_path: Path) -> None:
    with pytest.raises(ScorerError, match="no such scorer"):
        check_scorer(tmp_path / "none.scorer")
    (tmp_path / "text.scorer").write_text("not a scorer\n" * 1000)
    with pytest.raises(ScorerError, match="this is text, not a scorer"):
        check_scorer(tmp_path / "text.scorer")
    with pytest.raises(ScorerError, match="word list"):
        check_scorer(light / "export" / "lm.binary")


def test_another_alphabet_has_its_own_labels(light: Path, tmp_path: Path) -> None:
    german = Alphabet(" abcdefghijklmnopqrstuvwxyzäöüß")
    (tmp_path / "sentences.txt").write_text("mach die tür auf\nöffne die tür\n", encoding="utf-8")
    built = build(tmp_path / "sentences.txt", german, tmp_path, Scorer(), limit=9, seed=1)
    assert read_scorer(built.scorer, german).words == ("auf", "die", "mach", "tür", "öffne")


def test_what_cannot_be_packed_is_refused(light: Path, tmp_path: Path) -> None:
    binary = light / "export" / "lm.binary"
    target = tmp_path / "x.scorer"
    with pytest.raises(ScorerError, match="no word"):
        write_scorer(target, binary, [], Alphabet(), alpha=1, beta=1)
    with pytest.raises(ScorerError, match="has no space"):
        write_scorer(target, binary, ["a"], Alphabet("abc"), alpha=1, beta=1)
    with pytest.raises(ScorerError, match="KenLM"):
        write_scorer(target, light / "sentences.txt", ["a"], Alphabet(), alpha=1, beta=1)
    with pytest.raises(SentenceError, match="'5'"):
        write_scorer(target, binary, ["a5"], Alphabet(), alpha=1, beta=1)
    assert not target.exists()


def test_more_lines_make_a_sentence_likelier(parts: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KenLM's own estimates, as they go into the scorer."""
    chances = {}
    pack = kenlm.pack

    def spy(arpa: Path, binary: Path, **options: int) -> None:
        chances[times] = Arpa.read(arpa).ngrams[1]["<s>", "stop"][0]
        pack(arpa, binary, **options)

    monkeypatch.setattr(kenlm, "pack", spy)
    for times in (1, 10, 30):
        text = "turn (on|off) the light\n" + "stop\n" * times
        (tmp_path / "sentences.txt").write_text(text)
        settings = Scorer(look_ahead=False)
        built = build(tmp_path / "sentences.txt", Alphabet(), tmp_path, settings, limit=100, seed=1)
        assert (built.sentences, built.derivations) == (3, 2 + times)
    assert chances[1] < chances[10] - 0.3 and chances[10] < chances[30]
    # The same derivation of one line is no second line.
    twice = Templates.parse("(stop|stop) now\nstop now\n", Alphabet())
    assert twice.expand(100, 1, weighted=True) == ["stop now", "stop now"] and twice.expand(100, 1) == ["stop now"]
