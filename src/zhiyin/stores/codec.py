"""Between values and what a database holds: events as JSON text, moments as whole microseconds, ids that every database can keep."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from zhiyin.errors import StoreError
from zhiyin.types import Edited, Event, Fed, Heard, Said, Undone, UserId

LONGEST_ID = 255  # characters
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Event]:
    union = Annotated[Heard | Edited | Said | Fed | Undone, Field(discriminator="type")]
    return TypeAdapter(union)


def to_json(event: Event) -> str:
    """One event as JSON text. Raises `StoreError` where it holds what is no text."""
    try:
        return _adapter().dump_json(event).decode()
    except PydanticSerializationError as error:
        raise StoreError(f"an event of type {event.type} cannot be kept: {error}", hint="Its texts must be valid Unicode") from error


def from_json(text: str) -> Event:
    """The event of a JSON text. Raises `StoreError` where it is none."""
    try:
        return _adapter().validate_json(text)
    except ValidationError as error:
        raise StoreError(f"an event of the log cannot be read: {error.errors()[0]['msg']}", hint="The log may come from a newer version; see: zhiyin doctor") from error


def feedback_key(user: UserId, event: Event) -> str | None:
    """What tells feedback that was sent twice: its id, within its user's, so that nobody can take up an id of somebody else's; None for what is always kept."""
    if not isinstance(event, Fed) or not event.id:
        return None
    return hashlib.sha256(f"{len(user)}:{user}{event.id}".encode()).hexdigest()  # any length, one case, the same in every database


def checked_id(name: str, value: str) -> str:
    """The id as it is. Raises `StoreError` where not every database could keep it byte for byte."""
    if len(value) > LONGEST_ID:
        raise StoreError(f"the {name} is {len(value)} characters long; {LONGEST_ID} are the most", hint=f"Shorten it: {value[:20]!r}...")
    return checked_text(name, value)


def checked_text(name: str, value: str) -> str:
    """The text as it is. Raises `StoreError` where it holds NUL or half a surrogate pair, which not every database can keep."""
    if "\0" in value:
        raise StoreError(f"the {name} holds the character NUL, which no store keeps", hint="Leave it out")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise StoreError(f"the {name} is no valid Unicode text: {error.reason}", hint="Leave out what is half a character") from error
    return value


def keepable(value: str) -> bool:
    """Whether a store could hold this id at all; nobody knows one that it could not."""
    return len(value) <= LONGEST_ID and "\0" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)


def micros(moment: datetime) -> int:
    """A moment as microseconds since 1970: order and moment survive in every database."""
    return (moment - _EPOCH) // _MICRO


def moment(micros: int) -> datetime:
    """The moment of so many microseconds since 1970."""
    return _EPOCH + micros * _MICRO


def now() -> datetime:
    """The moment it is, for stores that are given no clock."""
    return datetime.fromtimestamp(time.time(), tz=UTC)
