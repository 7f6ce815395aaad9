"""What the setting `redis` opens, and what it refuses."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakes.redis_server import PrivateRedis, private_redis_in
from zhiyin.backends import open_bus, open_limiter, open_stores, shared
from zhiyin.errors import SettingError
from zhiyin.live.bus import LocalBus, RedisBus
from zhiyin.live.limits import LocalLimiter, RedisLimiter
from zhiyin.live.link import check_address
from zhiyin.live.shared import SharedArchive, SharedStore
from zhiyin.settings import Settings
from zhiyin.types import Fed, ItemId, SessionId, UserId

NOON = datetime(2026, 5, 17, 12, tzinfo=UTC)

pytestmark = pytest.mark.servers


def with_redis(tmp_path: Path, url: str) -> Settings:
    return Settings(store="memory:", redis=url, cache=tmp_path / "cache", data=tmp_path / "data")


async def test_without_the_setting_everything_stays_in_this_process(tmp_path: Path) -> None:
    settings = with_redis(tmp_path, "")
    stores = open_stores(settings)
    assert isinstance(open_bus(settings), LocalBus)
    assert isinstance(open_limiter(settings), LocalLimiter)
    assert shared(settings, stores) is stores


async def test_with_it_bus_rates_and_live_sessions_are_shared(tmp_path: Path) -> None:
    with private_redis_in(tmp_path) as server:
        settings = with_redis(tmp_path, server.url)
        bus, limiter, stores = open_bus(settings), open_limiter(settings), shared(settings, open_stores(settings))
        assert isinstance(bus, RedisBus)
        assert isinstance(limiter, RedisLimiter)
        assert isinstance(stores.log, SharedStore)
        assert isinstance(stores.archive, SharedArchive)
        liked = Fed(user=UserId("ann"), kind="like", item=ItemId("a"), time=NOON)
        assert await stores.log.append(SessionId("s"), UserId("ann"), liked) == (True,)
        assert list(await stores.log.events(SessionId("s"))) == [liked]
        assert await stores.archive.owner(SessionId("s")) == "ann"
        assert await stores.archive.drop(SessionId("s")) == 1
        assert list(await stores.log.events(SessionId("s"))) == []
        assert await limiter.take("ann", rate=1, burst=1) == 0
        for part in (bus, limiter, stores.log):
            await part.close()


async def test_a_redis_that_is_not_there_is_a_warning_and_no_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = with_redis(tmp_path, PrivateRedis(tmp_path).url)
    with caplog.at_level(logging.WARNING, "zhiyin.live"):
        bus, limiter, stores = open_bus(settings), open_limiter(settings), shared(settings, open_stores(settings))
        listener = bus.listen("items")
        await bus.publish("items", "a")
        assert await anext(listener) == ("items", "a")
        assert await limiter.take("ann", rate=1, burst=1) == 0
        assert list(await stores.log.events(SessionId("s"))) == []
        for part in (bus, limiter, stores.log):
            await part.close()
    assert "Redis is away" in caplog.text


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("localhost:6379", "localhost://"),
        ("6379", "nothing://"),
        ("http://127.0.0.1:6379", "http://"),
        ("redis://", "no host"),
        ("redis://:secret@/0", "no host"),
        ("redis://127.0.0.1:port/0", "no address"),
        ("redis://127.0.0.1:99999/0", "no address"),
        ("redis://127.0.0.1:0", "no port"),
        ("redis://[::1/0", "no address"),
        ("redis://:secret@127.0.0.1/main", "'main'"),
        ("redis://127.0.0.1/-1", "'-1'"),
        ("unix://", "no socket"),
    ],
)
def test_an_address_that_redis_cannot_have_is_refused_and_no_password_repeated(tmp_path: Path, url: str, what: str) -> None:
    for opened in (open_bus, open_limiter, lambda settings: shared(settings, open_stores(settings))):
        with pytest.raises(SettingError) as caught:
            opened(with_redis(tmp_path, url))
        assert what in str(caught.value)
        assert "'redis'" in str(caught.value)
        assert "secret" not in str(caught.value) + caught.value.hint
        assert caught.value.hint


@pytest.mark.parametrize("url", ["redis://127.0.0.1", "redis://127.0.0.1:6379/15", "rediss://user:pass%40@redis.example:6380/0", "redis://[::1]:6379/0", "unix:///run/redis.sock"])
def test_addresses_that_redis_can_have_are_taken(url: str) -> None:
    check_address(url)


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    for opened in (open_bus, open_limiter):
        with pytest.raises(SettingError, match="package redis") as caught:
            opened(with_redis(tmp_path, "redis://127.0.0.1:6379/0"))
        assert "zhiyin[redis]" in caught.value.hint
