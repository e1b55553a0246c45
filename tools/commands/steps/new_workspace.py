"""Making a workspace: asr.toml, sentences.txt and a folder for recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.core.alphabet import Alphabet
from asr.core.errors import WorkspaceError
from asr.core.files import write_text
from asr.core.progress import say
from asr.settings.presets import combine, preset_for
from asr.settings.sections import AUTO
from asr.settings.template import new_toml
from asr.settings.values import Settings, with_values
from asr.settings.workspace import Workspace

if TYPE_CHECKING:
    from lm.conversion import Conversion

EXAMPLE = "turn on the light\nturn off the light\nswitch on the light\nswitch off the light\n"


def make_workspace(folder: Path, sentences: Path | None = None, recordings: Path | None = None) -> str:
    """Make a workspace in a new or empty folder, and tell what to do next.

    Parameters
    ----------
    sentences : a file of sentences to copy, a sentences.ini of Rhasspy or a YAML file or folder of Home Assistant to
        convert; None: the sentences of the recordings, or an example.
    recordings : a recordings.csv or a folder to use where it is.

    Raises
    ------
    UserError : there is something in the way, or the sentences or recordings are wrong. Nothing is written then.
    """
    from datasets import recordings as recordings_
    from lm.notation import value_files
    from lm.sentences import Templates

    if (folder / "asr.toml").exists():
        raise WorkspaceError("there is a workspace already", path=folder, fix="Choose another folder")
    if folder.exists() and not folder.is_dir():
        raise WorkspaceError("this is a file", path=folder, fix="Name a folder that does not exist yet")
    written = folder / "sentences.txt"
    if sentences is not None and written.exists():
        raise WorkspaceError("there are sentences already", path=written, fix="Leave out --sentences to use them")
    alphabet = Workspace(folder, Settings()).alphabet
    text = EXAMPLE
    if written.exists():
        sentences = written
    files: dict[str, str] = {}
    templates = None
    if sentences is not None and (converted := _convert(sentences, alphabet)) is not None:
        text, files, templates = converted.text, converted.files, Templates(converted.lines, written)
        for remark in converted.remarks:
            say(f"not converted: {remark}")
    elif sentences is not None:
        templates = Templates.read(sentences, alphabet)
        text = sentences.read_text(encoding="utf-8-sig")
        beside = [name for name in value_files(text) if sentences != written and not Path(name).is_absolute()]
        if outside := [name for name in beside if ".." in Path(name).parts]:
            raise WorkspaceError(
                f"{outside[0]} lies outside of its folder", path=sentences, fix="Move it beside the sentences"
            )
        files = {name: (sentences.parent / name).read_text(encoding="utf-8-sig") for name in beside}
    values: dict[str, Any] = {}
    todo = "put recordings into recordings/ if you have any"
    if recordings is not None:
        found = recordings_.find(recordings, alphabet)
        if not found:
            raise WorkspaceError("there are no recordings", path=recordings, fix="Name a recordings.csv or a folder")
        if sentences is None:
            text = "".join(f"{line}\n" for line in sorted({recording.transcript for recording in found}))
        values = {"recordings": {"folder": str(recordings.resolve())}}
        todo = f"{len(found)} recordings of {recordings} are used where they are"
    words = len((templates or Templates.parse(text, alphabet, written)).words())
    preset = preset_for(words)
    write_asr_toml(folder, preset, **values)
    if not written.exists():
        write_text(written, text)
        for name, content in files.items():
            write_text(folder / name, content)
    if recordings is None:
        (folder / "recordings").mkdir(exist_ok=True)
    return f"{folder}: {words} words, preset {preset}; edit sentences.txt; {todo}; then: asr train {folder}"


def _convert(sentences: Path, alphabet: Alphabet) -> Conversion | None:
    """Return sentences of another notation, converted; None for a file of ours."""
    from lm import home_assistant, rhasspy

    if sentences.suffix == rhasspy.SUFFIX:
        return rhasspy.convert_rhasspy(sentences, alphabet)
    if sentences.suffix in home_assistant.SUFFIXES or sentences.is_dir():
        return home_assistant.convert_home_assistant(sentences, alphabet)
    return None


def make_keyword_workspace(folder: Path, corpus: Path) -> None:
    """Make a workspace of the default keywords, with a corpus that is used where it is."""
    words = Settings().keyword.words
    write_asr_toml(folder, preset_for(len(words)), keyword={"corpus": str(corpus.resolve())})
    (folder / "recordings").mkdir(exist_ok=True)
    if not (folder / "sentences.txt").exists():
        write_text(folder / "sentences.txt", "".join(f"{word}\n" for word in words))
    say(f"{folder} detects {' and '.join(words)}; change keyword.words in its asr.toml for others")


def write_asr_toml(folder: Path, preset: str, **values: dict[str, Any]) -> None:
    """Write the asr.toml of a new workspace; the number of words goes on choosing the preset."""
    settings = with_values(combine({}, preset), train={"preset": AUTO})
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "asr.toml", new_toml(with_values(settings, **values), preset))
