"""Item-to-item collaborative scores from ratings, where a data pack brings them (cosine over users, shrunk; Sarwar et al. 2001)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_SHRINK = 25.0  # co-ratings needed for half the trust


class ItemNeighbours:
    """Which items the same users like."""

    def __init__(self, size: int, ratings: Iterable[tuple[str, int, float]]) -> None:
        """From (user, row, rating 1-5) triples over a catalogue of `size` rows."""
        from scipy import sparse  # noqa: PLC0415  # only where ratings are installed

        users: dict[str, int] = {}
        entries = [(users.setdefault(u, len(users)), row, r) for u, row, r in ratings]
        self.count = len(entries)
        rows, columns, values = (np.array(x) for x in zip(*entries, strict=True)) if entries else (np.empty(0), np.empty(0), np.empty(0))
        liked = sparse.csr_matrix((np.clip((values - 2.0) / 3.0, 0.0, 1.0), (rows, columns)), shape=(max(1, len(users)), size))
        both = (liked.T @ liked).tocsr()
        norms = np.sqrt(both.diagonal())
        norms[norms == 0] = 1.0
        common = (liked.astype(bool).T.astype(np.float64) @ liked.astype(bool).astype(np.float64)).tocsr()
        scaled = sparse.diags(1 / norms) @ both @ sparse.diags(1 / norms)
        self._similar = scaled.multiply(_trusted(common)).tocsr()

    def scores(self, examples: Mapping[int, float]) -> Floats:
        """How much users who like the examples like each row; scaled to the best, shape (size,)."""
        total = np.zeros(self._similar.shape[1])
        for row, weight in examples.items():
            if row < self._similar.shape[0]:
                total += weight * np.asarray(self._similar.getrow(row).todense()).ravel()
        total[[row for row in examples if row < len(total)]] = 0.0  # an example says nothing of itself
        best = total.max()
        return total / best if best > 0 else np.zeros_like(total)


def _trusted(common: Any) -> Any:  # noqa: ANN401  # scipy.sparse has no types
    """Co-rating counts n as trust n / (n + shrink)."""
    trust = common.copy()
    trust.data = trust.data / (trust.data + _SHRINK)
    return trust
