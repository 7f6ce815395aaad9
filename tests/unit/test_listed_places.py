"""Places said as bare digits point at what was shown."""

from __future__ import annotations

import pytest

from zhiyin.testing import tiny_catalog
from zhiyin.types import State
from zhiyin.understand.references import read_references

SLATE = tuple(item.id for item in tiny_catalog().items[:5])


def state(shown: int = 5) -> State:
    return State(slate=SLATE[:shown])


@pytest.mark.parametrize(
    ("text", "places"),
    [("compare 1 and 3", [1, 3]), ("compare 1, 2 and 4", [1, 2, 4]), ("1 vs 2", [1, 2]), ("对比1、2、4", [1, 2, 4]), ("比较一下2和5", [2, 5]), ("1和3比较一下", [1, 3])],
)
def test_digits_in_a_list_are_places(text: str, places: list[int]) -> None:
    found, notices = read_references(text, state())
    assert [i for reference in found for i in reference.items] == [SLATE[place - 1] for place in places]
    assert notices == []


@pytest.mark.parametrize("text", ["3,000", "8+256", "under 3 and over 1 kilo", "2000-3000", "compare 3,000 and 4,000"])
def test_amounts_are_no_places(text: str) -> None:
    assert read_references(text, state())[0] == []


def test_a_place_beyond_the_list_is_told_and_the_others_count() -> None:
    found, notices = read_references("compare 1 and 9", state())
    assert [reference.items for reference in found] == [(SLATE[0],)]
    assert [(notice.code, notice.slots["ordinal"], notice.slots["count"]) for notice in notices] == [("out_of_range", "9", "5")]
