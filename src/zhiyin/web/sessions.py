"""Sessions: where one stands, what was said in it, its chips by hand, undo, its running turn, and a user's list of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from starlette.requests import Request

from zhiyin.errors import ControlError
from zhiyin.history import exchanges
from zhiyin.types import SessionId, UserId
from zhiyin.web.admin.tally import Counted
from zhiyin.web.answering import EventStream, answer, begin, wants_stream
from zhiyin.web.belonging import owner_of
from zhiyin.web.bodies import Id
from zhiyin.web.callers import Caller, Who
from zhiyin.web.chat import STREAMS
from zhiyin.web.cursors import Cursors
from zhiyin.web.edits import ConstraintsBody, Stand, read_edit
from zhiyin.web.glances import Seen
from zhiyin.web.idempotency import Once
from zhiyin.web.personal import personal
from zhiyin.web.problems import Problem, invalid
from zhiyin.web.service import Here, Service
from zhiyin.web.views import SessionView
from zhiyin.wire import Json

router = APIRouter(tags=["sessions"], route_class=Once)
ForUser = Annotated[Id | None, Query(description="whom a server acts for: the session must be this user's")]


async def view_of(service: Service, session: SessionId, user: UserId) -> SessionView:
    """A session as it stands now."""
    state = await service.app.engine.state(session, user)
    events = await service.store.events(session)
    return SessionView(session=session, user=user, state=state, exchanges=exchanges(events), running=service.turns.running(session) is not None)


async def stand_of(service: Service, session: SessionId, user: UserId) -> Stand:
    """Where a session stands, with what its last turn asked and offered."""
    view = await view_of(service, session, user)
    last = next((e.said for e in reversed(view.exchanges) if not e.undone), None)
    return Stand(state=view.state, offers=last.offers if last else (), question=last.asked if last else None)


@router.get("/v1/sessions/{session_id}")
async def get_session(service: Here, who: Who, session_id: Id, user: ForUser = None) -> Json:
    """Where a session stands and everything that was said and shown in it."""
    owner = await owner_of(service, who, session_id, user)
    return (await view_of(service, SessionId(session_id), owner)).json(service.app.wording)


@router.delete("/v1/sessions/{session_id}", status_code=204)
async def delete_session(*, service: Here, who: Who, counted: Counted, session_id: Id, user: ForUser = None) -> None:
    """Forget a session, and that only; what it taught of the user's taste goes with it."""
    owner = await owner_of(service, who, session_id, user)
    await service.turns.forget(SessionId(session_id))
    await service.archive.drop(SessionId(session_id))
    counted.doubt(owner)
    service.app.engine.refresh(owner)
    await service.changes.tasted(owner)


@router.patch("/v1/sessions/{session_id}/constraints", responses=STREAMS, response_class=Response)
async def edit_constraints(*, service: Here, who: Who, session_id: Id, body: ConstraintsBody, request: Request, user: ForUser = None) -> Response:
    """Change the wishes by hand; fresh items come back, and no language model is asked."""
    owner = await owner_of(service, who, session_id, user)
    session, engine = SessionId(session_id), service.app.engine
    await service.turns.settle(session)
    edit = read_edit(body, await stand_of(service, session, owner), service.app.wording, service.clock())
    personally = await personal(service.records, owner)
    running = await begin(service, session, owner, lambda: engine.revise(session, owner, edit, limit=body.limit, personal=personally))
    return await answer(running, request, stream=wants_stream(request))


@router.post("/v1/sessions/{session_id}/undo")
async def undo(service: Here, who: Who, session_id: Id, user: ForUser = None) -> Json:
    """Take back the latest message, edit or feedback; a 409 `nothing_to_undo` where there is none."""
    owner = await owner_of(service, who, session_id, user)
    session = SessionId(session_id)
    await service.turns.settle(session)
    try:
        await service.app.engine.undo(session, owner)
    except ControlError as error:
        raise Problem(409, "nothing_to_undo", str(error)) from None
    service.app.engine.refresh(owner)  # feedback that was taken back is no taste in the user's other sessions
    await service.changes.tasted(owner)
    return (await view_of(service, session, owner)).json(service.app.wording)


@router.post("/v1/sessions/{session_id}/stop", status_code=204)
async def stop(service: Here, who: Who, session_id: Id, user: ForUser = None) -> None:
    """Stop the turn that is being answered; what was said until now is kept."""
    await owner_of(service, who, session_id, user)
    await service.turns.stop(SessionId(session_id))


@router.get("/v1/sessions/{session_id}/stream", responses={**STREAMS, 204: {"description": "Nothing is running here, and nothing is left to read."}}, response_class=Response)
async def resume(
    *,
    service: Here,
    who: Who,
    session_id: Id,
    user: ForUser = None,
    after: Annotated[int | None, Query(ge=0, le=1_000_000, description="id of the last event that arrived")] = None,
    turn: Annotated[Id | None, Query(description="messageId of the turn that is read: nothing of another one is given")] = None,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> Response:
    """The rest of a turn that is being answered: from its first event, or after one. With a place, a turn that has just ended is given too."""
    await owner_of(service, who, session_id, user)
    place = after if after is not None else _place(last_event_id)
    running = service.turns.running(SessionId(session_id)) if place is None else service.turns.find(SessionId(session_id))
    over = running is None or (turn is not None and turn != running.told.turn) or (running.ended.is_set() and (place or 0) >= running.last)
    return Response(status_code=204) if running is None or over else EventStream(running, after=place or 0)


@router.get("/v1/sessions")
async def list_sessions(
    *, service: Here, who: Who, seen: Seen, user: ForUser = None, limit: Annotated[int, Query(ge=1, le=100)] = 20, cursor: Annotated[str | None, Query(max_length=1000)] = None
) -> Json:
    """A user's sessions, the latest first."""
    owner = _whose(who, user)
    cursors, now = Cursors(service.secret, f"sessions:{owner}"), service.clock()
    before = int(cursors.read(cursor, now)) if cursor else 0
    page = await service.archive.conversations(before=before, limit=limit + 1, user=owner)
    rows = [row for one in page[:limit] if (row := await seen.glance(service, one))["turns"]]  # events of a website and lists without words are no conversations
    more = cursors.make(page[limit - 1].last_place, now) if len(page) > limit else None
    return {"sessions": rows, "next_cursor": more}


def _whose(who: Caller, named: str | None) -> UserId:
    """The user whose sessions are asked for; nobody asks for everybody's here."""
    if who.kind != "browser" and named is None and who.user is None:
        raise invalid("user", "name the user whose sessions are asked for")
    return who.acting_as(named)


def _place(last_event_id: str | None) -> int | None:
    if last_event_id is None or last_event_id == "":
        return None
    if not last_event_id.isdecimal():
        raise invalid("last-event-id", "the id of an event of this stream: a whole number")
    return int(last_event_id)
