"""A turn of the past looked at again: its state from the log, its query as the engine makes it, the rows of now. Nothing is shown, learned or kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from zhiyin.catalog.pool import Pool
from zhiyin.engine import Terms, query_of
from zhiyin.living import View
from zhiyin.retrieve.fuse import Share
from zhiyin.state import advance
from zhiyin.types import Edited, Event, Fed, Heard, ItemId, Query, Said, SessionId, State, UserId, Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A turn as the log has it: the state before it, the event that made it, what was answered."""

    session: SessionId
    user: UserId
    before: State
    event: Heard | Edited
    said: Said | None

    @property
    def time(self) -> datetime:
        """When it was."""
        return self.event.turn.time if isinstance(self.event, Heard) else self.event.time


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A query over the catalogue of now: what passes, in which order, and what would be shown."""

    view: View
    state: State
    query: Query
    pool: Pool
    slate: tuple[ItemId, ...]

    def standing(self, item: ItemId) -> Standing | None:
        """Where an item stands among those that pass; None where it does not."""
        row = self.view.catalog.row.get(item)
        if row is None or not len(places := np.flatnonzero(self.pool.rows == row)):
            return None
        place = int(places[0])
        total = float(self.pool.total[place])
        above = (self.pool.total > total) | ((self.pool.total == total) & (self.pool.rows < row))
        return Standing(score=total, by_score=int(above.sum()) + 1, shares=self.view.finder.retriever.shares(self.query, self.pool, place))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An item's score, its place by score alone, and what makes the score up."""

    score: float
    by_score: int
    shares: tuple[Share, ...]


def past_turn(session: SessionId, user: UserId, events: Sequence[Event], turn: int) -> Past | None:
    """A turn of a session by its number; None where it has none of that number."""
    state = State()
    found: Past | None = None
    for event in events:
        after = advance(state, event)
        if isinstance(event, Heard | Edited):
            if found is not None:
                break
            if after.turn == turn:
                found = Past(session=session, user=user, before=state, event=event, said=None)
        elif isinstance(event, Said) and found is not None and found.said is None:
            found = replace(found, said=event)
        state = after
    return found


def replayed(view: View, known: Callable[[State], State], past: Past, before: Sequence[Fed], *, personal: bool) -> Replay:
    """The turn's query over the rows of now. `known` is the state without what the catalogue of now does not have, `before` the user's feedback of other sessions until then."""
    state = advance(known(past.before), past.event)
    shown = len(past.said.items) if past.said else 0
    terms = Terms(session=past.session, user=past.user, time=past.time, limit=shown or None, personal=personal)
    query = query_of(state, before, terms)
    retriever = view.finder.retriever
    pool = retriever(query)
    chosen = view.finder.ranker.places(query, pool)
    return Replay(view=view, state=state, query=query, pool=pool, slate=tuple(view.catalog.items[int(pool.rows[place])].id for place in chosen))


def kept_out(replay: Replay, item: ItemId, *, shows: bool) -> tuple[str, tuple[Wish, ...]] | None:
    """Why an item is not on the replayed slate, with the wishes that it breaks; None where it is on it."""
    catalog, query, state = replay.view.catalog, replay.query, replay.state
    row = catalog.row.get(item)
    if row is None:
        return "gone", ()
    hard = [w for w in query.wishes if w.hard]
    if broken := tuple(w for w in hard if not catalog.satisfies(w)[row]):
        return "wish", broken
    if not catalog.mask(hard)[row]:
        return "sizes", tuple(w for w in hard if w.field in catalog.domain.variants)
    if not shows:
        return "no_list", ()
    if item in query.exclude:
        return _excluded(state, item), ()
    if item in replay.slate:
        return None
    standing = replay.standing(item)
    return ("variety" if standing is not None and standing.by_score <= query.limit else "rank"), ()


def _excluded(state: State, item: ItemId) -> str:
    """Which of the things that a query leaves out an item is."""
    if item in state.rejected:
        return "rejected"
    if item in state.done:
        return "done"
    if item in state.basis:
        return "basis"
    if state.heard is not None and item in state.heard.about:
        return "named"
    return "shown_before" if item in state.shown else "done_before"
