"""Settings that the documents name are listed in docs/settings.md."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.docs.documents import DOCUMENTS, ROOT, name

# `recordings.csv` is a file, not the key csv of section recordings.
FILES = ("csv", "h", "json", "md", "py", "svg", "txt")


def listed() -> dict[str, set[str]]:
    """Return the keys of each section in docs/settings.md."""
    keys: dict[str, set[str]] = {}
    for line in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"## \[(\w+)\]", line):
            section = keys.setdefault(heading[1], set())
        elif row := re.match(r"\| \**`(\w+)`", line):
            section.add(row[1])
    return keys


def named(sections: set[str]) -> Iterator[tuple[str, str, str]]:
    """Give each `section.key` of the documents: document, section and key. Logs name settings of their day."""
    for document in DOCUMENTS:
        if document.parent.name != "experiments" and document.name != "SPEED.md":
            for section, key in re.findall(r"`(\w+)\.(\w+)(?: = [^`]+)?`", document.read_text(encoding="utf-8")):
                if section in sections and key not in FILES:
                    yield name(document), section, key


def test_settings_that_documents_name_exist() -> None:
    keys = listed()
    found = list(named(set(keys)))
    assert len(found) > 10
    for document, section, key in found:
        assert key in keys[section], f"{document}: there is no {section}.{key}"
