"""More like these: closeness in the vector space and in shared values (genres, people, moods), and near years and prices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.columns import Catalog

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]


class Similarity:
    """Likeness of every item to weighted examples."""

    def __init__(self, catalog: Catalog, vectors: Vectors | None) -> None:
        self.catalog, self.vectors = catalog, vectors
        self._size, self._count = catalog.size, len(catalog)
        self._there = None if self._size == self._count else np.flatnonzero(catalog.there)
        self._spreads: dict[str, float] = {}
        self._fields = [f.name for f in catalog.domain.fields.values() if f.kind in {"list", "category"} and f.wish]
        self._numbers = [f.name for f in catalog.domain.fields.values() if f.numeric and f.wish]

    def to(self, examples: Mapping[int, float]) -> Floats:
        """Likeness in [0, 1] (negative for disliked examples) to rows with signed weights, shape (size,)."""
        total = np.zeros(self._size)
        mass = sum(abs(w) for w in examples.values())
        # One pass over the vectors for all examples: they are read from memory once.
        cosines = None if self.vectors is None else self.vectors @ self.vectors[list(examples)].T
        for place, (row, weight) in enumerate(examples.items()):
            total += weight / mass * self._to_one(row, None if cosines is None else cosines[:, place])
        return total

    def _to_one(self, row: int, cosines: Vectors | None) -> Floats:
        """Likeness of all items to one."""
        shared = self._shared(row)
        if self.vectors is None or cosines is None or not self.vectors[row].any():
            return shared
        cosine = cosines.astype(np.float64)
        there = cosine if self._there is None else cosine[self._there]
        low, high = float(np.quantile(there[:1000], 0.5)), float(np.partition(there, -2)[-2]) if self._count > 1 else 1.0
        return np.asarray(0.5 * shared + 0.5 * np.clip((cosine - low) / max(high - low, 1e-9), 0.0, 1.0))

    def _spread(self, name: str) -> float:
        """A number's standard deviation over the catalogue; taken once."""
        if name not in self._spreads:
            self._spreads[name] = float(np.nanstd(self.catalog.numbers(name))) or 1.0
        return self._spreads[name]

    def _shared(self, row: int) -> Floats:
        """Values shared with the example, the rarer the more (inverse document frequency), over what it could share; numbers by nearness."""
        score, best = np.zeros(self._size), 0.0
        item = self.catalog.items[row]
        for name in self._fields:
            lists = self.catalog.values(name)
            values = item.values(name)[:8]
            for value in values:
                rows = lists.get(str(value))
                if rows is None:
                    continue
                weight = min(6.0, np.log(self._count / len(rows)) + 0.1) / max(1.0, len(values) ** 0.5)
                score[rows] += weight
                best += weight
        for name in self._numbers:
            column = self.catalog.numbers(name)
            here = column[row]
            if np.isnan(here):
                continue
            score += np.nan_to_num(np.exp(-(((column - here) / self._spread(name)) ** 2)))
            best += 1.0
        return score / best if best else score
