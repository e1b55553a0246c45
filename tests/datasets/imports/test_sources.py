"""Each kind of source as it is published, and with faults: what is taken, and what is left out for which reason."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from asr.core.errors import RecordingsError
from datasets.imports.common_voice import CommonVoice
from datasets.imports.corpus import HIDDEN, NO_TRANSCRIPT, OUTSIDE, Item
from datasets.imports.deepspeech import DeepSpeech
from datasets.imports.kaldi import ARCHIVE, NO_SOUND, PIPE, TIMES, TWICE, Kaldi
from datasets.imports.kinds import KINDS, choose, detect
from datasets.imports.librispeech import LibriSpeech
from datasets.imports.lines import FIELDS
from datasets.imports.speaker_folders import SpeakerFolders
from datasets.imports.spoken_digits import SpokenDigits
from tests.datasets.imports.trees import kept, put, reasons

COMMON_VOICE: dict[str, str | bytes] = {
    "en/validated.tsv": "client_id\tpath\tsentence_id\tsentence\tage\n"
    'aa\tone.mp3\tx\t"Stop," he said.\t\n'
    "bb\ttwo.mp3\tx\tTurn it off\ttwenties\n"
    "cc\t../../secret.mp3\tx\tStop\t\n"
    "cc\t/etc/passwd\tx\tStop\t\n"
    "cc\tthree.mp3\n",
    "en/clips/one.mp3": b"1",
    "en/clips/two.mp3": b"2",
}
LIBRISPEECH: dict[str, str | bytes] = {
    "dev-clean/84/121/84-121.trans.txt": "84-121-0000 GO ON\n84-121-0001 STOP\n../84-121-2 NO\n",
    "dev-clean/84/121/84-121-0000.flac": b"1",
    "dev-clean/84/121/84-121-0001.wav": b"1",
    "dev-clean/84/121/84-121-0009.flac": b"1",
    "README.TXT": "a corpus",
}
KALDI: dict[str, str | bytes] = {
    "wav.scp": "anna-2 two.wav\nanna-1 sounds/one.wav\nben-1 sph2pipe -f wav /data/ben.sph |\nben-2 raw.ark:1234\n"
    "anna-1 again.wav\nrest-1 one.wav\nup-1 ../up.wav\n",
    "text": "anna-1 GO ON\nanna-2  stop \nben-1 stop\nben-2 stop\nben-3 stop\nup-1 stop\n",
    "utt2spk": "anna-1 anna\nanna-2 anna\nben-1 ben\n",
}
DEEPSPEECH: dict[str, str | bytes] = {
    "train.csv": "wav_filename,wav_filesize,transcript\nclips/one.wav,3,stop\n/data/anna_nohash_0.wav,9,go on\n",
    "dev.csv": "wav_filename,wav_filesize,transcript,other\n../three.wav,9,go,x\nfour.wav,many,go,x\n",
    "notes.csv": "this,that\n1,2\n",
}
DIGITS: dict[str, str | bytes] = {
    "recordings/7_jackson_32.wav": b"1",
    "recordings/0_george_0.wav": b"1",
    "recordings/noise.wav": b"1",
    "metadata.py": "",
}
SPEAKERS: dict[str, str | bytes] = {
    "anna/turn_on/1.wav": b"1",
    "anna/turn_on/evening/2.flac": b"1",
    "ben/stop/1.wav": b"1",
    "ben/loose.wav": b"1",
    "ben/noise/1.wav": b"1",
    "top.wav": b"1",
    "ben/stop/notes.txt": b"1",
}
SPEECH_COMMANDS: dict[str, str | bytes] = {"stop/00f0204f_nohash_0.wav": b"1", "go/00f0204f_nohash_0.wav": b"1"}
TREES = {
    "common-voice": COMMON_VOICE,
    "librispeech": LIBRISPEECH,
    "kaldi": KALDI,
    "deepspeech": DEEPSPEECH,
    "spoken-digits": DIGITS,
    "speaker-folders": SPEAKERS,
}


def test_common_voice(tmp_path: Path) -> None:
    source = put(tmp_path, COMMON_VOICE)
    for named in (source, source / "en", source / "en" / "validated.tsv"):
        assert kept(CommonVoice().items(named)) == [
            ("one.mp3", '"Stop," he said.', "aa"),
            ("two.mp3", "Turn it off", "bb"),
        ]
    first = next(CommonVoice().items(source))
    assert isinstance(first, Item) and first.sound == str(source / "en/clips/one.mp3")
    assert reasons(CommonVoice().items(source)) == [
        ("validated.tsv:4", OUTSIDE),
        ("validated.tsv:5", OUTSIDE),
        ("validated.tsv:6", FIELDS),
    ]


def test_common_voice_of_several_languages_and_without_validated(tmp_path: Path) -> None:
    source = put(tmp_path, COMMON_VOICE)
    put(source, {"de/other.tsv": "client_id\tpath\tsentence\n", "de/clips/one.mp3": b"1"})
    with pytest.raises(RecordingsError, match=r"several languages \(de, en\)"):
        list(CommonVoice().items(source))
    with pytest.raises(RecordingsError, match=r"only other\.tsv"):
        list(CommonVoice().items(source / "de"))


def test_librispeech(tmp_path: Path) -> None:
    source = put(tmp_path, LIBRISPEECH)
    assert kept(LibriSpeech().items(source)) == [
        ("84-121-0000.flac", "GO ON", "84"),
        ("84-121-0001.wav", "STOP", "84"),
    ]
    assert reasons(LibriSpeech().items(source)) == [
        ("dev-clean/84/121/84-121.trans.txt:3", OUTSIDE),
        ("dev-clean/84/121/84-121-0009.flac", NO_TRANSCRIPT),
    ]


def test_kaldi(tmp_path: Path) -> None:
    source = put(tmp_path, KALDI)
    assert kept(Kaldi().items(source)) == [("one.wav", "GO ON", "anna"), ("two.wav", "stop ", "anna")]
    assert reasons(Kaldi().items(source)) == [
        ("wav.scp:5", TWICE),
        ("text:3", PIPE),
        ("text:4", ARCHIVE),
        ("text:5", NO_SOUND),
        ("text:6", OUTSIDE),
        ("wav.scp:6", NO_TRANSCRIPT),
    ]


def test_kaldi_with_segments(tmp_path: Path) -> None:
    source = put(tmp_path, KALDI)
    put(source, {
        "text": "u1 go\nu2 stop\nu3 no\nu4 no\nu5 no\n",
        "utt2spk": "u1 anna\n",
        "segments": "u2\tanna-1  0.5 -1\nu1 anna-1 0.25 0.5\nu3 anna-1 2 1\nu4 anna-1 x 1\nu9 anna-1 0 1\n"
        "u5 none 0 1\n",
    })  # fmt: skip
    found = list(Kaldi().items(source))
    items = [one for one in found if isinstance(one, Item)]
    assert [(one.name, one.cut, one.speaker) for one in items] == [
        ("u1", (0.25, 0.5), "anna"),
        ("u2", (0.5, -1.0), ""),
    ]
    assert {one.sound for one in items} == {str(source / "sounds/one.wav")}
    assert sorted(reasons(iter(found))) == [
        *(("segments:3", TIMES), ("segments:4", TIMES), ("segments:5", NO_TRANSCRIPT), ("segments:6", NO_SOUND)),
        ("wav.scp:5", TWICE),
    ]


def test_kaldi_names_every_missing_table(tmp_path: Path) -> None:
    put(tmp_path, {"utt2spk": "a b\n"})
    with pytest.raises(RecordingsError, match=r"there is no wav\.scp and no text"):
        list(Kaldi().items(tmp_path))


def test_deepspeech(tmp_path: Path) -> None:
    source = put(tmp_path, DEEPSPEECH)
    found = list(DeepSpeech().items(source))
    assert kept(iter(found)) == [
        ("four.wav", "go", ""),
        ("one.wav", "stop", ""),
        ("anna_nohash_0.wav", "go on", "anna"),
    ]
    assert [one.size for one in found if isinstance(one, Item)] == [-1, 3, 9]
    assert reasons(iter(found)) == [("dev.csv:2", OUTSIDE)]


def test_deepspeech_tells_the_faults_of_all_headers(tmp_path: Path) -> None:
    put(tmp_path, {"a.csv": "wav_filename,text\n", "b.csv": "wav_filesize,transcript\n"})
    with pytest.raises(RecordingsError) as caught:
        list(DeepSpeech().items(tmp_path))
    assert "a.csv: no wav_filesize, no transcript" in str(caught.value)
    assert "b.csv: no wav_filename" in str(caught.value)


def test_spoken_digits(tmp_path: Path) -> None:
    source = put(tmp_path, DIGITS)
    for named in (source, source / "recordings"):
        assert kept(SpokenDigits().items(named)) == [
            ("0_george_0.wav", "zero", "george"),
            ("7_jackson_32.wav", "seven", "jackson"),
        ]
        assert reasons(SpokenDigits().items(named)) == [("noise.wav", NO_TRANSCRIPT)]


def test_speaker_folders(tmp_path: Path) -> None:
    source = put(tmp_path, SPEAKERS)
    assert kept(SpeakerFolders().items(source)) == [
        ("1.wav", "turn on", "anna"),
        ("2.flac", "turn on", "anna"),
        ("1.wav", "stop", "ben"),
    ]
    assert reasons(SpeakerFolders().items(source)) == [
        ("top.wav", NO_TRANSCRIPT),
        ("ben/loose.wav", NO_TRANSCRIPT),
        ("ben/noise/1.wav", HIDDEN),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_content_tells_the_kind(tmp_path: Path, kind: str) -> None:
    source = put(tmp_path, TREES[kind])
    assert detect(source) == kind
    assert choose(kind, source).kind == kind
    for other in KINDS.keys() - {kind}:
        with pytest.raises(RecordingsError, match=rf"Run: asr import {kind}$"):
            choose(other, source)


def test_what_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(RecordingsError, match="asr import speech-commands"):
        choose("speaker-folders", put(tmp_path / "words", SPEECH_COMMANDS))
    with pytest.raises(RecordingsError, match=r"Expected wav\.scp and text"):
        choose("kaldi", put(tmp_path / "nothing", {"readme.txt": ""}))
    with pytest.raises(RecordingsError, match="no such file"):
        choose("kaldi", tmp_path / "missing")
    with tarfile.open(tmp_path / "en.tar.gz", "w:gz"):
        pass
    with pytest.raises(RecordingsError, match="Unpack it"):
        choose("common-voice", tmp_path / "en.tar.gz")
