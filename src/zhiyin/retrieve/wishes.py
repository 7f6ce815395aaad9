"""How well items meet the soft wishes: moods with their supporting conditions, closeness to "about", superlatives as an order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Condition
from zhiyin.types import Op, Wish

Floats = NDArray[np.float64]
Rows = NDArray[np.int32]
SUPPORT = 0.45  # a supporting condition against the leading one
_PRIOR_VOTES = 40.0


def soft_scores(catalog: Catalog, wishes: Sequence[Wish], rows: Rows) -> Floats | None:
    """The mean fit of the soft wishes in [0, 1], or None if there are none."""
    soft = [w for w in wishes if not w.hard and w.op is not Op.LIKE]
    if not soft:
        return None
    return np.mean([_fit(catalog, wish)[rows] for wish in soft], axis=0)  # type: ignore[no-any-return]  # numpy's mean is untyped here


def closeness(catalog: Catalog, wishes: Sequence[Wish], rows: Rows) -> Floats | None:
    """1 at the amount that "about" was said of, 0 at the edge of its band; None without such a wish."""
    near = [w for w in wishes if w.near is not None and isinstance(w.value, tuple)]
    if not near:
        return None
    scores = []
    for wish in near:
        low, high = (float(v) for v in wish.value) if isinstance(wish.value, tuple) else (0.0, 0.0)
        width = max((high - low) / 2, 1e-9)
        distance = np.abs(_nearest(catalog, wish)[rows] - (wish.near or 0.0)) / width
        scores.append(np.nan_to_num(1.0 - np.clip(distance, 0.0, 1.0)))
    return np.mean(scores, axis=0)  # type: ignore[no-any-return]


def central_scores(catalog: Catalog, wishes: Sequence[Wish], rows: Rows) -> Floats | None:
    """How far up in each item's own list the wanted values stand (1, 1/2, 1/3 ...), the mean over hard value wishes; None without any."""
    wanted = [
        w
        for w in wishes
        if w.hard and w.op in {Op.ANY_OF, Op.ALL_OF} and isinstance(w.value, tuple) and catalog.domain.fields[w.field].kind == "list" and not catalog.domain.fields[w.field].people
    ]
    if not wanted:
        return None
    return np.mean([catalog.centrality(w.field, [str(v) for v in w.value], rows) for w in wanted if isinstance(w.value, tuple)], axis=0)  # type: ignore[no-any-return]


def order_scores(catalog: Catalog, wishes: Sequence[Wish], rows: Rows) -> Floats | None:
    """Rank positions in [0, 1] by the superlative asked for ("cheapest", 最新), unknown values last; None without one."""
    wish = next((w for w in reversed(wishes) if w.op is Op.LIKE), None)
    if wish is None or len(rows) == 0:
        return None
    column = catalog.numbers(wish.field)[rows]
    trust = catalog.domain.fields[wish.field].trust
    if trust:
        votes = np.nan_to_num(catalog.numbers(trust)[rows])
        middle = float(np.nanmean(column)) if not np.isnan(column).all() else 0.0
        column = (column * votes + middle * _PRIOR_VOTES) / (votes + _PRIOR_VOTES)
    filled = np.nan_to_num(column if wish.value == "highest" else -column, nan=-np.inf)
    _, place = np.unique(filled, return_inverse=True)
    return np.asarray(place / max(1, place.max()), dtype=np.float64)


def _nearest(catalog: Catalog, wish: Wish) -> Floats:
    """The field's column; of a field with sizes, the size nearest to the amount."""
    if wish.field not in catalog.domain.variants:
        return catalog.numbers(wish.field)
    best = np.full(catalog.size, np.nan)
    for row in map(int, np.flatnonzero(catalog.satisfies(wish))):
        values = [v[wish.field] for v in catalog.items[row].variants if wish.field in v] or [float(catalog.numbers(wish.field)[row])]
        best[row] = min(values, key=lambda v: abs(v - (wish.near or 0.0)))
    return best


def _fit(catalog: Catalog, wish: Wish) -> Floats:
    adjective = catalog.domain.quality_of(wish)
    if adjective is None:
        return catalog.satisfies(wish).astype(np.float64)
    weights = [1.0, *(SUPPORT for _ in adjective.conditions[1:])]
    scores = [weight * _holds(catalog, c) for weight, c in zip(weights, adjective.conditions, strict=True)]
    return np.sum(scores, axis=0) / sum(weights)  # type: ignore[no-any-return]


def _holds(catalog: Catalog, condition: Condition) -> Floats:
    return catalog.satisfies(Wish(field=condition.field, op=condition.op, value=condition.value)).astype(np.float64)
