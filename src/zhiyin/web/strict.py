"""What holds for every endpoint: bodies are JSON, and a query parameter that nobody reads is an error instead of being ignored."""

from __future__ import annotations

from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute
from starlette.requests import Request

from zhiyin.web.problems import Problem, unknown

_NAMES: dict[int, frozenset[str]] = {}  # by route, which lives as long as the application
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


async def strict(request: Request) -> None:
    """The dependency of the whole application: 415 for a body that is no JSON, 400 for an unknown query parameter."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    if request.method in _WITH_BODY and _has_body(request) and not _is_json(request.headers.get("content-type", "")):
        raise Problem(415, "unsupported_media", "content-type: a body is application/json", errors=({"field": "content-type", "message": "application/json is taken"},))
    if request.scope["query_string"]:
        valid = _query_names(route)
        for name in request.query_params:
            if name not in valid:
                raise unknown(name[:100], valid)


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _query_names(route: APIRoute) -> frozenset[str]:
    """The query parameters of a route and of what it depends on; a model of parameters counts by its fields."""
    known = _NAMES.get(id(route))
    if known is None:
        known = _NAMES[id(route)] = frozenset(param.alias for param in get_flat_params(route.dependant) if isinstance(param.field_info, Query))
    return known
