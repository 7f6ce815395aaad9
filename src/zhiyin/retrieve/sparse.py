"""Sparse rows without scipy's overhead for one history, and cutting a matrix to its strongest entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.interactions import Histories

Floats32 = NDArray[np.float32]
FEW = 4  # so many histories are faster asked one by one than by a sparse product


class Rows:
    """A CSR matrix, shape (rows, columns), that a single sparse vector meets in microseconds."""

    def __init__(self, start: NDArray[np.int64], column: NDArray[np.int32], value: Floats32, columns: int) -> None:
        self.start, self.column, self.value, self.columns = start, column, value, columns

    @classmethod
    def of(cls, matrix: Any) -> Rows:  # noqa: ANN401  # scipy.sparse has no types
        """From a scipy CSR matrix."""
        return cls(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data.astype(np.float32), matrix.shape[1])

    def combine(self, rows: NDArray[np.int32], weights: Floats32) -> Floats32:
        """Weighted sums of these rows, the weights of each sum in a row, shape (n, rows); the sums have the shape (n, columns)."""
        places, lengths = self.places(rows)
        column, value = self.column[places].astype(np.intp), self.value[places]  # converted once, or every addition does it
        found = np.zeros((len(weights), self.columns), dtype=np.float32)
        for into, each in zip(found, weights, strict=True):
            np.add.at(into, column, value * each.repeat(lengths))
        return found

    def places(self, rows: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the entries of these rows stand, and how many each row has."""
        start = self.start[rows]
        lengths = self.start[rows + 1] - start
        ends = lengths.cumsum()
        return np.arange(ends[-1] if len(ends) else 0) + (start - ends + lengths).repeat(lengths), lengths

    def scores(self, histories: Histories) -> Floats32:
        """The weighted sum of the rows of each history's items, shape (n, columns)."""
        if len(histories) <= FEW:
            return self.combine(*picked(histories))
        from scipy import sparse  # noqa: PLC0415

        matrix = histories.matrix()
        mine = sparse.csr_matrix((self.value, self.column, self.start), shape=(len(self.start) - 1, self.columns))
        return np.asarray((matrix @ mine).todense(), dtype=np.float32)

    def state(self) -> Mapping[str, NDArray[Any]]:
        """The arrays to keep."""
        return {"start": self.start, "column": self.column, "value": self.value, "columns": np.array(self.columns)}

    @classmethod
    def restored(cls, state: Mapping[str, NDArray[Any]]) -> Rows:
        """From what `state` gave."""
        return cls(state["start"], state["column"], state["value"], int(state["columns"]))


def picked(histories: Histories) -> tuple[NDArray[np.int32], Floats32]:
    """The items of a few histories, each once, and what each history thinks of them (of a repeated item the strongest counts), shape (n, those items)."""
    items, place = np.unique(histories.item, return_inverse=True)
    weights = np.zeros((len(histories), len(items)), dtype=np.float32)
    np.maximum.at(weights.ravel(), histories.owner * len(items) + place, histories.weight)
    return items, weights


def times(few: Floats32, turned: Floats32) -> Floats32:
    """The product, shape (n, columns): of a few rows one by one, which is twice as fast as BLAS makes it of two at once."""
    if len(few) > FEW:
        return few @ turned
    found = np.empty((len(few), turned.shape[1]), dtype=np.float32)
    for row, into in zip(few, found, strict=True):
        np.matmul(row, turned, out=into)
    return found


class RowSource:
    """A source that has learned a row of scores for each item, and answers a history with the weighted sum of its items' rows."""

    def __init__(self) -> None:
        self.rows = Rows(np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32), 0)

    def scores(self, histories: Histories, /) -> Floats32:
        """The weighted sum, shape (n, items)."""
        return self.rows.scores(histories)

    def update(self, history: Histories, /) -> None:
        """Nothing: the rows change with a refit."""

    def state(self) -> Mapping[str, NDArray[Any]]:
        """The rows."""
        return self.rows.state()

    def restore(self, state: Mapping[str, NDArray[Any]], /) -> None:
        """Take up what `state` gave."""
        self.rows = Rows.restored(state)


def strongest(matrix: Any, most: int) -> Any:  # noqa: ANN401
    """A CSR matrix with at most `most` entries a row, those of the largest absolute value (ties: the earlier column)."""
    matrix.sort_indices()
    lengths = np.diff(matrix.indptr)
    kept = np.ones(matrix.nnz, dtype=np.bool_)
    for row in np.flatnonzero(lengths > most):
        own = slice(matrix.indptr[row], matrix.indptr[row + 1])
        size = np.abs(matrix.data[own])
        least = np.partition(size, -most)[-most]
        kept[own] = size > least
        ties = np.flatnonzero(size == least)[: most - np.count_nonzero(kept[own])]
        kept[own][ties] = True
    start = np.concatenate(([0], np.cumsum(np.minimum(lengths, most))))
    return type(matrix)((matrix.data[kept], matrix.indices[kept], start), shape=matrix.shape)


def blocks(sizes: NDArray[Any], most: int) -> Iterator[slice]:
    """Ranges of rows whose sizes add up to about `most` at most, so that a product made by ranges needs little memory at a time."""
    total = np.cumsum(sizes)
    begin = 0
    while begin < len(sizes):
        before = total[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, before + most, side="right")))
        yield slice(begin, end)
        begin = end


def strongest_dense(dense: NDArray[Any], most: int) -> Rows:
    """The `most` entries of largest absolute value of each row of a dense matrix; zeros are left out."""
    most = min(most, dense.shape[1])
    columns = np.sort(np.argpartition(-np.abs(dense), most - 1, axis=1)[:, :most], axis=1) if most else np.zeros((len(dense), 0), dtype=np.int64)
    values = np.take_along_axis(dense, columns, axis=1)
    filled = values != 0
    start = np.concatenate(([0], np.cumsum(filled.sum(axis=1))))
    return Rows(start.astype(np.int64), columns[filled].astype(np.int32), values[filled].astype(np.float32), dense.shape[1])
