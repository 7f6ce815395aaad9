"""Logs in columns: who did what with which item, when. What every behavioural source is fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import CatalogError
from zhiyin.types import EVENT_WEIGHTS

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]

KINDS = tuple(EVENT_WEIGHTS)  # `Interactions.kind` indexes this
RATING, DWELL = KINDS.index("rating"), KINDS.index("dwell")
DAY = 86_400.0
PROBATION_DAYS, UNPROVEN = 14.0, 0.1  # what a brand-new account says counts a tenth
_REPEATS = 2.0  # however often somebody clicks, an item counts at most twice its strongest event


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """How much an event says about what its user would pick next, in [0, 1]: by kind, and for ratings by their stars.

    Interest is not taste: a film rated 2 was still chosen to be watched. How it fades is said by who asks: `Histories.faded`.
    """

    kinds: Mapping[str, float] = field(default_factory=lambda: {kind: max(0.0, weight) for kind, weight in EVENT_WEIGHTS.items()})
    ratings: tuple[float, float, float, float, float] = (0.4, 0.5, 0.75, 0.9, 1.0)  # of one to five stars

    def one(self, kind: str, value: float | None) -> float:
        """The interest of one event; 0 for a kind nobody knows."""
        weight = self.kinds.get(kind, 0.0)
        if kind == "rating" and value is not None:
            return weight * float(np.interp(value, (1, 2, 3, 4, 5), self.ratings))
        if kind == "dwell":
            return weight * min(1.0, max(0.0, (value or 0.0) / 60.0))
        return weight

    def of(self, log: Interactions) -> Floats:
        """Each event's interest, shape (n,)."""
        weights = np.array([self.kinds.get(kind, 0.0) for kind in KINDS])[log.kind]
        rated = log.kind == RATING
        stars = np.nan_to_num(np.clip(log.value[rated], 1.0, 5.0), nan=3.0)
        weights[rated] *= np.interp(stars, (1, 2, 3, 4, 5), self.ratings)
        looked = log.kind == DWELL
        weights[looked] *= np.clip(np.nan_to_num(log.value[looked]) / 60.0, 0.0, 1.0)  # a minute of looking is a whole dwell
        return weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Interactions:
    """A log in columns, oldest first; events of the same second keep the order in which they came."""

    user: Codes  # (n,), index into `users`
    item: Codes  # (n,), index into `items`
    kind: NDArray[np.int8]  # (n,), index into `KINDS`
    value: NDArray[np.float32]  # (n,), stars of a rating, seconds of a dwell; NaN where there is none
    time: Floats  # (n,), seconds since 1970
    users: tuple[str, ...]
    items: tuple[str, ...]
    trusted: Floats | None = None  # (users,), what each account counts where that is known; None: by its age

    @classmethod
    def of(
        cls,
        user: Sequence[int] | Codes,
        item: Sequence[int] | Codes,
        time: Sequence[float] | Floats,
        *,
        value: Any = None,  # noqa: ANN401  # anything numpy reads
        kind: Any = None,  # noqa: ANN401
        users: Sequence[str],
        items: Sequence[str],
        trusted: Floats | None = None,
    ) -> Interactions:  # anything numpy reads
        """A log from parallel columns in any order; ratings unless `kind` says otherwise."""
        lengths = {name: len(column) for name, column in (("user", user), ("item", item), ("time", time), ("value", value), ("kind", kind)) if column is not None}
        if len(set(lengths.values())) > 1:
            raise CatalogError(f"the columns of a log must be of one length, not {lengths}", hint="Give every event a user, an item and a time")
        when = np.asarray(time, dtype=np.float64)
        order = np.argsort(when, kind="stable")
        kinds = np.full(len(when), RATING, dtype=np.int8) if kind is None else np.asarray(kind, dtype=np.int8)
        values = np.full(len(when), np.nan, dtype=np.float32) if value is None else np.asarray(value, dtype=np.float32)
        return cls(
            user=np.asarray(user, dtype=np.int32)[order],
            item=np.asarray(item, dtype=np.int32)[order],
            kind=kinds[order],
            value=values[order],
            time=when[order],
            users=tuple(users),
            items=tuple(items),
            trusted=trusted,
        )

    @classmethod
    def together(cls, logs: Sequence[Interactions]) -> Interactions:
        """Logs as one, over the users and items that have events, each by its name."""
        users: dict[str, int] = {}
        items: dict[str, int] = {}
        user = [_coded(log.user, log.users, users) for log in logs]
        item = [_coded(log.item, log.items, items) for log in logs]
        columns = {name: np.concatenate([getattr(log, name) for log in logs]) if logs else np.zeros(0) for name in ("time", "value", "kind")}
        empty = np.zeros(0, dtype=np.int32)
        return cls.of(
            np.concatenate([empty, *user]), np.concatenate([empty, *item]), columns["time"], value=columns["value"], kind=columns["kind"], users=tuple(users), items=tuple(items)
        )

    def __len__(self) -> int:
        return len(self.user)

    def take(self, which: NDArray[Any]) -> Interactions:
        """The events that a mask or an index picks; an index must be ascending."""
        return replace(self, user=self.user[which], item=self.item[which], kind=self.kind[which], value=self.value[which], time=self.time[which])

    def matrix(self, weights: Floats | None = None) -> Any:  # noqa: ANN401  # scipy.sparse has no types
        """Weights (interest unless given) by user and item, shape (users, items), CSR; repeats saturate at twice the strongest."""
        from scipy import sparse  # noqa: PLC0415  # half a second that a start without a log does not pay

        weights = Interest().of(self) if weights is None else weights
        shape = (len(self.users), len(self.items))
        cell = self.user.astype(np.int64) * max(1, shape[1]) + self.item
        cells, where = np.unique(cell, return_inverse=True)
        total = np.bincount(where, weights=weights, minlength=len(cells))
        strongest = np.zeros(len(cells))
        np.maximum.at(strongest, where, weights)
        kept = np.minimum(total, _REPEATS * strongest)
        found = sparse.csr_matrix((kept.astype(np.float32), (cells // max(1, shape[1]), cells % max(1, shape[1]))), shape=shape)
        found.eliminate_zeros()
        return found

    def trust(self) -> Floats:
        """How much each account counts, in [0.1, 1], shape (users,): a tenth on its first day, whole after the probation.

        The probation is two weeks, or a tenth of what the log spans if that is shorter. A burst of new accounts that all
        praise one item therefore moves little until it has been seen to last.
        """
        if self.trusted is not None or not len(self):
            return np.ones(len(self.users)) if self.trusted is None else self.trusted
        first = np.full(len(self.users), self.time[-1])
        np.minimum.at(first, self.user, self.time)
        probation = max(1.0, min(PROBATION_DAYS * DAY, (self.time[-1] - self.time[0]) / 10.0))
        grown: Floats = UNPROVEN + (1.0 - UNPROVEN) * np.clip((self.time[-1] - first) / probation, 0.0, 1.0)
        return grown

    def histories(self, users: Codes | None = None, interest: Interest | None = None) -> Histories:
        """Each of these users' events (all users if none are given), oldest first, with the interest they show."""
        users = np.arange(len(self.users), dtype=np.int32) if users is None else users
        order = np.argsort(self.user, kind="stable")
        starts = np.searchsorted(self.user[order], users, side="left")
        lengths = np.searchsorted(self.user[order], users, side="right") - starts
        start = np.concatenate(([0], np.cumsum(lengths)))
        places = order[np.arange(start[-1]) - np.repeat(start[:-1] - starts, lengths)]
        weights = (interest or Interest()).of(self)
        return Histories(start=start, item=self.item[places], weight=weights[places].astype(np.float32), time=self.time[places], items=len(self.items))


def _coded(codes: Codes, names: Sequence[str], known: dict[str, int]) -> Codes:
    """Codes into `names` as codes into `known`, which grows by the names that are used."""
    used = np.unique(codes)
    new = np.zeros(len(names), dtype=np.int32)
    new[used] = [known.setdefault(names[code], len(known)) for code in used]
    return new[codes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """What n users (or sessions) did, each oldest first, one after another."""

    start: NDArray[np.int64]  # (n + 1,): events of user i are start[i]:start[i + 1]
    item: Codes  # (m,)
    weight: NDArray[np.float32]  # (m,), interest, at least 0
    time: Floats  # (m,), seconds
    items: int  # how many items there are in all

    @classmethod
    def one(cls, item: Sequence[int] | Codes, items: int, *, weight: Sequence[float] | None = None, time: Sequence[float] | None = None) -> Histories:
        """One history from its items, oldest first; full interest, a second apart, unless given."""
        codes = np.asarray(item, dtype=np.int32)
        weights = np.ones(len(codes), dtype=np.float32) if weight is None else np.asarray(weight, dtype=np.float32)
        times = np.arange(len(codes), dtype=np.float64) if time is None else np.asarray(time, dtype=np.float64)
        return cls(start=np.array([0, len(codes)]), item=codes, weight=weights, time=times, items=items)

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Events by history, shape (n,)."""
        return self.start[1:] - self.start[:-1]  # np.diff takes eight times as long for one history

    @property
    def owner(self) -> NDArray[np.int64]:
        """The history each event belongs to, shape (m,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def age(self) -> NDArray[np.int64]:
        """How many events each event lies back in its history, 0 for the newest, shape (m,)."""
        return np.repeat(self.start[1:], self.lengths) - 1 - np.arange(len(self.item))

    def among(self, rows: NDArray[np.int64]) -> Histories:
        """Some of them, in the order given."""
        lengths = self.lengths[rows]
        start = np.concatenate(([0], np.cumsum(lengths)))
        places = np.arange(start[-1]) + np.repeat(self.start[rows] - start[:-1], lengths)
        return Histories(start=start, item=self.item[places], weight=self.weight[places], time=self.time[places], items=self.items)

    def last(self, most: int | NDArray[np.int64]) -> Histories:
        """The newest `most` events of each; an array (n,) has a number for each."""
        keep = self.age < (most if isinstance(most, int) else np.repeat(most, self.lengths))
        return Histories(
            start=np.concatenate(([0], np.cumsum(np.minimum(self.lengths, most)))), item=self.item[keep], weight=self.weight[keep], time=self.time[keep], items=self.items
        )

    def faded(self, half_life: float) -> Histories:
        """The same with weights halved by every `half_life` events that came after; `inf` fades nothing."""
        return replace(self, weight=(self.weight * np.exp2(-self.age / half_life)).astype(np.float32))

    def windows(self, size: int) -> tuple[Histories, NDArray[np.int64]]:
        """Stretches of at most `size` events, each beginning in the middle of the one before, and the history each is of."""
        step = max(1, size // 2)
        counts = np.maximum(1, -(-(self.lengths - size) // step) + 1)
        owner = np.repeat(np.arange(len(self)), counts)
        nth = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        begin = self.start[owner] + nth * step
        lengths = np.minimum(begin + size, self.start[owner + 1]) - begin
        start = np.concatenate(([0], np.cumsum(lengths)))
        places = np.arange(start[-1]) + np.repeat(begin - start[:-1], lengths)
        return Histories(start=start, item=self.item[places], weight=self.weight[places], time=self.time[places], items=self.items), owner

    def matrix(self) -> Any:  # noqa: ANN401  # scipy.sparse has no types
        """Weights by history and item, shape (n, items), CSR; of a repeated item the strongest counts."""
        from scipy import sparse  # noqa: PLC0415

        return sparse.csr_matrix(self.rows(), shape=(len(self), self.items))

    def rows(self) -> tuple[NDArray[np.float32], Codes, NDArray[np.int64]]:
        """What `matrix` holds, as weights, items and starts."""
        owner = self.owner
        order = np.lexsort((-self.weight, self.item, owner))
        owner, item = owner[order], self.item[order]
        first = np.ones(len(order), dtype=np.bool_)
        first[1:] = (owner[1:] != owner[:-1]) | (item[1:] != item[:-1])
        start = np.concatenate(([0], np.cumsum(np.bincount(owner[first], minlength=len(self)))))
        return self.weight[order][first], item[first], start

    def proven(self) -> Floats:
        """What each history counts for others by how long it has gone on, in [0.1, 1], shape (n,): see `Interactions.trust`."""
        lasted = np.zeros(len(self))
        some = self.lengths > 0
        lasted[some] = self.time[self.start[1:][some] - 1] - self.time[self.start[:-1][some]]
        return UNPROVEN + (1.0 - UNPROVEN) * np.clip(lasted / (PROBATION_DAYS * DAY), 0.0, 1.0)

    def seen(self) -> NDArray[np.bool_]:
        """Whether an item stands in a history, shape (n, items)."""
        found = np.zeros((len(self), self.items), dtype=np.bool_)
        found[self.owner, self.item] = True
        return found
