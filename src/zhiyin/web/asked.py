"""What a chat request asks for, in our own shape or in the AI SDK's."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, StrictStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from zhiyin.web.bodies import Body, Id, Text
from zhiyin.web.problems import Problem, invalid

Limit = Annotated[int, Strict(), Field(ge=1, le=20)]
"""How many items."""
Yes = Annotated[bool, Strict()]
Locale = Literal["zh", "en"]


class Message(Body):
    """What the user says."""

    text: Text = ""
    images: list[object] = Field(default=[], description="not supported yet: must be empty")
    audio: object = Field(default=None, description="not supported yet: must be null")


class UiPart(BaseModel):
    """A part of an AI SDK message; other kinds than text are passed over, files are refused."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: StrictStr
    text: StrictStr | None = None


class UiMessage(BaseModel):
    """A message as the AI SDK sends it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    role: StrictStr
    parts: list[UiPart] = []


class ChatBody(Body):
    """One turn. Either `message`, or the AI SDK's `id` and `messages`, of which the last of the user's counts."""

    session_id: Id | None = Field(None, description="the session to go on with; none begins a new one")
    message: Message | None = None
    user: Id | None = Field(None, description="whom a server acts for; a browser's is its visitor")
    locale: Locale | None = Field(None, description="the caller's language: a first message that is of none is answered in it")
    domain: Id | None = Field(None, description="the domain asked for: an error where another one is served")
    context: dict[str, object] | None = Field(None, description="anything of the caller's own; it is not read")
    filters: dict[str, object] | None = Field(None, description="FIELD: VALUE, or FIELD: {op, value}; they hold for this turn")
    limit: Limit | None = Field(None, description="how many items to show at most, unless the message says")
    require_llm: Yes = Field(default=False, description="rather no answer than one without a language model")
    id: Id | None = Field(None, description="the AI SDK's name for the session, made by its client")
    messages: list[UiMessage] | None = Field(None, max_length=2000)
    trigger: Literal["submit-message", "regenerate-message"] | None = Field(None, description="of the AI SDK; both are a new turn")
    messageId: Id | None = Field(None, description="of the AI SDK; not read")  # noqa: N815  # their name

    @model_validator(mode="after")
    def _one_shape(self) -> ChatBody:
        if (self.message is None) == (self.messages is None):
            raise PydanticCustomError("shape", "give either message, or id and messages")
        if self.messages is not None and self.id is None:
            raise PydanticCustomError("shape", "messages need the id of their chat")
        return self

    @property
    def ai_sdk(self) -> bool:
        """Whether it is the AI SDK's shape, whose client reads a stream."""
        return self.messages is not None

    @property
    def text(self) -> str:
        """What the user says. Raises a 400 for what cannot be read yet, or is too long."""
        if self.message is not None:
            if self.message.images:
                raise _unsupported("message.images")
            if self.message.audio is not None:
                raise _unsupported("message.audio")
            return self.message.text
        last = next(((n, m) for n, m in reversed(list(enumerate(self.messages or ()))) if m.role == "user"), None)
        if last is None:
            raise invalid("messages", "none has the role user")
        place, message = last
        if any(part.type == "file" for part in message.parts):
            raise _unsupported(f"messages.{place}.parts")
        text = "\n".join(part.text for part in message.parts if part.type == "text" and part.text)
        try:
            return Message(text=text).text
        except ValidationError as error:
            raise invalid(f"messages.{place}.parts", error.errors()[0]["msg"]) from None


def _unsupported(field: str) -> Problem:
    return Problem(400, "unsupported_input", f"{field}: text only so far", errors=({"field": field, "message": "images and sound cannot be read yet; write it in words"},))
