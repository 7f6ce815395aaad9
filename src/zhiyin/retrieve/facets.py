"""What the hard wishes leave: counts, the questions whose answers would split it, and the smallest relaxations if nothing is left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Field
from zhiyin.types import NUMERIC_OPS, Facets, Offer, Op, Option, Query, Question, Value, Wish

Mask = NDArray[np.bool_]
MAX_OPTIONS = 5
MAX_OFFERS = 3


def read_facets(catalog: Catalog, query: Query, *, ask: bool = True) -> Facets:
    """The facets of a query."""
    hard = [w for w in query.wishes if w.hard and w.op is not Op.LIKE]
    mask = catalog.mask(hard)
    gone = _rejected(catalog, query, mask)
    count = int(mask.sum())
    fresh = int(gone.sum())
    questions = tuple(_questions(catalog, gone, query)) if ask and fresh else ()
    return Facets(count=count, fresh=fresh, questions=questions, offers=() if fresh else tuple(_offers(catalog, hard, query)))


def _rejected(catalog: Catalog, query: Query, mask: Mask) -> Mask:
    left = mask.copy()
    left[catalog.rows(query.exclude)] = False
    return left


# --- questions ---


def _questions(catalog: Catalog, mask: Mask, query: Query) -> Iterable[Question]:
    """Questions by expected information gain, the pack's order breaking near ties."""
    wished = {w.field for w in query.wishes}
    fields = [f for f in catalog.domain.fields.values() if f.ask and f.name not in wished]
    found = []
    for field in fields:
        options = _number_options(catalog, field, mask) if field.numeric else _value_options(catalog, field, mask)
        if len(options) > 1:
            gain = _entropy([o.count for o in options], int(mask.sum()))
            found.append((gain * (1.15 - 0.1 * field.ask), Question(field=field.name, options=tuple(options), gain=round(gain, 3))))
    return [question for _, question in sorted(found, key=lambda pair: -pair[0])]


def _entropy(counts: Sequence[int], total: int) -> float:
    """Bits an answer brings if it falls on the options as the items do; items no option covers bring none. H = -sum p log2 p."""
    whole = max(total, sum(counts))
    shares = np.array([c / whole for c in counts if c])
    return float(-(shares * np.log2(shares)).sum())


def _value_options(catalog: Catalog, field: Field, mask: Mask) -> list[Option]:
    counts = catalog.counts(field.name, mask)
    total = int(mask.sum())
    return [Option(label=value, value=value, count=n) for value, n in counts.items() if 0 < n < total][:MAX_OPTIONS]


def _number_options(catalog: Catalog, field: Field, mask: Mask) -> list[Option]:
    """Three or four bands with round edges that hold about as many items each; decades for years."""
    column = catalog.numbers(field.name)
    known = column[mask & ~np.isnan(column)]
    if len(known) < 8:
        return []
    if field.kind == "year" and known.max() - known.min() > 25:
        edges = [e for e in (1980.0, 2000.0, 2010.0) if known.min() < e < known.max()]
    else:
        edges = sorted({_rounded(float(q)) for q in np.quantile(known, [0.25, 0.5, 0.75])})
    edges = [e for e in edges if known.min() < e <= known.max()]
    if not edges:
        return []
    lows: list[float | None] = [None, *edges]
    highs: list[float | None] = [*edges, None]
    options = []
    for low, high in zip(lows, highs, strict=True):
        inside = (known >= (low if low is not None else -np.inf)) & (known < (high if high is not None else np.inf))
        value: Value = (_tidy(low if low is not None else 0), _tidy(high)) if high is not None else (_tidy(low or 0),)
        options.append(Option(label=field.name, value=value, count=int(inside.sum())))
    return [o for o in options if o.count]


def _rounded(number: float) -> float:
    """To one and a half significant digits: 2,149 -> 2,000; 3,499 -> 3,500; 97 -> 95."""
    size = 10 ** np.floor(np.log10(max(abs(number), 1)))
    return float(round(number / (size / 2)) * size / 2)


# --- relaxations ---


def _offers(catalog: Catalog, hard: Sequence[Wish], query: Query) -> list[Offer]:
    """The smallest changes that leave something.

    Each row violates some set of wishes; the smallest such sets are what has to give. One wish alone is widened if it can be, else lifted.
    """
    if not hard:
        return []
    violated = ~np.vstack([catalog.satisfies(w) for w in hard])  # (wishes, rows)
    violated = violated[:, _shown_before(catalog, query)]
    count = violated.sum(axis=0)
    if not (count > 0).any():
        return []
    nearest = violated[:, count == count[count > 0].min()]
    sets, sizes = np.unique(nearest, axis=1, return_counts=True)
    groups = [[wish for wish, gone in zip(hard, sets[:, k], strict=True) if gone] for k in np.argsort(-sizes)]
    found = [_give(catalog, query, hard, group) for group in groups[: 2 * MAX_OFFERS]]
    kept = [o for o in found if o.count > 0]
    return sorted(kept, key=lambda o: (o.to is None, len(o.also), -min(o.count, 200)))[:MAX_OFFERS]


def _shown_before(catalog: Catalog, query: Query) -> Mask:
    """The rows that may still be offered."""
    free = catalog.there
    free[catalog.rows(query.exclude)] = False
    return free


def _give(catalog: Catalog, query: Query, hard: Sequence[Wish], group: Sequence[Wish]) -> Offer:
    """The offer of letting these wishes go."""
    rest = _allowed(catalog, query, [w for w in hard if w not in group])
    if len(group) == 1:
        return _smallest(catalog, group[0], rest)
    return Offer(wish=group[0], to=None, count=int(rest.sum()), also=tuple(group[1:]))


def _allowed(catalog: Catalog, query: Query, wishes: Sequence[Wish]) -> Mask:
    mask = catalog.mask(wishes)
    mask[catalog.rows(query.exclude)] = False
    return mask


def _smallest(catalog: Catalog, wish: Wish, rest: Mask) -> Offer:
    """The nearest value that would do, for a bound; the wish without one of its values, for "all of"; else the wish lifted."""
    if wish.op in NUMERIC_OPS and wish.op is not Op.EQ:
        column = catalog.numbers(wish.field)
        known = column[rest & ~np.isnan(column)]
        edge = _nearest_edge(wish, known)
        if edge is not None:
            to: Value = edge
            widened = Wish(field=wish.field, op=Op.BETWEEN if isinstance(edge, tuple) else _closed(wish.op), value=edge)
            count = int((catalog.satisfies(widened) & rest).sum())
            if count:
                return Offer(wish=wish, to=to, count=count)
    if wish.op is Op.ALL_OF and isinstance(wish.value, tuple) and len(wish.value) > 1:
        options = []
        for value in wish.value:
            left = tuple(v for v in wish.value if v != value)
            count = int((catalog.satisfies(Wish(field=wish.field, op=Op.ALL_OF, value=left)) & rest).sum())
            options.append((count, left))
        count, left = max(options, key=lambda o: o[0])
        if count:
            return Offer(wish=wish, to=left, count=count)
    return Offer(wish=wish, to=None, count=int(rest.sum()))


def _closed(op: Op) -> Op:
    return {Op.LT: Op.LE, Op.GT: Op.GE}.get(op, op)


def _nearest_edge(wish: Wish, known: NDArray[np.float64]) -> Value | None:
    if len(known) == 0:
        return None
    if wish.op in {Op.LT, Op.LE}:
        return _tidy(float(known.min()))
    if wish.op in {Op.GT, Op.GE}:
        return _tidy(float(known.max()))
    if wish.op is Op.BETWEEN and isinstance(wish.value, tuple):
        low, high = float(wish.value[0]), float(wish.value[1])
        below, above = known[known < low], known[known > high]
        gap_low = low - below.max() if len(below) else np.inf
        gap_high = above.min() - high if len(above) else np.inf
        if not np.isfinite(min(gap_low, gap_high)):
            return None
        return (_tidy(float(below.max())), _tidy(high)) if gap_low < gap_high else (_tidy(low), _tidy(float(above.min())))
    return None


def _tidy(number: float) -> int | float:
    return int(number) if float(number).is_integer() else round(float(number), 4)
