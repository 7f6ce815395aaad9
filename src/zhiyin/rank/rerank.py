"""Re-rankers with one dial each: variety, the user's mix of genres, less popular items, fair exposure.

Every one takes the m candidates of one list, best first, and gives the places of the k to show, in the order to show them:
`codes[mmr(scores, vectors, 0.3, 10)]`. It only reorders: no place twice, none from outside, equal values in the order they
came. A dial is in [0, 1]: 0 is off, the first k as they came, without a look at anything; 1 leaves the scores out.

Scores are scaled to [0, 1] over the candidates, and what they are weighed against lies in [0, 1] too, so that a dial means
the same on every catalogue and for every model. A NaN score counts as the worst, an infinite one as the best or worst.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zhiyin.errors import SettingError

Floats = NDArray[np.float64]
Order = NDArray[np.intp]

ALPHA = 0.01  # how much of the user's own mix smooths the list's (Steck 2018)
LEAST_MERIT = 0.5  # the worst candidate merits half the exposure of the best: being found at all is merit
_TINY = 1e-15


def mmr(scores: ArrayLike, vectors: NDArray[Any], dial: float, k: int | None = None) -> Order:
    """The places of k varied candidates: one after another, each the best of (1 - dial) score - dial likeness to the most alike chosen.

    Maximal marginal relevance (Carbonell & Goldstein 1998). `vectors` is (m, d), genres or embeddings; likeness is their
    cosine, scaled to [0, 1] over all pairs of candidates, for embeddings of one catalogue all lie close together.
    """
    value, k = _start(scores, dial, k, vectors=vectors)
    if dial == 0.0 or not k:
        return np.arange(k)
    alike = _likeness(vectors)
    order, nearest = np.zeros(k, dtype=np.intp), np.zeros(len(value))
    left = np.ones(len(value), dtype=np.bool_)
    for place in range(k):
        best = int(np.argmax(np.where(left, (1.0 - dial) * value - dial * nearest, -np.inf)))
        order[place], left[best] = best, False
        nearest = np.maximum(nearest, alike[best])
    return order


def calibrated(scores: ArrayLike, genres: NDArray[Any], mix: ArrayLike, dial: float, k: int | None = None) -> Order:
    """The places of k candidates whose genres come near the user's mix: greedily the best of (1 - dial) mean score - dial divergence of the list so far.

    The greedy of Steck 2018. `genres` is (m, g), `mix` is (g,), both scaled to sums of 1; the divergence is KL(mix || list)
    / ln(1 / ALPHA), in [0, 1]. Steck sums the scores; their mean makes the dial independent of k. A user without a mix
    gets the candidates as they came.
    """
    value, k = _start(scores, dial, k, genres=genres)
    wanted = _counts(mix)
    if wanted.shape != genres.shape[1:]:
        raise SettingError(f"mix has {wanted.size} genres, but the candidates have {genres.shape[1]}", hint="Give one share for each column of genres")
    if dial == 0.0 or not k or not wanted.any():
        return np.arange(k)
    p, made, mass = wanted / wanted.sum(), _shares(genres), np.zeros(len(wanted))
    order, left = np.zeros(k, dtype=np.intp), np.ones(len(value), dtype=np.bool_)
    for place in range(k):
        gain = (1.0 - dial) * value / (place + 1) - dial * _divergence(p, _shares(mass + made))
        best = int(np.argmax(np.where(left, gain, -np.inf)))
        order[place], left[best] = best, False
        mass = mass + made[best]
    return order


def less_popular(scores: ArrayLike, popularity: ArrayLike, dial: float, k: int | None = None) -> Order:
    """The places of k candidates by (1 - dial) score - dial log popularity, so that the long tail is seen too.

    The aim of Abdollahpouri, Burke & Mobasher 2019 by the plainest penalty. `popularity` is (m,), counts or shares, at
    least 0: the logarithm is scaled to [0, 1] over the candidates, so the unit drops out. The mean log popularity
    of what is shown never rises with the dial.
    """
    counts = _counts(popularity)
    value, k = _start(scores, dial, k, popularity=counts)
    if dial == 0.0 or not k:
        return np.arange(k)
    least = np.min(counts, where=counts > 0, initial=np.inf)
    known = _scaled(np.log(counts + least / 2.0)) if np.isfinite(least) else np.zeros(len(value))  # no event counts as half of the least
    return _best((1.0 - dial) * value - dial * known, k)


def exposed(scores: ArrayLike, exposure: ArrayLike, dial: float, k: int | None = None, *, merit: ArrayLike | None = None) -> Order:
    """The places of k candidates by (1 - dial) score - dial surplus: those shown more than they merit make room for the others.

    Amortised over many lists, exposure comes near merit (Biega, Gummadi & Weikum 2018; Singh & Joachims 2018). `exposure`
    (m,) is what each candidate was given so far, see `shown`. Its surplus is the part of that which goes beyond its share
    of `merit` (m,), in [0, 1): half if it was shown twice as much as it merits, 0 for all that were shown too little.
    Merit is 0.5 to 1 by score unless given.
    """
    given, merits = _counts(exposure), None if merit is None else _counts(merit)
    value, k = _start(scores, dial, k, exposure=given, merit=merits)
    if dial == 0.0 or not k:
        return np.arange(k)
    had, due = _shares(given), _shares(LEAST_MERIT + (1.0 - LEAST_MERIT) * value if merits is None else merits)
    surplus = np.where(had > due, 1.0 - due / np.where(had > due, had, 1.0), 0.0)
    return _best((1.0 - dial) * value - dial * surplus, k)


def shown(exposure: ArrayLike, codes: ArrayLike) -> Floats:
    """The exposure of all items after one more list of these item codes, best first: place p adds 1 / log2(1 + p); the given array stays as it is.

    The attention a place gets is the discount of DCG (Singh & Joachims 2018).
    """
    items = np.asarray(codes, dtype=np.intp)
    after = np.array(exposure, dtype=np.float64)
    np.add.at(after, items, 1.0 / np.log2(np.arange(2, len(items) + 2)))
    return after


# --- inside ---


def _start(scores: ArrayLike, dial: float, k: int | None, **others: NDArray[Any] | None) -> tuple[Floats, int]:
    """The scaled scores and how many can be shown, after a look at what was given."""
    if not 0.0 <= dial <= 1.0:
        raise SettingError(f"dial is between 0 (off) and 1, but is {dial}", hint="Give 0.3, say")
    if k is not None and k < 1:
        raise SettingError(f"k is the length of a list, at least 1, but is {k}", hint="Give k=10, say, or leave it out for all candidates")
    values = np.asarray(scores, dtype=np.float64)
    for name, other in others.items():
        if other is not None and len(other) != len(values):
            raise SettingError(f"{name} has {len(other)} rows, but there are {len(values)} scores", hint="Give one row a candidate, in the order of the scores")
    return _scaled(values), len(values) if k is None else min(k, len(values))


def _scaled(values: Floats) -> Floats:
    """Values in [0, 1], least to most; all 0 if there is no difference."""
    finite = values[np.isfinite(values)]
    if not finite.size or finite.min() == finite.max():
        return np.zeros(values.shape)
    filled = np.clip(np.nan_to_num(values, nan=finite.min()), finite.min(), finite.max()) / np.abs(finite).max()  # the division keeps the span finite
    scaled: Floats = (filled - filled.min()) / max(float(np.ptp(filled)), np.finfo(np.float64).tiny)
    return scaled


def _counts(values: ArrayLike) -> Floats:
    """What cannot be below 0, as numbers that can be added up and divided; NaN is none."""
    counts = np.clip(np.nan_to_num(np.asarray(values, dtype=np.float64)), 0.0, 1e300)
    counts[counts < 1e-300] = 0.0
    return counts


def _shares(rows: NDArray[Any]) -> Floats:
    """Rows that sum to 1; a row of zeros stays."""
    values = rows.astype(np.float64)
    total = values.sum(axis=-1, keepdims=True)
    shares: Floats = np.divide(values, total, out=np.zeros_like(values), where=total > 0)
    return shares


def _likeness(vectors: NDArray[Any]) -> Floats:
    """How alike each two candidates are, (m, m), in [0, 1] from the least alike pair to the most; all 0 if all are equally alike."""
    values = np.nan_to_num(vectors.astype(np.float64), posinf=0.0, neginf=0.0)
    unit = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), _TINY)
    cosine = unit @ unit.T
    pairs = cosine[~np.eye(len(cosine), dtype=np.bool_)]
    span = float(np.ptp(pairs)) if pairs.size else 0.0
    if span < 1e-9:  # rounding, not likeness
        return np.zeros_like(cosine)
    scaled: Floats = np.clip((cosine - pairs.min()) / span, 0.0, 1.0)
    return scaled


def _divergence(p: Floats, lists: Floats) -> Floats:
    """KL(p || list) of each row of `lists` smoothed, / its most, in [0, 1]."""
    there = p > _TINY
    smooth = (1.0 - ALPHA) * lists[:, there] + ALPHA * p[there]
    parts: Floats = (p[there] * np.log(p[there] / smooth)).sum(axis=1) / np.log(1.0 / ALPHA)
    return parts


def _best(values: Floats, k: int) -> Order:
    return np.argsort(-values, kind="stable")[:k]
