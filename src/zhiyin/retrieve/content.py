"""Taste in the space of item vectors: what an item is made of stands for who it pleases, so that a new item has a chance at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.interactions import Histories, Interactions
from zhiyin.retrieve.sparse import FEW, picked, times

_VALUES = 256


class Content:
    """Cosine of each item's vector with the weighted sum of a history's. The vectors may come from text, attributes, images or sound."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        """Take item vectors, shape (items, dim); they are centred, so that what all items share says nothing, and scaled to unit length."""
        centred = vectors - vectors[np.any(vectors, axis=1)].mean(axis=0) if np.any(vectors) else vectors
        centred = np.where(np.any(vectors, axis=1)[:, None], centred, 0.0)
        self._keep((centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)).astype(np.float32))

    def _keep(self, vectors: NDArray[np.float32]) -> None:
        self.vectors, self.turned = vectors, np.ascontiguousarray(vectors.T)

    def fit(self, log: Interactions, /) -> None:
        """Nothing: the vectors are given."""

    def scores(self, histories: Histories, /) -> NDArray[np.float32]:
        """Cosine of each item with each history's taste, shape (n, items)."""
        taste = self._taste(histories)
        taste /= np.maximum(np.linalg.norm(taste, axis=1, keepdims=True), 1e-9)
        return times(taste, self.turned)

    def _taste(self, histories: Histories) -> NDArray[np.float32]:
        if len(histories) > FEW:
            return np.asarray(histories.matrix() @ self.vectors, dtype=np.float32)
        items, weights = picked(histories)
        return np.asarray(weights @ self.vectors[items], dtype=np.float32)

    def update(self, history: Histories, /) -> None:
        """Nothing: taste is read off the history."""

    def state(self) -> Mapping[str, NDArray[Any]]:
        """The vectors."""
        return {"vectors": self.vectors}

    def restore(self, state: Mapping[str, NDArray[Any]], /) -> None:
        """Take up what `state` gave."""
        self._keep(state["vectors"])


def attribute_vectors(columns: Mapping[str, NDArray[np.float64]], values: Mapping[str, tuple[tuple[str, ...], ...]]) -> NDArray[np.float32]:
    """Item vectors from attributes, shape (items, dim): a column a value, rare values the heavier (idf), and each number as three soft thirds of its range.

    Of each list the 256 commonest values that at least two items share: an actor of one film makes it like no other.
    """
    parts: list[NDArray[np.float64]] = []
    for lists in values.values():
        counts = Counter(v for row in lists for v in dict.fromkeys(row))
        vocabulary = {v: i for i, (v, n) in enumerate(counts.most_common(_VALUES)) if n > 1}
        hot = np.zeros((len(lists), len(vocabulary)))
        for row, names in enumerate(lists):
            hot[row, [vocabulary[v] for v in names if v in vocabulary]] = 1.0
        parts.append(hot * np.log(len(lists) / np.maximum(hot.sum(axis=0), 1.0)))
    for column in columns.values():
        known = column[~np.isnan(column)]
        centres = np.quantile(known, (0.1, 0.5, 0.9)) if len(known) else np.zeros(3)
        width = max((centres[2] - centres[0]) / 2.0, 1e-9)
        parts.append(np.nan_to_num(np.exp(-(((column[:, None] - centres) / width) ** 2))))
    return np.hstack(parts).astype(np.float32) if parts else np.zeros((0, 0), dtype=np.float32)
