"""What is lost when something dies: the server by `kill -9`, its database, its Redis, each in the middle of a load over HTTP.

    .venv/bin/python benchmarks/durability.py [--only kill|databases|redis ...] [--kills 50]

Each event has an id, each feedback a `turn_id`. What was answered with 2xx is acknowledged; what was not is sent again, as it was, until it is.
Afterwards the store is read: an acknowledged one that is not there is lost, one that is there twice was counted twice. The databases are this program's own.
The status is 1 where anything was lost, counted twice or answered with anything but success or a 503 problem with `Retry-After`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from driving import SEED, Answer, Client, Talks, centile, open_loop, post, promised
from serving import Server, private, served
from zhiyin.stores.sql import SqlStore
from zhiyin.types import Fed, Said

PARTS = ("kill", "databases", "redis")
_WRITERS, _SAYERS, _BATCH = 6, 2, 10
_AGAIN = 0.05  # seconds before what failed is sent again
_DOWN = 3.0  # seconds that a database is away
_FIRM = 20  # answers of success in a row: the service is back
_PAGE = 10_000


@dataclass
class Ledger:
    """What was sent, what was acknowledged, and every answer that was none of success."""

    acknowledged: set[str] = field(default_factory=set)
    turns: Counter[str] = field(default_factory=Counter)  # whole turns answered, by session
    answers: list[Answer] = field(default_factory=list)
    duplicates: int = 0  # events that the server knew already when they were sent again

    def took(self, answer: Answer) -> bool:
        """Keep it; whether it was one of success."""
        self.answers.append(answer)
        return 200 <= answer.status < 300

    def unclear(self) -> list[Answer]:
        """Answers that are neither a success nor a 503 problem with `Retry-After`; a broken connection is one of them."""
        return [a for a in self.answers if not 200 <= a.status < 300 and not _clear(a)]


@dataclass
class Kept:
    """What the store holds."""

    fed: Counter[str] = field(default_factory=Counter)  # by event id or turn_id
    turns: Counter[str] = field(default_factory=Counter)
    place: int = 0

    async def read_on(self, url: str) -> None:
        """What came since."""
        store = SqlStore(url)
        while page := await store.tail(after=self.place, limit=_PAGE):
            for logged in page:
                if isinstance(logged.event, Fed):
                    self.fed[logged.event.id or str(logged.event.properties.get("turn_id", ""))] += 1
                elif isinstance(logged.event, Said) and logged.event.whole:
                    self.turns[str(logged.session)] += 1
            self.place = page[-1].place
        await store.close()

    def lost(self, ledger: Ledger) -> int:
        """Acknowledged events, feedback and turns that are not there."""
        return sum(name not in self.fed for name in ledger.acknowledged) + sum(max(0, count - self.turns[session]) for session, count in ledger.turns.items())

    def twice(self) -> int:
        """Events that are there more than once."""
        return sum(count > 1 for count in self.fed.values())


# --- the load ---


class Load:
    """Writers of events, of feedback, and users who talk, until told to stop; each goes on with what it had begun."""

    def __init__(self, server: Server, ledger: Ledger, *, name: str = "") -> None:
        self.server, self.ledger, self.name, self.over = server, ledger, name, False
        self._items = _items(server)
        self._numbers = itertools.count()
        self._client = Client(server.port)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin."""
        shown = [await self._shown(f"{self.name}fan-{n}") for n in range(_SAYERS)]
        work: list[Callable[[], Any]] = [self._events] * _WRITERS
        self._tasks = [asyncio.create_task(one()) for one in work]
        self._tasks += [asyncio.create_task(self._feedback(places)) for places in shown]
        self._tasks += [asyncio.create_task(self._talk(f"{self.name}talker-{n}")) for n in range(_SAYERS)]

    async def stop(self) -> None:
        """End, when everything that was sent is acknowledged."""
        self.over = True
        await asyncio.gather(*self._tasks)
        self._client.close()

    async def _until_taken(self, request: bytes) -> Answer:
        while not self.ledger.took(answer := await self._client.ask(request)):
            if 400 <= answer.status < 500:
                raise RuntimeError(f"{answer.status}: {answer.body[:500]!r}")
            await asyncio.sleep(_AGAIN)
        return answer

    async def _events(self) -> None:
        while not self.over:
            numbers = list(itertools.islice(self._numbers, _BATCH))
            events = [{"event_id": f"{self.name}e{n}", "type": "view", "user_id": f"shopper-{n % 50}", "item_ids": [self._items[n % len(self._items)]]} for n in numbers]
            answer = await self._until_taken(post("/v1/events", {"events": events}))
            self.ledger.duplicates += json.loads(answer.body)["duplicates"]
            self.ledger.acknowledged.update(f"{self.name}e{n}" for n in numbers)

    async def _feedback(self, places: Sequence[dict[str, object]]) -> None:
        for round_ in itertools.count():
            for place in places:
                if self.over:
                    return
                name = f"{self.name}f{next(self._numbers)}"
                await self._until_taken(post("/v1/feedback", {**place, "value": ("like", "dislike")[round_ % 2], "turn_id": name}))
                self.ledger.acknowledged.add(name)

    async def _talk(self, name: str) -> None:
        talks = Talks(self.server.domain, name=name)
        while not self.over:
            answer = await talks.ask(self._client)
            if self.ledger.took(answer):
                self.ledger.turns[json.loads(answer.body)["session_id"]] += 1
            else:
                await asyncio.sleep(_AGAIN)

    async def _shown(self, user: str) -> list[dict[str, object]]:
        answer = await self._client.ask(post("/v1/chat", {"message": {"text": "a light phone under 4000"}, "user": user}))
        reply = json.loads(answer.body)
        return [{"recommendation_id": reply["recommendation_id"], "item_id": item["id"], "session_id": reply["session_id"], "user": user} for item in reply["items"]]


def _items(server: Server) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/v1/items?limit=100") as answer:
        return [item["id"] for item in json.load(answer)["items"]]


def _clear(answer: Answer) -> bool:
    """Whether it is a 503 problem that says when to come back."""
    if answer.status != 503 or b"retry-after:" not in answer.head or b"application/problem+json" not in answer.head:
        return False
    return json.loads(answer.body)["code"] in {"store_unavailable", "overloaded"}


# --- kill -9 of the server ---


async def kill_server(kills: int, folder: Path) -> tuple[Table, bool]:
    """SQLite; what was acknowledged is compared with the store after each restart, and all of it at the end."""
    url, moments = f"sqlite:///{folder / 'log.db'}", random.Random(SEED)
    ledger, kept, starts, lost = Ledger(), Kept(), list[float](), 0
    with served(folder, store=url, domain="phones", ZHIYIN_EMBEDDER="hashing:") as server:
        load = Load(server, ledger)
        await load.start()
        for number in range(kills):
            await asyncio.sleep(moments.uniform(0.1, 0.6))
            await asyncio.to_thread(server.kill)
            before = Ledger(acknowledged=set(ledger.acknowledged), turns=Counter(ledger.turns))
            starts.append(await asyncio.to_thread(server.start))
            await kept.read_on(url)
            lost += kept.lost(before)
            note(f"kill {number + 1}: {len(before.acknowledged):,} acknowledged, {lost} lost, {kept.twice()} twice, restarted in {starts[-1]:.1f} s")
        await load.stop()
    whole = Kept()
    await whole.read_on(url)
    lost += whole.lost(ledger)
    cut = sum(a.status == 0 for a in ledger.answers)
    others = [a for a in ledger.unclear() if a.status != 0]
    table = _table(
        "kills",
        "acknowledged: events and feedback",
        "turns",
        "lost",
        "requests that failed and were sent again",
        "events known already",
        "counted twice",
        "other answers",
        "restart median (worst), s",
    )
    table.add_row(
        str(kills), f"{len(ledger.acknowledged):,}", f"{ledger.turns.total():,}", str(lost), f"{cut:,}", f"{ledger.duplicates:,}", str(whole.twice()), str(len(others)),
        f"{statistics.median(starts):.1f} ({max(starts):.1f})",
    )  # fmt: skip
    return table, not (lost or whole.twice() or others)


# --- databases that go and come ---


async def lose_databases(folder: Path) -> tuple[Table, bool]:
    """PostgreSQL and MariaDB, stopped in good order and killed, away for three seconds."""
    table = _table(
        "database", "went by", "acknowledged: events and feedback", "turns", "lost", "counted twice", "answers meanwhile: 503 with Retry-After", "others", "a 503 after p50 (worst), ms",
        "back after, s", f"{_FIRM} in a row after, s",
    )  # fmt: skip
    good = True
    for name in ("postgresql", "mariadb"):
        database = private(name, folder)
        try:
            await asyncio.to_thread(database.start)
            with served(folder / name, store=database.url, domain="phones", ZHIYIN_EMBEDDER="hashing:") as server:
                for way in ("stop", "kill"):
                    ledger = Ledger()
                    load = Load(server, ledger, name=way)
                    await load.start()
                    row, fine = await _went(load, database, way)
                    table.add_row(name, way, *row)
                    good = good and fine
                    note(f"{name}, {way}: {row}")
        finally:
            await asyncio.to_thread(database.remove)
    return table, good


async def _went(load: Load, database: Any, way: str) -> tuple[list[str], bool]:  # noqa: ANN401  # a server of tests/fakes
    ledger = load.ledger
    await asyncio.sleep(2.0)
    await asyncio.to_thread(getattr(database, way))
    await asyncio.sleep(_DOWN)
    await asyncio.to_thread(database.start)
    back = time.perf_counter()
    await asyncio.sleep(0.5)
    while (firm := _firm(ledger.answers, back)) is None and time.perf_counter() - back < 30:  # noqa: ASYNC110  # nothing tells us of answers
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)
    await load.stop()
    kept = Kept()
    await kept.read_on(database.url)
    away = [a.took for a in ledger.answers if _clear(a)]
    first = min((a.due + a.took / 1000 - back for a in ledger.answers if 200 <= a.status < 300 and a.due + a.took / 1000 > back), default=float("inf"))
    lost, twice, others = kept.lost(ledger), kept.twice(), len(ledger.unclear())
    row = [f"{len(ledger.acknowledged):,}", f"{ledger.turns.total():,}", str(lost), str(twice), f"{len(away):,}", str(others)]
    row += [f"{centile(away, 50):.0f} ({max(away, default=0):.0f})", f"{first:.2f}", "never" if firm is None else f"{firm:.2f}"]
    return row, not (lost or twice or others or firm is None)


def _firm(answers: Sequence[Answer], since: float) -> float | None:
    """Seconds until the first of so many answers of success in a row; None where there was no such row yet."""
    row = 0
    for at, answer in enumerate(answers):
        if answer.due + answer.took / 1000 < since:
            continue
        row = row + 1 if 200 <= answer.status < 300 else 0
        if row == _FIRM:
            first = answers[at - _FIRM + 1]
            return first.due + first.took / 1000 - since
    return None


# --- Redis that goes and comes ---


async def lose_redis(rate: float, seconds: float, folder: Path) -> tuple[Table, bool]:
    """Two workers over one SQLite file; Redis is killed under a load of turns, and comes back."""
    redis = private("redis", folder / "redis")
    redis.start()
    phases: dict[str, list[list[Answer]]] = {"before": [], "Redis away": [], "Redis back": []}
    try:
        with served(folder, store=f"sqlite:///{folder / 'log.db'}", domain="movies", workers=2, ZHIYIN_REDIS=redis.url) as server:
            talks, client = Talks(server.domain), Client(server.port)
            await open_loop(lambda due: talks.ask(client, due), rate, 3.0)
            for round_ in range(3):
                for name, change in (("before", None), ("Redis away", redis.kill), ("Redis back", redis.start)):
                    running = asyncio.create_task(open_loop(lambda due: talks.ask(client, due), rate, seconds, seed=round_))
                    await asyncio.sleep(0.2)
                    if change is not None:
                        await asyncio.to_thread(change)
                    phases[name].append(await running)
            client.close()
    finally:
        redis.kill()
    table = _table("phase", "turns", "answered", "neither answered nor turned away", "p50, ms", "p99, ms")
    shares = {}
    for name, runs in phases.items():
        every = [a for run in runs for a in run]
        shares[name] = sum(a.status == 200 for a in every) / len(every)
        p50, p99 = (statistics.median(promised(run, which) for run in runs) for which in (50, 99))
        table.add_row(name, f"{len(every):,}", f"{shares[name]:.1%}", str(len([a for a in every if a.status != 200 and not _clear(a)])), f"{p50:.0f}", f"{p99:.0f}")
    failed = any(a.status != 200 and not _clear(a) for runs in phases.values() for run in runs for a in run)
    return table, not failed and min(shares.values()) >= shares["before"] - 0.01


# --- all of it ---


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _table(*columns: str) -> Table:
    return Table(*columns, box=MARKDOWN)


def _parts(given: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Table, bool]]:
    for part in PARTS:
        if part not in given.only:
            continue
        (folder / part).mkdir()
        match part:
            case "kill":
                yield part, *asyncio.run(kill_server(given.kills, folder / part))
            case "databases":
                yield part, *asyncio.run(lose_databases(folder / part))
            case _:
                yield part, *asyncio.run(lose_redis(given.rate, given.seconds, folder / part))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rate", type=float, default=15.0, help="turns a second of the part redis")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each phase of the part redis")
    given = parser.parse_args()
    out = Console() if sys.stdout.isatty() else Console(width=240)
    good = True
    with tempfile.TemporaryDirectory(prefix="zhiyin-durability-") as name:
        begun = time.perf_counter()
        for part, table, fine in _parts(given, Path(name)):
            out.print(table)
            out.print(
                f"{part}: {(time.perf_counter() - begun) / 60:.1f} minutes; Python {platform.python_version()}, {os.cpu_count()} cores, 1-minute load {os.getloadavg()[0]:.1f}.\n"
            )
            good, begun = good and fine, time.perf_counter()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
