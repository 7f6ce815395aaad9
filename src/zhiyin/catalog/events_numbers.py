"""Cells to numbers and to seconds since 1970, a column at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from types import NoneType

import numpy as np
from numpy.typing import NDArray

from zhiyin.interactions import Floats

_DATE_SIGNS = frozenset("-/.年")  # in fifth place, after the year
_DATE = re.compile(r"(\d{4})\D(\d{1,2})\D(\d{1,2})日?(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?", re.ASCII)
_NO_ZONE = "times without a zone are in UTC"
_UNITS = ((1e11, 1.0, "seconds"), (1e14, 1e3, "milliseconds"), (1e17, 1e6, "microseconds"), (np.inf, 1e9, "nanoseconds"))


def read_numbers(column: Sequence[object]) -> Floats:
    """Each cell's finite number, NaN where there is none, shape (n,)."""
    found = _all_numbers(column)
    return np.fromiter(map(_number, column), dtype=np.float64, count=len(column)) if found is None else found


def read_times(column: Sequence[object]) -> tuple[Floats, frozenset[str]]:
    """Seconds since 1970, NaN where a cell holds no time, and what was taken for granted of the cells.

    RFC 3339 and its looser relatives, UTC where no zone is given; dates without signs (20240131); and seconds, milli-, micro- or
    nanoseconds since 1970, told by their size: below 1e11 are seconds (till the year 5138), below 1e14 milliseconds, below 1e17 microseconds.
    """
    assumed: set[str] = set()
    seconds = _all_dates(column, assumed)
    if seconds is not None:
        return seconds, frozenset(assumed)
    numbers = _all_numbers(column)
    if numbers is not None:
        return _since_1970(numbers, assumed), frozenset(assumed)
    seconds = np.full(len(column), np.nan)
    dated = np.fromiter(map(_looks_dated, column), dtype=np.bool_, count=len(column))
    if not dated.all():
        bare = [cell for cell, told in zip(column, dated.tolist(), strict=True) if not told] if dated.any() else column
        seconds[~dated] = _since_1970(read_numbers(bare), assumed)
    for place in np.flatnonzero(np.isnan(seconds)).tolist():
        seconds[place] = _moment(column[place], assumed)
    return seconds, frozenset(assumed)


def _all_numbers(column: Sequence[object]) -> Floats | None:
    """The column if every cell is a number or blank, which is the fast way."""
    types = set(map(type, column))
    if not types <= {str, int, float, NoneType}:
        return None
    cells = [cell or "nan" for cell in column] if types <= {str, NoneType} else ["nan" if cell is None else cell for cell in column]
    try:
        found = np.fromiter(map(float, cells), dtype=np.float64, count=len(cells))  # type: ignore[arg-type]  # the types were just looked at
    except (ValueError, OverflowError):
        return None
    found[~np.isfinite(found)] = np.nan
    return found


def _all_dates(column: Sequence[object], assumed: set[str]) -> Floats | None:
    """The column if every cell is a plain ISO date with signs, which is the fast way."""
    if set(map(type, column)) != {str} or column[0][4:5] not in _DATE_SIGNS:  # type: ignore[index]  # they are all text
        return None
    try:
        moments = list(map(datetime.fromisoformat, column))  # type: ignore[arg-type]
    except ValueError:
        return None
    if any(m.tzinfo is None for m in moments):
        moments = [m if m.tzinfo else m.replace(tzinfo=UTC) for m in moments]
        assumed.add(_NO_ZONE)
    return np.fromiter((m.timestamp() for m in moments), dtype=np.float64, count=len(moments))


def _number(cell: object) -> float:
    if isinstance(cell, bool) or not isinstance(cell, int | float | str | Decimal):
        return np.nan
    try:
        found = float(cell)
    except (ValueError, OverflowError):
        return np.nan
    return found if math.isfinite(found) else np.nan


def _looks_dated(cell: object) -> bool:
    return cell.lstrip()[4:5] in _DATE_SIGNS if isinstance(cell, str) else isinstance(cell, date)


def _since_1970(numbers: Floats, assumed: set[str]) -> Floats:
    size = np.abs(numbers)
    seconds = numbers.copy()
    low = 0.0
    for high, scale, unit in _UNITS:
        these = (size >= low) & (size < high)
        if scale > 1.0 and these.any():
            seconds[these] /= scale
            assumed.add(f"times are {unit} since 1970")
        low = high
    for digits, low, high in ((8, 19900101, 21001231), (14, 19900101000000, 21001231235959)):
        these = _compact(numbers, digits) & (numbers >= low) & (numbers <= high)
        if these.any():
            seconds[these] = _calendar(numbers[these], digits)
            assumed.add("times are dates without signs, in UTC")
    return seconds


def _compact(numbers: Floats, digits: int) -> NDArray[np.bool_]:
    """Whether a number could be a date written without signs: no real log has so many seconds (1970) or milliseconds (2600)."""
    whole = np.nan_to_num(numbers)
    day = np.floor(whole / 10.0 ** (digits - 8))
    fits: NDArray[np.bool_] = (whole % 1 == 0) & (day % 100 >= 1) & (day % 100 <= 31) & (day // 100 % 100 >= 1) & (day // 100 % 100 <= 12)
    return fits


def _calendar(numbers: Floats, digits: int) -> Floats:
    whole = numbers.astype(np.int64)
    clock = whole % 1_000_000 if digits == 14 else np.zeros_like(whole)
    day = whole // 1_000_000 if digits == 14 else whole
    month = (day // 10_000 - 1970) * 12 + day // 100 % 100 - 1
    dates = month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + day % 100 - 1
    return (dates * 86_400 + clock // 10_000 * 3600 + clock // 100 % 100 * 60 + clock % 100).astype(np.float64)


def _moment(cell: object, assumed: set[str]) -> float:
    """A date's seconds since 1970, NaN if it is none."""
    when = _datetime(cell.strip()) if isinstance(cell, str) else cell
    if isinstance(when, date) and not isinstance(when, datetime):
        when = datetime(when.year, when.month, when.day, tzinfo=UTC)
    if not isinstance(when, datetime):
        return np.nan
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
        assumed.add(_NO_ZONE)
    return when.timestamp()


def _datetime(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    bare = text.upper().removesuffix("UTC").removesuffix("GMT").rstrip().replace("月", "-").replace("年", "-")
    found = _DATE.fullmatch(bare)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    zone = found[7] or ("+00:00" if text[-3:].upper() in {"UTC", "GMT"} else "")
    try:
        return datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{min(second, 59):02}{zone}")  # 60 is a leap second
    except ValueError:
        return None
