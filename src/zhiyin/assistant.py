"""Zhiyin in ten lines of Python: say something, get the contract's JSON; like, dislike and undo."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from zhiyin.bootstrap import App, build
from zhiyin.catalog.columns import Catalog
from zhiyin.settings import read_settings
from zhiyin.types import SessionId, Turn, UserId
from zhiyin.wire import Json, gather, reply_json


class Assistant:
    """One user's conversation over a domain pack (default: the settings', films), or over `items`, any CSV, JSON, JSONL or Parquet file.

    Nothing is kept unless `store` says where (`sqlite:///log.db`). `model` names the language model (`llamacpp:NAME`, `openai:MODEL@BASE_URL`); default: the settings', none.
    Raises `ZhiyinError` where the catalogue or a setting is unusable.
    """

    def __init__(
        self,
        domain: str | None = None,
        *,
        items: str | Path | None = None,
        store: str = "memory:",
        user: str = "",
        model: str | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        settings = read_settings(domain=domain, store=store, llm=None if model is None else {"url": model})
        self._app: App = build(settings, items=Path(items) if items else None, warn=warn)
        self._runner = asyncio.Runner()
        self._user = UserId(user or f"anonymous-{uuid.uuid4().hex}")
        self._session = SessionId(uuid.uuid4().hex)
        self._runner.run(self._app.load())

    def say(self, text: str, *, limit: int | None = None) -> Json:
        """The reply to a message, as `zhiyin chat --json` prints it; `limit` sets the slate's size where the words do not."""
        turn = Turn(session=self._session, user=self._user, text=text, time=datetime.now(UTC))
        return reply_json(self._runner.run(gather(self._app.engine.answer(turn, limit=limit))), self._app.catalog)

    @property
    def catalog(self) -> Catalog:
        """The catalogue that is talked about."""
        return self._app.catalog

    def event(self, kind: str, place: int, value: float | None = None) -> None:
        """Feedback on the n-th item last shown: click, like, dislike, purchase, rating ... Raises `ControlError` if there is none."""
        self._runner.run(self._app.engine.feed(self._session, self._user, kind, place, value))

    def like(self, place: int) -> None:
        """A like for the n-th item last shown."""
        self.event("like", place)

    def dislike(self, place: int) -> None:
        """A dislike for the n-th item last shown; it does not come back."""
        self.event("dislike", place)

    def undo(self) -> None:
        """Takes back the latest message or feedback."""
        self._runner.run(self._app.engine.undo(self._session, self._user))

    def new(self) -> None:
        """A fresh session of the same user."""
        self._session = SessionId(uuid.uuid4().hex)

    def close(self) -> None:
        """Releases the store."""
        self._runner.run(self._app.engine.close())
        self._runner.close()

    def __enter__(self) -> Self:
        """The assistant itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Closes it."""
        self.close()
