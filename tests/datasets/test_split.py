"""Who is trained on and who judges: never the same speaker, close to the shares, the same each time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.core.alphabet import Alphabet
from asr.core.errors import WorkspaceError
from asr.settings.sections import Split
from asr.settings.workspace import SPLITS
from datasets.recordings import UNKNOWN_SPEAKER, read_csv
from datasets.split import Assignment, SplitItem, assign


def members(counts: dict[str, int], synthetic: bool = False, sentences: int = 4) -> list[SplitItem]:
    return [
        SplitItem(speaker, f"sentence {chr(97 + number % sentences)}", synthetic)
        for speaker, count in counts.items()
        for number in range(count)
    ]


def places(people: Sequence[SplitItem], assignment: Assignment) -> dict[str, set[str]]:
    """Return the splits that each speaker is in."""
    found = defaultdict(set)
    for member, split in zip(people, assignment.splits, strict=True):
        found[member.speaker].add(split)
    return dict(found)


def shares(assignment: Assignment) -> dict[str, float]:
    counts = Counter(assignment.splits)
    return {name: counts[name] / len(assignment.splits) for name in SPLITS}


@settings(max_examples=30)
@given(
    counts=st.dictionaries(st.text("abcdefgh", min_size=1), st.integers(1, 30), min_size=3, max_size=20),
    seed=st.integers(0, 5),
)
def test_no_speaker_is_in_two_splits_and_no_split_is_empty(counts: dict[str, int], seed: int) -> None:
    people = members(counts)
    assignment = assign(people, Split(seed=seed))
    assert assignment.by == "speaker"
    assert assignment.remarks == ()
    assert all(len(splits) == 1 for splits in places(people, assignment).values())
    assert set(assignment.splits) == set(SPLITS)


def test_the_shares_are_met_by_recordings() -> None:
    """One speaker has half of the recordings: he can only be in train."""
    people = members({"loud": 500} | {f"s{number}": 20 + number for number in range(20)})
    found = shares(assign(people, Split()))
    assert found["train"] == pytest.approx(0.7, abs=0.02)
    assert found["dev"] == pytest.approx(0.2, abs=0.02)
    assert found["test"] == pytest.approx(0.1, abs=0.02)


def test_the_seed_decides_and_nothing_else() -> None:
    people = members({f"s{number}": 10 for number in range(20)})
    one = assign(people, Split(seed=1))
    assert assign(people, Split(seed=1)) == one
    assert places(people[::-1], assign(people[::-1], Split(seed=1))) == places(people, one)
    assert assign(people, Split(seed=2)).splits != one.splits


def test_speakers_that_are_named() -> None:
    people = members({name: 10 for name in ("jackson", "nicolas", "theo", "yweweler", "lucas")})
    split = Split(train_speakers=("jackson", "nicolas", "theo"), dev_speakers=("yweweler",), test_speakers=("lucas",))
    assignment = assign(people, split)
    assert assignment.by == "named"
    assert places(people, assignment) == {
        "jackson": {"train"}, "nicolas": {"train"}, "theo": {"train"}, "yweweler": {"dev"}, "lucas": {"test"},
    }  # fmt: skip


def test_the_others_are_dealt_to_the_splits_that_name_nobody() -> None:
    people = members({f"s{number}": 10 for number in range(10)})
    assignment = assign(people, Split(test_speakers=("s3",)))
    found = places(people, assignment)
    assert [name for name, splits in found.items() if splits == {"test"}] == ["s3"]
    # Nine are left for 0.7 and 0.2: seven and two.
    assert Counter(next(iter(splits)) for splits in found.values()) == {"train": 7, "dev": 2, "test": 1}
    everybody = assign(people, Split(train_speakers=("s0",), dev_speakers=("s1",), test_speakers=("s2",)))
    assert Counter(everybody.splits) == {"train": 80, "dev": 10, "test": 10}


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(WorkspaceError, match=r"split\.test_speakers names 'lukas'.*Did you mean 'lucas'"):
        assign(members({"lucas": 3, "theo": 3, "ann": 3}), Split(test_speakers=("lukas",)))


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"ann": 20}, "1 speaker"),
        ({"ann": 20, "bob": 20}, "2 speakers"),
        ({UNKNOWN_SPEAKER: 20}, "no speakers named"),
    ],
)
def test_too_few_speakers_are_told(counts: dict[str, int], words: str) -> None:
    people = members(counts)
    assignment = assign(people, Split())
    assert assignment.by == "recording"
    (remark,) = assignment.remarks
    assert words in remark
    assert "were trained on" in remark
    assert shares(assignment) == pytest.approx({"train": 0.7, "dev": 0.2, "test": 0.1}, abs=0.05)


def test_recordings_are_dealt_sentence_by_sentence() -> None:
    people = members({"ann": 100}, sentences=5)
    found = defaultdict(Counter)
    for member, split in zip(people, assign(people, Split()).splits, strict=True):
        found[member.transcript][split] += 1
    for counts in found.values():
        assert counts["train"] in (13, 14, 15)
        assert counts["test"] >= 1


@pytest.mark.parametrize("count", [3, 4, 10])
def test_few_recordings_still_leave_something_to_judge_by(count: int) -> None:
    assert set(assign(members({"ann": count}), Split()).splits) == set(SPLITS)


def test_synthetic_voices_never_judge_people() -> None:
    people = members({f"s{number}": 10 for number in range(6)})
    voices = members({f"espeak-en-us+f{number}-s150-p50": 10 for number in range(6)}, synthetic=True)
    assignment = assign(people + voices, Split())
    for member, split in zip(people + voices, assignment.splits, strict=True):
        assert not member.synthetic or split == "train"
    assert assignment.remarks == ()
    alone = assign(members({"ann": 20}) + voices, Split())
    assert Counter(alone.splits[:20]).keys() == set(SPLITS)
    assert set(alone.splits[20:]) == {"train"}


def test_voices_alone_are_split_by_throat() -> None:
    """f3 with a Scottish accent, or faster, is not a new voice."""
    names = [
        f"espeak-{accent}+{variant}-s{speed}-p50"
        for accent in ("en-us", "en-gb-scotland")
        for variant in ("f1", "f2", "f3", "m1", "m2", "m3")
        for speed in (120, 200)
    ]
    people = members(dict.fromkeys(names, 3), synthetic=True)
    assignment = assign(people, Split())
    assert assignment.by == "speaker"
    assert any("synthetic" in remark for remark in assignment.remarks)
    by_variant = defaultdict(set)
    for name, splits in places(people, assignment).items():
        by_variant[name.split("+")[1].split("-")[0]] |= splits
    assert all(len(splits) == 1 for splits in by_variant.values())
    assert set(assignment.splits) == set(SPLITS)


def test_the_coffee_orders(shared_data: Path) -> None:
    found = read_csv(shared_data / "coffee" / "recordings.csv", Alphabet())
    people = [SplitItem(item.speaker, item.transcript, item.synthetic) for item in found]
    assignment = assign(people, Split())
    assert all(len(splits) == 1 for splits in places(people, assignment).values())
    assert shares(assignment) == pytest.approx({"train": 0.7, "dev": 0.2, "test": 0.1}, abs=0.01)


@settings(max_examples=30)
@given(
    first=st.lists(st.integers(1, 30), min_size=3, max_size=12),
    more=st.lists(st.integers(1, 30), max_size=8),
    seed=st.integers(0, 3),
)
def test_who_was_dealt_out_stays_there(first: list[int], more: list[int], seed: int) -> None:
    old = {f"old {index}": count for index, count in enumerate(first)}
    first_time = places(members(old), assign(members(old), Split()))
    before = {speaker: names.pop() for speaker, names in first_time.items()}
    # Everybody recorded more since, and others came.
    new = {f"new {index}": count for index, count in enumerate(more)}
    people = members({speaker: count + 7 for speaker, count in old.items()} | new)
    assignment = assign(people, Split(seed=seed), before)
    after = places(people, assignment)
    assert {speaker: after[speaker] for speaker in before} == {speaker: {name} for speaker, name in before.items()}
    assert all(len(names) == 1 for names in after.values()) and assignment.remarks == ()
    assert assign(people[::-1], Split(seed=seed), before).splits == assignment.splits[::-1]


def test_new_speakers_fill_what_lacks_most() -> None:
    before = {"a": "train", "b": "dev", "c": "test"}
    people = members({"a": 10, "b": 10, "c": 10} | {f"n{index}": 10 for index in range(17)})
    found = shares(assign(people, Split(), before))
    assert found == {"train": pytest.approx(0.7), "dev": pytest.approx(0.2), "test": pytest.approx(0.1)}


def test_where_a_split_lost_all_its_speakers_everybody_is_dealt_anew() -> None:
    people = members({"a": 10, "b": 10, "d": 10})
    assignment = assign(people, Split(), {"a": "train", "b": "train", "c": "test"})
    assert set(assignment.splits) == set(SPLITS)


@settings(max_examples=20)
@given(seed=st.integers(0, 50), extra=st.integers(0, 12))
def test_what_every_split_needs_comes_before_the_shares(seed: int, extra: int) -> None:
    # Three say the rare one, and many do not.
    people = [SplitItem(f"rare{n}", "rare", False) for n in range(3)]
    people += [SplitItem(f"other{n}", "often", False) for n in range(5 + extra) for _ in range(4)]
    found = assign(people, Split(seed=seed), everywhere=("rare", "often"))
    heard = {(member.transcript, split) for member, split in zip(people, found.splits, strict=True)}
    assert heard == {(each, name) for each in ("rare", "often") for name in SPLITS}
    # Yesterday nobody said it: whoever comes is dealt out so that it is everywhere, if it takes all anew.
    known = {member.speaker: split for member, split in zip(people[3:], found.splits[3:], strict=True)}
    again = assign(people, Split(seed=seed), known, everywhere=("rare", "often"))
    heard = {(member.transcript, split) for member, split in zip(people, again.splits, strict=True)}
    assert heard == {(each, name) for each in ("rare", "often") for name in SPLITS}


def test_the_few_throats_of_flite_judge_nobody() -> None:
    espeak = [f"espeak-en+f{number}-s150-p50" for number in range(1, 6)] * 4
    helpers = ["flite-slt-s150-p50", "flite-rms-s140-p40"] * 10
    members = [SplitItem(name, "on", True) for name in espeak + helpers]
    found = assign(members, Split(train=0.4, dev=0.3, test=0.3))
    assert set(found.splits[: len(espeak)]) == {"train", "dev", "test"}
    assert set(found.splits[len(espeak) :]) == {"train"}
    # Where there is nobody else, they are all there is.
    alone = assign([SplitItem(name, "on", True) for name in helpers], Split())
    assert set(alone.splits) == {"train", "dev", "test"}
