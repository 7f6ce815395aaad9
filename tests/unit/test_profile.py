"""Taste as a fold over feedback: what each kind of event counts, how it fades, what overrides what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from zhiyin.profile import DWELL_FULL, HALF_LIFE_DAYS, read_profile, weigh
from zhiyin.testing import NOON
from zhiyin.types import EVENT_WEIGHTS, Fed, ItemId, Profile, UserId

MOON, EMBER = ItemId("moon"), ItemId("ember")


def fed(kind: str, item: ItemId = MOON, value: float | None = None, days_ago: float = 0) -> Fed:
    return Fed(user=UserId("ann"), kind=kind, item=item, value=value, time=NOON - timedelta(days=days_ago))


def weight_of(*events: Fed) -> float:
    return read_profile(events, NOON).weights.get(MOON, 0.0)


@pytest.mark.parametrize("kind", sorted(EVENT_WEIGHTS))
def test_every_kind_of_event_weighs_between_minus_one_and_one(kind: str) -> None:
    for value in (None, -5.0, 0.0, 1.0, 3.0, 5.0, 1e9):
        assert -1.0 <= weigh(fed(kind, value=value)) <= 1.0


@pytest.mark.parametrize(("stars", "weight"), [(1, -1.0), (2, -0.5), (3, 0.0), (4, 0.5), (4.5, 0.75), (5, 1.0), (9, 1.0), (-2, -1.0)])
def test_a_rating_counts_by_its_distance_from_three(stars: float, weight: float) -> None:
    assert weigh(fed("rating", value=stars)) == weight


def test_looking_longer_counts_more_up_to_a_click() -> None:
    assert weigh(fed("dwell", value=0)) == 0.0
    assert weigh(fed("dwell", value=DWELL_FULL / 2)) == pytest.approx(EVENT_WEIGHTS["dwell"] / 2)
    assert weigh(fed("dwell", value=10 * DWELL_FULL)) == EVENT_WEIGHTS["dwell"] == EVENT_WEIGHTS["click"]


def test_stronger_acts_weigh_more() -> None:
    weights = [weigh(fed(kind)) for kind in ("dislike", "skip", "impression", "view", "click", "cart", "purchase")]
    assert weights == sorted(weights)
    assert weigh(fed("unheard of")) == 0.0


def test_nothing_known_is_an_empty_profile() -> None:
    assert read_profile([], NOON) == Profile()
    assert read_profile([fed("impression"), fed("search"), fed("seen")], NOON).empty
    assert not read_profile([fed("click")], NOON).empty


def test_evidence_halves_every_half_life() -> None:
    assert weight_of(fed("like")) == pytest.approx(1.0)
    assert weight_of(fed("like", days_ago=HALF_LIFE_DAYS)) == pytest.approx(0.5)
    assert weight_of(fed("like", days_ago=2 * HALF_LIFE_DAYS)) == pytest.approx(0.25)


def test_an_event_of_a_fast_clock_counts_as_now() -> None:
    assert weight_of(fed("like", days_ago=-3)) == pytest.approx(1.0)


def test_evidence_of_one_sign_adds_up_to_a_limit() -> None:
    assert weight_of(fed("click"), fed("view")) == pytest.approx(0.45)
    assert weight_of(*[fed("like")] * 50) == 3.0
    assert weight_of(*[fed("dislike")] * 50) == -3.0


def test_a_later_opinion_overrides_an_earlier_one() -> None:
    assert weight_of(fed("dislike", days_ago=2), fed("like")) == pytest.approx(1.0)
    assert weight_of(*[fed("like", days_ago=9)] * 5, fed("dislike")) == pytest.approx(-1.0)
    assert weight_of(fed("dislike", days_ago=2), fed("impression")) < 0


def test_items_are_weighed_apart() -> None:
    profile = read_profile([fed("like"), fed("dislike", EMBER), fed("click")], NOON)
    assert profile.weights == {MOON: pytest.approx(1.3), EMBER: pytest.approx(-1.0)}
