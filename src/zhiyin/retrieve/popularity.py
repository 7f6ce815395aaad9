"""Popularity that fades: an event counts half after a half-life, seen from the moment the question is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.interactions import DAY, Histories, Interactions, Interest

_MOMENTS = 64  # moments at which the fading counts are remembered, fewer for very large catalogues
_CELLS = 8_000_000


class Popularity:
    """What everybody picks lately. Nothing after a history's newest event is counted, so that the past can be asked honestly."""

    def __init__(self, *, half_life_days: float = 30.0, interest: Interest | None = None) -> None:
        self.half_life, self.interest = half_life_days * DAY, interest or Interest()
        self.moments, self.counts = np.zeros(1), np.zeros((1, 0), dtype=np.float32)

    def fit(self, log: Interactions, /) -> None:
        """Faded counts at up to 64 moments of the log, each with as many events behind it."""
        wanted = max(1, min(_MOMENTS, _CELLS // max(1, len(log.items)), len(log)))
        ends = np.linspace(0, len(log), wanted + 1).astype(np.int64)[1:]
        weights = self.interest.of(log) * log.trust()[log.user]
        moments, counts, total, now, begin = [], [], np.zeros(len(log.items)), 0.0, 0
        for end in ends:
            part = slice(begin, end)
            later = log.time[end - 1] if end else 0.0
            faded = weights[part] * np.exp2((log.time[part] - later) / self.half_life)
            total = total * np.exp2((now - later) / self.half_life) + np.bincount(log.item[part], weights=faded, minlength=len(log.items))
            moments.append(later)
            counts.append(total.astype(np.float32))
            now, begin = later, end
        self.moments, self.counts = np.array(moments), np.array(counts)

    def scores(self, histories: Histories, /) -> NDArray[np.float32]:
        """log(1 + count) at the latest remembered moment before each history's newest event, shape (n, items)."""
        newest = np.full(len(histories), np.inf)
        some = histories.lengths > 0
        newest[some] = histories.time[histories.start[1:][some] - 1]
        place = np.maximum(np.searchsorted(self.moments, newest, side="right") - 1, 0)
        found = self.counts[place]
        return np.log1p(found, out=found)

    def update(self, history: Histories, /) -> None:
        """Count the newest event."""
        if not len(history.item):
            return
        time = max(history.time[-1], self.moments[-1])
        self.counts[-1] *= np.exp2((self.moments[-1] - time) / self.half_life)
        self.counts[-1, history.item[-1]] += history.weight[-1] * np.float32(history.proven()[0])
        self.moments[-1] = time

    def state(self) -> Mapping[str, NDArray[Any]]:
        """The remembered moments and their counts."""
        return {"moments": self.moments.copy(), "counts": self.counts.copy()}  # an update writes into them

    def restore(self, state: Mapping[str, NDArray[Any]], /) -> None:
        """Take up what `state` gave."""
        self.moments, self.counts = state["moments"].copy(), state["counts"].copy()
