"""The cases that are kept: documents beside the log that hold words of users, and go with them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

from zhiyin.ports import Records
from zhiyin.types import UserId
from zhiyin.wire import Json

KIND = "case"
_PAGE = 100


async def every_case(records: Records) -> AsyncGenerator[tuple[str, Json], None]:
    """Each case by its name."""
    after = ""
    while page := await records.page(KIND, after=after, limit=_PAGE):
        for record in page:
            if record.value is not None:
                yield record.key, json.loads(record.value)
        after = page[-1].key


async def forget_cases(records: Records, user: UserId) -> int:
    """Delete the cases made of a user's conversations; how many there were."""
    async with aclosing(every_case(records)) as found:
        names = [name async for name, kept in found if kept["user"] == user]
    return sum([await records.delete(KIND, name) for name in names])
