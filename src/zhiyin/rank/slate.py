"""The slate: the best of the pool with some variety, hard wishes checked once more on each item, sources and reasons attached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.pool import Pool
from zhiyin.rank.dials import Dialled, Dials
from zhiyin.rank.reasons import ReasonFinder
from zhiyin.types import Candidate, ItemId, Op, Query, Slate

LOOK_AT = 60  # candidates considered for variety
VARIETY = 0.12  # weight of "unlike those already chosen" (MMR, Carbonell & Goldstein 1998)
Evidence = Callable[[Sequence[int]], Mapping[int, Sequence[ItemId]]]  # rows -> the likes behind each
SAME_SERIES = 0.6  # a second member of one series pays this


class Ranker:
    """Turns pools into slates."""

    def __init__(self, catalog: Catalog, vectors: NDArray[np.float32] | None, dials: Dials | None = None) -> None:
        self.catalog, self.vectors = catalog, vectors
        self.dialled = None if dials is None or dials.off else Dialled(catalog, vectors, dials)
        self.reasons = ReasonFinder(catalog)

    def over(self, catalog: Catalog, vectors: NDArray[np.float32] | None) -> Ranker:
        """The ranker of a catalogue after a change, with what the dials remember."""
        made = Ranker(catalog, vectors, self.dialled.dials if self.dialled else None)
        if made.dialled is not None and self.dialled is not None:
            made.dialled.exposure[: len(self.dialled.exposure)] = self.dialled.exposure
        return made

    def __call__(self, query: Query, pool: Pool, evidence: Evidence | None = None) -> Slate:
        """At most `query.limit` candidates, best first; each satisfies every hard wish. `evidence` tells which likes rows owe their place to."""
        if len(pool.rows) == 0:
            return ()
        chosen = self.places(query, pool)
        hard = [w for w in query.wishes if w.hard]
        liked = evidence([int(pool.rows[place]) for place in chosen]) if evidence else {}
        slate = []
        for place in chosen:
            row = int(pool.rows[place])
            item = self.catalog.items[row]
            if item.id in query.exclude or not all(self.catalog.satisfies(w)[row] for w in hard):
                continue  # cannot happen after the mask; promise 4 is worth a second look
            sources = {name: round(float(scores[place]), 4) for name, scores in pool.sources.items() if abs(scores[place]) > 1e-6}
            slate.append(
                Candidate(
                    item=item,
                    score=round(float(pool.total[place]), 4),
                    sources=sources,
                    reasons=self.reasons(row, query, sources, liked.get(row, ())),
                    attributes=self.catalog.attributes(row, query.wishes),
                )
            )
        if self.dialled is not None:
            self.dialled.remember(np.array([self.catalog.row[c.item.id] for c in slate], dtype=np.int32))
        return tuple(slate)

    def places(self, query: Query, pool: Pool) -> list[int]:
        """The places in the pool that are chosen, best first; choosing changes nothing."""
        if len(pool.rows) == 0:
            return []
        top = min(LOOK_AT + query.limit, len(pool.rows))
        first = np.argpartition(-pool.total, top - 1)[:top]
        order = first[np.lexsort((pool.rows[first], -pool.total[first]))]
        ordered = any(w.op is Op.LIKE for w in query.wishes)
        return list(order[: query.limit]) if ordered else self._varied(pool, self._by_dials(query, pool, order), query.limit)

    def _by_dials(self, query: Query, pool: Pool, order: NDArray[np.intp]) -> NDArray[np.intp]:
        """The candidates in the order of the dials, if any is on."""
        if self.dialled is None:
            return order
        return order[self.dialled(pool.rows[order], pool.total[order], query.profile)]

    def _varied(self, pool: Pool, order: NDArray[np.intp], limit: int) -> list[int]:
        """Greedy choice by score less likeness to what is chosen."""
        scores = pool.total[order].astype(np.float64)
        if self.dialled is not None:
            scores = np.sort(scores)[::-1].copy()  # the dials' order counts now, with the same spread
        rows = pool.rows[order]
        series = [self.catalog.items[int(r)].attributes.get(self.catalog.domain.series) for r in rows] if self.catalog.domain.series else [None] * len(rows)
        vectors = self.vectors[rows] if self.vectors is not None else None
        chosen: list[int] = []
        alive = np.ones(len(order), dtype=np.bool_)
        while len(chosen) < min(limit, len(order)):
            best = int(np.argmax(np.where(alive, scores, -np.inf)))
            alive[best] = False
            chosen.append(int(order[best]))
            if vectors is not None:
                scores -= VARIETY * np.clip((vectors @ vectors[best] - 0.8) / 0.2, 0.0, 1.0)
            if series[best] is not None:
                scores -= SAME_SERIES * np.array([s == series[best] for s in series])
        return chosen
