"""The n-gram language model, made by KenLM's programs.

    lmplz         sentences -> n-gram probabilities (ARPA)
    filter        drops n-grams with out-of-vocabulary words
    build_binary  ARPA -> quantised trie that the client maps into memory

Parameters are those of DeepSpeech's generate_lm.py.
"""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from asr.core.errors import ScorerError
from asr.core.files import atomic_path
from asr.core.third_party import part

# For sorting; more is sorted on disk. DeepSpeech's documentation says 85 % of the machine's, which other programs need.
MEMORY = "512M"


def count_words(sentences: Iterable[str], top_k: int) -> tuple[list[str], int]:
    """Return the `top_k` most frequent words, and the number of distinct words.

    Words that are equally frequent keep the order in which they first occur, as in generate_lm.py.
    """
    counts = Counter(word for sentence in sentences for word in sentence.split())
    return [word for word, _ in counts.most_common(top_k)], len(counts)


def estimate(
    text: Path,
    arpa: Path,
    *,
    order: int,
    prune: Sequence[int],
    discount_fallback: bool,
) -> None:
    """Estimate an n-gram model of the sentences in `text`, one a line, and write it to `arpa`.

    Parameters
    ----------
    order : longest n-gram, words.
    prune : n-grams with at most this count are dropped: a count for each order, the last one for all above; empty to
        keep all. Counts for orders above `order` are ignored.
    discount_fallback : use fixed discounts where there are too few n-grams to estimate them.

    Raises
    ------
    ScorerError : lmplz fails; with its reason.
    """
    # lmplz leaves its scratch files behind where it fails.
    with atomic_path(arpa) as beside, tempfile.TemporaryDirectory(dir=arpa.parent, prefix=".lmplz.") as scratch:
        arguments = [
            *("--order", str(order)),
            *("--temp_prefix", f"{scratch}/"),
            *("--memory", MEMORY),
            *("--text", str(text)),
            *("--arpa", str(beside)),
        ]
        if prune:
            arguments += ["--prune", *(str(threshold) for threshold in prune[:order])]
        if discount_fallback:
            arguments.append("--discount_fallback")
        _run("lmplz", arguments)


def restrict(arpa: Path, filtered: Path, vocabulary: Iterable[str]) -> None:
    """Write the n-grams of `arpa` that contain only words in `vocabulary` to `filtered`; ScorerError on failure."""
    with atomic_path(filtered) as beside:
        _run("filter", ["single", f"model:{arpa}", str(beside)], "\n".join(vocabulary))


def pack(arpa: Path, binary: Path, *, a_bits: int, q_bits: int) -> None:
    """Write `arpa` as the binary that the client reads.

    Parameters
    ----------
    a_bits : maximum bits of a compressed trie pointer.
    q_bits : bits of a quantised probability.

    Raises
    ------
    ScorerError : build_binary fails; with its reason.
    """
    with atomic_path(binary) as beside:
        bits = ["-a", str(a_bits), "-q", str(q_bits)]
        # -v: without the words themselves. The client finds words by their hashes.
        _run("build_binary", [*bits, "-v", "trie", str(arpa), str(beside)])


def _run(program: str, arguments: Sequence[str], text: str | None = None) -> None:
    command = [str(part(f"bin/{program}")), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        reason = _reason(done.stderr, done.returncode)
        raise ScorerError(f"KenLM's {program} failed: {reason}", fix=_fix(done.stderr, done.returncode))


def _reason(output: str, code: int) -> str:
    """Return KenLM's error message in one line.

    KenLM prints where an exception was thrown (file, function, failed condition), and why on the next line.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    thrown = [index for index, line in enumerate(lines) if re.search(r" threw \w", line)]
    if thrown:
        reason = lines[thrown[-1] + 1 :][:1] or lines[thrown[-1] :]
        return re.sub(r"\s*Byte: \d+$", "", reason[0])
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return lines[-1] if lines else f"exit code {code}"


def _fix(output: str, code: int) -> str:
    if "BadDiscountException" in output:
        return "Set discount_fallback = true in [scorer]"
    # A trie is written memory-mapped, where a full disk raises a bus error.
    if "No space left" in output or code in (-signal.SIGBUS, -signal.SIGXFSZ):
        return "Make room on the disk"
    if code == -signal.SIGKILL:
        return "If the system ran out of memory, lower the limit in [sentences]"
    return "Check [scorer] in asr.toml"
