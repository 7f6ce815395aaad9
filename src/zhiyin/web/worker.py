"""What a worker keeps for itself beside the service: made when it is first asked for, gone with the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import HTTPConnection

T = TypeVar("T")


def of_worker(kind: type[T]) -> Callable[[HTTPConnection], Awaitable[T]]:
    """A dependency: this worker's one object of a kind. Async, though it waits for nothing: FastAPI calls what is not in a thread."""

    async def own(request: HTTPConnection) -> T:
        kept = getattr(request.app.state, "of_worker", None)
        if kept is None:
            kept = request.app.state.of_worker = {}
        found = kept.get(kind)
        if not isinstance(found, kind):
            found = kept[kind] = kind()
        return found

    return own
