"""The gate before the processor."""

from __future__ import annotations

import asyncio

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
