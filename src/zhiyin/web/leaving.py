"""Everything that is kept of a user, from the stores alone: taken along, and erased. What a running server holds in memory is its own to drop."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta

from zhiyin.backends import Stores
from zhiyin.stores.codec import to_json
from zhiyin.types import UserId
from zhiyin.web.admin.kept import forget_cases
from zhiyin.web.changes import FORGOTTEN
from zhiyin.web.known import conversations_of
from zhiyin.web.personal import KIND, personal

_TOLD = timedelta(minutes=1)  # that such a document stands if who wrote it dies


async def taken_along(stores: Stores, user: UserId, now: datetime) -> AsyncGenerator[str, None]:
    """Every event of a user as the pieces of one JSON object, session by session, the latest first."""
    settings = json.dumps({"personalise": await personal(stores.records, user)})
    yield f'{{"user":{json.dumps(user)},"exported":{json.dumps(now.isoformat())},"settings":{settings},"sessions":['
    async with aclosing(conversations_of(stores.archive, user)) as sessions:
        first = True
        async for one in sessions:
            events = ",".join([to_json(event) for event in await stores.log.events(one.session)])
            yield f'{"" if first else ","}\n{{"session_id":{json.dumps(one.session)},"events":[{events}]}}'
            first = False
    yield "\n]}\n"


async def taken_along_by_line(stores: Stores, user: UserId) -> AsyncGenerator[str, None]:
    """Every event of a user, a line of JSON each: `session_id` and the event's own fields."""
    async with aclosing(conversations_of(stores.archive, user)) as sessions:
        async for one in sessions:
            named = json.dumps(one.session)
            for event in await stores.log.events(one.session):
                yield f'{{"session_id":{named},{to_json(event)[1:]}\n'


async def erase_and_tell(stores: Stores, user: UserId, now: datetime, *, elsewhere: float = 1.2) -> tuple[int, int]:
    """Erase everything of a user; how many events and documents went.

    Every server that follows this store stops the user's turns and drops what it holds of them, with or without a bus;
    `elsewhere` is how many seconds they may take to stop and to log what they were saying.
    """
    note = secrets.token_hex(16)
    await stores.records.put(FORGOTTEN, note, user, expires=now + _TOLD)
    try:
        log = await stores.log.forget(user)
        await asyncio.sleep(elsewhere)
        log += await stores.log.forget(user)
        return log, int(await stores.records.delete(KIND, user)) + await forget_cases(stores.records, user)
    finally:
        await stores.records.delete(FORGOTTEN, note)
