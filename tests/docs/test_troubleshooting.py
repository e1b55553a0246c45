"""docs/troubleshooting.md quotes messages that the program prints."""

from __future__ import annotations

import re

import pytest

from tests.docs.documents import ROOT

TEXT = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
# A message quoted in the first column is between backticks and has several words.
QUOTED = [message for message in re.findall(r"^\| `([^`]+)`", TEXT, re.MULTILINE) if " " in message]


def sources() -> str:
    """Return the programs' texts, with string literals that continue on the next line joined."""
    files = [path for room in ("asr", "lm", "datasets", "export", "tools") for path in (ROOT / room).rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in [*files, ROOT / "tools" / "setup"])
    return re.sub(r"\"\s*\n\s*f?\"", "", text)


def test_there_are_messages() -> None:
    assert len(QUOTED) >= 8


@pytest.mark.parametrize("message", QUOTED)
def test_a_quoted_message_is_the_programs(message: str) -> None:
    # What stands between the values of the example.
    fixed = re.split(r"'[^']*'|\[[^\]]*\]|\([^)]*\)|-?\d+(?:\.\d+)?|\.\.\.", message)
    longest = max((part.strip(" ,") for part in fixed), key=len)
    assert len(longest) >= 8 and longest in sources()
