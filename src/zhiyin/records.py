"""What stores hand out besides events: logged events with their place, conversations at a glance, small documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from zhiyin.types import Event, SessionId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An event with its place in the whole log (grows, with gaps) and when it was kept."""

    place: int
    session: SessionId
    user: UserId
    kept: datetime
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A session at a glance; `last_place` is the place of its latest event in the log."""

    session: SessionId
    user: UserId
    events: int
    first: datetime
    last: datetime
    last_place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A small document. `version` grows with every change of any document; `value` is None where it was deleted."""

    kind: str
    key: str
    value: str | None
    version: int
    changed: datetime
