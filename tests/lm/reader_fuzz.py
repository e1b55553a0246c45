"""Fuzz the readers of sentences: ours, Rhasspy's sentences.ini and Home Assistant's YAML.

    python -m tests.lm.reader_fuzz sentences --minutes 10      (or rhasspy, or home-assistant)

Each input is read and, if it is accepted, used: counted, sampled, compiled. What is refused has to be refused with one
line. The suite runs the same checks for a few seconds (test_reader_fuzz.py).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from asr.core.alphabet import Alphabet
from asr.core.errors import SentenceError
from lm.conversion import Conversion
from lm.grammar import compile_grammar
from lm.home_assistant import convert_home_assistant
from lm.rhasspy import convert_rhasspy
from lm.sentences import Templates

ENGLISH = Alphabet()
SECONDS = 30.0  # of processor for one input
ROUND = 100  # inputs between two looks at the clock
MEGABYTES = 3000  # of address space when it runs by itself

# What the notations are made of, and what nobody expects in them; separated by spaces, with \\n, \\t and the like.
COMMON = r"""
( ) [ ] | <a> <b> {a} {b} {a:c} \x20 \x20 \x20\x20 \t turn on the light s (a|b) [c] [a|b|c]\x20 (x y] < > { } : ; =
# \\ ' " - 5 42 \u00fc \u00df \u0130 \u2019 \u0663 \U0001f600 \u2028 \x00 \x1f \ufeff e\u0301
"""
OURS = r"""
\n \r\n \n<a>\x20=\x20 \n<b>\x20=\x20 \n{a}\x20=\x20 \n{b}\x20=\x20 \n[A]\n \n[B]\n \n#\x20note\n (a;b) (a;b;c;d;e)
{0..9} {0..100,5:x} {-3..3} {9..1} {0..999999} {0..99999999999} (a:b) (a:) :x file:a.txt \n{a}=file:/dev/zero
\n{a}=file: \n{a}=file:\x00 $a w!int (a){a} #JSGF\x20V1.0; <a>\x20<a>
"""
RHASSPY = r"""
\n \n[A]\n \n[B]\n \n[A\x20b]\n \na\x20=\x20 \nb\x20=\x20 \n\x20\x20 \n;\x20note\n \n\\[ {a:v} {a!int} !int
(a\x20b):c (a):(b\x20c) a:b a:(b\x20c) :a a: (:){a:b} $a $a,1,2 $../b $/dev/zero 0..9 0..10,3 9..1 0..99999999999
<A.a> <B.b> <.> $rhasspy/days rhasspy/number,1,9,2 $rhasspy/number,0,9,1
"""
HASSIL = r"(a;b) [a;b] (a;b;c;d;e;f) {l} {r} {w} {x:@y} {0..9:n} {0..9,2:n} <r> <s> \\( %"
YAML = r"""
\n \n\x20\x20 \n\x20\x20\x20\x20 \n\x20\x20\x20\x20\x20\x20-\x20 -\x20 :\x20 language:\x20en intents: data:
sentences: lists: values: expansion_rules: range: from:\x200 to:\x209 wildcard:\x20true in:\x20 out:\x20 skip_words:
slots: { } [ ] &x\x20 *x | > <<:\x20*x !!python/object:os.system\x20 ' " --- ... %YAML\x201.1 ?\x20 ~
"""


def tokens(*listed: str) -> list[str]:
    """Return the tokens of lists, escapes resolved."""
    escape = re.compile(r"\\(?:x(..)|u(....)|U(.{8})|(.))")
    named = {"n": "\n", "r": "\r", "t": "\t"}

    def resolve(found: re.Match[str]) -> str:
        number = found[1] or found[2] or found[3]
        return chr(int(number, 16)) if number else named.get(found[4], found[4])

    return [escape.sub(resolve, token) for text in listed for token in text.split()]


def repeat(text: str, times: int, between: str) -> str:
    """Return a text many times, in at most 20,000 characters."""
    return between.join([text] * max(1, min(times, 20_000 // (len(text) + 1))))


def templates() -> st.SearchStrategy[str]:
    """Return files of sentences whose brackets are balanced, some of them large."""
    repeats = st.integers(1, 12) | st.integers(1, 300)
    leaf = st.sampled_from(tokens(r"a b the light <a> <b> {a} {b:c} {0..9} {0..100,5:x} \x20 \x20 \x20 (a:b)"))
    inner = st.recursive(
        leaf,
        lambda part: st.one_of(
            st.lists(part, min_size=2, max_size=5).map("".join),
            st.lists(part, min_size=1, max_size=4).map(lambda parts: f"({'|'.join(parts)})"),
            st.lists(part, min_size=1, max_size=4).map(lambda parts: f"[{'|'.join(parts)}]"),
            st.lists(part, min_size=2, max_size=5).map(lambda parts: f"({';'.join(parts)})"),
            st.builds(repeat, part, repeats, st.sampled_from(["", " "])),
            st.builds(repeat, part, repeats, st.just("|")).map(lambda text: f"({text})"),
        ),
        max_leaves=25,
    )
    line = st.builds(str.__add__, st.sampled_from(["", "", "<a> = ", "<b> = ", "{a} = ", "{b} = ", "[I]\n"]), inner)
    return st.lists(line, min_size=1, max_size=6).map("\n".join)


def texts(pieces: list[str], most: int = 40) -> st.SearchStrategy[str]:
    """Return texts of tokens, a few of them repeated many times."""
    token = st.sampled_from(pieces)
    repeated = st.builds(lambda text, times: text * times, st.one_of(token, st.text(max_size=3)), st.integers(1, 1500))
    return st.lists(st.one_of(*[token] * 30, st.text(max_size=4), repeated), max_size=most).map("".join)


def home_documents() -> st.SearchStrategy[str]:
    """Return documents as Home Assistant's are, with anything in their places; JSON is YAML."""
    template = texts(tokens(COMMON, HASSIL), 12)
    scalar = st.one_of(
        template, st.sampled_from(["l", "r", "a"]), st.integers(-5, 300), st.none(), st.booleans(), st.floats()
    )
    anything = st.recursive(scalar, lambda inner: st.lists(inner, max_size=3) | names(inner), max_leaves=6)
    value = st.one_of(template, st.fixed_dictionaries({"in": template}, optional={"out": scalar, "context": anything}))
    ranged = st.fixed_dictionaries(
        {"from": scalar, "to": scalar},
        optional={"step": scalar, "multiplier": scalar, "fractions": st.sampled_from(["halves", "tenths", "x"])},
    )
    listed = st.one_of(
        st.fixed_dictionaries({"values": st.lists(value, max_size=4)}),
        st.fixed_dictionaries({"range": ranged}),
        st.fixed_dictionaries({"wildcard": scalar}),
        anything,
    )
    lists = st.dictionaries(st.sampled_from(["l", "r", "w", "x"]), listed, max_size=4)
    rules = st.dictionaries(st.sampled_from(["r", "s", "a", "b"]), st.one_of(template, anything), max_size=4)
    block = st.fixed_dictionaries(
        {"sentences": st.lists(template, max_size=4)},
        optional={"lists": lists, "expansion_rules": rules, "slots": anything, "requires_context": anything},
    )
    intents = st.dictionaries(
        st.sampled_from(["A", "B", "x y", ""]),
        st.one_of(st.fixed_dictionaries({"data": st.lists(block, max_size=3)}), anything),
        max_size=3,
    )
    document = st.fixed_dictionaries(
        {"intents": intents},
        optional={
            "language": st.sampled_from(["en", "nl", "en-GB", 5]),
            "lists": lists,
            "expansion_rules": rules,
            "skip_words": st.one_of(st.lists(scalar, max_size=3), anything),
        },
    )
    return document.map(json.dumps)


def names(inner: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.sampled_from(["a", "in", "values", "range", "from"]), inner, max_size=3)


def check_sentences(text: str) -> None:
    """Read a sentences.txt and use it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sentences.txt")
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        Path(folder, "a.txt").write_text("red\nblue:5\n(a|b)\n{b}\n")
        timed(lambda: use(Templates.read(path, ENGLISH)))


def check_rhasspy(text: str) -> None:
    """Convert a sentences.ini and read the result."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sentences.ini")
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        Path(folder, "slots").mkdir()
        Path(folder, "slots/a").write_text("red\n[the:] (blue|green):5\n<a>\n$b\n$a\n(x){y}\n")
        timed(lambda: use_conversion(convert_rhasspy(path, ENGLISH), Path(folder)))


def check_home_assistant(text: str) -> None:
    """Convert a YAML file and read the result."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "home.yaml")
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        timed(lambda: use_conversion(convert_home_assistant(path, ENGLISH), Path(folder)))


def timed(call: Callable[[], None]) -> None:
    """Run a check: it ends in time, and what it refuses it refuses with one line."""
    start = time.process_time()
    try:
        call()
    except SentenceError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000, str(error)[:2000]
    assert time.process_time() - start < SECONDS


def use_conversion(conversion: Conversion, folder: Path) -> None:
    """Read what a conversion writes: it is what was converted."""
    (folder / "out").mkdir()
    for name, content in conversion.files.items():
        assert Path(name).name == name
        (folder / "out" / name).write_text(content)
    (folder / "out/sentences.txt").write_text(conversion.text)
    for remark in conversion.remarks:
        assert "\n" not in str(remark) and len(remark.what) < 1000
    try:
        templates = Templates.read(folder / "out/sentences.txt", ENGLISH)
    except SentenceError as error:
        raise AssertionError(f"what was written is refused: {error}\n{conversion.text}") from error
    assert templates.fingerprint() == Templates(conversion.lines).fingerprint(), conversion.text
    use(templates)


def use(templates: Templates) -> None:
    """Count, sample and compile; what is drawn is a sentence."""
    assert f"{templates.count():,}"
    drawn = templates.sample(3, np.random.default_rng(0))
    for sentence in drawn:
        assert sentence and templates.accepts(sentence)
    compile_grammar(templates, ENGLISH)
    assert {word for sentence in drawn for word in sentence.split()} <= templates.words()


READERS: dict[str, tuple[Callable[[str], None], st.SearchStrategy[str]]] = {
    "sentences": (check_sentences, texts(tokens(COMMON, OURS)) | templates() | templates()),
    "rhasspy": (check_rhasspy, texts(tokens(COMMON, RHASSPY)).map(lambda text: f"[A]\nstop\n{text}")),
    "home-assistant": (
        check_home_assistant,
        st.one_of(home_documents(), home_documents(), texts(tokens(COMMON, YAML))),
    ),
}


def fuzz(reader: str, examples: int, start: int) -> None:
    """Try `examples` inputs; raise what the first bad one raises."""
    check, inputs = READERS[reader]
    run = seed(start)(given(inputs)(check))
    quick = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    quick(run)()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    chosen = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))
    end = time.monotonic() + chosen.minutes * 60
    rounds = 0
    while time.monotonic() < end:
        print(f"seed {chosen.seed + rounds}, {rounds * ROUND} inputs so far", file=sys.stderr, flush=True)
        fuzz(chosen.reader, ROUND, chosen.seed + rounds)
        rounds += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{chosen.reader}: {rounds * ROUND} inputs, nothing found, {peak} MB at most")


if __name__ == "__main__":
    main()
