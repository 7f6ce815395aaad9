"""How much each kind of event says about what comes next, by linear regression: R = b0 + b1 clicks + b2 favourites + b3 ratings + ..."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zhiyin.interactions import KINDS, RATING, Interactions, Interest
from zhiyin.learn.holdout import Split
from zhiyin.ports import Source

_LEAST = 200  # events of a kind, below which its weight stays as it was
_STARS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A fitted R = bias + sum of weights x evidence. A weight is what one standard deviation of the kind's evidence adds to R."""

    bias: float
    weights: Mapping[str, float]
    error: float  # root of the mean squared error on what it was fitted on

    def __str__(self) -> str:
        """The formula, readable."""
        if not self.weights:
            return "too little to tell: of no kind are there enough events, or nobody came back"
        return f"R = {self.bias:.4f}" + "".join(f" {'+' if w >= 0 else '-'} {abs(w):.4f} {name}" for name, w in self.weights.items())


def learn_interest(source: Source, split: Split, *, against: int = 50, seed: int = 0) -> tuple[Interest, Regression]:
    """The interest of each kind of event (and of each number of stars) that predicts best what users picked next, and the regression it was read off.

    The evidence of a kind for an item is what `source`, fitted on `split.train`, says given the user's events of that kind alone. R is 1 for the
    items picked next and 0 for `against` random others a user. Per unit of evidence, the strongest kind gets the interest 1; negative weights
    count as none; kinds with fewer than 200 events keep the default.
    """
    log = split.train if split.known is None else split.known
    kinds = _kinds(log)
    known = Interest()
    if not kinds or not split.relevant:
        return known, Regression(bias=0.0, weights={}, error=0.0)
    random = np.random.default_rng(seed)
    rows, items, picked = _pairs(split, against, random)
    evidence = np.empty((len(rows), len(kinds)))
    for column, mask in enumerate(kinds.values()):
        flat = log.take(mask).histories(split.users)
        scores = source.scores(replace(flat, weight=np.ones_like(flat.weight)))
        evidence[:, column] = scores[rows, items]
    spread = np.maximum(evidence.std(axis=0), 1e-12)
    bias, weights, error = _regress((evidence - evidence.mean(axis=0)) / spread, picked, random)
    found = Regression(bias=bias, weights=dict(zip(kinds, map(float, weights), strict=True)), error=error)
    each = np.maximum(weights / spread, 0.0)
    if not each.any():
        return known, found
    share = dict(zip(kinds, (float(x) for x in np.round(each / each.max(), 3)), strict=True))
    stars = tuple(share.get(f"rating {n}", known.ratings[n - 1]) for n in _STARS)
    return Interest(kinds={**known.kinds, **{k: share[k] for k in share.keys() & set(KINDS)}}, ratings=stars), found  # type: ignore[arg-type]  # five stars


def _kinds(log: Interactions) -> dict[str, NDArray[np.bool_]]:
    """The kinds of events there are enough of, ratings by their stars."""
    masks = {name: log.kind == code for code, name in enumerate(KINDS) if code != RATING}
    masks |= {f"rating {n}": (log.kind == RATING) & (np.rint(log.value) == n) for n in _STARS}
    return {name: mask for name, mask in masks.items() if mask.sum() >= _LEAST}


def _pairs(split: Split, against: int, random: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Rows of `split.users`, items, and whether picked: every relevant pair, and random others that the user never met."""
    rows = np.concatenate([np.full(len(items), row) for row, items in enumerate(split.relevant)])
    items = np.concatenate(split.relevant).astype(np.int64)
    log, size = split.train if split.known is None else split.known, len(split.train.items)
    other_rows = np.repeat(np.arange(len(split.users)), against)
    other_items = random.integers(0, size, len(other_rows))
    met = np.concatenate([log.user.astype(np.int64) * size + log.item, split.users[rows].astype(np.int64) * size + items])
    fresh = ~np.isin(split.users[other_rows].astype(np.int64) * size + other_items, met)
    return (
        np.concatenate([rows, other_rows[fresh]]),
        np.concatenate([items, other_items[fresh]]),
        np.concatenate([np.ones(len(rows)), np.zeros(int(fresh.sum()))]),
    )


def _regress(
    evidence: NDArray[np.float64], wanted: NDArray[np.float64], random: np.random.Generator, *, rounds: int = 20, batch: int = 256
) -> tuple[float, NDArray[np.float64], float]:
    """Least squares by SGD over standardised columns; the rate falls as 1 / sqrt(step) and the second half is averaged."""
    weights, bias = np.zeros(evidence.shape[1]), float(wanted.mean())
    mean, steps, kept = np.zeros(evidence.shape[1] + 1), 0, 0
    total = rounds * -(-len(wanted) // batch)
    for _ in range(rounds):
        order = random.permutation(len(wanted))
        for begin in range(0, len(order), batch):
            part = order[begin : begin + batch]
            miss = evidence[part] @ weights + bias - wanted[part]
            rate = 0.05 / np.sqrt(1.0 + steps / 10.0)
            weights -= rate * evidence[part].T @ miss / len(part)
            bias -= rate * float(miss.mean())
            steps += 1
            if 2 * steps > total:
                mean, kept = mean + np.append(weights, bias), kept + 1
    mean /= max(1, kept)
    error = float(np.sqrt(np.mean((evidence @ mean[:-1] + mean[-1] - wanted) ** 2)))
    return float(mean[-1]), mean[:-1], error
