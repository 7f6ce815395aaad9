"""All sources as one recommender: each asked with what a user did lately and over time, their votes blended by learned weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.interactions import KINDS, Codes, Histories, Interactions, Interest
from zhiyin.learn.blend import Blend, learn_blend, vote
from zhiyin.learn.holdout import Split
from zhiyin.ports import Source

Floats32 = NDArray[np.float32]
Progress = Callable[[str, int, int], None]  # what is being done, step, steps

LONGEST = 100  # newest events of a history that are looked at when serving
NEW = 3  # somebody with so few events is a newcomer, and has weights of their own
_LEAST = 30  # questions needed to learn weights from


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One vote: whose, and how fast what it is asked about fades (half-life in events of the user)."""

    source: str
    half_life: float = np.inf
    weight: float = 0.1  # before any is learned


ASKS: Mapping[str, Ask] = {
    "popularity": Ask(source="popularity", weight=0.1),
    "items.short": Ask(source="items", half_life=2, weight=0.05),
    "items.long": Ask(source="items", weight=0.05),
    "users.short": Ask(source="users", half_life=5, weight=0.1),
    "factors.short": Ask(source="factors", half_life=5, weight=0.2),
    "factors.mid": Ask(source="factors", half_life=20, weight=0.1),
    "broad.long": Ask(source="broad", weight=0.15),
    "ease.short": Ask(source="ease", half_life=10, weight=0.05),
    "ease.long": Ask(source="ease", weight=0.1),
    "chain": Ask(source="chain", half_life=1, weight=0.05),
    "steps.short": Ask(source="steps", half_life=5, weight=0.15),
    "steps.long": Ask(source="steps", half_life=50, weight=0.05),
    "content.short": Ask(source="content", half_life=3, weight=0.1),
    "content.long": Ask(source="content", weight=0.1),
    "transformer": Ask(source="transformer", weight=0.4),
}


class Recommender:
    """Fitted sources and the weights of their votes."""

    def __init__(self, sources: Mapping[str, Source], asks: Mapping[str, Ask] = ASKS, *, interest: Interest | None = None, repeats: bool = False) -> None:
        """Take sources by name; `asks` of sources that are not there are left out. With `repeats`, items of a history may be recommended again."""
        self.sources, self.interest, self.repeats = dict(sources), interest or Interest(), repeats
        self.asks = {name: ask for name, ask in asks.items() if ask.source in self.sources}
        default = Blend(weights={name: ask.weight for name, ask in self.asks.items()})
        self.blend, self.newcomers = default, default

    def fit(self, log: Interactions, progress: Progress = lambda *_: None) -> None:
        """Fit every source on the log."""
        for step, (name, source) in enumerate(self.sources.items()):
            progress(name, step, len(self.sources))
            source.fit(log)

    def learn(self, split: Split, *, seed: int = 0) -> None:
        """Learn the weights from what users did next; the sources must have been fitted on `split.train` alone.

        Newcomers' weights come from the same questions asked with the last one to three events only. With fewer than 30 questions that a list can
        answer (not only with items met before) the weights stay.
        """
        histories = split.histories(self.interest)
        seen = self.seen(histories)
        if sum(not row[items].all() for row, items in zip(seen, split.relevant, strict=True)) < _LEAST:
            return
        self.blend = learn_blend(self.votes(histories), split.relevant, seen, seed=seed)
        random = np.random.default_rng(seed)
        few = histories.last(random.integers(1, NEW + 1, len(histories)))
        self.newcomers = learn_blend(self.votes(few), split.relevant, self.seen(few), seed=seed)

    def histories(self, log: Interactions, users: Codes | None = None) -> Histories:
        """What these users did (all users if none are given), weighed as this recommender weighs events."""
        return log.histories(users, self.interest)

    def votes(self, histories: Histories) -> dict[str, Floats32]:
        """Each source's vote of every item, on a common scale, shape (n, items); items of a history count as the worst unless they may repeat."""
        return dict(zip(self.asks, self._said(histories, list(self.asks)), strict=True))

    def scores(self, histories: Histories) -> Floats32:
        """The blended scores, shape (n, items); higher is better. Nothing known of anybody: popularity; nothing known at all: zeros."""
        few = histories.lengths <= NEW
        blends = [self.newcomers] if few.all() else [self.newcomers, self.blend] if few.any() else [self.blend]
        names = [name for name in self.asks if any(blend.weights.get(name) for blend in blends)]
        said = self._said(histories, names)  # not of those without a weight
        weights = np.array([[blend.weights.get(name, 0.0) for name in names] for blend in blends], dtype=np.float32)
        found: list[Floats32] = [(each @ said.reshape(len(names), few.size * histories.items)).reshape(said.shape[1:]) for each in weights]
        return np.where(few[:, None], *found) if len(found) == 2 else found[0]

    def _said(self, histories: Histories, names: Sequence[str]) -> Floats32:
        """These votes, shape (names, n, items); a source is asked once for all of its own, by every half-life."""
        said = np.empty((len(names), len(histories), histories.items), dtype=np.float32)
        half_lives = np.array([self.asks[name].half_life for name in names])
        weights = (histories.weight * np.exp2(-histories.age / half_lives[:, None])).astype(np.float32)
        stacks = {1: histories}
        by_source: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            by_source.setdefault(self.asks[name].source, []).append(place)
        for source, places in by_source.items():
            if len(places) not in stacks:
                stacks[len(places)] = _repeated(histories, len(places))
            stack = stacks[len(places)]
            asked = Histories(start=stack.start, item=stack.item, weight=weights[places].ravel(), time=stack.time, items=stack.items)
            scores = self.sources[source].scores(asked).reshape(len(places), *said.shape[1:])
            for place, each in zip(places, scores, strict=True):
                if not self.repeats:
                    _put_last(each, histories)
                vote(each, out=said[place])
        return said

    def seen(self, histories: Histories) -> NDArray[np.bool_]:
        """Which items may not be recommended to whom, shape (n, items)."""
        return np.zeros((len(histories), histories.items), dtype=np.bool_) if self.repeats else histories.seen()

    def shares(self, histories: Histories, items: Sequence[int]) -> list[dict[str, float]]:
        """What each vote adds to the scores of these items for the first history: weight x vote, by name."""
        votes = self.votes(histories)
        weights = (self.newcomers if histories.lengths[0] <= NEW else self.blend).weights
        return [{name: float(weights.get(name, 0.0) * scores[0, item]) for name, scores in votes.items()} for item in items]

    def update(self, history: Histories) -> None:
        """Take in the newest event of one history."""
        for source in self.sources.values():
            source.update(history)

    def state(self) -> dict[str, dict[str, NDArray[Any]]]:
        """Everything learned, as arrays by part."""
        names = np.array(list(self.asks))
        blends = {f"blend_{kind}": np.array([b.weights.get(n, 0.0) for n in self.asks]) for kind, b in (("known", self.blend), ("new", self.newcomers))}
        interest = {"kinds": np.array([self.interest.kinds.get(k, 0.0) for k in KINDS]), "ratings": np.array(self.interest.ratings), "repeats": np.array(self.repeats)}
        return {"blend": {"names": names, **blends, **interest}, **{name: dict(source.state()) for name, source in self.sources.items()}}

    def restore(self, state: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
        """Take up what `state` gave, of sources of the same names."""
        for name, source in self.sources.items():
            source.restore(state[name])
        kinds = zip(KINDS, map(float, state["blend"]["kinds"]), strict=True)
        self.interest = Interest(kinds=dict(kinds), ratings=tuple(map(float, state["blend"]["ratings"])))  # type: ignore[arg-type]  # five stars
        self.repeats = bool(state["blend"]["repeats"])
        names = [str(n) for n in state["blend"]["names"]]
        self.blend = Blend(weights=dict(zip(names, map(float, state["blend"]["blend_known"]), strict=True)))
        self.newcomers = Blend(weights=dict(zip(names, map(float, state["blend"]["blend_new"]), strict=True)))


def _repeated(histories: Histories, times: int) -> Histories:
    """All histories so many times, one after another."""
    size = len(histories.item)
    start = np.append((np.arange(times)[:, None] * size + histories.start[:-1]).ravel(), times * size)
    item, weight, time = (np.concatenate([part] * times) for part in (histories.item, histories.weight, histories.time))
    return Histories(start=start, item=item, weight=weight, time=time, items=histories.items)


def _put_last(scores: Floats32, histories: Histories) -> None:
    """Let each history's own items count as the worst."""
    for row, (begin, end) in zip(scores, pairwise(histories.start.tolist()), strict=True):
        if end > begin:
            row[histories.item[begin:end]] = row.min()
