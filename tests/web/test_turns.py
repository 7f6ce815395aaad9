"""Turns as tasks: read from anywhere, left, stopped, one a session, a bounded number in line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import pytest

from zhiyin.errors import StoreError
from zhiyin.live.bus import LocalBus
from zhiyin.reply.wording import Wording
from zhiyin.testing import tiny_catalog
from zhiyin.types import Act, Done, Language, Part, SessionId, Shown, State, Understanding, Understood, UserId, Words
from zhiyin.web.gate import Gate
from zhiyin.web.problems import Problem
from zhiyin.web.running import Running
from zhiyin.web.stream import Told
from zhiyin.web.turns import Turns

WORDING = Wording(tiny_catalog())
HEARD = Understood(understanding=Understanding(language=Language.EN, intent={"chitchat": 1.0}), state=State(turn=1), act=Act(kind="chat"))


class Talk:
    """An engine's side of one turn: what it is told to say, and whether the log got it."""

    def __init__(self, *words: str, pause: float = 0.0, busy: float = 0.0, logging: float = 0.0, fails: Exception | None = None) -> None:
        self.words, self.pause, self.busy, self.logging, self.fails = words, pause, busy, logging, fails
        self.said: list[str] = []
        self.logged: str | None = None

    async def parts(self) -> AsyncGenerator[Part]:
        if self.busy:
            time.sleep(self.busy)  # noqa: ASYNC251  # as understanding keeps the processor
        if self.fails is not None:
            raise self.fails
        yield HEARD
        try:
            yield Shown(slate=())
            for word in self.words:
                await asyncio.sleep(self.pause)
                self.said.append(word)
                yield Words(text=word)
        finally:
            await asyncio.sleep(self.logging)
            self.logged = "".join(self.said)
        yield Done(text="".join(self.said))


def told(session: str = "s", user: str = "u") -> Told:
    return Told(WORDING, session=SessionId(session), user=UserId(user), turn="t1")


async def begun(turns: Turns, talk: Talk, session: str = "s", gate: Gate | None = None) -> Running:
    return await turns.begin(told(session), talk.parts, gate or Gate(16))


async def read(running: Running, after: int = 0) -> list[tuple[int, str]]:
    return [(f.place, f.data) async for f in running.read(after) if f is not None]


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)


async def test_a_reader_who_begins_anywhere_gets_exactly_the_rest() -> None:
    running = await begun(Turns(), Talk("a", "b", "c", pause=0.005))
    early = asyncio.create_task(read(running))
    whole = await early
    assert [place for place, _ in whole] == list(range(1, len(whole) + 1))
    assert whole[-1][1] == "[DONE]"
    for after in range(len(whole) + 1):
        assert await read(running, after) == whole[after:]


async def test_readers_at_different_places_read_a_turn_while_it_runs() -> None:
    running = await begun(Turns(), Talk("a", "b", "c", pause=0.02))
    first, later = asyncio.create_task(read(running)), asyncio.create_task(read(running, 4))
    whole = await first
    assert await later == whole[4:]


async def test_a_turn_that_nobody_reads_any_longer_is_stopped_after_the_patience_and_is_in_the_log() -> None:
    talk = Talk(*"abcdefghij" * 100, pause=0.01)
    running = await begun(Turns(patience=0.1), talk)
    reading = running.read()
    await anext(reading)
    await reading.aclose()
    start = time.perf_counter()
    await running.ended.wait()
    assert 0.08 <= time.perf_counter() - start < 2
    assert running.cut
    assert talk.logged == "".join(talk.said)
    assert 0 < len(talk.said) < 1000
    assert [d for _, d in await read(running)][-3:] == ['{"type":"text-end","id":"t"}', '{"type":"abort"}', "[DONE]"]


async def test_a_turn_that_takes_longer_to_begin_than_the_patience_is_not_stopped_for_want_of_readers() -> None:
    running = await begun(Turns(patience=0.05), Talk("a", pause=0.01, busy=0.2))
    for _ in range(3):  # rounds of the event loop until a request reads what it began
        await asyncio.sleep(0)
    assert (await running.whole())["reply"] == "a"


async def test_a_reader_who_comes_back_in_time_keeps_the_turn_going() -> None:
    talk = Talk(*"abcdefghij", pause=0.03)
    running = await begun(Turns(patience=0.15), talk)
    for _ in range(2):
        reading = running.read()
        await anext(reading)
        await reading.aclose()
        await asyncio.sleep(0.05)
    await read(running)
    assert not running.cut
    assert talk.logged == "abcdefghij"


async def test_a_stop_ends_a_turn_at_once_and_waits_until_it_is_in_the_log() -> None:
    turns, talk = Turns(), Talk("a", "b", pause=30.0, logging=0.05)
    running = await begun(turns, talk)
    await until(lambda: running.last >= 3)
    await turns.stop(SessionId("s"))
    assert running.ended.is_set()
    assert talk.logged == ""
    with pytest.raises(Problem) as stopped:
        await running.whole()
    assert (stopped.value.status, stopped.value.code) == (409, "conflict")


async def test_a_second_stop_does_not_disturb_the_writing_of_the_log() -> None:
    turns, talk = Turns(), Talk("a", pause=30.0, logging=0.1)
    running = await begun(turns, talk)
    await until(lambda: running.last >= 3)
    await asyncio.gather(*(turns.stop(SessionId("s")) for _ in range(3)))
    assert talk.logged == ""


async def test_another_turn_of_the_session_begins_when_the_first_one_is_in_the_log() -> None:
    turns, first = Turns(), Talk("a", pause=30.0, logging=0.05)
    await begun(turns, first)
    second = await begun(turns, Talk("b"))
    assert first.logged == ""
    assert turns.find(SessionId("s")) is second
    assert (await second.whole())["reply"] == "b"


async def test_of_many_turns_begun_at_once_in_a_session_one_runs_at_a_time_and_all_are_in_the_log() -> None:
    turns, gate = Turns(), Gate(16)
    talks = [Talk("a", "b", pause=0.02) for _ in range(6)]
    running = await asyncio.gather(*(begun(turns, talk, gate=gate) for talk in talks))
    await asyncio.gather(*(r.ended.wait() for r in running))
    assert all(talk.logged is not None for talk in talks)
    assert [r.cut for r in running] == [True] * 5 + [False]


async def test_a_turn_stopped_before_it_has_understood_is_understood_and_logged_all_the_same() -> None:
    gate, turns, talk = Gate(16), Turns(), Talk("a", pause=30.0)
    running = Running(told(), patience=0.0)
    running.start(talk.parts(), first_cards=lambda: None, over=lambda _: None)
    running.stop()
    await running.ended.wait()
    assert talk.logged == ""
    assert running.told.understood is HEARD
    assert not gate.full
    assert turns.running(SessionId("s")) is None


async def test_the_line_is_bounded_and_who_is_one_too_many_is_turned_away_at_once() -> None:
    turns, gate = Turns(), Gate(2)
    talks = [Talk("a", busy=0.05) for _ in range(4)]
    tries = [asyncio.create_task(begun(turns, talk, f"s{n}", gate)) for n, talk in enumerate(talks)]
    await asyncio.sleep(0)
    start = time.perf_counter()
    with pytest.raises(Problem) as full:
        await tries[3]
    assert (full.value.status, full.value.code, full.value.retry_after) == (503, "overloaded", 1.0)
    assert time.perf_counter() - start < 0.04
    assert [(await (await t).whole())["reply"] for t in tries[:3]] == ["a"] * 3


async def test_words_are_spoken_outside_the_gate() -> None:
    turns, gate = Turns(), Gate(0)
    slow = await begun(turns, Talk("a", pause=30.0), "s1", gate)
    await until(lambda: not gate.full)
    await until(lambda: slow.last >= 3)
    assert (await (await begun(turns, Talk("b"), "s2", gate)).whole())["reply"] == "b"
    await turns.stop(SessionId("s1"))


async def test_a_turn_that_is_soon_over_is_in_the_log_before_the_next_one_computes() -> None:
    turns, gate, first = Turns(), Gate(1), Talk(*"abcdefgh", logging=0.002)
    seen: list[str | None] = []

    class Next(Talk):
        async def parts(self) -> AsyncGenerator[Part]:
            seen.append(first.logged)
            async with aclosing(super().parts()) as parts:
                async for part in parts:
                    yield part

    await asyncio.gather(begun(turns, first, "s1", gate), begun(turns, Next("b"), "s2", gate))
    assert seen == ["abcdefgh"]


async def test_an_error_before_anything_was_understood_is_raised_and_frees_the_gate() -> None:
    turns, gate = Turns(), Gate(0)
    with pytest.raises(StoreError):
        await begun(turns, Talk(fails=StoreError("down")), gate=gate)
    assert (await (await begun(turns, Talk("b"), gate=gate)).whole())["reply"] == "b"


async def test_a_fault_in_the_middle_ends_the_stream_with_an_error_that_tells_nothing_of_ours() -> None:
    class Broken(Talk):
        async def parts(self) -> AsyncGenerator[Part]:
            yield HEARD
            yield Shown(slate=())
            raise ZeroDivisionError("secret")

    running = await begun(Turns(), Broken())
    data = [d for _, d in await read(running)]
    assert data[-2:] == ['{"type":"error","errorText":"something went wrong on our side; the request id finds it in the log"}', "[DONE]"]
    with pytest.raises(ZeroDivisionError):
        await running.whole()


async def test_a_turn_just_answered_is_kept_for_a_while_and_then_let_go() -> None:
    turns = Turns(kept_seconds=0.05)
    running = await begun(turns, Talk("a"))
    await running.whole()
    assert turns.running(SessionId("s")) is None
    assert turns.find(SessionId("s")) is running
    await until(lambda: turns.find(SessionId("s")) is None)


async def test_a_stop_reaches_the_worker_that_answers_and_no_other_session() -> None:
    bus = LocalBus()
    here, there = Turns(bus), Turns(bus)
    await here.follow()
    await there.follow()
    await asyncio.sleep(0)
    mine, other = Talk("a", pause=30.0), Talk("b", pause=30.0)
    running, second = await begun(there, mine), await begun(there, other, "s2")
    await until(lambda: running.last >= 3 and second.last >= 3)
    await here.stop(SessionId("s"))
    await running.ended.wait()
    assert mine.logged == ""
    assert not second.ended.is_set()
    await here.forget_user(UserId("nobody"))
    await asyncio.sleep(0.02)
    assert not second.ended.is_set()
    await here.forget_user(UserId("u"))
    await second.ended.wait()
    assert other.logged == ""
    await there.finish(0)
    await here.finish(0)
    await bus.close()


async def test_at_the_end_running_turns_are_let_finish_and_late_ones_are_stopped() -> None:
    turns, quick, slow = Turns(), Talk("a", pause=0.05), Talk("b", pause=30.0)
    await begun(turns, quick)
    await begun(turns, slow, "s2")
    await turns.finish(0.3)
    assert (quick.logged, slow.logged) == ("a", "")


async def test_what_is_forgotten_of_a_user_is_stopped_and_dropped() -> None:
    turns = Turns()
    running = await begun(turns, Talk("a", pause=30.0))
    assert await turns.forget_user(UserId("other")) == 0
    assert await turns.forget_user(UserId("u")) == 1
    assert running.ended.is_set()
    assert turns.find(SessionId("s")) is None
