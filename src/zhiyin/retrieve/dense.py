"""Dense search: exact top-k by cosine over the rows that pass the filter; from a size on, by choice, through an approximate index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import SettingError
from zhiyin.retrieve.approximate import Approximate

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
Allowed = Mask | NDArray[np.integer]  # a mask over rows, or row numbers

_GATHER_BELOW = 0.25  # share of rows under which gathering them beats scanning all
_BREADTHS = (1, 4)  # how hard an approximate index looks before the exact search does
_CHUNK = 512  # gathered rows multiplied at once: 0.8 MB of 384 numbers, which stays in the second cache


class DenseIndex:
    """Unit vectors by row, searched under a filter and changed in place. A row of zeros has no vector: it is never found.

    Changes are seen by the next search; while one is made, no other thread may search.
    """

    def __init__(self, vectors: Vectors, approximate: Approximate | None = None) -> None:
        """Over vectors of shape (rows, dim), not copied before the first change; `approximate`, if given, holds the same rows."""
        self._vectors: Vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self._lent = True  # others may read the array
        self._live: Mask = np.asarray(self._vectors.any(axis=1))
        self._size = len(vectors)  # rows in use: the arrays grow ahead of them
        self._count = int(np.count_nonzero(self._live))
        self._approximate = approximate

    def __len__(self) -> int:
        return self._count

    def search(self, query: Vectors, k: int = 10, *, allowed: Allowed | None = None) -> tuple[Rows, Floats]:
        """The k rows nearest to a query of those that pass, and their cosines, best first, equal ones lowest row first.

        `allowed` is a mask over rows or an array of row numbers; None lets all pass. Exact, unless an approximate index is there
        that promises nothing, and enough rows pass for it to pay: then what it misses is missed.
        """
        query = np.ascontiguousarray(query, dtype=np.float32)
        if query.shape != self._vectors.shape[1:]:
            raise SettingError(f"a query of shape {query.shape} cannot be compared with vectors of length {self._vectors.shape[1]}; embed both with one embedder")
        mask = self._passing(allowed)
        count = self._count if mask is None else int(np.count_nonzero(mask))
        if k <= 0 or count == 0:
            return np.empty(0, dtype=np.int64), np.empty(0)
        if self._approximate is not None and self._approximate.pays(count, self._size):
            for breadth in _BREADTHS:
                near, ceiling = self._approximate.propose(query, k, mask, breadth)
                rows, scores = _nearest(self._vectors, query, near, gathered(self._vectors, query, near), k)
                if len(rows) == min(k, count) and scores[-1] > ceiling:  # at equality a row left out could tie, and stand lower
                    return rows, scores
        return self._exact(query, k, mask)

    def add(self, rows: NDArray[np.integer], vectors: Vectors) -> None:
        """Put vectors at rows, in place of what stood there; rows may lie past the end. Found when the call returns."""
        rows = np.asarray(rows, dtype=np.int64)
        vectors = np.asarray(vectors, dtype=np.float32)
        if vectors.shape != (len(rows), self._vectors.shape[1]):
            raise SettingError(f"{len(rows)} rows need vectors of shape {(len(rows), self._vectors.shape[1])}; these are {vectors.shape}")
        if rows.min(initial=0) < 0:
            raise SettingError(f"there is no row {rows.min()}: rows count from 0")
        rows, last = np.unique(rows[::-1], return_index=True)  # of a row given twice the last vector stays
        vectors = vectors[::-1][last]
        self.remove(rows)
        self._grow(int(rows.max(initial=-1)) + 1)
        self._vectors[rows] = vectors
        self._live[rows] = vectors.any(axis=1)
        self._count = int(np.count_nonzero(self._live))
        if self._approximate is not None:
            self._approximate.add(rows[self._live[rows]], vectors[self._live[rows]])

    def remove(self, rows: NDArray[np.integer]) -> None:
        """Take rows out; gone when the call returns. Rows that are not there do not matter."""
        rows = np.unique(rows).astype(np.int64)
        rows = rows[(rows >= 0) & (rows < self._size)]
        held = rows[self._live[rows]]
        self._own()
        self._live[held] = False
        self._vectors[held] = 0.0
        self._count -= len(held)
        if self._approximate is not None and len(held):
            self._approximate.remove(held)

    def _passing(self, allowed: Allowed | None) -> Mask | None:
        """The filter over live rows; None where every row passes."""
        live = self._live[: self._size]
        if allowed is None:
            return None if self._count == self._size else live
        mask = np.zeros(self._size, dtype=np.bool_)
        if allowed.dtype == np.bool_:
            known = min(len(allowed), self._size)
            mask[:known] = allowed[:known]
        else:
            mask[allowed[(allowed >= 0) & (allowed < self._size)]] = True
        return mask if self._count == self._size else mask & live

    def _exact(self, query: Vectors, k: int, mask: Mask | None) -> tuple[Rows, Floats]:
        vectors = self._vectors[: self._size]
        if mask is None:
            return _nearest(vectors, query, None, vectors @ query, k)
        rows = np.flatnonzero(mask)
        scores = gathered(vectors, query, rows) if len(rows) < _GATHER_BELOW * len(vectors) else (vectors @ query)[rows]
        return _nearest(vectors, query, rows, scores, k)

    def _own(self) -> None:
        """Write to nobody else's array."""
        if self._lent:
            self._vectors, self._lent = self._vectors.copy(), False

    def _grow(self, size: int) -> None:
        """Room for rows up to `size`, by half as much again each time: n additions copy O(n)."""
        if size > len(self._vectors):
            room = max(size, len(self._vectors) * 3 // 2) - len(self._vectors)
            self._vectors = np.concatenate([self._vectors, np.zeros((room, self._vectors.shape[1]), dtype=np.float32)])
            self._live = np.concatenate([self._live, np.zeros(room, dtype=np.bool_)])
        self._size = max(self._size, size)


def _nearest(vectors: Vectors, query: Vectors, rows: Rows | None, scores: Vectors | None, k: int) -> tuple[Rows, Floats]:
    """The top k of rows (all, for None) by rough scores, settled in double precision so that neither rounding nor place decides."""
    if scores is not None and len(scores) > k:
        # A sum of d products in single precision errs by less than d * eps / 2 for unit vectors, whatever its order.
        slack = vectors.shape[1] * float(np.finfo(np.float32).eps) * float(np.linalg.norm(query))
        close = np.flatnonzero(scores >= np.partition(scores, -k)[-k] - slack)
        rows = close if rows is None else rows[close]
    elif rows is None:
        rows = np.arange(len(vectors))
    exact = np.concatenate([(vectors[part].astype(np.float64) * query).sum(axis=1) for part in _chunks(rows)])
    order = np.lexsort((rows, -exact))[:k]
    return rows[order].astype(np.int64), exact[order]


def gathered(vectors: Vectors, query: Vectors, rows: NDArray[np.integer]) -> Vectors:
    """Dot products of these rows, shape (n,), a cacheful at a time: one large copy costs more than the products."""
    scores = np.empty(len(rows), dtype=np.float32)
    buffer = np.empty((min(_CHUNK, len(rows)), vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        vectors.take(part, axis=0, out=buffer[: len(part)], mode="clip")  # without a mode, `take` copies through a second buffer
        np.dot(buffer[: len(part)], query, out=scores[start : start + _CHUNK])
    return scores


def _chunks(rows: Rows) -> list[Rows]:
    return [rows[start : start + _CHUNK] for start in range(0, max(1, len(rows)), _CHUNK)]


def cosine_scores(vectors: Vectors, query: Vectors, rows: NDArray[np.int32]) -> Floats:
    """Cosine of one unit vector with these rows, shape (n,)."""
    if len(rows) < _GATHER_BELOW * len(vectors):
        return gathered(vectors, query, rows).astype(np.float64)
    return (vectors @ query)[rows].astype(np.float64)


def spread(scores: Floats, top: int = 200) -> Floats:
    """Scores over their own distribution: 0 at the mean and below, 1 at the best. E5 cosines all lie in 0.7-0.9."""
    if len(scores) == 0:
        return scores
    low, high = float(scores.mean()), float(scores.max())
    if len(scores) > 4 * top:
        low = float(np.partition(scores, -top)[-top])
    return np.clip((scores - low) / max(high - low, 1e-9), 0.0, 1.0)
