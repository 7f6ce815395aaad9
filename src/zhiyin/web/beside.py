"""Where the log keeps what belongs to no conversation: lists that were asked for without one, events of a website. One session a user and day."""

from __future__ import annotations

import uuid
from datetime import datetime

from zhiyin.types import SessionId, UserId

_NAMES = uuid.UUID("6f0d4c1e-6f63-5a0b-9d0e-2f6d8a7b5c31")


def beside(user: UserId, moment: datetime) -> SessionId:
    """The session of a user's day, the same on every worker. The name tells nothing of the user."""
    return SessionId(f"beside:{uuid.uuid5(_NAMES, user).hex}:{moment.date().isoformat()}")
