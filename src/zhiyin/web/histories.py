"""Which session a history of messages is of, for clients that send all of it each time and name no session."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import timedelta

from zhiyin.types import SessionId, Turn, UserId
from zhiyin.web.belonging import place_of
from zhiyin.web.callers import Caller
from zhiyin.web.personal import personal
from zhiyin.web.service import Service
from zhiyin.wire import gather

KIND = "completion"
"""The kind of the documents that lead from a history to its session; the key is a hash of the history."""
_KEPT = timedelta(days=7)
_REPLAYED = 50  # earlier messages that a session we do not know is told again
_LONGEST = 4000  # characters of each of them


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message of a history."""

    by_user: bool
    text: str


@dataclass(frozen=True, slots=True)
class Histories:
    """The histories of one caller, and of one user if the caller names users."""

    service: Service
    who: Caller
    named: str | None = None

    async def place(self, earlier: Sequence[Spoken]) -> tuple[SessionId, UserId]:
        """The session that these messages led to, and its user. A new one, told the user's messages again, where nobody knows it or it has gone on otherwise."""
        if not any(m.by_user for m in earlier):  # a first message begins a session of its own
            return await place_of(self.service, self.who, None, self.named)
        found = await self.service.records.get(KIND, self._sign(earlier))
        if found is not None and found.value is not None:
            kept = json.loads(found.value)
            session = SessionId(kept["session"])
            owner = await self.service.archive.owner(session)
            if owner is not None and self.service.turns.running(session) is None and (await self.service.app.engine.state(session, owner)).turn == kept["turn"]:
                return session, owner
        session, user = await place_of(self.service, self.who, None, self.named)
        await self._told_again(session, user, [m.text[:_LONGEST] for m in earlier if m.by_user][-_REPLAYED:])
        return session, user

    async def remember(self, spoken: Sequence[Spoken], session: SessionId, turn: int) -> None:
        """Keep which session a history is of, as far as this turn."""
        kept = json.dumps({"session": session, "turn": turn})
        await self.service.records.put(KIND, self._sign(spoken), kept, expires=self.service.clock() + _KEPT)

    def _sign(self, spoken: Sequence[Spoken]) -> str:
        """A history's key: who said what, spaces apart, to one caller's user. Clients trim texts."""
        told = [[m.by_user, " ".join(m.text.split())] for m in spoken]
        return hashlib.sha256(json.dumps([self.who.name, self.named, told]).encode()).hexdigest()

    async def _told_again(self, session: SessionId, user: UserId, texts: Sequence[str]) -> None:
        """Bring a fresh session to where the history left it, without asking a model again."""
        quick = copy(self.service.app.engine)
        quick.advice, quick.speak = None, quick.plain
        personally = await personal(self.service.records, user)
        for text in texts:
            async with self.service.gate:
                await gather(quick.answer(Turn(session=session, user=user, text=text, time=self.service.clock()), personal=personally))
