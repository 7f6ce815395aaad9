"""Items side by side: a row a field with what differs and which is ahead, a verdict a wish. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.catalog.domain import Field
from zhiyin.reply.wording import Wording
from zhiyin.types import Item, Op, Value, Wish
from zhiyin.wire import Json, plain_value

_VALUES = 8  # of a list, in a cell


def rows_json(items: Sequence[Item], wishes: Sequence[Wish], wording: Wording, language: str) -> list[Json]:
    """The fields that at least one of the items has, in the order of the cards, then of the domain."""
    fields = [f for f in wording.domain.fields.values() if f.wish and (f.card or f.better or f.numeric)]
    told = [_row(field, items, wishes, wording, language) for field in sorted(fields, key=lambda f: (not f.card, f.card))]
    return [row for row in told if row is not None]


def verdicts_json(items: Sequence[Item], wishes: Sequence[Wish], wording: Wording, language: str) -> list[Json]:
    """Of each wish which of the items keep it; null where the catalogue does not know."""
    return [
        {"constraint": w.id, "label": wording.wish(w, language), "source": w.source, "holds": [_holds(w, item, wording) for item in items]} for w in wishes if w.op is not Op.LIKE
    ]


def _row(field: Field, items: Sequence[Item], wishes: Sequence[Wish], wording: Wording, language: str) -> Json | None:
    catalog = wording.catalog
    values = [catalog.attributes(catalog.row[item.id], wishes).get(field.name) for item in items]
    if all(value is None for value in values):
        return None
    cells = [None if value is None else {"text": wording.value(field.name, _short(value), language), "value": plain_value(value)} for value in values]
    return {"field": field.name, "label": wording.label(field.name, language), "values": cells, "differs": len({_key(v) for v in values}) > 1, "best": _best(field, values)}


def _best(field: Field, values: Sequence[Value | None]) -> int | None:
    """Which one is ahead, where one alone is and all are known."""
    numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if not field.better or len(numbers) < len(values):
        return None
    best = min(numbers) if field.better == "lower" else max(numbers)
    return numbers.index(best) if numbers.count(best) == 1 else None


def _holds(wish: Wish, item: Item, wording: Wording) -> bool | None:
    catalog = wording.catalog
    row = catalog.row[item.id]
    if not bool(catalog.has(wish.field)[row]):
        return None
    return bool(np.asarray(catalog.satisfies(wish))[row])


def _short(value: Value) -> Value:
    return value[:_VALUES] if isinstance(value, tuple) else value


def _key(value: Value | None) -> object:
    return frozenset(value) if isinstance(value, tuple) else value
