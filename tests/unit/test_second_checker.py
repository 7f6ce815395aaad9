"""The second checker of `benchmarks/grounded.py`: which numbers it lets pass and why, and that what was measured can be kept."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.load import load_catalog
from zhiyin.catalog.pack import find_pack, read_pack
from zhiyin.types import Item, Op, Wish

FILE = Path(__file__).parents[2] / "benchmarks" / "grounded.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("second_checker", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


grounded = _load()


def _item(catalog: Catalog, title: str) -> Item:
    return next(i for i in catalog.items if title in i.titles.values())


@pytest.fixture(scope="module")
def phones() -> Catalog:
    domain = read_pack(find_pack("phones"))
    return load_catalog(replace(domain, layers=domain.layers[:1]))[0]


@pytest.fixture(scope="module")
def films() -> Catalog:
    return load_catalog(read_pack(find_pack("movies")))[0]


def _price(op: Op, amount: float, source: str) -> Wish:
    return Wish(field="price", op=op, value=amount, source=source)


# The Honor GT costs 2,199 yuan, the realme GT Neo3 1,999.
@pytest.mark.parametrize(
    ("sentence", "user", "wish"),
    [
        ("荣耀 GT 是价格不超过 3,500 元的手机。", "三千五以内的手机", _price(Op.LE, 3500, "三千五以内")),
        ("Honor GT is a phone with a price under ¥3,500.", "phones under 3500", _price(Op.LE, 3500, "under 3500")),
        ("The Honor GT is a phone priced at 3,500 yuan or less.", "phones under 3.5k", _price(Op.LE, 3500, "under 3.5k")),
    ],
)
def test_a_bound_of_a_wish_passes_when_the_row_keeps_it_and_the_user_said_it(sentence: str, user: str, wish: Wish, phones: Catalog) -> None:
    checker, told = grounded.Checker(phones), grounded.Told(user=user, wishes=(wish,))
    assert not list(checker.untrue(sentence, [_item(phones, "Honor GT")], told))
    assert [line.split(",")[0] for line in checker.leaning(sentence, [_item(phones, "Honor GT")], told)] == ["3500: a wish in the user's words"]


def test_a_bound_made_of_cheaper_passes_only_where_a_row_of_the_session_has_that_price(phones: Catalog) -> None:
    checker, gt, neo = grounded.Checker(phones), _item(phones, "Honor GT"), _item(phones, "realme GT Neo3")
    sentence, wish = "realme GT Neo3 is a phone with a price under 2,199 yuan.", _price(Op.LT, 2199, "cheaper")
    seen = grounded.Told(user="something cheaper", wishes=(wish,), past=frozenset({gt.id}))
    assert not list(checker.untrue(sentence, [neo], seen))
    named = grounded.Told(user="like the Honor GT but cheaper", wishes=(wish,))
    assert not list(checker.untrue(sentence, [neo], named))
    from_nowhere = grounded.Told(user="something cheaper", wishes=(wish,))
    assert list(checker.untrue(sentence, [neo], from_nowhere)) == ["number 2199.0"]


@pytest.mark.parametrize(
    ("sentence", "user", "wishes"),
    [
        ("The Honor GT is a phone with a price under ¥3,500.", "a phone", ()),  # nobody named it
        ("The Honor GT is a phone with a price under ¥3,500.", "a phone", (_price(Op.LE, 3500, "under 3500"),)),  # a wish that the user did not utter
        ("The Honor GT has a price of ¥3,500.", "phones under 3500", (_price(Op.LE, 3500, "under 3500"),)),  # not said as a bound
        ("The Honor GT has a price over ¥3,500.", "phones under 3500", (_price(Op.LE, 3500, "under 3500"),)),  # the wrong way
        ("荣耀 GT 的价格不低于 3,500 元。", "三千五以内的手机", (_price(Op.LE, 3500, "三千五以内"),)),
        ("The Honor GT is a phone with a price under ¥1,500.", "phones under 1500", (_price(Op.LE, 1500, "under 1500"),)),  # its row does not keep it
    ],
)
def test_a_number_that_nothing_bears_out_is_untrue(sentence: str, user: str, wishes: tuple[Wish, ...], phones: Catalog) -> None:
    found = list(grounded.Checker(phones).untrue(sentence, [_item(phones, "Honor GT")], grounded.Told(user=user, wishes=wishes)))
    assert [what.split()[0] for what in found] == ["number"]


def test_the_scale_of_a_rating_passes_and_a_wrong_rating_does_not(films: Catalog) -> None:
    checker, film = grounded.Checker(films), _item(films, "Son of Paleface")
    rating = film.attributes["rating"]
    assert not list(checker.untrue(f"《Son of Paleface》评分 {rating}/10。", [film], grounded.Told()))
    assert list(checker.untrue("《Son of Paleface》评分 3.1/10。", [film], grounded.Told())) == ["number 3.1"]
    assert list(checker.untrue(f"《Son of Paleface》评分 {rating}/30。", [film], grounded.Told())) == ["number 30.0"]


@pytest.mark.parametrize(
    ("run", "value"), [("三千五", 3500), ("一千八", 1800), ("两百五", 250), ("一万二", 12000), ("三千零五", 3005), ("两千一百九十九", 2199), ("二零一零", 2010)]
)
def test_chinese_numbers_are_read_as_they_are_spoken(run: str, value: float) -> None:
    assert grounded._chinese(run) == value


def test_what_was_measured_is_kept_as_json() -> None:
    spoken = grounded.Spoken(replies=1, said=["Inception is from 2010."], outcomes=Counter({"ok": 2}), untrue=[("number 1", "x")])
    kept = json.loads(grounded.record({"llamacpp:/models/small.gguf": {"en": spoken}}))
    assert kept["small"]["en"]["outcomes"] == {"ok": 2}
    assert kept["small"]["en"]["said"] == ["Inception is from 2010."]
