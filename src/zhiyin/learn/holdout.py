"""How a log is cut into what may be learned from and what must be predicted, down to the tie-break.

Every protocol is a function from a log to one `Split`. Order is by time; events of the same second keep the order of the
file (MovieLens 100K's file is shuffled, and 44 % of its users have their last two ratings in the same second, so this
tie-break is random but fixed). Only `next_item` may ask for an item again. Nothing is tuned on `test`: `Split.inner` cuts a validation split out of `train` by the
same rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import SettingError
from zhiyin.interactions import Codes, Histories, Interactions, Interest


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What is learned from, and what is asked: after the history of `users[i]` should come the items `relevant[i]`."""

    train: Interactions
    users: Codes  # (n,)
    relevant: tuple[Codes, ...]  # (n,) arrays of item codes, none empty
    times: NDArray[np.float64]  # (n,), when the question is asked
    again: Callable[[Interactions], Split]  # the same cut of another log
    known: Interactions | None = None  # where the histories of `users` stand, if not in `train`

    def histories(self, interest: Interest | None = None) -> Histories:
        """What is known of each asked user, oldest first, weighed by `interest`."""
        return (self.train if self.known is None else self.known).histories(self.users, interest)

    def some(self, most: int, seed: int = 0) -> Split:
        """At most so many of the questions, drawn at random."""
        if len(self.users) <= most:
            return self
        kept = np.sort(np.random.default_rng(seed).permutation(len(self.users))[:most])
        return replace(self, users=self.users[kept], relevant=tuple(self.relevant[i] for i in kept), times=self.times[kept])

    def inner(self) -> Split:
        """The same protocol on `train` alone: what tuning may look at."""
        return self.again(self.train)


def leave_last_out(log: Interactions) -> Split:
    """Each user's last event is asked for, all earlier ones are known; users with one event are only learned from.

    It is tuned on `last_events` of train.
    """
    last = np.full(len(log.users), -1, dtype=np.int64)
    last[log.user] = np.arange(len(log))  # the log is in order, so the newest stays
    counts = np.bincount(log.user, minlength=len(log.users))
    users = np.flatnonzero(counts > 1).astype(np.int32)
    held = last[users]
    mask = np.ones(len(log), dtype=np.bool_)
    mask[held] = False
    return Split(train=log.take(mask), users=users, relevant=tuple(log.item[held][:, None]), times=log.time[held], again=last_events)


def last_events(log: Interactions, count: int = 5) -> Split:
    """Each of the last `count` events of each user is asked for, given all events of that user before it; of half of a user's events at most.

    Nothing of those events is learned from, and a picked item that the user had met before is not asked for. This is `leave_last_out` asked `count` times, for weights that need more answers than users.
    """
    histories = log.histories()
    asked_of = np.minimum(count, histories.lengths // 2)
    age = histories.age
    held = np.flatnonzero(age < np.repeat(asked_of, histories.lengths))
    mask = np.ones(len(log), dtype=np.bool_)
    order = np.argsort(log.user, kind="stable")  # as the histories go
    mask[order[held]] = False
    _, first = np.unique(histories.owner * max(1, len(log.items)) + histories.item, return_index=True)
    held = held[np.isin(held, first)]
    return _prefixes(log.take(mask), log, held, lambda inner: last_events(inner, count))


def random_share(log: Interactions, share: float = 0.25, seed: int = 42, least: float = -np.inf) -> Split:
    """A random share of all events is asked for (values of at least `least`), the rest is known."""
    mask = np.ones(len(log), dtype=np.bool_)
    mask[np.random.default_rng(seed).permutation(len(log))[: round(share * len(log))]] = False
    return _ask(log, mask, least, lambda inner: random_share(inner, share, seed + 1, least))


def temporal(log: Interactions, share: float = 0.2, least: float = -np.inf) -> Split:
    """The newest share of all events is asked for (values of at least `least`) of users who were there before."""
    mask = np.arange(len(log)) < round((1.0 - share) * len(log))
    return _ask(log, mask, least, lambda inner: temporal(inner, share, least))


def next_item(train: Interactions, test: Interactions, tune: Callable[[], Split] | None = None) -> Split:
    """Every event of each test session but the first is asked for, the ones before it in the session are known (Hidasi et al. 2016).

    Items may come again. Both logs share one coding of items; `tune` makes the validation split, from the sessions of `train`.
    """
    sessions = test.histories()
    asked = np.flatnonzero(np.arange(len(test)) > np.repeat(sessions.start[:-1], sessions.lengths))  # places of all but first events

    def again(_: Interactions) -> Split:
        if tune is None:
            raise SettingError("a session log is tuned on its own validation part, which is not given")
        return tune()

    return _prefixes(train, test, asked, again)


def _prefixes(train: Interactions, log: Interactions, asked: NDArray[np.int64], again: Callable[[Interactions], Split]) -> Split:
    """Asks for the events at these places of the log's histories, each given its user's events before it."""
    histories = log.histories()
    lengths = asked - np.repeat(histories.start[:-1], histories.lengths)[asked]
    start = np.concatenate(([0], np.cumsum(lengths)))
    order = np.argsort(log.user, kind="stable")[np.arange(start[-1]) - np.repeat(start[:-1] - asked + lengths, lengths)]
    users = np.arange(len(asked), dtype=np.int32)
    known = Interactions(
        user=np.repeat(users, lengths),
        item=log.item[order],
        kind=log.kind[order],
        value=log.value[order],
        time=log.time[order],
        users=tuple(log.users[owner] for owner in histories.owner[asked]),  # once for each question
        items=log.items,
        trusted=np.ones(len(asked)),
    )
    return Split(train=train, users=users, relevant=tuple(histories.item[asked][:, None]), times=histories.time[asked], again=again, known=known)


def _ask(log: Interactions, mask: NDArray[np.bool_], least: float, again: Callable[[Interactions], Split]) -> Split:
    train, test = log.take(mask), log.take(~mask)
    test = test.take(~np.isin(test.user.astype(np.int64) * len(log.items) + test.item, train.user.astype(np.int64) * len(log.items) + train.item))
    if np.isfinite(least):
        test = test.take(test.value >= least)
    users = np.intersect1d(test.user, train.user).astype(np.int32)
    relevant = tuple(np.unique(test.item[test.user == u]) for u in users)
    times = np.array([test.time[test.user == u].min() for u in users])
    return Split(train=train, users=users, relevant=relevant, times=times, again=again)
