"""What DeepSpeech v0.9.3's own decoder package makes of our alphabet and manifests, where it is installed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from asr.core import third_party
from asr.core.alphabet import Alphabet
from datasets.manifest import Row, write_manifest

READ = """
import csv, json, sys
from ds_ctcdecoder import Alphabet
alphabet = Alphabet(sys.argv[1])
text = sys.argv[3]
labels = alphabet.Encode(text)
# DeepSpeech reads manifests with csv semantics, UTF-8, and these three columns.
rows = list(csv.DictReader(open(sys.argv[2], encoding="utf-8", newline="")))
json.dump({"serialised": list(bytearray(alphabet.Serialize())), "labels": list(labels),
           "decoded": alphabet.Decode(labels), "rows": rows}, sys.stdout)
"""


@pytest.mark.parametrize("labels", [" abcdefghijklmnopqrstuvwxyz'", " abcäöüß#"])
def test_alphabet_and_manifest(tmp_path: Path, labels: str) -> None:
    python = third_party.folder() / "reference" / "bin" / "python"
    if not python.exists():
        pytest.skip("no ds_ctcdecoder to ask; `make reference` installs it where a Python 3.7 is found")
    alphabet = Alphabet(labels)
    (tmp_path / "alphabet.txt").write_text(alphabet.as_text(), encoding="utf-8")
    wav = tmp_path / "a clip, with a comma.wav"
    wav.write_bytes(b"RIFF")
    text = "".join(reversed(labels)).strip()
    write_manifest(tmp_path / "train.csv", [Row(wav, 4, text)])
    done = subprocess.run(
        [python, "-c", READ, tmp_path / "alphabet.txt", tmp_path / "train.csv", text],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    # Theirs goes through a hash map, so only the order may differ.
    assert Alphabet.parse(bytes(found["serialised"])) == alphabet
    assert found["labels"] == alphabet.encode(text).tolist()
    assert found["decoded"] == text
    assert found["rows"] == [{"wav_filename": str(wav), "wav_filesize": "4", "transcript": text}]
