"""Events of live sessions in Redis: either exactly what the log holds, or nothing. The laws are in `sessions.lua`, one script, so that each step is one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zhiyin.errors import StoreError
from zhiyin.live.link import PREFIX, Link, Reply
from zhiyin.types import SessionId

_SCRIPT: Final = Path(__file__).with_name("sessions.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long and how much. `young` and `lapse` must be longer than a worker needs to find out that Redis is back, and `hold` longer than an append may take."""

    young: int = 3  # seconds after its start in which a server is asked for nothing
    lapse: int = 3  # seconds after which a silent worker may be cut off and appending unheard
    dead: int = 600  # seconds after which it is dead, and every session void
    hold: int = 60  # seconds after which an append without an end has died
    ttl: int = 3600
    events: int = 1000  # of one session
    size: int = 1_000_000  # bytes of one session
    dirty: int = 1000  # sessions remembered by name while Redis is away; of more, all count


@dataclass(frozen=True, slots=True)
class Token:
    """A word given for reading the log to fill, or for appending."""

    text: str
    alone: bool = False  # what is in Redis can be continued


class Change:
    """A change of the log in the making. `added` says which events it appends; None is any other change, after which the log is read."""

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted  # whether `added` is of use
        self.added: Sequence[str] | None = None


class LiveSessions:
    """Sessions in Redis, by this worker. Every answer may be None: Redis is away, ask the log."""

    def __init__(self, link: Link, *, prefix: str = PREFIX, terms: Terms | None = None) -> None:
        self.link, self.prefix, self.terms = link, prefix, terms or Terms()
        link.returned = self._mended
        self._worker = secrets.token_hex(8)
        self._dirty: set[str] = set()
        self._all_dirty = False
        self._beating: asyncio.Task[None] | None = None

    async def read(self, session: SessionId, after: int) -> Sequence[str] | Token | None:
        """The events after the first `after` as JSON, all of them; a token to fill in what the log says; or None."""
        self._beat()
        if self._all_dirty or session in self._dirty:
            return None
        token = secrets.token_hex(8)
        match await self._run("read", session, token, after):
            case ["have", *found]:
                return [str(text) for text in found]
            case ["fill"]:
                return Token(token)
        return None

    async def fill(self, session: SessionId, token: Token, events: Sequence[str]) -> None:
        """Put in all events of a session, as the log had them after the token was given."""
        await self._run("fill", session, token.text, self.terms.events, self.terms.size, *events)

    async def begin(self, session: SessionId) -> Token | None:
        """Announce a change of the log: from now on everybody reads the log, until `commit`. None where nobody heard it; `commit` or `doubt` must follow all the same."""
        self._beat()
        token = secrets.token_hex(8)
        reply = await self._run("begin", session, token)
        if reply is None:
            return None
        return Token(token, alone=reply == 1)

    async def commit(self, session: SessionId, token: Token | None, events: Sequence[str] | None) -> None:
        """Tell what the change was: these events were appended, and nothing else by us; None: something else, or nobody knows."""
        token, sure = token or Token("none"), "sure" if token is not None and events is not None else "unsure"
        reply = await self._run("commit", session, token.text, self.terms.events, self.terms.size, sure, *(events or ()))
        if reply is None:
            self._remember(session)

    @asynccontextmanager
    async def changing(self, session: SessionId) -> AsyncGenerator[Change, None]:
        """A change of the log in the block, announced before it and told after it. Of one that broke off in the middle nobody knows whether it was made."""
        token, told = await self.begin(session), False
        change = Change(wanted=token is not None and token.alone)
        try:
            try:
                yield change
            except StoreError:  # it may have got into the log all the same
                await self.commit(session, token, None)
                told = True
                raise
            await self.commit(session, token, change.added)
            told = True
        finally:
            if not told:
                self.doubt(session)

    def doubt(self, session: SessionId) -> None:
        """Read the log of a session until Redis was told to let go of it, without waiting for that."""
        self._remember(session)
        self.link.mend_soon()

    async def void(self, *sessions: SessionId) -> None:
        """Let go of everything, and erase these sessions now: what a user wanted forgotten may be anywhere."""
        if await self._run("void", sessions[0] if sessions else SessionId(""), secrets.token_hex(8)) is None:
            self._all_dirty = True
            for session in sessions:
                self._remember(session)
            return
        for session in sessions[1:]:
            await self.commit(session, None, None)

    async def close(self) -> None:
        """Say goodbye and close the connection. Who has something to mend says none: the others go on reading the log."""
        if self._beating is not None:
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating
            if not self._dirty and not self._all_dirty:
                await self._run("leave", SessionId(""), "none")
        await self.link.close()

    async def _run(self, call: str, session: str, token: str, *arguments: str | int, mending: bool = False) -> Reply | None:
        terms = self.terms
        keys = (f"{self.prefix}live:session:{session}", f"{self.prefix}live:era", f"{self.prefix}live:workers")
        silent = mending or self._all_dirty or bool(self._dirty)  # until Redis knows what it missed, the others had better not believe it
        worker = "" if silent else self._worker
        return await self.link.run(_SCRIPT, keys, (call, token, worker, terms.young, terms.lapse, terms.dead, terms.hold, terms.ttl, *arguments), mending=mending)

    def _remember(self, session: str) -> None:
        if session in self._dirty or len(self._dirty) < self.terms.dirty:
            self._dirty.add(session)
        else:
            self._all_dirty = True

    async def _mended(self) -> bool:
        """Whether Redis was told of everything that it missed."""
        while self._dirty or self._all_dirty:
            everything, session = self._all_dirty, next(iter(self._dirty), "")
            self._all_dirty = False
            self._dirty.discard(session)
            reply: Reply | None = None
            try:
                if everything:
                    reply = await self._run("void", session, secrets.token_hex(8), mending=True)
                else:
                    reply = await self._run("commit", session, "none", self.terms.events, self.terms.size, "unsure", mending=True)
            finally:  # also where the time is up in the middle of it
                if reply is None:
                    self._all_dirty |= everything
                    self._remember(session)
            if reply is None:
                return False
        return True

    def _beat(self) -> None:
        if self._beating is None:
            self._beating = asyncio.create_task(self._pulse())

    async def _pulse(self) -> None:
        while True:
            await asyncio.sleep(self.link.retry)
            await self._run("pulse", "", secrets.token_hex(8))
