"""What is known of a user: to see, to switch off, to take along, to erase."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from zhiyin.types import UserId
from zhiyin.web.admin.tally import Counted
from zhiyin.web.asked import Yes
from zhiyin.web.bodies import Body, Id
from zhiyin.web.callers import Caller, Who
from zhiyin.web.glances import Seen
from zhiyin.web.known import known_of
from zhiyin.web.leaving import erase_and_tell, taken_along
from zhiyin.web.personal import set_personal
from zhiyin.web.problems import invalid, missing
from zhiyin.web.service import Here
from zhiyin.wire import Json

router = APIRouter(tags=["users"])
ME = "me"
_ELSEWHERE = 0.25  # seconds in which a turn that another worker answers has stopped and is in the log
_ELSEWHERE_UNTOLD = 1.2  # the same, where workers have no bus and look into the store twice a second


class UserBody(Body):
    """What a user decides."""

    personalise: Yes


def user_of(who: Caller, named: str) -> UserId:
    """The user of a path: `me` is the caller's visitor. Raises a 404 for somebody else."""
    if named == ME:
        if who.user is None and who.kind != "browser":
            raise invalid("user_id", "me is a visitor; name the user")
        return who.acting_as()
    if who.own_only and named != who.user:
        raise missing("user")
    return UserId(named)


@router.get("/v1/users/{user_id:path}/export", response_class=StreamingResponse, responses={200: {"content": {"application/json": {}}}})
async def export_user(service: Here, who: Who, user_id: Id) -> StreamingResponse:
    """Every event of a user, as a file."""
    user = user_of(who, user_id)
    await service.archive.conversations(user=user, limit=1)  # a store that is down is said before the file begins
    headers = {"content-disposition": 'attachment; filename="zhiyin-export.json"', "cache-control": "no-store"}
    return StreamingResponse(taken_along(service.app.stores, user, service.clock()), media_type="application/json", headers=headers)


@router.get("/v1/users/{user_id:path}")
async def get_user(service: Here, who: Who, user_id: Id) -> Json:
    """What is known of a user: likes and dislikes with their weights, wishes of the latest sessions, how much there is in all."""
    return (await known_of(service.app, user_of(who, user_id))).json(service.app.wording)


@router.patch("/v1/users/{user_id:path}")
async def change_user(service: Here, who: Who, user_id: Id, body: UserBody) -> Json:
    """Say whether what is known may rank what is shown; it is kept either way, until it is erased."""
    user = user_of(who, user_id)
    await set_personal(service.records, user, body.personalise)
    return (await known_of(service.app, user)).json(service.app.wording)


@router.delete("/v1/users/{user_id:path}")
async def erase_user(*, service: Here, who: Who, seen: Seen, counted: Counted, user_id: Id) -> Json:
    """Erase everything of a user; how much went, store by store: events of the log, documents beside it, turns still at hand here."""
    user = user_of(who, user_id)
    live = await service.turns.forget_user(user)
    told = service.settings.redis or service.settings.store.partition(":")[0] == "memory"
    log, records = await erase_and_tell(service.app.stores, user, service.clock(), elsewhere=_ELSEWHERE if told else _ELSEWHERE_UNTOLD)
    seen.forget(user)
    counted.doubt(user)
    service.app.engine.refresh(user)
    await service.changes.tasted(user)
    return {"erased": {"log": log, "records": records, "live": live}}
