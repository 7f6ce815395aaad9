"""Matrix factorisation for implicit feedback by alternating least squares (Hu, Koren & Volinsky 2008; Rendle et al. 2022), with fold-in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.interactions import Codes, Histories, Interactions, Interest
from zhiyin.retrieve.sparse import times

Floats32 = NDArray[np.float32]
_AT_ONCE = 64  # so little that BLAS stays on one thread: several, waking for each row, made a fit ten times as long


class Factors:
    """iALS: minimise sum_seen w (1 - x.y)^2 + unseen * sum_all (x.y)^2 + reg * (n + unseen * N)^nu * |.|^2.

    A history's vector is solved for when it is asked, so a new event counts at once and a new user is nobody special.
    """

    def __init__(self, *, dim: int = 64, unseen: float = 0.3, reg: float = 0.01, nu: float = 1.0, rounds: int = 10, seed: int = 0, interest: Interest | None = None) -> None:
        self.dim, self.unseen, self.reg, self.nu, self.rounds, self.seed = dim, unseen, reg, nu, rounds, seed
        self.interest = interest or Interest()
        self.items: Floats32 = np.zeros((0, dim), dtype=np.float32)
        self.gram: Floats32 = np.zeros((dim, dim), dtype=np.float32)
        self.turned = self.items.T  # the same in rows by factor, which one vector meets faster

    def fit(self, log: Interactions, /) -> None:
        """Item factors, from the seed and the log alone."""
        from scipy import sparse  # noqa: PLC0415
        from threadpoolctl import threadpool_limits  # noqa: PLC0415

        seen = (sparse.diags(log.trust()) @ log.matrix(self.interest.of(log))).tocsr().astype(np.float32)
        turned = seen.T.tocsr()
        random = np.random.default_rng(self.seed)
        items = random.normal(0.0, 0.1 / np.sqrt(self.dim), (seen.shape[1], self.dim)).astype(np.float32)
        with threadpool_limits(1, "blas"):  # thousands of small systems: two threads wait for each other longer than they work
            for _ in range(self.rounds):
                users = self._solve(seen.data, seen.indices, seen.indptr, items, items.T @ items)
                items = self._solve(turned.data, turned.indices, turned.indptr, users, users.T @ users)
        self._keep(items)

    def _keep(self, items: Floats32) -> None:
        self.items, self.gram, self.turned = items, items.T @ items, np.ascontiguousarray(items.T)

    def _solve(self, weights: Floats32, columns: Codes, start: NDArray[Any], other: Floats32, gram: Floats32) -> Floats32:
        """Each row's vector given the other side's: (unseen G + sum w y y' + lambda I) x = sum w y (1 + unseen folded in)."""
        from scipy.linalg.lapack import sposv  # noqa: PLC0415  # what is solved is positive definite: half the time of an LU

        counts = np.diff(start)
        found = np.zeros((len(counts), self.dim), dtype=np.float32)
        ridge = (self.reg * (counts + self.unseen * len(other)) ** self.nu).astype(np.float32)
        among_all = self.unseen * gram
        for row in np.flatnonzero(counts):
            left, right = among_all.copy(), np.zeros(self.dim, dtype=np.float32)
            left.ravel()[:: self.dim + 1] += ridge[row]
            for begin in range(start[row], start[row + 1], _AT_ONCE):
                own = slice(begin, min(begin + _AT_ONCE, start[row + 1]))
                vectors, weight = other[columns[own]], weights[own]
                left += (vectors * weight[:, None]).T @ vectors
                right += weight @ vectors
            _, found[row], _ = sposv(left.T, right, overwrite_a=True, overwrite_b=True)
        return found

    def fold(self, histories: Histories) -> Floats32:
        """The vectors of histories, shape (n, dim)."""
        return self._solve(*histories.rows(), self.items, self.gram)

    def scores(self, histories: Histories, /) -> Floats32:
        """X . y for every item, shape (n, items)."""
        return times(self.fold(histories), self.turned)

    def update(self, history: Histories, /) -> None:
        """Nothing: histories are folded in when asked."""

    def state(self) -> Mapping[str, NDArray[Any]]:
        """The item factors."""
        return {"items": self.items}

    def restore(self, state: Mapping[str, NDArray[Any]], /) -> None:
        """Take up what `state` gave."""
        self._keep(state["items"])
