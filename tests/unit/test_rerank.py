"""Re-rankers: small lists worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from math import log2

import numpy as np
import pytest

from zhiyin.errors import SettingError
from zhiyin.rank.rerank import calibrated, exposed, less_popular, mmr, shown

SCORES = [4.0, 3.0, 2.0, 0.0]  # scaled: 1, .75, .5, 0
VECTORS = np.array([[1, 0], [1, 0], [0, 1], [1, 1]])
GENRES = np.array([[1, 0], [1, 0], [0, 1], [1, 1]])


def test_mmr_takes_the_other_kind_second_when_the_dial_asks_for_it() -> None:
    assert mmr(SCORES, VECTORS, 0.1).tolist() == [0, 1, 2, 3]
    assert mmr(SCORES, VECTORS, 0.3).tolist() == [0, 2, 1, 3]  # second: .7 * .75 - .3 < .7 * .5
    assert mmr(SCORES, VECTORS, 1.0).tolist() == [0, 2, 3, 1]


def test_mmr_means_the_same_for_vectors_that_all_lie_close() -> None:
    narrow = VECTORS + 5.0
    assert mmr(SCORES, narrow, 0.3).tolist() == mmr(SCORES, VECTORS, 0.3).tolist()


def test_calibration_follows_the_users_mix() -> None:
    scores = [9, 8, 7, 6, 5, 4, 3, 2]
    genres = np.array([[1, 0]] * 5 + [[0, 1]] * 3)
    assert calibrated(scores, genres, [0.5, 0.5], 0.9, 4).tolist() in ([0, 5, 1, 6], [0, 5, 6, 1])
    assert sum(calibrated(scores, genres, [0.75, 0.25], 0.9, 4) >= 5) == 1
    assert calibrated(scores, genres, [1, 0], 0.9, 4).tolist() == [0, 1, 2, 3]
    assert calibrated(scores, genres, [0, 7], 1.0, 3).tolist() == [5, 6, 7]


def test_a_user_without_a_mix_gets_the_list_as_it_came() -> None:
    assert calibrated(SCORES, GENRES, [0, 0], 1.0).tolist() == [0, 1, 2, 3]
    assert calibrated([1, 3, 2], GENRES[:3], [np.nan, -1], 0.7).tolist() == [0, 1, 2]


def test_a_candidate_without_genres_neither_helps_nor_hurts_a_mix() -> None:
    genres = np.array([[1, 0], [0, 0], [0, 1]])
    assert calibrated([3, 2, 1], genres, [1, 0], 0.5).tolist() == [0, 1, 2]


def test_less_popular_lowers_by_the_logarithm() -> None:
    popularity = [1000, 10, 1000, 10]  # scaled: 1, 0, 1, 0
    assert less_popular(SCORES, popularity, 0.1).tolist() == [0, 1, 2, 3]
    assert less_popular(SCORES, popularity, 0.4).tolist() == [1, 0, 3, 2]  # .45 > .2 > 0 > -.1
    assert less_popular(SCORES, popularity, 1.0).tolist() == [1, 3, 0, 2]
    assert less_popular(SCORES, [5, 0, 1, 9], 1.0).tolist() == [1, 2, 0, 3]


@pytest.mark.parametrize("unit", [1e-6, 1 / 3, 1e5])
def test_the_unit_of_popularity_drops_out(unit: float) -> None:
    popularity = np.array([900.0, 0, 30, 4])
    for dial in (0.1, 0.3, 0.5, 0.8, 1.0):
        assert less_popular(SCORES, popularity * unit, dial).tolist() == less_popular(SCORES, popularity, dial).tolist()


def test_exposure_lowers_only_what_was_shown_more_than_it_merits() -> None:
    # merit 1, .875, .75, .5 of 3.125; the first had all: its surplus is 1 - .32
    assert exposed(SCORES, [8, 0, 0, 0], 0.2).tolist() == [0, 1, 2, 3]  # .8 - .136 > .6
    assert exposed(SCORES, [8, 0, 0, 0], 0.3).tolist() == [1, 0, 2, 3]  # .7 - .204 < .525
    assert exposed(SCORES, [8, 0, 0, 0], 1.0).tolist() == [1, 2, 3, 0]
    assert exposed(SCORES, [0, 0, 0, 0], 1.0).tolist() == [0, 1, 2, 3]
    assert exposed(SCORES, [1, 0.875, 0.75, 0.5], 1.0).tolist() == [0, 1, 2, 3]


def test_a_given_merit_is_taken() -> None:
    assert exposed(SCORES, [5, 5, 0, 0], 1.0, merit=[1, 0, 0, 0]).tolist() == [0, 2, 3, 1]


def test_equal_candidates_take_turns() -> None:
    exposure, first = np.zeros(3), []
    for _ in range(6):
        order = exposed([1, 1, 1], exposure, 0.5, 1)
        exposure = shown(exposure, order)
        first.append(int(order[0]))
    assert sorted(first) == [0, 0, 1, 1, 2, 2]


def test_showing_a_list_adds_the_attention_of_its_places_and_leaves_the_given_array_alone() -> None:
    before = np.array([1.0, 0.0, 2.0])
    np.testing.assert_allclose(shown(before, [2, 0]), [1 + 1 / log2(3), 0, 3])
    np.testing.assert_allclose(shown(before, []), before)
    assert before.tolist() == [1, 0, 2]


CALLS: list[tuple[str, Callable[..., np.ndarray]]] = [
    ("vectors", lambda scores, rows, dial, k: mmr(scores, np.ones((rows, 2)), dial, k)),
    ("genres", lambda scores, rows, dial, k: calibrated(scores, np.ones((rows, 2)), [1, 1], dial, k)),
    ("popularity", lambda scores, rows, dial, k: less_popular(scores, np.ones(rows), dial, k)),
    ("exposure", lambda scores, rows, dial, k: exposed(scores, np.ones(rows), dial, k)),
    ("merit", lambda scores, rows, dial, k: exposed(scores, np.ones(len(scores)), dial, k, merit=np.ones(rows))),
]


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_what_cannot_be_followed_is_named(name: str, call: Callable[..., np.ndarray]) -> None:
    for dial in (-0.1, 1.01, float("nan")):
        with pytest.raises(SettingError, match=f"dial is between 0 .off. and 1, but is {dial}"):
            call([1, 2], 2, dial, 1)
    with pytest.raises(SettingError, match="at least 1, but is 0"):
        call([1, 2], 2, 0.5, 0)
    with pytest.raises(SettingError, match=f"{name} has 3 rows, but there are 2 scores"):
        call([1, 2], 3, 0.5, 1)


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_no_candidates_give_an_empty_order(name: str, call: Callable[..., np.ndarray]) -> None:
    for dial in (0.0, 0.5):
        assert call([], 0, dial, None).tolist() == []
        assert call([], 0, dial, 5).tolist() == []


def test_a_mix_of_other_genres_is_refused() -> None:
    with pytest.raises(SettingError, match="mix has 3 genres, but the candidates have 2"):
        calibrated(SCORES, GENRES, [1, 1, 1], 0.5)
