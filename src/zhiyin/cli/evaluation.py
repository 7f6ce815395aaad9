"""`zhiyin evaluate`: the protocols over a log, as a table, as JSON, as pages."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from zhiyin.catalog.load import load_catalog
from zhiyin.catalog.pack import find_pack, read_pack
from zhiyin.cli.training import stored_log
from zhiyin.errors import EmptyCatalog, SettingError
from zhiyin.evaluate import report
from zhiyin.evaluate.data import Dataset, read_ml100k
from zhiyin.evaluate.runs import PROTOCOLS, evaluate
from zhiyin.interactions import Interactions
from zhiyin.ports import Source
from zhiyin.settings import read_settings
from zhiyin.trained import gather

_NARROW = 110  # characters below which a table shows three metrics, not six


def run_evaluation(names: Sequence[str], domain: str | None, *, ltr: bool, sequential: bool, seeds: int | None, out: Path | None, as_json: bool) -> int:
    """Evaluate under each protocol; with `out`, a report.html and a report.json a protocol. A protocol that has nobody to ask is left out, unless it is the only one."""
    unknown = [name for name in names if name not in PROTOCOLS]
    if unknown:
        raise SettingError(f"there is no protocol {unknown[0]!r}", hint=f"Protocols are {', '.join(PROTOCOLS)}")
    dataset = _dataset(domain)
    if out is not None:
        _make(out)  # now, not after minutes
    runs = []
    refused: EmptyCatalog | None = None
    for protocol in (PROTOCOLS[name] for name in names or PROTOCOLS):
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task(protocol.name, total=None)

            def progress(name: str, step: int, steps: int, bar: Progress = bar, task: object = task, title: str = protocol.name) -> None:
                bar.update(task, description=f"{title}: {name}", completed=step, total=steps)  # type: ignore[arg-type]  # rich's own id

            extra = _transformer if sequential else dict
            try:
                run = evaluate(dataset, protocol, date=f"{datetime.now(UTC):%Y-%m-%d}", extra=extra, ltr=ltr, seeds=seeds, progress=progress)
            except EmptyCatalog as error:
                refused = error
                print(f"left out: {error}", file=sys.stderr)
                continue
        runs.append(run)
        if not as_json:
            _print(run)
        if out is not None:
            data, page = report.write(run, out / protocol.name)
            print(f"{page}\n{data}", file=sys.stderr)
    if refused is not None and not runs:
        raise refused
    if as_json:
        print("[" + ",\n".join(report.to_json(run) for run in runs) + "]")
    return 0


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"--out {folder} cannot be written: {error.strerror}", hint="Give a folder of your own") from error


def _dataset(domain: str | None) -> Dataset:
    settings = read_settings(domain=domain)
    if domain is None:
        return read_ml100k(settings.data)
    catalog, _ = load_catalog(read_pack(find_pack(domain)), settings.cache, data=settings.data)
    log = Interactions.together([gather(catalog, settings), asyncio.run(stored_log(catalog, settings))])
    if not len(log):
        raise EmptyCatalog(f"{domain} has no events to evaluate on", hint="Add some: zhiyin data list, or zhiyin import events FILE")
    items = [catalog.items[catalog.row[i]] for i in log.items]  # type: ignore[index]  # ids are ids
    field = next((f.name for f in catalog.domain.fields.values() if f.kind == "list" and f.wish), None)
    genres = tuple(tuple(str(v) for v in item.values(field)) for item in items) if field else ()
    return Dataset(name=domain, log=log, titles=tuple(i.title() for i in items), genres=genres)


def _transformer() -> Mapping[str, Source]:
    from zhiyin.retrieve.transformer import Transformer

    return {"transformer": Transformer()}


def _print(run: report.Run) -> None:
    """The table of a run: metrics with half-widths of 95 % intervals, fit seconds."""
    console = Console(highlight=False)
    shown = run.metrics[: 3 if console.width < _NARROW else 6]
    table = Table(title=f"{run.dataset}, {run.protocol}")
    for name in ("model", *shown, "fit s"):
        table.add_column(name, no_wrap=True, justify="left" if name == "model" else "right")
    best = {metric: run.standing(metric) for metric in shown}
    for row, model in enumerate(run.models):
        cells = [f"[bold]{m[0]:.4f}[/] ±{m[1]:.3f}" if best[name][row] == "best" else f"{m[0]:.4f} ±{m[1]:.3f}" for name, m in ((name, model.metrics[name]) for name in shown)]
        table.add_row(model.name, *cells, f"{model.seconds:.2f}")
    console.print(table)
    for note in run.notes:
        console.print(note)
