"""Items and events from the text of a file: tried first if wanted, good rows kept and served at once, the others told by line and field."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import AfterValidator, Field, StringConstraints

from zhiyin.catalog.events import LogReport, read_keyed
from zhiyin.catalog.events_report import FATES
from zhiyin.catalog.intake import MOST_FAULTS, Format, Intake, RowFault, as_file, printable, read_items, short_row
from zhiyin.catalog.read import BadRow, read_rows
from zhiyin.errors import CatalogError, UnreadableFile
from zhiyin.ports import Records
from zhiyin.web.asked import Yes
from zhiyin.web.bodies import Body, Id
from zhiyin.web.callers import Admin
from zhiyin.web.cursors import Cursors
from zhiyin.web.event_files import keep_log
from zhiyin.web.idempotency import Once
from zhiyin.web.problems import invalid, missing
from zhiyin.web.service import Here, Service
from zhiyin.wire import Json

router = APIRouter(route_class=Once)
KIND = "import"
KEPT = 100
"""Imports that are remembered; of more, the latest."""
_REMEMBERED = timedelta(days=90)  # rows with errors may name users
MOST_ROWS = 5_000
_AT_ONCE = 1000  # items that are kept and served in one step
_LAST = 10**14  # milliseconds: keys count down, so that the latest import comes first
_FIELDS = {
    "type": "type",
    "user": "user_id",
    "item": "item_ids",
    "unknown_item": "item_ids",
    "time": "time",
    "before": "time",
    "future": "time",
    "value": "value",
    "scale": "value",
    "negative": "value",
}
_FIELD_OF = {FATES[code][1]: field for code, field in _FIELDS.items()}  # what is said of a row -> the field that it is said of
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _storable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half a character (a lone surrogate)") from None
    return text


class ImportBody(Body):
    """A file's text. Its length is limited by `http.body_limit`; a longer file is sent in pieces, each with its header."""

    name: Annotated[Id, StringConstraints(max_length=128)] = Field(description="what the file is called")
    format: Format
    kind: Literal["items", "events"]
    text: Annotated[str, AfterValidator(_storable)]
    dry_run: Yes = False


@router.post("/v1/admin/imports")
async def import_text(service: Here, who: Admin, body: ImportBody) -> Json:
    """Read a text and keep its good rows, or with `dry_run` only say what would be kept. Items take the place of those of their ids."""
    try:
        told = await (_items if body.kind == "items" else _events)(service, body)
    except (UnreadableFile, CatalogError) as error:
        raise invalid("text", printable(_without_path(str(error)))) from None
    if body.dry_run:
        return {"import_id": None, **told, "dry_run": True}
    kept = {"name": body.name, "kind": body.kind, "format": body.format, "by": who.key or who.kind, **told}
    return {**await remember(service.records, service.clock(), kept), "dry_run": False}


async def remember(records: Records, now: datetime, told: Json) -> Json:
    """Keep what came of an import, for the list of earlier ones; the same with its id and time."""
    key = f"{_LAST - int(now.timestamp() * 1000):014d}-{secrets.token_hex(4)}"
    kept = {**told, "time": now.isoformat(timespec="seconds")}
    await records.put(KIND, key, json.dumps(kept, ensure_ascii=False), expires=now + _REMEMBERED)
    await _forget_oldest(records)
    return {"import_id": key, **kept}


@router.get("/v1/admin/imports")
async def list_imports(*, service: Here, limit: Annotated[int, Query(ge=1, le=KEPT)] = 20, cursor: Annotated[str | None, Query(max_length=1000)] = None) -> Json:
    """Earlier imports, the latest first, without their errors."""
    cursors, now = Cursors(service.secret, "admin:imports"), service.clock()
    after = str(cursors.read(cursor, now)) if cursor else ""
    page = [record for record in await service.records.page(KIND, after=after, limit=limit + 1) if record.value is not None]
    rows = [{"import_id": record.key, **{k: v for k, v in json.loads(record.value or "{}").items() if k != "errors"}} for record in page[:limit]]
    return {"imports": rows, "next_cursor": cursors.make(page[limit - 1].key, now) if len(page) > limit else None}


@router.get("/v1/admin/imports/{import_id}")
async def get_import(service: Here, import_id: Id) -> Json:
    """One import with what was wrong with its rows."""
    return {"import_id": import_id, **await _kept(service.records, import_id)}


@router.get("/v1/admin/imports/{import_id}/errors.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def download_errors(service: Here, import_id: Id) -> Response:
    """What was wrong, as a table for a spreadsheet; a cell that one would take for a formula begins with an apostrophe."""
    kept = await _kept(service.records, import_id)
    errors = kept["errors"]
    out = io.StringIO()
    table = csv.writer(out)
    names = ("line", "field", "message", "row", "kept")
    table.writerow(names)
    for error in errors if isinstance(errors, list) else ():
        table.writerow([_cell(error[name]) for name in names])
    headers = {"content-disposition": 'attachment; filename="errors.csv"', "cache-control": "no-store"}
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def _items(service: Service, body: ImportBody) -> Json:
    intake = await asyncio.to_thread(read_items, body.text, body.format, service.app.domain)
    _check_size(intake.rows)
    there = service.app.catalog.row
    replaced = sum(item_id in there for item_id in intake.items)
    if not body.dry_run:
        items = tuple(intake.items.values())
        for start in range(0, len(items), _AT_ONCE):
            await service.items.put(items[start : start + _AT_ONCE])
    return _told(intake, {"new": len(intake.items) - replaced, "replaced": replaced})


async def _events(service: Service, body: ImportBody) -> Json:
    """Events as `zhiyin import events` keeps them: once each, however often a file is sent."""
    ids, now = [item.id for item in service.app.catalog.items], service.clock().timestamp()
    intake = Intake()
    with as_file(body.text, body.format) as path:
        log, _, report = await asyncio.to_thread(read_keyed, [path], ids, now=now)
        _check_size(report.rows)
        kept = await keep_log(service.app.stores, log, report, dry=body.dry_run)
        for fault in await asyncio.to_thread(_rejected, report):
            intake.fault(fault)
    for bad in kept.bad:
        field, _, reason = bad.reason.partition(": ")
        intake.fault(RowFault(line=bad.line, field=field, message=printable(reason), row=short_row(bad.row)))
    for name, count in kept.left_out.items():
        intake.fault(RowFault(line=0, field=name, message=f"{count:,} values say nothing that an event can hold; the events are kept without them", row="", kept=True))
    if not body.dry_run:
        for user in kept.users:
            service.app.engine.refresh(user)
        service.learner.learn(kept.users)
        await asyncio.gather(*(service.changes.tasted(user) for user in kept.users))
    rejected = {(file, line) for file, line in zip(report.rejected.file.tolist(), report.rejected.line.tolist(), strict=True)} | {(bad.file, bad.line) for bad in kept.bad}
    intake.rows, intake.rejected, accepted = report.rows, len(rejected), len(log) - len(kept.bad)
    counts: Json = {"new": kept.new, "known": kept.known} if not body.dry_run else {}
    return {
        **_told(intake, counts),
        "accepted": accepted,
        "remarks": [printable(trouble.text.replace(path.name, body.name)) for trouble in report.troubles if trouble.fate != "dropped"],
    }


def _rejected(report: LogReport) -> Iterator[RowFault]:
    """The rows of which no event could be read, as they stand in the text."""
    for path, reasons in report.rejected.by_file():
        for line, row in read_rows(path):
            if line in reasons:
                bad = isinstance(row, BadRow)
                reason = row.reason if isinstance(row, BadRow) else reasons[line]
                yield RowFault(line=line, field="row" if bad else _FIELD_OF.get(reason, "event"), message=reason, row=row.row if isinstance(row, BadRow) else short_row(row))


def _check_size(rows: int) -> None:
    if rows > MOST_ROWS:
        raise invalid("text", f"{rows:,} rows are too many at once; {MOST_ROWS:,} are the most")


def _told(intake: Intake, more: Json) -> Json:
    return {
        "rows": intake.rows,
        "accepted": len(intake.items),
        "rejected": intake.rejected,
        **more,
        "errors": [asdict(fault) for fault in intake.faults],
        "seen": len(intake.faults) < MOST_FAULTS,
    }


async def _kept(records: Records, import_id: str) -> Json:
    record = await records.get(KIND, import_id)
    if record is None or record.value is None:
        raise missing("import")
    found: Json = json.loads(record.value)
    return found


async def _forget_oldest(records: Records) -> None:
    for record in (await records.page(KIND, limit=2 * KEPT))[KEPT:]:
        await records.delete(KIND, record.key)


def _without_path(text: str) -> str:
    """A message of what reads files, without the file that the text was put into."""
    return text.partition(": ")[2] or text


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
