"""Laws of logs and histories: nothing is lost, nothing is made up, and the fast way gives what the slow way gives."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.interactions import KINDS, UNPROVEN, Histories, Interactions, Interest

laws = settings(max_examples=80, deadline=None, derandomize=True)
USERS, ITEMS = 4, 5
event = st.tuples(
    st.integers(0, USERS - 1),
    st.integers(0, ITEMS - 1),
    st.sampled_from([0.0, 1.0, 1.0, 60.0, 86_400.0, 1e9]),
    st.sampled_from([1.0, 2.5, 5.0, 30.0, np.nan]),
    st.integers(0, len(KINDS) - 1),
)
weight = st.sampled_from([0.0, 0.125, 0.5, 1.0])
sizes = st.integers(1, 8)


@st.composite
def logs(draw: st.DrawFn) -> Interactions:
    """Up to thirty events of few users, many in the same second."""
    columns = list(zip(*draw(st.lists(event, max_size=30)), strict=True)) or [()] * 5
    user, item, time, value, kind = columns
    return Interactions.of(user, item, time, value=value, kind=kind, users=[f"u{n}" for n in range(USERS)], items=[f"i{n}" for n in range(ITEMS)])


@st.composite
def histories(draw: st.DrawFn) -> Histories:
    """Up to five histories, empty ones among them, with repeated items."""
    lists = draw(st.lists(st.lists(st.tuples(st.integers(0, ITEMS - 1), weight), max_size=17), max_size=5))
    events = [e for each in lists for e in each]
    return Histories(
        start=np.concatenate(([0], np.cumsum([len(each) for each in lists], dtype=np.int64))).astype(np.int64),
        item=np.array([i for i, _ in events], dtype=np.int32),
        weight=np.array([w for _, w in events], dtype=np.float32),
        time=np.arange(len(events), dtype=np.float64),
        items=ITEMS,
    )


def same(one: Histories, other: Histories) -> bool:
    return one.items == other.items and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("start", "item", "weight", "time"))


@laws
@given(log=logs())
def test_histories_hold_every_event_once_in_order_under_its_user(log: Interactions) -> None:
    found = log.histories()
    worth = Interest().of(log).astype(np.float32)
    assert len(found) == USERS
    for user in range(USERS):
        part, mine = slice(found.start[user], found.start[user + 1]), log.user == user
        assert found.item[part].tolist() == log.item[mine].tolist()
        assert found.time[part].tolist() == log.time[mine].tolist()
        assert found.weight[part].tolist() == worth[mine].tolist()


@laws
@given(log=logs(), users=st.lists(st.integers(0, USERS - 1), max_size=6))
def test_histories_of_some_are_those_of_all(log: Interactions, users: list[int]) -> None:
    every, some = log.histories(), log.histories(np.array(users, dtype=np.int32))
    assert len(some) == len(users)
    for place, user in enumerate(users):
        assert some.item[some.start[place] : some.start[place + 1]].tolist() == every.item[every.start[user] : every.start[user + 1]].tolist()


@laws
@given(log=logs())
def test_the_matrix_is_what_adding_up_by_hand_gives(log: Interactions) -> None:
    worth = Interest().of(log)
    total, strongest = np.zeros((USERS, ITEMS)), np.zeros((USERS, ITEMS))
    for user, item, each in zip(log.user, log.item, worth, strict=True):
        total[user, item] += each
        strongest[user, item] = max(strongest[user, item], each)
    matrix = log.matrix()
    np.testing.assert_allclose(matrix.toarray(), np.minimum(total, 2.0 * strongest), rtol=1e-6)
    assert matrix.nnz == np.count_nonzero(total)


@laws
@given(log=logs())
def test_interest_and_trust_stay_within_their_bounds(log: Interactions) -> None:
    worth, trust = Interest().of(log), log.trust()
    assert worth.shape == (len(log),)
    assert ((worth >= 0.0) & (worth <= 1.0)).all()
    assert trust.shape == (USERS,)
    assert ((trust >= UNPROVEN) & (trust <= 1.0)).all()


@laws
@given(log=logs())
def test_who_was_there_earlier_is_trusted_no_less(log: Interactions) -> None:
    first = [min(log.time[log.user == user], default=np.inf) for user in range(USERS)]
    trust = log.trust()[np.argsort(first, kind="stable")]
    assert not len(log) or (np.diff(trust) <= 1e-12).all()


@laws
@given(found=histories(), size=sizes)
def test_windows_cover_every_event_and_are_of_whom_they_say(found: Histories, size: int) -> None:
    windows, owner = found.windows(size)
    assert len(owner) == len(windows)
    assert (windows.lengths <= size).all()
    places = windows.time.astype(int)  # an event's time is its place here
    assert set(places.tolist()) == set(range(len(found.item)))
    assert np.array_equal(windows.item, found.item[places])
    assert np.array_equal(windows.weight, found.weight[places])
    assert np.array_equal(owner[windows.owner], found.owner[places])
    assert set(owner.tolist()) == set(range(len(found)))
    for place in range(len(windows)):
        mine = places[windows.start[place] : windows.start[place + 1]]
        assert np.array_equal(mine, np.arange(len(mine)) + (mine[0] if len(mine) else 0))


@laws
@given(found=histories(), size=sizes)
def test_no_window_lies_within_another(found: Histories, size: int) -> None:
    windows, owner = found.windows(size)
    for user in range(len(found)):
        spans = [(windows.time[a], windows.time[b - 1]) for a, b in zip(windows.start[:-1][owner == user], windows.start[1:][owner == user], strict=True) if b > a]
        assert all(earlier[0] < later[0] and earlier[1] < later[1] for earlier, later in pairwise(spans))


@laws
@given(found=histories())
def test_an_endless_half_life_fades_nothing(found: Histories) -> None:
    assert same(found.faded(np.inf), found)


@laws
@given(found=histories(), half_life=st.floats(0.5, 50))
def test_fading_keeps_the_newest_and_halves_in_step(found: Histories, half_life: float) -> None:
    faded = found.faded(half_life)
    assert (faded.weight <= found.weight).all()
    assert np.array_equal(faded.weight[found.age == 0], found.weight[found.age == 0])
    np.testing.assert_allclose(found.faded(half_life).faded(half_life).weight, found.faded(half_life / 2).weight, rtol=1e-5, atol=1e-12)


@laws
@given(found=histories(), most=st.integers(0, 9), fewer=st.integers(0, 9))
def test_the_last_of_each_are_at_most_so_many_and_the_newest(found: Histories, most: int, fewer: int) -> None:
    last = found.last(most)
    assert np.array_equal(last.lengths, np.minimum(found.lengths, most))
    assert np.array_equal(last.start[1:], np.cumsum(last.lengths))
    for place in range(len(found)):
        begin, end = found.start[place], found.start[place + 1]
        assert last.time[last.start[place] : last.start[place + 1]].tolist() == found.time[max(begin, end - most) : end].tolist()
    assert same(last.last(fewer), found.last(min(most, fewer)))


@laws
@given(found=histories())
def test_rows_and_the_matrix_are_the_strongest_by_hand(found: Histories) -> None:
    strongest = np.zeros((len(found), ITEMS), dtype=np.float32)
    np.maximum.at(strongest, (found.owner, found.item), found.weight)
    assert np.array_equal(found.matrix().toarray(), strongest)
    weights, items, start = found.rows()
    assert len(start) == len(found) + 1
    for place in range(len(found)):
        part = slice(start[place], start[place + 1])
        assert items[part].tolist() == sorted(set(found.item[found.owner == place].tolist()))
        assert np.array_equal(weights[part], strongest[place, items[part]])


@laws
@given(found=histories())
def test_seen_is_true_where_an_item_stands_in_a_history_and_nowhere_else(found: Histories) -> None:
    seen = found.seen()
    assert seen.shape == (len(found), ITEMS)
    assert {(o, i) for o, i in zip(*np.nonzero(seen), strict=True)} == set(zip(found.owner.tolist(), found.item.tolist(), strict=True))
