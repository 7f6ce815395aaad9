"""Sessions at a glance, for a list of them. What a session is called takes reading it, so it is remembered as long as nothing new happens in it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from zhiyin.records import Conversation
from zhiyin.types import Edited, Heard, SessionId, UserId
from zhiyin.web.service import Here, Service
from zhiyin.web.views import title_of
from zhiyin.wire import Json

_MOST = 5000


class Glances:
    """Titles and lengths of sessions, the latest asked for kept."""

    def __init__(self) -> None:
        self._known: OrderedDict[SessionId, tuple[int, UserId, str, int]] = OrderedDict()  # latest place, user, title, turns

    async def glance(self, service: Service, one: Conversation) -> Json:
        """A line of the list."""
        known = self._known.get(one.session)
        if known is None or known[0] != one.last_place:
            events = await service.store.events(one.session)
            known = self._known[one.session] = one.last_place, one.user, title_of(events), sum(isinstance(e, Heard | Edited) for e in events)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return {"session_id": one.session, "first": one.first.isoformat(), "last": one.last.isoformat(), "title": known[2], "turns": known[3]}

    def forget(self, user: UserId | None) -> None:
        """Keep nothing of a user's, or of anybody's."""
        for session in [s for s, (_, owner, _, _) in self._known.items() if user is None or owner == user]:
            del self._known[session]


async def glances(request: HTTPConnection, service: Here) -> Glances:
    """The dependency: what this worker remembers; a user who was forgotten is forgotten here too."""
    found = getattr(request.app.state, "glances", None)
    if not isinstance(found, Glances):
        found = request.app.state.glances = Glances()
        service.changes.on_taste(found.forget)
    return found


Seen = Annotated[Glances, Depends(glances)]
