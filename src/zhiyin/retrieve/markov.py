"""What comes after what: first-order transitions, and several steps with the distance counted down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.interactions import DAY, Codes, Histories, Interactions, Interest
from zhiyin.retrieve.sparse import Rows, blocks, strongest

_KEPT = 200
_PAIRS = 20_000_000  # counted at once


class Markov:
    """P(next = j | i some steps ago): a pair d events apart counts 1 / d, over at most `steps` events and one visit.

    With `steps` = 1 it is the first-order chain. Counts are normalised by how often i was left and by how often j
    is entered to the power `popular`, and shrunk, so that the popular do not follow everything.
    """

    def __init__(self, *, steps: int = 1, shrink: float = 20.0, popular: float = 0.3, gap_days: float = 1.0, interest: Interest | None = None) -> None:
        self.steps, self.shrink, self.popular, self.gap = steps, shrink, popular, gap_days * DAY
        self.interest = interest or Interest()
        self.rows = Rows(np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32), 0)
        self.fresh: dict[int, tuple[NDArray[np.int32], NDArray[np.float32]]] = {}  # what followed an item since the fit, and how often

    def fit(self, log: Interactions, /) -> None:
        """The 200 strongest successors of each item."""
        from scipy import sparse  # noqa: PLC0415

        histories, size = log.histories(interest=self.interest), len(log.items)
        trust = log.trust()[histories.owner]
        entered = np.zeros(size)
        for _, after, weight in self._pairs(histories, trust, np.arange(len(histories.item))):
            entered += np.bincount(after, weights=weight, minlength=size)
        rarity = (entered / max(float(entered.sum()) / max(1, size), 1e-9) + 0.1) ** -self.popular
        order, counts = np.argsort(histories.item, kind="stable"), np.bincount(histories.item, minlength=size)
        found, begin = [sparse.csr_matrix((0, size), dtype=np.float32)], 0
        for part in blocks(counts * self.steps, _PAIRS):
            places, begin = np.sort(order[begin : begin + counts[part].sum()]), begin + counts[part].sum()
            left, after, weight = map(np.concatenate, zip(*self._pairs(histories, trust, places), strict=True))
            total = sparse.csr_matrix((weight, (left - part.start, after)), shape=(part.stop - part.start, size))
            shrunk = 1.0 / (np.asarray(total.sum(axis=1)).ravel() + self.shrink)
            total.data *= np.repeat(shrunk, np.diff(total.indptr)) * rarity[total.indices]
            found.append(strongest(total.astype(np.float32), _KEPT))
        self.rows, self.fresh = Rows.of(sparse.vstack(found, format="csr")), {}

    def _pairs(self, histories: Histories, trust: NDArray[np.float64], places: NDArray[np.int64]) -> Iterator[tuple[Codes, Codes, NDArray[np.float64]]]:
        """By distance: the items of the events at these places, what came so many events later, and how much each pair counts."""
        owner = np.repeat(np.arange(len(histories), dtype=np.int32), histories.lengths)
        for step in range(1, self.steps + 1):
            left = places[places < len(owner) - step]
            after = left + step
            near = (owner[after] == owner[left]) & (histories.time[after] - histories.time[left] <= self.gap * step) & (histories.item[after] != histories.item[left])
            left, after = left[near], after[near]
            yield histories.item[left], histories.item[after], histories.weight[left] * histories.weight[after] * trust[left] / step

    def scores(self, histories: Histories, /) -> NDArray[np.float32]:
        """Transitions out of each history's items, weighted and summed, shape (n, items)."""
        found = self.rows.scores(histories)
        if self.fresh:
            self._add_fresh(found, histories)
        return found

    def _add_fresh(self, found: NDArray[np.float32], histories: Histories) -> None:
        weights, items, start = histories.rows()
        known = [place for place, item in enumerate(items.tolist()) if item in self.fresh]
        if not known:
            return
        rows = [self.fresh[item] for item in items[known].tolist()]
        lengths = [len(after) for after, _ in rows]
        after, counts = (np.concatenate(part) for part in zip(*rows, strict=True))
        cells = np.repeat(np.searchsorted(start, known, side="right") - 1, lengths) * found.shape[1] + after
        np.add.at(found.reshape(-1), cells, np.repeat(weights[known], lengths) * counts / (counts + np.float32(self.shrink)))

    def update(self, history: Histories, /) -> None:
        """Count the newest event's transition."""
        if len(history.item) < 2 or history.item[-1] == history.item[-2] or history.time[-1] - history.time[-2] > self.gap:
            return
        left, entered = int(history.item[-2]), history.item[-1:]
        after, counts = self.fresh.get(left, (entered[:0], history.weight[:0]))
        there = np.flatnonzero(after == entered)
        if not len(there):
            there, after, counts = np.array([len(after)]), np.append(after, entered), np.append(counts, np.float32(0.0))
        counts[there] += history.weight[-1] * np.float32(history.proven()[0])
        self.fresh[left] = (after, counts)

    def state(self) -> Mapping[str, NDArray[Any]]:
        """The transitions, those since the fit apart."""
        fresh = [np.stack([np.full(len(after), item), after, counts], axis=1) for item, (after, counts) in self.fresh.items()]
        return {**self.rows.state(), "fresh": np.concatenate([np.zeros((0, 3)), *fresh])}

    def restore(self, state: Mapping[str, NDArray[Any]], /) -> None:
        """Take up what `state` gave."""
        fresh = state["fresh"][np.argsort(state["fresh"][:, 0], kind="stable")]
        items, start = np.unique(fresh[:, 0], return_index=True)
        parts = np.split(fresh[:, 1:], start[1:])
        self.rows = Rows.restored(state)
        self.fresh = {int(item): (part[:, 0].astype(np.int32), part[:, 1].astype(np.float32)) for item, part in zip(items, parts, strict=False)}
