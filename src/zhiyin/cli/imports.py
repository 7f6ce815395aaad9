"""`zhiyin import`: items to one clean JSONL, events to a log in the data folder; rejected rows beside the first file."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from zhiyin.catalog.clean import Report, clean_rows
from zhiyin.catalog.events import LogReport, log_folder, read_keyed, write_log
from zhiyin.catalog.infer import infer_catalog
from zhiyin.catalog.load import load_catalog, merge_items
from zhiyin.catalog.pack import find_pack, read_pack
from zhiyin.catalog.read import BadRow, read_rows
from zhiyin.errors import CatalogError, EmptyCatalog
from zhiyin.interactions import KINDS, Interactions
from zhiyin.settings import read_settings
from zhiyin.types import Item


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


def import_events(files: list[Path], *, domain: str | None, errors: Path | None, dry_run: bool, stop: bool) -> int:
    """Put the files' events into the logs of a domain; 0 if all were of use, 3 if some were rejected, 1 if nothing was stored."""
    settings = read_settings(domain=domain)
    pack = read_pack(find_pack(settings.domain))
    catalog, _ = load_catalog(pack, settings.cache, data=settings.data, warn=_say)
    with _stderr().status("reading"):
        log, keys, report = read_keyed(files, [item.id for item in catalog.items], now=datetime.now(UTC).timestamp(), on_error="stop" if stop else "skip")
    _show_log(report, log)
    rejects = errors or files[0].with_suffix(".errors.jsonl")
    if report.dropped and not dry_run:
        _write(rejects, list(_rejected_rows(report)))
        print(f"rejected rows: {rejects}")
    if not len(log):
        _say(f"nothing was stored: no event of {', '.join(map(str, files))} is of use ({report.rows:,} rows)" + _why_none(report, files))
        return 1
    if not dry_run:
        print(f"log: {write_log(log, keys, log_folder(pack.name, settings.data), files[0].stem)}")
        print(f"Learn from it: zhiyin train --domain {settings.domain}")
    return 3 if report.dropped else 0


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


def _rejected_rows(report: LogReport) -> Iterator[dict[str, object]]:
    """The rejected rows as they stand in their files, which are read once more for them."""
    for path, reasons in report.rejected.by_file():
        for line, row in read_rows(path):
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
