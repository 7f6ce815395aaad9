"""How often who may ask: token buckets by visitor, address and key, in the `Limiter` that the workers share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zhiyin.ports import Limiter
from zhiyin.settings import HttpSettings
from zhiyin.web.problems import Problem

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a minute, under this name in the limiter."""

    name: str
    a_minute: int


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates a request counts for."""

    rates: tuple[Rate, ...]

    @classmethod
    def of(cls, http_settings: HttpSettings, kind: str, *, address: str, visitor: str, key: str) -> Rates:
        """Those of a caller: browsers by address and visitor, servers by key. Where nobody has a key only visitors count."""
        found = []
        if visitor:
            found.append(Rate(f"visitor:{visitor}", http_settings.requests))
        if kind == "browser":
            found.append(Rate(f"address:{address}", http_settings.address_requests))
        if kind == "server":
            found.append(Rate(f"key:{key}", http_settings.key_requests))
        return cls(tuple(found))

    def __iter__(self) -> Iterator[Rate]:
        """Those that are limits at all."""
        return (rate for rate in self.rates if rate.a_minute > 0)


async def admit(limiter: Limiter, rates: Rates) -> None:
    """Count one request; 429 with the seconds to wait where it is one too many."""
    for rate in rates:
        wait = await limiter.take(rate.name, rate=rate.a_minute / _MINUTE, burst=rate.a_minute)
        if wait > 0:
            raise Problem(429, "rate_limited", f"{rate.a_minute} requests a minute are allowed here", retry_after=wait)


async def admit_turn(limiter: Limiter, user: str, http_settings: HttpSettings) -> None:
    """Count one turn of a user; 429 where it is one too many."""
    most = http_settings.turns
    if most and (wait := await limiter.take(f"turn:{user}", rate=most / _MINUTE, burst=most)) > 0:
        raise Problem(429, "rate_limited", f"{most} turns a minute are allowed here", retry_after=wait)
