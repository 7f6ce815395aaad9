"""Slices of a metric: by activity of the users and by popularity of what they wanted."""

from __future__ import annotations

import numpy as np

from zhiyin.evaluate.metrics import recall
from zhiyin.evaluate.slices import QUARTERS, THIRDS, by_activity, by_popularity, thirds


def means(found: dict[str, tuple[float, float]]) -> list[float]:
    return [round(mean, 12) for mean, _ in found.values()]


def test_quarters_run_from_the_least_to_the_most_active() -> None:
    found = by_activity([0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], [80, 70, 60, 50, 40, 30, 20, 10])
    assert tuple(found) == QUARTERS
    assert means(found) == [0.15, 0.35, 0.55, 0.75]


def test_equally_active_users_are_in_one_quarter() -> None:
    found = by_activity([1, 0, 1, 0, 0.5], [3, 3, 3, 3, 9])
    assert means(found)[0] == 0.5
    assert means(found)[3] == 0.5
    assert np.isnan(means(found)[1:3]).all()


def test_thirds_hold_equally_many_events_not_items() -> None:
    assert thirds([10, 40, 20, 10, 10, 0]).tolist() == [2, 0, 1, 2, 2, 2]
    assert thirds([5, 5, 5]).tolist() == [0, 1, 2]
    assert thirds([0, 0]).tolist() == [2, 2]
    assert thirds([]).tolist() == []


def test_only_what_lies_in_a_third_counts_there() -> None:
    ranked = np.array([[0, 1], [0, 2]])
    relevant = (np.array([0, 1, 2]), np.array([1]))  # found: 0 and 1; nothing
    found = by_popularity(recall, ranked, relevant, 2, [5, 5, 5])
    assert tuple(found) == THIRDS
    assert means(found) == [1, 0.5, 0]


def test_no_users_have_no_means() -> None:
    assert np.isnan(means(by_activity([], []))).all()
    assert np.isnan(means(by_popularity(recall, np.zeros((0, 2), dtype=int), (), 2, [1, 2]))).all()
