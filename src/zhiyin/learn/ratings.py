"""What a user would rate an item: a distribution over one to five stars, its mean and its median.

Factors (`ratings_factors`), the user's and the item's own ratings, and what the user rated at about the same time
(`ratings_nearby`) are weighed by a multinomial logistic stack (`ratings_stack`). The stack learns from ratings that the parts
did not see: the ratings are cut into folds, and each fold is described by parts fitted on the others. There are two stacks,
one for questions with a moment and one for questions without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zhiyin.errors import CatalogError
from zhiyin.interactions import Interactions
from zhiyin.learn.ratings_factors import Factors, FactorSettings, sample_factors
from zhiyin.learn.ratings_nearby import beside, log_odds
from zhiyin.learn.ratings_stack import Stack, learn_stack
from zhiyin.learn.ratings_table import STARS, UNKNOWN, Asked, Floats, Ratings

_STEPS = np.arange(1.0, STARS + 1.0)
_FEW = 5.0  # how many ratings the prior stands for beside a user's or an item's own


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingSettings:
    """How much a rating model works."""

    factors: FactorSettings = field(default_factory=FactorSettings)
    folds: int = 5
    least: int = 500  # ratings below which only counts are used
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """Everything fitted on one set of ratings; without factors where there were too few."""

    known: Ratings
    prior: Floats  # (5,)
    by_user: Floats  # (users + 1, 5), counts
    by_item: Floats  # (items + 1, 5), counts
    factors: Factors | None
    left: Floats  # (n,), stars of `known` that factors without moods leave unexplained

    @classmethod
    def of(cls, known: Ratings, factors: Factors | None) -> _Parts:
        left = np.zeros(len(known)) if factors is None else known.stars + 1.0 - factors.predict(known.asked().timeless())[0]
        return cls(
            known=known,
            prior=(np.bincount(known.stars, minlength=STARS) + 1.0) / (len(known) + STARS),
            by_user=known.counts(known.user, known.users),
            by_item=known.counts(known.item, known.items),
            factors=factors,
            left=left,
        )

    def columns(self, asked: Asked, *, timed: bool) -> Floats:
        """What is known about each question, shape (n, columns); the first column is the expected stars."""
        assert self.factors is not None  # a model of few ratings has no stack to ask for columns
        expected, spread = self.factors.predict(asked if timed else asked.timeless())
        about = [expected, spread, np.log(self.factors.care[asked.user])]
        for counts in (self.by_user[asked.user], self.by_item[asked.item]):
            share = (counts + _FEW * self.prior) / (counts.sum(axis=1, keepdims=True) + _FEW)
            mean = share @ _STEPS
            about += [log_odds(counts, self.prior, _FEW), mean, np.sqrt(share @ _STEPS**2 - mean**2), np.log1p(counts.sum(axis=1))]
        if timed:
            about.append(beside(asked, self.known, self.left, self.prior))
        return np.column_stack(about)


class RatingModel:
    """Point and distribution predictions of stars, fitted once on a log; the same log and seed give the same predictions."""

    def __init__(self, settings: RatingSettings | None = None) -> None:
        self.settings = settings or RatingSettings()
        self._parts: _Parts | None = None
        self._stacks: tuple[Stack, Stack] | None = None  # without and with a moment

    def fit(self, log: Interactions, *, user_traits: Floats | None = None, item_traits: Floats | None = None) -> None:
        """Learn from the ratings of a log and, where given, what is known of each user and item (rows as in the log's codes, any numeric columns).

        With fewer than `settings.least` ratings only counts are used. Raises `CatalogError` if no rating is there, one is not
        within 1 to 5 stars, or traits do not fit the log.
        """
        ratings = Ratings.of(log)
        traits = (_traits("user_traits", user_traits, ratings.users), _traits("item_traits", item_traits, ratings.items))
        self._stacks = None
        if len(ratings) < self.settings.least:
            self._parts = _Parts.of(ratings, None)
            return
        fold = np.random.default_rng(self.settings.seed).permutation(len(ratings)) % self.settings.folds
        learned: list[tuple[Floats, Floats, NDArray[np.int64]]] = []
        for part in range(self.settings.folds):
            parts, held = self._fitted(ratings.take(fold != part), traits, part + 1), ratings.take(fold == part)
            learned.append((parts.columns(held.asked(), timed=False), parts.columns(held.asked(), timed=True), held.stars))
        stars = np.concatenate([part[2] for part in learned])
        self._stacks = (learn_stack(np.concatenate([part[0] for part in learned]), stars), learn_stack(np.concatenate([part[1] for part in learned]), stars))
        self._parts = self._fitted(ratings, traits, 0)

    def distribution(self, user: ArrayLike, item: ArrayLike, time: ArrayLike | None = None) -> Floats:
        """P(1 star) to P(5 stars) by question, shape (n, 5), rows summing to one.

        Codes are the log's; anything outside them is unknown, and NaN as a time is no moment. Where the user or the item is
        unknown, or the user has rated nothing, the ratings of the other are counted beside the prior; where both are, the prior
        stands. Raises `CatalogError` before `fit`, or if lengths differ.
        """
        parts = self._ready()
        asked = _asked(parts.known, user, item, time)
        found = _by_counts(parts, asked)
        whole = (asked.item >= 0) & (parts.by_user[asked.user].sum(axis=1) > 0.0)
        for timed, stack in enumerate(self._stacks or ()):
            rows = np.flatnonzero(whole & (np.isfinite(asked.time) == bool(timed)))
            if len(rows):
                some = Asked(user=asked.user[rows], item=asked.item[rows], time=asked.time[rows])
                found[rows] = stack(parts.columns(some, timed=bool(timed)))
        return found

    def expected(self, user: ArrayLike, item: ArrayLike, time: ArrayLike | None = None) -> Floats:
        """The mean of each distribution, in [1, 5], shape (n,): least squared error."""
        return np.asarray(self.distribution(user, item, time) @ _STEPS, dtype=np.float64)

    def median(self, user: ArrayLike, item: ArrayLike, time: ArrayLike | None = None) -> Floats:
        """The least number of stars with at least half the chance at or below it, shape (n,): least absolute error."""
        return median(self.distribution(user, item, time))

    def state(self) -> Mapping[str, NDArray[Any]]:
        """What was learned, as arrays to keep; `restore(state())` predicts the same."""
        parts = self._ready()
        known = parts.known
        named = {"user": known.user, "item": known.item, "time": known.time, "stars": known.stars, "size": np.array([known.users, known.items])}
        if parts.factors is not None and self._stacks is not None:
            named |= {f"factors.{name}": values for name, values in parts.factors.state().items()}
            for which, stack in zip(("timeless", "timed"), self._stacks, strict=True):
                named |= {f"{which}.{name}": values for name, values in stack.state().items()}
        return named

    def restore(self, state: Mapping[str, NDArray[Any]], /) -> None:
        """Take up what `state` gave."""
        users, items = (int(n) for n in state["size"])
        known = Ratings(user=state["user"], item=state["item"], time=state["time"], stars=state["stars"], users=users, items=items)
        whole = "factors.mean" in state
        self._stacks = (Stack.of(_below(state, "timeless.")), Stack.of(_below(state, "timed."))) if whole else None
        self._parts = _Parts.of(known, Factors.of(_below(state, "factors.")) if whole else None)

    def _fitted(self, ratings: Ratings, traits: tuple[Floats | None, Floats | None], turn: int) -> _Parts:
        return _Parts.of(ratings, sample_factors(ratings, self.settings.factors, *traits, seed=self.settings.seed * 1000 + turn))

    def _ready(self) -> _Parts:
        if self._parts is None:
            raise CatalogError("this rating model has not learned anything yet", hint="Call `fit` with a log, or `restore` with a kept state.")
        return self._parts


def median(distribution: Floats) -> Floats:
    """The median stars of distributions over one to five, shape (n,)."""
    return np.asarray(np.minimum((np.cumsum(distribution, axis=1) < 0.5).sum(axis=1) + 1.0, STARS), dtype=np.float64)


def _by_counts(parts: _Parts, asked: Asked) -> Floats:
    """(user's counts + item's counts + 5 x prior) / (their total), shape (n, 5)."""
    counts = parts.by_user[asked.user] + parts.by_item[asked.item] + _FEW * parts.prior
    return np.asarray(counts / counts.sum(axis=1, keepdims=True), dtype=np.float64)


def _asked(known: Ratings, user: ArrayLike, item: ArrayLike, time: ArrayLike | None) -> Asked:
    """The questions, unknown codes made one. Raises `CatalogError` if the columns are not of one length."""
    users, items = np.atleast_1d(np.asarray(user)).astype(np.int64), np.atleast_1d(np.asarray(item)).astype(np.int64)
    times = np.full(len(users), np.nan) if time is None else np.atleast_1d(np.asarray(time, dtype=np.float64))
    if not users.shape == items.shape == times.shape:
        raise CatalogError(f"the questions have {users.shape} users, {items.shape} items and {times.shape} times", hint="Give one of each for every question.")
    users = np.where((users >= 0) & (users < known.users), users, UNKNOWN)
    items = np.where((items >= 0) & (items < known.items), items, UNKNOWN)
    return Asked(user=users, item=items, time=np.where(np.isfinite(times), times, np.nan))


def _traits(name: str, traits: Floats | None, rows: int) -> Floats | None:
    if traits is None:
        return None
    found = np.asarray(traits, dtype=np.float64)
    if found.ndim != 2 or len(found) != rows or not np.isfinite(found).all():
        raise CatalogError(f"{name} of shape {found.shape} should be finite numbers in {rows} rows", hint="Give a row for every code of the log, 0 where nothing is known.")
    return found


def _below(state: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): values for name, values in state.items() if name.startswith(prefix)}
