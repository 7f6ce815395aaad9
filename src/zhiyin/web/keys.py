"""Keys: made once, kept as a hash, looked up with at most a second's delay, revoked for good."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import secrets
import string
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Literal

from zhiyin.errors import ControlError
from zhiyin.ports import Records

Scope = Literal["browser", "server", "admin"]
SCOPES: dict[str, Scope] = {"pk": "browser", "sk": "server", "ak": "admin"}
KIND = "key"
_PREFIXES = {scope: prefix for prefix, scope in SCOPES.items()}
_BASE62 = string.digits + string.ascii_letters
_LENGTH = 43  # characters of 62 hold the 256 bits of 32 bytes
_FRESH = 1.0  # seconds that a look-up holds: after them a revoked key is refused
_KEPT = 10_000  # look-ups in memory, those of wrong keys too
_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as it is kept: `id` is the start of its hash, `used` the last day it was seen."""

    id: str
    name: str
    scope: Scope
    created: str  # RFC 3339
    used: str = ""
    revoked: str = ""


class Keyring:
    """The keys of a store."""

    def __init__(self, records: Records, clock: Callable[[], datetime], *, now: Callable[[], float] = time.monotonic) -> None:
        self._records, self._clock, self._now = records, clock, now
        self._known: OrderedDict[str, tuple[float, Key | None]] = OrderedDict()
        self._any: tuple[float, bool] = (-1.0, False)

    async def add(self, name: str, scope: Scope) -> tuple[str, Key]:
        """A new key: its text, which nobody can read again, and what is kept of it."""
        text = f"{_PREFIXES[scope]}_{_random()}"
        digest = _hashed(text)
        key = Key(id=digest[:12], name=name, scope=scope, created=self._clock().isoformat(timespec="seconds"))
        await self._records.put(KIND, digest, _written(key))
        self._any = (math.inf, True)
        return text, key

    async def every(self) -> tuple[Key, ...]:
        """Every key there ever was, oldest first."""
        return tuple(sorted([key for _, key in await self._all()], key=lambda key: (key.created, key.id)))

    async def revoke(self, identity: str) -> Key:
        """Make a key useless, by its id or its name; every worker refuses it within a second. Raises `ControlError` where it is not clear which."""
        found = [(digest, key) for digest, key in await self._all() if identity in {key.id, key.name} and not key.revoked]
        if len(found) != 1:
            trouble = f"{len(found)} keys are called {identity!r}; name one by its id" if found else f"there is no key {identity!r} in use"
            raise ControlError(trouble, hint="See: zhiyin keys list")
        digest, key = found[0]
        gone = replace(key, revoked=self._clock().isoformat(timespec="seconds"))
        await self._records.put(KIND, digest, _written(gone))
        self._known.pop(digest, None)
        return gone

    async def find(self, text: str) -> Key | None:
        """The key in use that has this text; None for one that is wrong or revoked."""
        if not shaped_as_key(text) or len(text) > 100:
            return None
        digest = _hashed(text)
        key = await self._looked_up(digest)
        if key is None or key.revoked or not hmac.compare_digest(digest[: len(key.id)], key.id):
            return None
        await self._seen(digest, key)
        return key

    async def any(self) -> bool:
        """Whether a key was ever made; a store whose keys are all revoked has one still, and is not open to everybody again."""
        until, there = self._any
        if there:  # records of keys are never deleted
            return True
        if self._now() >= until:
            there = bool(await self._records.page(KIND, limit=1))
            self._any = (self._now() + _FRESH, there)
        return there

    async def _looked_up(self, digest: str) -> Key | None:
        until, key = self._known.get(digest, (-1.0, None))
        if self._now() >= until:
            record = await self._records.get(KIND, digest)
            key = None if record is None or record.value is None else Key(**json.loads(record.value))
            self._known[digest] = (self._now() + _FRESH, key)
            self._known.move_to_end(digest)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return key

    async def _seen(self, digest: str, key: Key) -> None:
        """Keep the day, once a day. What was revoked meanwhile stays so: the newest record is read before it is written."""
        today = self._clock().date().isoformat()
        if key.used == today:
            return
        self._known.pop(digest, None)
        newest = await self._looked_up(digest)
        if newest is not None and not newest.revoked and newest.used != today:
            seen = replace(newest, used=today)
            await self._records.put(KIND, digest, _written(seen))
            self._known[digest] = (self._now() + _FRESH, seen)

    async def _all(self) -> list[tuple[str, Key]]:
        found: list[tuple[str, Key]] = []
        after = ""
        while page := await self._records.page(KIND, after=after, limit=_PAGE):
            found += [(record.key, Key(**json.loads(record.value))) for record in page if record.value is not None]
            after = page[-1].key
        return found


def shaped_as_key(text: str) -> bool:
    """Whether a text begins as keys made here do; one that does not was never a key."""
    return text.partition("_")[0] in SCOPES


def _random() -> str:
    """32 random bytes in base 62."""
    number, letters = int.from_bytes(secrets.token_bytes(32), "big"), []
    for _ in range(_LENGTH):
        number, rest = divmod(number, 62)
        letters.append(_BASE62[rest])
    return "".join(letters)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _written(key: Key) -> str:
    return json.dumps(asdict(key))
