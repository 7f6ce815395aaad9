"""The re-rankers of `rank/rerank.py` over a catalogue's candidates, each by one dial that a setting turns; all are off by default."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.columns import Catalog
from zhiyin.rank.rerank import calibrated, exposed, less_popular, mmr, shown
from zhiyin.types import Profile

Floats = NDArray[np.float64]
Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dials:
    """How far each re-ranker goes, from 0 (off) to 1."""

    diversity: float = 0.0
    calibration: float = 0.0
    less_popular: float = 0.0
    exposure: float = 0.0

    @property
    def off(self) -> bool:
        """Whether none is turned on."""
        return not (self.diversity or self.calibration or self.less_popular or self.exposure)


class Dialled:
    """Re-orders candidates as the dials say; remembers what was shown, so that exposure evens out over everybody's lists."""

    def __init__(self, catalog: Catalog, vectors: NDArray[np.float32] | None, dials: Dials) -> None:
        self.catalog, self.vectors, self.dials = catalog, vectors, dials
        self.exposure = np.zeros(catalog.size)
        self._field = next((f.name for f in catalog.domain.fields.values() if f.kind == "list" and f.wish), "")

    def __call__(self, rows: Rows, scores: Floats, profile: Profile) -> NDArray[np.int64]:
        """Places of `rows`, given best first, in their new order: tail and exposure first, then calibration, then variety."""
        order, worth = np.arange(len(rows)), scores
        for name in ("less_popular", "exposure", "calibration", "diversity"):
            dial: float = getattr(self.dials, name)
            if dial:
                order = order[self._order(name, rows[order], worth, dial, profile)]
                worth = np.sort(worth)[::-1]  # the next one starts from this order, with the same spread of scores
        return order

    def _order(self, name: str, rows: Rows, worth: Floats, dial: float, profile: Profile) -> NDArray[np.intp]:
        match name:
            case "less_popular":
                return less_popular(worth, self.catalog.prior[rows], dial)
            case "exposure":
                return exposed(worth, self.exposure[rows], dial)
            case "calibration":
                return calibrated(worth, self._mixes(rows), self._mix(profile), dial)
        return mmr(worth, self._mixes(rows) if self.vectors is None else self.vectors[rows], dial)

    def remember(self, rows: Rows) -> None:
        """These were shown, best first."""
        self.exposure = shown(self.exposure, rows)

    def _mixes(self, rows: Rows) -> Floats:
        """Which values of the domain's first list field each row has, shape (rows, values)."""
        lists = self.catalog.values(self._field) if self._field else {}
        found = np.zeros((self.catalog.size, max(1, len(lists))), dtype=np.bool_)
        for column, having in enumerate(lists.values()):
            found[having, column] = True
        return found[rows].astype(np.float64)

    def _mix(self, profile: Profile) -> Floats:
        """The mix of what the user likes; zeros for somebody nothing is known of."""
        liked = np.array([self.catalog.row[i] for i, weight in profile.weights.items() if weight > 0 and i in self.catalog.row], dtype=np.int32)
        mixes = self._mixes(liked)
        shares = mixes / np.maximum(mixes.sum(axis=1, keepdims=True), 1.0)
        return np.asarray(shares.mean(axis=0) if len(liked) else np.zeros(mixes.shape[1]))
