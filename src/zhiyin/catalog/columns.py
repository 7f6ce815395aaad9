"""The catalogue as columns: each wish becomes a boolean mask over all rows in one vectorised step."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.change import Change, changed_numbers, changed_postings, changed_sizes, number_of, sizes_of, values_differ, values_of
from zhiyin.catalog.domain import Domain
from zhiyin.types import Item, ItemId, Op, Value, Wish

Mask = NDArray[np.bool_]
Rows = NDArray[np.int32]
Floats = NDArray[np.float64]


class Catalog:
    """Items, and the columns that answer conditions on them. Immutable once built: `changed` makes another one.

    `items[row]` is the item; numeric fields are float columns (NaN = unknown), value fields are posting lists
    (value -> sorted rows). Sizes within an item are rows of a variant table, so that conditions on
    price and storage hold on one size. After changes some of the `size` rows may be empty: no wish is met there,
    `row` does not lead there, and what `items` holds there is nobody's; `len` counts the others.
    """

    def __init__(self, domain: Domain, items: Sequence[Item]) -> None:
        self.domain = domain
        self.items = items
        self.row: Mapping[ItemId, int] = {item.id: row for row, item in enumerate(items)}
        self._seats: Mapping[ItemId, int] = self.row  # the rows of those that are gone too
        self._there: Mask | None = None  # rows that are not empty; None where none is
        self._numbers = {name: self._number_column(name) for name, f in domain.fields.items() if f.numeric and name not in domain.variants}
        self._postings = {name: self._posting_lists(name) for name, f in domain.fields.items() if not f.numeric and f.kind not in {"text", "date"}}
        self._variant_item, self._variant_numbers = self._variant_table()
        self._places: dict[tuple[str, str], Floats] = {}
        self._known: dict[str, Mask] = {}

    def __len__(self) -> int:
        return len(self.row)

    @property
    def size(self) -> int:
        """Rows of the columns, empty ones too: the length of masks and scores."""
        return len(self.items)

    @property
    def there(self) -> Mask:
        """The rows that hold an item."""
        return np.ones(self.size, dtype=np.bool_) if self._there is None else self._there.copy()

    @cached_property
    def ids(self) -> tuple[ItemId, ...]:
        """The ids of all items, sorted."""
        return tuple(sorted(self.row))

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
        return np.full(self.size, np.nan) if column is None else column

    def occurs(self, name: str, number: float) -> bool:
        """Whether some item, or some size of one, has exactly this number in a field."""
        column = self._variant_numbers[name] if name in self._variant_numbers else self.numbers(name)
        return bool((column == number).any())

    def values(self, name: str) -> Mapping[str, Rows]:
        """A value field's posting lists, value -> rows."""
        return self._postings.get(name, {})

    def mask(self, wishes: Iterable[Wish]) -> Mask:
        """The rows that satisfy every one of these wishes (hard or soft)."""
        result = self.there
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
        fits = self._satisfies(wish)
        return fits if self._there is None else fits & self._there

    def _satisfies(self, wish: Wish) -> Mask:
        if wish.op is Op.LIKE:
            return np.ones(self.size, dtype=np.bool_)
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
            known = self._known[name] = np.zeros(self.size, dtype=np.bool_)
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
        total = np.zeros(self.size)
        for quality in self.domain.quality:
            column = self.numbers(quality.field)
            low, high = quality.low, quality.high
            if quality.log:
                column, low, high = np.log1p(column), float(np.log1p(low)), float(np.log1p(high))
            total += quality.weight * np.nan_to_num(np.clip((column - low) / (high - low), 0.0, 1.0), nan=quality.unknown)
        return total

    def changed(self, put: Iterable[Item] = (), delete: Collection[ItemId] = ()) -> tuple[Catalog, Change]:
        """A catalogue with these items put and those deleted, and what that touched; this one stays as it is.

        Rows are stable: a new item gets the next one, a deleted one leaves its row empty and finds it again if it comes back. An id in both is put.
        """
        wanted: dict[ItemId, Item | None] = {**dict.fromkeys(delete), **{item.id: item for item in put}}
        wanted = {i: item for i, item in wanted.items() if item != self.item(i)}
        if not wanted:
            return self, Change(before={}, after={})
        made = copy(self)
        return made, made._take(wanted)  # noqa: SLF001  # it is one of us

    def _take(self, wanted: Mapping[ItemId, Item | None]) -> Change:
        """Become the catalogue after a change, on a fresh copy: nothing is changed in place, what was derived is forgotten."""
        seats, size = dict(self._seats), self.size
        for identity in wanted:
            if identity not in seats:
                seats[identity], size = size, size + 1
        before = {seats[i]: self.item(i) for i in wanted}
        after = {seats[i]: item for i, item in wanted.items()}
        self._keep(seats, wanted, size)
        self._numbers = {name: changed_numbers(column, name, after, size) for name, column in self._numbers.items()}
        had, self._postings = self._postings, {name: changed_postings(lists, name, before, after) for name, lists in self._postings.items()}
        if self.domain.variants:
            self._variant_item, self._variant_numbers = changed_sizes(self._variant_item, self._variant_numbers, self.domain.variants, after)
        revalued = frozenset(name for name, lists in self._postings.items() if values_differ(had[name], lists, (before, after), name))
        return Change(before=before, after=after, revalued=revalued)

    def _keep(self, seats: Mapping[ItemId, int], wanted: Mapping[ItemId, Item | None], size: int) -> None:
        items: list[Item | None] = [*self.items, *[None] * (size - self.size)]
        rows = dict(self.row)
        for identity, item in wanted.items():
            if item is None:
                del rows[identity]
            else:
                items[seats[identity]], rows[identity] = item, seats[identity]
        there = np.zeros(size, dtype=np.bool_)
        there[list(rows.values())] = True
        self.items, self.row, self._seats = [item for item in items if item is not None], rows, seats  # a row that has been emptied keeps what it held: none is None
        self._there = None if there.all() else there
        self._places, self._known = {}, {}
        for derived in ("prior", "_lowest", "ids"):
            self.__dict__.pop(derived, None)

    def _number_column(self, name: str) -> Floats:
        return np.array([number_of(item, name) for item in self.items], dtype=np.float64)

    def centrality(self, name: str, values: Iterable[str], rows: Rows) -> Floats:
        """How central these values are to each of the rows: 1 where one leads the row's list, 1/2 in second place ..., 0 without; shape (n,)."""
        result = np.zeros(self.size)
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
            for value in values_of(item, name):
                lists.setdefault(value, []).append(row)
        return {value: np.array(rows, dtype=np.int32) for value, rows in lists.items()}

    def _variant_table(self) -> tuple[Rows, Mapping[str, Floats]]:
        if not self.domain.variants:
            return np.empty(0, dtype=np.int32), {}
        found = [(row, size) for row, item in enumerate(self.items) for size in sizes_of(item, self.domain.variants)]
        columns = np.array([size for _, size in found], dtype=np.float64).reshape(len(found), len(self.domain.variants))
        return np.array([row for row, _ in found], dtype=np.int32), {name: columns[:, at].copy() for at, name in enumerate(self.domain.variants)}

    @cached_property
    def _lowest(self) -> Mapping[str, Floats]:
        result = {}
        for name, column in self._variant_numbers.items():
            low = np.full(self.size, np.inf)
            known = ~np.isnan(column)
            np.minimum.at(low, self._variant_item[known], column[known])
            low[np.isinf(low)] = np.nan
            result[name] = low
        return result

    def _any_variant(self, wishes: Sequence[Wish]) -> Mask:
        fits = np.ones(len(self._variant_item), dtype=np.bool_)
        for wish in wishes:
            fits &= _compare(self._variant_numbers[wish.field], wish)
        result = np.zeros(self.size, dtype=np.bool_)
        result[self._variant_item[fits]] = True
        return result

    def _holds_values(self, wish: Wish) -> Mask:
        lists = self.values(wish.field)
        wanted = [str(v) for v in wish.value] if isinstance(wish.value, tuple) else [str(wish.value)]
        result = np.full(self.size, wish.op is Op.ALL_OF, dtype=np.bool_)
        for value in wanted:
            rows = lists.get(value)
            if wish.op is Op.ALL_OF:
                one = np.zeros(self.size, dtype=np.bool_)
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
