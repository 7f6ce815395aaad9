"""A connection to Redis that nobody waits for: an answer within a moment, or none, and then none until Redis is back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeAlias
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as NoAnswer

from zhiyin.errors import SettingError

PREFIX = "zhiyin:"
Reply: TypeAlias = int | str | list[str] | list[int | str]
_TROUBLE = (RedisError, OSError, TimeoutError)
_AT_ONCE = 64  # questions; redis-py refuses more than a hundred connections, and a batch of a thousand events asks a thousand times
_SPINS = 8  # turns of the event loop that a late look still gives a reply that is here already
_SILENCE = 5.0  # seconds after which a quiet subscription is asked whether it stands
_HINT = "Write redis://HOST:PORT/DB, such as redis://127.0.0.1:6379/0; leave it empty for none"
_log = logging.getLogger(__name__)


def check_address(url: str) -> None:
    """Nothing for an address that Redis could have. Raises `SettingError` with what is wrong; a password in it is not repeated."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SettingError("the setting 'redis' is no address: its host or its port cannot be read", hint=_HINT) from None
    database = parts.path.strip("/")
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise SettingError(f"the setting 'redis' begins with {parts.scheme or 'nothing'}://; redis://, rediss:// (TLS) and unix:// are known", hint=_HINT)
    if parts.scheme == "unix":
        if not parts.path:
            raise SettingError("the setting 'redis' names no socket", hint="Write unix:///PATH")
    elif not parts.hostname or port == 0:
        raise SettingError("the setting 'redis' names no host or no port", hint=_HINT)
    elif database and not database.isdecimal():
        raise SettingError(f"the setting 'redis' names the database {database!r}; it is a number", hint=_HINT)


class Link:
    """Runs scripts at one Redis. Whoever asks waits `patience` seconds at most; after a failure nobody waits until Redis has answered again.

    `returned` is called before the first question after a failure; where it says False, Redis counts as away still.
    """

    def __init__(self, url: str, *, patience: float = 0.05, retry: float = 1.0, returned: Callable[[], Awaitable[bool]] | None = None) -> None:
        check_address(url)
        self.patience, self.retry, self.returned = patience, retry, returned
        self._client: Redis = Redis.from_url(
            url, decode_responses=True, encoding_errors="surrogatepass", protocol=2, retry=Retry(NoBackoff(), 0), socket_connect_timeout=1.0, socket_timeout=None, driver_info=None
        )
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._scripts: dict[str, str] = {}  # text -> its sum, of those that this server has
        self._away = False
        self._closed = False
        self._mending: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return not self._away and not self._closed

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float], *, mending: bool = False) -> Reply | None:
        """What a Lua script returns (never nil); None where Redis is away. It may have run all the same. `mending` asks also while Redis counts as away."""
        if self._closed or (self._away and not mending):
            return None
        async with self._slots:  # who waits for its turn is not kept waiting by Redis: the clock starts after it
            return None if self._closed or (self._away and not mending) else await self._in_time(script, keys, arguments)

    async def _in_time(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Reply | None:
        asked = asyncio.create_task(self._asked(script, keys, arguments))
        try:
            await asyncio.wait({asked}, timeout=self.patience)
            for _ in range(_SPINS):  # a busy event loop finds the deadline passed and the reply there: that is no outage
                if asked.done():
                    break
                await asyncio.sleep(0)
            if not asked.done():
                self._lost(f"no answer in {self.patience * 1000:.0f} ms")
                return None
            return asked.result()
        except _TROUBLE as error:
            self._lost(str(error) or type(error).__name__)
            return None
        finally:
            if not asked.done():
                asked.cancel()
                with suppress(asyncio.CancelledError, *_TROUBLE):
                    await asked

    async def hear(self, channel: str) -> AsyncGenerator[str | None, None]:
        """Messages on a channel, for ever; None each time that the subscription stands (again): what was sent before is lost."""
        wait, told = 0.05, False
        while not self._closed:
            subscription = self._client.pubsub(ignore_subscribe_messages=False)
            try:
                await subscription.subscribe(channel)
                asked = False
                while True:
                    message = await subscription.get_message(timeout=_SILENCE)
                    if message is None:
                        if asked:
                            break  # it was asked and said nothing: a connection that only looks alive
                        asked = True
                        await subscription.ping()
                        continue
                    asked = False
                    if message["type"] == "subscribe":
                        wait, told = 0.05, False
                        yield None
                    elif message["type"] == "message":
                        yield str(message["data"])
            except _TROUBLE as error:
                if not told:
                    _log.warning("Redis does not carry messages now (%s): changes reach other workers when it is back", error)
                told = True
            finally:
                with suppress(*_TROUBLE):
                    await subscription.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it so
            await asyncio.sleep(wait)
            wait = min(2 * wait, self.retry)

    def mend_soon(self) -> None:
        """Have `returned` called within `retry` seconds, as after a failure, though Redis may be there."""
        if self._mending is None and not self._closed:
            self._mending = asyncio.create_task(self._mend())

    async def close(self) -> None:
        """Close every connection; from now on Redis counts as away."""
        self._closed = True
        if self._mending is not None:
            self._mending.cancel()
            with suppress(asyncio.CancelledError):
                await self._mending
        with suppress(*_TROUBLE):
            await self._client.aclose()

    async def _asked(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Reply:
        try:
            return await self._evaluated(script, keys, arguments)
        except (NoConnection, NoAnswer, OSError):
            # A server that was started again leaves dead connections behind: one more try on a fresh one tells whether it is there.
            self._scripts.clear()
            await self._client.connection_pool.disconnect(inuse_connections=False)
            return await self._evaluated(script, keys, arguments)

    async def _evaluated(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Reply:
        both = (*keys, *(str(a) for a in arguments))
        if script in self._scripts:
            with suppress(NoScriptError):
                known: Reply = await self._client.evalsha(self._scripts[script], len(keys), *both)
                return known
        self._scripts[script] = await self._client.script_load(script)
        reply: Reply = await self._client.evalsha(self._scripts[script], len(keys), *both)
        return reply

    def _lost(self, why: str) -> None:
        if not self._away:
            self._away = True
            _log.warning("Redis is away (%s): what is shared between workers is done without it; asking again every %g s", why, self.retry)
        self.mend_soon()

    async def _mend(self) -> None:
        try:
            while True:
                await asyncio.sleep(self.retry)
                with suppress(*_TROUBLE):
                    async with asyncio.timeout(max(self.patience, 1.0)):
                        await self._client.connection_pool.disconnect(inuse_connections=False)
                        await self._client.ping()
                        if self.returned is not None and not await self.returned():
                            continue
                    if self._away:
                        self._away = False
                        _log.warning("Redis is back")
                    return
        finally:
            self._mending = None
