"""Which recordings the parts of a learning curve are of."""

from __future__ import annotations

from tools.commands.steps.learning_curve import take_parts


def test_a_part_is_all_that_some_speakers_said() -> None:
    speakers = [f"s{number % 10}" for number in range(95)]
    by, parts = take_parts(speakers, seed=1)
    assert by == "speakers"
    assert parts[-1] == list(range(95))
    quarter, half, everything = (set(part) for part in parts)
    assert quarter < half < everything
    for part, size in zip(parts, (24, 48, 95), strict=True):
        chosen = {speakers[index] for index in part}
        assert part == [index for index, speaker in enumerate(speakers) if speaker in chosen]
        assert size <= len(part) < size + 10, "no more speakers than it takes"
    assert take_parts(speakers, seed=1) == (by, parts) != take_parts(speakers, seed=2)


def test_of_few_speakers_all_are_in_every_part() -> None:
    speakers = [f"s{number % 7}" for number in range(70)]
    by, parts = take_parts(speakers, seed=1)
    assert by == "recordings"
    assert [len(part) for part in parts] == [18, 35, 70]
    assert set(parts[0]) < set(parts[1]) < set(parts[2])
    assert len({speakers[index] for index in parts[0]}) > 2


def test_somebody_who_said_most_of_it_is_no_part() -> None:
    speakers = ["most"] * 80 + [f"s{number}" for number in range(20)]
    for seed in range(9):
        by, parts = take_parts(speakers, seed)
        assert by == "recordings" and [len(part) for part in parts] == [25, 50, 100]
