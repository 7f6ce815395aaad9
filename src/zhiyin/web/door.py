"""`/mcp`: the door for MCP clients. Nothing of MCP is loaded before the first one knocks."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from zhiyin.web.callers import caller
from zhiyin.web.problems import Problem
from zhiyin.web.service import Service, service


class Door:
    """The application at `/mcp`. Who calls is found out as everywhere else, by key and visitor's token, and the tools act for that caller."""

    def __init__(self) -> None:
        self._opening = asyncio.Lock()
        self._inside: ASGIApp | None = None
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request of a client."""
        request = Request(scope, receive)
        here = await service(request)
        await caller(request, here)
        inside = await self._opened(here)
        await inside(scope, receive, send)

    async def aclose(self) -> None:
        """End what is open."""
        self._closing.set()
        if self._task is not None:
            await self._task

    async def _opened(self, here: Service) -> ASGIApp:
        async with self._opening:
            if self._inside is None:
                ready: asyncio.Future[ASGIApp] = asyncio.get_running_loop().create_future()
                self._task = asyncio.create_task(self._run(here, ready), name="mcp")
                self._inside = await ready
            return self._inside

    async def _run(self, here: Service, ready: asyncio.Future[ASGIApp]) -> None:
        """Hold the door open in one task, as the package asks for."""
        try:
            from zhiyin.web.mcp import opened  # noqa: PLC0415
        except ModuleNotFoundError as error:
            ready.set_exception(Problem(501, "not_installed", f"MCP is not installed here ({error.name} is missing): pip install 'zhiyin[mcp]'"))
            return
        async with opened(here) as inside:
            ready.set_result(inside)
            await self._closing.wait()
