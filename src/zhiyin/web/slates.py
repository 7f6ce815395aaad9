"""What was shown under which recommendation id: feedback is joined to it. Read from the log, and remembered, for what was shown never changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends

from zhiyin.types import ItemId, Said, SessionId, UserId
from zhiyin.web.service import Service
from zhiyin.web.worker import of_worker

_MOST = 2000  # sessions remembered
_LATEST = 40  # of a user's sessions, where the request names none


@dataclass(slots=True)
class _Read:
    """How much of a session's log was read, and the slates in it."""

    events: int = 0
    slates: dict[str, tuple[ItemId, ...]] = field(default_factory=dict)


class Slates:
    """Slates by session and recommendation id, those of the latest sessions kept."""

    def __init__(self) -> None:
        self._read: OrderedDict[SessionId, _Read] = OrderedDict()

    async def items(self, service: Service, session: SessionId, recommendation: str) -> tuple[ItemId, ...] | None:
        """The items of a slate of this session, of the turn that is being answered too; None where it has no such slate."""
        running = service.turns.running(session)
        if running is not None and (shown := running.told.shown) is not None and shown.recommendation == recommendation:
            return tuple(c.item.id for c in shown.slate)
        known = (await self._known(service, session)).get(recommendation)
        if known is None and self._read.pop(session, None) is not None:  # a session that was deleted and begun again is shorter than it was
            known = (await self._known(service, session)).get(recommendation)
        return known

    async def session_of(self, service: Service, user: UserId, recommendation: str) -> SessionId | None:
        """Which of a user's latest sessions has this slate."""
        for one in await service.archive.conversations(user=user, limit=_LATEST):
            if recommendation in await self._known(service, one.session):
                return one.session
        return None

    async def _known(self, service: Service, session: SessionId) -> Mapping[str, tuple[ItemId, ...]]:
        read = self._read.setdefault(session, _Read())
        self._read.move_to_end(session)
        new = await service.store.events(session, after=read.events)
        read.events += len(new)
        read.slates.update((e.recommendation, e.items) for e in new if isinstance(e, Said) and e.recommendation)
        if len(self._read) > _MOST:
            self._read.popitem(last=False)
        return read.slates


Shown = Annotated[Slates, Depends(of_worker(Slates))]
