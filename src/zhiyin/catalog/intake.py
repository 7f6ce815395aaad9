"""The text of a file of items, row by row: which become items, and what is wrong with the others, by line and field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from rapidfuzz import process

from zhiyin.catalog.clean import Report, clean_rows, column_name, unread, unusable
from zhiyin.catalog.domain import Domain
from zhiyin.catalog.read import BadRow, Raw, read_rows
from zhiyin.catalog.rows import BadItem, item_json, read_item
from zhiyin.types import Item, ItemId

Format = Literal["csv", "jsonl", "json"]
MOST_FAULTS = 1000
_ROW = 200  # characters of a row that are told
_ALIKE = 60  # of 100: nearer names are proposed
_UNTITLED = "title"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """What is wrong with one field of one row; `kept` where the row is an item all the same, without it."""

    line: int
    field: str
    message: str
    row: str
    kept: bool = False


@dataclass(slots=True, kw_only=True)
class Intake:
    """What a text came to."""

    rows: int = 0
    items: dict[ItemId, Item] = field(default_factory=dict)
    rejected: int = 0
    faults: list[RowFault] = field(default_factory=list)  # the first of them

    def fault(self, fault: RowFault) -> None:
        """Note what is wrong, while there is room."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(fault)


@contextmanager
def as_file(text: str, form: Format) -> Iterator[Path]:
    """The text as a file for as long as the block lasts: what reads files reads it as any other."""
    with TemporaryDirectory(prefix="zhiyin-import-") as folder:
        path = Path(folder) / f"import.{form}"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        yield path


def read_items(text: str, form: Format, domain: Domain) -> Intake:
    """The items of a text. Raises `UnreadableFile` where it cannot be read as a whole."""
    found = Intake()
    with as_file(text, form) as path:
        rows = list(read_rows(path))
    header = dict.fromkeys(name for _, row in rows if not isinstance(row, BadRow) for name in row)
    for name in unread(header, domain):
        near = process.extractOne(name.casefold(), list(domain.fields), score_cutoff=_ALIKE)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        found.fault(RowFault(line=1 if form == "csv" else 0, field=printable(name), message=f"there is no such field, and nothing of it is kept{hint}", row="", kept=True))
    for line, row in rows:
        found.rows += 1
        _take(found, line, row, domain)
    return found


def _take(found: Intake, line: int, row: Raw | BadRow, domain: Domain) -> None:
    if isinstance(row, BadRow):
        found.rejected += 1
        found.fault(RowFault(line=line, field="row", message=row.reason, row=printable(row.row)))
        return
    report = Report()
    cleaned = clean_rows([(line, row)], domain, report)
    told = short_row(row)
    if not cleaned:
        found.rejected += 1
        found.fault(RowFault(line=line, field=_UNTITLED, message=report.bad[0].reason, row=told))
        return
    try:
        item = read_item(domain, item_json(cleaned[0]) | {"title": None})
    except BadItem as bad:
        found.rejected += 1
        for fault in bad.faults:
            found.fault(RowFault(line=line, field=fault.field, message=fault.message, row=told))
        return
    if item.id in found.items:
        found.rejected += 1
        found.fault(RowFault(line=line, field="id", message=f"an earlier row has the id {printable(item.id)!r}", row=told))
        return
    found.items[item.id] = item
    for name in unusable(row, item, domain):
        found.fault(RowFault(line=line, field=name, message=f"{_said(row, name)!r} cannot be read as {domain.fields[name].kind}; the item is kept without it", row=told, kept=True))


def _said(row: Raw, name: str) -> str:
    values: Mapping[str, object] = {column_name(key): value for key, value in row.items()}
    return printable(str(row.get(name, values.get(name, ""))))[:80]


def short_row(row: Raw) -> str:
    """A row as it is told beside what is wrong with it."""
    return printable(json.dumps(row, ensure_ascii=False, default=str))


def printable(text: str) -> str:
    """A piece of somebody's text that any store can keep and any page can show."""
    return text[:_ROW].replace("\0", "").encode("utf-8", "backslashreplace").decode()
