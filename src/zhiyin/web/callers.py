"""Who is calling: by key, as a visitor, or on a machine's own loopback where no key was made."""

from __future__ import annotations

import ipaddress
import secrets
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from fastapi import Depends
from starlette.requests import HTTPConnection

from zhiyin.types import UserId
from zhiyin.web.keys import shaped_as_key
from zhiyin.web.limits import Rates, admit
from zhiyin.web.problems import Problem
from zhiyin.web.service import Here, Service
from zhiyin.web.signing import opened, sealed

Kind = Literal["browser", "server", "admin", "local"]
_ALLOWED: dict[str, frozenset[Kind]] = {
    "browser": frozenset({"browser", "server", "admin", "local"}),
    "server": frozenset({"server", "admin", "local"}),
    "admin": frozenset({"admin", "local"}),
}
_PURPOSE, _LONGEST_TOKEN = "visitor", 200
_SITES_OF_OTHERS = {"cross-site", "same-site"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls. `visitor` is set where a visitor's token came along; `user` is then that visitor's user, else None: see `acting_as`."""

    kind: Kind
    key: str = ""  # id of the key
    visitor: str = ""
    address: str = ""

    @property
    def user(self) -> UserId | None:
        """The visitor's user id; None where no visitor's token came along."""
        return UserId(f"visitor:{self.visitor}") if self.visitor else None

    @property
    def name(self) -> str:
        """What tells this caller from others, for rates and for answers kept."""
        return self.user or (f"key:{self.key}" if self.key else f"{self.kind}:{self.address}")

    @property
    def own_only(self) -> bool:
        """Whether it may touch nothing but what is its visitor's: browsers, and the local page."""
        return self.kind == "browser" or bool(self.visitor)

    def acting_as(self, named: str | None = None) -> UserId:
        """The user to act for: the visitor, else the one named in the request, else a new anonymous one. Raises 401 or 403 for browsers that may not."""
        if self.kind == "browser" and named is not None:
            raise Problem(403, "forbidden", "user: a browser key acts as its visitor and cannot name a user", errors=({"field": "user", "message": "not with a browser key"},))
        if self.kind == "browser" and self.user is None:
            raise Problem(401, "unauthorized", "a browser needs a visitor's token: POST /v1/visitors gives one; send it as x-zhiyin-visitor")
        if named is not None:
            return UserId(named)
        return self.user or UserId(f"anonymous-{uuid.uuid4().hex}")


async def caller(request: HTTPConnection, service: Here) -> Caller:
    """The dependency: who calls, admitted by its rates; 401 for a wrong key or token, 403 for a website that may not."""
    known = request.scope["state"].get("caller")
    if isinstance(known, Caller):  # asked for twice in one request
        return known
    found = await _identified(request, service)
    http = service.settings.http
    await admit(service.limiter, Rates.of(http, found.kind, address=found.address, visitor=found.visitor, key=found.key))
    request.scope["state"]["caller"] = found
    return found


Who = Annotated[Caller, Depends(caller)]


def needs(scope: Literal["browser", "server", "admin"]) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency that lets only callers of this scope or a higher one through."""

    async def check(who: Who) -> Caller:
        if who.kind not in _ALLOWED[scope]:
            raise Problem(403, "forbidden", f"this needs {'an' if scope == 'admin' else 'a'} {scope} key; yours is a {who.kind} key")
        return who

    return check


Server = Annotated[Caller, Depends(needs("server"))]
Admin = Annotated[Caller, Depends(needs("admin"))]


def new_visitor(secret: bytes) -> tuple[str, str]:
    """A new visitor's id and the token that proves it."""
    identity = secrets.token_hex(16)
    return identity, sealed(secret, _PURPOSE, bytes.fromhex(identity))


def visitor_of(secret: bytes, token: str | None) -> str:
    """The visitor whose token it is, empty without one; 401 for one that was not made here."""
    if not token:
        return ""
    message = opened(secret, _PURPOSE, token) if len(token) <= _LONGEST_TOKEN else None
    if not message:
        raise Problem(401, "unauthorized", "x-zhiyin-visitor: the token was not made by this server; POST /v1/visitors gives a new one")
    return message.hex()


async def _identified(request: HTTPConnection, service: Service) -> Caller:
    address = request.client.host if request.client else ""
    visitor = visitor_of(service.secret, request.headers.get("x-zhiyin-visitor"))
    text, key = _key_of(request), None
    if text:  # in local mode a word that is no key of ours counts for nothing: chat clients insist on sending one
        key = await service.keys.find(text)
        if key is None and (shaped_as_key(text) or await service.keys.any()):
            raise Problem(401, "unauthorized", "the key is wrong or was revoked", headers={"www-authenticate": "Bearer"})
    if key is not None:
        if key.scope == "browser":
            _check_origin(request, service)
        return Caller(kind=key.scope, key=key.id, visitor=visitor, address=address)
    if await service.keys.any():
        if service.settings.http.public_page and _from_our_page(request):
            return Caller(kind="browser", visitor=visitor, address=address)
        raise Problem(401, "unauthorized", "a key is needed: authorization: Bearer KEY, or x-api-key", headers={"www-authenticate": "Bearer"})
    check_local(request)
    _check_origin(request, service)
    return Caller(kind="local", visitor=visitor, address=address)


def _key_of(request: HTTPConnection) -> str:
    given = request.headers.get("authorization", "")
    scheme, _, key = given.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "").strip()


def check_local(request: HTTPConnection) -> None:
    """403 unless both ends are this machine, and the name asked for is this machine's: a name of somebody else's that leads here is an attack (DNS rebinding)."""
    host = _address(f"//{request.headers.get('host', '')}").hostname or ""
    forwarded = "x-forwarded-for" in request.headers or "forwarded" in request.headers
    client = request.client.host if request.client else "127.0.0.1"  # none over a Unix socket
    if forwarded or not is_loopback(host) or not is_loopback(client):
        raise Problem(403, "forbidden", "without a key this server answers its own machine only, as localhost; make a key with: zhiyin keys add")


def _check_origin(request: HTTPConnection, service: Service) -> None:
    """403 for a page of another website that is not among `http.origins`."""
    origin = request.headers.get("origin")
    allowed = {o.strip().rstrip("/") for o in service.settings.http.origins.split(",") if o.strip()}
    if "*" in allowed or origin in allowed:
        return
    foreign = _address(origin).netloc != request.headers.get("host", "") if origin is not None else request.headers.get("sec-fetch-site") in _SITES_OF_OTHERS
    if foreign:
        raise Problem(403, "forbidden", "this website may not call this server; the setting http.origins names those that may")


def _from_our_page(request: HTTPConnection) -> bool:
    """Whether a browser says that a page of this server asks. Others can say so too; they get what every visitor gets."""
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    return request.headers.get("sec-fetch-site") == "same-origin" or (origin is not None and bool(host) and _address(origin).netloc == host)


def _address(text: str) -> SplitResult:
    """The parts of an address that a header gives; of what is none ("[::1") there are none."""
    try:
        return urlsplit(text)
    except ValueError:
        return urlsplit("")


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
