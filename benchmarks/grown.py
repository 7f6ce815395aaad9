"""A catalogue of any size from the films': attributes drawn again from its columns, titles joined from halves of its titles, vectors at random."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from zhiyin.types import Item, ItemId, Texts, Value

T = TypeVar("T")
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


def grow(films: Sequence[Item], size: int) -> Drawn[Item]:
    """The films themselves, so that messages still find what they name, then made-up items up to `size`.

    A made-up item takes each attribute from a film drawn for that field alone, unknown where that film's is unknown, its
    description from another, and its title's two halves from two more: words, values and gaps are as frequent as in the films.
    """
    fields = list(dict.fromkeys(name for film in films for name in film.attributes))
    columns: list[list[Value | None]] = [[film.attributes.get(name) for film in films] for name in fields]
    draws = np.random.default_rng(SEED).integers(0, len(films), (size, len(fields) + 3), dtype=np.uint32)

    def make(row: int) -> Item:
        if row < len(films):
            return films[row]
        *lenders, first, second, described = draws[row].tolist()
        attributes = {name: value for name, column, lender in zip(fields, columns, lenders, strict=True) if (value := column[lender]) is not None}
        return Item(id=ItemId(f"made-{row}"), titles=_joined(films[first].titles, films[second].titles), attributes=attributes, texts=films[described].texts)

    return Drawn(size, make)


def _joined(first: Texts, second: Texts) -> Texts:
    """The first half of one title and the second half of another, by language: 12 Angry Knight."""
    titles = {}
    for language in ("en", "zh") if "zh" in first and "zh" in second else ("en",):
        gap = " " if language == "en" else ""
        head, tail = (list(t[language]) if gap == "" else t[language].split() for t in (first, second))
        titles[language] = gap.join((*head[: (len(head) + 1) // 2], *tail[len(tail) // 2 :]))
    return titles


def random_vectors(size: int, dim: int) -> NDArray[np.float32]:
    """Unit vectors in random directions, shape (size, dim)."""
    rng = np.random.default_rng(SEED)
    vectors = np.empty((size, dim), dtype=np.float32)
    for start in range(0, size, _CHUNK):
        part = rng.standard_normal((min(_CHUNK, size - start), dim), dtype=np.float32)
        vectors[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return vectors
