"""How much the HTTP service bears: turns and events a second, what happens at ten times as much, and whether memory stays flat.

    .venv/bin/python benchmarks/load.py [--only turns|events|overload|memory ...] [--seconds 4] [--turns 50000]

Real `zhiyin serve` processes on loopback, driven from this process, which shares the machine's cores with them; the tables say what it takes itself.
Open loop: requests come at random moments (Poisson) whether or not earlier ones are answered, and a time counts from the moment a request was due.
A request that is turned away counts as never answered, so a p99 that is kept means that fewer than one in a hundred was. Times are medians of three runs.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from driving import Answer, Client, Talks, centile, closed_loop, conversations, open_loop, post, promised
from serving import Server, private, served

PARTS = ("turns", "events", "overload", "memory")
PROMISE, SOON, DURABLE = 250.0, 50.0, 100.0  # ms: a turn at p99, a rejection at p95, a batch of events at p99
TIMES = 10  # what is asked under overload, times what is borne
LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of the turns a second of a closed loop
BATCHES = (1, 10, 100, 1000)
RUNS = 3
_BURST = 2.0  # seconds of overload that are not counted
_EVERY = 5000  # turns between two looks at the memory
_LONG = 500  # turns of a long session

Ask = Callable[[float], Awaitable[Answer]]


@dataclass
class Held:
    """What one set-up bears."""

    name: Sequence[str]
    closed: float  # turns a second where four ask as soon as they have their answer
    alone: float  # of the engine without HTTP, in one process
    rate: float = 0.0  # the highest that kept the promise
    runs: list[list[Answer]] = field(default_factory=list)
    server_ms: float = 0.0  # processor time a turn
    client_ms: float = 0.0


# --- turns ---


def measure_turns(seconds: float, folder: Path) -> Table:
    """The highest rate that keeps the promise, by domain, store and workers."""
    found = []
    alone = {domain: engine_alone(domain) for domain in ("movies", "phones")}
    for domain, store, workers in (("movies", "memory", 1), ("movies", "sqlite", 1), ("movies", "sqlite", 2), ("phones", "sqlite", 1), ("phones", "sqlite", 2)):
        note(f"turns: {domain}, {store}, {workers} worker(s)")
        with beside(folder / f"{domain}-{store}-{workers}", domain=domain, store=store, workers=workers) as server:
            found.append(asyncio.run(_bearable(server, seconds, Held((domain, store, str(workers)), 0.0, alone[domain]))))
    table = _table(
        "domain", "store", "workers", "engine alone, turns/s", "closed loop, turns/s", f"turns/s at p99 <= {PROMISE:.0f} ms", "/ engine alone", "p50, ms", "p99, ms",
        "server, core-ms a turn", "client, core-ms a turn",
    )  # fmt: skip
    for held in found:
        p50, p99 = (_median([promised(run, which) for run in held.runs]) for which in (50, 99))
        table.add_row(
            *held.name, f"{held.alone:.0f}", f"{held.closed:.0f}", f"{held.rate:.0f}", f"{held.rate / held.alone:.2f}", f"{p50:.0f}", f"{p99:.0f}",
            f"{held.server_ms:.1f}", f"{held.client_ms:.2f}",
        )  # fmt: skip
    return table


async def _bearable(server: Server, seconds: float, held: Held) -> Held:
    """The highest of the levels at which two of three runs keep the promise, halving what is left to try; a rate of 0 where none does."""
    talks, client = Talks(server.domain), Client(server.port)
    held.closed = await _closed(server, talks, client, seconds)
    lowest, highest = 0, len(LEVELS)
    while lowest < highest:
        at = (lowest + highest) // 2
        rate, runs = held.closed * LEVELS[at], list[list[Answer]]()
        before, own = server.seconds, time.process_time()
        while len(runs) < RUNS and sum(promised(r, 99) > PROMISE for r in runs) < 2:
            runs.append(await open_loop(lambda due: talks.ask(client, due), rate, seconds, seed=len(runs)))
        kept = sum(promised(r, 99) <= PROMISE for r in runs) >= 2
        note(f"  {rate:.0f}/s: p99 {', '.join(f'{promised(r, 99):.0f}' for r in runs)} ms")
        lowest, highest = (at + 1, highest) if kept else (lowest, at)
        if kept:
            turns = sum(map(len, runs))
            held.rate, held.runs = rate, runs
            held.server_ms, held.client_ms = (server.seconds - before) / turns * 1000, (time.process_time() - own) / turns * 1000
    client.close()
    return held


async def _closed(server: Server, talks: Talks, client: Client, seconds: float) -> float:
    """Turns a second of four callers for each worker, after a warm-up."""
    await closed_loop(lambda: talks.ask(client), 4, 2.0)
    rates = []
    for _ in range(RUNS):
        answers, took = await closed_loop(lambda: talks.ask(client), 4 * server.workers, seconds / RUNS)
        rates.append(sum(a.status == 200 for a in answers) / took)
    return _median(rates)


def engine_alone(domain: str) -> float:
    """Turns a second of the engine in a process of its own, without HTTP and store: the same messages one after the other."""
    done = subprocess.run([sys.executable, __file__, "--engine", domain], check=True, capture_output=True, text=True)
    return float(done.stdout)


def play_engine(domain: str, seconds: float = 5.0) -> float:
    """Turns a second in this process."""
    from zhiyin.bootstrap import build
    from zhiyin.settings import read_settings
    from zhiyin.types import SessionId, Turn, UserId
    from zhiyin.wire import gather

    app = build(read_settings(domain=domain, store="memory:"))

    async def play() -> float:
        turns, begun = 0, 0.0
        for number, session in enumerate(conversations(domain)):
            for text in session:
                await gather(app.engine.answer(Turn(session=SessionId(str(number)), user=UserId(f"u{number}"), text=text, time=app.engine.clock())))
                turns += 1
            if number == 20:  # warm
                turns, begun = 0, time.perf_counter()
            if number > 20 and time.perf_counter() - begun > seconds:
                break
        return turns / (time.perf_counter() - begun)

    return asyncio.run(play())


# --- events ---


def measure_events(seconds: float, folder: Path) -> Table:
    """Durable events a second: batches of several sizes, feedback one by one, and one commit an event in plain sqlite3 beside them."""
    table = _table(
        "what", "events a request", "most, events/s", "/ sqlite3", "open loop at, events/s", "p50, ms", "p99, ms", f"p99 <= {DURABLE:.0f}", "server, core-ms an event", "client"
    )
    plain = plain_commits(folder, seconds)
    with beside(folder / "events", domain="phones", store="sqlite", workers=1) as server:
        items = _items(server)
        for size in BATCHES:
            note(f"events: batches of {size}")
            table.add_row("POST /v1/events", f"{size:,}", *asyncio.run(_taken(server, _batches(items, size), size, seconds, plain)))
        note("events: feedback")
        table.add_row("POST /v1/feedback", "1", *asyncio.run(_taken(server, asyncio.run(_feedback(server)), 1, seconds, plain)))
    table.add_row("sqlite3, a commit an event, synchronous=FULL", "1", f"{plain:,.0f}", "1.00", *[""] * 6)
    return table


async def _taken(server: Server, requests: Iterator[bytes], size: int, seconds: float, plain: float) -> list[str]:
    """The most that eight callers get through (of single events 32), then the times at a thousand events a second, or at 0.7 of the most where that is less."""
    client, callers = Client(server.port), 32 if size == 1 else 8
    await closed_loop(lambda: client.ask(next(requests)), callers, 1.0)
    rates: list[float] = []
    before, own, count = server.seconds, time.process_time(), 0
    for _ in range(RUNS):
        answers, took = await closed_loop(lambda: client.ask(next(requests)), callers, seconds / RUNS)
        if wrong := [a for a in answers if a.status != 200]:
            raise RuntimeError(f"{len(wrong)} of {len(answers)} requests failed: {wrong[0].status} {wrong[0].body[:300]!r}")
        rates.append(len(answers) * size / took)
        count += len(answers) * size
    server_ms, client_ms = (server.seconds - before) / count * 1000, (time.process_time() - own) / count * 1000
    most = _median(rates)
    rate = min(1000.0, 0.7 * most)
    runs = [await open_loop(lambda due: client.ask(next(requests), due=due), rate / size, max(seconds, 10 * size / rate), seed=run) for run in range(RUNS)]
    p50, p99 = (_median([promised(run, which) for run in runs]) for which in (50, 99))
    client.close()
    kept = "yes" if p99 <= DURABLE and rate >= 1000 else "NO"
    return [f"{most:,.0f}", f"{most / plain:.2f}", f"{rate:,.0f}", f"{p50:.1f}", f"{p99:.1f}", kept, f"{server_ms:.3f}", f"{client_ms:.3f}"]


def _batches(items: Sequence[str], size: int) -> Iterator[bytes]:
    """Batches of views, clicks and purchases of a thousand users, for ever; no event twice."""
    numbers = itertools.count()
    kinds = ("view", "view", "view", "click", "cart", "purchase")
    while True:
        events = [
            {"event_id": f"s{size}-{n}", "type": kinds[n % len(kinds)], "user_id": f"shopper-{n * 7 % 1000}", "item_ids": [items[n * 13 % len(items)]]}
            for n in itertools.islice(numbers, size)
        ]  # fmt: skip
        yield post("/v1/events", {"events": events})


def _items(server: Server) -> list[str]:
    """Ids of the catalogue."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/v1/items?limit=100") as answer:
        return [item["id"] for item in json.load(answer)["items"]]


async def _feedback(server: Server) -> Iterator[bytes]:
    """Likes and dislikes of what 60 conversations were shown, each another opinion than the one before, for ever."""
    client, shown = Client(server.port), list[dict[str, object]]()
    for number in range(60):
        answer = await client.ask(post("/v1/chat", {"message": {"text": "a light phone under 4000"}, "user": f"fan-{number}"}))
        reply = json.loads(answer.body)
        shown += [{"recommendation_id": reply["recommendation_id"], "item_id": item["id"], "session_id": reply["session_id"], "user": f"fan-{number}"} for item in reply["items"]]
    client.close()
    return (post("/v1/feedback", {**place, "value": ("like", "dislike")[round_ % 2]}) for round_ in itertools.count() for place in shown)


def plain_commits(folder: Path, seconds: float) -> float:
    """Commits a second of one row each with sqlite3, on the same disk, as durable as ours."""
    rates = []
    for run in range(RUNS):
        connection = sqlite3.connect(folder / f"plain-{run}.db", isolation_level=None)
        for pragma in ("journal_mode = wal", "synchronous = full"):
            connection.execute(f"pragma {pragma}")
        connection.execute("create table log (id integer primary key, body text)")
        body, count, begun = "x" * 250, 0, time.perf_counter()
        while time.perf_counter() - begun < seconds / RUNS:
            connection.execute("begin immediate")
            connection.execute("insert into log (body) values (?)", (body,))
            connection.execute("commit")
            count += 1
        rates.append(count / (time.perf_counter() - begun))
        connection.close()
    return _median(rates)


# --- overload ---


def measure_overload(seconds: float, folder: Path) -> Table:
    """Ten times as many turns as are borne: how soon the surplus is turned away, and how long the others take, once it is no burst any more."""
    table = _table(
        "store", "connections", "borne, turns/s", "asked, turns/s", "answered, turns/s", "p50, ms", "p99, ms", f"p99 <= {PROMISE:.0f}", "turned away", "after p50, ms", "p95, ms", "p99, ms",
        f"p95 <= {SOON:.0f}", "client, cores",
    )  # fmt: skip
    for store in ("memory", "sqlite"):
        note(f"overload: {store}")
        with beside(folder / f"overload-{store}", domain="movies", store=store, workers=1) as server:
            for row in asyncio.run(_overloaded(server, seconds)):
                table.add_row(store, *row)
    return table


async def _overloaded(server: Server, seconds: float) -> list[list[str]]:
    talks, rows = Talks(server.domain), []
    first = Client(server.port)
    borne = await _closed(server, talks, first, seconds)
    first.close()
    for kept in (True, False):
        runs, own, begun = [], time.process_time(), time.perf_counter()
        for run in range(RUNS):
            client = Client(server.port, kept=kept)
            answers = await open_loop(lambda due, client=client: talks.ask(client, due), TIMES * borne, _BURST + seconds, seed=run)  # type: ignore[misc]
            runs.append([a for a in answers if a.due - answers[0].due >= _BURST])
            client.close()
            await asyncio.sleep(0.5)
        cores = (time.process_time() - own) / (time.perf_counter() - begun)
        rows.append(["kept" if kept else "new", f"{borne:.0f}", f"{TIMES * borne:.0f}", *_split(runs, seconds), f"{cores:.2f}"])
        note(f"  {rows[-1]}")
    return rows


def _split(runs: Sequence[Sequence[Answer]], seconds: float) -> list[str]:
    """What was answered and what was turned away."""
    good = [[a.took for a in run if a.status == 200] for run in runs]
    away = [[a.took for a in run if a.status == 503] for run in runs]
    failed = sum(a.status not in {200, 503} for run in runs for a in run)
    if failed:
        raise RuntimeError(f"answers that are neither: {Counter(a.status for run in runs for a in run)}")
    share = _median([len(a) / len(run) for a, run in zip(away, runs, strict=True)])
    (g50, g99), (a50, a95, a99) = ([_median([centile(times, c) for times in group]) for c in which] for group, which in ((good, (50, 99)), (away, (50, 95, 99))))
    rate = _median([len(times) / seconds for times in good])
    kept, soon = ("yes" if value <= aim else "NO" for value, aim in ((g99, PROMISE), (a95, SOON)))
    return [f"{rate:.0f}", f"{g50:.0f}", f"{g99:.0f}", kept, f"{share:.0%}", f"{a50:.1f}", f"{a95:.1f}", f"{a99:.1f}", soon]


# --- memory ---


def measure_memory(turns: int, folder: Path) -> Table:
    """Resident memory every 5,000 turns: many sessions, and few long ones, in two servers at the same time."""
    kinds = {f"sessions of {_LONG} turns": (_LONG, turns * 3 // 10), "sessions of 1 to 6 turns": (0, turns * 7 // 10)}

    async def both() -> dict[str, dict[int, float]]:
        names = list(kinds)
        with (
            beside(folder / "long", domain="phones", store="sqlite", workers=1, embedder="hashing:") as one,
            beside(folder / "many", domain="phones", store="sqlite", workers=1, embedder="hashing:") as two,
        ):
            found = await asyncio.gather(*(_grown(server, *kinds[name]) for name, server in zip(names, (one, two), strict=True)))
        return dict(zip(names, found, strict=True))

    seen = asyncio.run(both())
    table = _table("resident MB after turns", *seen)
    for at in sorted({at for kind in seen.values() for at in kind}):
        table.add_row(f"{at:,}", *(f"{kind[at]:.1f}" if at in kind else "" for kind in seen.values()))
    table.add_row("slope of the second half, MB per 10,000 turns", *(f"{_slope(kind):+.2f}" for kind in seen.values()))
    return table


async def _grown(server: Server, length: int, turns: int) -> dict[int, float]:
    """Resident MB by the number of turns that were answered."""
    talks, client, seen, done = Talks(server.domain, length=length), Client(server.port), {0: server.memory}, 0

    async def call() -> None:
        nonlocal done
        while done < turns:
            answer = await talks.ask(client)
            if answer.status == 503:
                await asyncio.sleep(0.05)
                continue
            if answer.status != 200:
                raise RuntimeError(f"a turn failed: {answer.status} {answer.body[:300]!r}")
            done += 1
            if done % _EVERY == 0:
                seen[done] = server.memory
                note(f"memory: {done:,} turns, {seen[done]:.1f} MB")

    await asyncio.gather(*(call() for _ in range(2)))
    client.close()
    return seen


def _slope(seen: dict[int, float]) -> float:
    at = sorted(seen)[len(seen) // 2 :]
    return float(np.polyfit(at, [seen[n] for n in at], 1)[0]) * 10_000 if len(at) > 1 else float("nan")


# --- all of it ---


@contextmanager
def beside(folder: Path, *, domain: str, store: str, workers: int, embedder: str = "auto") -> Iterator[Server]:
    """A server; with several workers there is a Redis of its own beside it."""
    folder.mkdir(parents=True)
    url = "memory:" if store == "memory" else f"sqlite:///{folder / 'log.db'}"
    redis = private("redis", folder / "redis") if workers > 1 else None
    if redis is not None:
        redis.start()
    try:
        with served(folder, store=url, domain=domain, workers=workers, ZHIYIN_EMBEDDER=embedder, ZHIYIN_REDIS=redis.url if redis else "") as server:
            yield server
    finally:
        if redis is not None:
            redis.kill()


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _table(*columns: str) -> Table:
    return Table(*columns, box=MARKDOWN)


def _median(values: Sequence[float]) -> float:
    return float(statistics.median(values)) if values else float("inf")


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run")
    parser.add_argument("--turns", type=int, default=50_000, help="of the part memory, both kinds together")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.engine:
        print(play_engine(given.engine))
        return
    out = Console() if sys.stdout.isatty() else Console(width=240)
    with tempfile.TemporaryDirectory(prefix="zhiyin-load-") as name:
        folder = Path(name)
        for part in PARTS:
            if part not in given.only:
                continue
            before, begun = load(), time.perf_counter()
            match part:
                case "turns":
                    table = measure_turns(given.seconds, folder)
                case "events":
                    table = measure_events(given.seconds, folder)
                case "overload":
                    table = measure_overload(given.seconds, folder)
                case _:
                    table = measure_memory(given.turns, folder)
            out.print(table)
            minutes = (time.perf_counter() - begun) / 60
            out.print(f"{part}: {minutes:.1f} minutes; Python {platform.python_version()}, {os.cpu_count()} cores, 1-minute load {before} to {load()}.\n", soft_wrap=True)


if __name__ == "__main__":
    main()
