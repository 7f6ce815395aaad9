"""Live sessions in Redis: what is served from there, what is kept there, and that nobody waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from fakes.log import Log
from fakes.redis_server import PrivateRedis, private_redis_in
from zhiyin.backends import open_stores
from zhiyin.errors import StoreError
from zhiyin.live.link import Link
from zhiyin.live.sessions import LiveSessions, Terms, Token
from zhiyin.live.shared import SharedArchive, SharedStore
from zhiyin.ports import Store
from zhiyin.settings import Settings
from zhiyin.stores.codec import from_json, to_json
from zhiyin.stores.memory import MemoryStore
from zhiyin.testing import NOON, SharedStoreContract, StoreContract, every_event
from zhiyin.types import Fed, ItemId, SessionId, UserId

pytestmark = pytest.mark.servers
ANN, BO, MORNING, EVENING = UserId("ann"), UserId("bo"), SessionId("morning"), SessionId("evening 傍晚")
TERMS = Terms(young=0, lapse=3600)  # these tests do not restart the server behind a worker's back


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    with private_redis_in(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture
def redis(server: PrivateRedis) -> Iterator[PrivateRedis]:
    server.start()
    server.say("FLUSHALL")
    yield server
    with suppress(AssertionError):
        server.resume()
    server.start()


Open = Callable[..., SharedStore]


@pytest_asyncio.fixture
async def worker(redis: PrivateRedis) -> AsyncGenerator[Open, None]:
    """Opens workers over a log; they are closed afterwards."""
    opened = []

    def open_one(log: Log, terms: Terms = TERMS, **options: float) -> SharedStore:
        live = LiveSessions(Link(redis.url, **{"patience": 2.0, "retry": 0.1, **options}), terms=terms)
        opened.append(SharedStore(log, live, encode=to_json, decode=from_json))
        return opened[-1]

    yield open_one
    for one in opened:
        await one.close()


def clicks(*items: str, user: UserId = ANN, ident: str = "") -> tuple[Fed, ...]:
    return tuple(Fed(user=user, kind="click", item=ItemId(item), id=ident, time=NOON) for item in items)


class TestSharedStore(StoreContract):
    """Over a log in memory, with Redis between."""

    @pytest.fixture(autouse=True)
    def _server(self, redis: PrivateRedis) -> None:
        self.redis = redis

    def make(self, folder: Path) -> Store:
        return SharedStore(MemoryStore(), LiveSessions(Link(self.redis.url, patience=2.0), terms=TERMS), encode=to_json, decode=from_json)


class TestSharedStoreOfSeveral(SharedStoreContract):
    """Over one SQLite file, with one Redis between."""

    @pytest.fixture(autouse=True)
    def _server(self, redis: PrivateRedis) -> None:
        self.redis = redis

    def make(self, folder: Path) -> Store:
        inner = open_stores(Settings(store=f"sqlite:///{folder / 'log.db'}", data=folder, cache=folder)).log
        return SharedStore(inner, LiveSessions(Link(self.redis.url, patience=2.0), terms=TERMS), encode=to_json, decode=from_json)


async def test_any_worker_takes_up_a_session_without_the_log(worker: Open) -> None:
    log = Log()
    one, other = worker(log), worker(log)
    await one.append(MORNING, ANN, *every_event())
    assert list(await one.events(MORNING)) == list(every_event())
    asked = log.reads
    assert list(await other.events(MORNING)) == list(every_event())
    await other.append(MORNING, ANN, *clicks("a"))
    assert list(await one.events(MORNING, after=len(every_event()))) == list(clicks("a"))
    await one.append(MORNING, ANN, *clicks("b", "c"))
    assert list(await other.events(MORNING)) == [*every_event(), *clicks("a", "b", "c")]
    assert list(await other.events(MORNING, after=100)) == []
    assert log.reads == asked


async def test_an_event_that_the_log_had_already_is_not_shown_twice(worker: Open) -> None:
    log = Log()
    one = worker(log)
    await one.append(MORNING, ANN, *clicks("a", ident="x"))
    await one.events(MORNING)
    assert await one.append(MORNING, ANN, *clicks("a", ident="x"), *clicks("b")) == (False, True)
    asked = log.reads
    assert list(await one.events(MORNING)) == [*clicks("a", ident="x"), *clicks("b")]
    assert log.reads == asked


async def test_a_session_too_large_is_read_from_the_log_and_not_offered_again_and_again(worker: Open) -> None:
    log = Log()
    one = worker(log, Terms(young=0, lapse=3600, events=5, size=10_000))
    await one.append(MORNING, ANN, *clicks("a", "b", "c"))
    await one.events(MORNING)
    await one.append(MORNING, ANN, *clicks("d", "e", "f"))
    assert list(await one.events(MORNING)) == list(clicks("a", "b", "c", "d", "e", "f"))
    await one.append(MORNING, ANN, *clicks("g"))
    assert list(await one.events(MORNING, after=6)) == list(clicks("g"))
    assert await one.live.read(MORNING, 0) is None
    big = Fed(user=ANN, kind="comment", item=ItemId("a"), comment="灯" * 5000, time=NOON)
    await one.append(EVENING, ANN, big)
    assert list(await one.events(EVENING)) == [big]
    assert await one.live.read(EVENING, 0) is None


async def test_keys_have_an_end_and_a_prefix(worker: Open, redis: PrivateRedis) -> None:
    one = worker(Log())
    await one.append(MORNING, ANN, *clicks("a"))
    await one.events(MORNING)
    assert 3500 < int(redis.say("TTL", "zhiyin:live:session:morning").strip(b":\r\n")) <= 3600
    names = {word for word in redis.say("KEYS", "*").decode().split() if not word.startswith(("*", "$"))}
    assert names == {"zhiyin:live:session:morning", "zhiyin:live:era", "zhiyin:live:workers"}


async def test_what_was_forgotten_leaves_redis(worker: Open, redis: PrivateRedis) -> None:
    log = Log()
    one, other = worker(log), worker(log)
    for session in (MORNING, EVENING):
        await one.append(session, ANN, *clicks("xyzzy"))
        await other.events(session)
    assert await other.forget(ANN) == 2
    assert redis.say("EXISTS", "zhiyin:live:session:morning", "zhiyin:live:session:evening") == b":0\r\n"
    assert list(await one.events(MORNING)) == list(await one.events(EVENING)) == []


async def test_a_session_that_was_dropped_is_gone_for_every_worker(worker: Open, redis: PrivateRedis) -> None:
    log = Log()
    one, other = worker(log), worker(log)
    await one.append(MORNING, ANN, *clicks("a"))
    await one.events(MORNING)
    assert await SharedArchive(log, other.live).drop(MORNING) == 1
    assert redis.say("EXISTS", "zhiyin:live:session:morning") == b":0\r\n"
    assert list(await one.events(MORNING)) == []
    await one.append(MORNING, ANN, *clicks("b"))
    assert list(await other.events(MORNING)) == list(clicks("b"))


async def test_turns_go_on_at_once_without_redis(worker: Open, redis: PrivateRedis) -> None:
    log = Log()
    one = worker(log, patience=0.05, retry=0.3)
    await one.append(MORNING, ANN, *clicks("warm"))
    redis.pause()
    began = time.monotonic()
    await one.append(MORNING, ANN, *clicks("a"))
    first = time.monotonic() - began
    began = time.monotonic()
    for number in range(100):
        await one.append(MORNING, ANN, *clicks(str(number)))
        assert len(await one.events(MORNING)) == number + 3
    rest = time.monotonic() - began
    assert first < 0.5
    assert rest < 0.5
    redis.kill()
    assert len(await one.events(MORNING)) == 102


async def test_a_server_just_started_is_not_believed(worker: Open, redis: PrivateRedis) -> None:
    log = Log()
    one, other = worker(log, Terms(young=3600)), worker(log)
    for _ in range(2):
        await one.append(MORNING, ANN, *clicks("a"))
        await other.events(MORNING)
    asked = log.reads
    assert list(await one.events(MORNING)) == list(clicks("a", "a"))
    assert log.reads == asked + 1


async def test_what_a_worker_appended_while_cut_off_is_seen_when_it_is_back(worker: Open) -> None:
    log = Log()
    cut, other = worker(log, retry=0.5), worker(log)
    await cut.append(MORNING, ANN, *clicks("a"))
    assert list(await other.events(MORNING)) == list(clicks("a"))
    cut.live.link._lost("a test")
    await cut.append(MORNING, ANN, *clicks("b"))
    assert list(await cut.events(MORNING)) == list(clicks("a", "b"))
    assert list(await other.events(MORNING)) == list(clicks("a"))  # nobody could tell it
    await until(lambda: cut.live.link.up)
    assert list(await other.events(MORNING)) == list(clicks("a", "b"))


async def test_an_append_that_was_cancelled_while_cut_off_is_seen_when_its_worker_is_back(worker: Open) -> None:
    """The log had it already; only nobody was told."""
    log = Log()
    cut, other = worker(log, retry=0.5), worker(log)
    await cut.append(MORNING, ANN, *clicks("a"))
    assert list(await other.events(MORNING)) == list(clicks("a"))
    cut.live.link._lost("a test")
    lags = iter([0, 1000])
    log.lag = lambda: next(lags, 0)
    appending = asyncio.create_task(cut.append(MORNING, ANN, *clicks("b")))
    await until(lambda: len(log.now(MORNING)) == 2)
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    await until(lambda: cut.live.link.up)
    assert list(await other.events(MORNING)) == list(clicks("a", "b"))


async def test_more_sessions_than_are_remembered_void_all(worker: Open) -> None:
    log = Log()
    terms = Terms(young=0, lapse=3600, dirty=3)
    cut, other = worker(log, terms, retry=0.3), worker(log, terms)
    names = [SessionId(f"s{number}") for number in range(20)]
    for name in names:
        await cut.append(name, ANN, *clicks("a"))
        await other.events(name)
    cut.live.link._lost("a test")
    for name in names:
        await cut.append(name, ANN, *clicks("b"))
        assert list(await cut.events(name)) == list(clicks("a", "b"))
    assert len(cut.live._dirty) == 3
    await until(lambda: cut.live.link.up)
    for name in names:
        assert list(await other.events(name)) == list(clicks("a", "b"))


async def test_while_a_worker_is_silent_the_others_read_the_log(worker: Open) -> None:
    """It may be cut off from Redis and append unheard: for as long as that, whoever else still reaches Redis does not believe it."""
    log = Log()
    terms = Terms(young=0, lapse=1)
    cut, other = worker(log, terms, retry=0.2), worker(log, terms, retry=0.2)
    await cut.append(MORNING, ANN, *clicks("a"))
    await other.events(MORNING)
    real, cut.live.link.run = cut.live.link.run, nobody
    await until_async(lambda: reads_the_log(other, log))
    await cut.append(MORNING, ANN, *clicks("b"))
    assert list(await other.events(MORNING)) == list(clicks("a", "b"))
    await cut.append(MORNING, ANN, *clicks("c"))
    assert list(await other.events(MORNING)) == list(clicks("a", "b", "c"))
    cut.live.link.run = real
    cut.live.link.mend_soon()
    await until_async(lambda: reads_redis(other, log))
    assert list(await other.events(MORNING)) == list(clicks("a", "b", "c"))


async def test_a_worker_that_died_is_missed_and_when_it_is_given_up_every_session_is_void(worker: Open) -> None:
    """It may have appended unheard, and nobody remembers what."""
    terms = Terms(young=0, lapse=1, dead=4)
    two = Two(worker(Log(), terms, retry=0.2), worker(Log(), terms, retry=0.2))
    await two.hold("a")
    two.one.link.run = nobody
    found: list[object] = []
    deadline = time.monotonic() + 15
    while not (None in found and isinstance(found[-1], Token)) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        found.append(await two.other.read(MORNING, 0))
    missed = found.index(None)
    assert all(one == ["a"] for one in found[:missed])
    assert all(one is None for one in found[missed:-1])
    assert isinstance(found[-1], Token)


async def test_a_worker_that_says_goodbye_is_not_missed(worker: Open) -> None:
    log = Log()
    terms = Terms(young=0, lapse=1)
    gone, other = worker(log, terms, retry=0.2), worker(log, terms, retry=0.2)
    await gone.append(MORNING, ANN, *clicks("a"))
    await gone.close()
    await other.events(MORNING)
    await asyncio.sleep(2.5)
    assert await reads_redis(other, log)


async def test_what_another_version_wrote_is_read_from_the_log(worker: Open, redis: PrivateRedis) -> None:
    log = Log()
    one = worker(log)
    await one.append(MORNING, ANN, *clicks("a"))
    await one.events(MORNING)
    redis.say("HSET", "zhiyin:live:session:morning", "1", "nonsense")
    assert list(await one.events(MORNING)) == list(clicks("a"))


async def test_an_event_without_a_text_stays_in_the_log_alone(worker: Open) -> None:
    log = Log()
    one = worker(log)
    lone = Fed(user=ANN, kind="comment", item=ItemId("a"), comment="\ud800", time=NOON)
    await one.append(MORNING, ANN, *clicks("a"))
    await one.events(MORNING)
    await one.append(MORNING, ANN, lone)
    assert list(await one.events(MORNING)) == [*clicks("a"), lone]


async def test_an_error_of_the_log_is_the_callers(worker: Open) -> None:
    log = Log()
    one = worker(log)
    for log.failing, kept in (("before", ()), ("after", clicks("a"))):
        with pytest.raises(StoreError):
            await one.append(MORNING, ANN, *clicks("a"))
        assert list(await one.events(MORNING)) == list(kept)


# --- the steps, one by one, in the orders that matter ---


class Two:
    """Two workers' views of what Redis holds, without a log: the order of steps is the test's."""

    def __init__(self, one: SharedStore, other: SharedStore) -> None:
        self.one, self.other = one.live, other.live

    async def hold(self, *events: str) -> None:
        """Have Redis hold a session."""
        token = await self.one.read(MORNING, 0)
        assert isinstance(token, Token)
        await self.one.fill(MORNING, token, events)
        assert await self.other.read(MORNING, 0) == list(events)

    async def append(self, live: LiveSessions, *events: str) -> None:
        await live.commit(MORNING, await live.begin(MORNING), events)


@pytest.fixture
def two(worker: Open) -> Two:
    return Two(worker(Log()), worker(Log()))


@pytest.mark.parametrize("first", [0, 1])
async def test_of_two_appends_at_once_nobody_knows_the_order(two: Two, first: int) -> None:
    await two.hold("a")
    tokens = [(live, await live.begin(MORNING)) for live in (two.one, two.other)]
    for live, token in (tokens[first], tokens[1 - first]):
        assert await two.one.read(MORNING, 0) is None
        await live.commit(MORNING, token, ["x"])
    assert isinstance(await two.one.read(MORNING, 0), Token)


async def test_while_somebody_appends_everybody_reads_the_log(two: Two) -> None:
    await two.hold("a")
    token = await two.one.begin(MORNING)
    assert await two.one.read(MORNING, 0) is None
    assert await two.other.read(MORNING, 0) is None
    await two.one.commit(MORNING, token, ["b", "c"])
    assert await two.other.read(MORNING, 1) == ["b", "c"]


async def test_an_append_to_what_nobody_holds_does_not_begin_in_the_middle(two: Two) -> None:
    await two.append(two.one, "b")
    assert isinstance(await two.one.read(MORNING, 0), Token)


async def test_what_was_read_before_an_append_is_not_filled_in_after_it(two: Two) -> None:
    """Nor in its middle."""
    early = await two.one.read(MORNING, 0)
    assert isinstance(early, Token)
    token = await two.other.begin(MORNING)
    await two.one.fill(MORNING, early, ["a"])
    assert await two.one.read(MORNING, 0) is None
    await two.other.commit(MORNING, token, ["b"])
    await two.one.fill(MORNING, early, ["a"])
    assert isinstance(await two.one.read(MORNING, 0), Token)


async def test_a_mark_that_was_lost_takes_what_was_filled_in_meanwhile_along(two: Two, redis: PrivateRedis) -> None:
    await two.hold("a")
    token = await two.one.begin(MORNING)
    redis.say("FLUSHALL")
    await two.hold("a")  # read from the log before the append got there
    await two.one.commit(MORNING, token, ["b"])
    assert isinstance(await two.other.read(MORNING, 0), Token)


async def test_an_append_unannounced_drops_what_is_held_and_no_mark_of_others(two: Two) -> None:
    await two.hold("a")
    token = await two.one.begin(MORNING)
    await two.other.commit(MORNING, None, None)
    assert await two.one.read(MORNING, 0) is None
    await two.one.commit(MORNING, token, ["b"])
    assert isinstance(await two.one.read(MORNING, 0), Token)


async def test_a_worker_that_died_in_an_append_takes_the_events_with_it(worker: Open) -> None:
    terms = Terms(young=0, lapse=3600, hold=1)
    two = Two(worker(Log(), terms), worker(Log(), terms))
    await two.hold("a")
    await two.one.begin(MORNING)
    assert await two.other.read(MORNING, 0) is None
    found = None
    deadline = time.monotonic() + 10
    while found is None and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        found = await two.other.read(MORNING, 0)
    assert isinstance(found, Token)


async def test_forgetting_ends_marks_and_words_of_before(two: Two) -> None:
    await two.hold("a")
    token = await two.one.begin(EVENING)
    await two.other.void()
    word = await two.one.read(MORNING, 0)
    assert isinstance(word, Token)
    await two.other.void(EVENING)
    await two.one.fill(MORNING, word, ["a"])
    await two.one.commit(EVENING, token, ["b"])
    assert isinstance(await two.one.read(MORNING, 0), Token)
    assert isinstance(await two.one.read(EVENING, 0), Token)


async def test_what_a_server_had_saved_is_void_when_it_starts_again(two: Two, redis: PrivateRedis) -> None:
    await two.hold("a")
    redis.stop()
    redis.start()
    assert redis.say("EXISTS", "zhiyin:live:session:morning") == b":1\r\n"
    assert isinstance(await two.one.read(MORNING, 0), Token)
    redis.say("FLUSHALL")
    redis.stop()


async def test_when_redis_comes_back_nobody_believes_it_before_all_know(worker: Open, redis: PrivateRedis) -> None:
    """The other worker knows at once, and the one that still counts it as away appends unannounced."""
    log, terms = Log(), Terms(young=3, lapse=3600)
    late, other = worker(log, terms, retry=0.5), worker(log, terms, retry=0.5)
    redis.kill()
    await late.append(MORNING, ANN, *clicks("a"))
    redis.start()
    assert list(await other.events(MORNING)) == list(clicks("a"))
    assert other.live.link.up
    assert not late.live.link.up
    await late.append(MORNING, ANN, *clicks("b"))
    assert list(await other.events(MORNING)) == list(clicks("a", "b"))
    await until(lambda: late.live.link.up)
    await until_async(lambda: reads_redis(other, log))
    assert list(await other.events(MORNING)) == list(clicks("a", "b"))


async def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.02)


async def until_async(holds, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.05)


async def nobody(*_: object, **__: object) -> None:
    """No answer."""


async def reads_the_log(store: SharedStore, log: Log) -> bool:
    asked = log.reads
    await store.events(MORNING)
    return log.reads > asked


async def reads_redis(store: SharedStore, log: Log) -> bool:
    await store.events(MORNING)  # fills
    return not await reads_the_log(store, log)
