"""Logs in columns: order, what an event is worth, what repeats and new accounts are worth, and the histories cut from them."""

from __future__ import annotations

import numpy as np
import pytest

from zhiyin.interactions import DAY, KINDS, PROBATION_DAYS, RATING, UNPROVEN, Histories, Interactions, Interest
from zhiyin.types import EVENT_WEIGHTS


def log_of(user=(0,), item=None, time=None, *, users=3, items=4, value=None, kind=None, trusted=None):
    item = [0] * len(user) if item is None else item
    time = list(range(len(user))) if time is None else time
    kinds = None if kind is None else [KINDS.index(k) for k in kind]
    return Interactions.of(list(user), list(item), time, value=value, kind=kinds, users=[f"u{n}" for n in range(users)], items=[f"i{n}" for n in range(items)], trusted=trusted)


def lists(histories):
    return [histories.item[a:b].tolist() for a, b in zip(histories.start, histories.start[1:], strict=False)]


# --- the log ---


def test_a_log_in_any_order_is_put_in_the_order_of_time() -> None:
    log = log_of([0, 1, 2], [3, 2, 1], [30.0, 10.0, 20.0], value=[1, 2, 3], kind=["click", "like", "view"])
    assert log.time.tolist() == [10.0, 20.0, 30.0]
    assert log.user.tolist() == [1, 2, 0]
    assert log.item.tolist() == [2, 1, 3]
    assert log.value.tolist() == [2.0, 3.0, 1.0]
    assert [KINDS[k] for k in log.kind] == ["like", "view", "click"]


def test_events_of_one_second_keep_the_order_in_which_they_came() -> None:
    log = log_of([0] * 300, [n % 4 for n in range(300)], [7.0 if n % 3 else 5.0 for n in range(300)], value=range(300))
    assert log.value.tolist() == sorted(range(300), key=lambda n: 7.0 if n % 3 else 5.0)  # Python's sort is stable by definition


def test_events_are_ratings_without_stars_unless_said_otherwise() -> None:
    log = log_of([0, 1])
    assert log.kind.tolist() == [RATING, RATING]
    assert np.isnan(log.value).all()


def test_columns_have_the_types_that_sources_count_on() -> None:
    for log in (log_of([0, 1]), log_of([], [])):
        assert [c.dtype for c in (log.user, log.item, log.kind, log.value, log.time)] == [np.int32, np.int32, np.int8, np.float32, np.float64]


def test_what_is_taken_keeps_its_order_and_its_names() -> None:
    log = log_of([0, 1, 2, 1], [0, 1, 2, 3])
    by_mask, by_place = log.take(log.user == 1), log.take(np.array([1, 3]))
    for part in (by_mask, by_place):
        assert part.item.tolist() == [1, 3]
        assert (part.users, part.items) == (log.users, log.items)
    assert len(log.take(np.zeros(4, dtype=bool))) == 0


# --- interest ---


def test_an_event_is_worth_what_its_kind_is_worth_and_never_less_than_nothing() -> None:
    kinds = [k for k in KINDS if k not in {"rating", "dwell"}]
    worth = Interest().of(log_of([0] * len(kinds), [0] * len(kinds), kind=kinds))
    assert worth.tolist() == [max(0.0, EVENT_WEIGHTS[k]) for k in kinds]
    assert worth[kinds.index("dislike")] == 0.0


@pytest.mark.parametrize(
    ("stars", "worth"),
    [(1, 0.4), (2, 0.5), (3, 0.75), (4, 0.9), (5, 1.0), (3.5, 0.825), (0, 0.4), (9, 1.0), (np.nan, 0.75), (np.inf, 1.0)],
)
def test_a_rating_is_worth_more_with_more_stars_and_something_with_one(stars: float, worth: float) -> None:
    assert Interest().of(log_of(value=[stars])) == pytest.approx([worth])


@pytest.mark.parametrize(("seconds", "worth"), [(60, 0.3), (30, 0.15), (600, 0.3), (0, 0.0), (-5, 0.0), (np.nan, 0.0), (np.inf, 0.3)])
def test_looking_for_a_minute_is_a_whole_dwell(seconds: float, worth: float) -> None:
    assert Interest().of(log_of(value=[seconds], kind=["dwell"])) == pytest.approx([worth])


def test_interest_of_ones_own_replaces_the_table() -> None:
    interest = Interest(kinds={"click": 0.9, "rating": 0.5}, ratings=(0.0, 0.0, 0.0, 0.5, 1.0))
    log = log_of([0] * 4, [0] * 4, value=[np.nan, np.nan, 4, 2], kind=["click", "purchase", "rating", "rating"])
    assert interest.of(log) == pytest.approx([0.9, 0.0, 0.25, 0.0])


# --- the matrix ---


def test_a_million_clicks_count_twice_the_strongest_event() -> None:
    many = 1_000_000
    log = log_of(np.zeros(many + 1, dtype=int), np.append(np.ones(many, dtype=int), 2), kind=["click"] * many + ["like"])
    assert log.matrix().toarray()[0].tolist() == pytest.approx([0.0, 2 * EVENT_WEIGHTS["click"], 1.0, 0.0])


def test_a_second_weaker_event_adds_its_own_weight() -> None:
    log = log_of([0, 0], [1, 1], kind=["like", "view"])
    assert log.matrix()[0, 1] == pytest.approx(1.15)


def test_events_without_interest_leave_no_entry() -> None:
    matrix = log_of([0, 1], [1, 2], kind=["dislike", "click"]).matrix()
    assert matrix.shape == (3, 4)
    assert matrix.nnz == 1
    assert log_of([], []).matrix().nnz == 0


def test_weights_that_are_given_replace_the_interest() -> None:
    assert log_of([2, 2], [1, 1]).matrix(np.array([0.5, 2.0]))[2, 1] == pytest.approx(2.5)


# --- trust ---


def test_trust_grows_from_a_tenth_to_all_over_two_weeks() -> None:
    days = np.array([0.0, 400 - PROBATION_DAYS - 5, 400 - PROBATION_DAYS, 400 - PROBATION_DAYS / 2, 400.0])
    log = log_of([0, 1, 2, 3, 4], [0] * 5, days * DAY, users=5)
    assert log.trust() == pytest.approx([1.0, 1.0, 1.0, (1 + UNPROVEN) / 2, UNPROVEN])


def test_the_probation_is_a_tenth_of_a_short_log() -> None:
    log = log_of([0, 1, 2, 3], [0] * 4, [0.0, 90.0, 95.0, 100.0], users=4)
    assert log.trust() == pytest.approx([1.0, 1.0, (1 + UNPROVEN) / 2, UNPROVEN])


def test_an_account_is_as_old_as_its_first_event() -> None:
    log = log_of([0, 1, 0, 1], [0] * 4, [0.0, 500.0, 900.0, 1000.0], users=2)
    assert log.trust() == pytest.approx([1.0, 1.0])


def test_trust_is_never_below_a_tenth_nor_above_one() -> None:
    for log in (log_of([0, 0], [0, 1], [5.0, 5.0]), log_of([1], [0]), log_of([], []), log_of([0, 1], [0, 0], [0.0, 1e9])):
        trust = log.trust()
        assert trust.shape == (3,)
        assert (trust >= UNPROVEN).all()
        assert (trust <= 1.0).all()


def test_trust_that_is_known_is_taken_as_it_is() -> None:
    known = np.array([0.5, 1.0, 0.0])
    log = log_of([0, 1, 1], trusted=known)
    assert log.trust().tolist() == log.take(log.user == 1).trust().tolist() == known.tolist()
    assert log_of([], trusted=known).trust().tolist() == known.tolist()


# --- histories ---


def test_histories_are_each_users_events_oldest_first() -> None:
    log = log_of([1, 0, 1, 2, 1], [3, 0, 2, 1, 3], [50.0, 20.0, 10.0, 30.0, 40.0])
    histories = log.histories()
    assert lists(histories) == [[0], [2, 3, 3], [1]]
    assert histories.time[1:4].tolist() == [10.0, 40.0, 50.0]
    assert histories.items == 4


def test_histories_come_in_the_order_in_which_users_are_asked_for() -> None:
    log = log_of([1, 0, 1], [3, 0, 2], users=4)
    assert lists(log.histories(np.array([1, 3, 0, 1], dtype=np.int32))) == [[3, 2], [], [0], [3, 2]]
    assert lists(log.histories(np.zeros(0, dtype=np.int32))) == []


def test_a_history_carries_the_interest_of_its_events() -> None:
    log = log_of([0, 0, 0], [0, 1, 2], value=[5, 1, np.nan], kind=["rating", "rating", "dislike"])
    assert log.histories().weight == pytest.approx([1.0, 0.4, 0.0])
    assert log.histories(interest=Interest(ratings=(1, 1, 1, 1, 1))).weight == pytest.approx([1.0, 1.0, 0.0])


def test_one_history_is_made_of_its_items_alone() -> None:
    one = Histories.one([3, 1], 5)
    assert lists(one) == [[3, 1]]
    assert (one.weight.tolist(), one.time.tolist(), one.items) == ([1.0, 1.0], [0.0, 1.0], 5)
    given = Histories.one([3], 5, weight=[0.25], time=[9.0])
    assert (given.weight.tolist(), given.time.tolist()) == ([0.25], [9.0])
    assert len(Histories.one([], 5)) == 1


def three() -> Histories:
    return Histories(
        start=np.array([0, 3, 3, 5]),
        item=np.array([2, 0, 2, 1, 1], dtype=np.int32),
        weight=np.array([0.5, 1.0, 0.25, 0.5, 0.75], dtype=np.float32),
        time=np.arange(5.0),
        items=3,
    )


def test_every_event_knows_its_history_and_its_age() -> None:
    histories = three()
    assert len(histories) == 3
    assert histories.lengths.tolist() == [3, 0, 2]
    assert histories.owner.tolist() == [0, 0, 0, 2, 2]
    assert histories.age.tolist() == [2, 1, 0, 1, 0]


def test_the_last_events_are_the_newest_of_each() -> None:
    assert lists(three().last(2)) == [[0, 2], [], [1, 1]]
    assert lists(three().last(0)) == [[], [], []]
    assert lists(three().last(9)) == lists(three())


def test_weights_halve_with_every_half_life_of_later_events() -> None:
    assert three().faded(1).weight == pytest.approx([0.125, 0.5, 0.25, 0.25, 0.75])
    assert three().faded(2).weight[0] == pytest.approx(0.25)


def test_windows_begin_in_the_middle_of_the_one_before() -> None:
    windows, owner = Histories.one(range(9), 9).windows(4)
    assert lists(windows) == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [6, 7, 8]]
    assert owner.tolist() == [0, 0, 0, 0]
    windows, owner = three().windows(2)
    assert lists(windows) == [[2, 0], [0, 2], [], [1, 1]]
    assert owner.tolist() == [0, 0, 1, 2]


def test_of_a_repeated_item_the_strongest_event_counts() -> None:
    assert three().matrix().toarray().tolist() == [[1.0, 0.0, 0.5], [0.0, 0.0, 0.0], [0.0, 0.75, 0.0]]
    weights, items, start = three().rows()
    assert (weights.tolist(), items.tolist(), start.tolist()) == ([1.0, 0.5, 0.75], [0, 2, 1], [0, 2, 2, 3])


def test_seen_is_what_stands_in_a_history() -> None:
    assert three().seen().tolist() == [[True, False, True], [False, False, False], [False, True, False]]
