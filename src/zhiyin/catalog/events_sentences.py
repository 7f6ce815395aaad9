"""The sentences of a log's report: what became of how many events, why, and where the first of them stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.events_columns import Book, Columns, Page
from zhiyin.catalog.events_names import nearest_kind
from zhiyin.catalog.events_report import CODES, FATES, Trouble
from zhiyin.interactions import KINDS, Codes, Interactions

Mask = NDArray[np.bool_]
_SHOWN = 3  # names spelled out in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """All that was read and what became of it."""

    book: Book
    pages: Sequence[Page]
    file: Codes  # of each event, index into `pages`
    columns: Columns
    why: NDArray[np.int8]  # of each event, index into CODES, -1 where it is kept
    notes: Mapping[str, Mask]  # what was changed or left in doubt, by code
    log: Interactions


def write_troubles(sheet: Sheet) -> tuple[Trouble, ...]:
    """A sentence for each trouble that came up, in the order of `FATES`."""
    found = [_unreadable(sheet)]
    for place, code in enumerate(CODES):
        fate, reason = FATES[code]
        these = sheet.why == place
        if code in sheet.notes:
            these = sheet.notes[code] if fate == "noted" else sheet.notes[code] & (sheet.why < 0)
        if these.any():
            found.append(_trouble(sheet, code, these, reason))
    return (*(trouble for trouble in found if trouble), *_of_the_whole(sheet.log))


def _trouble(sheet: Sheet, code: str, these: Mask, reason: str) -> Trouble:
    first, count, fate = int(np.argmax(these)), int(these.sum()), FATES[code][0]
    file, line = sheet.pages[sheet.file[first]].path.name, int(sheet.columns.line[first])
    text = f"{_events(count)} {fate}: {reason}{_detail(sheet, code, these, first)} (first: line {line} of {file})."
    return Trouble(code=code, fate=fate, count=count, text=text, file=file, line=line)


def _unreadable(sheet: Sheet) -> Trouble | None:
    bad = [(page.path.name, row) for page in sheet.pages for row in page.bad]
    if not bad:
        return None
    (file, row), count = bad[0], len(bad)
    text = f"{count:,} row{'s' * (count > 1)} dropped: cannot be read, such as: {row.reason} (first: line {row.line} of {file})."
    return Trouble(code="unreadable", fate="dropped", count=count, text=text, file=file, line=row.line)


def _of_the_whole(log: Interactions) -> list[Trouble]:
    """What is no fault of a row: users seen once, items never."""
    if not len(log):
        return []
    once = int(np.sum(np.bincount(log.user, minlength=len(log.users)) == 1))
    never = len(log.items) - len(np.unique(log.item))
    found = []
    if once:
        found.append(Trouble(code="one_event", fate="noted", count=once, text=f"{once:,} of {len(log.users):,} users have one event only; of them little can be learned."))
    if never:
        found.append(
            Trouble(code="unseen", fate="noted", count=never, text=f"{never:,} of {len(log.items):,} items of the catalogue have no event; they are found by what they are.")
        )
    return found


def _events(count: int) -> str:
    return f"{count:,} event{'s' * (count != 1)}"


def _detail(sheet: Sheet, code: str, these: Mask, first: int) -> str:
    """What makes the reason concrete: names, an example, what to look at."""
    columns = sheet.columns
    match code:
        case "type":
            return f": {_types(sheet, columns.named[these])}"
        case "passed":
            return f": {', '.join(repr(text) for text, _ in _most(columns.named[these], sheet.book.kinds.texts))}"
        case "unknown_item":
            return f": {_items(sheet, columns.item[these])}"
        case "future":
            return f", such as {_day(columns.time[first])}; check the clock that wrote it"
        case "before":
            return f", such as {columns.time[first]:g}"
        case "scale":
            value = columns.value[these]
            return f" but from {value.min():g} to {value.max():g}; a column is taken as 0-10 or 0-100 only if all of it fits"
        case "rescaled":
            return f" ({columns.value[these].min():g} to {columns.value[these].max():g}); now from 1 to 5"
        case "repeats":
            return f", such as user {sheet.book.users.texts[columns.user[first]]!r} and item {sheet.book.items.texts[columns.item[first]]!r}; the earliest are kept"
        case "number_form" | "doubtful_form":
            return f", such as user {sheet.book.users.texts[columns.user[first]]!r}, item {sheet.book.items.texts[columns.item[first]]!r}" if columns.item[first] >= 0 else ""
        case _:
            return ""


def _day(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g} seconds since 1970"


def _most(codes: Codes, texts: Sequence[str]) -> list[tuple[str, int]]:
    """The most frequent of these, with how often; "" stands for none."""
    found, counts = np.unique(codes, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_SHOWN]
    return [(texts[found[i]] if found[i] >= 0 else "", int(counts[i])) for i in order.tolist()]


def _more(codes: Codes) -> str:
    """How many other names there are."""
    others = len(np.unique(codes)) - _SHOWN
    return f" and {others:,} more" if others > 0 else ""


def _types(sheet: Sheet, named: Codes) -> str:
    told, lost = [], False
    for text, count in _most(named, sheet.book.kinds.texts):
        near = nearest_kind(text)
        lost |= not near
        told.append(f"{text!r} ({count:,}{f', nearest: {near}' if near else ''})")
    return ", ".join(told) + _more(named) + (f"; known types are {', '.join(KINDS)}" if lost else "")


def _items(sheet: Sheet, codes: Codes) -> str:
    from rapidfuzz import fuzz, process  # noqa: PLC0415  # only where an item is unknown

    ids, told = sheet.log.items, []
    for text, count in _most(codes, sheet.book.items.texts):
        near = process.extractOne(text, ids, scorer=fuzz.ratio, score_cutoff=60)
        told.append(f"{text!r} ({count:,}{f', nearest: {near[0]!r}' if near else ''})")
    hint = f"; the catalogue's ids look like {', '.join(repr(one) for one in ids[:2])}" if len(codes) > len(sheet.columns) / 2 and ids else ""
    return ", ".join(told) + _more(codes) + hint
