"""What every behavioural source promises, as a test suite to inherit from: see `SourceContract`."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zhiyin.interactions import DAY, Histories, Interactions
from zhiyin.ports import Source

Scores = NDArray[np.float32]

CIRCLE = 12  # items of a community
ITEMS = 2 * CIRCLE + 1  # two communities, and an item that nobody ever picked
NOBODYS = ITEMS - 1
_PICKS, _USERS = 6, 48


def planted_log(seed: int = 0) -> Interactions:
    """Two communities of twelve items in a circle: each of 48 users goes one or two items on from pick to pick, six picks, a minute apart.

    Another user picked one item only, another none, and nobody picked item 24. Days go by between users, of either community in turn.
    """
    random = np.random.default_rng(seed)
    community = np.arange(_USERS) % 2
    place = random.integers(CIRCLE, size=(_USERS, 1)) + np.cumsum(random.integers(1, 3, size=(_USERS, _PICKS)), axis=1)
    user = np.repeat(np.arange(_USERS), _PICKS)
    step = np.tile(np.arange(_PICKS), _USERS)
    item = community[user] * CIRCLE + place.ravel() % CIRCLE
    time = user * 2.0 * DAY + step * 60.0
    stars = random.integers(3, 6, size=len(user))
    alone = _USERS  # the user with one event, in the middle of the log
    order = random.permutation(len(user) + 1)
    return Interactions.of(
        np.append(user, alone)[order],
        np.append(item, 0)[order],
        np.append(time, time.mean())[order],
        value=np.append(stars, 5)[order],
        users=[f"u{n}" for n in range(_USERS + 2)],
        items=[f"i{n}" for n in range(ITEMS)],
    )


def planted_vectors() -> Scores:
    """What the items of `planted_log` are made of, shape (25, 8), for sources that read contents: a direction a community, and noise."""
    noise = np.random.default_rng(1).normal(0.0, 0.2, (ITEMS, 8))
    noise[:CIRCLE, 0] += 1.0
    noise[CIRCLE:NOBODYS, 1] += 1.0
    noise[NOBODYS] = 0.0
    return noise.astype(np.float32)


def several(*lists: Sequence[int], items: int = ITEMS) -> Histories:
    """Histories of these items, each oldest first, of mixed interest, a minute apart in a time when all of `planted_log` is past."""
    lengths = np.array([len(each) for each in lists], dtype=np.int64)
    codes = np.array([item for each in lists for item in each], dtype=np.int32)
    return Histories(
        start=np.concatenate(([0], np.cumsum(lengths))),
        item=codes,
        weight=np.linspace(0.4, 1.0, len(codes)).astype(np.float32),
        time=(3.0 * _USERS * DAY + 60.0 * np.arange(len(codes))).astype(np.float64),
        items=items,
    )


MIXED = ((0, 1, 2), (), (13, 14, 15, 16), (5,), (3, 15, 3), (NOBODYS,), tuple(range(ITEMS)) * 2)


class SourceContract(ABC):
    """What a `Source` promises. Inherit, name the class `Test...`, and say how to `make` an unfitted one for the 25 items of `planted_log`.

    A source that says the same to everybody sets `personal = False`; one that goes by what came after what sets `ordered = True`;
    one that learns nothing from a log because it was given all it knows sets `learns = False`; one that takes in new events
    without a refit sets `alert = True`.
    """

    personal = True
    ordered = False
    learns = True
    alert = False

    @abstractmethod
    def make(self) -> Source:
        """A source that was not fitted yet; each call gives another."""

    @pytest.fixture
    def source(self) -> Source:
        """The source under test, fitted on `planted_log`."""
        return self.fitted(planted_log())

    def fitted(self, log: Interactions) -> Source:
        """A new source that learned from the log."""
        source = self.make()
        source.fit(log)
        return source

    def test_the_same_log_gives_the_same_scores(self, source: Source) -> None:
        """To the last bit, also in another source."""
        other = self.fitted(planted_log())
        np.testing.assert_array_equal(source.scores(several(*MIXED)), other.scores(several(*MIXED)))
        np.testing.assert_array_equal(source.scores(several(*MIXED)), source.scores(several(*MIXED)))

    @pytest.mark.parametrize("lists", [MIXED, MIXED[:1], ((),), ((), ()), ()], ids=["many", "one", "empty", "two empty", "none"])
    def test_scores_are_single_floats_by_history_and_item(self, source: Source, lists: Sequence[Sequence[int]]) -> None:
        """And always numbers."""
        _checked(source.scores(several(*lists)), len(lists))

    def test_histories_asked_together_score_as_asked_alone(self, source: Source) -> None:
        """Also where an item comes twice, or a history is empty."""
        for lists in (MIXED, MIXED[4:6], MIXED * 10):
            together = several(*lists)
            scores = source.scores(together)
            alone = np.vstack([source.scores(_nth(together, place)) for place in range(len(together))])
            np.testing.assert_allclose(scores, alone, rtol=0.0, atol=1e-4 * max(1e-9, float(np.abs(scores).max())))

    def test_asking_leaves_the_histories_as_they_are(self, source: Source) -> None:
        """They may even be read-only."""
        for histories in (several(*MIXED), several((0, 1, 2))):
            before = {f.name: np.copy(getattr(histories, f.name)) for f in fields(histories)}
            for array in (histories.start, histories.item, histories.weight, histories.time):
                array.flags.writeable = False
            source.scores(histories)
            source.update(histories if len(histories) == 1 else _nth(histories, 0))
            for name, value in before.items():
                np.testing.assert_array_equal(getattr(histories, name), value)

    def test_scores_are_the_callers_own(self, source: Source) -> None:
        """Writing into them changes no later answer."""
        for histories in (several(*MIXED), several((0, 1, 2)), several(())):
            scores = source.scores(histories)
            kept = scores.copy()
            scores[:] = -7.0
            np.testing.assert_array_equal(source.scores(histories), kept)

    def test_nothing_known_of_a_history_gives_zeros(self, source: Source) -> None:
        """From a source that says the same to everybody, its word."""
        for histories in (several(()), several((0, 1), (), (2,))):
            empty = source.scores(histories)[histories.lengths == 0]
            assert bool(empty.any()) != self.personal

    @pytest.mark.parametrize("users", [True, False], ids=["no events", "no users"])
    def test_a_log_of_nothing_is_learned_from(self, users: bool) -> None:
        """And teaches nothing."""
        log = planted_log()
        source = self.fitted(log.take(np.zeros(len(log), dtype=np.bool_)) if users else Interactions.of([], [], [], users=(), items=log.items))
        for lists in (MIXED, ((0, 1, 2),), ((),)):
            scores = _checked(source.scores(several(*lists)), len(lists))
            assert not (self.learns and scores.any())

    def test_a_log_of_one_event_is_learned_from(self) -> None:
        """Of one user, whose item has no company."""
        source = self.fitted(planted_log().take(np.array([0])))
        _checked(source.scores(several(*MIXED)), len(MIXED))

    def test_a_restored_source_scores_the_same(self, source: Source) -> None:
        """Also with what it was told since it was fitted; through a file of plain arrays."""
        source.update(several((4, 9)))
        other = self.make()
        other.restore(_through_a_file(source))
        np.testing.assert_array_equal(other.scores(several(*MIXED)), source.scores(several(*MIXED)))
        np.testing.assert_array_equal(other.scores(several((4,))), source.scores(several((4,))))

    def test_a_restored_source_forgets_what_it_knew(self, source: Source) -> None:
        """Updates included."""
        other = self.fitted(planted_log(seed=5))
        other.update(several((9, 4)))
        other.restore(_through_a_file(source))
        np.testing.assert_array_equal(other.scores(several(*MIXED)), source.scores(several(*MIXED)))

    def test_a_state_that_was_taken_does_not_change(self, source: Source) -> None:
        """Neither with the source it is from nor with the one it went to."""
        state = source.state()
        kept = {name: np.copy(array) for name, array in state.items()}
        other = self.make()
        other.restore(state)
        for each in (source, other):
            each.update(several((4, 9)))
            each.fit(planted_log(seed=5))
            for name, array in kept.items():
                np.testing.assert_array_equal(state[name], array)

    def test_a_new_event_never_breaks_it(self, source: Source) -> None:
        """Whatever is known of its user and its item."""
        for history in (several(()), several((5,)), several((NOBODYS,)), several((7, 7)), several((0, 1, 2)), several((3, NOBODYS)), Histories.one([1, 2], ITEMS)):
            source.update(history)
            _checked(source.scores(history), 1)
            _checked(source.scores(several(*MIXED)), len(MIXED))

    def test_new_events_count_at_once(self, source: Source) -> None:
        """For whoever is asked about next, alone or among others; again and again."""
        if not self.alert:
            pytest.skip("learns from a log only")
        asked = several((4,), (9, 4), (2,), (4,), (1, 4))
        asked = replace(asked, time=asked.time + DAY)  # what comes after a question does not count
        before = source.scores(asked)[:, NOBODYS]
        for _ in range(2):
            source.update(several((4, NOBODYS)))
            scores = source.scores(asked)[:, NOBODYS]
            assert (scores > before)[asked.seen()[:, 4]].all()
            np.testing.assert_allclose(source.scores(_nth(asked, 0))[0, NOBODYS], scores[0], rtol=1e-4)
            before = scores

    def test_fitting_again_forgets_the_earlier_log(self, source: Source) -> None:
        """And the updates since."""
        source.update(several((4, 9)))
        log = planted_log(seed=5)
        source.fit(log.take(log.user % 3 > 0))
        np.testing.assert_array_equal(source.scores(several(*MIXED)), self.fitted(log.take(log.user % 3 > 0)).scores(several(*MIXED)))

    def test_a_community_is_found(self, source: Source) -> None:
        """Who picked items of one gets most of its others before any of the other."""
        if not self.personal:
            pytest.skip("says the same to everybody")
        for first in (0, CIRCLE):
            mine = [first + n for n in (0, 3, 6, 9)]
            scores = source.scores(several(mine))[0]
            own = np.setdiff1d(np.arange(first, first + CIRCLE), mine)
            other = np.arange(CIRCLE - first, 2 * CIRCLE - first)
            assert (scores[own] > scores[other].max()).mean() > 0.75

    def test_what_came_next_is_told_from_what_came_before(self, source: Source) -> None:
        """All along the circle."""
        if not self.ordered:
            pytest.skip("does not go by order")
        for community in (0, CIRCLE):
            for place in range(CIRCLE):
                scores = source.scores(several([community + place]))[0]
                assert scores[community + (place + 1) % CIRCLE] > scores[community + (place - 1) % CIRCLE]


def _checked(scores: Scores, histories: int) -> Scores:
    assert scores.shape == (histories, ITEMS)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    return scores


def _nth(histories: Histories, place: int) -> Histories:
    part = slice(histories.start[place], histories.start[place + 1])
    return Histories.one(histories.item[part], histories.items, weight=histories.weight[part].tolist(), time=histories.time[part].tolist())


def _through_a_file(source: Source) -> dict[str, NDArray[Any]]:
    file = io.BytesIO()
    state = source.state()
    assert all(isinstance(array, np.ndarray) and array.dtype != object for array in state.values())
    np.savez(file, *state.values())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[f"arr_{place}"] for place, name in enumerate(state)}
