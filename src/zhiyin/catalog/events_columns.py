"""A file of events to columns of codes and numbers: what stands where, before anything is judged."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.events_names import UNKNOWN, kind_of, names, squeeze
from zhiyin.catalog.events_numbers import read_numbers, read_times
from zhiyin.catalog.read import BadRow, Raw, Rows, read_rows
from zhiyin.errors import CatalogError
from zhiyin.interactions import KINDS, RATING, Codes, Floats

VIEW = KINDS.index("view")
_CHUNK = 1 << 11  # rows held as dictionaries at a time; many at once keep the garbage collector busy
_SEPARATED = re.compile(r"\s*[|;,]\s*")
_WANTED = {"user": "user_id, visitor_id or session_id", "item": "item_id or item_ids", "time": "time or timestamp"}


class Coder(dict[str, int]):
    """Texts to codes in the order they come; texts that mean nothing are -1."""

    def __init__(self, nothing: Sequence[str] = ()) -> None:
        super().__init__(dict.fromkeys(nothing, -1))
        self.texts: list[str] = []

    def __missing__(self, text: str) -> int:
        code = self[text] = len(self.texts)
        self.texts.append(text)
        return code

    def codes(self, column: Sequence[str]) -> Codes:
        """Each text's code, shape (n,)."""
        return np.fromiter(map(self.__getitem__, column), dtype=np.int32, count=len(column))


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """n events as a file has them, one for each item a row names."""

    line: NDArray[np.int32]
    user: Codes  # -1 where there is none
    item: Codes  # -1 where there is none
    kind: Codes  # index into KINDS, or `UNKNOWN`, `PASSED`
    named: Codes  # the type as it was written, -1 where there is none
    value: Floats  # NaN where there is none
    time: Floats  # seconds; NaN where there is none
    event: NDArray[np.uint64]  # a hash of the event's own id, 0 without one

    def __len__(self) -> int:
        return len(self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One file: its events, the rows that could not be read, and what was taken for granted."""

    path: Path
    rows: int
    columns: Columns
    bad: tuple[BadRow, ...]
    assumed: tuple[str, ...]


class Book:
    """The coding that all files of one reading share."""

    def __init__(self, items: Sequence[str]) -> None:
        missing = names().missing
        self.users = Coder(tuple(missing))
        self.items = Coder(tuple(missing - frozenset(items)))
        self.rows = dict(zip(self.items.codes(items).tolist(), range(len(items)), strict=True))  # code -> row of the catalogue
        self.kinds = Coder(("",))
        self.meant = np.empty(0, dtype=np.int32)  # of each name of a type, the kind

    def kinds_of(self, named: Codes) -> Codes:
        """What each name of a type stands for."""
        fresh = [kind_of(text) for text in self.kinds.texts[len(self.meant) :]]
        self.meant = np.append(self.meant, np.array(fresh, dtype=np.int32))
        return np.append(self.meant, np.int32(UNKNOWN))[named]  # -1 finds the last

    def read(self, path: Path, rows_of: Rows = read_rows) -> Page:
        """A file's events. Raises `CatalogError` if it has no column for the user, the item or the time, `UnreadableFile` as `read_rows` does."""
        reader = _Reader(self)
        rows = rows_of(path) if not path.is_file() or path.stat().st_size else iter(())  # nothing at all is a log of no rows
        parts = [reader.part(*chunk) for chunk in _chunks(rows, reader.bad)]
        for role in ("user", "item", "time"):
            if parts and role not in reader.found and not (role == "user" and "session" in reader.found):
                there = ", ".join(list(reader.headers)[:30])
                raise CatalogError(
                    f"{path}: no column for the {role} (wanted: {_WANTED[role]}); there are: {there}",
                    hint=f"Rename the column that holds the {role}; if the first line of the file is no header, put one above it. All that an event needs: {'; '.join(_WANTED.values())}",
                )
        columns = joined(parts)
        if parts and "kind" not in reader.found:
            columns.kind[:] = RATING if "value" in reader.found else VIEW
            as_what = f"every row is a rating of column {reader.found['value']}" if "value" in reader.found else "every row is a view"
            reader.assumed[f"no column for the type: {as_what}"] = None
        if parts and "user" not in reader.found:
            reader.assumed["no column for the user: each session is one"] = None
        return Page(path=path, rows=len(reader.bad) + reader.rows, columns=columns, bad=tuple(reader.bad), assumed=tuple(reader.assumed))


def _chunks(rows: Iterator[tuple[int, Raw | BadRow]], bad: list[BadRow]) -> Iterator[tuple[Sequence[int], Sequence[Raw]]]:
    """The readable rows with their lines, some at a time; the others go to `bad`."""
    while taken := list(islice(rows, _CHUNK)):
        wrong = [row for _, row in taken if isinstance(row, BadRow)]
        bad += wrong
        good = [(line, row) for line, row in taken if not isinstance(row, BadRow)] if wrong else taken
        if good:
            lines, readable = zip(*good, strict=True)
            yield lines, readable


def _table(rows: Sequence[Raw]) -> dict[str, Sequence[object]]:
    """Rows to columns; where all have the same keys, as those of a CSV do, turned as a whole."""
    shapes = set(map(tuple, rows))
    if len(shapes) == 1:
        return dict(zip(shapes.pop(), zip(*(row.values() for row in rows), strict=True), strict=True))
    return {header: [row.get(header) for row in rows] for header in dict.fromkeys(chain.from_iterable(rows))}


class _Reader:
    """One file on its way to columns, a chunk at a time."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.rows = 0
        self.bad: list[BadRow] = []
        self.headers: dict[str, None] = {}
        self.found: dict[str, str] = {}  # role -> the first header that fills it
        self.assumed: dict[str, None] = {}

    def part(self, lines: Sequence[int], rows: Sequence[Raw]) -> Columns:
        self.rows += len(rows)
        table = _table(rows)
        self.headers |= dict.fromkeys(table)
        by_name: dict[str, list[str]] = {}
        for header in table:
            by_name.setdefault(squeeze(str(header)), []).append(header)
        cells = {role: self.cells(role, table, by_name) for role in names().columns}
        user = _filled([self.book.users.codes(_texts(c)) for c in cells["user"] or cells["session"]], len(rows))
        item, counts = self.items(cells["item"], len(rows))
        kind, named = self.kinds(cells["kind"], len(rows))
        part = Columns(
            line=np.array(lines, dtype=np.int32),
            user=user,
            item=item,
            kind=kind,
            named=named,
            value=_filled_numbers(cells["value"], read_numbers, len(rows)),
            time=_filled_numbers(cells["time"], self.times, len(rows)),
            event=_hashes(_texts(cells["event"][0])) if cells["event"] else np.zeros(len(rows), dtype=np.uint64),
        )
        return part if counts is None else _repeated(part, counts)

    def cells(self, role: str, table: Mapping[str, Sequence[object]], by_name: Mapping[str, Sequence[str]]) -> list[Sequence[object]]:
        """The columns that fill a role, the one that speaks first first; cells that hold several are lists."""
        found: list[Sequence[object]] = []
        for name in names().columns[role]:
            top, _, inner = name.partition(".")
            for header in (*by_name.get(name, ()), *(by_name.get(top, ()) if inner else ())):
                column = table[header]
                if inner and squeeze(header) != name:
                    column = [_inside(cell, inner) for cell in column]
                    if not any(cell is not None for cell in column):
                        continue
                self.found.setdefault(role, header)
                found.append([*map(_listed, column)] if name in names().lists else column)
        return found

    def items(self, columns: Sequence[Sequence[object]], rows: int) -> tuple[Codes, NDArray[np.int64] | None]:
        """Item codes and, where rows name several, how many each."""
        coder = self.book.items
        if not any(list in set(map(type, column)) for column in columns):
            return _filled([coder.codes(_texts(column)) for column in columns], rows), None
        named: list[list[str]] = [[] for _ in range(rows)]
        for column in columns:
            for place, cell in enumerate(column):
                if not named[place]:
                    named[place] = [text for text in (cell if isinstance(cell, list) else [_text(cell)]) if coder[text] >= 0]
        counts = np.fromiter((max(1, len(one)) for one in named), dtype=np.int64, count=rows)
        return coder.codes([text for one in named for text in (one or [""])]), counts

    def kinds(self, columns: Sequence[Sequence[object]], rows: int) -> tuple[Codes, Codes]:
        """Kinds and the words for them; of several columns the first that says a known one."""
        kind, named = np.full(rows, UNKNOWN, dtype=np.int32), np.full(rows, -1, dtype=np.int32)
        for column in columns:
            codes = self.book.kinds.codes(_texts(column))
            meant = self.book.kinds_of(codes)
            take = (kind == UNKNOWN) & ((meant != UNKNOWN) | (named < 0))
            kind[take], named[take] = meant[take], codes[take]
        return kind, named

    def times(self, column: Sequence[object]) -> Floats:
        seconds, assumed = read_times(column)
        self.assumed |= dict.fromkeys(sorted(assumed))
        return seconds


def _texts(column: Sequence[object]) -> list[str]:
    if set(map(type, column)) == {str}:
        return list(map(str.strip, column))  # type: ignore[arg-type]  # they are all text
    return [_text(cell) for cell in column]


def _text(cell: object) -> str:
    """An id as text; whole numbers lose their point, since 7.0 in one file is 7 in another."""
    if isinstance(cell, str):
        return cell.strip()
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, dict):
        inner = {squeeze(str(k)): v for k, v in cell.items()}
        found = next((inner[name] for name in names().ids if name in inner), inner.get("product"))
        return _text(found)
    return json.dumps(cell, default=str) if isinstance(cell, list) else str(cell)


def _listed(cell: object) -> list[str]:
    """The ids of a cell that may hold several: a list, its JSON, or texts with signs between."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        with suppress(ValueError):
            cell = json.loads(cell)
    if isinstance(cell, list | tuple):
        return list(dict.fromkeys(text for one in cell if (text := _text(one))))
    return [text for text in (_SEPARATED.split(cell.strip()) if isinstance(cell, str) else [_text(cell)]) if text]


def _inside(cell: object, name: str) -> object:
    """What an object keeps under a squeezed name."""
    return next((value for key, value in cell.items() if _squeezed(str(key)) == name), None) if isinstance(cell, dict) else None


_squeezed = lru_cache(maxsize=4096)(squeeze)


def _filled(columns: Sequence[Codes], rows: int) -> Codes:
    """The first column, its gaps filled from the next."""
    result = np.full(rows, -1, dtype=np.int32)
    for column in columns:
        gaps = result < 0
        result[gaps] = column[gaps]
    return result


def _filled_numbers(columns: Sequence[Sequence[object]], read: Callable[[Sequence[object]], Floats], rows: int) -> Floats:
    result = np.full(rows, np.nan)
    for column in columns:
        gaps = np.flatnonzero(np.isnan(result))
        if not len(gaps):
            break
        result[gaps] = read(column if len(gaps) == rows else [column[place] for place in gaps.tolist()])
    return result


def _hashes(texts: Sequence[str]) -> NDArray[np.uint64]:
    """64 bits of each id that stay the same on every machine, 0 for none."""
    nothing = names().missing
    digests = b"".join(b"\0" * 8 if t in nothing else hashlib.blake2b(t.encode("utf-8", "surrogatepass"), digest_size=8).digest() for t in texts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _repeated(part: Columns, counts: NDArray[np.int64]) -> Columns:
    """Each event as many times as it names items; the items are that already."""
    spread = {name: np.repeat(getattr(part, name), counts) for name in Columns.__slots__ if name != "item"}
    return Columns(item=part.item, **spread)


def joined(parts: Sequence[Columns]) -> Columns:
    """One after another."""
    none = Columns(
        line=np.empty(0, dtype=np.int32),
        user=np.empty(0, dtype=np.int32),
        item=np.empty(0, dtype=np.int32),
        kind=np.empty(0, dtype=np.int32),
        named=np.empty(0, dtype=np.int32),
        value=np.empty(0),
        time=np.empty(0),
        event=np.empty(0, dtype=np.uint64),
    )
    return Columns(**{name: np.concatenate([getattr(part, name) for part in (none, *parts)]) for name in Columns.__slots__})
