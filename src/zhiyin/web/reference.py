"""`/docs`: every operation of the interface on one page of our own, which loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid #8884; padding: .6rem 0; }
h2 { margin: 2rem 0 .5rem; } h3 { margin: 0; font: 600 1rem ui-monospace, monospace; overflow-wrap: anywhere; }
p { margin: .2rem 0; } dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .3rem 0 0; }
dt { font-family: ui-monospace, monospace; } dd { margin: 0; } b { display: inline-block; min-width: 4.5rem; }
"""


def reference_routes(app: FastAPI) -> list[Route]:
    """The page and its stylesheet; the page is made once, on first use."""
    made: list[str] = []

    async def page(request: Request) -> Response:
        if not made:
            made.append("".join(_page(app.openapi())))
        return HTMLResponse(made[0])

    async def style(request: Request) -> Response:
        return Response(_STYLE, media_type="text/css", headers={"cache-control": "max-age=3600"})

    return [Route("/docs", page, include_in_schema=False), Route("/docs/style.css", style, include_in_schema=False)]


def _page(schema: Mapping[str, object]) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
    yield '<title>Zhiyin 知音: HTTP interface</title><link rel="stylesheet" href="/docs/style.css"><h1>Zhiyin 知音: HTTP interface</h1>'
    yield '<p>The same as <a href="/openapi.json">OpenAPI</a>. Errors are RFC 9457 problems with a <code>code</code>, a <code>request_id</code> and the fields to blame.</p>'
    tagged: dict[str, list[str]] = {}
    for path, operations in _mapping(schema.get("paths")).items():
        for method, operation in _mapping(operations).items():
            spec = _mapping(operation)
            tags = spec.get("tags")
            tag = str(tags[0]) if isinstance(tags, list) and tags else "other"
            tagged.setdefault(tag, []).append("".join(_operation(method, path, spec)))
    for tag, sections in tagged.items():
        yield f"<h2>{escape(tag)}</h2>{''.join(sections)}"


def _operation(method: str, path: str, spec: Mapping[str, object]) -> Iterator[str]:
    yield f"<section><h3><b>{escape(method.upper())}</b> {escape(path)}</h3><p>{escape(str(spec.get('description') or spec.get('summary') or ''))}</p><dl>"
    parameters = spec.get("parameters")
    for parameter in parameters if isinstance(parameters, list) else ():
        where = _mapping(parameter)
        yield f"<dt>{escape(str(where.get('name')))}</dt><dd>{escape(str(where.get('in')))}{', required' if where.get('required') else ''}. {escape(str(where.get('description') or ''))}</dd>"
    for media, content in _mapping(_mapping(spec.get("requestBody")).get("content")).items():
        body = _mapping(_mapping(content).get("schema"))
        yield f"<dt>body</dt><dd>{escape(media)} {escape(str(body.get('$ref') or body.get('title') or '').rpartition('/')[2])}</dd>"
    yield "</dl></section>"


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
