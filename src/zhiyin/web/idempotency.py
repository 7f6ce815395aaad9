"""The same request twice has one effect: with an `Idempotency-Key`, the first answer is kept for a day and given again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from zhiyin.ports import Records
from zhiyin.web.callers import caller
from zhiyin.web.problems import Problem, invalid
from zhiyin.web.service import service as service_of

KIND = "answer"
_KEPT = timedelta(hours=24)
_AT_WORK = timedelta(minutes=1)  # after that a worker that died in the middle no longer holds the key
_LONGEST = 255  # characters of a key
_RETRY = 1.0  # seconds


class Once(APIRoute):
    """A route that honours `Idempotency-Key`: `APIRouter(route_class=Once)`. Answers of success are kept; an error is not, so that it can be tried again."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route, asked once for each key."""
        answer = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get("idempotency-key")
            if key is None or request.method != "POST":
                return await answer(request)
            if not key or len(key) > _LONGEST or not key.isprintable():
                raise invalid("idempotency-key", f"1 to {_LONGEST} printable characters")
            service = await service_of(request)
            who = await caller(request, service)
            body = hashlib.sha256(await request.body()).hexdigest()
            place = hashlib.sha256(f"{who.name}\0{request.url.path}\0{key}".encode()).hexdigest()
            now = service.clock()
            claimed = await service.records.put(KIND, place, json.dumps({"body": body}), expires=now + _AT_WORK, only_new=True)
            if not claimed:
                return await _kept(service.records, place, body)
            kept = False
            try:
                response = await answer(request)
                if response.status_code < 300 and isinstance(response.body, bytes):
                    await service.records.put(KIND, place, json.dumps({"body": body, **_written(response)}), expires=now + _KEPT)
                    kept = True
                return response
            finally:
                if not kept:
                    await service.records.delete(KIND, place)

        return once


async def _kept(records: Records, place: str, body: str) -> Response:
    """The first answer; 422 for another body, 409 while the first is still being answered."""
    record = await records.get(KIND, place)
    if record is None or record.value is None:  # it failed in this instant
        raise _at_work()
    first = json.loads(record.value)
    if first["body"] != body:
        raise Problem(422, "idempotency_mismatch", "idempotency-key: it was used with another body; take a new key for a new request")
    if "status" not in first:
        raise _at_work()
    return Response(first["content"], first["status"], headers={"content-type": first["type"], "idempotent-replayed": "true"})


def _written(response: Response) -> dict[str, object]:
    content = bytes(response.body).decode()
    return {"status": response.status_code, "type": response.headers.get("content-type", "application/json"), "content": content}


def _at_work() -> Problem:
    return Problem(409, "conflict", "idempotency-key: the first request with it is still being answered", retry_after=_RETRY)
