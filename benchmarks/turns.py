"""What a turn costs without a language model: start-up, latency by stage, and growth with the catalogue.

    .venv/bin/python benchmarks/turns.py [--sizes films,100k,1m] [--turns 200] [--json FILE [--resume]]

Every catalogue is measured in a process of its own. Tables go to standard output, progress to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from rich.box import MARKDOWN, SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from playing import Played, packed, play_films, play_grown, read_conversations, unpacked

RUNS = 5
TURNS_BEFORE_MEMORY = 50
AIM_SECONDS, AIM_MB = 2.0, 400.0
FIRST = "a feel-good comedy from the 90s"
STAGES = ("understand", "decide", "retrieve", "cards", "speak", "total", "embedding")  # cards = the first three; total = cards + speak

_LESS = "cards less embedding"


@dataclass(kw_only=True)
class Started:
    """One fresh process of `zhiyin chat --json`."""

    seconds: float  # from its start to its first answer
    resident_mb: float  # after `TURNS_BEFORE_MEMORY` turns
    peak_mb: float  # at most, from start to end


@dataclass(kw_only=True)
class Measured:
    """Everything measured, part by part."""

    started: list[Started] = field(default_factory=list)
    by_size: dict[str, Played] = field(default_factory=dict)
    loads: dict[str, str] = field(default_factory=dict)  # the machine's load before and after each part

    @classmethod
    def read(cls, file: Path) -> Measured:
        """What `write` kept."""
        kept = json.loads(file.read_text(encoding="utf-8"))
        return cls(started=[Started(**s) for s in kept["started"]], by_size={n: Played(**p) for n, p in kept["by_size"].items()}, loads=kept["loads"])

    def write(self, file: Path) -> None:
        """Keep every single time."""
        file.write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")


# --- start-up ---


def measure_starts() -> list[Started]:
    """Fresh processes over the default films; one more goes before to fill the caches."""
    lines = [line for session in read_conversations(TURNS_BEFORE_MEMORY) for line in (*session, "/new")]
    with tempfile.TemporaryDirectory() as folder, Progress(console=Console(stderr=True)) as progress:
        started = [_start(Path(folder) / f"{run}.db", lines) for run in progress.track(range(RUNS + 1), description="start-up")]
    return started[1:]


def _start(store: Path, lines: Sequence[str]) -> Started:
    """`zhiyin chat --json` as an interface runs it, with a log on disk."""
    command = [sys.executable, "-m", "zhiyin", "chat", "--json", "--domain", "movies", "--store", f"sqlite:///{store}"]
    with tempfile.TemporaryFile("w+") as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8")
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no pipes")
        said = 0
        seconds = 0.0
        for line in (FIRST, "/new", *lines):
            print(line, file=process.stdin, flush=True)
            if line.startswith("/"):
                continue
            if not process.stdout.readline():
                errors.seek(0)
                raise RuntimeError(f"zhiyin chat ended early: {errors.read()[-500:]}")
            seconds = seconds or time.perf_counter() - begin
            said += 1
            if said == TURNS_BEFORE_MEMORY:
                break
        status = Path(f"/proc/{process.pid}/status").read_text()
        resident = next(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmRSS:")) / 1024
        process.stdin.close()
        process.stdout.close()
        _, code, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(code)
    return Started(seconds=seconds, resident_mb=resident, peak_mb=usage.ru_maxrss / 1024)


# --- turns ---


def size_of(name: str) -> int:
    """100k -> 100,000; 1m -> 1,000,000; films -> 0, which is their own number."""
    if name == "films":
        return 0
    digits, unit = (name[:-1], name[-1]) if name[-1] in "km" else (name, "")
    if not digits.isdigit() or int(digits) == 0:
        raise argparse.ArgumentTypeError(f"{name!r} is no size; say films, 100k, 1m or a number")
    return int(digits) * {"": 1, "k": 1_000, "m": 1_000_000}[unit]


def play_apart(name: str, turns: int) -> Played:
    """The turns over one catalogue, in a fresh process."""
    command = [sys.executable, __file__, "--one", name, "--turns", str(turns)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True)
    return unpacked(done.stdout)


def stage_times(played: Played, stage: str) -> list[float]:
    """The times of a stage by turn, or of the cards without the embedding, which no catalogue slows."""
    if stage == _LESS:
        return [c - e for c, e in zip(played.stages["cards"], played.stages["embedding"], strict=True)]
    return played.stages[stage]


def growth(sizes: Sequence[int], times: Sequence[float]) -> float:
    """The exponent b of time = a * size^b, by least squares on the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(np.maximum(times, 1e-3)), 1)[0])


# --- tables ---


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title if sys.stdout.isatty() else None, box=SIMPLE_HEAD if sys.stdout.isatty() else MARKDOWN, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
    return table


def _ms(number: float) -> str:
    return f"{number:.3f}" if number < 1 else f"{number:,.2f}" if number < 10 else f"{number:,.1f}" if number < 1000 else f"{number:,.0f}"


def _centiles(times: Sequence[float]) -> list[str]:
    return [*(_ms(float(np.percentile(times, p))) for p in (50, 90, 99)), _ms(max(times))]


def starts_table(started: Sequence[Started]) -> Table:
    """Start-up against the aims."""
    table = _table(f"Start-up, {len(started)} fresh processes", "start-up, films", "median", "lowest", "highest", "aim", "met")
    rows = [
        ("process start to first answer, s", [s.seconds for s in started], AIM_SECONDS, 2),
        (f"resident after {TURNS_BEFORE_MEMORY} turns, MB", [s.resident_mb for s in started], AIM_MB, 0),
        ("resident at most (ru_maxrss), MB", [s.peak_mb for s in started], AIM_MB, 0),
    ]
    for name, numbers, aim, places in rows:
        middle = float(np.median(numbers))
        table.add_row(name, *(f"{x:.{places}f}" for x in (middle, min(numbers), max(numbers))), f"<= {aim:g}", "yes" if middle <= aim else "NO")
    return table


def stages_table(played: Played) -> Table:
    """Milliseconds by stage, and the embedding alone."""
    table = _table(f"Turns over {played.items:,} items", "stage, ms", "p50", "p90", "p99", "max", "share of total")
    whole = sum(played.stages["total"])
    for stage in STAGES:
        times = played.stages[stage]
        label = {"cards": "= cards", "total": "= total", "embedding": "of which embedding, in the turn"}.get(stage, stage)
        table.add_row(label, *_centiles(times), f"{sum(times) / whole:.0%}")
    if played.embed:
        table.add_row("embedding the message, apart", *_centiles(played.embed), f"{sum(played.embed) / whole:.0%}")
    return table


def acts_table(played: Played) -> Table:
    """Cards by act."""
    table = _table("Cards by act", "cards by act, ms", "turns", "p50", "p90", "p99", "max")
    for act in sorted(set(played.acts), key=played.acts.count, reverse=True):
        times = [ms for ms, one in zip(played.stages["cards"], played.acts, strict=True) if one == act]
        table.add_row(act, str(len(times)), *_centiles(times))
    return table


def filters_table(played: Played) -> Table:
    """The filter step against its named alternative."""
    table = _table("The filter step", f"{len(played.masks)} sets of hard wishes, ms", "p50", "p90", "p99", "max", "times the mask (median)")
    ratio = float(np.median(np.array(played.loops) / np.array(played.masks)))
    table.add_row("Catalog.mask (columns)", *_centiles(played.masks), "1")
    table.add_row("Python loop over items", *_centiles(played.loops), f"{ratio:,.0f}")
    return table


def growth_table(by_size: Mapping[str, Played]) -> Table:
    """Cards, memory and making by size."""
    table = _table("Growth", "catalogue", "items", "turns", "cards p50, ms", "p90", "p99", "max", "peak MB", "built in s")
    for name, played in by_size.items():
        table.add_row(name, f"{played.items:,}", str(len(played.messages)), *_centiles(played.stages["cards"]), f"{played.peak_mb:,.0f}", f"{played.build_s['total']:,.1f}")
    return table


def exponents_table(by_size: Mapping[str, Played]) -> Table:
    """Each stage's p50 by size, and how it grows."""
    names = list(by_size)
    steps = list(pairwise(names))
    table = _table("Growth by stage", "ms by stage", *names, *(f"exponent {a} to {b}" for a, b in steps), "exponent, fitted")
    for stage in (*STAGES, _LESS):
        for label, centile in (("p50", 50), ("p99", 99)) if stage in {"cards", _LESS} else (("p50", 50),):
            times = {n: float(np.percentile(stage_times(p, stage), centile)) for n, p in by_size.items()}
            ones = [growth([by_size[a].items, by_size[b].items], [times[a], times[b]]) for a, b in steps]
            fitted = growth([p.items for p in by_size.values()], list(times.values()))
            table.add_row(f"{stage} {label}", *map(_ms, times.values()), *(f"{e:.2f}" for e in (*ones, fitted)))
    return table


def builds_table(by_size: Mapping[str, Played]) -> Table:
    """Where the time before the first turn goes."""
    parts = list(dict.fromkeys(part for played in by_size.values() for part in played.build_s))
    table = _table("Building", "seconds to build", *by_size)
    for part in parts:
        table.add_row(part, *(f"{p.build_s[part]:,.1f}" if part in p.build_s else "-" for p in by_size.values()))
    return table


def slowest_table(by_size: Mapping[str, Played]) -> Table:
    """The three slowest messages by size, and the stage that held them up."""
    table = _table("Slowest", "slowest messages", "cards, ms", "act", "stage", "its ms", "message")
    for name, played in by_size.items():
        for at in np.argsort(played.stages["cards"])[::-1][:3]:
            stage = max(("understand", "decide", "retrieve"), key=lambda s: played.stages[s][at])
            text = played.messages[at]
            table.add_row(name, _ms(played.stages["cards"][at]), played.acts[at], stage, _ms(played.stages[stage][at]), text if len(text) <= 48 else text[:47] + "…")
    return table


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def report(out: Console, measured: Measured) -> None:
    """All tables."""
    by_size = measured.by_size
    tables = [starts_table(measured.started)] if measured.started else []
    if films := by_size.get("films"):
        tables += [stages_table(films), acts_table(films), *([filters_table(films)] if films.masks else [])]
    tables += [growth_table(by_size), builds_table(by_size), slowest_table(by_size)] if by_size else []
    tables += [exponents_table(by_size)] if len({p.items for p in by_size.values()}) > 1 else []
    loads = "; ".join(f"{part} {load}" for part, load in measured.loads.items())
    out.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, 1-minute load before and after each part: {loads}.\n", soft_wrap=True)
    for table in tables:
        out.print(table)
    for name, played in by_size.items():
        missing = [f"{played.missing:,} films had no vector yet and were embedded meanwhile: NOT a clean measurement"] if played.missing else []
        for note in (*missing, *played.notes):
            out.print(f"{name}: {note}", soft_wrap=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="films,100k,1m", help="catalogues, with commas: films, 100k, 1m, any number")
    parser.add_argument("--turns", type=int, default=200, help="different messages at least; whole sessions are played")
    parser.add_argument("--json", type=Path, help="also keep every single time in this file")
    parser.add_argument("--resume", action="store_true", help="take from that file the parts it has, and measure the others only")
    parser.add_argument("--no-start", action="store_true", help="leave start-up out")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        size = size_of(given.one)
        print(packed(play_grown(size, given.turns, given.one) if size else play_films(given.turns)))
        return
    names = [n for n in given.sizes.split(",") if n]
    try:
        names.sort(key=size_of)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    if given.resume and not given.json:
        parser.error("--resume goes with --json FILE")
    measured = Measured.read(given.json) if given.resume and given.json.is_file() else Measured()
    parts = [*(() if given.no_start or measured.started else ("start-up",)), *(n for n in names if n not in measured.by_size)]
    for part in parts:
        before = _load()
        if part == "start-up":
            measured.started = measure_starts()
        else:
            measured.by_size[part] = play_apart(part, given.turns)
        measured.loads[part] = f"{before} to {_load()}"
        if given.json:
            measured.write(given.json)
    measured.by_size = {name: measured.by_size[name] for name in names}
    report(Console() if sys.stdout.isatty() else Console(width=200), measured)


if __name__ == "__main__":
    main()
