"""The recommender as MCP tools, over standard input and output or over HTTP."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from starlette.types import ASGIApp

from zhiyin import __version__
from zhiyin.bootstrap import Warn
from zhiyin.catalog.columns import Catalog
from zhiyin.settings import Settings
from zhiyin.types import UserId
from zhiyin.web.border import frames_of
from zhiyin.web.callers import Caller
from zhiyin.web.problems import unknown_message
from zhiyin.web.service import Service, open_service
from zhiyin.web.tools import Tools

_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_VALUES, _SAMPLES = 40, 5  # of a field: all are told where there are no more than these, else so many

_log = structlog.get_logger("zhiyin.mcp")


def tool_server(service: Service, *, local: Caller | None = None, user: UserId | None = None) -> MCPServer:
    """The server with its tools. `local` is whom they act for where no request says; `user` the shopper where a call names none."""
    _own_the_log()
    domain, catalog = service.app.domain, service.app.catalog
    nouns = domain.nouns.get("en", domain.name)
    server: MCPServer = MCPServer(
        name="zhiyin",
        title="Zhiyin 知音",
        version=__version__,
        instructions=f"Recommends {nouns} from a catalogue of {len(catalog):,}, in English and Chinese. Every item, price and reason comes from the catalogue: "
        f"repeat them as they are and add no facts of your own. Prefer `converse` for a dialogue (keep its session_id), `recommend` for one list, `search_catalog` to look something up. "
        f"Fields of the catalogue: {fields_told(catalog)}.",
        log_level="WARNING",
    )
    tools = Tools(service, local=local, user=user)
    reading = (tools.search_catalog, tools.lookup_catalog, tools.get_product, tools.compare_items, tools.explain_recommendation)
    for tool, kind in [*((t, _READS) for t in reading), *((t, _ADDS) for t in (tools.recommend, tools.converse, tools.send_feedback))]:
        server.add_tool(tool, description=_described(tool, nouns), annotations=kind)
    server.middleware.append(_NoUnknown(server))
    return server


@asynccontextmanager
async def opened(service: Service) -> AsyncGenerator[ASGIApp, None]:
    """The server as an ASGI application that knows its callers already, for as long as the block lasts. It keeps no sessions, so any worker can answer."""
    server = tool_server(service)
    server.streamable_http_app(stateless_http=True, json_response=True, transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False))
    async with server.session_manager.run():
        yield server.session_manager.handle_request


async def serve_stdio(settings: Settings, items: Path | None, *, user: str = "", warn: Warn) -> None:
    """Answer a client on standard input and output until it ends; whoever started the process may do everything."""
    async with open_service(settings, items=items, warn=warn) as service:
        server = tool_server(service, local=Caller(kind="local"), user=UserId(user) if user else None)
        await server.run_stdio_async()


def fields_told(catalog: Catalog) -> str:
    """The fields that can be filtered by, with their values where there are few: what a model needs to know to write a filter."""
    told = []
    for field in catalog.domain.fields.values():
        if not field.wish:
            continue
        if field.numeric:
            told.append(f"{field.name} ({catalog.domain.currency or 'number' if field.kind == 'money' else 'number'})")
        elif field.kind == "flag":
            told.append(f"{field.name} (true or false)")
        elif field.kind in {"category", "list"}:
            counts = {value: len(rows) for value, rows in catalog.values(field.name).items()}
            values = sorted(counts, key=lambda v: (-counts[v], v))
            told.append(f"{field.name} (text: {', '.join(values) if len(values) <= _VALUES else ', '.join(values[:_SAMPLES]) + ', ...'})")
    return "; ".join(told)


def _described(tool: Callable[..., object], nouns: str) -> str:
    return " ".join((tool.__doc__ or "").split()).replace("NOUNS", nouns)


class _NoUnknown:
    """Tells a model that it named an argument which a tool does not have: the package would pass over it."""

    def __init__(self, server: MCPServer) -> None:
        self._server = server
        self._names: dict[str, frozenset[str]] = {}

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method == "tools/call" and ctx.params is not None:
            if not self._names:
                self._names = {tool.name: frozenset(tool.input_schema.get("properties", {})) for tool in await self._server.list_tools()}
            name, given = ctx.params.get("name"), ctx.params.get("arguments")
            valid = self._names.get(name) if isinstance(name, str) else None
            if valid is not None and isinstance(given, Mapping) and (strange := next((str(n) for n in given if n not in valid), None)):
                return CallToolResult(content=[TextContent(type="text", text=f"{strange[:100]}: {unknown_message(strange[:100], valid)}")], is_error=True)
        return await call_next(ctx)


class _Faults(logging.Handler):
    """What the package logs, reduced to what we log anywhere: that there was a fault, and where; never what a user wrote."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            cause = error.__cause__ or error
            _log.error("fault", error=type(cause).__name__, frames=frames_of(cause))


def _own_the_log() -> None:
    theirs = logging.getLogger("mcp")
    theirs.handlers, theirs.propagate = [_Faults(logging.ERROR)], False
    theirs.setLevel(logging.ERROR)
