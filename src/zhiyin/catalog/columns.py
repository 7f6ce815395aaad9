"""The catalogue as columns: each wish becomes a boolean mask over all rows in one vectorised step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.domain import Domain
from zhiyin.types import Item, ItemId, Op, Value, Wish

Mask = NDArray[np.bool_]
Rows = NDArray[np.int32]
Floats = NDArray[np.float64]


class Catalog:
    """Items, and the columns that answer conditions on them. Immutable once built.

    `items[row]` is the item; numeric fields are float columns (NaN = unknown), value fields are posting lists
    (value -> sorted rows). Sizes within an item are rows of a variant table, so that conditions on
    price and storage hold on one size.
    """

    def __init__(self, domain: Domain, items: Sequence[Item]) -> None:
        self.domain = domain
        self.items = items
        self.row: Mapping[ItemId, int] = {item.id: row for row, item in enumerate(items)}
        self._numbers = {name: self._number_column(name) for name, f in domain.fields.items() if f.numeric and name not in domain.variants}
        self._postings = {name: self._posting_lists(name) for name, f in domain.fields.items() if not f.numeric and f.kind not in {"text", "date"}}
        self._variant_item, self._variant_numbers = self._variant_table()
        self._places: dict[tuple[str, str], Floats] = {}
        self._known: dict[str, Mask] = {}

    def __len__(self) -> int:
        return len(self.items)

    def item(self, item_id: ItemId) -> Item | None:
        """The item of this id, if it is in the catalogue."""
        row = self.row.get(item_id)
        return None if row is None else self.items[row]

    def rows(self, ids: Iterable[ItemId]) -> Rows:
        """The rows of those ids that exist."""
        return np.array([self.row[i] for i in ids if i in self.row], dtype=np.int32)

    def numbers(self, name: str) -> Floats:
        """A numeric field over all rows, NaN where unknown; of a field with variants the lowest."""
        if name in self._variant_numbers:
            return self._lowest[name]
        column = self._numbers.get(name)
        return np.full(len(self), np.nan) if column is None else column

    def values(self, name: str) -> Mapping[str, Rows]:
        """A value field's posting lists, value -> rows."""
        return self._postings.get(name, {})

    def mask(self, wishes: Iterable[Wish]) -> Mask:
        """The rows that satisfy every one of these wishes (hard or soft)."""
        result = np.ones(len(self), dtype=np.bool_)
        sized = []
        for wish in wishes:
            if wish.field in self._variant_numbers and wish.op is not Op.LIKE:
                sized.append(wish)
            elif wish.op is not Op.LIKE:
                result &= self.satisfies(wish)
        if sized:
            result &= self._any_variant(sized)
        return result

    def satisfies(self, wish: Wish) -> Mask:
        """The rows that satisfy one wish; unknown values pass an exclusion only."""
        if wish.op is Op.LIKE:
            return np.ones(len(self), dtype=np.bool_)
        if wish.field in self._variant_numbers:
            return self._any_variant([wish])
        field = self.domain.fields.get(wish.field)
        if field is not None and field.numeric:
            return _compare(self.numbers(wish.field), wish)
        return self._holds_values(wish)

    def has(self, name: str) -> Mask:
        """The rows where the field is known."""
        field = self.domain.fields[name]
        if field.numeric:
            return ~np.isnan(self.numbers(name))
        if name not in self._known:
            known = self._known[name] = np.zeros(len(self), dtype=np.bool_)
            if lists := list(self.values(name).values()):
                known[np.concatenate(lists)] = True
        return self._known[name]

    def matching_variant(self, row: int, wishes: Iterable[Wish]) -> Mapping[str, float]:
        """The cheapest size of an item that meets the wishes, else the hard ones, else its first."""
        variants = self.items[row].variants
        sized = [w for w in wishes if w.field in self._variant_numbers and w.op is not Op.LIKE]
        for asked in (sized, [w for w in sized if w.hard]):  # a size that meets the soft wishes too, if there is one
            for variant in variants:
                if all(_compare(np.array([variant.get(w.field, np.nan)]), w)[0] for w in asked):
                    return variant
        return variants[0] if variants else {}

    def attributes(self, row: int, wishes: Iterable[Wish] = ()) -> dict[str, Value]:
        """What a card shows of an item, with the size that matched."""
        item = self.items[row]
        shown: dict[str, Value] = dict(item.attributes)
        for name, number in self.matching_variant(row, wishes).items():
            shown[name] = int(number) if float(number).is_integer() else number
        return shown

    def counts(self, name: str, mask: Mask) -> dict[str, int]:
        """How many of the masked rows have each value of a field, most first."""
        found = {value: int(mask[rows].sum()) for value, rows in self.values(name).items()}
        return dict(sorted(((v, n) for v, n in found.items() if n), key=lambda pair: (-pair[1], pair[0])))

    @cached_property
    def prior(self) -> Floats:
        """What speaks for each item unasked, in [0, 1]: the pack's `quality` fields, scaled and weighted; unknown counts as `unknown`."""
        total = np.zeros(len(self))
        for quality in self.domain.quality:
            column = self.numbers(quality.field)
            low, high = quality.low, quality.high
            if quality.log:
                column, low, high = np.log1p(column), float(np.log1p(low)), float(np.log1p(high))
            total += quality.weight * np.nan_to_num(np.clip((column - low) / (high - low), 0.0, 1.0), nan=quality.unknown)
        return total

    def _number_column(self, name: str) -> Floats:
        column = np.full(len(self.items), np.nan)
        for row, item in enumerate(self.items):
            value = item.attributes.get(name)
            if isinstance(value, int | float):
                column[row] = value
        return column

    def centrality(self, name: str, values: Iterable[str], rows: Rows) -> Floats:
        """How central these values are to each of the rows: 1 where one leads the row's list, 1/2 in second place ..., 0 without; shape (n,)."""
        result = np.zeros(len(self))
        for value in values:
            listed = self._postings.get(name, {}).get(value)
            if listed is not None:
                result[listed] = np.maximum(result[listed], self._place(name, value))
        return result[rows]

    def _place(self, name: str, value: str) -> Floats:
        """1 / (1 + position) of a value in each of its rows' lists; made once a value."""
        made = self._places.get((name, value))
        if made is None:
            listed = (self.items[row].values(name) for row in self._postings[name][value])
            made = self._places[name, value] = np.array([1.0 / (1 + values.index(value)) if value in values else 1.0 for values in listed])
        return made

    def _posting_lists(self, name: str) -> Mapping[str, Rows]:
        lists: dict[str, list[int]] = {}
        for row, item in enumerate(self.items):
            value = item.attributes.get(name)
            if value is None:
                continue
            for one in value if isinstance(value, tuple) else (value,):
                lists.setdefault(str(one), []).append(row)
        return {value: np.array(rows, dtype=np.int32) for value, rows in lists.items()}

    def _variant_table(self) -> tuple[Rows, Mapping[str, Floats]]:
        if not self.domain.variants:
            return np.empty(0, dtype=np.int32), {}
        owner: list[int] = []
        columns: dict[str, list[float]] = {name: [] for name in self.domain.variants}
        for row, item in enumerate(self.items):
            for variant in item.variants or ({},):
                owner.append(row)
                for name, column in columns.items():
                    known = variant.get(name, item.attributes.get(name, np.nan))
                    column.append(float(known) if isinstance(known, int | float) else np.nan)
        return np.array(owner, dtype=np.int32), {name: np.array(column) for name, column in columns.items()}

    @cached_property
    def _lowest(self) -> Mapping[str, Floats]:
        result = {}
        for name, column in self._variant_numbers.items():
            low = np.full(len(self), np.inf)
            known = ~np.isnan(column)
            np.minimum.at(low, self._variant_item[known], column[known])
            low[np.isinf(low)] = np.nan
            result[name] = low
        return result

    def _any_variant(self, wishes: Sequence[Wish]) -> Mask:
        fits = np.ones(len(self._variant_item), dtype=np.bool_)
        for wish in wishes:
            fits &= _compare(self._variant_numbers[wish.field], wish)
        result = np.zeros(len(self), dtype=np.bool_)
        result[self._variant_item[fits]] = True
        return result

    def _holds_values(self, wish: Wish) -> Mask:
        lists = self.values(wish.field)
        wanted = [str(v) for v in wish.value] if isinstance(wish.value, tuple) else [str(wish.value)]
        result = np.full(len(self), wish.op is Op.ALL_OF, dtype=np.bool_)
        for value in wanted:
            rows = lists.get(value)
            if wish.op is Op.ALL_OF:
                one = np.zeros(len(self), dtype=np.bool_)
                if rows is not None:
                    one[rows] = True
                result &= one
            elif rows is not None:
                result[rows] = True
        return ~result if wish.op is Op.NONE_OF else result


def _compare(column: Floats, wish: Wish) -> Mask:
    value = wish.value
    with np.errstate(invalid="ignore"):
        if wish.op is Op.BETWEEN:
            low, high = _bounds(value)
            fits = (column >= low) & (column <= high)
        elif wish.op in {Op.ANY_OF, Op.ALL_OF, Op.NONE_OF}:
            wanted = value if isinstance(value, tuple) else (value,)
            fits = np.isin(column, np.array([float(v) for v in wanted]))
            if wish.op is Op.NONE_OF:
                return ~fits
        else:
            number = float(value) if isinstance(value, int | float) else np.nan
            match wish.op:
                case Op.LT:
                    fits = column < number
                case Op.LE:
                    fits = column <= number
                case Op.GT:
                    fits = column > number
                case Op.GE:
                    fits = column >= number
                case _:
                    fits = column == number
    return fits | np.isnan(column) if wish.negated else fits


def _bounds(value: Value) -> tuple[float, float]:
    if isinstance(value, tuple) and len(value) == 2:
        return float(value[0]), float(value[1])
    return np.nan, np.nan
