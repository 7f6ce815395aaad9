"""Neighbourhoods: items that the same users pick (Sarwar et al. 2001), and people who picked the same items (Resnick et al. 1994)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.interactions import Histories, Interactions, Interest
from zhiyin.retrieve.sparse import Rows, RowSource, blocks, strongest

_PAIRS = 500_000_000  # events of the same user that are paired; where there are more, only everybody's newest are (MovieLens 100K has 20 million)
_AT_ONCE = 20_000_000
_NEIGHBOURS = 200  # kept of an item: the scores of a history cost that many additions an event


class ItemNeighbours(RowSource):
    """Item to item: sim(i, j) = w_i . w_j / (|w_i||w_j|) shrunk by n / (n + shrink) where n users picked both."""

    def __init__(self, *, shrink: float = 10.0, popular: float = 0.5, interest: Interest | None = None) -> None:
        self.shrink, self.interest = shrink, interest or Interest()
        self.popular = popular  # exponent of the neighbour's norm: below .5 the popular win, above it the rare
        super().__init__()

    def fit(self, log: Interactions, /) -> None:
        """The strongest 200 neighbours of each item."""
        from scipy import sparse  # noqa: PLC0415

        trust = log.trust()
        log = _newest(log, _PAIRS)
        picked = (sparse.diags(np.sqrt(trust)) @ log.matrix(self.interest.of(log))).tocsr().astype(np.float32)
        there = (sparse.diags(np.sqrt(trust)) @ picked.astype(np.bool_)).tocsr().astype(np.float32)
        norms = np.maximum(np.asarray(picked.multiply(picked).sum(axis=0)).ravel(), 1e-12).astype(np.float32)
        turned, turned_there = picked.T.tocsr(), there.T.tocsr()
        pairs = turned_there @ np.diff(picked.indptr).astype(np.float64)
        found = [sparse.csr_matrix((0, len(log.items)), dtype=np.float32)]
        for part in blocks(pairs, _AT_ONCE):
            alike, common = turned[part] @ picked, (turned_there[part] @ there).data  # of one shape, so their entries stand in one order
            row = np.repeat(np.arange(part.start, part.stop), np.diff(alike.indptr))
            alike.data *= norms[row] ** (self.popular - 1.0) * norms[alike.indices] ** -self.popular * common / (common + self.shrink)
            alike.data[row == alike.indices] = 0.0
            alike.eliminate_zeros()
            found.append(strongest(alike, _NEIGHBOURS))
        self.rows = Rows.of(sparse.vstack(found, format="csr"))


def _newest(log: Interactions, pairs: int) -> Interactions:
    """The log with the newest events of each user, as many as make no more than so many pairs in all."""
    lengths = np.bincount(log.user, minlength=1)
    most = int(lengths.max())
    while most > 1 and (np.minimum(lengths, most) ** 2).sum() > pairs:
        most = most * 9 // 10
    if most == lengths.max():
        return log
    order = np.argsort(log.user, kind="stable")
    ends = np.searchsorted(log.user[order], log.user[order], side="right")
    return log.take(np.sort(order[ends - np.arange(len(order)) <= most]))


class UserNeighbours:
    """User to user: the stretches of behaviour nearest to a history (cosine) vote with what was picked in them.

    Somebody's taste drifts, so not whole users but windows of their events are the neighbours. An item calls up its most
    recent `recent` windows only (as session-kNN does, Jannach & Ludewig 2017), so that the cost of a question does not grow with the log.
    """

    def __init__(self, *, neighbours: int = 80, recent: int = 2000, window: int = 50, asked: int = 20, interest: Interest | None = None) -> None:
        self.neighbours, self.recent, self.window, self.asked, self.interest = neighbours, recent, window, asked, interest or Interest()
        empty = Rows(np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32), 0)
        self.pickers, self.picks = empty, empty  # item -> windows, window -> items

    def fit(self, log: Interactions, /) -> None:
        """Who picked an item lately, and what else they picked then."""
        windows, owner = log.histories(interest=self.interest).windows(self.window)
        picks = windows.matrix()
        norms = np.sqrt(np.asarray(picks.multiply(picks).sum(axis=1)).ravel()) + 1e-9
        newest = np.full(len(windows), -np.inf)
        some = windows.lengths > 0
        newest[some] = windows.time[windows.start[1:][some] - 1]
        order = np.argsort(-newest, kind="stable")  # latest first, so that cutting a row keeps the latest
        picks.data *= np.repeat(log.trust()[owner] / norms, np.diff(picks.indptr)).astype(np.float32)
        by_item = picks[order].T.tocsr()
        by_item.sort_indices()
        lengths = np.diff(by_item.indptr)
        kept = np.arange(by_item.nnz) - np.repeat(by_item.indptr[:-1], lengths) < self.recent
        start = np.concatenate(([0], np.cumsum(np.minimum(lengths, self.recent))))
        self.pickers = Rows(start, order[by_item.indices[kept]].astype(np.int32), by_item.data[kept].astype(np.float32), len(windows))
        self.picks = Rows.of(picks)

    def scores(self, histories: Histories, /) -> NDArray[np.float32]:
        """The neighbours' votes, shape (n, items), for the `asked` weightiest items of each history."""
        found = np.zeros((len(histories), histories.items), dtype=np.float32)
        weights, items, start = histories.rows()
        for place in range(len(histories)):
            mine, weight = items[start[place] : start[place + 1]], weights[start[place] : start[place + 1]]
            if len(mine) > self.asked:
                best = np.argsort(-weight, kind="stable")[: self.asked]
                mine, weight = mine[best], weight[best]
            found[place] = self._one(mine, weight)
        return found

    def _one(self, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        places, lengths = self.pickers.places(items)
        if not len(places):
            return np.zeros(self.picks.columns, dtype=np.float32)
        who = self.pickers.column[places]
        slot = np.empty(len(self.picks.start), dtype=np.int32)  # of all windows, most never touched: each called one keeps the place of its last call
        slot[who] = np.arange(len(who), dtype=np.int32)
        near = np.bincount(slot[who], weights=self.pickers.value[places] * np.repeat(weights, lengths), minlength=len(who)).astype(np.float32)
        least = np.partition(near, -self.neighbours)[-self.neighbours] if len(near) > self.neighbours else 0.0
        best = np.flatnonzero((near >= least) & (near > 0.0))
        if len(best) > self.neighbours:
            best = best[np.argsort(-near[best], kind="stable")[: self.neighbours]]
        votes: NDArray[np.float32] = self.picks.combine(who[best], near[None, best])[0]
        return votes

    def update(self, history: Histories, /) -> None:
        """Nothing: a window becomes somebody's neighbour with a refit."""

    def state(self) -> Mapping[str, NDArray[Any]]:
        """Pickers by item and picks by user."""
        return {**{f"pickers_{k}": v for k, v in self.pickers.state().items()}, **{f"picks_{k}": v for k, v in self.picks.state().items()}}

    def restore(self, state: Mapping[str, NDArray[Any]], /) -> None:
        """Take up what `state` gave."""
        self.pickers = Rows.restored({k.removeprefix("pickers_"): v for k, v in state.items() if k.startswith("pickers_")})
        self.picks = Rows.restored({k.removeprefix("picks_"): v for k, v in state.items() if k.startswith("picks_")})
