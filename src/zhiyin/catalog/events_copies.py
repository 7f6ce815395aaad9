"""Which events of a log are there twice, and which are there too often. A cell is one user, one item and one type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.interactions import KINDS, Codes, Floats

Mask = NDArray[np.bool_]
Keys = NDArray[np.uint64]  # a hash of each event's own id, 0 without one
MOST = 1000  # events of one cell that are kept


def cells(user: Codes, item: Codes, kind: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """One number for each user, item and type."""
    items = int(item.max()) + 1 if len(item) else 1
    return (user.astype(np.int64) * items + item) * len(KINDS) + kind


def later_copies(cell: NDArray[np.int64], value: NDArray[np.floating[Any]], time: Floats, event: Keys) -> tuple[Mask, Mask]:
    """Which events repeat the id of an earlier one in their cell, and which without an id are exact copies; both of shape (n,)."""
    by_id, bare = event != 0, event == 0
    repeated, copied = np.zeros(len(cell), dtype=np.bool_), np.zeros(len(cell), dtype=np.bool_)
    repeated[by_id] = _seen_before(event[by_id], cell[by_id])
    copied[bare] = _seen_before(np.nan_to_num(value[bare], nan=-1.0), time[bare], cell[bare])
    return repeated, copied


def beyond_most(cell: NDArray[np.int64]) -> Mask:
    """Which events of a log, oldest first, come after the first `MOST` in their cell; shape (n,)."""
    order = np.argsort(cell, kind="stable")
    cell = cell[order]
    new = np.concatenate(([True], cell[1:] != cell[:-1]))[: len(cell)]
    start = np.maximum.accumulate(np.where(new, np.arange(len(cell)), 0))
    over = np.zeros(len(cell), dtype=np.bool_)
    over[order] = np.arange(len(cell)) - start >= MOST
    return over


def _seen_before(*keys: NDArray[np.generic]) -> Mask:
    """Which rows are equal to an earlier one in all keys."""
    order = np.lexsort(keys)
    same = np.ones(max(0, len(order) - 1), dtype=np.bool_)
    for column in keys:
        one = column[order]
        same &= one[1:] == one[:-1]
    before = np.zeros(len(order), dtype=np.bool_)
    before[order[1:][same]] = True
    return before
