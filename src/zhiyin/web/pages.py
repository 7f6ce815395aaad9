"""The built pages: the chat, the operator's page, the widget; from memory, compressed where the build did it, cached where names hold a hash."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

STATIC = Path(__file__).parent / "static"
_NAMED = {"index.html": "/", "admin.html": "/admin"}
_SQUEEZED = {".br": "br", ".gz": "gzip"}  # best first
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml", ".json": "application/json", ".woff2": "font/woff2", ".webmanifest": "application/manifest+json"}  # fmt: skip
_FOREVER = "public, max-age=31536000, immutable"
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Zhiyin 知音</title>
<h1>Zhiyin 知音</h1><p>The service runs; its page was not built. In a checkout, run <code>make page</code> and start again.</p>
<p lang="zh">服务正常，网页还没有构建。在代码目录运行 <code>make page</code>，再重新启动。</p><p><a href="/docs">The interface</a></p></html>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A file with the answers it gives, by encoding."""

    media: str
    etag: str
    cache: str
    plain: bytes
    squeezed: dict[str, bytes] = field(default_factory=dict)
    shared: bool = False  # other websites may load it

    def answer(self, request: Request) -> Response:
        """200 in the best encoding that the browser takes, or 304."""
        headers = {"etag": self.etag, "cache-control": self.cache, "vary": "accept-encoding"}
        if self.shared:
            headers["cross-origin-resource-policy"] = "cross-origin"
            headers["access-control-allow-origin"] = "*"
        if self.etag in {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}:
            return Response(status_code=304, headers=headers)
        taken = set(_taken(request.headers.get("accept-encoding", "")))
        coding = next((coding for coding in self.squeezed if coding in taken), "")
        if coding:
            headers["content-encoding"] = coding
        return Response(self.squeezed[coding] if coding else self.plain, headers=headers, media_type=self.media)


def page_routes(folder: Path = STATIC) -> list[Route]:
    """A route a file; a plain page in place of those that were not built."""
    found = dict(_pages(folder))
    routes = [Route(path, _shown(page), name=f"page {path}", include_in_schema=False) for path, page in found.items()]
    return routes + [Route(path, _not_built, name=f"page {path}", include_in_schema=False) for path in _NAMED.values() if path not in found]


def _taken(accepted: str) -> Iterator[str]:
    """The encodings that a browser names without `q=0`."""
    for part in accepted.split(","):
        coding, _, quality = part.replace(" ", "").lower().partition(";q=")
        if quality.strip("0.") or not quality:
            yield coding


def _shown(page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        return page.answer(request)

    return show


async def _not_built(request: Request) -> Response:
    return HTMLResponse(_NOT_BUILT, status_code=503, headers={"cache-control": "no-store"})


def _pages(folder: Path) -> Iterator[tuple[str, Page]]:
    """Every file that is not the squeezed form of another, with its path on the server."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if not path.is_file() or path.name.startswith(".") or (path.suffix in _SQUEEZED and path.with_suffix("").is_file()):
            continue
        name, plain = path.relative_to(folder).as_posix(), path.read_bytes()
        media = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        yield (
            _NAMED.get(name, f"/{name}"),
            Page(
                media=media,
                etag=f'"{hashlib.sha256(plain).hexdigest()[:20]}"',
                cache=_FOREVER if name.startswith("assets/") else "no-cache",
                plain=plain,
                squeezed={coding: other.read_bytes() for suffix, coding in _SQUEEZED.items() if (other := path.with_name(path.name + suffix)).is_file()},
                shared=name.startswith(("assets/", "embed")),
            ),
        )
