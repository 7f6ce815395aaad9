"""Whether a user's taste may rank: a setting of the user's own, kept beside the log."""

from __future__ import annotations

import json

from zhiyin.ports import Records
from zhiyin.types import UserId

KIND = "user"
"""The kind of the documents of users' settings; the key is the user's id."""


async def personal(records: Records, user: UserId) -> bool:
    """Whether what is known of this user may rank what is shown; yes, unless the user said no."""
    record = await records.get(KIND, user)
    return record is None or record.value is None or bool(json.loads(record.value).get("personalise", True))


async def set_personal(records: Records, user: UserId, yes: bool) -> None:
    """Keep what a user said of it."""
    await records.put(KIND, user, json.dumps({"personalise": yes}))
