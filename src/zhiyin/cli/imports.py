"""`zhiyin import items`: raw files to one clean JSONL, rejected rows beside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track

from zhiyin.catalog.clean import Report, clean_rows
from zhiyin.catalog.infer import infer_catalog
from zhiyin.catalog.load import merge_items
from zhiyin.catalog.pack import find_pack, read_pack
from zhiyin.catalog.read import read_rows
from zhiyin.errors import CatalogError, EmptyCatalog
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


def _stderr() -> Console:
    return Console(stderr=True)
