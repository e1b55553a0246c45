"""The command `deepspeech` as a user runs it, against the original command where that is found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from asr.core.alphabet import Alphabet
from asr.core.errors import SetupError
from asr.core.third_party import folder as parts_folder
from asr.core.third_party import part
from asr.settings.sections import Scorer
from export.graph import graph_def, write_pb
from export.pbmm import write_pbmm
from tests.small_networks import small_network

try:
    part("lib/libdeepspeech.so")
except SetupError as error:
    pytest.skip(str(error), allow_module_level=True)

ROOT = Path(__file__).resolve().parents[3]
ORIGINAL = parts_folder() / "reference/bin/deepspeech"
RATE = 16000


def deepspeech(*arguments: object, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tools.commands.deepspeech", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, timeout=100)


def said(*arguments: object, stdin: bytes | None = None) -> str:
    """Return what a successful run wrote to standard output."""
    done = deepspeech(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    generator = np.random.default_rng(3)
    time = np.arange(RATE * 2) / RATE
    sweep = np.sin(2 * np.pi * (200 + 700 * time) * time) * 9000
    return (sweep + generator.normal(0, 2000, len(time)) * (np.sin(9 * time) > 0)).astype(np.int16)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, samples) -> Path:
    """A folder with a model that babbles, a recording, and a scorer where KenLM is installed."""
    import soundfile

    place = tmp_path_factory.mktemp("client")
    graph = graph_def(small_network(11, width=60, state=50), Alphabet())
    write_pbmm(graph, place / "model.pbmm")
    write_pb(graph, place / "model.pb")
    soundfile.write(place / "sound.wav", samples, RATE, subtype="PCM_16")
    (place / "model.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(999))
    (place / "notes.txt").write_text("the model is elsewhere\n")
    (place / "renamed.pb").write_bytes((place / "model.pbmm").read_bytes())
    (place / "renamed.pbmm").write_bytes((place / "model.pb").read_bytes())
    return place


@pytest.fixture(scope="module")
def scorer(files) -> Path:
    for name in ("bin/lmplz", "bin/build_binary"):
        try:
            part(name)
        except SetupError as error:
            pytest.skip(str(error))
    from lm.scorer import build

    sentences = files / "sentences.txt"
    sentences.write_text("turn on the light\nturn off the light\nx y\nk w\nwe kept six\n")
    return build(sentences, Alphabet(), files / "lm", Scorer(), limit=100, seed=1).scorer


def test_all_ways_to_hear_give_the_same(files, samples) -> None:
    model = ("--model", files / "model.pbmm")
    plain = said(*model, "--audio", files / "sound.wav")
    assert re.fullmatch(r"[a-z' ]{4,}\n", plain)
    assert said("--model", files / "model.pb", "--audio", files / "sound.wav") == plain
    assert said(*model, "--audio", files / "sound.wav", "--extended") == plain
    raw = samples.astype("<i2").tobytes()
    assert said(*model, "--audio", "-", stdin=raw) == plain
    for source, sound in ((files / "sound.wav", None), ("-", raw)):
        lines = said(*model, "--stream", source, stdin=sound).splitlines()
        assert lines[-1] == plain.strip()
        assert len(lines) > 3
        assert len(lines[0]) < len(lines[-1])


def test_json_is_the_original_structure(files) -> None:
    arguments = ("--model", files / "model.pbmm", "--audio", files / "sound.wav")
    plain = said(*arguments).strip()
    found = json.loads(said(*arguments, "--json", "--candidate_transcripts", 2))
    assert list(found) == ["transcripts"]
    assert len(found["transcripts"]) == 2
    best = found["transcripts"][0]
    assert list(best) == ["confidence", "words"]
    assert " ".join(word["word"] for word in best["words"]) == plain
    for word in best["words"]:
        assert list(word) == ["word", "start_time", "duration"]
        assert 0 <= word["start_time"] <= word["start_time"] + word["duration"] <= 2.1


@pytest.mark.skipif(not ORIGINAL.is_file(), reason=f"no deepspeech 0.9.3 for Python 3.7 at {ORIGINAL}")
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--json",),
        ("--json", "--candidate_transcripts", "1", "--beam_width", "40"),
        ("--extended",),
        ("--scorer",),
        ("--scorer", "--json", "--lm_alpha", "0.2", "--lm_beta", "3.5", "--hot_words", "light:5.5,six:-3"),
    ],
)
def test_output_is_that_of_the_original(options, files, request) -> None:
    arguments = ["--model", str(files / "model.pbmm"), "--audio", str(files / "sound.wav")]
    for option in options:
        arguments.append(option)
        if option == "--scorer":
            arguments.append(str(request.getfixturevalue("scorer")))
    original = subprocess.run([str(ORIGINAL), *arguments], capture_output=True, timeout=100)
    assert original.returncode == 0, original.stderr.decode()
    ours = deepspeech(*arguments)
    assert ours.stdout == original.stdout
    assert len(ours.stdout) > 3

    def status(text: bytes) -> list[str]:
        # The library's banner, which ours leaves out, and times.
        banner = re.compile(r"TensorFlow|DeepSpeech|cpu_feature_guard")
        lines = [line for line in text.decode().splitlines() if not banner.search(line)]
        return [re.sub(r"[0-9][0-9.e-]*s\b", "TIME", line) for line in lines]

    assert status(ours.stderr) == status(original.stderr)


def test_scorer_writes_only_its_words(files, scorer) -> None:
    arguments = ("--model", files / "model.pbmm", "--audio", files / "sound.wav", "--scorer", scorer)
    transcript = said(*arguments).split()
    assert transcript and set(transcript) <= {
        "turn", "on", "off", "the", "light", "x", "y", "k", "w", "we", "kept", "six",
    }  # fmt: skip

    def confidence(*more: str) -> float:
        return json.loads(said(*arguments, "--json", *more))["transcripts"][0]["confidence"]

    # Which way a boost moves it is the library's own affair; the original's output is compared above.
    assert confidence("--hot_words", f"{transcript[0]}:9.5") != confidence()


@pytest.mark.parametrize("rate", [8000, 44100])
@pytest.mark.parametrize("name", ["sound.flac", "sound.wav"])
def test_other_rates_formats_and_stereo_are_converted(rate, name, files, samples, tmp_path) -> None:
    import soundfile
    import soxr

    from asr.client.libdeepspeech import Model

    resampled = soxr.resample(samples.astype(np.float32) / 32768, RATE, rate)
    stereo = np.stack([resampled * 0.6, resampled * 0.2], axis=1)
    soundfile.write(tmp_path / name, stereo, rate, subtype="PCM_16")
    transcript = said("--model", files / "model.pbmm", "--audio", tmp_path / name)
    back = soxr.resample(soundfile.read(tmp_path / name, dtype="float32")[0].mean(axis=1), rate, RATE)
    with Model(files / "model.pbmm") as model:
        expected = model.stt(np.clip(np.round(back * 32768), -32768, 32767).astype(np.int16))
    assert transcript.strip() == expected != ""


def test_quiet_says_nothing_but_the_transcript(files) -> None:
    done = deepspeech("--model", files / "model.pbmm", "--audio", files / "sound.wav", "--quiet")
    assert done.stderr == b""
    assert done.stdout.strip()


def test_help_and_version() -> None:
    text = said("--help")
    assert "examples:" in text
    for flag in ("--model", "--scorer", "--audio", "--beam_width", "--lm_alpha", "--lm_beta", "--version"):
        assert flag in text
    for flag in ("--extended", "--json", "--candidate_transcripts", "--hot_words", "--stream"):
        assert flag in text
    # As the original prints it.
    assert said("--version") == "DeepSpeech  0.9.3\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "--model"),
        (("--model", "{model}"), "--audio or --stream"),
        (("--model", "{model}", "--audio", "{sound}", "--stream", "{sound}"), "--audio or --stream"),
        (("--model", "{model}", "--audio", "{sound}", "--beam", "3"), "--beam"),
        (("--model", "{model}", "--audio", "{sound}", "--beam_width", "0"), "0 is no whole number"),
        (("--model", "{model}", "--audio", "{sound}", "--lm_alpha", "1"), "belong together"),
        (("--model", "{model}", "--audio", "{sound}", "--lm_alpha", "1", "--lm_beta", "1"), "--scorer"),
        (("--model", "{model}", "--audio", "{sound}", "--hot_words", "light:2"), "--scorer"),
        (("--model", "{model}", "--audio", "{sound}", "--scorer", "s", "--hot_words", "light"), "light:7.5"),
        (("--model", "{model}", "--audio", "{sound}", "--scorer", "s", "--hot_words", "a:nan"), "a:nan"),
        (("--model", "nowhere.pbmm", "--audio", "{sound}"), "nowhere.pbmm"),
        (("--model", "{sound}", "--audio", "{sound}"), "sound.wav"),
        (("--model", "{model}", "--audio", "nowhere.wav"), "nowhere.wav"),
        (("--model", "{model}", "--audio", "{model}"), "model.pbmm"),
        (("--model", "{model}", "--audio", "{sound}", "--scorer", "nowhere.scorer"), "nowhere.scorer"),
        (("--model", "{model}", "--audio", "{sound}", "--scorer", "{model}"), "model.pbmm"),
        (("--model", "{model}", "--audio", "-"), "standard input"),
        (("--model", "{place}/model.tflite", "--audio", "{sound}"), "a TensorFlow Lite model, not a model that"),
        (("--model", "{place}/notes.txt", "--audio", "{sound}"), "this is text, not a model"),
        (("--model", "{sound}", "--audio", "{sound}"), "a sound file, not a model"),
        (("--model", "{place}/renamed.pb", "--audio", "{sound}"), "Rename it so that it ends in .pbmm"),
        (("--model", "{place}/renamed.pbmm", "--audio", "{sound}"), "Rename it so that it ends in .pb"),
        (("--model", "{model}", "--audio", "{sound}", "--scorer", "{model}"), "graph (.pbmm), not a scorer"),
        (("--model", "{model}", "--audio", "{sound}", "--scorer", "{place}/model.pb"), "(.pb), not a scorer"),
        (("--model", "{model}", "--audio", "{sound}", "--scorer", "{place}/notes.txt"), "text, not a scorer"),
        (("--model", "{model}", "--audio", "{sound}", "--scorer", "{place}/model.tflite"), "Lite model, not a scorer"),
    ],
)
def test_errors_are_one_line_and_exit_2(arguments, complaint, files) -> None:
    filled = [
        argument.format(model=files / "model.pbmm", sound=files / "sound.wav", place=files) for argument in arguments
    ]
    done = deepspeech(*filled, "--quiet", stdin=b"")
    assert done.returncode == 2
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("error: ")
    assert complaint in line


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (" abcdefghijklmnopqrstuvwxyz\u00e4\u00f6\u00fc'", "it has 29 labels or more, the model 28"),
        (" zyxwvutsrqponmlkjihgfedcba'", "its words would be such as"),
        ("abcdefghijklmnopqrstuvwxyz '", "its words end with another label than the space"),
    ],
)
def test_a_scorer_of_another_alphabet_is_refused(files, scorer, tmp_path, labels, words) -> None:
    from asr.client.scorer_file import check_alphabet
    from asr.core.errors import ScorerError
    from lm.scorer import build

    check_alphabet(scorer, Alphabet())
    alphabet = Alphabet(labels)
    (tmp_path / "s.txt").write_text("turn on the \u00f6fen\n" if "\u00f6" in labels else "turn on the light\n")
    other = build(tmp_path / "s.txt", alphabet, tmp_path, Scorer(), limit=9, seed=1).scorer
    check_alphabet(other, alphabet)
    with pytest.raises(ScorerError, match=words):
        check_alphabet(other, Alphabet())
    if labels.startswith(" z"):
        done = deepspeech("--model", files / "model.pbmm", "--audio", files / "sound.wav", "--scorer", other, "--quiet")
        assert (done.returncode, done.stdout) == (2, b"")
        (line,) = done.stderr.decode().splitlines()
        assert "another alphabet" in line and "the same build/export" in line


# Runs the command on many versions of a file in one process, which a crash would end.
CUTS = """
import json, sys
from pathlib import Path
from tools.commands.deepspeech import main
whole, cut = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])
lengths, arguments = map(json.loads, sys.argv[3:])
for length in lengths:
    cut.write_bytes(whole[:length])
    print(length, main([*arguments, "--quiet"]), file=sys.stderr, flush=True)
"""


def codes_of_cuts(whole: Path, cut: Path, lengths: Sequence[int], arguments: Sequence[str]) -> dict[int, int]:
    """Return the exit code of the command for each length that a file was cut to."""
    command = [sys.executable, "-c", CUTS, whole, cut, json.dumps(list(lengths)), json.dumps(list(arguments))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, f"the process ended with {done.returncode}:\n{done.stderr[-1000:]}"
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert all(cut.name in line for line in errors)
    rows = [line.split() for line in done.stderr.splitlines() if re.fullmatch(r"\d+ \d+", line)]
    return {int(length): int(code) for length, code in rows}


def cuts_of(size: int) -> list[int]:
    """Return lengths all over a file, densely at both ends."""
    ends = [*range(0, 12), *range(size - 60, size)]
    return sorted({length for length in [*ends, *range(0, size, max(size // 60, 1))] if 0 <= length < size})


@pytest.mark.parametrize("name", ["model.pbmm", "model.pb"])
def test_cut_off_models_are_refused(name, files, tmp_path) -> None:
    size = (files / name).stat().st_size
    # A .pb without its last five bytes lacks only TensorFlow's version, and is a whole graph.
    lengths = [length for length in cuts_of(size) if name == "model.pbmm" or length < size - 5]
    cut = tmp_path / name
    codes = codes_of_cuts(
        files / name, cut, lengths, ["--model", str(cut), "--audio", str(files / "sound.wav")]
    )
    assert codes == dict.fromkeys(lengths, 2)


def test_cut_off_scorers_are_refused(files, scorer, tmp_path) -> None:
    lengths = cuts_of(scorer.stat().st_size)
    cut = tmp_path / "cut.scorer"
    arguments = [
        "--model",
        str(files / "model.pbmm"),
        "--audio",
        str(files / "sound.wav"),
        "--scorer",
        str(cut),
    ]
    codes = codes_of_cuts(scorer, cut, lengths, arguments)
    assert codes == dict.fromkeys(lengths, 2)


def test_failed_session_is_an_error(files, tmp_path) -> None:
    # The library itself calls this success and hands back an empty transcript.
    before, name, after = (files / "model.pb").read_bytes().rpartition(b"layer_5/weights")
    (tmp_path / "model.pb").write_bytes(before + name.replace(b"5", b"6") + after)
    done = deepspeech("--model", tmp_path / "model.pb", "--audio", files / "sound.wav", "--quiet")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"error: " in done.stderr and b"Error running session" in done.stderr


def test_reader_that_leaves_early_is_no_error(files) -> None:
    command = (
        f"{sys.executable} -m tools.commands.deepspeech --model {files}/model.pbmm "
        f"--stream {files}/sound.wav | head -c 1"
    )
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, timeout=60
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr
