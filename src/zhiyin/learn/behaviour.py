"""A trained recommender in the coding of a catalogue: what people who did the same did next, by row."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np
from numpy.typing import NDArray

from zhiyin.interactions import Histories
from zhiyin.learn.ltr import LambdaMart
from zhiyin.learn.recommender import LONGEST, NEW, Recommender
from zhiyin.types import Fed

Floats = NDArray[np.float64]
Past = Sequence[Fed]  # events of one user, oldest first


class Behaviour:
    """Votes on the rows of a catalogue. Rows the log knows nothing of get none."""

    def __init__(self, recommender: Recommender, ranker: LambdaMart | None, items: Sequence[str], rows: Sequence[str]) -> None:
        """Take a fitted recommender, its trees if it has some, the ids of its items, and the ids of the catalogue's rows."""
        self.recommender, self.ranker, self.size = recommender, ranker, len(items)
        self._code = {name: place for place, name in enumerate(items)}
        self._take(rows)

    def over(self, rows: Sequence[str]) -> Behaviour:
        """The same model over a catalogue with these rows; what one of them learns the other knows."""
        other = copy(self)
        other._take(rows)  # noqa: SLF001  # it is one of us
        return other

    def _take(self, rows: Sequence[str]) -> None:
        codes = np.array([self._code.get(name, -1) for name in rows], dtype=np.int32)
        self._rows = np.flatnonzero(codes >= 0)  # rows that the model knows, and as which of its items
        self._items, self._count = codes[self._rows], len(rows)

    def votes(self, past: Past) -> dict[str, Floats]:
        """The blend's votes under `collaborative`, shape (rows,), in [0, 1] with 1 for the best; and what each source adds to them, under its name.

        Empty where nothing of the past is known to the log.
        """
        history = self._history(past)
        if not len(history.item):
            return {}
        recommender = self.recommender
        weights = (recommender.newcomers if history.lengths[0] <= NEW else recommender.blend).weights
        by_source: dict[str, Floats] = {}
        for name, vote in recommender.votes(history).items():
            source = recommender.asks[name].source
            by_source[source] = by_source.get(source, 0.0) + weights.get(name, 0.0) * vote[0].astype(np.float64)
        total = np.sum(list(by_source.values()), axis=0)
        if self.ranker is not None:
            by_source["trees"] = self.ranker.scores(history)[0].astype(np.float64) - total
            total = total + by_source["trees"]
        best = total.max()
        if best <= 0.0:
            return {}
        votes = {"collaborative": np.clip(total / best, 0.0, 1.0), **{f"collaborative.{name}": part / best for name, part in by_source.items() if part.any()}}
        return {name: self._by_row(values) for name, values in votes.items()}

    def warm(self) -> None:
        """Ask once, so that the first like does not wait for scipy."""
        self.recommender.votes(Histories.one(range(min(1, self.size)), self.size))

    def learn(self, past: Past) -> None:
        """Take in the newest event of a past."""
        history = self._history(past)
        if past and past[-1].item in self._code and len(history.item):
            self.recommender.update(history)

    def _history(self, past: Past) -> Histories:
        interest = self.recommender.interest
        weighed = [(self._code[e.item], interest.one(e.kind, e.value), e.time.timestamp()) for e in past if e.item in self._code]
        known = [event for event in weighed if event[1] > 0.0][-LONGEST:]
        codes, weights, times = zip(*known, strict=True) if known else ((), (), ())
        return Histories.one(codes, self.size, weight=weights, time=times)

    def _by_row(self, values: Floats) -> Floats:
        found = np.zeros(self._count)
        found[self._rows] = values[self._items]
        return found
