"""Home Assistant's sentences in YAML, converted to ours.

The format is that of hassil and of the folder custom_sentences (https://developers.home-assistant.io/docs/voice):
intents with blocks of sentences, lists, expansion rules and skip words. A folder's files count as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.core.alphabet import Alphabet
from asr.core.errors import SentenceError
from lm.conversion import MOST_SENTENCES, Conversion, Writer
from lm.foreign import SPACE, Part, either, non_empty, rule, series
from lm.hassil_scope import Placed, Reading, Scope
from lm.remarks import shown
from lm.yaml_file import Items, Mapping, Node, Scalar, read_yaml

SUFFIXES = (".yaml", ".yml")

_MOST_FILES = 500
_IGNORED = frozenset(
    ("sentences", "expansion_rules", "lists", "response", "metadata", "settings", "inferred_domain", "name_domains")
)


def convert_home_assistant(source: Path, alphabet: Alphabet) -> Conversion:
    """Return the sentences of a YAML file, or of all in a folder, in our notation.

    Raises
    ------
    SentenceError : it is no such file, or nothing in it can be converted.
    SetupError : PyYAML is not installed.
    """
    documents = [(path, _document(path)) for path in _files(source)]
    languages = [_text(document.values.get("language")) for _, document in documents]
    reading = Reading(alphabet, next(filter(None, languages), "en"))
    writer = Writer(source, alphabet, reading.language, reading.remarks)
    rules, lists = (_gathered(documents, key) for key in ("expansion_rules", "lists"))
    shared = Scope(reading, rules, lists)
    skipped = _skip_words(documents, reading, shared)
    count = 0
    for path, intent, block in _blocks(documents, source):
        scope = shared
        if block.values.keys() & {"expansion_rules", "lists"}:
            own_rules, own_lists = (_named(path, block, key) for key in ("expansion_rules", "lists"))
            scope = Scope(reading, {**rules, **own_rules}, {**lists, **own_lists})
        _note_conditions(path, block, reading)
        for line, text in _sentences(path, block, reading):
            count += 1
            if count > MOST_SENTENCES:
                raise SentenceError(f"it has more than {MOST_SENTENCES} sentences", path=path, line=line)
            part = scope.read(path, line, text)
            if skipped is not None and not part.lack and (some := non_empty(part)) is not None:
                part = series([skipped, SPACE, some, SPACE, skipped])
            writer.add(intent, part, path, line)
    return writer.finish()


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    found = sorted(path for path in source.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    if not found:
        raise SentenceError("there is no YAML file in this folder", path=source, fix="Name a file of sentences")
    if len(found) > _MOST_FILES:
        raise SentenceError(f"it has {len(found)} YAML files; {_MOST_FILES} is the most", path=source)
    return found


def _document(path: Path) -> Mapping:
    document = read_yaml(path)
    if not isinstance(document, Mapping):
        raise SentenceError(
            "this is no sentence file of Home Assistant: it has no 'intents'", path=path, line=document.line,
            fix="Write language:, intents: and the rest as its documentation says",
        )  # fmt: skip
    return document


def _blocks(documents: list[tuple[Path, Mapping]], source: Path) -> Iterator[tuple[Path, str, Mapping]]:
    """Yield the blocks of sentences, with the name of their intent."""
    found = False
    for path, document in documents:
        intents = document.values.get("intents")
        if intents is None:
            continue
        found = True
        for intent, about in _mapping(intents, path, "intents").items():
            blocks = _mapping(about, path, f"the intent {shown(intent)}").get("data")
            if not isinstance(blocks, Items):
                raise SentenceError(
                    f"the intent {shown(intent)} has no list 'data'", path=path, line=about.line,
                    fix="Write data: below it, and below that - sentences: [...]",
                )  # fmt: skip
            for block in blocks.values:
                _mapping(block, path, f"a block of the intent {shown(intent)}")
                assert isinstance(block, Mapping)
                yield path, intent, block
    if not found:
        raise SentenceError(
            "this is no sentence file of Home Assistant: it has no 'intents'", path=source,
            fix="Write intents: as its documentation says",
        )  # fmt: skip


def _note_conditions(path: Path, block: Mapping, reading: Reading) -> None:
    """Note what else a block asks for."""
    for key, node in block.values.items():
        if key == "slots":
            for slot, value in _mapping(node, path, "slots").items():
                shown = f"{slot} = {value.text}" if isinstance(value, Scalar) else slot
                reading.remarks.add(
                    path, node.line, f"the fixed slot {shown} is left out: a slot takes its value from words"
                )
        elif key in ("requires_context", "excludes_context", "required_keywords"):
            reading.remarks.add(path, node.line, f"{key} is left out: the sentences are accepted without it")
        elif key not in _IGNORED:
            reading.remarks.add(path, node.line, f"{key!r} is not read")


def _sentences(path: Path, block: Mapping, reading: Reading) -> Iterator[tuple[int, str]]:
    """Yield the sentences of a block with their lines."""
    sentences = block.values.get("sentences")
    if not isinstance(sentences, Items):
        raise SentenceError(
            "this block has no list 'sentences'", path=path, line=block.line, fix="Write - sentences: [...]"
        )
    for node in sentences.values:
        if isinstance(node, Scalar) and not node.is_null:
            yield node.line, node.text
        else:
            reading.remarks.add(path, node.line, "this is no text: the sentence is left out")


def _gathered(documents: list[tuple[Path, Mapping]], key: str) -> dict[str, Placed]:
    """Return what all files define under `key`; of equal names the last."""
    found: dict[str, Placed] = {}
    for path, document in documents:
        found.update(_named(path, document, key))
    return found


def _named(path: Path, holder: Mapping, key: str) -> dict[str, Placed]:
    node = holder.values.get(key)
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return {}
    return {name: (path, value) for name, value in _mapping(node, path, key).items()}


def _skip_words(documents: list[tuple[Path, Mapping]], reading: Reading, scope: Scope) -> Part | None:
    """Return what may stand before and after every sentence; None where nothing may."""
    listed = [
        (path, item)
        for path, document in documents
        if isinstance(node := document.values.get("skip_words"), Items)
        for item in node.values
        if isinstance(item, Scalar) and not item.is_null
    ]
    if not listed:
        return None
    path, first = listed[0]
    reading.remarks.add(path, first.line, "skip words are accepted at the start and end of a sentence, not inside")
    options = either([scope.speak(item.text) for _, item in listed])
    return either([rule("skip_words", options, path, first.line)], optional=True)


def _mapping(node: Node, path: Path, what: str) -> dict[str, Node]:
    if not isinstance(node, Mapping):
        raise SentenceError(
            f"{what} is not followed by names and values", path=path, line=node.line, fix="Check the indentation"
        )
    return node.values


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) and not node.is_null else ""
