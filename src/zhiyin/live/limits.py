"""Rates by name: token buckets in this process, or in Redis for all workers."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zhiyin.live.link import Link

PREFIX = "zhiyin:rate:"
_ROUNDING = 1e-9  # what is missing after exactly the time that was told
_TAKE = """
local rate, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1]) or burst, tonumber(kept[2]) or now
tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
local wait = (math.min(cost, burst) - tokens) / rate
if wait > 0.000002 then return string.format('%.6f', wait) end
tokens = tokens - cost
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.min(math.ceil((burst - tokens) / rate * 1000) + 1000, 2592000000))
return '0'
"""


def _checked(name: str, rate: float, burst: int, cost: int) -> None:
    if not (0 < rate < math.inf and burst >= 1 and cost >= 0):
        raise ValueError(f"the rate {name!r} makes no sense: rate {rate}, burst {burst}, cost {cost}; the rate is above 0, the burst 1 or more, the cost 0 or more")


class LocalLimiter:
    """The `Limiter` port within one process, by a clock of seconds that never goes back. It remembers the `room` names asked for last; others begin anew."""

    def __init__(self, clock: Callable[[], float], *, room: int = 20_000) -> None:
        self.clock, self.room = clock, room
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name -> tokens, and when it held them

    async def take(self, name: str, /, *, rate: float, burst: int, cost: int = 1) -> float:
        """0 and `cost` tokens are gone, or the seconds to wait and none is. A cost above the burst needs a full bucket and is paid off afterwards."""
        _checked(name, rate, burst, cost)
        now = self.clock()
        tokens, at = self._buckets.get(name, (float(burst), now))
        tokens = min(burst, tokens + max(0.0, now - at) * rate)
        wait = (min(cost, burst) - tokens) / rate
        if wait > _ROUNDING:
            if name in self._buckets:
                self._buckets.move_to_end(name)
            return wait
        self._buckets[name] = (tokens - cost, now)
        self._buckets.move_to_end(name)
        if len(self._buckets) > self.room:
            self._buckets.popitem(last=False)
        return 0.0

    async def close(self) -> None:
        """Nothing to release."""


class RedisLimiter:
    """The `Limiter` port over Redis, by the clock of Redis. While Redis is away each worker counts for itself."""

    def __init__(self, link: Link, local: LocalLimiter, *, prefix: str = PREFIX) -> None:
        self.link, self.local, self.prefix = link, local, prefix

    async def take(self, name: str, /, *, rate: float, burst: int, cost: int = 1) -> float:
        """0 and `cost` tokens are gone, or the seconds to wait and none is. A cost above the burst needs a full bucket and is paid off afterwards."""
        _checked(name, rate, burst, cost)
        reply = await self.link.run(_TAKE, (self.prefix + name,), (rate, burst, cost))
        if reply is None:
            return await self.local.take(name, rate=rate, burst=burst, cost=cost)
        return float(str(reply))

    async def close(self) -> None:
        """Close the connection."""
        await self.link.close()
