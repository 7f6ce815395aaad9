"""The outermost border of the service: what every request meets first and every answer passes last."""

from __future__ import annotations

import re
import secrets
import time
import traceback
from collections.abc import Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING

import structlog
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhiyin.settings import HttpSettings
from zhiyin.web.gate import overloaded
from zhiyin.web.problems import Problem, problem_of, response_of

if TYPE_CHECKING:
    from zhiyin.web.service import Service

_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_PLACE = re.compile(r".*/(?=zhiyin/)|.*/site-packages/")  # what of a file's path tells of the machine
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NEVER_SHED = frozenset({"/healthz", "/readyz", "/metrics"})
_TURNS = frozenset({"/v1/chat", "/v1/chat/completions", "/v1/recommend"})
_EDITS = "/constraints"  # a chip edit is a turn too
_HUNG_UP = 499  # as nginx logs it
_FRAMES = 8  # of a fault, innermost

_log = structlog.get_logger("zhiyin.http")


class Border:
    """Pure ASGI around the application: request id, shedding, body limit, security headers, metrics, the access log, and the one place that catches everything.

    What is logged names routes, never paths, queries, texts, keys or users: a session's id in a path is a capability.
    """

    def __init__(self, app: ASGIApp, *, http_settings: HttpSettings) -> None:
        self._app, self._limit, self._most, self._logs = app, http_settings.body_limit, http_settings.in_flight, http_settings.access_log
        self._headers = security_headers(http_settings.frame_ancestors)
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request from its first byte to its last."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        service: Service | None = getattr(scope["app"].state, "service", None)
        passage = _Passage(scope, receive, send, self._limit, self._headers)
        if self._crowded(scope, service):
            if service is not None:
                service.metrics.shed.inc()
            await passage.answer(overloaded())
            return
        self._in_flight += 1
        if service is not None:
            service.metrics.in_flight.inc()
        try:
            with service.gate.place() if service is not None and _is_turn(scope) else nullcontext():
                await self._guarded(passage)
        finally:
            self._in_flight -= 1
            if service is not None:
                service.metrics.in_flight.dec()
            self._told(passage, service)

    def _crowded(self, scope: Scope, service: Service | None) -> bool:
        """Whether to turn a request away unread: too many at once, or a turn where the line of turns is full."""
        if self._in_flight >= self._most:
            return scope["path"] not in _NEVER_SHED
        return service is not None and service.gate.full and _is_turn(scope)

    async def _guarded(self, passage: _Passage) -> None:
        """The application's answer, or a 500 that tells nothing of our insides."""
        try:
            passage.check_length()
            await self._app(passage.scope, passage.receive, passage.send)
        except ClientDisconnect:
            passage.status = passage.status or _HUNG_UP
        except StarletteHTTPException as error:  # a body that is too long, found while nobody else was to catch it
            await passage.answer(problem_of(error))
        except Exception as error:  # noqa: BLE001
            _log.error("fault", request_id=passage.request_id, route=passage.route, error=type(error).__name__, frames=frames_of(error))
            await passage.answer(problem_of(error))

    def _told(self, passage: _Passage, service: Service | None) -> None:
        """Count and log the request."""
        seconds = time.perf_counter() - passage.start
        if service is not None:
            service.metrics.requests.labels(passage.method, passage.route, str(passage.status)).inc()
            service.metrics.seconds.labels(passage.route).observe(seconds)
        if self._logs:
            _log.info("request", method=passage.method, route=passage.route, status=passage.status, ms=round(seconds * 1000, 1), request_id=passage.request_id)


class _Passage:
    """One request on its way in and its answer on its way out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limit: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.scope, self._receive, self._send, self._limit, self._headers = scope, receive, send, limit, headers
        self.start = time.perf_counter()
        self.status = 0
        self._read = 0
        self.request_id = self._own_id()
        scope.setdefault("state", {})["request_id"] = self.request_id

    @property
    def method(self) -> str:
        """The method, as a label: names that somebody made up are one."""
        return self.scope["method"] if self.scope["method"] in _METHODS else "OTHER"

    @property
    def route(self) -> str:
        """The template of the path, without what fills it."""
        return str(getattr(self.scope.get("route"), "path", "-"))

    def check_length(self) -> None:
        """413 before anything is read where the sender says that it is too long."""
        for name, value in self.scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self._limit:
                raise too_large(self._limit)

    async def receive(self) -> Message:
        """The next piece of the body, counted: what is announced as short, or not at all, is held to the limit too."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            if self._read > self._limit:
                raise too_large(self._limit)
        return message

    async def send(self, message: Message) -> None:
        """A piece of the answer; its head gets the id and the security headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name for name, _ in message.get("headers", ())}
            more = [(b"x-request-id", self.request_id.encode()), *((n, v) for n, v in self._headers if n not in given)]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await self._send(message)

    async def answer(self, problem: Problem) -> None:
        """A problem, unless an answer has begun: then the connection breaks off, and the client sees that something is missing."""
        if not self.status:
            await response_of(problem, self.request_id)(self.scope, self._receive, self.send)

    def _own_id(self) -> str:
        for name, value in self.scope["headers"]:
            if name == b"x-request-id" and _SANE_ID.fullmatch(value):
                return str(value.decode())
        return secrets.token_hex(12)


def _is_turn(scope: Scope) -> bool:
    """Whether a request asks for a turn, as far as its path tells."""
    return scope["method"] in {"POST", "PATCH"} and (scope["path"] in _TURNS or scope["path"].endswith(_EDITS))


def too_large(limit: int) -> StarletteHTTPException:
    """The 413 of a body over the limit. The connection is closed: the rest of the body is not read."""
    return StarletteHTTPException(413, f"a body may have {limit} bytes", headers={"connection": "close"})


def security_headers(frame_ancestors: str) -> tuple[tuple[bytes, bytes], ...]:
    """What keeps a page to itself: nothing from elsewhere, no inline script or style, no guessing of types."""
    policy = (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        f"script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors {frame_ancestors}"
    )
    return (
        (b"content-security-policy", policy.encode("latin-1", "ignore")),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
        (b"cross-origin-opener-policy", b"same-origin"),
    )


def frames_of(error: BaseException) -> list[str]:
    """Where a fault arose, as file:line function. The message of an error may quote a user, so it is not told."""
    return [f"{_PLACE.sub('', f.filename)}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[-_FRAMES:]]
