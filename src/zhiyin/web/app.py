"""The application: the border around it, the endpoints in it, the service under it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from zhiyin import __version__
from zhiyin.errors import ZhiyinError
from zhiyin.settings import Settings
from zhiyin.web import visitors
from zhiyin.web.border import Border
from zhiyin.web.problems import answer_problem
from zhiyin.web.service import Service

ROUTERS: tuple[APIRouter, ...] = (visitors.router,)
"""What is served, a router a module."""


def create_app(settings: Settings, opener: Callable[[], AbstractAsyncContextManager[Service]]) -> FastAPI:
    """The application over a service that `opener` opens when the server starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with opener() as service:
            app.state.service = service
            yield

    app = FastAPI(title="Zhiyin 知音", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    for error in (ZhiyinError, RequestValidationError, StarletteHTTPException):
        app.add_exception_handler(error, answer_problem)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(Border, http_settings=settings.http)
    return app
