"""How fitting, memory and a new event's ranking grow with people and items: each source and all together, at 1, 10 and 100 times MovieLens 100K's shape.

    python benchmarks/growth.py [--sizes 1,10,100] [--only popularity,items] [--plot FILE.svg] [--json FILE]

A factor multiplies users (943), items (1,682) and events (106 a user) alike; logs are synthetic (`events.synthetic`). Each source is fitted in
a process of its own: `peak MB` is that process's ru_maxrss, with the log it read in it (which has its own row). All sources together are what serves:
their fits are added up, their memory is that of a process that restores them. Latency is from a new event to ten items, at 300 events of different
users. Exponents are b in cost = a * factor^b, by least squares on the logarithms; `implicit` is the named alternative.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from events import World, alternative, item_vectors, only, ours, range_names, synthetic
from zhiyin.backends import open_sources
from zhiyin.interactions import Interactions
from zhiyin.learn.recommender import Recommender

USERS, ITEMS, PER_USER, EVENTS = 943, 1682, 106.0, 300
LOG, ALL, OTHER = "the log alone", "all sources", "implicit ALS"
SOURCES = ("popularity", "items", "users", "factors", "broad", "ease", "chain", "steps", "content")
COSTS = {"fit_s": "fit, s", "peak_mb": "peak MB", "p50_ms": "event to ranking p50, ms", "p99_ms": "p99, ms", "quiet_ms": "p99 quiet, ms"}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one part took at one size; NaN is what it does not have."""

    factor: int
    part: str
    events: int
    fit_s: float
    peak_mb: float
    p50_ms: float
    p99_ms: float
    quiet_ms: float


# --- one part in a process of its own ---


def make(factor: int, folder: Path) -> None:
    """Write the log of a size, without the newest event of some users."""
    world = World.cut(synthetic(USERS * factor, ITEMS * factor, PER_USER), EVENTS)
    log = world.log
    np.savez(folder / "log.npz", user=log.user, item=log.item, value=log.value, time=log.time, who=world.users, following=world.following)


def read(factor: int, folder: Path) -> World:
    """What `make` wrote."""
    with np.load(folder / "log.npz") as kept:
        log = Interactions.of(kept["user"], kept["item"], kept["time"], value=kept["value"], users=range_names(USERS * factor), items=range_names(ITEMS * factor))
        return World(log=log, users=kept["who"], following=kept["following"])


def measure(factor: int, part: str, folder: Path) -> Cost:
    """Fit a source and keep its state for `ALL`, which reads all of them; then ask."""
    world = read(factor, folder)
    fit, times = float("nan"), (np.array([np.nan]), np.array([np.nan]))
    if part == OTHER:
        row = alternative(world, world.histories(), iterations=10)
        times, fit = (row.first, row.quickest), row.fit_s
    elif part != LOG:
        recommender = only(Recommender(open_sources(vectors=item_vectors(len(world.log.items)))), SOURCES if part == ALL else (part,))
        fit = _kept(recommender, folder) if part == ALL else _fit(recommender, world.log, folder / f"{part}.npz")
        row = ours(part, recommender, world.histories())
        times = (row.first, row.quickest)
    first, quickest = times
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    numbers = {"p50_ms": float(np.median(first)), "p99_ms": float(np.percentile(first, 99)), "quiet_ms": float(np.percentile(quickest, 99))}
    return Cost(factor=factor, part=part, events=len(world.log), fit_s=fit, peak_mb=peak, **numbers)


def _fit(recommender: Recommender, log: Interactions, file: Path) -> float:
    """Seconds to fit the one source, whose state is kept."""
    begin = time.perf_counter()
    recommender.fit(log)
    took = time.perf_counter() - begin
    (source,) = recommender.sources.values()
    state: dict[str, Any] = dict(source.state())
    np.savez(file, **state)
    return took


def _kept(recommender: Recommender, folder: Path) -> float:
    """Restore every source from its own process's state; the seconds of a fit are added up by the caller."""
    for name, source in recommender.sources.items():
        with np.load(folder / f"{name}.npz") as kept:
            source.restore(dict(kept))
    return float("nan")


# --- all parts ---


def grow(factor: int, parts: Sequence[str]) -> list[Cost]:
    """Every part at one size, each apart; `ALL` only if every source is among them."""
    with tempfile.TemporaryDirectory() as folder:
        make_command = [sys.executable, __file__, "--one", f"{factor}:make:{folder}"]
        subprocess.run(make_command, check=True)
        found: list[Cost] = []
        for part in parts:
            begin = time.perf_counter()
            done = subprocess.run([sys.executable, __file__, "--one", f"{factor}:{part}:{folder}"], stdout=subprocess.PIPE, text=True, check=True)
            cost = Cost(**json.loads(done.stdout))
            if part == ALL:
                cost = Cost(**{**asdict(cost), "fit_s": sum(c.fit_s for c in found if c.part in SOURCES)})
            found.append(cost)
            print(f"x{factor} {part}: {time.perf_counter() - begin:.0f} s in all, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    return found


def exponent(costs: Sequence[Cost], name: str) -> float:
    """B of cost = a * factor^b; NaN with fewer than two sizes or where nothing is measured."""
    numbers = np.array([_number(cost, name) for cost in costs])
    if len(costs) < 2 or np.isnan(numbers).any():
        return float("nan")
    return float(np.polyfit(np.log([cost.factor for cost in costs]), np.log(numbers), 1)[0])


def _number(cost: Cost, name: str) -> float:
    """A cost, NaN where it is too little to measure or none."""
    number = float(getattr(cost, name))
    return number if number >= 1e-3 else float("nan")


# --- tables and plot ---


def growth_table(by_part: Mapping[str, Sequence[Cost]], name: str) -> Table:
    """One cost by part and size, its exponents, and the last size's ratio to the alternative's."""
    factors = sorted({cost.factor for costs in by_part.values() for cost in costs})
    table = Table(box=MARKDOWN)
    for number, column in enumerate((COSTS[name], *(f"x{f}" for f in factors), "exponent", f"alternative / ours at x{factors[-1]}")):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    other = {cost.factor: cost for cost in by_part.get(OTHER, ())}
    for part, costs in by_part.items():
        at = {cost.factor: _number(cost, name) for cost in costs}
        theirs = _number(other[factors[-1]], name) if factors[-1] in other else float("nan")
        numbers = [at.get(f, float("nan")) for f in factors]
        table.add_row(part, *map(_shown, numbers), _shown(exponent(costs, name), 2), _shown(theirs / numbers[-1], 2))
    return table


def _shown(number: float, places: int = 3) -> str:
    return "-" if np.isnan(number) else f"{number:,.{places}f}" if number < 10 else f"{number:,.0f}"


def plot(by_part: Mapping[str, Sequence[Cost]], file: Path) -> None:
    """Three panels on logarithmic axes."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 3, figsize=(15, 4.5), layout="constrained")
    colours = {part: f"C{number}" for number, part in enumerate(SOURCES)} | {LOG: "lightgrey", ALL: "black", OTHER: "black"}
    for panel, name in zip(panels, ("fit_s", "peak_mb", "quiet_ms"), strict=True):
        for part, costs in by_part.items():
            numbers = [_number(cost, name) for cost in costs]
            if not np.isnan(numbers).any():
                style = "--" if part == OTHER else "-"
                panel.plot(
                    [cost.factor for cost in costs],
                    numbers,
                    style,
                    marker="o",
                    label=f"{part} ({exponent(costs, name):.2f})",
                    color=colours[part],
                    linewidth=2.5 if part == ALL else 1.2,
                )
        panel.set(xscale="log", yscale="log", xlabel="times 943 users, 1,682 items, 100,000 events", ylabel=COSTS[name])
        panel.legend(fontsize=7, title="exponent in brackets", title_fontsize=7)
        panel.grid(alpha=0.3)
    figure.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,10,100", help="factors, with commas")
    parser.add_argument("--only", default="", help="some parts, with commas")
    parser.add_argument("--plot", type=Path, help="a PNG or SVG to draw into")
    parser.add_argument("--json", type=Path, help="also keep what was measured; sizes and parts that stand there already are not measured again")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":  # noqa: TID251  # no setting of ours: numpy reads it once, when it is loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})  # noqa: TID251
    if given.one:
        factor, part, folder = given.one.split(":", 2)
        if part == "make":
            make(int(factor), Path(folder))
        else:
            print(json.dumps(asdict(measure(int(factor), part, Path(folder)))))
        return
    parts = tuple(given.only.split(",")) if given.only else (LOG, *SOURCES, ALL, OTHER)
    costs = [Cost(**c) for c in json.loads(given.json.read_text())] if given.json and given.json.is_file() else []
    for factor in map(int, given.sizes.split(",")):
        if factor not in {cost.factor for cost in costs}:
            costs += grow(factor, parts)
        if given.json:
            given.json.write_text(json.dumps([asdict(c) for c in costs]))
    by_part = {part: sorted((c for c in costs if c.part == part), key=lambda c: c.factor) for part in parts}
    report(by_part)
    if given.plot:
        plot(by_part, given.plot)


def report(by_part: Mapping[str, Sequence[Cost]]) -> None:
    """All tables."""
    sizes = {c.factor: c.events for costs in by_part.values() for c in costs}
    print("; ".join(f"x{f}: {f * USERS:,} users, {f * ITEMS:,} items, {n:,} events" for f, n in sizes.items()) + f". One thread; load {os.getloadavg()[0]:.1f}.\n")
    out = Console(width=200)
    for name in COSTS:
        out.print(growth_table(by_part, name))


if __name__ == "__main__":
    main()
