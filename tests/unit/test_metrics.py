"""Metrics: values worked out by hand, the ties, and what bad inputs give."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log, log2, nan, sqrt

import numpy as np
import pytest

from zhiyin.errors import SettingError
from zhiyin.evaluate import metrics as m

RANKED = np.array([[3, 1, 4, 0], [2, 5, 0, 1], [5, 4, 3, 2], [0, 1, 2, 3]])
RELEVANT = (np.array([1, 0]), np.array([5]), np.array([0, 1]), np.array([], dtype=int))  # hits at 2 and 4; at 2; none; nothing asked
BY_USER = [m.hit_rate, m.recall, m.precision, m.ndcg, m.mrr, m.average_precision]


def same(found: object, expected: object) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


# --- lists ---


def test_hits_say_which_places_hold_something_relevant() -> None:
    same(m.hits(RANKED, RELEVANT, 4), [[0, 1, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize(
    ("metric", "at_2", "at_4"),
    [
        (m.hit_rate, [1, 1, 0, nan], [1, 1, 0, nan]),
        (m.recall, [1 / 2, 1, 0, nan], [1, 1, 0, nan]),
        (m.precision, [1 / 2, 1 / 2, 0, nan], [2 / 4, 1 / 4, 0, nan]),
        (m.ndcg, [(1 / log2(3)) / (1 + 1 / log2(3)), 1 / log2(3), 0, nan], [(1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3)), 1 / log2(3), 0, nan]),
        (m.mrr, [1 / 2, 1 / 2, 0, nan], [1 / 2, 1 / 2, 0, nan]),
        (m.average_precision, [(1 / 2) / 2, 1 / 2, 0, nan], [(1 / 2 + 2 / 4) / 2, 1 / 2, 0, nan]),
    ],
)
def test_a_metric_gives_what_its_formula_gives_by_hand(metric: Callable[..., m.Floats], at_2: list[float], at_4: list[float]) -> None:
    same(metric(RANKED, RELEVANT, 2), at_2)
    same(metric(RANKED, RELEVANT, 4), at_4)


def test_the_ideal_list_is_cut_at_k() -> None:
    everything = (np.arange(6),)
    same(m.ndcg(np.array([[5, 4]]), everything, 2), [1])
    same(m.average_precision(np.array([[5, 4]]), everything, 2), [1])
    same(m.recall(np.array([[5, 4]]), everything, 2), [1 / 3])


@pytest.mark.parametrize("metric", BY_USER)
def test_a_short_list_misses_in_its_empty_places(metric: Callable[..., m.Floats]) -> None:
    padded = metric(np.array([[7, -1, -1]]), (np.array([7, 2]),), 3)
    same(metric(np.array([[7]]), (np.array([7, 2]),), 3), padded)
    same(metric(np.zeros((1, 0), dtype=int), (np.array([7, 2]),), 3), [0])
    assert 0 < padded[0] <= 1


def test_a_repeat_counts_once_wherever_it_stands() -> None:
    twice = np.array([[7, 7, 7]])
    same(m.recall(twice, (np.array([7, 7, 2]),), 3), [1 / 2])
    same(m.precision(twice, (np.array([7]),), 3), [1 / 3])
    same(m.exposure(twice, 8, 3)[7], 1)


def test_an_empty_place_is_never_relevant() -> None:
    same(m.hits(np.array([[3, -1], [-1, 0]]), (np.array([0]), np.array([3])), 2), [[0, 0], [0, 0]])


@pytest.mark.parametrize("metric", [m.hits, *BY_USER])
def test_bad_lists_are_named(metric: Callable[..., m.Floats]) -> None:
    with pytest.raises(SettingError, match="k is the length of a list, at least 1, but is 0"):
        metric(RANKED, RELEVANT, 0)
    with pytest.raises(SettingError, match="4 ranked lists, but 1 users"):
        metric(RANKED, RELEVANT[:1], 2)


@pytest.mark.parametrize("metric", BY_USER)
def test_no_users_give_no_numbers(metric: Callable[..., m.Floats]) -> None:
    assert metric(np.zeros((0, 5), dtype=int), (), 3).shape == (0,)


# --- top ---


def test_top_breaks_ties_by_item_code_also_at_the_edge() -> None:
    scores = np.array([[1, 3, 3, 2, 3], [5, 5, 5, 5, 5], [0, -0.0, 1, 0, -1]], dtype=np.float32)
    assert m.top(scores, 2).tolist() == [[1, 2], [0, 1], [2, 0]]
    assert m.top(scores, 4).tolist() == [[1, 2, 4, 3], [0, 1, 2, 3], [2, 0, 1, 3]]


def test_top_agrees_with_a_full_sort_on_many_ties() -> None:
    rng = np.random.default_rng(1)
    scores, seen = rng.integers(0, 4, (200, 50)).astype(np.float32), rng.random((200, 50)) < 0.3
    for k in (1, 7, 20):
        slow = [sorted(np.flatnonzero(~seen[u]), key=lambda i, u=u: (-scores[u, i], i))[:k] for u in range(200)]
        assert m.top(scores, k, seen).tolist() == slow


def test_top_works_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(2).integers(0, 9, (40, 30)).astype(np.float32)
    whole, spread = m.top(scores, 5), m.diversity(m.top(scores, 5), scores.T, 5)
    monkeypatch.setattr(m, "_CELLS", 100)
    assert m.top(scores, 5).tolist() == whole.tolist()
    same(m.diversity(whole, scores.T, 5), spread)


def test_top_never_shows_what_was_seen_and_pads_with_minus_one() -> None:
    seen = np.array([[True, False, True, False], [True, True, True, True]])
    assert m.top(np.array([[9, 1, 8, 2], [1, 2, 3, 4]], dtype=np.float32), 3, seen).tolist() == [[3, 1, -1], [-1, -1, -1]]
    assert m.top(np.zeros((1, 2), dtype=np.float32), 4).tolist() == [[0, 1, -1, -1]]
    assert m.top(np.zeros((1, 0), dtype=np.float32), 2).tolist() == [[-1, -1]]
    assert m.top(np.zeros((0, 4), dtype=np.float32), 2).shape == (0, 2)


def test_top_ranks_nan_last_and_survives_infinity() -> None:
    least = np.finfo(np.float32).min
    assert m.top(np.array([[nan, -inf, inf, least, 0]], dtype=np.float32), 5).tolist() == [[2, 4, 3, 0, 1]]
    assert m.top(np.array([[nan, 1, nan]], dtype=np.float32), 3, np.array([[False, True, False]])).tolist() == [[0, 2, -1]]
    with pytest.raises(SettingError, match="at least 1, but is -3"):
        m.top(np.zeros((1, 2), dtype=np.float32), -3)


# --- scores and predictions ---


def test_auc_counts_pairs_and_halves_of_ties() -> None:
    scores = np.array([[0.9, 0.5, 0.5, 0.1], [1, 2, 3, 4], [0, 0, 0, 0], [1, 2, 3, 4]])
    wanted = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]], dtype=bool)
    same(m.auc(scores, wanted), [(2 + 1.5) / 4, 0, 0.5, nan])
    among = np.array([[1, 1, 0, 1], [1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]], dtype=bool)
    same(m.auc(scores, wanted, among), [1, nan, 0.5, nan])


def test_auc_agrees_with_counting_all_pairs() -> None:
    rng = np.random.default_rng(3)
    scores, wanted, among = rng.integers(0, 6, (20, 40)).astype(float), rng.random((20, 40)) < 0.3, rng.random((20, 40)) < 0.8
    slow = []
    for s, w, a in zip(scores, wanted, among, strict=True):
        good, bad = s[w & a], s[~w & a]
        slow.append(np.mean((good[:, None] > bad) + 0.5 * (good[:, None] == bad)))
    same(m.auc(scores, wanted, among), slow)


def test_auc_ranks_nan_last() -> None:
    same(m.auc(np.array([[nan, 0.1, nan]]), np.array([[True, False, False]])), [0.5 / 2])


def test_errors_of_ratings_by_hand() -> None:
    same(m.rmse([3, 5, 1], [4, 3, 1]), sqrt(5 / 3))
    same(m.mae([3, 5, 1], [4, 3, 1]), 1)
    same([m.rmse([], []), m.mae([], [])], [nan, nan])
    with pytest.raises(SettingError, match="2 values, but 1 others"):
        m.mae([1, 2], [1])


def test_log_loss_is_the_surprise_at_the_truth() -> None:
    same(m.log_loss(np.array([[0.5, 0.25, 0.25], [2, 6, 0], [1, 0, 0]]), np.array([0, 1, 2])), [log(2), log(4 / 3), -log(1e-15)])
    assert m.log_loss(np.zeros((0, 3)), np.zeros(0, dtype=int)).shape == (0,)
    same(m.log_loss(np.zeros((1, 3)), np.array([0])), [-log(1e-15)])


# --- beyond accuracy ---


def test_coverage_counts_distinct_items() -> None:
    assert m.exposure(RANKED, 7, 2).tolist() == [1, 2, 1, 1, 1, 2, 0]
    same(m.coverage(RANKED, 7, 2), 6 / 7)
    same(m.coverage(RANKED[:1], 10, 1), 1 / 10)
    same(m.coverage(RANKED[:0], 0, 1), nan)


def test_gini_runs_from_equal_to_all_for_one() -> None:
    same(m.gini([2, 2, 2]), 0)
    same(m.gini([0, 0, 0, 8]), 3 / 4)
    same(m.gini([1, 2, 3]), (-2 * 1 + 0 * 2 + 2 * 3) / (3 * 6))
    same([m.gini([0, 0]), m.gini([])], [0, nan])
    with pytest.raises(SettingError, match="counted from 0, but -1"):
        m.gini([3, -1])
    with pytest.raises(SettingError, match="nan was given"):
        m.gini([3, nan])


def test_novelty_is_the_mean_surprise_of_a_list() -> None:
    popularity = [4, 2, 1, 1]  # of 8 events: 1, 2, 3 and 3 bits
    same(m.novelty(np.array([[0, 1], [2, 3], [3, -1], [-1, -1]]), popularity, 2), [1.5, 3, 3, nan])
    same(m.novelty(np.array([[0, 1]]), [1, 0], 2), [1])  # an item without an event counts as if it had one


def test_diversity_is_one_less_the_mean_likeness_of_pairs() -> None:
    vectors = np.array([[1, 0], [0, 2], [3, 3], [0, 0], [-1, 0]])
    ranked = np.array([[0, 1, 2], [0, 0, -1], [0, 2, -1], [0, 4, -1], [3, 0, -1], [3, 3, 3]])
    half = 1 / sqrt(2)
    same(m.diversity(ranked, vectors, 3), [1 - 2 * half / 3, nan, 1 - half, 2, 1, nan])


def test_diversity_of_genres_is_by_jaccard() -> None:
    genres = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]])
    ranked = np.array([[0, 1, 2], [0, 3, -1], [0, -1, -1]])
    same(m.diversity(ranked, genres, 3, "jaccard"), [1 - (1 / 2) / 3, 1, nan])
    same(m.diversity(ranked, 7 * genres, 2, "jaccard"), [1 / 2, 1, nan])


def test_calibration_is_the_divergence_from_the_users_mix() -> None:
    genres = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    mix = m.genre_mix([np.array([0, 0, 0, 1]), np.array([0]), np.array([3]), np.array([], dtype=int), np.array([2])], genres)
    same(mix, [[0.75, 0.25], [1, 0], [0, 0], [0, 0], [0.5, 0.5]])
    shown = np.array([[0, 2], [1, -1], [0, 1], [0, 1], [0, 1]])
    first = 0  # the list's mix is the user's: half of (1, 0) and (.5, .5)
    same(m.calibration(shown, mix, genres, 2), [first, log(1 / 0.01), nan, nan, 0])
    same(m.calibration(np.array([[1, -1]]), mix[:1], genres, 2, alpha=0.1), [0.75 * log(0.75 / 0.075) + 0.25 * log(0.25 / 0.925)])


# --- comparing ---


def test_an_interval_is_the_mean_and_its_error() -> None:
    mean, half = m.interval([1, 2, 3, nan])
    same([mean, half], [2, 1.959963984540054 * 1 / sqrt(3)])
    assert m.interval([1, 2, 3], 0.5).half < half
    same(m.interval([]), [nan, nan])
    same(m.interval([nan]), [nan, nan])
    same(m.interval([4]), [4, nan])
    with pytest.raises(SettingError, match="between 0 and 1, but is 95"):
        m.interval([1], 95)


def test_a_paired_interval_is_that_of_the_differences() -> None:
    easy_and_hard = np.array([0.1, 0.9, 0.2, 0.8, nan])
    better = easy_and_hard + np.array([0.02, 0.04, 0.03, 0.03, 9])
    same(m.paired(better, easy_and_hard), m.interval([0.02, 0.04, 0.03, 0.03]))
    assert m.paired(better, easy_and_hard).half < m.interval(easy_and_hard).half / 10
    with pytest.raises(SettingError, match="1 values, but 2 others"):
        m.paired([1], [1, 2])


def test_group_gaps_compare_every_two_groups() -> None:
    values, groups = [1, 1, 1, 0, 0, 0, 0.5, nan], ["m", "m", "m", "f", "f", "f", "x", "y"]
    gaps = m.group_gaps(values, groups)
    assert [(g.group, g.other, g.difference, g.low, g.high) for g in gaps] == [("f", "m", -1, -1, -1), ("f", "x", -0.5, -0.5, -0.5), ("m", "x", 0.5, 0.5, 0.5)]
    assert m.group_gaps([], []) == ()
    assert m.group_gaps([1.0], ["a"]) == ()


def test_the_interval_of_a_gap_holds_the_difference_and_is_reproducible() -> None:
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.normal(0.3, 0.1, 200), rng.normal(0.2, 0.1, 200)])
    (gap,) = m.group_gaps(values, np.repeat([0, 1], 200), seed=7)
    assert gap.low < gap.difference < gap.high
    assert 0.015 < (gap.high - gap.low) / 2 < 0.025  # 1.96 * .1 * sqrt(2 / 200) = .0196
    assert (gap,) == m.group_gaps(values, np.repeat([0, 1], 200), seed=7)
