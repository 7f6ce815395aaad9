"""One turn in, a streamed reply out. Read this first."""

from __future__ import annotations

import asyncio
import time
import uuid
import zlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime

from zhiyin.errors import ControlError, ModelTooSlow
from zhiyin.llm import Trace
from zhiyin.policy import decide, plan
from zhiyin.ports import LLM, Find, Present, Rerank, Reread, Rewrite, Speak, Store, Understand
from zhiyin.profile import done_with, read_profile, weigh
from zhiyin.state import advance, replay
from zhiyin.types import (
    Act,
    Card,
    Done,
    Edited,
    Event,
    Fed,
    Heard,
    ItemId,
    Language,
    Part,
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
    Wish,
)

_IN_TIME = 0.9  # of a second look's time is for calls: a model that hangs is found out by the call's own deadline, and left alone after that
RANKED = 20  # candidates that a model may order
_SESSIONS_KEPT = 256  # live in memory
SESSIONS_READ = 40
"""Sessions of a user that are read for taste; older ones have faded."""


@dataclass
class _Session:
    """A session as far as this process has read its log: `state` is the fold of the first `read` events."""

    state: State = field(default_factory=State)
    read: int = 0
    last: Event | None = None  # of those: what is no longer in its place was erased by another process
    before: tuple[Fed, ...] = ()  # the user's feedback from other sessions
    reasons: dict[ItemId, Query] = field(default_factory=dict)  # for which query an item was shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the caller asks of a turn besides its words."""

    session: SessionId
    user: UserId
    time: datetime
    limit: int | None = None  # the slate's size unless the words say one
    filters: tuple[Wish, ...] = ()  # conditions that are not the user's: no chip, no offer
    personal: bool = True  # whether the user's taste ranks


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

    event: Heard | Edited
    state: State
    query: Query
    act: Act
    slate: Slate = ()


class Engine:
    """Conversations over one catalogue. All parts come from outside: see `bootstrap.py`; they may be exchanged between turns. Without `advice` no model has a say in what is shown."""

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
        plain: Speak | None = None,
    ) -> None:
        self.understand, self.find, self.speak, self.present, self.store = understand, find, speak, present, store
        self.clock, self.advice, self.model = clock, advice, model
        self.plain = plain or speak  # speaks without a model, where the user must not wait
        self._live: OrderedDict[tuple[SessionId, UserId], _Session] = OrderedDict()
        self._stale: set[UserId] = set()  # users whose sessions in memory have to learn of each other's feedback

    async def answer(
        self, turn: Turn, *, limit: int | None = None, filters: tuple[Wish, ...] = (), personal: bool = True, language: Language | None = None
    ) -> AsyncGenerator[Part, None]:
        """The parts of the reply to one message, in order: Understood, Shown, Words ..., Done. `limit` is the slate's size unless the words say one.

        Where a model's second look changed anything, Understood and Shown come once more before the first word, under the same recommendation id.
        `filters` hold besides the user's wishes; without `personal` other sessions' taste does not rank. Closing the generator stops a model; the turn is in the log in any case.
        A first message that is of no language ("???", a bare name) is taken to be in `language`.
        """
        watch = _Watch()
        live = await self._session(turn.session, turn.user)
        state = replace(live.state, language=language) if language is not None and live.state.heard is None else live.state
        terms = Terms(session=turn.session, user=turn.user, time=turn.time, limit=limit, filters=filters, personal=personal)
        event = Heard(turn=turn, understanding=self.understand(turn, state))
        watch.lap("understand")
        async with aclosing(Engine._reply(copy(self), live, event, terms, watch)) as parts:  # a turn keeps the parts it began with
            async for part in parts:
                yield part

    async def revise(
        self, session: SessionId, user: UserId, edit: Edited, *, limit: int | None = None, filters: tuple[Wish, ...] = (), personal: bool = True
    ) -> AsyncGenerator[Part, None]:
        """The parts of the reply to a change of wishes by hand, as in `answer`; no model is asked. Raises `ControlError` where an id is no wish of the session."""
        watch = _Watch()
        live = await self._session(session, user)
        known = {w.id for w in live.state.wishes}
        if strange := [i for i in (*edit.removed, *(w.id for w in edit.changed)) if i not in known]:
            raise ControlError(f"there is no wish {strange[0]!r}", hint=f"Wishes now are {', '.join(sorted(known)) or 'none'}")
        terms = Terms(session=session, user=user, time=edit.time, limit=limit, filters=filters, personal=personal)
        async with aclosing(Engine._reply(copy(self), live, edit, terms, watch)) as parts:
            async for part in parts:
                yield part

    async def _reply(self, live: _Session, event: Heard | Edited, terms: Terms, watch: _Watch) -> AsyncGenerator[Part, None]:
        trace = Trace(session=terms.session, turn=live.state.turn + 1, text=event.turn.text if isinstance(event, Heard) else "")
        way = self._way(live, event, terms)
        watch.lap("decide")
        yield self._understood(way)

        way = self._found(way)
        recommendation = uuid.uuid4().hex
        watch.lap("retrieve")
        spoken: list[str] = []
        whole = False
        try:
            yield Shown(slate=way.slate, recommendation=recommendation if way.slate else "")
            watch.stamp("cards")
            speak = self.plain
            if isinstance(event, Heard):
                speak = self.speak
                first, way = way, await self._second_look(event.turn, live, way, trace, terms)
                watch.lap("second_look")
                if way is not first:
                    yield self._understood(way)
                    yield Shown(slate=way.slate, recommendation=recommendation if way.slate else "")
            async with aclosing(speak(way.act, way.slate, way.state, trace)) as words:
                async for piece in words:
                    spoken.append(piece.text)
                    if len(spoken) == 1:
                        watch.stamp("first_word")
                    yield piece
            whole = True
        finally:  # also when the user hangs up halfway
            watch.lap("speak")
            done = self.present.done(replace(way.act, query=way.query), way.state, "".join(spoken), watch.times(), trace)
            said = _said(way, done, trace, terms.time, recommendation=recommendation, whole=whole)
            await _surely(self.store.append(terms.session, terms.user, way.event, said))
            live.reasons.update((c.item.id, way.query) for c in way.slate)
        yield done

    @staticmethod
    def _understood(way: _Way) -> Understood:
        understanding = way.event.understanding if isinstance(way.event, Heard) else way.state.heard
        if understanding is None:
            raise RuntimeError("an edit leaves a state that was heard")
        return Understood(understanding=understanding, state=way.state, act=way.act)

    def _way(self, live: _Session, event: Heard | Edited, terms: Terms) -> _Way:
        """What an understanding or an edit leads to, up to the act; nothing is looked for yet."""
        state = advance(live.state, event)
        query = query_of(state, live.before, terms)
        facets = self.find.facets(query)
        if terms.filters:  # what the caller demands is not for the user to lift
            facets = replace(facets, offers=tuple(o for o in facets.offers if not {o.wish, *o.also} & set(terms.filters)))
        act = self._with_reasons(decide(state, query, facets), live)
        return _Way(event=event, state=state, query=query, act=act)

    def _found(self, way: _Way) -> _Way:
        """The way with its slate, if its act shows one."""
        slate = self.find.slate(way.query) if way.act.kind == "recommend" else ()
        return replace(way, slate=self.present.slate(slate, way.state))

    async def _second_look(self, turn: Turn, live: _Session, way: _Way, trace: Trace, terms: Terms) -> _Way:
        """The way after a model's reading, rewriting and ranking, as far as they got in time; the same object where nothing changed."""
        advice = self.advice
        if advice is None or not isinstance(way.event, Heard):
            return way
        trace.until = time.perf_counter() + _IN_TIME * advice.seconds
        try:
            async with asyncio.timeout(advice.seconds):
                if advice.reread is not None:
                    understanding = await advice.reread(turn, live.state, way.event.understanding, trace)
                    if understanding is not way.event.understanding:
                        other = self._found(self._way(live, replace(way.event, understanding=understanding), terms))
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

    async def feed(self, session: SessionId, user: UserId, kind: str, place: int, value: float | None = None) -> Fed:
        """Take feedback on the n-th item of the last slate (1-based). Raises `ControlError` if there is none."""
        live = await self._session(session, user)
        shown = live.state.slate
        if not 1 <= place <= len(shown):
            have = f"the last list has {len(shown)}" if shown else "nothing has been shown yet"
            raise ControlError(f"there is no item {place}: {have}")
        event = Fed(user=user, kind=kind, item=shown[place - 1], value=value, time=self.clock())
        await self.take(session, user, event)
        return event

    async def take(self, session: SessionId, user: UserId, *events: Fed, learn: bool = True) -> tuple[bool, ...]:
        """Keep feedback, durably, and learn from it (unless others do); of each whether it is new (an `id` that the log has already is not)."""
        new = await self.store.append(session, user, *events)
        if sum(1 for key in self._live if key[1] == user) > 1:
            self._stale.add(user)
        for event, fresh in zip(events, new, strict=True):
            if learn and fresh and weigh(event) > 0.0:  # a dislike is not in the history, and its newest event must not count twice
                live = await self._session(session, user)
                self.find.learn(read_profile((*live.before, *live.state.feedback), event.time))
        return new

    def refresh(self, user: UserId | None) -> None:
        """Forget what is held in memory of a user, or of everybody: the log has changed elsewhere, or was erased."""
        for key in [key for key in self._live if user is None or key[1] == user]:
            del self._live[key]

    async def undo(self, session: SessionId, user: UserId) -> None:
        """Take back the latest message or feedback."""
        live = await self._session(session, user)
        if live.state.previous is None:
            raise ControlError("there is nothing to undo")
        await self.store.append(session, user, Undone(time=self.clock()))

    async def state(self, session: SessionId, user: UserId) -> State:
        """Where a conversation stands."""
        return (await self._session(session, user)).state

    async def recommend(self, user: UserId, query: Query) -> Slate:
        """A slate without a conversation; the user's taste ranks if the query brings none."""
        if query.profile.empty:
            query = replace(query, profile=read_profile(await feedback_of(self.store, user), self.clock()))
        return self.find.slate(query)

    async def close(self) -> None:
        """Release the store and the model."""
        await self.store.close()
        if self.model is not None:
            await self.model.close()

    # --- sessions ---

    async def _session(self, session: SessionId, user: UserId) -> _Session:
        """The session as its log has it now: any process may have appended to it."""
        live = self._live.get((session, user))
        if live is None:
            live = _Session(before=await feedback_of(self.store, user, but=session))
            live = self._live.setdefault((session, user), live)
            if len(self._live) > _SESSIONS_KEPT:
                self._live.popitem(last=False)
        elif user in self._stale or not live.read:
            await self._reread(user)
        if (session, user) in self._live:
            self._live.move_to_end((session, user))
        state, read, last = live.state, live.read, live.last
        fresh = await self.store.events(session, after=max(read - 1, 0))
        if last is not None and (not fresh or fresh[0] != last):
            self.refresh(user)
            return await self._session(session, user)
        if fresh and live.read == read:  # else another turn of this session has read them meanwhile
            live.state, live.read, live.last = replay(fresh[min(read, 1) :], state), read + len(fresh) - min(read, 1), fresh[-1]
        live.state = self.present.known(live.state)  # each time: the catalogue may have changed
        return live

    async def _reread(self, user: UserId) -> None:
        """Feedback in one session is taste in the user's others."""
        self._stale.discard(user)
        for (session, other), live in list(self._live.items()):
            if other == user:
                live.before = await feedback_of(self.store, user, but=session)

    def _with_reasons(self, act: Act, live: _Session) -> Act:
        """Explaining looks the item up under the query it was shown for."""
        if act.kind != "explain" or not act.items:
            return act
        query = live.reasons.get(act.items[0], Query(wishes=live.state.wishes, basis=live.state.basis))
        return replace(act, reasons=self.find.reasons(act.items[0], query))


async def feedback_of(store: Store, user: UserId, *, but: SessionId | None = None) -> tuple[Fed, ...]:
    """A user's feedback in the latest sessions but one, by control and by word, without what was undone."""
    sessions = [s for s in await store.sessions(user) if s != but]
    states = [replay(await store.events(s)) for s in sessions[-SESSIONS_READ:]]
    return tuple(f for state in states for f in state.feedback)


def query_of(state: State, before: Sequence[Fed], terms: Terms) -> Query:
    """What a turn looks for: what its state asks for, by the user's taste, without what the user was done with `before`, in other sessions."""
    profile = read_profile((*(before if terms.personal else ()), *state.feedback), terms.time)
    query = plan(state, profile, seed=zlib.crc32(f"{terms.session}/{state.turn}".encode()))
    query = replace(query, wishes=(*query.wishes, *terms.filters), exclude=query.exclude | done_with(before))
    return replace(query, limit=terms.limit) if terms.limit and state.count is None else query


def _said(way: _Way, done: Done, trace: Trace, moment: datetime, *, recommendation: str, whole: bool) -> Said:
    """What the log keeps of a reply."""
    cards = tuple(Card(item=c.item.id, score=c.score, sources=c.sources, reasons=c.reasons, attributes=c.attributes, probability=c.probability) for c in way.slate)
    return Said(
        act=way.act.kind,
        text=done.text,
        items=tuple(c.item for c in cards),
        question=way.act.question.field if way.act.question else "",
        recommendation=recommendation if cards else "",
        calls=tuple(trace.calls),
        cards=cards,
        asked=done.question,
        offers=done.offers,
        notices=done.notices,
        withheld=done.withheld,
        latency_ms=done.latency_ms,
        whole=whole,
        time=moment,
    )


async def _surely(work: Coroutine[None, None, object]) -> None:
    """Do the work, even if whoever waits for it is told to stop meanwhile: a turn that is stopped while the log is written is not lost."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


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
