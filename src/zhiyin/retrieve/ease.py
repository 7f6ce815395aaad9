"""EASE (Steck 2019): item-to-item weights in closed form, B = I - P diag(1 / diag P) with P = (X'X + lambda I)^-1."""

from __future__ import annotations

import numpy as np

from zhiyin.interactions import Interactions, Interest
from zhiyin.retrieve.sparse import Rows, RowSource, strongest_dense

_KEPT = 200  # weights kept of an item
_MOST = 6000  # items that enter the inversion (the most picked); its cost grows with the cube


class Ease(RowSource):
    """Linear, closed form, and the strongest single source on most logs of people and items."""

    def __init__(self, *, reg: float = 300.0, interest: Interest | None = None) -> None:
        self.reg, self.interest = reg, interest or Interest()
        super().__init__()

    def fit(self, log: Interactions, /) -> None:
        """The 200 strongest weights of each item."""
        from scipy import linalg, sparse  # noqa: PLC0415

        picked = (sparse.diags(np.sqrt(log.trust())) @ log.matrix(self.interest.of(log))).tocsc()
        size = picked.shape[1]
        counts = np.asarray(picked.sum(axis=0)).ravel()
        among = np.sort(np.argsort(-counts, kind="stable")[: min(_MOST, np.count_nonzero(counts))])
        if not len(among):  # LAPACK inverts nothing of size zero
            self.rows = Rows(np.zeros(size + 1, dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32), size)
            return
        picked = picked[:, among]
        gram = np.asarray((picked.T @ picked).todense(), dtype=np.float64)
        gram[np.diag_indices_from(gram)] += self.reg
        inverse, _ = linalg.lapack.dpotri(linalg.cholesky(gram, lower=True, overwrite_a=True), lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        weights = (-inverse / np.diag(inverse)).astype(np.float32)
        np.fill_diagonal(weights, 0.0)
        few = strongest_dense(weights, _KEPT)
        lengths = np.zeros(size, dtype=np.int64)
        lengths[among] = np.diff(few.start)
        self.rows = Rows(np.concatenate(([0], np.cumsum(lengths))), among[few.column].astype(np.int32), few.value, size)
