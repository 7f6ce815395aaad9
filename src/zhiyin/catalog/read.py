"""Files to raw rows: CSV, TSV, JSON, JSONL, SQLite, and Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from zhiyin.errors import UnreadableFile

Raw = Mapping[str, object]
FORMATS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".db", ".sqlite")
_MAX_FIELD = 1 << 24


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read: where, what it was, and why."""

    line: int
    reason: str
    row: str


class Rows(Protocol):
    """Reads a file as `read_rows` does."""

    def __call__(self, path: Path, /) -> Iterator[tuple[int, Raw | BadRow]]:
        """Every row with its line number."""
        ...


def read_rows(path: Path, *, query: str = "") -> Iterator[tuple[int, Raw | BadRow]]:
    """Every row of a file with its line number; a row that cannot be read comes as a `BadRow`.

    Raises `UnreadableFile` if the file as a whole cannot be read.
    """
    if not path.is_file():
        raise UnreadableFile(f"{path}: there is no such file")
    match path.suffix.lower():
        case ".csv" | ".tsv" | ".txt":
            yield from _csv(path)
        case ".jsonl" | ".ndjson":
            yield from _jsonl(path)
        case ".json":
            yield from _json(path)
        case ".parquet":
            yield from _parquet(path)
        case ".db" | ".sqlite":
            yield from _sqlite(path, query)
        case other:
            raise UnreadableFile(f"{path}: cannot read {other or 'a file without a suffix'}", hint=f"Known formats: {', '.join(FORMATS)}")


def read_text(path: Path) -> str:
    """A text file in UTF-8 (with or without a mark), UTF-16, GB18030 or Latin-1, whichever decodes first."""
    blob = path.read_bytes()
    encodings = ["utf-16"] if blob[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "gb18030", "latin-1"]
    for encoding in encodings:
        try:
            return blob.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableFile(f"{path}: not text in UTF-8, UTF-16, GB18030 or Latin-1")


def _csv(path: Path) -> Iterator[tuple[int, Raw | BadRow]]:
    text = read_text(path).replace("\0", "")
    head = text[:8192]
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(head, delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if path.suffix == ".tsv" else csv.excel
    if dialect.delimiter not in head.split("\n", 1)[0]:
        dialect = csv.excel
    # The sniffer guesses quoting badly on short files; only its delimiter is believed.
    csv.field_size_limit(_MAX_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter)
    try:
        header = [name.strip() for name in next(reader)]
    except StopIteration:
        raise UnreadableFile(f"{path}: the file is empty") from None
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, BadRow(reader.line_num, str(error), "")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(header) == 1:
            cells = [dialect.delimiter.join(cells)]  # a table of one column: what separates is inside its cells
        if len(cells) > len(header):
            yield reader.line_num, BadRow(reader.line_num, f"{len(cells)} cells where the header has {len(header)}", ",".join(cells)[:200])
            continue
        yield reader.line_num, dict(zip(header, cells, strict=False))


def _jsonl(path: Path) -> Iterator[tuple[int, Raw | BadRow]]:
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            yield number, BadRow(number, f"not valid JSON: {error}", line[:200])
            continue
        yield number, row if isinstance(row, dict) else BadRow(number, "a row should be a JSON object", line[:200])


def _json(path: Path) -> Iterator[tuple[int, Raw | BadRow]]:
    try:
        whole = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{path}: not valid JSON: {error}") from error
    if isinstance(whole, dict):  # {"items": [...]} and the like
        whole = next((v for v in whole.values() if isinstance(v, list)), [whole])
    if not isinstance(whole, list):
        raise UnreadableFile(f"{path}: should hold a list of objects")
    for number, row in enumerate(whole, 1):
        yield number, row if isinstance(row, dict) else BadRow(number, "a row should be a JSON object", str(row)[:200])


def _parquet(path: Path) -> Iterator[tuple[int, Raw | BadRow]]:
    if importlib.util.find_spec("pyarrow") is None:
        raise UnreadableFile(f"{path}: reading Parquet needs pyarrow", hint="Run: pip install 'zhiyin[parquet]'")
    import pyarrow.parquet as pq  # noqa: PLC0415  # an extra
    from pyarrow import ArrowInvalid  # noqa: PLC0415

    try:
        table = pq.read_table(path)
    except (ArrowInvalid, OSError) as error:
        raise UnreadableFile(f"{path}: not a Parquet file: {error}") from error
    yield from enumerate(table.to_pylist(), 1)


def _sqlite(path: Path, query: str) -> Iterator[tuple[int, Raw | BadRow]]:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)) as connection:
            if not query:
                table = connection.execute("select name from sqlite_master where type = 'table' order by name").fetchone()
                if table is None:
                    raise UnreadableFile(f"{path}: the database has no table")
                name = str(table[0]).replace('"', '""')
                query = f'select * from "{name}"'  # noqa: S608  # a name the database itself gave
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description]
            for number, row in enumerate(cursor, 1):
                yield number, dict(zip(names, row, strict=True))
    except sqlite3.Error as error:
        raise UnreadableFile(f"{path}: {error}") from error
