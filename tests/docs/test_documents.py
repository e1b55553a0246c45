"""Every command of the documents runs, in the order in which they stand, and every link leads somewhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from asr.core import audio
from asr.settings.asr_toml import read
from asr.settings.template import render
from asr.settings.values import with_values
from datasets.speech import draw_speakers, speak
from tests.docs.documents import DOCUMENTS, NEEDS, ROOT, Block, anchors, blocks, commands, links, mentioned, name
from tools.commands.cli import app

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WORDS = ("stop", "go", "turn on the light", "turn off the light")
PEOPLE = 12
# The reader trains for minutes; here it is enough that it ends.
HURRIED = {
    "train": {"network": "deepspeech", "n_hidden": 16, "start_from": "", "epochs": 2, "epoch_utterances": 16,
              "synthetic_epochs": 1, "synthetic_utterances": 16, "average": 1},
    "voices": {"speakers": 12, "utterances": 36},
    "augment": {"rooms": 2},
    "evaluate": {"noise_levels": [12.0]},
    "rejection": {"minutes": 1.0},
    "keyword": {"passes": 2, "epochs": 2, "width": 16, "teacher_width": 0, "synthetic_speakers": 4},
}  # fmt: skip


def settle(toml: Path, given: str = "") -> None:
    """Take over what a document says stands in asr.toml, and make training short."""
    sections = {**HURRIED, **tomllib.loads(given)}
    toml.write_text(render(with_values(read(toml).settings("words"), **sections)))


def record(workspace: Path) -> None:
    """Put the recordings there that a reader would make."""
    settings = read(workspace / "asr.toml").settings("words")
    speakers = draw_speakers(settings.voices, "en")[:PEOPLE]
    for text in WORDS:
        for speaker in speakers:
            name = re.sub(r"\W", "", speaker.name)
            path = workspace / "recordings" / text.replace(" ", "_") / f"{name}_nohash_0.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            audio.write_wav(path, audio.to_int16(speak(text, speaker)))


class Reader:
    """Somebody who types what the documents say, in the checkout, with workspaces and files of their own elsewhere.

    Parameters
    ----------
    folder : of those.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.typed: set[str] = set()
        self.settled: set[Path] = set()
        path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "HOME": str(folder)}

    def follow(self, block: Block) -> None:
        """Do what a block says."""
        if block.kind in ("text", "toml") and block.given:
            target = self.folder / block.given
            assert target.parent.is_dir(), f"{block.place}: there is no {target.parent.name} to write into yet"
            if target.name == "asr.toml":
                settle(target, block.text)
            else:
                target.write_text(block.text)
            return
        if block.kind != "sh":
            return
        for command in commands(block):
            if block.given:
                self.look_at(command, block)
            elif command not in self.typed:
                self.type(command, block)
                self.typed.add(command)

    def type(self, command: str, block: Block) -> None:
        """Run a command; what it needs of the reader's hands is done before and after it."""
        lamp = self.folder / "my-lamp"
        recordings = lamp / "recordings" / "stop"
        if (lamp / "asr.toml").is_file() and not recordings.is_dir():
            record(lamp)
            for name in ("hello.wav", "stop.wav"):
                shutil.copy(next(recordings.iterdir()), self.folder / name)
        line = re.sub(r"(?<![\w./-])(my-lamp|[a-z_]+\.(?:wav|c))", rf"{self.folder}/\1", command)
        done = subprocess.run(
            ["bash", "-c", line], cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, f"{block.place}: {command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        for toml in set(self.folder.glob("*/asr.toml")) - self.settled:
            settle(toml)
            self.settled.add(toml)

    def look_at(self, command: str, block: Block) -> None:
        """Check a command that cannot be run here as far as that goes: the target is there."""
        assert block.given in NEEDS, f"{block.place}: nobody knows what {block.given!r} means"
        program, *words = shlex.split(command)
        if program == "make":
            done = subprocess.run(["make", "--dry-run", *words], cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, f"{block.place}: {done.stderr}"
        else:
            assert program in ("arecord", "git"), f"{block.place}: what is {program}?"


def test_every_command_runs_in_the_order_of_the_documents(tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None or shutil.which("qemu-system-arm") is None:
        pytest.skip("no compiler and emulator of a Cortex-M4; `make firmware-tools` brings them")
    reader = Reader(tmp_path)
    for document in DOCUMENTS:
        for block in blocks(document):
            reader.follow(block)
    made = {command.split()[1] for command in reader.typed if command.startswith("make ")}
    verbs = {"init", "scorer", "manifests", "train", "preview-augmentation", "keyword"}
    assert verbs | {"firmware-test", "firmware-size"} <= made


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_what_the_text_tells_one_to_type_is_there(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    functions = {command.callback.__name__ for command in app.registered_commands if command.callback}
    names = {command.name for command in (*app.registered_commands, *app.registered_groups)}
    verbs = names | {one.replace("_", "-") for one in functions}
    for command in mentioned(document):
        program, word = command.split()[:2]
        known = targets if program == "make" else verbs
        assert word in known or word == "VERB" or word.startswith("-"), f"{name(document)}: `{command}`"


def test_blocks_say_what_they_are() -> None:
    for document in DOCUMENTS:
        for block in blocks(document):
            assert block.kind in ("sh", "text", "toml", "c", "python", "console"), f"{block.place}: {block.kind!r}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    found = 0
    for line, target in links(document):
        place = f"{name(document)}:{line}: {target}"
        found += 1
        if target.startswith("https://"):
            continue
        assert "://" not in target, place
        path, _, anchor = target.partition("#")
        aim = (document.parent / path).resolve() if path else document
        assert aim.exists(), place
        assert not anchor or anchor in anchors(aim), place
    assert found or name(document) not in ("README.md", "docs/first.md", "docs/architecture.md")


def test_every_document_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        document = waiting.pop()
        if document in reached or document.suffix != ".md":
            continue
        reached.add(document)
        local = [target.partition("#")[0] for _, target in links(document) if "://" not in target]
        waiting += [(document.parent / target).resolve() for target in local if target]
    assert set(DOCUMENTS) <= reached


@pytest.mark.parametrize(("document", "limit"), [("README.md", 120), ("CHANGELOG.md", 40)])
def test_the_first_documents_stay_short(document: str, limit: int) -> None:
    assert len((ROOT / document).read_text(encoding="utf-8").splitlines()) <= limit
