"""Event logs of any make to `Interactions`: columns and types by their usual names, every trouble counted, nothing else lost."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.events_columns import Book, Columns, Page, joined
from zhiyin.catalog.events_copies import Keys, beyond_most, cells, later_copies
from zhiyin.catalog.events_files import installed_logs, log_folder, write_log
from zhiyin.catalog.events_ids import same_numbers
from zhiyin.catalog.events_names import PASSED, UNKNOWN, names, squeeze
from zhiyin.catalog.events_report import CODES, FATES, LogReport, Places, Rejected, Trouble
from zhiyin.catalog.events_sentences import Sheet, write_troubles
from zhiyin.catalog.read import Rows, read_rows
from zhiyin.errors import CatalogError
from zhiyin.interactions import DAY, DWELL, RATING, Codes, Floats, Interactions

__all__ = ["LogReport", "Rejected", "Trouble", "installed_logs", "log_folder", "read_keyed", "read_log", "write_log"]

Mask = NDArray[np.bool_]
_SCALED = 0.25  # a rating scale of 0-10 or 0-100 is one if at least a quarter of the ratings need it; a stray 9 among stars does not


def read_log(paths: Sequence[Path], items: Sequence[str], *, now: float, on_error: Literal["skip", "stop"] = "skip") -> tuple[Interactions, LogReport]:
    """The events of these files in the coding of `items`, oldest first, and what was wrong with the rest; empty if no event is of use.

    `now` is in seconds since 1970. Raises `UnreadableFile`, or `CatalogError` if a column is missing, or if `on_error` is "stop" and a row is rejected.
    """
    log, _, report = read_keyed(paths, items, now=now, on_error=on_error)
    return log, report


def read_keyed(
    paths: Sequence[Path], items: Sequence[str], *, now: float, on_error: Literal["skip", "stop"] = "skip", rows: Rows = read_rows
) -> tuple[Interactions, Keys, LogReport]:
    """The same, with a hash of each event's own id (0 without one), by which copies in other files are told; `rows` reads a file where its rows are not events yet."""
    book = Book(items)
    with _no_collecting():
        pages = [book.read(path, rows) for path in paths]
    judged = _Judged(book, pages, now)
    rejected = judged.rejected()
    if len(rejected) and on_error == "stop":
        path, line, reason = rejected.first()
        raise CatalogError(f"{path}, line {line}: {reason}; nothing was taken ({len(rejected):,} such rows)", hint="Use --on-error skip to go on without such rows")
    log, keys = judged.log(items)
    sheet = Sheet(book=book, pages=pages, file=judged.file, columns=judged.columns, why=judged.why, notes=judged.notes, log=log)
    report = LogReport(
        rows=sum(page.rows for page in pages),
        events=len(log),
        users=len(log.users),
        items=len(np.unique(log.item)),
        troubles=write_troubles(sheet),
        assumed=tuple(f"{page.path.name}: {text}" for page in pages for text in page.assumed),
        rejected=rejected,
        places=Places(paths=tuple(page.path for page in pages), file=judged.file[judged.order], line=judged.columns.line[judged.order]),
    )
    return log, keys, report


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Millions of rows are made and none is garbage; looking for some costs a quarter of the reading."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@dataclass(slots=True)
class _Judged:
    """All events of a reading, each with the first thing that is wrong with it."""

    book: Book
    pages: Sequence[Page]
    now: float
    columns: Columns = field(init=False)
    file: Codes = field(init=False)
    why: NDArray[np.int8] = field(init=False)  # index into CODES, -1 where nothing is wrong
    user: Codes = field(init=False)
    row: Codes = field(init=False)  # of the catalogue, -1 where it has no such item
    value: Floats = field(init=False)
    order: NDArray[np.int64] = field(init=False)  # what is kept, oldest first
    notes: dict[str, Mask] = field(default_factory=dict)  # what was changed or left in doubt, by code

    def __post_init__(self) -> None:
        self.columns = joined([page.columns for page in self.pages])
        self.file = np.repeat(np.arange(len(self.pages), dtype=np.int32), [len(page.columns) for page in self.pages])
        self.why = np.full(len(self.columns), -1, dtype=np.int8)
        self.resolve()
        self.judge_ids()
        self.judge_times()
        self.judge_values()
        self.judge_copies()

    @property
    def fine(self) -> Mask:
        return self.why < 0

    def mark(self, code: str, these: Mask) -> None:
        self.why[self.fine & these] = CODES.index(code)

    def resolve(self) -> None:
        """Codes of users, rows of items; forms of one number are one."""
        users, doubtful_users = same_numbers(self.book.users.texts, [page.columns.user for page in self.pages])
        rows = self.book.rows
        items, doubtful_items = same_numbers(self.book.items.texts, [page.columns.item for page in self.pages], len(rows))
        row_of = np.full(len(items), -1, dtype=np.int32)
        row_of[list(rows)] = list(rows.values())
        row_of = row_of[items]
        user, item = self.columns.user, self.columns.item
        self.user = np.where(user < 0, -1, np.append(users, -1)[user]).astype(np.int32)
        self.row = np.where(item < 0, -1, np.append(row_of, -1)[item]).astype(np.int32)
        moved_user, moved_item = users != np.arange(len(users)), (items != np.arange(len(items))) & (row_of >= 0)
        self.notes["number_form"] = np.append(moved_user, False)[user] | np.append(moved_item, False)[item]
        self.notes["doubtful_form"] = np.append(doubtful_users, False)[user] | np.append(doubtful_items, False)[item]

    def judge_ids(self) -> None:
        kind, item = self.columns.kind, self.columns.item
        itemless = [code for code, text in enumerate(self.book.kinds.texts) if squeeze(text) in names().itemless]
        self.mark("passed", (kind == PASSED) | (np.isin(self.columns.named, itemless) & (item < 0)))
        self.mark("type", kind == UNKNOWN)
        self.mark("user", self.user < 0)
        self.mark("item", item < 0)
        self.mark("unknown_item", self.row < 0)

    def judge_times(self) -> None:
        time = self.columns.time
        self.mark("time", np.isnan(time))
        self.mark("before", time <= 0)
        self.mark("future", time > self.now + DAY)

    def judge_values(self) -> None:
        """Ratings to one to five stars, file by file; values of other kinds say nothing and go."""
        kind, self.value = self.columns.kind, self.columns.value.copy()
        rated, looked = kind == RATING, kind == DWELL
        self.mark("value", (rated | looked) & np.isnan(self.value))
        self.mark("negative", looked & (self.value < 0))
        rescaled, halves = np.zeros_like(rated), np.zeros_like(rated)
        for place in range(len(self.pages)):
            these = rated & self.fine & (self.file == place)
            top = _scale(self.value[these])
            if top > 5:
                self.value[these] = 1.0 + 4.0 * self.value[these] / top
                rescaled |= these
            elif _half_stars(self.value[these]):
                halves |= these & (self.value < 1)
        self.value[halves] = 1.0
        self.mark("scale", rated & ~((self.value >= 1) & (self.value <= 5)))
        self.value[~(rated | looked)] = np.nan
        self.notes["rescaled"], self.notes["half_star"] = rescaled, halves

    def judge_copies(self) -> None:
        """Copies count once; then the order of time, and no more than `MOST` of a kind."""
        kept, columns = np.flatnonzero(self.fine), self.columns
        cell = cells(self.user[kept], self.row[kept], columns.kind[kept])
        repeated, copied = later_copies(cell, self.value[kept], columns.time[kept], columns.event[kept])
        self.why[kept[repeated]], self.why[kept[copied]] = CODES.index("repeated_id"), CODES.index("duplicate")
        kept, cell = kept[~(repeated | copied)], cell[~(repeated | copied)]
        time, file = columns.time[kept], self.file[kept]
        self.notes["unordered"] = np.zeros(len(columns), dtype=np.bool_)
        self.notes["unordered"][kept[1:][(time[1:] < time[:-1]) & (file[1:] == file[:-1])]] = True
        by_time = np.argsort(time, kind="stable")
        order, over = kept[by_time], beyond_most(cell[by_time])
        self.why[order[over]] = CODES.index("repeats")
        self.order = order[~over]

    def log(self, items: Sequence[str]) -> tuple[Interactions, Keys]:
        """What is kept, oldest first; users in the order in which the files name them."""
        used, user = np.unique(self.user[self.order], return_inverse=True)
        columns = self.columns
        log = Interactions.of(
            user.astype(np.int32),
            self.row[self.order],
            columns.time[self.order],
            value=self.value[self.order],
            kind=columns.kind[self.order],
            users=[self.book.users.texts[code] for code in used.tolist()],
            items=items,
        )
        return log, columns.event[self.order]

    def rejected(self) -> Rejected:
        """The dropped events and the rows that could not be read."""
        bad = [(place, row.line) for place, page in enumerate(self.pages) for row in page.bad]
        dropped = np.flatnonzero(np.isin(self.why, [place for place, code in enumerate(CODES) if FATES[code][0] == "dropped"]))
        return Rejected(
            paths=tuple(page.path for page in self.pages),
            file=np.concatenate((np.array([place for place, _ in bad], dtype=np.int32), self.file[dropped])),
            line=np.concatenate((np.array([line for _, line in bad], dtype=np.int32), self.columns.line[dropped])),
            code=np.concatenate((np.full(len(bad), CODES.index("unreadable"), dtype=np.int8), self.why[dropped])),
        )


def _scale(ratings: Floats) -> float:
    """The top of the scale that all ratings of a column lie in: 10 or 100 where many need it, else 5."""
    if not len(ratings) or ratings.min() < 0:
        return 5.0
    for top, below in ((10.0, 5.0), (100.0, 10.0)):
        if below < ratings.max() <= top and np.mean(ratings > below) >= _SCALED:
            return top
    return 5.0


def _half_stars(ratings: Floats) -> bool:
    """Whether a column is of stars in halves, the worst of which is half a star."""
    return bool(len(ratings)) and ratings.min() == 0.5 and ratings.max() <= 5 and not np.any(ratings * 2 % 1)
