"""The installation itself: whether it is well, what it is set to, and who has keys to it."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, SecretStr, StringConstraints

from zhiyin import __version__
from zhiyin.backends import store_url
from zhiyin.live.bus import RedisBus
from zhiyin.settings import described, shown, sources, value_of
from zhiyin.web.bodies import Body, Id
from zhiyin.web.callers import Admin
from zhiyin.web.health import parts_of
from zhiyin.web.keys import Key, Scope
from zhiyin.web.problems import Problem, missing
from zhiyin.web.service import Here, Service
from zhiyin.wire import Json

router = APIRouter()
HIDDEN = "…"
"""What is shown of a secret."""
_STARTED = time.monotonic()  # this module is loaded when a worker starts


def _named(name: str) -> str:
    if not name.strip():
        raise ValueError("a key needs a name to be known by")
    return name.strip()


class KeyBody(Body):
    """A key to make."""

    name: Annotated[Id, StringConstraints(max_length=80), AfterValidator(_named)]
    scope: Scope


@router.get("/v1/admin/health")
async def health(service: Here) -> Json:
    """What `/readyz` tells, and what the operator has to know of where this runs."""
    parts = await parts_of(service)
    settings = service.settings
    return {
        "status": "ready" if all(state == "ok" for state in parts.values()) else "not ready",
        "parts": parts,
        "version": __version__,
        "uptime_seconds": int(time.monotonic() - _STARTED),
        "workers": settings.http.workers,
        "store": store_url(settings).partition(":")[0],
        "redis": _redis(service),
        "domain": service.app.domain.name,
        "items": len(service.app.catalog),
        "embedded": service.app.embedded,
        "trained": service.items.living.view.behaviour is not None,
        "local_mode": not await service.keys.any(),
        "time": service.clock().isoformat(),
    }


@router.get("/v1/admin/settings")
async def list_settings(service: Here) -> Json:
    """Every setting, where its value comes from and what it does; secrets are not shown."""
    settings = service.settings
    rows: list[Json] = []
    for name, where in sources(settings).items():
        value = value_of(settings, name)
        secret = isinstance(value, SecretStr)
        text = (HIDDEN if value.get_secret_value() else "") if isinstance(value, SecretStr) else shown(settings, name)
        rows.append({"name": name, "value": text, "secret": secret, "from": where, "description": described(name)})
    return {"settings": rows}


@router.get("/v1/admin/keys")
async def list_keys(service: Here) -> Json:
    """Every key there ever was, by its id; the keys themselves nobody can read again."""
    return {"keys": [_key_json(key) for key in await service.keys.every()]}


@router.post("/v1/admin/keys", status_code=201)
async def make_key(service: Here, body: KeyBody) -> Json:
    """A new key. Its text is in this answer and nowhere else; the first key that is made ends local mode."""
    first = not await service.keys.any()
    text, key = await service.keys.add(body.name, body.scope)
    return {**_key_json(key), "key": text, "local_mode_ended": first}


@router.delete("/v1/admin/keys/{key_id}", status_code=204)
async def revoke_key(service: Here, who: Admin, key_id: Id) -> None:
    """Make a key useless for good; every worker refuses it within a second."""
    if key_id == who.key:
        raise Problem(409, "conflict", "key_id: this is the key you are using; revoke it with another one")
    if not any(key.id == key_id and not key.revoked for key in await service.keys.every()):
        raise missing("key in use")
    await service.keys.revoke(key_id)


def _redis(service: Service) -> str:
    """Redis may be lost at any time; nothing that was acknowledged goes with it."""
    if not isinstance(service.bus, RedisBus):
        return "off"
    return "ok" if service.bus.link.up else "away"


def _key_json(key: Key) -> Json:
    return {"id": key.id, "name": key.name, "scope": key.scope, "created": key.created, "used": key.used or None, "revoked": key.revoked or None}
