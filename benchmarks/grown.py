"""A catalogue of any size from the films': attributes drawn again from its columns, titles joined from halves of its titles, vectors at random."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from zhiyin.types import Item, ItemId, Texts, Value

T = TypeVar("T")
Columns: TypeAlias = Mapping[str, tuple[Sequence[Value | None], "array[int]"]]  # a field's values by film, and for each row the film that lends its own
SEED = 20
_CHUNK = 50_000  # vectors made at once


class Drawn(Sequence[T]):
    """A sequence whose elements are made when asked for."""

    def __init__(self, size: int, make: Callable[[int], T]) -> None:
        self._size, self._make = size, make

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...
    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        if isinstance(at, slice):
            return [self._make(row) for row in range(*at.indices(self._size))]
        if not -self._size <= at < self._size:
            raise IndexError(at)
        return self._make(int(at) % self._size)

    def __iter__(self) -> Iterator[T]:
        return map(self._make, range(self._size))


class _Borrowed(Mapping[str, Value]):
    """One made-up item's attributes, each looked up when asked for: a million dictionaries would take a gigabyte."""

    __slots__ = ("_columns", "_row")

    def __init__(self, columns: Columns, row: int) -> None:
        self._columns, self._row = columns, row

    def __getitem__(self, name: str) -> Value:
        column, lenders = self._columns[name]
        value = column[lenders[self._row]]
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name, (column, lenders) in self._columns.items() if column[lenders[self._row]] is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Titles(Mapping[str, str]):
    """One made-up item's titles: the first half of one film's and the second half of another's, by language ("12 Angry Knight")."""

    __slots__ = ("_halves",)

    def __init__(self, first: Texts, second: Texts) -> None:
        self._halves = first, second

    def __getitem__(self, language: str) -> str:
        first, second = (titles[language] for titles in self._halves)
        if language == "zh":
            return first[: (len(first) + 1) // 2] + second[len(second) // 2 :]
        head, tail = first.split(), second.split()
        return " ".join((*head[: (len(head) + 1) // 2], *tail[len(tail) // 2 :]))

    def __iter__(self) -> Iterator[str]:
        return (language for language in ("en", "zh") if all(language in titles for titles in self._halves))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def grow(films: Sequence[Item], size: int) -> Drawn[Item]:
    """The films themselves, so that messages still find what they name, then made-up items up to `size`.

    A made-up item takes each attribute from a film drawn for that field alone, unknown where that film's is unknown, its
    description from another, and its title's two halves from two more: words, values and gaps are as frequent as in the films.
    """
    rng = np.random.default_rng(SEED)

    def lenders() -> array[int]:
        return array("i", rng.integers(0, len(films), size, dtype=np.int32).tobytes())

    fields = dict.fromkeys(name for film in films for name in film.attributes)
    columns: Columns = {name: ([film.attributes.get(name) for film in films], lenders()) for name in fields}
    first, second, described = lenders(), lenders(), lenders()

    def make(row: int) -> Item:
        if row < len(films):
            return films[row]
        titles = _Titles(films[first[row]].titles, films[second[row]].titles)
        return Item(id=ItemId(f"made-{row}"), titles=titles, attributes=_Borrowed(columns, row), texts=films[described[row]].texts)

    return Drawn(size, make)


def random_vectors(size: int, dim: int) -> NDArray[np.float32]:
    """Unit vectors in random directions, shape (size, dim)."""
    rng = np.random.default_rng(SEED)
    vectors = np.empty((size, dim), dtype=np.float32)
    for start in range(0, size, _CHUNK):
        part = rng.standard_normal((min(_CHUNK, size - start), dim), dtype=np.float32)
        vectors[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return vectors
