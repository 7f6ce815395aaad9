"""One turn in, a streamed reply out. Read this first."""

from __future__ import annotations

import time
import uuid
import zlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from zhiyin.errors import ControlError
from zhiyin.policy import decide, plan
from zhiyin.ports import Find, Present, Speak, Store, Understand
from zhiyin.profile import read_profile, weigh
from zhiyin.state import advance, replay
from zhiyin.types import (
    DONE_EVENTS,
    Act,
    Event,
    Fed,
    Heard,
    ItemId,
    Part,
    Profile,
    Query,
    Said,
    SessionId,
    Shown,
    Slate,
    State,
    Turn,
    Understood,
    Undone,
    UserId,
)

_SESSIONS_KEPT = 256  # live in memory
_SESSIONS_READ = 40  # of a user, for taste; older ones have faded


@dataclass
class _Session:
    """A session's state in memory; the store remembers the rest."""

    state: State
    before: tuple[Fed, ...]  # the user's feedback from other sessions
    reasons: dict[ItemId, Query]  # for which query an item was shown

    @property
    def done_before(self) -> frozenset[ItemId]:
        """What the user has seen, bought or refused in other sessions."""
        return frozenset(f.item for f in self.before if f.kind in DONE_EVENTS)


class Engine:
    """Conversations over one catalogue. All parts come from outside: see `bootstrap.py`."""

    def __init__(self, *, understand: Understand, find: Find, speak: Speak, present: Present, store: Store, clock: Callable[[], datetime]) -> None:
        self.understand, self.find, self.speak, self.present, self.store = understand, find, speak, present, store
        self.clock = clock
        self._live: OrderedDict[tuple[SessionId, UserId], _Session] = OrderedDict()

    async def answer(self, turn: Turn, *, limit: int | None = None) -> AsyncGenerator[Part, None]:
        """The parts of the reply to one message, in order: Understood, Shown, Words ..., Done. `limit` is the slate's size unless the words say one."""
        watch = _Watch()
        live = await self._session(turn.session, turn.user)
        understanding = self.understand(turn, live.state)
        heard = Heard(turn=turn, understanding=understanding)
        state = advance(live.state, heard)
        watch.lap("understand")

        query = plan(state, self._profile(live, state, turn.time), seed=_seed(turn.session, state.turn))
        query = replace(query, exclude=query.exclude | live.done_before)
        if limit and state.count is None:
            query = replace(query, limit=limit)
        act = decide(state, query, self.find.facets(query))
        watch.lap("decide")
        act = self._with_reasons(act, live)
        yield Understood(understanding=understanding, state=state, act=act)

        slate = self.find.slate(query) if act.kind == "recommend" else ()
        slate = self.present.slate(slate, state)
        recommendation = uuid.uuid4().hex if slate else ""
        watch.lap("retrieve")
        yield Shown(slate=slate, recommendation=recommendation)
        watch.stamp("cards")

        spoken: list[str] = []
        try:
            async for words in self.speak(act, slate, state):
                spoken.append(words.text)
                yield words
        finally:  # also when the user hangs up halfway
            said = Said(
                act=act.kind,
                text="".join(spoken),
                items=tuple(c.item.id for c in slate),
                question=act.question.field if act.question else "",
                recommendation=recommendation,
                time=turn.time,
            )
            await self.store.append(turn.session, turn.user, heard, said)
            live.state = advance(state, said)
            live.reasons.update((c.item.id, query) for c in slate)
        watch.lap("speak")
        yield self.present.done(replace(act, query=query), state, "".join(spoken), watch.times())

    async def feed(self, session: SessionId, user: UserId, kind: str, place: int, value: float | None = None) -> Fed:
        """Take feedback on the n-th item of the last slate (1-based). Raises `ControlError` if there is none."""
        live = await self._session(session, user)
        shown = live.state.slate
        if not 1 <= place <= len(shown):
            have = f"the last list has {len(shown)}" if shown else "nothing has been shown yet"
            raise ControlError(f"there is no item {place}: {have}")
        event = Fed(user=user, kind=kind, item=shown[place - 1], value=value, time=self.clock())
        await self._keep(live, session, user, event)
        if weigh(event) > 0.0:  # a dislike is not in the history, and its newest event must not count twice
            self.find.learn(self._profile(live, live.state, event.time))
        return event

    async def undo(self, session: SessionId, user: UserId) -> None:
        """Take back the latest message or feedback."""
        live = await self._session(session, user)
        if live.state.previous is None:
            raise ControlError("there is nothing to undo")
        await self._keep(live, session, user, Undone(time=self.clock()))

    async def state(self, session: SessionId, user: UserId) -> State:
        """Where a conversation stands."""
        return (await self._session(session, user)).state

    async def recommend(self, user: UserId, query: Query) -> Slate:
        """A slate without a conversation; the user's taste ranks if the query brings none."""
        if query.profile.empty:
            query = replace(query, profile=read_profile(await self._feedback(user), self.clock()))
        return self.find.slate(query)

    async def close(self) -> None:
        """Release the store."""
        await self.store.close()

    # --- sessions ---

    async def _session(self, session: SessionId, user: UserId) -> _Session:
        """The live session, replayed from the log if it is not in memory."""
        key = (session, user)
        if key in self._live:
            self._live.move_to_end(key)
            return self._live[key]
        events = await self.store.events(session)
        state = self.present.known(replay(events))
        before = await self._feedback(user, but=session)
        live = self._live[key] = _Session(state=state, before=before, reasons={})
        if len(self._live) > _SESSIONS_KEPT:
            self._live.popitem(last=False)
        return live

    async def _feedback(self, user: UserId, but: SessionId | None = None) -> tuple[Fed, ...]:
        """A user's feedback in the latest sessions but one, by control and by word, without what was undone."""
        sessions = [s for s in await self.store.sessions(user) if s != but]
        states = [replay(await self.store.events(s)) for s in sessions[-_SESSIONS_READ:]]
        return tuple(f for state in states for f in state.feedback)

    async def _keep(self, live: _Session, session: SessionId, user: UserId, event: Event) -> None:
        await self.store.append(session, user, event)
        live.state = advance(live.state, event)

    @staticmethod
    def _profile(live: _Session, state: State, now: datetime) -> Profile:
        return read_profile((*live.before, *state.feedback), now)

    def _with_reasons(self, act: Act, live: _Session) -> Act:
        """Explaining looks the item up under the query it was shown for."""
        if act.kind != "explain" or not act.items:
            return act
        query = live.reasons.get(act.items[0], Query(wishes=live.state.wishes, basis=live.state.basis))
        return replace(act, reasons=self.find.reasons(act.items[0], query))


def _seed(session: SessionId, turn: int) -> int:
    return zlib.crc32(f"{session}/{turn}".encode())


class _Watch:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._times: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._times[name] = round((now - self._last) * 1000, 3)
        self._last = now

    def stamp(self, name: str) -> None:
        self._times[name] = round((time.perf_counter() - self._start) * 1000, 3)

    def times(self) -> dict[str, float]:
        return {**self._times, "total": round((time.perf_counter() - self._start) * 1000, 3)}
