"""Ratings and questions about ratings in columns: what the parts of the rating model pass to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import CatalogError
from zhiyin.interactions import RATING, Interactions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STARS = 5
UNKNOWN = -1  # the code of a user or item that the log has never heard of


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked: user, item and moment, row by row."""

    user: Ints  # (n,), `UNKNOWN` where nobody known asks
    item: Ints  # (n,), `UNKNOWN` where the item is new
    time: Floats  # (n,), seconds since 1970; NaN where no moment is meant

    def __len__(self) -> int:
        return len(self.user)

    def timeless(self) -> Asked:
        """The same questions without their moments."""
        return Asked(user=self.user, item=self.item, time=np.full(len(self), np.nan))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """Known ratings, row by row."""

    user: Ints  # (n,)
    item: Ints  # (n,)
    time: Floats  # (n,), seconds since 1970
    stars: Ints  # (n,), 0 to 4 for one to five
    users: int
    items: int

    @classmethod
    def of(cls, log: Interactions) -> Ratings:
        """The ratings among a log's events, halves rounded up. Raises `CatalogError` if there is none, or one is not within 1 to 5 stars or has no finite time."""
        rated = np.flatnonzero(log.kind == RATING)
        if not len(rated):
            raise CatalogError("the log holds no rating", hint="Give events of the kind `rating` with 1 to 5 stars as their value.")
        value, time = log.value[rated].astype(np.float64), log.time[rated]
        _refuse("value", value, ~((value >= 1.0) & (value <= STARS)), rated, "Ratings are 1 to 5 stars; rescale or leave out the others.")
        _refuse("time", time, ~(np.abs(time) < 2.0**40), rated, "Times are seconds since 1970; give 0 where none is known.")
        stars = np.floor(value + 0.5).astype(np.int64) - 1
        return cls(user=log.user[rated].astype(np.int64), item=log.item[rated].astype(np.int64), time=time, stars=stars, users=len(log.users), items=len(log.items))

    def __len__(self) -> int:
        return len(self.user)

    def take(self, which: NDArray[Any]) -> Ratings:
        """The rows that a mask or an index picks."""
        return Ratings(user=self.user[which], item=self.item[which], time=self.time[which], stars=self.stars[which], users=self.users, items=self.items)

    def asked(self) -> Asked:
        """The questions these ratings answer."""
        return Asked(user=self.user, item=self.item, time=self.time)

    def counts(self, code: Ints, size: int) -> Floats:
        """How often each of `size` codes got each number of stars, shape (size + 1, 5); the last row, all zero, is the unknown one's."""
        return np.bincount(code * STARS + self.stars, minlength=(size + 1) * STARS).reshape(size + 1, STARS).astype(np.float64)


def _refuse(name: str, values: Floats, wrong: NDArray[np.bool_], rows: NDArray[np.int64], hint: str) -> None:
    if wrong.any():
        first = int(np.argmax(wrong))
        raise CatalogError(f"{int(wrong.sum())} ratings have a {name} that cannot be used; the first, in row {rows[first]} of the log, is {values[first]:g}", hint=hint)
