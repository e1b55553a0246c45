"""Which products go out of date with a setting, as each setting declares it."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from asr.core.stamps import Stamp
from asr.keyword import clips
from asr.settings.augment import KINDS, Augment
from asr.settings.declaration import Product, keys_affecting, values_affecting
from asr.settings.keyword import Keyword
from asr.settings.sections import Recordings
from asr.settings.values import SECTIONS, Settings, affecting, with_values

EVERY = [(name, item) for name, kind in SECTIONS.items() for item in dataclasses.fields(kind)]


@pytest.mark.parametrize(("section", "item"), EVERY, ids=[f"{name}.{item.name}" for name, item in EVERY])
def test_every_setting_declares_what_it_affects_and_what_it_means(section: str, item: dataclasses.Field) -> None:
    assert isinstance(item.metadata.get("affects"), Product), f"{section}.{item.name} does not declare what it affects"
    assert item.metadata["help"]
    # A key with one possible value is a constant.
    least, most, choices = (item.metadata[name] for name in ("minimum", "maximum", "choices"))
    assert least is None or most is None or least < most
    assert len(choices) != 1


def test_a_setting_without_a_declaration_is_not_accepted() -> None:
    from asr.settings.declaration import setting

    with pytest.raises(TypeError, match="affects"):
        setting(3, help="three")


def test_products_are_told_from_each_other_by_the_settings_they_depend_on(tmp_path) -> None:
    """A stamp of the values that affect a product is fresh exactly as long as none of them changes."""

    def stamp(settings: Settings, product: Product) -> Stamp:
        return Stamp(tmp_path / product.name, affecting(settings.as_dict(), product))

    for product in Product.SCORER, Product.WEIGHTS, Product.EVALUATION, Product.KEYWORD_FEATURES:
        stamp(Settings(), product).set()
    for section, values, affected in (
        ("scorer", {"alpha": 1.0}, {Product.SCORER, Product.EVALUATION}),
        ("sentences", {"file": "others.txt"}, {Product.SCORER, Product.WEIGHTS, Product.EVALUATION}),
        ("sentences", {"limit": 7}, {Product.SCORER, Product.EVALUATION}),
        ("train", {"early_stop_patience": 30}, {Product.WEIGHTS}),
        ("train", {"preset": "words"}, set()),
        ("voices", {"seed": 2}, {Product.WEIGHTS}),
        ("augment", {"gain": (0.0, 0.0)}, {Product.WEIGHTS, Product.KEYWORD_FEATURES}),
        ("augment", {"time_masks": 0}, {Product.WEIGHTS}),
        ("evaluate", {"noise_draws": 2}, {Product.EVALUATION}),
        ("keyword", {"passes": 3}, {Product.KEYWORD_FEATURES}),
        ("keyword", {"epochs": 3}, set()),
        ("keyword", {"false_accepts_per_hour": 3.0}, set()),
    ):
        changed = with_values(Settings(), **{section: values})
        for product in Product.SCORER, Product.WEIGHTS, Product.EVALUATION, Product.KEYWORD_FEATURES:
            fresh = stamp(changed, product).is_fresh([])
            assert fresh == (product not in affected), (section, values, product)
    assert "epochs" in keys_affecting(Keyword, Product.KEYWORD_WEIGHTS)
    assert "passes" not in values_affecting(Keyword(), Product.KEYWORD_WEIGHTS)


def test_effects_on_keyword_clips_are_declared() -> None:
    """Section [augment] affects keyword clips by those keys that section [keyword] does not replace."""
    hints = typing.get_type_hints(Augment)
    usual, reached = clips.adapted(Augment(), Keyword()), set()
    for item in dataclasses.fields(Augment):
        kind, value = hints[item.name], getattr(Augment(), item.name)
        if item.name == "noise_kinds":
            other: object = KINDS[:1]
        elif typing.get_origin(kind) is tuple:
            other = value[:1]
        else:
            other = not value if kind is bool else value + 1
        if clips.adapted(dataclasses.replace(Augment(), **{item.name: other}), Keyword()) != usual:
            reached.add(item.name)
    # Masks hide features of sentences; the chain that makes keyword clips has none.
    assert set(keys_affecting(Augment, Product.KEYWORD_FEATURES)) == {name for name in reached if "mask" not in name}


def test_how_clips_are_cut_is_declared() -> None:
    assert keys_affecting(Recordings, Product.CLIPS) == tuple(item.name for item in dataclasses.fields(Recordings))


def test_a_record_that_lacks_a_key_differs() -> None:
    record = Settings().as_dict()
    assert affecting(record, Product.WEIGHTS) == affecting(Settings().as_dict(), Product.WEIGHTS)
    del record["train"]["average"]
    found = affecting(record, Product.WEIGHTS)
    assert found["train"]["average"] is None and found != affecting(Settings().as_dict(), Product.WEIGHTS)
