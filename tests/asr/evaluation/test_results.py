"""Figures against counts by hand and closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from asr.evaluation.conditions import Condition
from asr.evaluation.confusion import Pair, align, count_words
from asr.evaluation.figures import bootstrap, measure, tally
from asr.evaluation.results import ALL_NOISE, evaluate, record
from asr.evaluation.transcriptions import Transcription, with_slots


def heard(said: str, hypothesis: str, speaker: str = "anna", **more: object) -> Transcription:
    item = Transcription(f"{speaker}-{said}", speaker, said, hypothesis, 1.5, False)
    return replace(item, **more)  # type: ignore[arg-type]


# Counted by hand: 12 words, of which "off" was taken for "on", "the" is missing and "now" was added; 54
# characters, of which "off" to "on" takes 2, " the" 4 and " now" 4.
LIGHT = [
    heard("turn on the light", "turn on the light", "anna"),
    heard("turn off the light", "turn on the light", "ben"),
    heard("switch on the light", "switch on light now", "cleo"),
]


def test_rates_are_those_counted_by_hand() -> None:
    figures = measure(LIGHT, resamples=0)
    assert (figures.wer.part, figures.wer.whole) == (3, 12)
    assert figures.wer.value == pytest.approx(3 / 12)
    assert (figures.cer.part, figures.cer.whole) == (10, 54)
    assert figures.sentence_accuracy.value == pytest.approx(1 / 3)
    assert (figures.utterances, figures.speakers, figures.seconds) == (3, 3, 4.5)
    assert figures.loss.value is None and figures.acceptance.value is None


def test_word_errors_are_weighted_by_words_not_by_utterance() -> None:
    pair = [
        heard("one", "two"),
        heard("one two three four five six seven eight nine", "one two three four five six seven eight nine"),
    ]
    assert measure(pair).wer.value == pytest.approx(1 / 10)


def test_nothing_heard_is_every_word_missing() -> None:
    figures = measure([heard("lights out", "")])
    assert (figures.wer.value, figures.cer.value, figures.sentence_accuracy.value) == (1.0, 1.0, 0.0)


def test_loss_is_the_mean_of_those_that_have_one() -> None:
    items = [heard("a", "a", loss=2.0), heard("b", "b", loss=5.0), heard("c", "c")]
    figure = measure(items).loss
    assert (figure.value, figure.whole) == (3.5, 2)


def slots(sentence: str) -> dict[str, str] | None:
    """Of `[please] bring {drink} [with {milk}]` and `stop`."""
    words = [word for word in sentence.split() if word != "please"]
    if words == ["stop"] or words == ["halt"]:
        return {}
    if words[:1] != ["bring"] or len(words) not in (2, 4):
        return None
    return {"drink": words[1]} | ({"milk": words[3]} if len(words) == 4 else {})


@pytest.mark.parametrize(
    ("said", "hypothesis", "accepted"),
    [
        ("bring tea with cream", "bring tea with cream", True),
        ("please bring tea", "bring tea", True),  # a word is missing, no slot is
        ("bring tea with cream", "bring tea", False),  # a slot is missing
        ("bring tea", "bring tea with cream", False),  # a slot too many
        ("bring tea", "bring coffee", False),
        ("bring tea", "bring", False),  # no command at all
        ("stop", "stop", True),
        ("stop", "halt", False),  # two commands without slots are not the same
        ("good morning", "good morning", None),  # not a command: does not count
    ],
)
def test_command_is_accepted_when_every_slot_is_right(
    said: str, hypothesis: str, accepted: bool | None
) -> None:
    (item,) = with_slots([heard(said, hypothesis)], slots)
    assert item.accepted is accepted


def test_what_is_no_command_does_not_count_as_one() -> None:
    items = with_slots([heard("bring tea", "bring tea"), heard("good morning", "good morning")], slots)
    (evaluation,) = evaluate(items)
    figure = evaluation.conditions["clean"].acceptance
    assert (figure.part, figure.whole) == (1, 1)
    assert any("1 of 2 utterances are no commands" in remark for remark in evaluation.remarks)


def test_interval_is_that_of_the_binomial() -> None:
    # One sentence a speaker, 14 of 40 right: a resample is a draw of 40 with probability 14/40.
    items = [heard("a", "a" if number < 14 else "b", f"s{number}") for number in range(40)]
    figure = measure(items, seed=3, resamples=40_000).sentence_accuracy
    assert figure.interval is not None
    expected = stats.binom.ppf((0.025, 0.975), 40, 14 / 40) / 40
    # A percentile of a discrete draw may fall on the neighbouring step.
    np.testing.assert_allclose(figure.interval, expected, atol=1 / 40 + 1e-9)
    sums = tally(items)
    assert bootstrap(sums, 3)["sentence_accuracy"] == bootstrap(sums, 3)["sentence_accuracy"]
    assert bootstrap(sums, 3)["loss"][0] is None


def test_interval_draws_speakers_not_utterances() -> None:
    # Four speakers who say 25 sentences each; one fails in all. Over speakers the share of wrong ones is a
    # draw of 4 with probability 1/4: 0 to 75 %. Over utterances it would be 17 to 34 %.
    items = [
        heard("a", "b" if speaker == 0 else "a", f"s{speaker}") for speaker in range(4) for _ in range(25)
    ]
    assert measure(items, resamples=20_000).wer.interval == (0.0, 0.75)


def test_no_interval_is_claimed_where_none_can_be_given() -> None:
    two = measure(LIGHT[:2]).wer
    assert two.interval is None and "2 speakers" in two.note
    same = measure([replace(item, hypothesis=item.transcript) for item in LIGHT]).wer
    assert same.interval is None and "same for every speaker" in same.note


def test_speakers_and_sentences_have_intervals_of_their_own() -> None:
    # Fourteen of forty clips of one speaker are wrong, and one more; sentence "a" has four speakers, one of whom fails.
    items = [heard("a b", "a b" if n >= 14 else "c d", "anna", clip=f"{n}") for n in range(40)]
    items += [heard("a", "b" if speaker == "anna" else "a", speaker) for speaker in ("anna", "ben", "cleo", "dora")]
    (evaluation,) = evaluate(items, resamples=20_000)
    assert evaluation.sentences["a"].wer.interval == (0.0, 0.75)
    assert evaluation.sentences["a b"].wer.note == "no interval: 1 speaker, 3 are needed"
    low, high = evaluation.speakers["anna"].sentence_accuracy.interval or (0, 0)
    expected = stats.binom.ppf((0.025, 0.975), 41, 26 / 41) / 41
    np.testing.assert_allclose((low, high), expected, atol=1 / 41 + 1e-9)
    assert evaluation.speakers["ben"].wer.note == "no interval: 1 clip, 5 are needed"


def test_synthetic_and_real_speech_never_share_a_figure() -> None:
    items = [*LIGHT, heard("turn on the light", "", "robot", synthetic=True)]
    real, synthetic = evaluate(items, ["split by recordings"])
    assert (real.kind, synthetic.kind) == ("real", "synthetic")
    assert real.conditions["clean"].utterances == 3 and "robot" not in real.speakers
    assert synthetic.conditions["clean"].wer.value == 1.0
    none = "utterances are no commands and do not count as such"
    assert real.remarks == ("split by recordings", f"3 of 3 {none}")
    assert synthetic.remarks == ("split by recordings", f"1 of 1 {none}")
    assert record([real, synthetic])["real"]["clean"]["wer"] == pytest.approx(0.25)


def test_conditions_are_kept_apart_and_noise_is_pooled() -> None:
    noisy = [
        replace(item, condition=Condition("kitchen", level), hypothesis="") for item in LIGHT for level in (6, 12)
    ]
    raw = [replace(item, condition=Condition(raw=True)) for item in LIGHT]
    (evaluation,) = evaluate([*LIGHT, *noisy, *raw])
    assert list(evaluation.conditions) == ["clean", "kitchen 6 dB", "kitchen 12 dB", "raw", ALL_NOISE]
    assert evaluation.measured == {
        "clean": Condition(),
        "kitchen 6 dB": Condition("kitchen", 6),
        "kitchen 12 dB": Condition("kitchen", 12),
        "raw": Condition(raw=True),
    }
    assert evaluation.conditions[ALL_NOISE].utterances == 6
    assert evaluation.conditions[ALL_NOISE].wer.value == 1.0
    assert evaluation.conditions["clean"].wer.value == pytest.approx(0.25)
    assert evaluation.speakers["ben"].wer.value == pytest.approx(0.25)
    # The worst is cleo's: two errors in four words.
    assert [item.speaker for item in evaluation.worst] == ["cleo", "ben"]


def test_a_clip_that_is_wrong_in_every_noise_is_among_the_worst_once() -> None:
    right = [replace(item, hypothesis=item.transcript) for item in LIGHT]
    noisy = [
        replace(item, condition=Condition("kitchen", level), hypothesis=heard_as)
        for item in LIGHT
        for level, heard_as in ((6, ""), (12, "turn the light"))
    ]
    (evaluation,) = evaluate([*right, *noisy])
    assert not evaluation.worst
    assert sorted(item.clip for item in evaluation.worst_in_noise) == sorted(item.clip for item in LIGHT)
    # "turn the light" is wrong in less noise, though fewer of its words are.
    assert {item.condition.level for item in evaluation.worst_in_noise} == {12}
    words = evaluation.words_in_noise
    assert words is not None and words.words["turn"] == (4, 2)


def test_a_command_with_a_wrong_slot_comes_before_what_a_device_does_not_notice() -> None:
    on, off = {"state": "on"}, {"state": "off"}
    worst = [
        heard("please turn on the light", "on light", "anna", slots=on, hypothesis_slots=on),
        heard("turn on the light", "turn off the light", "ben", slots=on, hypothesis_slots=off),
    ]
    (evaluation,) = evaluate(worst)
    assert [item.speaker for item in evaluation.worst] == ["ben", "anna"]


def test_alignment_and_confusions_of_words() -> None:
    said = ["turn off the light", "turn on the light", "turn on the lamp"]
    alignments = align(said, ["turn on the light", "turn on light", "turn on the lamp now"])
    assert alignments[0][1] == Pair("off", "on", "substitute")
    assert [[pair.kind for pair in pairs] for pairs in alignments] == [
        ["equal", "substitute", "equal", "equal"],
        ["equal", "equal", "delete", "equal"],
        ["equal", "equal", "equal", "equal", "insert"],
    ]
    table = count_words(alignments)
    assert {(item.said, item.heard): (item.count, item.spoken) for item in table.confusions} == {
        ("off", "on"): (1, 1),
        ("the", ""): (1, 3),
        ("", "now"): (1, 0),
    }
    assert table.words["the"] == (3, 2) and table.words["on"] == (2, 2)
