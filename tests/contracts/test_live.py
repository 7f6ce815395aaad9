"""Every bus and every limiter keeps its contract, in memory and over a real Redis; those over Redis also where it goes away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterator

import pytest
import pytest_asyncio

from fakes.redis_server import PrivateRedis, private_redis_in
from zhiyin.live.bus import LocalBus, RedisBus
from zhiyin.live.limits import LocalLimiter, RedisLimiter
from zhiyin.live.link import Link
from zhiyin.ports import Bus, Limiter
from zhiyin.testing import BusContract, LimiterContract
from zhiyin.testing.live import RESYNC, heard

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    with private_redis_in(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture
def redis(server: PrivateRedis) -> Iterator[PrivateRedis]:
    """A server that is up and empty, whatever the test before did to it."""
    server.start()
    server.say("FLUSHALL")
    yield server
    server.start()


def patient(server: PrivateRedis, **options: float) -> Link:
    """A link for tests that are not about time: others use this machine too."""
    return Link(server.url, **{"patience": 2.0, "retry": 0.1, **options})


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestLocalBus(BusContract):
    def make(self) -> tuple[Bus, Bus]:
        bus = LocalBus()
        return bus, bus


class TestRedisBus(BusContract):
    RESYNCS_FIRST = True

    @pytest.fixture(autouse=True)
    def _server(self, redis: PrivateRedis) -> None:
        self.redis = redis

    def make(self) -> tuple[Bus, Bus]:
        return RedisBus(patient(self.redis)), RedisBus(patient(self.redis))


class TestLocalLimiter(LimiterContract):
    SLACK = 1e-6

    def make(self) -> Limiter:
        self.hand = Hand()
        return LocalLimiter(self.hand)

    async def pass_time(self, seconds: float) -> None:
        self.hand.now += seconds


class TestRedisLimiter(LimiterContract):
    SLACK = 0.2

    @pytest_asyncio.fixture(autouse=True)
    async def _server(self, redis: PrivateRedis) -> AsyncGenerator[None, None]:
        self.link = patient(redis)
        yield
        await self.link.close()

    def make(self) -> Limiter:
        return RedisLimiter(self.link, LocalLimiter(Hand(), room=1))

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds + 0.002)


async def test_a_local_limiter_remembers_a_bounded_number_of_names() -> None:
    limiter = LocalLimiter(Hand(), room=100)
    for number in range(1000):
        await limiter.take(str(number), rate=1, burst=1)
    assert len(limiter._buckets) == 100
    assert await limiter.take("999", rate=1, burst=1) > 0


async def test_a_name_that_is_being_refused_is_not_the_one_that_is_forgotten() -> None:
    limiter = LocalLimiter(Hand(), room=10)
    await limiter.take("noisy", rate=1, burst=1)
    for number in range(100):
        await limiter.take(str(number), rate=1, burst=1)
        assert await limiter.take("noisy", rate=1, burst=1) > 0


async def test_two_workers_share_a_rate(redis: PrivateRedis) -> None:
    links = [patient(redis), patient(redis)]
    limiters = [RedisLimiter(link, LocalLimiter(Hand())) for link in links]
    assert [await limiters[number % 2].take("ann", rate=0.01, burst=4) for number in range(4)] == [0, 0, 0, 0]
    assert await limiters[0].take("ann", rate=0.01, burst=4) > 50
    assert await limiters[1].take("ann", rate=0.01, burst=4) > 50
    for limiter in limiters:
        await limiter.close()


async def test_a_bucket_leaves_redis_when_it_is_full_again(redis: PrivateRedis) -> None:
    limiter = RedisLimiter(patient(redis), LocalLimiter(Hand()))
    await limiter.take("ann", rate=2, burst=10, cost=10)
    left = int(redis.say("PTTL", "zhiyin:rate:ann").strip(b":\r\n"))
    assert 4000 < left <= 6100
    await limiter.close()


async def test_a_limiter_counts_for_itself_while_redis_is_away_and_together_afterwards(redis: PrivateRedis) -> None:
    limiter = RedisLimiter(patient(redis), LocalLimiter(Hand()))
    assert await limiter.take("ann", rate=0.001, burst=1) == 0
    redis.kill()
    assert await limiter.take("ann", rate=0.001, burst=1) == 0
    assert await limiter.take("ann", rate=0.001, burst=1) > 500
    redis.start()
    await until(lambda: limiter.link.up)
    assert await limiter.take("ann", rate=0.001, burst=1) == 0
    assert redis.say("EXISTS", "zhiyin:rate:ann") == b":1\r\n"
    await limiter.close()


async def until(holds, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.02)


async def test_nobody_waits_for_a_redis_that_says_nothing(redis: PrivateRedis) -> None:
    limiter = RedisLimiter(Link(redis.url, patience=0.05, retry=0.5), LocalLimiter(Hand()))
    await limiter.take("warm", rate=1000, burst=1000)
    redis.pause()
    try:
        began = time.monotonic()
        await limiter.take("ann", rate=1000, burst=1000)
        first = time.monotonic() - began
        began = time.monotonic()
        for _ in range(1000):
            await limiter.take("ann", rate=1000, burst=2000)
        rest = time.monotonic() - began
        assert first < 0.5  # 0.05, on a machine that others use too
        assert rest < 0.5  # a thousand of them: nobody waits any more
        assert not limiter.link.up
        await asyncio.sleep(0.8)
        assert not limiter.link.up  # it was asked again, and said nothing
    finally:
        redis.resume()
    await until(lambda: limiter.link.up)
    await limiter.close()


async def test_a_thousand_questions_at_once_are_no_outage(redis: PrivateRedis) -> None:
    link = patient(redis, patience=10.0)
    assert await asyncio.gather(*(link.run("return ARGV[1]", (), (n,)) for n in range(1000))) == [str(n) for n in range(1000)]
    assert link.up
    await link.close()


async def test_a_server_that_was_started_again_is_used_at_once(redis: PrivateRedis) -> None:
    link = patient(redis)
    assert await asyncio.gather(*(link.run("return 7", (), ()) for _ in range(5))) == [7] * 5
    redis.kill()
    redis.start()
    assert await link.run("return 7", (), ()) == 7  # its connections were dead and its scripts gone: no outage
    assert link.up
    await link.close()


async def test_an_error_of_redis_counts_as_away_and_never_raises(redis: PrivateRedis, caplog: pytest.LogCaptureFixture) -> None:
    link = patient(redis)
    with caplog.at_level(logging.WARNING):
        assert await link.run("return redis.call('INCR', 'zhiyin:x', 'y')", (), ()) is None
        assert not link.up
        assert await link.run("return 7", (), ()) is None
    assert len([r for r in caplog.records if "Redis is away" in r.message]) == 1
    await until(lambda: link.up)
    await link.close()


async def test_whoever_is_cancelled_while_asking_leaves_the_link_usable(redis: PrivateRedis) -> None:
    link = patient(redis)
    await link.run("return 1", (), ())
    redis.pause()
    asking = asyncio.create_task(link.run("return 2", (), ()))
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    redis.resume()
    assert await link.run("return 3", (), ()) == 3
    await link.close()


async def test_a_bus_goes_on_by_itself_when_redis_comes_back_and_its_readers_resync(redis: PrivateRedis) -> None:
    one, other = RedisBus(patient(redis)), RedisBus(patient(redis))
    here, there = one.listen("items"), other.listen("items")
    assert await heard(here, 1) == await heard(there, 1) == [RESYNC]
    redis.kill()
    await one.publish("items", "alone")
    assert await heard(here, 1) == [("items", "alone")]
    redis.start()
    assert await heard(there, 1) == [RESYNC]  # it missed one
    await until(lambda: one.link.up)
    await one.publish("items", "together")
    while (got := (await heard(there, 1))[0]) == RESYNC:
        pass
    assert got == ("items", "together")
    await one.close()
    await other.close()


async def test_who_could_not_tell_the_others_has_them_resync_later(redis: PrivateRedis) -> None:
    """The others never lost Redis: only the one who published did."""
    one, other = RedisBus(patient(redis)), RedisBus(patient(redis))
    there = other.listen("items")
    assert await heard(there, 1) == [RESYNC]
    one.link._lost("a test")
    await one.publish("items", "unheard")
    assert await heard(there, 1) == [RESYNC]
    await one.close()
    await other.close()


async def test_a_change_reaches_another_worker_within_a_second(redis: PrivateRedis) -> None:
    one, other = RedisBus(Link(redis.url)), RedisBus(Link(redis.url))
    there = other.listen()
    assert await heard(there, 1) == [RESYNC]
    took = []
    for number in range(50):
        began = time.monotonic()
        await one.publish("items", str(number))
        assert await heard(there, 1) == [("items", str(number))]
        took.append(time.monotonic() - began)
    assert max(took) < 1.0
    await one.close()
    await other.close()


async def test_rubbish_on_the_channel_is_passed_over(redis: PrivateRedis) -> None:
    bus = RedisBus(patient(redis))
    listener = bus.listen()
    assert await heard(listener, 1) == [RESYNC]
    for rubbish in ("nonsense", "[]", "{}", '{"from":1}'):
        redis.say("PUBLISH", "zhiyin:bus", "'" + rubbish + "'")
    await bus.publish("items", "a")
    assert await heard(listener, 1) == [("items", "a")]
    await bus.close()


async def test_a_bus_may_start_before_redis_does(redis: PrivateRedis) -> None:
    redis.kill()
    bus = RedisBus(patient(redis))
    listener = bus.listen("items")
    await bus.publish("items", "a")
    assert await heard(listener, 1) == [("items", "a")]
    redis.start()
    assert await heard(listener, 1) == [RESYNC]
    await bus.close()
