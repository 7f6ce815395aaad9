"""A change of the catalogue's rows: what it touched, and columns with it, made beside the old ones, which stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.layered import changed
from zhiyin.types import Item, Value

Rows = NDArray[np.int32]
Floats = NDArray[np.float64]
_SHORT = 64  # rows
Touched = Mapping[int, Item | None]  # by row; None where there is no item


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a change touched: the items before and after, by row, and the fields that have gained or lost a value."""

    before: Touched
    after: Touched
    revalued: frozenset[str] = frozenset()

    def __len__(self) -> int:
        """How many rows it touched."""
        return len(self.after)


def number_of(item: Item | None, name: str) -> float:
    """A numeric field of an item, NaN where unknown."""
    value = item.attributes.get(name) if item else None
    return float(value) if isinstance(value, int | float) else np.nan


def values_of(item: Item | None, name: str) -> tuple[str, ...]:
    """A value field of an item, as posting lists name its values."""
    value: Value | None = item.attributes.get(name) if item else None
    return () if value is None else tuple(dict.fromkeys(map(str, value))) if isinstance(value, tuple) else (str(value),)


def sizes_of(item: Item, names: tuple[str, ...]) -> list[list[float]]:
    """A row of the variant table for each size of an item: what the size does not say the item does."""
    found = []
    for variant in item.variants or ({},):
        known = (variant.get(name, item.attributes.get(name, np.nan)) for name in names)
        found.append([float(k) if isinstance(k, int | float) else np.nan for k in known])
    return found


def changed_numbers(column: Floats, name: str, change: Touched, size: int) -> Floats:
    """A numeric column with a change in it, for `size` rows."""
    made = np.full(size, np.nan)
    made[: len(column)] = column
    made[list(change)] = [number_of(item, name) for item in change.values()]
    return made


def changed_postings(lists: Mapping[str, Rows], name: str, before: Touched, after: Touched) -> Mapping[str, Rows]:
    """A field's posting lists with a change in them: the same object where the change says nothing of the field."""
    gone: dict[str, list[int]] = {}
    come: dict[str, list[int]] = {}
    for row, item in after.items():
        had, has = values_of(before[row], name), values_of(item, name)
        if had != has:
            for value in set(had) - set(has):
                gone.setdefault(value, []).append(row)
            for value in set(has) - set(had):
                come.setdefault(value, []).append(row)
    if not gone and not come:
        return lists
    entries: dict[str, Rows | None] = {}
    for value in (*come, *(v for v in gone if v not in come)):
        rows = _with(lists.get(value), gone.get(value, []), come.get(value, []))
        entries[value] = rows if len(rows) else None
    return changed(lists, entries)


def _with(rows: Rows | None, gone: list[int], come: list[int]) -> Rows:
    """A posting list without some rows and with others; it is sorted, and those that go are in it."""
    if rows is None:
        return np.array(sorted(come), dtype=np.int32)
    if len(rows) < _SHORT:  # numpy takes ten times as long to begin
        return np.array(sorted({*rows.tolist(), *come}.difference(gone)), dtype=np.int32)
    rows = np.delete(rows, np.searchsorted(rows, gone))
    more = np.sort(np.array(come, dtype=np.int32))
    return np.insert(rows, np.searchsorted(rows, more), more)


def values_differ(before: Mapping[str, Rows], after: Mapping[str, Rows], change: tuple[Touched, Touched], name: str) -> bool:
    """Whether a field has gained or lost a value by a change."""
    touched = {value for of in change for item in of.values() for value in values_of(item, name)}
    return before is not after and any((value in before) != (value in after) for value in touched)


def changed_sizes(owners: Rows, columns: Mapping[str, Floats], names: tuple[str, ...], after: Touched) -> tuple[Rows, Mapping[str, Floats]]:
    """The variant table with a change in it; rows of the table stand in no order."""
    stay = ~np.isin(owners, list(after))
    fresh = [(row, size) for row, item in after.items() if item for size in sizes_of(item, names)]
    more = np.array([size for _, size in fresh], dtype=np.float64).reshape(len(fresh), len(names))
    whose = np.concatenate([owners[stay], np.array([row for row, _ in fresh], dtype=np.int32)])
    return whose, {name: np.concatenate([columns[name][stay], more[:, at]]) for at, name in enumerate(names)}
