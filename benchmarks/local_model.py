"""A model in this process: how fast it reads and writes, what its prompt cache saves, and how soon it stops when nobody listens any more.

    local_model.py PATH [--rounds 8]

The batch that Zhiyin sizes so that a call can be stopped within about 200 ms stands beside llama.cpp's own default of 512 tokens, in the same run.
"Stops after" is the time from hanging up in the middle of a long prompt until the model answers somebody else, less what that answer takes on a free model.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from contextlib import aclosing
from pathlib import Path

from zhiyin.llm import LLMRequest, Message
from zhiyin.llms.llamacpp import STOPS_WITHIN, LlamaCpp
from zhiyin.types import Usage

WORDS = "film phone battery camera night city love war robot garden silent river happy dark quick green moon paper stone".split()


def request(words: int, rng: random.Random, *, max_tokens: int = 1) -> LLMRequest:
    """A prompt that no cache knows."""
    text = " ".join(rng.choice(WORDS) for _ in range(words))
    return LLMRequest(messages=(Message(role="user", text=text),), purpose="probe", max_tokens=max_tokens, seconds=600.0)


async def answered(llm: LlamaCpp, asked: LLMRequest) -> tuple[float, float, Usage]:
    """Seconds to the first piece and in all, and the usage."""
    began, first, usage = time.perf_counter(), 0.0, Usage()
    async with aclosing(llm.stream(asked)) as pieces:
        async for piece in pieces:
            first = first or (time.perf_counter() - began if piece.text else 0.0)
            usage = piece.usage or usage
    return first, time.perf_counter() - began, usage


async def measured(path: Path, batch: int, rounds: int, *, dedicated: bool) -> str:
    """One row of the table."""
    rng = random.Random(7)
    began = time.perf_counter()
    llm = LlamaCpp(path, context=2048, parallel=1, speed=batch / STOPS_WITHIN, dedicated=dedicated)
    short = LLMRequest(messages=(Message(role="user", text="Say yes."),), purpose="probe", max_tokens=1, seconds=600.0)
    await answered(llm, short)
    loaded = time.perf_counter() - began
    reading, writing, cached, stops = [], [], [], []
    for _ in range(rounds):
        first, whole, usage = await answered(llm, request(300, rng, max_tokens=32))
        reading.append(usage.prompt / first)
        writing.append((usage.answer - 1) / (whole - first))
    rules = Message(role="system", text=" ".join(WORDS * 15))
    for n in range(rounds):
        asked = LLMRequest(messages=(rules, Message(role="user", text=f"Which is number {n}?")), purpose="probe", max_tokens=1, seconds=600.0)
        first, _, usage = await answered(llm, asked)
        if n:
            cached.append((first, usage.cached / usage.prompt))
    for _ in range(rounds):
        await answered(llm, request(20, rng))  # so that the short question finds the cache as it will after the long one
        free, _, _ = await answered(llm, short)
        hung = asyncio.create_task(answered(llm, request(500, rng)))
        await asyncio.sleep(rng.uniform(0.5, 1.5))
        hung.cancel()
        await asyncio.gather(hung, return_exceptions=True)
        after, _, _ = await answered(llm, short)
        stops.append(max(0.0, after - free) * 1000)
    await llm.close()
    middle = statistics.median
    return (
        f"| {batch:5d} | {loaded:5.1f} | {middle(reading):6.1f} | {middle(writing):6.1f} | {middle(c[0] for c in cached) * 1000:6.0f} ({middle(c[1] for c in cached):.0%}) "
        f"| {middle(stops):5.0f} | {max(stops):5.0f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--dedicated", action="store_true", help="threads wait for each other busily")
    args = parser.parse_args()
    own = LlamaCpp(args.path, context=512, parallel=1, dedicated=args.dedicated)
    batch = own.batch
    asyncio.run(own.close())
    print(
        f"{args.path.stem}\n| batch | loads, s | reads, tokens/s | writes, tokens/s | first piece with a cached prefix, ms | stops after, ms, median | worst |\n|---|---|---|---|---|---|---|"
    )
    for size in (batch, 512):
        print(asyncio.run(measured(args.path, size, args.rounds, dedicated=args.dedicated)), flush=True)


if __name__ == "__main__":
    main()
