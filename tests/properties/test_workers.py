"""Two workers over one log, with live sessions in a real Redis that comes and goes: what they see is what the log holds, always."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from fakes.log import Log
from fakes.redis_server import PrivateRedis, private_redis_in
from zhiyin.live.link import Link
from zhiyin.live.sessions import LiveSessions, Terms
from zhiyin.live.shared import SharedArchive, SharedStore
from zhiyin.stores.codec import from_json, to_json
from zhiyin.types import Event, Fed, ItemId, SessionId, UserId

pytestmark = pytest.mark.servers
NOON = datetime(2026, 5, 17, 12, tzinfo=UTC)
SESSIONS = [SessionId("morning"), SessionId("傍晚 {x}")]
USERS = [UserId("ann"), UserId("bo")]
EXAMPLES = 20
RETRY, YOUNG = 0.1, 2  # a server of which it is told that it is two seconds old is at least one: ten times what a worker needs to hear of it
TERMS = Terms(young=YOUNG, lapse=60, hold=1, events=30, size=20_000)

lags = st.lists(st.sampled_from([0, 0, 1, 3, 12]), min_size=2, max_size=8)
events_to_append = st.lists(st.sampled_from(["", "", "", "one", "two"]), min_size=1, max_size=3)  # ids: some come twice
appends = st.tuples(st.just("append"), st.integers(0, 1), st.sampled_from(SESSIONS), st.sampled_from(USERS), events_to_append)
reads = st.tuples(st.just("read"), st.integers(0, 1), st.sampled_from(SESSIONS), st.integers(0, 15))
drops = st.tuples(st.just("drop"), st.integers(0, 1), st.sampled_from(SESSIONS))
forgets = st.tuples(st.just("forget"), st.integers(0, 1), st.sampled_from(USERS))


class Workers(RuleBasedStateMachine):
    """Rules do things one after another or at once; after each, both workers see the log."""

    server: PrivateRedis
    served = 0  # reads that did not ask the log, over all examples: else nothing was tested

    def __init__(self) -> None:
        super().__init__()
        self.server.start()
        self.server.say("FLUSHALL")
        while f"uptime_in_seconds:{YOUNG - 1}\r" in (said := self.server.say("INFO", "server").decode()) or "uptime_in_seconds:0\r" in said:
            time.sleep(0.05)
        self.loop = asyncio.Runner()
        self.lag = iter(())
        self.log = Log(lambda: next(self.lag, 0))
        self.number = 0
        self.seen: list[tuple[SessionId, int, list[Event]]] = []
        live = [LiveSessions(Link(self.server.url, patience=3.0, retry=RETRY), terms=TERMS) for _ in range(2)]
        self.stores = [SharedStore(self.log, one, encode=to_json, decode=from_json) for one in live]
        self.archives = [SharedArchive(self.log, one) for one in live]

    def event(self, user: UserId, ident: str) -> Event:
        self.number += 1
        return Fed(user=user, kind="like", item=ItemId(f"lamp-{self.number}"), id=ident, comment="灯" * (self.number % 50), time=NOON)

    async def do(self, what: tuple) -> None:
        match what:
            case ("append", worker, session, user, idents):
                await self.stores[worker].append(session, user, *(self.event(user, ident) for ident in idents))
            case ("read", worker, session, after):
                self.seen.append((session, after, list(await self.stores[worker].events(session, after=after))))
            case ("drop", worker, session):
                await self.archives[worker].drop(session)
            case ("forget", worker, user):
                await self.stores[worker].forget(user)

    async def check(self) -> None:
        for session in SESSIONS:
            for store in self.stores:
                for after in (0, 3):
                    asked = self.log.reads
                    assert list(await store.events(session, after=after)) == self.log.now(session)[after:]
                    Workers.served += self.log.reads == asked and self.log.now(session) != []

    async def all_at_once(self, whats: list[tuple], delays: list[int]) -> None:
        self.seen.clear()
        self.lag = iter(delays * 20)
        done = await asyncio.gather(*(self.do(what) for what in whats), return_exceptions=True)
        self.lag = iter(())
        for error in done:
            if error is not None:
                raise error
        if not any(what[0] in {"drop", "forget"} for what in whats):
            for session, after, got in self.seen:  # in the middle, as far as the log was then: never with a hole, never in another order
                assert got == self.log.now(session)[after : after + len(got)]

    @rule(whats=st.lists(st.one_of(appends, appends, appends, reads, reads, drops, forgets), min_size=1, max_size=5), delays=lags)
    def work(self, whats: list[tuple], delays: list[int]) -> None:
        async def steps() -> None:
            await self.all_at_once(whats, delays)
            await self.check()

        self.loop.run(steps())

    @rule(session=st.sampled_from(SESSIONS), others=st.lists(st.one_of(reads, appends), max_size=2), delays=lags)
    def race(self, session: SessionId, others: list[tuple], delays: list[int]) -> None:
        """Both workers append to a session that Redis holds, or one of them while somebody reads to fill."""

        async def steps() -> None:
            await self.all_at_once([("append", worker, session, USERS[worker], ["", ""]) for worker in (0, 1)] + others, delays)
            await self.check()

        self.loop.run(steps())

    @rule(session=st.sampled_from(SESSIONS), delays=lags)
    def fill_and_append(self, session: SessionId, delays: list[int]) -> None:
        """One reads the log to fill, the other appends meanwhile."""

        async def steps() -> None:
            self.server.say("FLUSHALL")
            await self.all_at_once([("read", 0, session, 0), ("append", 1, session, USERS[1], [""])], delays)
            await self.check()

        self.loop.run(steps())

    @rule(what=appends, after=st.integers(0, 8), seldom=st.sampled_from([True, False, False]))
    def hang_up(self, what: tuple, after: int, seldom: bool) -> None:
        """Whoever appends is cancelled somewhere in the middle; what the log kept counts as soon as Redis was told, and never half."""

        async def steps() -> None:
            if not seldom:  # Redis holds nothing of the session for a second then
                await self.do(what)
                return
            self.lag = iter([1, 3] * 10)
            task = asyncio.create_task(self.do(what))
            await asyncio.sleep(after * 0.0003)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.lag = iter(())
            await self.check()

        self.loop.run(steps())

    @rule(what=appends, when=st.sampled_from(["before", "after"]))
    def fail(self, what: tuple, when: str) -> None:
        """The log raises, with or without having kept it."""

        async def steps() -> None:
            self.log.failing = when
            await asyncio.gather(self.do(what), return_exceptions=True)
            self.log.failing = ""
            await self.check()

        self.loop.run(steps())

    @precondition(lambda self: self.server.running)
    @rule(how=st.sampled_from(["kill", "stop", "", ""]), whats=st.lists(st.one_of(appends, appends, reads, forgets), max_size=4), delays=lags)
    def go_away(self, how: str, whats: list[tuple], delays: list[int]) -> None:
        """In the middle of work, saving what it holds or not; or stay: outages are to be the exception."""

        async def steps() -> None:
            work = asyncio.create_task(self.all_at_once(whats, delays))
            await asyncio.sleep(0.0005)
            if how:
                (self.server.stop if how == "stop" else self.server.kill)()
            await work
            await self.check()

        self.loop.run(steps())

    @precondition(lambda self: not self.server.running)
    @rule(whats=st.lists(st.one_of(appends, appends, reads, forgets), max_size=4), delays=lags, old=st.sampled_from([True, True, False]))
    def come_back(self, whats: list[tuple], delays: list[int], old: bool) -> None:
        """In the middle of work, and perhaps for long enough to be trusted again."""

        async def steps() -> None:
            self.server.start()
            await self.all_at_once(whats, delays)
            await self.check()
            if old:
                await asyncio.sleep(YOUNG + 0.1)
                await self.check()

        self.loop.run(steps())

    @precondition(lambda self: self.server.running)
    @rule()
    def evict(self) -> None:
        """Redis throws out what it likes: here all of it."""
        self.server.say("FLUSHALL")
        self.loop.run(self.check())

    @precondition(lambda self: self.server.running)
    @rule(session=st.sampled_from(SESSIONS))
    def evict_era(self, session: SessionId) -> None:
        """Or a part."""
        self.server.say("DEL", "zhiyin:live:era", "zhiyin:live:workers")
        self.loop.run(self.check())

    @precondition(lambda self: self.server.running)
    @rule()
    def cut(self) -> None:
        """Every connection breaks; the server stays."""
        self.server.say("CLIENT", "KILL", "TYPE", "normal")
        self.loop.run(self.check())

    def teardown(self) -> None:
        self.server.start()

        async def steps() -> None:
            await self.check()
            for store in self.stores:
                await store.close()

        self.loop.run(steps())
        self.loop.close()


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateRedis]:
    with TemporaryDirectory() as folder, private_redis_in(Path(folder)) as found:
        yield found


def test_two_workers_always_see_what_the_log_holds(server: PrivateRedis) -> None:
    Workers.server = server
    Workers.served = 0
    run_state_machine_as_test(
        Workers, settings=settings(max_examples=EXAMPLES, stateful_step_count=25, derandomize=True, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
    )
    assert Workers.served > 100  # else nothing was tested; about five times as many here
