"""What bodies of requests are made of: no unknown names, no text that no store can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from zhiyin.web.problems import unknown_message

LONGEST_MESSAGE = 4000  # characters
_LEAST_PRINTABLE = 32


def unkept(text: str) -> str:
    """Why no store can hold a text; empty where every one can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half a character (a lone surrogate)"
    return "holds a NUL character" if "\0" in text else ""


def _whole(text: str) -> str:
    if why := unkept(text):
        raise PydanticCustomError("text", "{why}", {"why": why})
    return text


def _one_line(text: str) -> str:
    if any(ord(c) < _LEAST_PRINTABLE or ord(c) == 127 for c in _whole(text)):
        raise PydanticCustomError("text", "holds a control character")
    return text


Id = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_one_line)]
"""An id that somebody else chose: 1 to 128 characters, none of them a control character."""
Text = Annotated[str, StringConstraints(max_length=LONGEST_MESSAGE), AfterValidator(_whole)]
"""What a user wrote."""


Whole = Annotated[str, AfterValidator(_whole)]
"""Text of any length that a store can hold."""


class Body(BaseModel):
    """The base of every body: frozen, and a name it does not have is an error that says the nearest one it has."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        if isinstance(value, Mapping):
            valid = {field.alias or name for name, field in cls.model_fields.items()}
            for name in value:
                if name not in valid:
                    raise PydanticCustomError("unknown_field", "{message}", {"field": str(name)[:100], "message": unknown_message(str(name)[:100], valid)})
        return value
