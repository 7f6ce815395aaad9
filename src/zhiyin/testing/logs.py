"""What every `Store` promises, as test suites to inherit from: one for any, one for those that several processes may open."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from zhiyin.errors import StoreError
from zhiyin.ports import Store
from zhiyin.testing.events import ANN, BO, EVENING, MORNING, NIGHT, clicks, every_event, liked
from zhiyin.types import Fed, Heard, ItemId, Said, SessionId, Undone, UserId

# Each differs from another in something that some database takes for nothing: case, blanks at an end, marks, width, how a letter is composed.
ODD_IDS = (
    "a", "A", " a", "a ", "a  ", "a\t", "á", "a\u0301", "ａ", "ß", "ss", "ı", "i", "a%", "a_", "'; drop table events; --", '"', "\\", "甲", "🌙", "🌙\ufe0f", "null", "0", "00",
    "x" * 255, "🌙" * 255, "🌙" * 254 + "🌑",
)  # fmt: skip
BAD_IDS = ("x" * 256, "a\0b", "half \ud83c")


@pytest.mark.asyncio
class StoreContract(ABC):
    """What a `Store` promises. Inherit, name the class `Test...`, and say how to `make` an empty one."""

    @abstractmethod
    def make(self, folder: Path) -> Store:
        """A new, empty store that may keep files in `folder`."""

    @pytest_asyncio.fixture
    async def store(self, tmp_path: Path) -> AsyncGenerator[Store, None]:
        """The store under test, closed afterwards."""
        store = self.make(tmp_path)
        yield store
        await store.close()

    async def test_events_come_back_in_the_order_they_were_appended(self, store: Store) -> None:
        """Over one call and over several."""
        first, second = clicks("a", "b", "c"), clicks("d", "a")
        await store.append(MORNING, ANN, *first)
        await store.append(MORNING, ANN, *second)
        assert list(await store.events(MORNING)) == [*first, *second]

    async def test_every_type_of_event_comes_back_equal(self, store: Store) -> None:
        """To the type of each value: 8 does not become 8.0, nor True 1."""
        events = every_event()
        await store.append(MORNING, ANN, *events)
        back = await store.events(MORNING)
        assert list(back) == list(events)
        heard, expected = back[0], events[0]
        assert isinstance(heard, Heard)
        assert isinstance(expected, Heard)
        for have, want in zip(heard.understanding.edits, expected.understanding.edits, strict=True):
            assert repr(have) == repr(want)

    async def test_times_keep_their_moment(self, store: Store) -> None:
        """Whatever the zone they are told in."""
        events = every_event()
        await store.append(MORNING, ANN, *events)
        times = [e.time for e in await store.events(MORNING) if isinstance(e, Said | Fed | Undone)]
        assert times == [e.time for e in events if isinstance(e, Said | Fed | Undone)]
        assert all(time.tzinfo is not None for time in times)

    async def test_an_unknown_session_has_no_events(self, store: Store) -> None:
        """And is not an error, nor is it known after being asked for."""
        assert list(await store.events(NIGHT)) == []
        assert list(await store.sessions(ANN)) == []

    async def test_an_unknown_user_has_no_sessions_and_nothing_to_forget(self, store: Store) -> None:
        """Asking twice changes nothing."""
        assert list(await store.sessions(BO)) == []
        assert await store.forget(BO) == 0
        assert await store.forget(BO) == 0

    async def test_two_sessions_do_not_mix(self, store: Store) -> None:
        """Also where their events alternate."""
        await store.append(MORNING, ANN, *clicks("a"))
        await store.append(EVENING, BO, *clicks("x", user=BO))
        await store.append(MORNING, ANN, *clicks("b"))
        await store.append(EVENING, BO, *clicks("y", user=BO))
        assert list(await store.events(MORNING)) == [*clicks("a", "b")]
        assert list(await store.events(EVENING)) == [*clicks("x", "y", user=BO)]

    async def test_a_users_sessions_come_oldest_first(self, store: Store) -> None:
        """By their first event; each once, none of other users."""
        for session in (NIGHT, MORNING, NIGHT, EVENING, MORNING):
            await store.append(session, ANN, *clicks("a"))
        await store.append(SessionId("another"), BO, *clicks("a", user=BO))
        assert list(await store.sessions(ANN)) == [NIGHT, MORNING, EVENING]
        assert list(await store.sessions(BO)) == ["another"]

    async def test_forgetting_counts_and_erases_all_sessions_of_a_user(self, store: Store) -> None:
        """The count is of events, over every session."""
        await store.append(MORNING, ANN, *every_event())
        await store.append(EVENING, ANN, *clicks("a", "b"))
        assert await store.forget(ANN) == len(every_event()) + 2
        assert list(await store.sessions(ANN)) == []
        assert list(await store.events(MORNING)) == []
        assert list(await store.events(EVENING)) == []
        assert await store.forget(ANN) == 0

    async def test_forgetting_one_user_leaves_the_others(self, store: Store) -> None:
        """Their events, their sessions and the order of both."""
        await store.append(MORNING, ANN, *clicks("a"))
        await store.append(EVENING, BO, *clicks("x", "y", user=BO))
        await store.append(NIGHT, BO, *clicks("z", user=BO))
        await store.forget(ANN)
        assert list(await store.sessions(BO)) == [EVENING, NIGHT]
        assert list(await store.events(EVENING)) == [*clicks("x", "y", user=BO)]

    async def test_a_forgotten_user_can_come_back(self, store: Store) -> None:
        """With a clean sheet, in a session of the same name."""
        await store.append(MORNING, ANN, *clicks("a", "b"))
        await store.forget(ANN)
        await store.append(MORNING, ANN, *clicks("c"))
        assert list(await store.events(MORNING)) == [*clicks("c")]
        assert list(await store.sessions(ANN)) == [MORNING]

    async def test_what_was_read_does_not_change_afterwards(self, store: Store) -> None:
        """A reading is a value, not a window."""
        await store.append(MORNING, ANN, *clicks("a"))
        events, sessions = await store.events(MORNING), await store.sessions(ANN)
        await store.append(MORNING, ANN, *clicks("b"))
        await store.append(EVENING, ANN, *clicks("c"))
        assert list(events) == [*clicks("a")]
        assert list(sessions) == [MORNING]

    async def test_appends_at_the_same_time_stay_whole(self, store: Store) -> None:
        """All events of a call stand together: all or none, nothing in between, none lost."""
        batches = [clicks(*(f"{n}-{part}" for part in range(3))) for n in range(12)]
        await asyncio.gather(*(store.append(MORNING, ANN, *batch) for batch in batches))
        kept = list(await store.events(MORNING))
        assert len(kept) == 36
        found = [tuple(kept[at : at + 3]) for at in range(0, 36, 3)]
        assert sorted(found, key=repr) == sorted(batches, key=repr)

    async def test_ids_are_taken_as_they_are(self, store: Store) -> None:
        """Byte for byte, up to 255 characters: what looks alike is not the same."""
        for name in ODD_IDS:
            await store.append(SessionId(name), UserId(name), *clicks(f"item of {name}"))
        for name in ODD_IDS:
            assert list(await store.events(SessionId(name))) == [*clicks(f"item of {name}")]
            assert list(await store.sessions(UserId(name))) == [name]

    @pytest.mark.parametrize("bad", BAD_IDS, ids=["long", "nul", "half a character"])
    async def test_an_id_that_cannot_be_kept_is_refused_by_name(self, store: Store, bad: str) -> None:
        """Whoever asks for it finds nothing."""
        with pytest.raises(StoreError, match="session"):
            await store.append(SessionId(bad), ANN, *clicks("a"))
        with pytest.raises(StoreError, match="user"):
            await store.append(MORNING, UserId(bad), *clicks("a"))
        assert list(await store.events(SessionId(bad))) == list(await store.events(MORNING)) == []
        assert list(await store.sessions(UserId(bad))) == []
        assert await store.forget(UserId(bad)) == 0

    async def test_an_event_that_cannot_be_kept_takes_the_others_of_its_call_with_it(self, store: Store) -> None:
        """All or none; other calls at the same time are kept."""
        half = replace(liked("1"), comment="half \ud83c")
        done = await asyncio.gather(
            store.append(EVENING, ANN, *clicks("a")), store.append(MORNING, ANN, *clicks("b"), half), store.append(EVENING, ANN, *clicks("c")), return_exceptions=True
        )
        assert isinstance(done[1], StoreError)
        assert list(await store.events(MORNING)) == []
        assert sorted(await store.events(EVENING), key=repr) == [*clicks("a", "c")]

    async def test_reading_goes_on_after_what_is_known(self, store: Store) -> None:
        """By number of events; nothing where there are no more."""
        events = every_event()
        await store.append(MORNING, ANN, *events)
        await store.append(EVENING, ANN, *clicks("x"))
        for after in range(len(events) + 3):
            assert list(await store.events(MORNING, after=after)) == list(events[after:])
        assert list(await store.events(NIGHT, after=2)) == []

    async def test_what_is_left_of_a_session_is_counted_anew(self, store: Store) -> None:
        """After another user of it was forgotten."""
        await store.append(MORNING, ANN, *clicks("a", "b"))
        await store.append(MORNING, BO, *clicks("x", "y", "z", user=BO))
        assert await store.forget(ANN) == 2
        assert list(await store.events(MORNING, after=1)) == [*clicks("y", "z", user=BO)]
        assert list(await store.sessions(BO)) == [MORNING]

    async def test_appending_nothing_leaves_no_trace(self, store: Store) -> None:
        """And is answered with nothing."""
        assert await store.append(MORNING, ANN) == ()
        assert list(await store.sessions(ANN)) == []

    async def test_whatever_is_appended_without_an_id_is_new(self, store: Store) -> None:
        """Also where it is the same once more."""
        assert await store.append(MORNING, ANN, *every_event()) == (True,) * len(every_event())
        assert await store.append(MORNING, ANN, *clicks("a", "a")) == (True, True)
        assert await store.append(MORNING, ANN, *clicks("a")) == (True,)

    async def test_feedback_of_the_same_id_is_kept_once(self, store: Store) -> None:
        """In one call, in another, in another session; the first stands, the others of the call are kept."""
        first, other = liked("e1"), liked("e2", item="ember")
        assert await store.append(MORNING, ANN, first, *clicks("a"), first, other) == (True, True, False, True)
        assert await store.append(MORNING, ANN, replace(first, item=ItemId("glow")), *clicks("b")) == (False, True)
        assert await store.append(EVENING, ANN, first) == (False,)
        assert list(await store.events(MORNING)) == [first, *clicks("a"), other, *clicks("b")]
        assert list(await store.events(EVENING)) == []
        assert list(await store.sessions(ANN)) == [MORNING]

    async def test_an_id_is_its_users_own(self, store: Store) -> None:
        """Nobody can take up an id of somebody else's, however users and ids are put together."""
        assert await store.append(MORNING, ANN, liked("e1")) == (True,)
        assert await store.append(EVENING, BO, liked("e1", user=BO)) == (True,)
        assert await store.append(NIGHT, UserId("an"), liked("ne1", user=UserId("an"))) == (True,)
        for name in ODD_IDS:
            assert await store.append(NIGHT, BO, liked(f"-{name}", user=BO)) == (True,)
            assert await store.append(NIGHT, BO, liked(f"-{name}", user=BO)) == (False,)

    async def test_a_forgotten_id_may_come_again(self, store: Store) -> None:
        """It left no trace."""
        await store.append(MORNING, ANN, liked("e1"))
        await store.forget(ANN)
        assert await store.append(MORNING, ANN, liked("e1")) == (True,)

    async def test_two_hundred_appends_at_once_are_all_kept(self, store: Store) -> None:
        """In sessions of their own and in one together; each id once."""
        own = [store.append(SessionId(f"s{n}"), UserId(f"u{n}"), liked("x", user=UserId(f"u{n}"), item=str(n))) for n in range(100)]
        together = [store.append(MORNING, ANN, liked(f"id-{n // 2}", item=str(n))) for n in range(100)]
        results = await asyncio.gather(*own, *together)
        assert sum(new for (new,) in results) == 150
        assert [[event.item for event in await store.events(SessionId(f"s{n}")) if isinstance(event, Fed)] for n in range(100)] == [[str(n)] for n in range(100)]
        kept = [event.id for event in await store.events(MORNING) if isinstance(event, Fed)]
        assert sorted(kept) == sorted(f"id-{n}" for n in range(50))

    async def test_large_texts_are_kept_whole(self, store: Store) -> None:
        """Three megabytes of moons."""
        event = replace(liked("big"), comment="🌙" * 750_000)
        await store.append(MORNING, ANN, event, *clicks("a"))
        assert list(await store.events(MORNING)) == [event, *clicks("a")]

    async def test_a_caller_that_goes_away_harms_nobody(self, store: Store) -> None:
        """What it wanted kept is there whole or not at all."""
        calls = [asyncio.ensure_future(store.append(MORNING, ANN, *clicks(f"{n}", f"{n}"))) for n in range(20)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert all(result == (True, True) for result in done[1::2])
        await store.append(MORNING, ANN, *clicks("last"))
        items = [event.item for event in await store.events(MORNING) if isinstance(event, Fed)]
        assert items[-1] == "last"
        assert items[:-1:2] == items[1:-1:2]
        assert {str(n) for n in range(1, 20, 2)} <= set(items)


@pytest.mark.asyncio
class SharedStoreContract(ABC):
    """What a `Store` promises to several processes at once. `make` called again with the same folder opens the same log."""

    @abstractmethod
    def make(self, folder: Path) -> Store:
        """A store over what is kept in `folder`, or beside it."""

    @pytest_asyncio.fixture
    async def several(self, tmp_path: Path) -> AsyncGenerator[Sequence[Store], None]:
        """Three stores over one log, as three processes have them."""
        stores = [self.make(tmp_path) for _ in range(3)]
        yield stores
        for store in stores:
            await store.close()

    async def test_what_one_has_kept_the_others_read_at_once(self, several: Sequence[Store]) -> None:
        """Also where they read on from what they know."""
        one, two, three = several
        await one.append(MORNING, ANN, *clicks("a"))
        await two.append(MORNING, ANN, *clicks("b"))
        assert list(await three.events(MORNING)) == [*clicks("a", "b")]
        await three.append(MORNING, ANN, *clicks("c"))
        assert list(await one.events(MORNING, after=1)) == [*clicks("b", "c")]

    async def test_they_may_append_to_one_session(self, several: Sequence[Store]) -> None:
        """Nothing is lost, calls stay whole, each process's own come in its order, and all read the same."""

        async def write(store: Store, name: str) -> None:
            for n in range(20):
                await store.append(MORNING, ANN, *clicks(f"{name}{n}", f"{name}{n}"))

        await asyncio.gather(*(write(store, name) for store, name in zip(several, "abc", strict=True)))
        read = [list(await store.events(MORNING)) for store in several]
        assert read[0] == read[1] == read[2]
        items = [event.item for event in read[0] if isinstance(event, Fed)]
        assert items[::2] == items[1::2]
        for name in "abc":
            assert [item for item in items[::2] if item[0] == name] == [f"{name}{n}" for n in range(20)]

    async def test_an_id_that_reaches_them_at_the_same_time_is_kept_once(self, several: Sequence[Store]) -> None:
        """Exactly one says that it is new."""
        for n in range(10):
            new = await asyncio.gather(*(store.append(SessionId(f"s{at}"), ANN, liked(f"e{n}")) for at, store in enumerate(several)))
            assert sorted(new) == [(False,), (False,), (True,)]

    async def test_forgetting_in_one_is_forgotten_in_all(self, several: Sequence[Store]) -> None:
        """While others go on writing for others."""
        one, two, three = several
        await one.append(MORNING, ANN, *clicks("a", "b"))
        await two.append(EVENING, BO, *clicks("x", user=BO))
        gone, _ = await asyncio.gather(one.forget(ANN), two.append(EVENING, BO, *clicks("y", user=BO)))
        assert gone == 2
        assert list(await three.events(MORNING)) == []
        assert list(await three.events(EVENING)) == [*clicks("x", "y", user=BO)]
