"""What every `Archive` promises, as test suites to inherit from: one for any, one for those that several processes may open."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from zhiyin.ports import Archive, Store
from zhiyin.records import Conversation, Logged
from zhiyin.testing.events import ANN, BO, EVENING, MORNING, NIGHT, NOON, HandClock, clicks, every_event, liked
from zhiyin.types import SessionId, UserId


class Kept(Store, Archive, Protocol):
    """A log with its archive."""


@pytest.mark.asyncio
class ArchiveContract(ABC):
    """What an `Archive` promises. Inherit, name the class `Test...`, and say how to `open` an empty one together with its log."""

    @abstractmethod
    def open(self, folder: Path, clock: Callable[[], datetime]) -> Kept:
        """A new, empty log with its archive, which may keep files in `folder` and knows the time from `clock`."""

    @pytest.fixture
    def clock(self) -> HandClock:
        """The time, moved by hand."""
        return HandClock()

    @pytest_asyncio.fixture
    async def kept(self, tmp_path: Path, clock: HandClock) -> AsyncGenerator[Kept, None]:
        """The log under test, closed afterwards."""
        kept = self.open(tmp_path, clock)
        yield kept
        await kept.close()

    async def test_an_empty_archive_has_nothing(self, kept: Kept) -> None:
        """Of any kind."""
        assert await kept.owner(MORNING) is None
        assert list(await kept.tail()) == list(await kept.tail(newest=True)) == []
        assert list(await kept.conversations()) == list(await kept.conversations(user=ANN)) == []
        assert list(await kept.users()) == []
        assert await kept.drop(MORNING) == 0

    async def test_a_session_is_of_whom_it_began_with(self, kept: Kept) -> None:
        """Whoever comes later."""
        await kept.append(MORNING, ANN, *clicks("a"))
        await kept.append(MORNING, BO, *clicks("x", user=BO))
        await kept.append(EVENING, BO, *clicks("x", user=BO))
        assert await kept.owner(MORNING) == ANN
        assert await kept.owner(EVENING) == BO
        assert await kept.owner(NIGHT) is None
        assert await kept.owner(SessionId("Morning")) is None
        assert [one.user for one in await kept.conversations()] == [BO, ANN]
        assert [one.session for one in await kept.conversations(user=BO)] == [EVENING]

    async def test_logged_events_tell_all_of_themselves(self, kept: Kept, clock: HandClock) -> None:
        """Whose they are, in which session, when they were kept, to the microsecond."""
        await kept.append(MORNING, ANN, *every_event())
        clock.go(60.000_001)
        await kept.append(EVENING, BO, *clicks("x", user=BO))
        found = list(await kept.tail())
        assert [one.event for one in found] == [*every_event(), *clicks("x", user=BO)]
        assert {(one.session, one.user, one.kept) for one in found[:-1]} == {(MORNING, ANN, NOON)}
        assert (found[-1].session, found[-1].user, found[-1].kept) == (EVENING, BO, NOON + timedelta(seconds=60, microseconds=1))
        places = [one.place for one in found]
        assert places == sorted(set(places))
        assert places[0] > 0

    async def test_paging_through_the_log_meets_every_event_once(self, kept: Kept) -> None:
        """Whatever the size of a page; what comes meanwhile is met last."""
        for n in range(23):
            await kept.append(SessionId(f"s{n % 3}"), ANN, *clicks(f"{n}"))
        everything = list(await kept.tail())
        assert len(everything) == 23
        for size in (1, 5, 22, 23, 24):
            met: list[Logged] = []
            while page := await kept.tail(after=met[-1].place if met else 0, limit=size):
                assert len(page) <= size
                met += page
            assert met == everything
        assert list(await kept.tail(after=everything[-1].place)) == []
        assert list(await kept.tail(after=2**80)) == []
        assert list(await kept.tail(limit=0)) == []

    async def test_the_newest_come_oldest_first(self, kept: Kept) -> None:
        """As many as are asked for, none at or below a place."""
        await kept.append(MORNING, ANN, *clicks(*"abcdef"))
        everything = list(await kept.tail())
        assert list(await kept.tail(limit=2, newest=True)) == everything[-2:]
        assert list(await kept.tail(limit=99, newest=True)) == everything
        assert list(await kept.tail(after=everything[3].place, limit=5, newest=True)) == everything[4:]

    async def test_a_conversation_at_a_glance(self, kept: Kept, clock: HandClock) -> None:
        """Its events, its first and last moment and its latest place; the latest conversation first."""
        await kept.append(MORNING, ANN, *clicks("a", "b"))
        clock.go(10)
        await kept.append(EVENING, BO, *clicks("x", user=BO))
        clock.go(10)
        await kept.append(MORNING, ANN, *clicks("c"))
        places = [one.place for one in await kept.tail()]
        morning = Conversation(session=MORNING, user=ANN, events=3, first=NOON, last=NOON + timedelta(seconds=20), last_place=places[3])
        evening = Conversation(session=EVENING, user=BO, events=1, first=NOON + timedelta(seconds=10), last=NOON + timedelta(seconds=10), last_place=places[2])
        assert list(await kept.conversations()) == [morning, evening]
        assert list(await kept.conversations(user=BO)) == [evening]
        assert list(await kept.conversations(user=UserId("BO 波"))) == []

    async def test_paging_through_conversations_meets_each_once(self, kept: Kept) -> None:
        """Of everybody and of one user."""
        for n in range(31):
            user = (ANN, BO)[n % 2]
            await kept.append(SessionId(f"s{n * 7 % 13}-{user}"), user, *clicks(f"{n}", user=user))
        for whose in (None, ANN):
            everything = list(await kept.conversations(user=whose))
            assert [one.last_place for one in everything] == sorted((one.last_place for one in everything), reverse=True)
            for size in (1, 4, 50):
                met: list[Conversation] = []
                while page := await kept.conversations(before=met[-1].last_place if met else 0, limit=size, user=whose):
                    assert len(page) <= size
                    met += page
                assert met == everything
        assert {one.user for one in await kept.conversations(user=ANN)} == {ANN}
        assert sum(one.events for one in await kept.conversations()) == 31
        assert list(await kept.conversations(limit=0)) == []

    async def test_users_come_by_id_with_their_events(self, kept: Kept) -> None:
        """Sorted by code point, in every database; in pages."""
        names = ["Z", "a", "b", "a ", "A", "é", "波", "🌙", "aa"]
        for times, name in enumerate(names, start=1):
            await kept.append(SessionId(f"of {name}"), UserId(name), *clicks(*"x" * times, user=UserId(name)))
        everything = [(name, names.index(name) + 1) for name in sorted(names)]
        assert list(await kept.users()) == everything
        met: list[tuple[str, int]] = []
        while page := await kept.users(after=met[-1][0] if met else "", limit=2):
            met += page
        assert met == everything
        assert list(await kept.users(after="z\0z")) == everything[-3:]

    async def test_dropping_a_session_leaves_the_others(self, kept: Kept) -> None:
        """Its ids may come again, its name too; its places do not."""
        await kept.append(MORNING, ANN, *clicks("a"), liked("e1"))
        await kept.append(EVENING, ANN, *clicks("b"))
        await kept.append(MORNING, ANN, *clicks("c"))
        last = (await kept.tail())[-1].place
        assert await kept.drop(MORNING) == 3
        assert await kept.drop(MORNING) == 0
        assert await kept.owner(MORNING) is None
        assert list(await kept.events(MORNING)) == []
        assert list(await kept.sessions(ANN)) == [EVENING]
        assert await kept.append(MORNING, BO, liked("e1")) == (True,)
        assert await kept.append(MORNING, ANN, liked("e1")) == (True,)
        assert await kept.owner(MORNING) == BO
        assert [one.place > last for one in await kept.tail()] == [False, True, True]

    async def test_forgetting_a_user_leaves_nothing_in_the_archive(self, kept: Kept) -> None:
        """Nor of the place the last event had."""
        await kept.append(EVENING, BO, *clicks("x", user=BO))
        await kept.append(MORNING, ANN, *every_event())
        last = (await kept.tail())[-1].place
        await kept.forget(ANN)
        assert [one.session for one in await kept.conversations()] == [EVENING]
        assert list(await kept.users()) == [(BO, 1)]
        await kept.append(NIGHT, BO, *clicks("y", user=BO))
        assert (await kept.tail())[-1].place > last


@pytest.mark.asyncio
class SharedArchiveContract(ABC):
    """What an `Archive` promises to several processes. `open` called again with the same folder opens the same log."""

    @abstractmethod
    def open(self, folder: Path, clock: Callable[[], datetime]) -> Kept:
        """A log with its archive over what is kept in `folder`, or beside it."""

    async def test_who_follows_the_log_misses_nothing(self, tmp_path: Path) -> None:
        """However many write: a place never becomes visible after a higher one."""
        writers: Sequence[Kept] = [self.open(tmp_path, HandClock()) for _ in range(3)]
        reader = self.open(tmp_path, HandClock())
        met: list[Logged] = []

        async def write(kept: Kept, name: str) -> None:
            for n in range(15):
                await asyncio.gather(*(kept.append(SessionId(f"{name}{at}"), ANN, *clicks(f"{name}-{n}-{at}")) for at in range(3)))

        async def follow(writing: asyncio.Future[list[None]]) -> None:
            while not writing.done():
                met.extend(await reader.tail(after=met[-1].place if met else 0, limit=7))

        writing = asyncio.gather(*(write(kept, name) for kept, name in zip(writers, "abc", strict=True)))
        await follow(writing)
        await writing
        while page := await reader.tail(after=met[-1].place if met else 0):
            met += page
        assert met == list(await reader.tail())
        assert len(met) == 3 * 15 * 3
        for kept in (*writers, reader):
            await kept.close()
