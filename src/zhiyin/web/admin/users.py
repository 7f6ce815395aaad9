"""Who there is: users by id, with how much each did. What is known of one is `/v1/users/{id}`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from zhiyin.web.bodies import Id
from zhiyin.web.cursors import Cursors
from zhiyin.web.service import Here
from zhiyin.wire import Json

router = APIRouter()
LOOKED_AT = 20_000
"""Users that one request compares with a query; the cursor goes on behind them."""
_PAGE = 1000
_SESSIONS = 1000  # counted of one user


@router.get("/v1/admin/users")
async def list_users(
    *,
    service: Here,
    query: Annotated[Id | None, Query(description="what an id holds, in either case")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> Json:
    """Users by id, with their events, sessions (at most 1,000 are counted) and when they were last here."""
    cursors, now = Cursors(service.secret, f"admin:users:{query or ''}"), service.clock()
    after, seen, wanted = str(cursors.read(cursor, now)) if cursor else "", 0, (query or "").casefold()
    rows: list[Json] = []
    while page := await service.archive.users(after=after, limit=_PAGE if wanted else limit):
        for user, events in page:
            after, seen = user, seen + 1
            if wanted in user.casefold():
                sessions = await service.archive.conversations(user=user, limit=_SESSIONS)
                rows.append({"user": user, "events": events, "sessions": len(sessions), "last": sessions[0].last.isoformat() if sessions else None})
            if len(rows) == limit or seen >= LOOKED_AT:
                return {"users": rows, "next_cursor": cursors.make(after, now)}
    return {"users": rows, "next_cursor": None}
