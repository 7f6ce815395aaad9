"""All sources together: which rows may be shown, what each source thinks of them, and the weighted sum. The weights stand here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.pool import Pool
from zhiyin.ports import Behaviour, Embedder
from zhiyin.retrieve.dense import DenseIndex, cosine_scores, spread
from zhiyin.retrieve.keyword import KeywordIndex
from zhiyin.retrieve.similar import Similarity
from zhiyin.retrieve.wishes import central_scores, closeness, order_scores, soft_scores
from zhiyin.types import EVENT_WEIGHTS, Fed, ItemId, Op, Profile, Query, UserId

Floats = NDArray[np.float64]

# What a source's best opinion is worth against another's. Wishes put in words lead; popularity decides ties.
WEIGHTS: Mapping[str, float] = {
    "order": 5.0,  # "the cheapest"
    "wish": 3.0,  # soft wishes met
    "similar": 2.5,  # like the items named
    "dense": 1.8,  # meaning of the words no field covers
    "rewritten": 0.9,  # meaning of a model's words for them: half of the user's own
    "guess": 1.5,  # a model thinks they tell of this item: no more than good company for the user's own words
    "keyword": 0.9,  # the words themselves
    "taste": 1.2,  # this user's likes and dislikes
    "collaborative": 1.0,  # what people who did the same did next, and what is made of the same, if a log is there
    "near": 1.0,  # close to "about"
    "central": 0.35,  # the value wished for leads the item's list: a comedy before a drama that is also one
    "popular": 1.0,  # what speaks for the item unasked
}


_PERSONAL = ("taste", "collaborative")
_EVIDENCE = 3  # likes that are tried as reasons: each costs scoring the pool once more
_NEAREST = 1000  # asked of an index: more than `spread` tells apart
_LIKED = 0.5  # what an event weighs from which on it may be called a like: a rating of four, not a click
_GOOD = 4.0  # stars
_UNKNOWN = 0.5  # what a row loses where it says nothing of any field that something was excluded by
_FALL = 0.02  # of the score: less is no reason to show
UNDESCRIBED = 0.5
TOPIC = 200  # characters of a topic that are embedded
_GUESSED = (1.0, 0.7, 0.5)  # a model's first guess, its second, the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A source's part in the total of a row. One of weight 0 is told for what it says, as each of the models behind `collaborative`."""

    source: str
    score: float
    weight: float

    @property
    def contribution(self) -> float:
        """What it adds."""
        return self.weight * self.score


class Retriever:
    """Scores the rows that a query's hard wishes leave."""

    def __init__(
        self,
        catalog: Catalog,
        embedder: Embedder,
        vectors: NDArray[np.float32] | None,
        keywords: KeywordIndex,
        behaviour: Behaviour | None = None,
        *,
        index: DenseIndex | None = None,
    ) -> None:
        self.catalog, self.embedder, self.vectors = catalog, embedder, vectors
        self.keywords, self.behaviour, self.index = keywords, behaviour, index
        self.similarity = Similarity(catalog, vectors)
        # Of an item without a description only the title speaks: a match there says less.
        self._described = np.array([1.0 if item.texts else UNDESCRIBED for item in catalog.items])

    def __call__(self, query: Query) -> Pool:
        """The pool of a query: rows that pass, each source's scores, and their weighted total."""
        mask = self.catalog.mask(w for w in query.wishes if w.hard)
        mask[self.catalog.rows(query.exclude)] = False
        rows = np.flatnonzero(mask).astype(np.int32)
        if len(rows) == 0:
            return Pool(rows)
        sources = {name: scores for name, scores in self._sources(query, rows).items() if scores is not None}
        total = np.sum([WEIGHTS[name] * scores for name, scores in sources.items() if name in WEIGHTS], axis=0)
        return Pool(rows, sources, total + sum(self._besides(query, rows).values()))

    def shares(self, query: Query, pool: Pool, place: int) -> tuple[Share, ...]:
        """What makes up the total of one row of a query's pool: the contributions add up to it."""
        found = [Share(source=name, score=float(scores[place]), weight=WEIGHTS.get(name, 0.0)) for name, scores in pool.sources.items()]
        return (*found, *(Share(source=name, score=float(scores[place]), weight=1.0) for name, scores in self._besides(query, pool.rows).items()))

    def _besides(self, query: Query, rows: NDArray[np.int32]) -> dict[str, Floats]:
        """What the total holds that no source says."""
        found: dict[str, Floats] = {}
        if any(w.negated for w in query.wishes):  # unknown values pass an exclusion, but rank lower
            found["unknown"] = -_UNKNOWN * self._unknown(query, rows)
        if query.explore:
            found["chance"] = np.random.default_rng(query.seed).gumbel(0.0, 0.18, len(rows))
        return found

    def _sources(self, query: Query, rows: NDArray[np.int32]) -> dict[str, Floats | None]:
        basis = {self.catalog.row[i]: 1.0 for i in query.basis if i in self.catalog.row}
        found: dict[str, Floats | None] = {
            "order": order_scores(self.catalog, query.wishes, rows),
            "wish": soft_scores(self.catalog, query.wishes, rows),
            "central": central_scores(self.catalog, query.wishes, rows),
            "near": closeness(self.catalog, query.wishes, rows),
            "similar": self.similarity.to(basis)[rows] if basis else None,
            "popular": self.catalog.prior[rows],
        }
        found |= self._personal(query, rows)
        if query.topic:
            found["keyword"] = self.keywords.scores(query.topic, self.catalog.size, allowed=None if len(rows) == len(self.catalog) else rows)[rows] * self._described[rows]
            dense = self._dense(query.topic, rows)
            found["dense"] = None if dense is None else dense * self._described[rows]
        return found | self._by_model(query, rows)

    def _by_model(self, query: Query, rows: NDArray[np.int32]) -> dict[str, Floats | None]:
        """What speaks for the rows because a model put the topic in other words or thinks of items; nothing without one."""
        found: dict[str, Floats | None] = {}
        if query.rewritten:
            dense = self._dense(query.rewritten, rows)
            found["rewritten"] = None if dense is None else dense * self._described[rows]
        guessed = {self.catalog.row[i]: _GUESSED[min(place, len(_GUESSED) - 1)] for place, i in reversed(list(enumerate(query.guesses))) if i in self.catalog.row}
        if guessed:
            found["guess"] = np.array([guessed.get(row, 0.0) for row in rows.tolist()])
        return found

    def _personal(self, query: Query, rows: NDArray[np.int32]) -> dict[str, Floats]:
        """What speaks for the rows because of who asks: likeness to likes and dislikes, and what people who did the same did next."""
        row = self.catalog.row
        found: dict[str, Floats] = {}
        taste = {row[i]: w for i, w in query.profile.weights.items() if w and i in row}
        if taste:
            found["taste"] = self.similarity.to(_strongest(taste))[rows]
        if self.behaviour is not None:
            past = [*query.profile.history, *_named(query)]
            found |= {name: votes[rows] for name, votes in self.behaviour.votes(past).items()}
        return found

    def evidence(self, query: Query, pool: Pool, rows: Sequence[int]) -> dict[int, tuple[ItemId, ...]]:
        """For each of these rows the likes it owes its place to: without the like the row would lose more than the rest of the pool does, on average.

        Of the three strongest likes, the strongest first.
        """
        weights = query.profile.weights
        told = {event.item for event in query.profile.history if _is_like(event)}
        liked = [i for i, w in sorted(weights.items(), key=lambda p: -p[1]) if w > 0 and i in told and i not in query.basis and i in self.catalog.row][:_EVIDENCE]
        places = np.searchsorted(pool.rows, np.asarray(rows))
        found: dict[int, tuple[ItemId, ...]] = dict.fromkeys(rows, ())
        before = _weighed({name: scores for name, scores in pool.sources.items() if name in _PERSONAL}, len(pool.rows))
        for item in liked:
            profile = Profile(weights={i: w for i, w in weights.items() if i != item}, history=tuple(e for e in query.profile.history if e.item != item))
            fall = before - _weighed(self._personal(replace(query, profile=profile), pool.rows), len(pool.rows))
            enough = max(_FALL, float(fall.mean()))
            found |= {row: (*found[row], item) for row, place in zip(rows, places, strict=True) if fall[place] > enough}
        return found

    def _dense(self, text: str, rows: NDArray[np.int32]) -> Floats | None:
        if self.vectors is None:
            return None
        vector = self.embedder.query(text[:TOPIC])
        if self.index is None or len(rows) <= _NEAREST:
            return spread(cosine_scores(self.vectors, vector, rows))
        near, cosines = self.index.search(vector, _NEAREST, allowed=rows)  # always: the index may hold rows that a later change brought
        found = np.zeros(len(rows))
        found[np.searchsorted(rows, near)] = spread(cosines)
        return found

    def _unknown(self, query: Query, rows: NDArray[np.int32]) -> Floats:
        fields = {w.field for w in query.wishes if w.negated and w.op is not Op.LIKE}
        return np.mean([~self.catalog.has(name)[rows] for name in fields], axis=0)  # type: ignore[no-any-return]


def _named(query: Query) -> list[Fed]:
    """The items that "more like these" named, as if they had just been liked."""
    now = query.profile.history[-1].time if query.profile.history else datetime.fromtimestamp(0, UTC)
    return [Fed(user=UserId(""), kind="like", item=item, time=now) for item in query.basis]


def _is_like(event: Fed) -> bool:
    """Whether an event is liking in so many words or deeds: a click or a look is not."""
    return (event.value or 0.0) >= _GOOD if event.kind == "rating" else EVENT_WEIGHTS.get(event.kind, 0.0) >= _LIKED


def _weighed(sources: Mapping[str, Floats], size: int) -> Floats:
    return np.sum([np.zeros(size), *(WEIGHTS[name] * sources[name] for name in _PERSONAL if name in sources)], axis=0)  # type: ignore[no-any-return]


def _strongest(taste: Mapping[int, float], most: int = 24) -> Mapping[int, float]:
    """The examples that weigh most: taste is scored against each."""
    return dict(sorted(taste.items(), key=lambda pair: -abs(pair[1]))[:most])
