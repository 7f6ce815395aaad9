"""Whose a session is: what is somebody else's is not there."""

from __future__ import annotations

import uuid

from zhiyin.types import SessionId, UserId
from zhiyin.web.callers import Caller
from zhiyin.web.problems import missing
from zhiyin.web.service import Service


async def owner_of(service: Service, who: Caller, session: str, named: str | None = None) -> UserId:
    """The user whose session it is. Raises a 404 where there is none, or it is not the caller's or not of the user it names."""
    if who.kind == "browser":
        who.acting_as(named)
    owner = await _owner(service, SessionId(session))
    if owner is None or (who.own_only and owner != who.user) or (named is not None and owner != named):
        raise missing("session")
    return owner


async def place_of(service: Service, who: Caller, session: str | None, named: str | None, *, makes: bool = False) -> tuple[SessionId, UserId]:
    """The session to talk in and its user: a new one where none is named; one that nobody knows is begun where `makes`, else it is a 404."""
    if session is None:
        return SessionId(uuid.uuid4().hex), who.acting_as(named)
    if makes and await _owner(service, SessionId(session)) is None:
        return SessionId(session), who.acting_as(named)
    return SessionId(session), await owner_of(service, who, session, named)


async def _owner(service: Service, session: SessionId) -> UserId | None:
    """The user of the first event; of a session whose first turn is being answered, who began it."""
    owner = await service.archive.owner(session)
    running = service.turns.running(session)
    return owner if owner is not None or running is None else running.told.user
