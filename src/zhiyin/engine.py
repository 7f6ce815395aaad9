"""One turn in, a streamed reply out. Read this first."""

from __future__ import annotations

import asyncio
import time
import uuid
import zlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime

from zhiyin.errors import ControlError, ModelTooSlow
from zhiyin.llm import Trace
from zhiyin.policy import decide, plan
from zhiyin.ports import LLM, Find, Present, Rerank, Reread, Rewrite, Speak, Store, Understand
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
    Understanding,
    Understood,
    Undone,
    UserId,
)

_IN_TIME = 0.9  # of a second look's time is for calls: a model that hangs is found out by the call's own deadline, and left alone after that
RANKED = 20  # candidates that a model may order
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a language model may change of a turn after its first cards have left, and how long it may take for all of it."""

    reread: Reread | None = None
    rewrite: Rewrite | None = None
    rerank: Rerank | None = None
    seconds: float = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One way through a turn: what was heard, the state it led to, what to look for, what to do, what was found."""

    heard: Heard
    state: State
    query: Query
    act: Act
    slate: Slate = ()


class Engine:
    """Conversations over one catalogue. All parts come from outside: see `bootstrap.py`. Without `advice` no model has a say in what is shown."""

    def __init__(
        self,
        *,
        understand: Understand,
        find: Find,
        speak: Speak,
        present: Present,
        store: Store,
        clock: Callable[[], datetime],
        advice: Advice | None = None,
        model: LLM | None = None,
    ) -> None:
        self.understand, self.find, self.speak, self.present, self.store = understand, find, speak, present, store
        self.clock, self.advice, self.model = clock, advice, model
        self._live: OrderedDict[tuple[SessionId, UserId], _Session] = OrderedDict()

    async def answer(self, turn: Turn, *, limit: int | None = None) -> AsyncGenerator[Part, None]:
        """The parts of the reply to one message, in order: Understood, Shown, Words ..., Done. `limit` is the slate's size unless the words say one.

        Where a model's second look changed anything, Understood and Shown come once more before the first word, under the same recommendation id.
        """
        watch = _Watch()
        live = await self._session(turn.session, turn.user)
        trace = Trace(session=turn.session, turn=live.state.turn + 1, text=turn.text)
        understanding = self.understand(turn, live.state)
        watch.lap("understand")
        way = self._way(turn, live, understanding, limit)
        watch.lap("decide")
        yield Understood(understanding=understanding, state=way.state, act=way.act)

        way = self._found(way)
        recommendation = uuid.uuid4().hex
        watch.lap("retrieve")
        spoken: list[str] = []
        try:
            yield Shown(slate=way.slate, recommendation=recommendation if way.slate else "")
            watch.stamp("cards")
            if self.advice is not None:
                first, way = way, await self._second_look(turn, live, way, trace, limit)
                watch.lap("second_look")
                if way is not first:
                    yield Understood(understanding=way.heard.understanding, state=way.state, act=way.act)
                    yield Shown(slate=way.slate, recommendation=recommendation if way.slate else "")
            async with aclosing(self.speak(way.act, way.slate, way.state, trace)) as words:
                async for piece in words:
                    spoken.append(piece.text)
                    if len(spoken) == 1:
                        watch.stamp("first_word")
                    yield piece
        finally:  # also when the user hangs up halfway
            await self._remember(turn, live, way, trace, text="".join(spoken), recommendation=recommendation)
        watch.lap("speak")
        yield self.present.done(replace(way.act, query=way.query), way.state, "".join(spoken), watch.times(), trace)

    def _way(self, turn: Turn, live: _Session, understanding: Understanding, limit: int | None) -> _Way:
        """What an understanding leads to, up to the act; nothing is looked for yet."""
        heard = Heard(turn=turn, understanding=understanding)
        state = advance(live.state, heard)
        query = plan(state, self._profile(live, state, turn.time), seed=_seed(turn.session, state.turn))
        query = replace(query, exclude=query.exclude | live.done_before)
        if limit and state.count is None:
            query = replace(query, limit=limit)
        act = self._with_reasons(decide(state, query, self.find.facets(query)), live)
        return _Way(heard=heard, state=state, query=query, act=act)

    def _found(self, way: _Way) -> _Way:
        """The way with its slate, if its act shows one."""
        slate = self.find.slate(way.query) if way.act.kind == "recommend" else ()
        return replace(way, slate=self.present.slate(slate, way.state))

    async def _second_look(self, turn: Turn, live: _Session, way: _Way, trace: Trace, limit: int | None) -> _Way:
        """The way after a model's reading, rewriting and ranking, as far as they got in time; the same object where nothing changed."""
        advice = self.advice
        if advice is None:
            return way
        trace.until = time.perf_counter() + _IN_TIME * advice.seconds
        try:
            async with asyncio.timeout(advice.seconds):
                if advice.reread is not None:
                    understanding = await advice.reread(turn, live.state, way.heard.understanding, trace)
                    if understanding is not way.heard.understanding:
                        other = self._found(self._way(turn, live, understanding, limit))
                        if other.slate or not way.slate:  # a model's reading may bring cards, it takes none away
                            way = other
                if advice.rewrite is not None and way.act.kind == "recommend":
                    query = await advice.rewrite(turn, way.query, trace)
                    if query is not way.query:
                        way = self._found(replace(way, query=query, act=replace(way.act, query=query)))
                if advice.rerank is not None and way.slate:
                    way = await self._reranked(turn, way, trace, advice.rerank)
        except TimeoutError:
            trace.note(ModelTooSlow.code)
        return way

    async def _reranked(self, turn: Turn, way: _Way, trace: Trace, rerank: Rerank) -> _Way:
        """The best candidates in the order that a model had a say in, checked once more."""
        candidates = self.find.slate(replace(way.query, limit=max(RANKED, way.query.limit)))
        ranked = await rerank(turn, way.query, candidates, trace)
        if ranked is candidates:
            return way
        slate = self.find.admitted(way.query, ranked)[: way.query.limit]
        return replace(way, slate=self.present.slate(slate, way.state))

    async def _remember(self, turn: Turn, live: _Session, way: _Way, trace: Trace, *, text: str, recommendation: str) -> None:
        """Keep what was heard and said."""
        said = Said(
            act=way.act.kind,
            text=text,
            items=tuple(c.item.id for c in way.slate),
            question=way.act.question.field if way.act.question else "",
            recommendation=recommendation if way.slate else "",
            calls=tuple(trace.calls),
            time=turn.time,
        )
        await self.store.append(turn.session, turn.user, way.heard, said)
        live.state = advance(way.state, said)
        live.reasons.update((c.item.id, way.query) for c in way.slate)

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
        """Release the store and the model."""
        await self.store.close()
        if self.model is not None:
            await self.model.close()

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
