"""How long a change of 1, 100 and 1,000 items takes on a catalogue that serves, how long it holds the event loop up, and what a rebuild would take.

    python benchmarks/live_catalogue.py [--domain movies] [--repeat 5] [--json FILE]

`names` changes titles, casts and descriptions of rows that are there; `prices` numbers only; `new` brings items; `delete` takes some out. Each
change is timed from the call until later turns see it (`done`), vectors not counted, which come after; `held` is the longest that the event loop
was late for a timer of 1 ms meanwhile, `turn` a turn's time while changes run, beside a turn's time at rest. Medians, with the worst in brackets.
A rebuild is the whole start over the same rows, caches warm, in the same run; the ratio is rebuild / change.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from zhiyin.bootstrap import App, build
from zhiyin.living import Living
from zhiyin.settings import Settings, read_settings
from zhiyin.types import Item, ItemId, SessionId, Turn, UserId

SIZES = (1, 100, 1000)
MESSAGE = {"movies": "a french drama from the nineties, not too long", "phones": "a light phone under 3000 with a good camera"}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One kind of change at one size, milliseconds."""

    kind: str
    items: int
    done: list[float]
    held: list[float]
    turn: list[float]


# --- changes ---


def others(items: Sequence[Item], kind: str, count: int, again: int) -> tuple[list[Item], list[ItemId]]:
    """Items to put and to delete; no two rounds alike."""
    start = (7919 * again) % max(1, len(items) - count)
    part = items[start : start + count]
    match kind:
        case "names":
            swapped = zip(part, reversed(part), strict=True)
            return [replace(a, titles={"en": f"{a.title()} {again}"}, attributes={**a.attributes, **people(b)}, texts={"en": f"Another story, {again}."}) for a, b in swapped], []
        case "prices":
            part = [item for item in items if item.variants or numbers(item, 0)][start % 1000 :][:count]
            sizes = [tuple({**size, "price": 100.0 + again} for size in item.variants) for item in part]
            return [replace(item, attributes={**item.attributes, **numbers(item, again)}, variants=size) for item, size in zip(part, sizes, strict=True)], []
        case "new":
            return [replace(item, id=ItemId(f"new-{again}-{n}"), titles={"en": f"{item.title()} Returns {again}"}) for n, item in enumerate(part)], []
        case _:
            return [], [item.id for item in part]


def people(item: Item) -> dict[str, tuple[str, ...]]:
    return {name: tuple(map(str, value)) for name, value in item.attributes.items() if isinstance(value, tuple) and name in {"cast", "directors", "features"}}


def numbers(item: Item, again: int) -> dict[str, float]:
    return {
        name: float(value) + again for name, value in item.attributes.items() if isinstance(value, int | float) and not isinstance(value, bool) and name in {"box_office", "weight"}
    }


# --- measuring ---


class Watch:
    """How late a timer of 1 ms comes."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0.001)
            self.worst = max(self.worst, (time.perf_counter() - begun - 0.001) * 1000)

    def stop(self) -> float:
        """The latest so far; it watches no longer."""
        self._task.cancel()
        return self.worst


@contextmanager
def milliseconds(into: list[float]) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    into.append((time.perf_counter() - begun) * 1000)


async def turn(app: App, text: str, name: str) -> None:
    async with aclosing(app.engine.answer(Turn(session=SessionId(name), user=UserId(name), text=text, time=app.engine.clock()))) as parts:
        async for _ in parts:
            pass


async def turns_until(done: asyncio.Event, app: App, text: str, times: list[float]) -> None:
    while not done.is_set():
        with milliseconds(times):
            await turn(app, text, f"t{len(times)}")
        await asyncio.sleep(0.01)


async def alone(change: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Milliseconds until it is done, and for how long it held the loop."""
    times: list[float] = []
    watch = Watch()
    await asyncio.sleep(0.02)
    watch.worst = 0.0
    with milliseconds(times):
        await change()
    await asyncio.sleep(0.005)
    return times[0], watch.stop()


async def measure(app: App, repeat: int) -> tuple[list[Measured], list[float], list[float]]:
    """All kinds and sizes; a turn's times at rest; how late the timer is at rest."""
    living, catalog = living_of(app), app.catalog
    items = [catalog.items[row] for row in sorted(catalog.row.values())]
    text = MESSAGE[app.domain.name]
    await app.ready()
    await asyncio.to_thread(living.view.reader.linker.warm)
    await living.change(*others(items, "names", 1, 0))  # the first one copies the search index and loads what changes need
    waiting(living)
    rest: list[float] = []
    for n in range(20):
        with milliseconds(rest):
            await turn(app, text, f"rest{n}")
    still = [(await alone(lambda: asyncio.sleep(0.3)))[1] for _ in range(repeat)]
    found = []
    for kind in ("names", "prices", "new", "delete"):
        for size in (s for s in SIZES if s <= len(items) // 4):
            found.append(await one(app, items, kind, size, repeat))
            print(f"{kind} {size}: {statistics.median(found[-1].done):.0f} ms", file=sys.stderr, flush=True)
    return found, rest, still


async def one(app: App, items: Sequence[Item], kind: str, size: int, repeat: int) -> Measured:
    """One kind and size: by itself, then with turns meanwhile."""
    done, held, during, living = [], [], list[float](), living_of(app)
    text = MESSAGE[app.domain.name]
    for again in range(1, repeat + 1):
        put, delete = others(items, kind, size, again * 10 + size)
        took, late = await alone(lambda put=put, delete=delete: living.change(put, delete))  # type: ignore[misc]  # defaults of a lambda
        done.append(took)
        held.append(late)
        waiting(living)
        over = asyncio.Event()
        talk = asyncio.create_task(turns_until(over, app, text, during))
        await living.change(*others(items, kind, size, again * 10 + size + 5))
        over.set()
        await talk
        waiting(living)
        await living.change(items, [i for i in app.catalog.ids if i.startswith("new-")])
        waiting(living)
    return Measured(kind=kind, items=size, done=done, held=held, turn=during)


def living_of(app: App) -> Living:
    """The living catalogue of an application."""
    if app.living is None:
        raise TypeError("the application has no living catalogue")
    return app.living


def waiting(living: Living) -> None:
    """Nothing is embedded while the next one is timed: the sentence model takes a core for a quarter of a second a text."""
    living.vectors.forget(range(living.view.catalog.size))


def rebuilt(settings: Settings, repeat: int) -> list[float]:
    """Seconds of a start with warm caches, as milliseconds."""
    times: list[float] = []
    for _ in range(repeat):
        with milliseconds(times):
            app = build(settings)
            app.engine.understand.linker.warm()  # type: ignore[attr-defined]  # the rules' reader
    return times


def table(found: Sequence[Measured], rest: Sequence[float], still: Sequence[float], rebuild: float) -> Table:
    made = Table("change", "items", "done, ms", "rebuild / change", "loop held, ms", "turn meanwhile, ms", box=MARKDOWN)
    for m in found:
        median = statistics.median(m.done)
        made.add_row(m.kind, f"{m.items:,}", worst(m.done), f"{rebuild / median:.1f}x", worst(m.held), worst(m.turn))
    made.add_row("rebuild", "", f"{rebuild:.0f}", "1.0x", f"{rebuild:.0f}", "")
    made.add_row("at rest", "", "", "", worst(still), worst(rest))
    return made


def worst(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.1f} ({max(times):.1f})" if times else "-"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", default="movies", choices=sorted(MESSAGE))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    settings = read_settings(domain=options.domain, store="memory:")
    before = rebuilt(settings, 2)[1:]
    app = build(settings)
    found, rest, still = asyncio.run(measure(app, options.repeat))
    rebuild = statistics.median([*before, *rebuilt(settings, 2)])
    Console(width=120).print(table(found, rest, still, rebuild))
    print(f"\n{len(app.catalog):,} items; rebuild: median of {len(before) + 2} starts; load of the machine meanwhile: {Path('/proc/loadavg').read_text().split()[:3]}")
    if options.json:
        options.json.write_text(json.dumps({"rebuild_ms": rebuild, "changes": [asdict(m) for m in found], "rest": rest, "still": still}))


if __name__ == "__main__":
    main()
