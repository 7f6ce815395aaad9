"""The application: the border around it, the endpoints in it, the service under it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Route

from zhiyin import __version__
from zhiyin.errors import ZhiyinError
from zhiyin.settings import Settings
from zhiyin.web import asides, chat, events, feedback, health, items, openai, recommend, sessions, users, visitors
from zhiyin.web.admin.routes import router as admin
from zhiyin.web.admin.tally import Tally
from zhiyin.web.border import Border
from zhiyin.web.door import Door
from zhiyin.web.pages import STATIC, page_routes
from zhiyin.web.problems import answer_problem
from zhiyin.web.reference import reference_routes
from zhiyin.web.service import Service
from zhiyin.web.strict import strict

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    visitors.router,
    chat.router,
    sessions.router,
    feedback.router,
    users.router,
    asides.router,
    recommend.router,
    items.router,
    events.router,
    openai.router,
    admin,
)
"""What is served, a router a module."""
PROBLEMS: dict[int | str, dict[str, Any]] = {"4XX": {"description": "a problem of the request (RFC 9457)"}, "5XX": {"description": "a problem of ours (RFC 9457)"}}
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SENT = ("authorization", "content-type", "x-api-key", "x-zhiyin-visitor", "x-request-id", "idempotency-key", "last-event-id")
_READ = ("x-request-id", "retry-after", "idempotent-replayed", "x-vercel-ai-ui-message-stream")


def create_app(settings: Settings, opener: Callable[[], AbstractAsyncContextManager[Service]], *, static: Path = STATIC) -> FastAPI:
    """The application over a service that `opener` opens when the server starts."""
    door = Door()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with opener() as service:
            app.state.service = service
            async with aclosing(door), aclosing(Tally()) as app.state.tally:
                yield

    app = FastAPI(title="Zhiyin 知音", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, dependencies=[Depends(strict)], responses=PROBLEMS)
    for error in (ZhiyinError, RequestValidationError, StarletteHTTPException):
        app.add_exception_handler(error, answer_problem)
    for router in ROUTERS:
        app.include_router(router)
    app.router.routes += [Route("/mcp", door, methods=["POST"], include_in_schema=False), *reference_routes(app), *page_routes(static)]
    if origins := [o.strip().rstrip("/") for o in settings.http.origins.split(",") if o.strip()]:
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=_METHODS, allow_headers=_SENT, expose_headers=_READ, max_age=600)
    app.add_middleware(Border, http_settings=settings.http)
    return app
