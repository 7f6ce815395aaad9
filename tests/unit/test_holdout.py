"""Each protocol against a cut made by hand, ties included."""

from __future__ import annotations

import numpy as np
import pytest

from zhiyin.errors import SettingError
from zhiyin.interactions import Interactions
from zhiyin.learn.holdout import Split, last_events, leave_last_out, next_item, random_share, temporal

ITEMS = 12


def log_of(*events: tuple[int, int, float], stars: list[float] | None = None, users: int = 5) -> Interactions:
    """Events as (user, item, time), in this order in their file."""
    user, item, time = zip(*events, strict=True) if events else ((), (), ())
    return Interactions.of(user, item, time, value=stars or [5.0] * len(events), users=[f"u{n}" for n in range(users)], items=[f"i{n}" for n in range(ITEMS)])


def events(log: Interactions) -> list[tuple[int, int, float]]:
    return list(zip(log.user.tolist(), log.item.tolist(), log.time.tolist(), strict=True))


def questions(split: Split) -> dict[int, list[int]]:
    return {int(user): items.tolist() for user, items in zip(split.users, split.relevant, strict=True)}


def pairs(log: Interactions) -> set[tuple[int, int]]:
    return set(zip(log.user.tolist(), log.item.tolist(), strict=True))


def asked(split: Split) -> set[tuple[int, int]]:
    """Who is asked for what; a question with a history of its own counts as its user's."""
    names = split.train.users if split.known is None else split.known.users
    place = {name: n for n, name in enumerate(split.train.users)}
    return {(place[names[user]], int(item)) for user, items in zip(split.users, split.relevant, strict=True) for item in items}


def long_log(seed: int = 0, events: int = 400, users: int = 20) -> Interactions:
    """Random picks, some pairs twice, many in the same second."""
    random = np.random.default_rng(seed)
    drawn = zip(random.integers(0, users, events).tolist(), random.integers(0, ITEMS, events).tolist(), random.integers(0, 50, events).tolist(), strict=True)
    return log_of(*((u, i, float(t)) for u, i, t in drawn), stars=random.integers(1, 6, events).tolist(), users=users)


# --- leave-last-out ---


def test_the_last_event_of_each_user_is_asked_for() -> None:
    log = log_of((0, 3, 30), (1, 4, 20), (0, 1, 10), (1, 2, 40), (0, 2, 20))
    split = leave_last_out(log)
    assert questions(split) == {0: [3], 1: [2]}
    assert split.times.tolist() == [30.0, 40.0]
    assert events(split.train) == [(0, 1, 10), (1, 4, 20), (0, 2, 20)]


def test_of_a_tied_second_the_event_that_came_last_in_the_file_is_asked_for() -> None:
    tied = log_of((0, 5, 9), (0, 7, 9), (0, 1, 1), (0, 6, 9))
    assert questions(leave_last_out(tied)) == {0: [6]}
    assert events(leave_last_out(tied).train) == [(0, 1, 1), (0, 5, 9), (0, 7, 9)]
    assert questions(leave_last_out(log_of((0, 6, 9), (0, 7, 9), (0, 1, 1), (0, 5, 9)))) == {0: [5]}


def test_a_user_with_one_event_is_learned_from_and_not_asked() -> None:
    split = leave_last_out(log_of((0, 1, 1), (1, 2, 2), (1, 3, 3)))
    assert questions(split) == {1: [3]}
    assert events(split.train) == [(0, 1, 1), (1, 2, 2)]


def test_the_inner_cut_asks_for_the_last_but_one() -> None:
    split = leave_last_out(log_of((0, 1, 1), (0, 2, 2), (0, 3, 3), (1, 4, 1), (1, 5, 2)))
    inner = split.inner()
    assert questions(inner) == {0: [2]}  # user 1 has one event left
    assert events(inner.train) == [(0, 1, 1), (1, 4, 1)]


# --- a random share ---


def test_a_share_of_the_events_is_asked_for() -> None:
    log = log_of(*((n % 2, n // 2, float(n)) for n in range(20)))  # no pair twice
    split = random_share(log, 0.25)
    assert len(split.train) == 15
    assert len(asked(split)) == 5
    assert asked(split) | pairs(split.train) == pairs(log)
    for user, time in zip(split.users, split.times, strict=True):
        assert time == min(t for u, i, t in events(log) if u == user and (u, i) in asked(split))


def test_the_share_depends_on_the_seed_alone() -> None:
    log = long_log()
    assert asked(random_share(log, seed=1)) == asked(random_share(log, seed=1))
    assert asked(random_share(log, seed=1)) != asked(random_share(log, seed=2))


def test_only_good_ratings_are_asked_for_and_the_others_are_not_learned_from_either() -> None:
    log = log_of(*((0, n, float(n)) for n in range(12)), stars=[1.0, 5.0] * 6)
    every, good = random_share(log, 0.5), random_share(log, 0.5, least=4.0)
    assert events(good.train) == events(every.train)
    assert asked(good) == {(u, i) for u, i in asked(every) if i % 2 == 1}


def test_the_inner_share_is_drawn_anew() -> None:
    log = long_log(events=100)
    split = random_share(log, 0.25, seed=7)
    assert len(split.inner().train) == len(split.train) - round(0.25 * len(split.train))
    assert asked(split.inner()) == asked(random_share(split.train, 0.25, seed=8))


# --- by time ---


def test_the_newest_events_of_known_users_are_asked_for() -> None:
    log = log_of((0, 1, 1), (1, 2, 2), (0, 3, 3), (1, 4, 4), (0, 5, 5), (1, 6, 6), (0, 7, 7), (0, 8, 8), (2, 9, 9), (1, 4, 10))
    split = temporal(log, 0.4)
    assert [t for _, _, t in events(split.train)] == [1, 2, 3, 4, 5, 6]
    assert questions(split) == {0: [7, 8]}  # user 2 is new, and user 1 picked item 4 before
    assert split.times.tolist() == [7.0]


def test_a_tied_second_is_cut_in_the_order_of_the_file() -> None:
    log = log_of(*((0, item, 1.0) for item in (5, 3, 9, 1, 7)))
    split = temporal(log, 0.4)
    assert [i for _, i, _ in events(split.train)] == [5, 3, 9]
    assert questions(split) == {0: [1, 7]}


def test_only_good_ratings_of_the_future_are_asked_for() -> None:
    log = log_of(*((n % 2, n, float(n)) for n in range(10)), stars=[5, 5, 5, 5, 5, 3, 4, 5, np.nan, 2])
    assert questions(temporal(log, 0.5)) == {0: [6, 8], 1: [5, 7, 9]}
    split = temporal(log, 0.5, least=4.0)
    assert questions(split) == {0: [6], 1: [7]}
    assert split.times.tolist() == [6.0, 7.0]
    assert len(split.train) == 5


def test_the_inner_cut_by_time_keeps_its_share_and_its_least() -> None:
    split = temporal(long_log(), 0.25, least=4.0)
    inner = split.inner()
    assert events(inner.train) == events(split.train)[:225]
    assert {len(split.train), len(inner.train)} == {300, 225}
    good = {(u, i) for u, i, v in zip(split.train.user[225:].tolist(), split.train.item[225:].tolist(), split.train.value[225:], strict=True) if v >= 4}
    assert asked(inner) == {(u, i) for u, i in good - pairs(inner.train) if u in set(inner.train.user.tolist())}


# --- sessions ---


def test_every_click_but_the_first_is_asked_for_after_those_before_it() -> None:
    train = log_of((0, 1, 1), (0, 2, 2))
    test = log_of((0, 3, 10), (1, 8, 11), (0, 4, 12), (2, 5, 13), (1, 9, 14), (0, 3, 15))
    split = next_item(train, test)
    known = split.histories()
    asked_after = [(known.item[a:b].tolist(), r.tolist(), t) for a, b, r, t in zip(known.start, known.start[1:], split.relevant, split.times, strict=False)]
    assert asked_after == [([3], [4], 12.0), ([3, 4], [3], 15.0), ([8], [9], 14.0)]
    assert split.train is train


def test_a_session_log_is_tuned_on_what_it_is_given() -> None:
    train, test = log_of((0, 1, 1), (0, 2, 2)), log_of((0, 3, 10), (0, 4, 12))
    tuning = next_item(log_of((0, 1, 1)), log_of((0, 1, 1), (0, 2, 2)))
    assert next_item(train, test, lambda: tuning).inner() is tuning
    with pytest.raises(SettingError, match="validation"):
        next_item(train, test).inner()


def test_sessions_of_one_click_ask_nothing() -> None:
    split = next_item(log_of((0, 1, 1)), log_of((0, 1, 1), (1, 2, 2)))
    assert questions(split) == {}
    assert len(split.histories()) == 0


# --- last events ---


def test_each_of_the_last_events_is_asked_for_after_those_before_it() -> None:
    log = log_of(*((0, item, float(item)) for item in range(6)), (1, 7, 2.5), (1, 8, 3.5), (2, 9, 4.5))
    split = last_events(log, 2)
    known = split.histories()
    found = [(known.item[a:b].tolist(), r.tolist(), t) for a, b, r, t in zip(known.start, known.start[1:], split.relevant, split.times, strict=False)]
    assert found == [([0, 1, 2, 3], [4], 4.0), ([0, 1, 2, 3, 4], [5], 5.0), ([7], [8], 3.5)]  # of a user with two events one, of a user with one none
    assert events(split.train) == [(0, 0, 0.0), (0, 1, 1.0), (0, 2, 2.0), (1, 7, 2.5), (0, 3, 3.0), (2, 9, 4.5)]
    assert split.known.users == ("u0", "u0", "u1")


def test_of_the_last_events_those_of_items_met_before_are_not_asked_for_and_not_learned_from() -> None:
    log = log_of((0, 1, 1.0), (0, 2, 2.0), (0, 3, 3.0), (0, 1, 4.0), (0, 4, 5.0), (0, 2, 6.0))
    split = last_events(log, 3)
    assert [items.tolist() for items in split.relevant] == [[4]]
    assert split.histories().item.tolist() == [1, 2, 3, 1]
    assert events(split.train) == [(0, 1, 1.0), (0, 2, 2.0), (0, 3, 3.0)]


def test_leave_last_out_is_tuned_on_the_last_events_of_its_train() -> None:
    log = long_log()
    _, first = np.unique(log.user.astype(np.int64) * ITEMS + log.item, return_index=True)
    split = leave_last_out(log.take(np.sort(first)))
    inner = split.inner()
    assert inner.known is not None
    assert asked(inner) <= pairs(split.train)
    assert len(inner.users) > len(split.users)


# --- all of them ---

PROTOCOLS = [leave_last_out, last_events, random_share, temporal]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_asked_is_in_what_is_learned_from(protocol) -> None:
    log = long_log()
    if protocol in {leave_last_out, last_events}:  # it asks for the last event even if it is a repeat; of what nobody picks twice, nothing remains
        _, first = np.unique(log.user.astype(np.int64) * ITEMS + log.item, return_index=True)
        log = log.take(np.sort(first))
    for split in (protocol(log), protocol(log).inner()):
        assert asked(split)
        assert asked(split) & pairs(split.train) == set()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_inner_cut_sees_nothing_of_the_test(protocol) -> None:
    log = long_log()
    split = protocol(log)
    inner = split.inner()
    learned = events(split.train)
    assert all(event in learned for event in events(inner.train))
    assert asked(inner) <= pairs(split.train)
    assert len(inner.train) < len(split.train) < len(log)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_question_has_an_answer_and_somebody_known(protocol) -> None:
    split = protocol(long_log())
    assert all(len(items) for items in split.relevant)
    assert len(split.users) == len(split.relevant) == len(split.times)
    assert (split.histories().lengths > 0).all()
    assert split.users.dtype == np.int32


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_empty_log_asks_nothing(protocol) -> None:
    split = protocol(log_of())
    assert questions(split) == questions(split.inner()) == {}
    assert len(split.train) == len(split.times) == 0


def test_some_of_the_questions_are_whole_questions() -> None:
    split = temporal(long_log())
    some = split.some(5, seed=3)
    assert len(some.users) == 5
    assert questions(some).items() <= questions(split).items()
    assert dict(zip(some.users, some.times, strict=True)).items() <= dict(zip(split.users, split.times, strict=True)).items()
    assert questions(split.some(5, seed=3)) == questions(some)
    assert questions(split.some(1000)) == questions(split)
