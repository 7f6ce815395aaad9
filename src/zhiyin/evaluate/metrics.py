"""Offline metrics over arrays: one number a user first, so that a report can slice them, then intervals and comparisons.

`ranked` is (n, length): the item codes each user was shown, best first; a negative code is an empty place, and of an item
listed twice only the first counts. `relevant` is n arrays of item codes. A list shorter than k misses in its empty places.
A user for whom a metric means nothing (nothing relevant, nothing to pair) has NaN, which `interval` leaves out. No users
give empty arrays, k below 1 a `SettingError`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zhiyin.errors import SettingError

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]
Relevant = Sequence[Codes]

_CELLS = 1 << 22  # numbers held at once by what works in blocks of users
_TINY = 1e-15  # the least probability: a certain error costs 34.5 nats, not infinity


class Interval(NamedTuple):
    """A mean and how far the truth may lie on either side of it."""

    mean: float
    half: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """How much better one group of users is served than another, and the interval of that difference."""

    group: str
    other: str
    difference: float  # mean of `group` less mean of `other`
    low: float
    high: float


# --- lists ---


def top(scores: NDArray[Any], k: int, seen: Bools | None = None) -> NDArray[np.int32]:
    """The k best items of each user, shape (n, k): highest score first, equal scores by ascending item code.

    `scores` and `seen` are (n, items). Exact at the edge too: of equal scores that compete for the last places, the lower
    codes get them. NaN counts as minus infinity. What was seen never shows; where fewer than k items are left, the rest is -1.
    """
    _at_least_one(k)
    n, items = scores.shape
    found = np.full((n, k), -1, dtype=np.int32)
    most = min(k, items)
    for rows in _blocks(n, items) if most else ():
        cost = np.nan_to_num(-scores[rows].astype(np.float64), nan=np.finfo(np.float64).max)  # finite, and -scores: the best is the least
        if seen is not None:
            cost[seen[rows]] = np.inf
        edge = np.partition(cost, most - 1, axis=1)[:, most - 1 : most]
        sure, tied = cost < edge, cost == edge
        taken = sure | (tied & (np.cumsum(tied, axis=1) <= most - sure.sum(axis=1, keepdims=True)))
        codes = np.nonzero(taken)[1].reshape(-1, most)  # ascending codes, so that a stable sort breaks ties by them
        costs = np.take_along_axis(cost, codes, axis=1)
        order = np.argsort(costs, axis=1, kind="stable")
        best = np.take_along_axis(codes, order, axis=1)
        found[rows, :most] = np.where(np.isinf(np.take_along_axis(costs, order, axis=1)), -1, best)
    return found


def hits(ranked: Codes, relevant: Relevant, k: int) -> Bools:
    """Whether each of the first k places holds something relevant, shape (n, k)."""
    keys, stride = _wanted(ranked, relevant, k)
    shown = _shown(ranked, k)
    wanted = np.isin(np.arange(len(shown))[:, None] * stride + shown, keys) & (shown >= 0)
    found = np.zeros((len(ranked), k), dtype=np.bool_)
    found[:, : shown.shape[1]] = wanted
    return found


def hit_rate(ranked: Codes, relevant: Relevant, k: int) -> Floats:
    """1 if anything relevant is among the first k, else 0, shape (n,) (Deshpande & Karypis 2004)."""
    return _per_user(np.any(hits(ranked, relevant, k), axis=1), _sizes(relevant))


def recall(ranked: Codes, relevant: Relevant, k: int) -> Floats:
    """Hits in the first k / all relevant items, in [0, 1], shape (n,) (Herlocker et al. 2004). With one relevant item it is the hit rate."""
    sizes = _sizes(relevant)
    return _per_user(hits(ranked, relevant, k).sum(axis=1) / np.maximum(sizes, 1), sizes)


def precision(ranked: Codes, relevant: Relevant, k: int) -> Floats:
    """Hits in the first k / k, in [0, 1], shape (n,), also where the list is shorter than k (Herlocker et al. 2004)."""
    return _per_user(hits(ranked, relevant, k).sum(axis=1) / k, _sizes(relevant))


def ndcg(ranked: Codes, relevant: Relevant, k: int) -> Floats:
    """Sum of 1 / log2(1 + place) over the hits / the same for an ideal list, in [0, 1], shape (n,).

    Gains are binary, and the ideal list is cut at k too: its first min(k, relevant) places are hits (Järvelin & Kekäläinen 2002).
    """
    worth = 1.0 / np.log2(np.arange(2, k + 2)) if k > 0 else np.zeros(0)
    sizes = _sizes(relevant)
    found = hits(ranked, relevant, k) @ worth
    return _per_user(found / np.cumsum(worth)[np.clip(sizes, 1, k) - 1], sizes)


def mrr(ranked: Codes, relevant: Relevant, k: int) -> Floats:
    """1 / place of the first hit, 0 if the first k hold none, in [0, 1], shape (n,) (Voorhees 1999)."""
    found = hits(ranked, relevant, k)
    return _per_user(found.any(axis=1) / (1.0 + found.argmax(axis=1)), _sizes(relevant))


def average_precision(ranked: Codes, relevant: Relevant, k: int) -> Floats:
    """Sum over the hits of the precision at their place / min(relevant, k), in [0, 1], shape (n,); its mean is MAP@k.

    With min(relevant, k) a full list of hits is worth 1 whatever k; dividing by all relevant items (Manning et al. 2008,
    section 8.4, where lists are not cut) would forbid that to users with more than k.
    """
    found, sizes = hits(ranked, relevant, k), _sizes(relevant)
    at = np.cumsum(found, axis=1) / np.arange(1, k + 1)
    return _per_user((found * at).sum(axis=1) / np.clip(sizes, 1, k), sizes)


# --- scores and predictions ---


def auc(scores: NDArray[Any], wanted: Bools, among: Bools | None = None) -> Floats:
    """How often something wanted scores above something that is not, equal scores counting half, in [0, 1], shape (n,).

    The Mann-Whitney statistic / (wanted * unwanted) (Hanley & McNeil 1982); .5 is chance. All are (n, m); `among` leaves
    items out (such as seen ones). NaN scores rank last. NaN where either side is empty.
    """
    part = np.ones_like(wanted) if among is None else among
    value = np.where(np.isnan(scores), -np.inf, scores)
    order = np.argsort(value, axis=1, kind="stable")
    value, good, bad = (np.take_along_axis(a, order, axis=1) for a in (value, wanted & part, ~wanted & part))
    upto = np.cumsum(bad, axis=1)
    edge = np.ones((len(value), value.shape[1] + 1), dtype=np.bool_)  # where a run of equal scores starts, and the end
    edge[:, 1:-1] = value[:, 1:] != value[:, :-1]
    below = np.maximum.accumulate(np.where(edge[:, :-1], upto - bad, 0), axis=1)
    most = np.where(edge[:, 1:], upto, value.shape[1] + 1)
    within = np.minimum.accumulate(most[:, ::-1], axis=1)[:, ::-1]
    pairs = good.sum(axis=1, dtype=np.float64) * bad.sum(axis=1)
    return _per_user((good * (below + within) / 2.0).sum(axis=1) / np.maximum(pairs, 1), pairs)


def rmse(predicted: ArrayLike, actual: ArrayLike) -> float:
    """Root of the mean squared error of predicted ratings, in rating units, at least 0; NaN for none."""
    errors = _differences(predicted, actual)
    return float(np.sqrt(np.mean(errors**2))) if errors.size else float("nan")


def mae(predicted: ArrayLike, actual: ArrayLike) -> float:
    """Mean absolute error of predicted ratings, in rating units, at least 0; NaN for none."""
    errors = _differences(predicted, actual)
    return float(np.mean(np.abs(errors))) if errors.size else float("nan")


def log_loss(probabilities: NDArray[Any], truth: Codes) -> Floats:
    """-ln of what each true class was given, in nats, in [0, 34.5], shape (m,).

    `probabilities` is (m, classes), at least 0, and scaled to a sum of 1 here; `truth` is (m,). The least probability is 1e-15.
    """
    _same(len(probabilities), len(truth), "rows of probabilities", "true classes")
    given = probabilities[np.arange(len(truth)), truth] / np.maximum(probabilities.sum(axis=1), _TINY)
    losses: Floats = -np.log(np.clip(given, _TINY, 1.0))
    return losses


# --- beyond accuracy ---


def exposure(ranked: Codes, items: int, k: int) -> NDArray[np.int64]:
    """In how many of the lists of k each item stands, shape (items,)."""
    shown = _shown(ranked, k)
    return np.bincount(shown[shown >= 0], minlength=items)


def coverage(ranked: Codes, items: int, k: int) -> float:
    """Items that stand in any list of k / all items, in [0, 1] (Herlocker et al. 2004); NaN for an empty catalogue."""
    return float(np.mean(exposure(ranked, items, k) > 0)) if items else float("nan")


def gini(exposures: ArrayLike) -> float:
    """How unequally exposure is spread, in [0, 1): 0 if all items get the same, near 1 if one gets all; NaN for no items.

    Sum of (2 i - m - 1) x_i / (m * sum of x), x ascending, i from 1 (Fleder & Hosanagar 2009). No exposure at all is equal: 0.
    """
    x = np.sort(np.asarray(exposures, dtype=np.float64))
    if not x.size:
        return float("nan")
    if not x[0] >= 0 or not np.isfinite(x[-1]):
        raise SettingError(f"exposure is counted from 0, but {x[0] if not x[0] >= 0 else x[-1]} was given", hint="Give `exposure(ranked, items, k)`")
    return float((2.0 * np.arange(1, len(x) + 1) - len(x) - 1.0) @ x / (len(x) * x.sum())) if x[-1] else 0.0


def novelty(ranked: Codes, popularity: ArrayLike, k: int) -> Floats:
    """Mean self-information -log2 p(item) of the first k, in bits, at least 0, shape (n,) (Zhou et al. 2010; Vargas & Castells 2011).

    p is an item's share of all events in `popularity` (items,); an item without an event counts as if it had one.
    """
    counts = np.maximum(np.asarray(popularity, dtype=np.float64), 1.0)
    bits = np.append(-np.log2(counts / counts.sum()), 0.0)  # the last one for empty places, whose code is -1
    shown = _shown(ranked, k)
    places = (shown >= 0).sum(axis=1)
    return _per_user(bits[shown].sum(axis=1) / np.maximum(places, 1), places)


def diversity(ranked: Codes, features: NDArray[Any], k: int, measure: Literal["cosine", "jaccard"] = "cosine") -> Floats:
    """1 - mean similarity of all pairs in the first k, shape (n,) (Smyth & McClave 2001; Ziegler et al. 2005).

    `features` is (items, d): vectors for "cosine" (in [0, 2], in [0, 1] if nothing is negative), a matrix whose non-zeros
    are an item's genres for "jaccard" (in [0, 1]). An item without features is like no other. NaN for fewer than two items.
    """
    values = (features != 0).astype(np.float64) if measure == "jaccard" else _unit(features)
    values = np.vstack([values, np.zeros(values.shape[1])])  # the last one for empty places, whose code is -1
    shown = _shown(ranked, k)
    total = np.zeros(len(shown))
    for rows in _blocks(len(shown), shown.shape[1] * values.shape[1]):
        block = values[shown[rows]]
        alike = block @ block.transpose(0, 2, 1)
        if measure == "jaccard":
            sizes = block.sum(axis=2)
            alike /= np.maximum(sizes[:, :, None] + sizes[:, None, :] - alike, 1.0)
        total[rows] = alike.sum(axis=(1, 2)) - np.trace(alike, axis1=1, axis2=2)
    lengths = (shown >= 0).sum(axis=1)
    pairs = lengths * (lengths - 1)
    return _per_user(1.0 - total / np.maximum(pairs, 1), pairs)


def genre_mix(items: Relevant, genres: NDArray[Any]) -> Floats:
    """Each user's mix p(genre), shape (n, genres): the mean of what their items are made of (Steck 2018, all items weighing the same).

    Every row of `genres` (all items, genres) is scaled to a sum of 1 first, and so is each mix; zeros if no item has a genre.
    """
    sizes = np.array([len(row) for row in items], dtype=np.int64)
    owner = np.repeat(np.arange(len(items)), sizes)
    made = np.zeros((len(items), genres.shape[1]))
    if owner.size:
        np.add.at(made, owner, _shares(genres)[np.concatenate([np.asarray(row) for row in items])])
    return _shares(made)


def calibration(ranked: Codes, mix: Floats, genres: NDArray[Any], k: int, alpha: float = 0.01) -> Floats:
    """KL divergence from the user's genre mix to their list's, in nats, in [0, ln(1 / alpha)], shape (n,); 0 is calibrated.

    Sum of p ln(p / ((1 - alpha) q + alpha p)) (Steck 2018), p a row of `mix` (n, genres), q the mean of the first k rows.
    NaN for a user without a mix.
    """
    _same(len(ranked), len(mix), "ranked lists", "genre mixes")
    shown = _shown(ranked, k)
    q = genre_mix([row[row >= 0] for row in shown], genres)
    p = _shares(mix)
    smooth = (1.0 - alpha) * q + alpha * p
    parts = np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0) / np.where(p > 0, smooth, 1.0)), 0.0)
    return _per_user(np.maximum(parts.sum(axis=1), 0.0), p.sum(axis=1))


# --- comparing ---


def interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """The mean and the half-width of its normal interval, z * standard deviation / sqrt(n); NaN values are left out.

    (NaN, NaN) for no values; the half-width of a single one is NaN: it is not known.
    """
    if not 0.0 < level < 1.0:
        raise SettingError(f"level is a probability between 0 and 1, but is {level}", hint="Give .95 for 95 %")
    given = np.asarray(values, dtype=np.float64)
    given = given[~np.isnan(given)]
    if not given.size:
        return Interval(float("nan"), float("nan"))
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    half = z * float(np.std(given, ddof=1)) / len(given) ** 0.5 if len(given) > 1 else float("nan")
    return Interval(float(np.mean(given)), half)


def paired(values: ArrayLike, others: ArrayLike, level: float = 0.95) -> Interval:
    """By how much one model is better than another on the same users: the interval of the differences user by user.

    Much narrower than what two separate intervals suggest, for easy users are easy for both. Users who are NaN in either are left out.
    """
    return interval(_differences(values, others), level)


def group_gaps(values: ArrayLike, groups: Sequence[Any] | NDArray[Any], *, level: float = 0.95, resamples: int = 1000, seed: int = 0) -> tuple[Gap, ...]:
    """The difference of a per-user metric between every two groups of users, by name, with its bootstrap interval.

    Percentiles of `resamples` draws with replacement within each group (Efron 1979), as Ekstrand et al. 2018 compare groups.
    NaN values are left out, and so is a group with none left.
    """
    numbers, names = np.asarray(values, dtype=np.float64), np.asarray(groups).astype(str)
    _same(len(numbers), len(names), "values", "groups")
    rng = np.random.default_rng(seed)
    found: dict[str, tuple[float, Floats]] = {}
    for name in np.unique(names[~np.isnan(numbers)]).tolist():
        mine = numbers[(names == name) & ~np.isnan(numbers)]
        draws = np.array([mine[rng.integers(len(mine), size=len(mine))].mean() for _ in range(resamples)])
        found[name] = (float(mine.mean()), draws)
    gaps = []
    for a, b in combinations(found, 2):
        low, high = np.quantile(found[a][1] - found[b][1], ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
        gaps.append(Gap(group=a, other=b, difference=found[a][0] - found[b][0], low=float(low), high=float(high)))
    return tuple(gaps)


# --- inside ---


def _at_least_one(k: int) -> None:
    if k < 1:
        raise SettingError(f"k is the length of a list, at least 1, but is {k}", hint="Give k=10, say")


def _same(one: int, other: int, ones: str, others: str) -> None:
    if one != other:
        raise SettingError(f"{one} {ones}, but {other} {others}", hint="Give one of each, in the same order")


def _blocks(n: int, width: int) -> Iterator[slice]:
    step = max(1, _CELLS // max(1, width))
    return (slice(start, start + step) for start in range(0, n, step))


def _shown(ranked: Codes, k: int) -> NDArray[np.int64]:
    """The first k places, at most; -1 is the code of an empty one, and of a repeat."""
    _at_least_one(k)
    shown = ranked[:, :k].astype(np.int64)
    order = np.argsort(shown, axis=1, kind="stable")
    inorder = np.take_along_axis(shown, order, axis=1)
    repeat = np.zeros(shown.shape, dtype=np.bool_)
    np.put_along_axis(repeat, order[:, 1:], inorder[:, 1:] == inorder[:, :-1], axis=1)
    return np.where(repeat | (shown < 0), -1, shown)


def _wanted(ranked: Codes, relevant: Relevant, k: int) -> tuple[NDArray[np.int64], int]:
    """What is relevant to whom as keys user * stride + item, and the stride."""
    _at_least_one(k)
    _same(len(ranked), len(relevant), "ranked lists", "users with relevant items")
    items = np.concatenate([np.asarray(row, dtype=np.int64) for row in relevant]) if len(relevant) else np.zeros(0, dtype=np.int64)
    stride = 1 + max(int(items.max(initial=0)), int(ranked.max(initial=0)))
    return np.repeat(np.arange(len(relevant)), [len(row) for row in relevant]) * stride + items, stride


def _sizes(relevant: Relevant) -> NDArray[np.int64]:
    return np.array([len(np.unique(row)) for row in relevant], dtype=np.int64)


def _per_user(values: ArrayLike, known: ArrayLike) -> Floats:
    """The values, NaN where nothing is known."""
    return np.where(np.asarray(known) > 0, values, np.nan).astype(np.float64)


def _differences(these: ArrayLike, those: ArrayLike) -> Floats:
    a, b = np.asarray(these, dtype=np.float64), np.asarray(those, dtype=np.float64)
    _same(len(a), len(b), "values", "others")
    return a - b


def _unit(vectors: NDArray[Any]) -> Floats:
    values = vectors.astype(np.float64)
    unit: Floats = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), _TINY)
    return unit


def _shares(rows: NDArray[Any]) -> Floats:
    values = rows.astype(np.float64)
    total = values.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(values, total, out=np.zeros_like(values), where=total > 0)
    return shares
