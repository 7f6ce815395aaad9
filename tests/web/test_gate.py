"""The gate before the processor."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from zhiyin.web.gate import Gate
from zhiyin.web.problems import Problem


async def test_those_in_line_go_in_one_after_the_other_in_their_order() -> None:
    gate, inside, order = Gate(waiting=5), [0], []

    async def turn(n: int) -> None:
        async with gate:
            inside[0] += 1
            assert inside[0] == 1
            order.append(n)
            await asyncio.sleep(0.001)
            inside[0] -= 1

    await asyncio.gather(*(turn(n) for n in range(6)))
    assert order == [0, 1, 2, 3, 4, 5]
    assert (gate.waiting, gate.full) == (0, False)


async def test_where_the_line_is_full_the_next_is_turned_away_without_waiting() -> None:
    gate = Gate(waiting=1)
    await gate.enter()
    second = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    assert (gate.waiting, gate.full) == (1, True)
    with pytest.raises(Problem) as trouble:
        await gate.enter()
    assert (trouble.value.status, trouble.value.code, trouble.value.retry_after) == (503, "overloaded", 1.0)
    gate.leave()
    await second
    assert not gate.full
    gate.leave()


async def test_a_gate_without_a_line_lets_one_in() -> None:
    gate = Gate(waiting=0)
    async with gate:
        assert gate.full
    assert not gate.full


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def a_turn_of(gate: Gate, clock: FakeClock, seconds: float) -> None:
    async with gate:
        clock.now += seconds


async def lined_up(gate: Gate) -> list[asyncio.Task[None]]:
    """Those who come until the line is full."""
    line = []
    while not gate.full:
        line.append(asyncio.create_task(gate.enter()))
        await asyncio.sleep(0)
    return line


async def let_in(gate: Gate, line: list[asyncio.Task[None]]) -> None:
    """Who is inside leaves, and each of the line after the other."""
    for task in line:
        gate.leave()
        await task
    gate.leave()


async def test_the_line_is_as_long_as_turns_lately_let_it_be() -> None:
    clock = FakeClock()
    gate = Gate(waiting=12, patience=0.15, clock=clock)
    for _ in range(50):
        await a_turn_of(gate, clock, 0.04)
    await gate.enter()
    line = await lined_up(gate)
    assert len(line) == 3  # the fourth would wait for four turns of 40 ms
    for _ in range(60):  # turns become quick
        clock.now += 0.005
        gate.leave()
        await line.pop(0)
        line.append(asyncio.create_task(gate.enter()))
        await asyncio.sleep(0)
    line += await lined_up(gate)
    assert len(line) == 12
    await let_in(gate, line)


async def test_a_line_that_does_not_end_is_held_to_a_tenth_of_the_patience() -> None:
    clock = FakeClock()
    gate = Gate(waiting=12, patience=1.0, clock=clock)
    lengths, line = [], list[asyncio.Task[None]]()
    await a_turn_of(gate, clock, 0.03)
    await gate.enter()
    for _ in range(80):  # two seconds in which more come than can be answered
        line += await lined_up(gate)
        lengths.append(len(line))
        clock.now += 0.03
        gate.leave()
        await line.pop(0)
    assert (lengths[0], lengths[-1]) == (12, 3)
    for task in line:
        clock.now += 0.03
        gate.leave()
        await task
    clock.now += 0.03
    gate.leave()
    clock.now += 60
    await gate.enter()  # a burst after a quiet minute
    burst = await lined_up(gate)
    assert len(burst) == 12
    await let_in(gate, burst)


async def test_who_has_a_place_and_is_still_on_the_way_does_not_make_a_line_that_stands_look_empty() -> None:
    clock = FakeClock()
    gate = Gate(waiting=12, patience=1.0, clock=clock)
    comes = [asyncio.Event() for _ in range(32)]
    full: dict[int, bool] = {}
    tasks: list[asyncio.Task[None]] = []

    async def request(n: int) -> None:
        with gate.place():
            await comes[n].wait()  # it reads its session; the gate is free when it comes there
            async with gate:
                if n < 30:
                    tasks.append(asyncio.create_task(request(n + 1)))
                    await asyncio.sleep(0)
                clock.now += 0.06
                full[n] = gate.full
        comes[n + 1].set()

    comes[0].set()
    await request(0)
    while pending := [task for task in tasks if not task.done()]:
        await asyncio.gather(*pending)
    assert (full[5], full[29]) == (False, True)


async def test_however_slow_turns_are_one_may_wait() -> None:
    clock = FakeClock()
    gate = Gate(waiting=12, patience=0.15, clock=clock)
    await a_turn_of(gate, clock, 30.0)
    await gate.enter()
    assert not gate.full
    second = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    assert gate.full
    gate.leave()
    await second
    gate.leave()


async def test_who_was_given_a_place_is_not_turned_away_at_the_line() -> None:
    gate = Gate(waiting=1)
    await gate.enter()
    with gate.place():
        assert gate.full  # for others
        gate.check()
        mine = asyncio.create_task(gate.enter())  # tasks that a request begins are of the request
        await asyncio.sleep(0)
        assert gate.waiting == 1
        with pytest.raises(Problem):
            await gate.enter()  # a place is for one turn
        gate.leave()
        await mine
    assert gate.waiting == 0
    gate.leave()


async def test_a_place_that_nobody_came_for_is_given_back() -> None:
    gate = Gate(waiting=0)
    with suppress(ZeroDivisionError), gate.place():
        assert gate.full
        raise ZeroDivisionError
    assert (gate.waiting, gate.full) == (0, False)


async def test_who_goes_away_in_line_or_on_the_doorstep_takes_nobodys_place() -> None:
    gate = Gate(waiting=2)
    await gate.enter()
    in_line = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    in_line.cancel()
    await asyncio.gather(in_line, return_exceptions=True)
    doorstep = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gate.leave()
    await asyncio.sleep(0)  # it is let in, and takes its breath
    await asyncio.sleep(0)
    doorstep.cancel()
    await asyncio.gather(doorstep, return_exceptions=True)
    assert doorstep.cancelled()
    async with asyncio.timeout(1):
        await gate.enter()
    gate.leave()


async def test_between_two_turns_others_are_answered() -> None:
    """A connection is accepted, its request read and its answer written in three rounds of the event loop: all between two turns."""
    gate, turns, seen = Gate(waiting=3), [0], []

    async def turn() -> None:
        async with gate:
            turns[0] += 1

    async def rejected() -> None:
        begun = turns[0]
        for _ in range(3):
            await asyncio.sleep(0)
        seen.append(turns[0] - begun)

    await gate.enter()
    line = [asyncio.create_task(turn()) for _ in range(3)]
    await asyncio.sleep(0)
    gate.leave()
    await asyncio.gather(rejected(), *line)
    assert seen[0] <= 1
    assert turns[0] == 3
