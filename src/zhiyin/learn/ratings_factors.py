"""Ratings explained by factors: Bayesian matrix factorisation with side information, sessions and users of unequal care, sampled by Gibbs.

stars(u, i, t) = mean + p_u . q_i + a_u + c_i + sum over scales s of d_s(u, t) + noise / sqrt(alpha_u beta_i)

[p_u, a_u] is normal around what a user's traits and the mere set of items they rated suggest (SVD++ as a prior, Koren 2008,
eq. 15; side information as in Macau, Simm et al. 2015), [q_i, c_i] likewise; covariances are drawn from Wisharts as in BPMF
(Salakhutdinov & Mnih 2008, eq. 14). d_s is a user's mood of a day, ten minutes, a minute and a second (Koren 2009, eq. 10, on
four scales): ratings given together lean the same way. alpha and beta say how predictable a user and an item are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.learn.ratings_table import Asked, Floats, Ints, Ratings

SCALES = (86_400.0, 600.0, 60.0, 1.0)  # seconds
_CARE = 12.0  # prior strength of alpha and beta, in ratings
_BUCKETS = 2**41  # more than there are seconds, so that user and second share one number


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorSettings:
    """How the sampler runs."""

    factors: int = 24
    rounds: int = 160
    burn_in: int = 30  # rounds before the first draw counts
    every: int = 3  # every third draw is kept
    rank: int = 150  # directions of side information that may move a prior
    ridge: float = 0.5  # prior scale of the Wisharts


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """Draws from the posterior; the last row of `users` and `items` stands for an unknown one."""

    mean: float
    users: NDArray[np.float32]  # (draws, users + 1, factors + 1), the bias last
    items: NDArray[np.float32]  # (draws, items + 1, factors + 1), the bias last
    care: Floats  # (users + 1,), alpha_u averaged
    session: tuple[Ints, ...]  # by scale: the sorted keys of user and span
    mood: tuple[Floats, ...]  # by scale: d_s of each key, averaged

    def predict(self, asked: Asked) -> tuple[Floats, Floats]:
        """Expected stars in [1, 5] and how far the draws spread, shapes (n,); moments that are not NaN count."""
        shift = self.mean + self._mood(asked)
        total, squares = np.zeros(len(asked)), np.zeros(len(asked))
        for users, items in zip(self.users, self.items, strict=True):
            p, q = users[asked.user], items[asked.item]  # the code of the unknown, -1, picks the last row
            drawn = np.clip(np.einsum("nk,nk->n", p[:, :-1], q[:, :-1]) + p[:, -1] + q[:, -1] + shift, 1.0, 5.0)
            total += drawn
            squares += drawn * drawn
        mean = total / len(self.users)
        return mean, np.sqrt(np.maximum(squares / len(self.users) - mean * mean, 0.0))

    def _mood(self, asked: Asked) -> Floats:
        total = np.zeros(len(asked))
        for scale, keys, mood in zip(SCALES, self.session, self.mood, strict=True):
            wanted = _keys(asked.user, asked.time, scale)
            place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            total += np.where(keys[place] == wanted, mood[place], 0.0)
        return total

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything as arrays; `Factors.of` reads them."""
        named: dict[str, NDArray[Any]] = {"mean": np.array(self.mean), "users": self.users, "items": self.items, "care": self.care}
        for place, (keys, mood) in enumerate(zip(self.session, self.mood, strict=True)):
            named |= {f"session{place}": keys, f"mood{place}": mood}
        return named

    @classmethod
    def of(cls, state: Mapping[str, NDArray[Any]]) -> Factors:
        """The factors that `state` describes."""
        places = range(len(SCALES))
        return cls(
            mean=float(state["mean"]),
            users=state["users"],
            items=state["items"],
            care=state["care"],
            session=tuple(state[f"session{p}"] for p in places),
            mood=tuple(state[f"mood{p}"] for p in places),
        )


def sample_factors(ratings: Ratings, settings: FactorSettings, user_traits: Floats | None = None, item_traits: Floats | None = None, *, seed: int = 0) -> Factors:
    """Factors sampled from ratings and, where given, traits (rows, any number of columns); the same seed gives the same draws."""
    chain = _Chain(ratings, settings, (user_traits, item_traits), np.random.default_rng(seed))
    kept: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    care = np.zeros(ratings.users + 1)
    for step in range(settings.rounds):
        level = chain.step()
        if step >= settings.burn_in:
            care += np.append(chain.users.care, level)
            for mood in chain.moods:
                mood.total += mood.value
            if (step - settings.burn_in) % settings.every == 0:
                kept.append((chain.users.kept(), chain.items.kept()))
    counted = settings.rounds - settings.burn_in
    return Factors(
        mean=chain.mean,
        users=np.stack([k[0] for k in kept]),
        items=np.stack([k[1] for k in kept]),
        care=care / counted,
        session=tuple(m.keys for m in chain.moods),
        mood=tuple(m.total / counted for m in chain.moods),
    )


class _Chain:
    """All that is sampled, in the order in which it is sampled."""

    def __init__(self, ratings: Ratings, settings: FactorSettings, traits: tuple[Floats | None, Floats | None], random: np.random.Generator) -> None:
        users, items = (ratings.user, ratings.users), (ratings.item, ratings.items)
        self.ratings, self.random = ratings, random
        self.users, self.items = _Side(users, items, traits[0], settings, random), _Side(items, users, traits[1], settings, random)
        self.moods = [_Mood(ratings, scale) for scale in SCALES]
        self.mean = float(ratings.stars.mean()) + 1.0
        self.rest = ratings.stars + 1.0 - self.mean

    def step(self) -> float:
        """Everything drawn once; the precision to expect of a user nobody knows."""
        user, item = self.ratings.user, self.ratings.item
        weight = self.users.care[user] * self.items.care[item]
        rest: Floats = self.rest - np.sum([m.value[m.place] for m in self.moods], axis=0)
        self.users.draw(self.items, weight, rest)
        self.items.draw(self.users, weight, rest)
        error = rest - _dot(self.users.rows[user], self.items.rows[item])
        for mood in self.moods:
            error = mood.draw(error, weight, self.random)
        squares = error * error
        level = len(squares) / (float(squares @ self.items.care[item]) + 1e-9)
        self.users.draw_care(squares * self.items.care[item], level)
        self.items.draw_care(squares * self.users.care[user], 1.0)
        return level


class _Side:
    """Users (or items) while they are sampled: one row of factors and bias each, around a prior moved by side information."""

    def __init__(self, here: tuple[Ints, int], there: tuple[Ints, int], traits: Floats | None, settings: FactorSettings, random: np.random.Generator) -> None:
        (self.own, self.size), (self.other, others) = here, there
        self.random, self.width, self.ridge = random, settings.factors + 1, settings.ridge
        self.order = np.argsort(self.own, kind="stable")
        self.count = np.bincount(self.own, minlength=self.size)
        self.start = np.concatenate(([0], np.cumsum(self.count)))
        self.basis, self.scale = _directions(self.own, self.other, (self.size, others), traits, settings.rank)
        self.rows = random.normal(0.0, 0.1, (self.size, self.width))
        self.rows[:, -1] = 0.0
        self.prior = np.zeros((self.size, self.width))
        self.precision: Floats = np.eye(self.width) * 5.0
        self.pull = 1.0  # precision of what side information may do
        self.care = np.ones(self.size)

    def draw(self, opposite: _Side, weight: Floats, rest: Floats) -> None:
        """Every row given the opposite side, then the prior given the rows."""
        from scipy import sparse  # noqa: PLC0415

        known = np.column_stack([opposite.rows[:, :-1], np.ones(opposite.size)])
        upper = np.triu_indices(self.width)
        place, shape = (self.other[self.order], self.start), (self.size, opposite.size)
        inner = sparse.csr_matrix((weight[self.order], *place), shape=shape) @ (known[:, upper[0]] * known[:, upper[1]])
        target = (weight * (rest - opposite.rows[self.other, -1]))[self.order]
        precision = np.empty((self.size, self.width, self.width))
        precision[:, upper[0], upper[1]] = inner
        precision[:, upper[1], upper[0]] = inner
        precision += self.precision
        towards = sparse.csr_matrix((target, *place), shape=shape) @ known + self.prior @ self.precision
        root = np.linalg.cholesky(precision)
        centre = np.linalg.solve(root, towards[..., None]) + self.random.normal(size=(self.size, self.width, 1))
        self.rows = np.linalg.solve(root.transpose(0, 2, 1), centre)[..., 0]
        self._draw_prior()

    def _draw_prior(self) -> None:
        """The prior's means along the directions of side information, how freely they move, and the rows' covariance around them."""
        seen = self.basis.T @ self.rows
        share = self.scale / (self.scale + self.pull)
        spread = np.linalg.cholesky(np.linalg.inv(self.precision))
        along = share[:, None] * seen + np.sqrt(share)[:, None] * (self.random.normal(size=seen.shape) @ spread.T)
        self.prior = self.basis @ along
        size = np.einsum("rk,kl,rl->r", along, self.precision, along) / self.scale
        self.pull = self.random.gamma(1.0 + along.size / 2.0) / (1.0 + size.sum() / 2.0)
        off = self.rows - self.prior
        scatter = off.T @ off + self.pull * (along.T / self.scale) @ along + np.eye(self.width) * self.ridge
        self.precision = _wishart(self.random, self.size + len(self.scale) + self.width, np.asarray(np.linalg.inv(scatter), dtype=np.float64))

    def draw_care(self, squares: Floats, level: float) -> None:
        """How predictable each row is, from its weighted squared errors; `level` is what to expect of one without any."""
        total = np.bincount(self.own, squares, minlength=self.size)
        self.care = self.random.gamma(_CARE + self.count / 2.0) / (_CARE / level + total / 2.0)

    def kept(self) -> NDArray[np.float32]:
        """The rows with the average one appended for those nobody knows."""
        return np.vstack([self.rows, self.rows.mean(axis=0)]).astype(np.float32)


class _Mood:
    """One scale's session effects while they are sampled."""

    def __init__(self, ratings: Ratings, scale: float) -> None:
        self.keys, self.place = np.unique(_keys(ratings.user, ratings.time, scale), return_inverse=True)
        self.value, self.total = np.zeros(len(self.keys)), np.zeros(len(self.keys))
        self.precision = 20.0

    def draw(self, error: Floats, weight: Floats, random: np.random.Generator) -> Floats:
        """New effects given what all else leaves unexplained; what is left after them."""
        error = error + self.value[self.place]
        precision = np.bincount(self.place, weight) + self.precision
        self.value = np.bincount(self.place, weight * error) / precision + random.normal(size=len(self.keys)) / np.sqrt(precision)
        self.precision = random.gamma(1.0 + len(self.keys) / 2.0) / (0.05 + float(self.value @ self.value) / 2.0)
        return error - self.value[self.place]


def _keys(user: Ints, time: Floats, scale: float) -> Ints:
    """One number for a user's span of time; -1 where either is unknown."""
    known = (user >= 0) & np.isfinite(time)
    span = np.floor(np.where(known, time, 0.0) / scale).astype(np.int64) + _BUCKETS // 2
    return np.where(known, user * _BUCKETS + span, -1)


def _dot(users: Floats, items: Floats) -> Floats:
    return np.asarray(np.einsum("nk,nk->n", users[:, :-1], items[:, :-1]) + users[:, -1] + items[:, -1], dtype=np.float64)


def _wishart(random: np.random.Generator, freedom: int, scale: Floats) -> Floats:
    """One draw by Bartlett's decomposition."""
    width = len(scale)
    lower = np.tril(random.normal(size=(width, width)), -1)
    lower[np.diag_indices(width)] = np.sqrt(random.chisquare(freedom - np.arange(width)))
    root: Floats = np.linalg.cholesky((scale + scale.T) / 2.0) @ lower
    return root @ root.T


def _directions(own: Ints, other: Ints, shape: tuple[int, int], traits: Floats | None, rank: int) -> tuple[Floats, Floats]:
    """The main directions of rows alike in traits and in what they were rated with: orthonormal, with their strengths.

    Eigenvectors of F F' for F = [1 | traits | implicit], the latter two of unit length by row, by subspace iteration (Halko et al. 2011, alg. 4.4).
    """
    from scipy import sparse  # noqa: PLC0415

    implicit = sparse.csr_matrix((np.ones(len(own)), (own, other)), shape=shape)
    implicit.data[:] = 1.0
    parts = [np.ones((shape[0], 1)), _unit(implicit)]
    if traits is not None:
        parts.append(_unit(sparse.csr_matrix(traits)))
    sides = sparse.hstack(parts, format="csr")
    rank = min(rank, *sides.shape)
    block = np.random.default_rng(0).normal(size=(shape[0], min(rank + 20, shape[0])))
    for _ in range(6):
        block, _ = np.linalg.qr(sides @ (sides.T @ block))
    small = sides.T @ block
    strength, turn = np.linalg.eigh(small.T @ small)
    best = [place for place in np.argsort(-strength)[:rank] if strength[place] > 1e-8]
    return block @ turn[:, best], strength[best]


def _unit(rows: Any) -> Any:  # noqa: ANN401  # scipy.sparse has no types
    from scipy import sparse  # noqa: PLC0415

    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sparse.diags(1.0 / np.where(length > 0.0, length, 1.0)) @ rows
