"""Dense search: exact cosine over the rows that passed the filter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
_GATHER_BELOW = 0.25  # share of rows under which gathering them beats scanning all


def cosine_scores(vectors: Vectors, query: Vectors, rows: NDArray[np.int32]) -> Floats:
    """Cosine of one unit vector with these rows, shape (n,)."""
    if len(rows) < _GATHER_BELOW * len(vectors):
        return (vectors[rows] @ query).astype(np.float64)
    return (vectors @ query)[rows].astype(np.float64)


def spread(scores: Floats, top: int = 200) -> Floats:
    """Scores over their own distribution: 0 at the mean and below, 1 at the best. E5 cosines all lie in 0.7-0.9."""
    if len(scores) == 0:
        return scores
    low, high = float(scores.mean()), float(scores.max())
    if len(scores) > 4 * top:
        low = float(np.partition(scores, -top)[-top])
    return np.clip((scores - low) / max(high - low, 1e-9), 0.0, 1.0)
