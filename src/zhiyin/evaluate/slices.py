"""For whom and with what a model does well: a metric by how active users are, and by how popular the items they wanted are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zhiyin.evaluate.metrics import Codes, Floats, Interval, Relevant, interval

QUARTERS = ("least active quarter", "second quarter", "third quarter", "most active quarter")
THIRDS = ("most popular third", "middle third", "least popular third")


def by_activity(values: ArrayLike, events: ArrayLike) -> dict[str, Interval]:
    """A per-user metric (n,) by quarter of how many events each user has (n,); users with equally many are in one quarter."""
    counts, numbers = np.asarray(events, dtype=np.float64), np.asarray(values, dtype=np.float64)
    edges = np.quantile(counts, (0.25, 0.5, 0.75)) if counts.size else np.zeros(3)
    quarter = np.searchsorted(edges, counts, side="left")
    return {name: interval(numbers[quarter == n]) for n, name in enumerate(QUARTERS)}


def by_popularity(metric: Callable[[Codes, Relevant, int], Floats], ranked: Codes, relevant: Relevant, k: int, popularity: ArrayLike) -> dict[str, Interval]:
    """A metric of lists by third of popularity: in each, only its items count as relevant, and only users who wanted one of them."""
    third = thirds(popularity)
    return {name: interval(metric(ranked, [row[third[row] == n] for row in relevant], k)) for n, name in enumerate(THIRDS)}


def thirds(popularity: ArrayLike) -> NDArray[Any]:
    """0, 1 or 2 for each item: whether the events of all more popular items fill less than one, two or three thirds of all events.

    The thirds hold about equally many events, not items: the most popular one is a short head. Equal items are in order of code.
    """
    counts = np.asarray(popularity, dtype=np.float64)
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    third = np.full(len(counts), 2)
    if counts.sum() > 0:
        third[order] = np.minimum(3.0 * before / counts.sum(), 2.0).astype(np.int64)
    return third
