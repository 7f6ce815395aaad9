"""`zhiyin import`: items to one clean JSONL, events and orders into the store; rejected rows beside the first file."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table
from rich.text import Text

from zhiyin.backends import open_bus, open_stores, shared, store_url
from zhiyin.bootstrap import open_catalog
from zhiyin.catalog.clean import Report, clean_rows
from zhiyin.catalog.events import LogReport, log_folder, read_keyed, write_log
from zhiyin.catalog.events_copies import Keys
from zhiyin.catalog.infer import infer_catalog
from zhiyin.catalog.intake import MOST_FAULTS
from zhiyin.catalog.load import merge_items
from zhiyin.catalog.orders import Orders
from zhiyin.catalog.pack import find_pack, read_pack
from zhiyin.catalog.read import BadRow, Rows, read_rows
from zhiyin.errors import CatalogError, EmptyCatalog, SettingError
from zhiyin.following import ids_now
from zhiyin.interactions import KINDS, Interactions
from zhiyin.settings import Settings
from zhiyin.stores.places import masked
from zhiyin.types import Item
from zhiyin.web.admin.imports import remember
from zhiyin.web.changes import TASTE
from zhiyin.web.event_files import BadEvent, Kept, keep_log
from zhiyin.web.money import CURRENCIES


def import_items(files: list[Path], *, domain: str | None, errors: Path | None, out: Path | None, dry_run: bool, stop: bool) -> int:
    """Clean the files; 0 if all rows were read, 3 if some were rejected. Nothing readable raises `EmptyCatalog`."""
    report = Report()
    items = _by_pack(files, domain, report) if domain else _by_inference(files, report)
    if not items:
        raise EmptyCatalog(f"no row of {', '.join(map(str, files))} could be read ({report.rows} rows)", hint=f"See why with: zhiyin validate {files[0]}")
    if report.bad and stop:
        first = report.bad[0]
        raise CatalogError(f"line {first.line}: {first.reason}; nothing was written", hint="Use --on-error skip to go on without such rows")
    target = out or files[0].with_suffix(".clean.jsonl")
    rejects = errors or files[0].with_suffix(".errors.jsonl")
    if not dry_run:
        _write(target, [_row(i) for i in track(items, description="writing", disable=not sys.stderr.isatty(), console=_stderr())])
        if report.bad:
            _write(rejects, [{"line": b.line, "reason": b.reason, "row": b.row} for b in report.bad])
    print(f"{report.rows} rows: {len(items)} items, {report.merged} duplicates merged, {len(report.bad)} rejected, {report.dropped_values} unusable values left out")
    if not dry_run:
        print(f"items: {target}" + (f"\nrejected rows: {rejects}" if report.bad else ""))
        print(f"Talk about them: zhiyin chat --items {target}")
    return 3 if report.bad else 0


def import_events(files: list[Path], *, settings: Settings, errors: Path | None, dry_run: bool, stop: bool, train_only: bool) -> int:
    """Put the files' events into the store, or with `train_only` into log files that are only learned from; 0 if all were of use, 3 if some were rejected, 1 if nothing was."""
    if train_only:
        catalog, _ = open_catalog(settings, warn=_say)
        log, keys, report = _read_log(files, [item.id for item in catalog.items], stop=stop)
        status = _judged(files, log, report, errors=errors, dry_run=dry_run)
        if len(log) and not dry_run:
            print(f"log: {write_log(log, keys, log_folder(catalog.domain.name, settings.data), files[0].stem)}")
            print(f"Learn from it: zhiyin train{_named(settings)}")
        return status
    return asyncio.run(_into_store(files, settings, errors=errors, dry_run=dry_run, stop=stop))


def import_orders(files: list[Path], *, settings: Settings, errors: Path | None, dry_run: bool, stop: bool, currency: str) -> int:
    """Put the files' orders into the store as purchases, a line of an order each; exit status as of events."""
    if currency and currency not in CURRENCIES:
        raise SettingError(f"--currency {currency!r} is no code of ISO 4217", hint="Such as CNY, USD or EUR")
    orders = Orders(currency)
    status = asyncio.run(_into_store(files, settings, errors=errors, dry_run=dry_run, stop=stop, rows=orders))
    if orders.cancelled:
        print(f"passed over: {orders.cancelled:,} lines of orders that were cancelled or not paid")
    if orders.unpriced:
        print(f"kept without a price: {orders.unpriced:,} lines whose price names no amount or no currency; name it with --currency")
    return status


async def _into_store(files: list[Path], settings: Settings, *, errors: Path | None, dry_run: bool, stop: bool, rows: Rows = read_rows) -> int:
    catalog, _ = await asyncio.to_thread(open_catalog, settings, warn=_say)
    stores, bus = shared(settings, open_stores(settings)), open_bus(settings)
    try:
        ids = await ids_now([item.id for item in catalog.items], stores.records, catalog.domain.name)
        log, _, report = _read_log(files, ids, stop=stop, rows=rows)
        with Progress(console=_stderr(), disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task("keeping", total=len(log))
            kept = await keep_log(stores, log, report, rows=rows, progress=lambda done: bar.update(task, completed=done), dry=dry_run)
        status = _judged(files, log, report, errors=errors, dry_run=dry_run, kept=kept, rows=rows)
        if not dry_run:
            await remember(stores.records, datetime.now(UTC), _told(files, log, report, kept, rows))
            if settings.redis:
                await asyncio.gather(*(bus.publish(TASTE, f"import:{user}") for user in kept.users))
            if kept.new or kept.known:
                print(f"kept: {kept.new:,} new, {kept.known:,} known already, in {masked(store_url(settings))}")
                print(f"Learn from it: zhiyin train{_named(settings)}")
        return status
    finally:
        await bus.close()
        await stores.log.close()


def _read_log(files: list[Path], ids: Sequence[str], *, stop: bool, rows: Rows = read_rows) -> tuple[Interactions, Keys, LogReport]:
    with _stderr().status("reading"):
        return read_keyed(files, ids, now=datetime.now(UTC).timestamp(), on_error="stop" if stop else "skip", rows=rows)


def _judged(files: list[Path], log: Interactions, report: LogReport, *, errors: Path | None, dry_run: bool, kept: Kept | None = None, rows: Rows = read_rows) -> int:
    """Tell what the reading came to, and write the rejected rows beside the first file; the exit status."""
    _show_log(report, log)
    bad = kept.bad if kept is not None else []
    for name, count in kept.left_out.items() if kept is not None else ():
        print(f"{count:,} cells of {name} are left out: " + ("money is a whole number of minor units (cents, fen) with its currency" if name == "value" else "no whole number"))
    if bad:
        print(f"{len(bad):,} rows cannot be kept; first: line {bad[0].line} of {files[bad[0].file].name}: {bad[0].reason}")
    if (report.dropped or bad) and not dry_run:
        rejects = errors or files[0].with_suffix(".errors.jsonl")
        _write(rejects, [*_rejected_rows(report, rows), *_bad_rows(files, bad)])
        print(f"rejected rows: {rejects}")
    if len(log) <= len(bad):
        _say(f"nothing was stored: no event of {', '.join(map(str, files))} is of use ({report.rows:,} rows)" + _why_none(report, files))
        return 1
    return 3 if report.dropped or bad else 0


def _bad_rows(files: list[Path], bad: Sequence[BadEvent]) -> Iterator[dict[str, object]]:
    for one in bad:
        yield {"file": files[one.file].name, "line": one.line, "reason": one.reason, "row": json.dumps(one.row, ensure_ascii=False, default=str)[:200]}


def _told(files: list[Path], log: Interactions, report: LogReport, kept: Kept, rows: Rows) -> dict[str, object]:
    """What came of an import, as the operator's page lists it."""
    rejected = [*islice(_rejected_rows(report, rows), MOST_FAULTS), *_bad_rows(files, kept.bad)]
    return {
        "name": files[0].name if len(files) == 1 else f"{files[0].name} + {len(files) - 1}",
        "kind": "events",
        "format": files[0].suffix.lstrip("."),
        "by": "command line",
        "rows": report.rows,
        "accepted": len(log) - len(kept.bad),
        "rejected": report.dropped + len(kept.bad),
        "new": kept.new,
        "known": kept.known,
        "errors": [{"line": row["line"], "field": "row", "message": row["reason"], "row": row["row"], "kept": False} for row in rejected[:MOST_FAULTS]],
        "seen": len(rejected) < MOST_FAULTS,
    }


def _named(settings: Settings) -> str:
    return "" if settings.items else f" --domain {settings.domain}"


def _show_log(report: LogReport, log: Interactions) -> None:
    """What the reading came to: a table on a terminal, else a line for each trouble."""
    kinds = Counter({KINDS[kind]: int(count) for kind, count in enumerate(np.bincount(log.kind, minlength=len(KINDS)).tolist()) if count})
    told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    print(f"{report.rows:,} rows: {report.events:,} events of {report.users:,} users on {report.items:,} items, {report.dropped:,} rejected" + (f" ({told})" if told else ""))
    for text in report.assumed:
        print(f"taken for granted: {text}")
    if sys.stdout.isatty() and report.troubles:
        table = Table("what", "count", "in words")
        for trouble in report.troubles:
            table.add_row(trouble.fate, f"{trouble.count:,}", Text(trouble.text))
        Console(highlight=False).print(table)
    else:
        print("".join(f"{trouble.text}\n" for trouble in report.troubles), end="")


def _rejected_rows(report: LogReport, rows: Rows) -> Iterator[dict[str, object]]:
    """The rejected rows as they stand in their files, which are read once more for them."""
    for path, reasons in report.rejected.by_file():
        for line, row in rows(path):
            if line in reasons:
                yield {
                    "file": path.name,
                    "line": line,
                    "reason": row.reason if isinstance(row, BadRow) else reasons[line],
                    "row": row.row if isinstance(row, BadRow) else json.dumps(row, ensure_ascii=False, default=str)[:200],
                }


def _why_none(report: LogReport, files: list[Path]) -> str:
    """The next step where nothing was of use."""
    if not report.rows:
        return f"; {files[0].name} holds no rows"
    worst = max((t for t in report.troubles if t.fate == "dropped"), key=lambda t: t.count, default=None)
    return f"\nMost of all: {worst.text}" if worst else ""


def _by_pack(files: list[Path], domain: str, report: Report) -> list[Item]:
    pack = read_pack(find_pack(domain))
    return merge_items([[i for path in files for i in clean_rows(read_rows(path), pack, report)]], pack, report)


def _by_inference(files: list[Path], report: Report) -> list[Item]:
    catalogs = [infer_catalog(path, report)[0] for path in files]
    return merge_items([[i for c in catalogs for i in c.items]], catalogs[0].domain, report)


def _row(item: Item) -> dict[str, object]:
    row: dict[str, object] = {"id": item.id, "titles": dict(item.titles), **{k: list(v) if isinstance(v, tuple) else v for k, v in item.attributes.items()}}
    if item.texts:
        row["description"] = dict(item.texts)
    if item.aliases:
        row["aliases"] = list(item.aliases)
    if item.variants:
        row["variants"] = [dict(v) for v in item.variants]
    return row


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    scratch = path.with_suffix(path.suffix + ".part")
    scratch.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    scratch.replace(path)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _stderr() -> Console:
    return Console(stderr=True)
