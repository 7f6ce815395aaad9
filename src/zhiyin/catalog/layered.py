"""Mappings of many entries of which a few change: the changes lie above the rest, which is shared and never copied.

Copying is the smaller part of what that saves. Python's garbage collector walks through every large mapping made after the
start, and stops everything meanwhile: 50 to 300 ms were seen with the names of 18,056 films copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")
_FEW, _SHARE = 2000, 2  # changes that lie above: this many, or half as many as there are entries; more are laid together with the rest


class Layered(Mapping[K, V]):
    """A mapping as another one with changes; None in `over` is what is gone. Neither of the two may change any more."""

    __slots__ = ("_base", "_over")

    def __init__(self, base: Mapping[K, V], over: Mapping[K, V | None]) -> None:
        self._base, self._over = base, over

    def __getitem__(self, key: K) -> V:
        if key in self._over:
            found = self._over[key]
            if found is None:
                raise KeyError(key)
            return found
        return self._base[key]

    def get(self, key: K, default: Any = None, /) -> Any:  # noqa: ANN401  # as a dict's
        """The value of a key, or the default; a miss raises nothing on the way: most words are in no table."""
        if key in self._over:
            found = self._over[key]
            return default if found is None else found
        return self._base.get(key, default)

    def __contains__(self, key: object) -> bool:
        return self._over[key] is not None if key in self._over else key in self._base  # type: ignore[index]  # it is a key: it is in it

    def __iter__(self) -> Iterator[K]:
        over = self._over
        yield from (key for key in self._base if key not in over)
        yield from (key for key, value in over.items() if value is not None)

    def __len__(self) -> int:
        return len(self._base) + sum((value is not None) - (key in self._base) for key, value in self._over.items())

    def with_changes(self, entries: Mapping[K, V | None]) -> Mapping[K, V]:
        """The mapping with further changes."""
        return _laid(self._base, {**self._over, **entries})


def changed(table: Mapping[K, V], entries: Mapping[K, V | None]) -> Mapping[K, V]:
    """A table with other entries, None taking one out; the table stays as it is, and is the same object where there are none."""
    if not entries:
        return table
    return table.with_changes(entries) if isinstance(table, Layered) else _laid(table, entries)


def _laid(base: Mapping[K, V], over: Mapping[K, V | None]) -> Mapping[K, V]:
    if len(over) <= max(_FEW, len(base) // _SHARE):
        return Layered(base, over)
    whole = dict(base)
    for key, value in over.items():
        if value is None:
            whole.pop(key, None)
        else:
            whole[key] = value
    return whole
