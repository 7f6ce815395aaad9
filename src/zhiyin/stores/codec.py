"""Events to JSON text and back, checked on the way in."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from zhiyin.errors import StoreError
from zhiyin.types import Event, Fed, Heard, Said, Undone


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Event]:
    union = Annotated[Heard | Said | Fed | Undone, Field(discriminator="type")]
    return TypeAdapter(union)


def to_json(event: Event) -> str:
    """One event as JSON text."""
    return _adapter().dump_json(event).decode()


def from_json(text: str) -> Event:
    """The event of a JSON text. Raises `StoreError` where it is none."""
    try:
        return _adapter().validate_json(text)
    except ValidationError as error:
        raise StoreError(f"an event of the log cannot be read: {error.errors()[0]['msg']}", hint="The log may come from a newer version; see: zhiyin doctor") from error
