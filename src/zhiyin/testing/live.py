"""What every bus and every limiter promises, as test suites to inherit from."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from itertools import pairwise

import pytest
import pytest_asyncio

from zhiyin.ports import Bus, Limiter

RESYNC = ("*", "resync")
_PATIENCE = 5.0  # seconds for a message to come


async def heard(listener: AsyncGenerator[tuple[str, str], None], count: int) -> list[tuple[str, str]]:
    """The next messages, as many as that; fails where they do not come."""
    async with asyncio.timeout(_PATIENCE):
        return [await anext(listener) for _ in range(count)]


@pytest.mark.asyncio
class BusContract(ABC):
    """What a `Bus` promises. Inherit, name the class `Test...`, and say how to `make` two workers' ends of one bus (twice the same, where it stays in one process)."""

    RESYNCS_FIRST = False  # whether a listener gets RESYNC when it is connected, as over a network

    @abstractmethod
    def make(self) -> tuple[Bus, Bus]:
        """Two ends, nobody listening."""

    @pytest_asyncio.fixture
    async def ends(self) -> AsyncGenerator[tuple[Bus, Bus], None]:
        """The ends under test, closed afterwards."""
        one, other = self.make()
        yield one, other
        await one.close()
        await other.close()

    async def listening(self, bus: Bus, *topics: str) -> AsyncGenerator[tuple[str, str], None]:
        """A listener whose connection stands."""
        listener = bus.listen(*topics)
        if self.RESYNCS_FIRST:
            assert await heard(listener, 1) == [RESYNC]
        return listener

    async def test_a_message_reaches_every_end(self, ends: tuple[Bus, Bus]) -> None:
        """The one that published it too, once each."""
        listeners = [await self.listening(end, "items") for end in ends]
        await ends[0].publish("items", "lamp 灯 \n\u0000")
        await ends[0].publish("items", "last")
        for listener in listeners:
            assert await heard(listener, 2) == [("items", "lamp 灯 \n\u0000"), ("items", "last")]
            await listener.aclose()

    async def test_only_topics_that_were_asked_for_come(self, ends: tuple[Bus, Bus]) -> None:
        """Several may be."""
        one, both = await self.listening(ends[1], "items"), ends[1].listen("items", "prompts")
        for topic in ("prompts", "feedback", "items"):
            await ends[0].publish(topic, topic)
        assert await heard(one, 1) == [("items", "items")]
        assert await heard(both, 2) == [("prompts", "prompts"), ("items", "items")]

    async def test_messages_of_one_end_keep_their_order(self, ends: tuple[Bus, Bus]) -> None:
        """A hundred of them."""
        listener = await self.listening(ends[1], "items")
        for number in range(100):
            await ends[0].publish("items", str(number))
        assert await heard(listener, 100) == [("items", str(number)) for number in range(100)]

    async def test_what_was_published_between_listening_and_reading_is_heard(self, ends: tuple[Bus, Bus]) -> None:
        """Listening begins with `listen`, not with the first read; what came before it is not heard."""
        before = await self.listening(ends[0], "items")
        await ends[0].publish("items", "early")
        listener = ends[0].listen("items")
        await ends[0].publish("items", "late")
        assert await heard(listener, 1) == [("items", "late")]
        assert await heard(before, 2) == [("items", "early"), ("items", "late")]

    async def test_a_slow_reader_loses_the_oldest_and_is_told(self, ends: tuple[Bus, Bus]) -> None:
        """And nobody waits for it."""
        listener = await self.listening(ends[0], "items")
        async with asyncio.timeout(60):
            for number in range(3_000):
                await ends[0].publish("items", str(number))
        got = await heard(listener, 2)
        assert got[0] == RESYNC
        rest = [got[1]]
        while rest[-1] != ("items", "2999"):
            rest += await heard(listener, 1)
        assert rest == [("items", str(number)) for number in range(3_000 - len(rest), 3_000)]

    async def test_a_listener_that_was_closed_hears_nothing_and_disturbs_nobody(self, ends: tuple[Bus, Bus]) -> None:
        """Closed in the middle, or before it was ever read."""
        gone, unread, stays = await self.listening(ends[1], "items"), ends[1].listen("items"), ends[1].listen("items")
        await ends[0].publish("items", "a")
        assert await heard(gone, 1) == [("items", "a")]
        await gone.aclose()
        await unread.aclose()
        await ends[0].publish("items", "b")
        assert await heard(stays, 2) == [("items", "a"), ("items", "b")]
        assert [message async for message in gone] == []

    async def test_closing_the_bus_ends_its_listeners(self, ends: tuple[Bus, Bus]) -> None:
        """Those that wait, and those that begin afterwards; publishing is no error then."""
        listener = await self.listening(ends[0], "items")
        waiting = asyncio.ensure_future(anext(listener, None))
        await asyncio.sleep(0)
        await ends[0].close()
        async with asyncio.timeout(_PATIENCE):
            assert await waiting is None
            await ends[0].publish("items", "too late")
            assert [message async for message in ends[0].listen("items")] == []


@pytest.mark.asyncio
class LimiterContract(ABC):
    """What a `Limiter` promises. Inherit, name the class `Test...`, and say how to `make` one and to `pass_time`."""

    SLACK = 0.0  # seconds that pass by themselves between two calls, at most

    @abstractmethod
    def make(self) -> Limiter:
        """A limiter that knows no name."""

    @abstractmethod
    async def pass_time(self, seconds: float) -> None:
        """Let the limiter's clock go on."""

    @pytest.fixture
    def limiter(self) -> Limiter:
        """The limiter under test."""
        return self.make()

    async def test_a_burst_goes_on_and_then_it_waits(self, limiter: Limiter) -> None:
        """As long as a token takes to come."""
        assert [await limiter.take("ann", rate=0.5, burst=3) for _ in range(3)] == [0, 0, 0]
        assert 2.0 - self.SLACK <= await limiter.take("ann", rate=0.5, burst=3) <= 2.0

    async def test_who_waits_as_long_as_told_goes_on(self, limiter: Limiter) -> None:
        """Once, and no longer than told."""
        assert await limiter.take("ann", rate=4, burst=1) == 0
        wait = await limiter.take("ann", rate=4, burst=1)
        assert 0.25 - self.SLACK <= wait <= 0.25
        await self.pass_time(wait)
        assert await limiter.take("ann", rate=4, burst=1) == 0
        assert await limiter.take("ann", rate=4, burst=1) > 0

    async def test_being_refused_costs_nothing(self, limiter: Limiter) -> None:
        """Asking again and again does not put it off."""
        await limiter.take("ann", rate=0.5, burst=1)
        waits = [await limiter.take("ann", rate=0.5, burst=1) for _ in range(10)]
        assert all(0 < later <= earlier <= 2.0 for earlier, later in pairwise(waits))

    async def test_names_do_not_share(self, limiter: Limiter) -> None:
        """Whatever they are made of."""
        for name in ("ann", "ann ", "安", "a:b", "a\n{b}", "half \ud83c", ""):
            assert await limiter.take(name, rate=0.01, burst=1) == 0, name
            assert await limiter.take(name, rate=0.01, burst=1) > 50, name

    async def test_a_cost_takes_as_many_tokens(self, limiter: Limiter) -> None:
        """Nothing is taken where they do not suffice."""
        assert await limiter.take("ann", rate=1, burst=10, cost=7) == 0
        assert 4.0 - self.SLACK <= await limiter.take("ann", rate=1, burst=10, cost=7) <= 4.0
        assert await limiter.take("ann", rate=1, burst=10, cost=3) == 0
        assert 0 < await limiter.take("ann", rate=1, burst=10) <= 1.0

    async def test_a_cost_above_the_burst_needs_a_full_bucket_and_is_paid_off(self, limiter: Limiter) -> None:
        """Else it could never go on; and the rate holds in the long run."""
        assert await limiter.take("ann", rate=10, burst=5, cost=20) == 0
        assert 1.6 - self.SLACK <= await limiter.take("ann", rate=10, burst=5) <= 1.6
        assert 2.0 - self.SLACK <= await limiter.take("ann", rate=10, burst=5, cost=20) <= 2.0

    async def test_a_bucket_never_holds_more_than_the_burst(self, limiter: Limiter) -> None:
        """However long nobody asked."""
        await limiter.take("ann", rate=4, burst=2)
        await self.pass_time(1.0)
        assert [await limiter.take("ann", rate=4, burst=2) for _ in range(2)] == [0, 0]
        assert await limiter.take("ann", rate=4, burst=2) > 0

    async def test_many_at_once_do_not_get_more(self, limiter: Limiter) -> None:
        """Fifty who ask together."""
        waits = await asyncio.gather(*(limiter.take("ann", rate=0.01, burst=7) for _ in range(50)))
        assert sum(1 for wait in waits if wait == 0) == 7

    @pytest.mark.parametrize(("rate", "burst", "cost"), [(0, 1, 1), (-1, 1, 1), (float("nan"), 1, 1), (float("inf"), 1, 1), (1, 0, 1), (1, 1, -1)])
    async def test_a_rate_that_makes_no_sense_is_refused(self, limiter: Limiter, rate: float, burst: int, cost: int) -> None:
        """By name, before anything is counted."""
        with pytest.raises(ValueError, match="ann"):
            await limiter.take("ann", rate=rate, burst=burst, cost=cost)
