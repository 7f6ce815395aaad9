"""The grammar of amounts against two tables that an independent judge wrote: one phrase a row, and what it says."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from zhiyin.text import plain
from zhiyin.understand.quantities import Quantity, read_quantities

YEAR = 2026
UNITS = tuple(
    "元 块 块钱 元钱 yuan rmb cny ¥ ￥ $ € dollars dollar bucks buck usd 美元 美金 euro euros 分钟 minute minutes min mins 小时 个小时 钟头 hour hours hr hrs h "
    "英寸 寸 inch inches gb gig gigs g tb t mah 毫安 毫安时 像素 mp 分 points stars 年 克 gram grams".split()
)
SPELLINGS = {  # one unit, several ways to write it
    "个小时": "小时",
    "块": "块钱",
    "hour": "hours",
    "minute": "minutes",
    "inch": "inches",
    "dollar": "dollars",
    "￥": "¥",
}


def rows() -> Iterator[object]:
    for language in ("en", "zh"):
        path = Path(__file__).parent / f"quantities.{language}.tsv"
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE), 2):
                yield pytest.param(row, id=f"{language}:{number}")


def spelt(unit: str) -> str:
    return SPELLINGS.get(unit, unit)


def number(cell: str) -> float | None:
    return float(cell) if cell else None


def close(have: float | None, want: float | None) -> bool:
    return have is want is None or (have is not None and want is not None and abs(have - want) <= 0.005 * max(1.0, abs(want)))


def told(quantity: Quantity) -> str:
    return f"{quantity.unit or 'no unit'} [{quantity.low}, {quantity.high}] strict {quantity.strict_low:d}{quantity.strict_high:d} approx {quantity.approx:d}"


@pytest.mark.parametrize("row", list(rows()))
def test_a_phrase_reads_as_the_judge_says(row: dict[str, str]) -> None:
    found = read_quantities(plain(row["phrase"]), UNITS, year=YEAR)
    readings = "; ".join(map(told, found)) or "nothing"
    if row["unit"] == "-":
        assert not found, f"{row['phrase']!r} has no quantity, but reads as {readings}"
        return
    wanted = f"{row['unit'] or 'no unit'} [{row['low']}, {row['high']}] strict {row['strict_low']}{row['strict_high']} approx {row['approx']}"
    assert len(found) == 1, f"{row['phrase']!r} should read as {wanted}, but reads as {readings}"
    one = found[0]
    same = (
        spelt(one.unit) == spelt(row["unit"])
        and close(one.low, number(row["low"]))
        and close(one.high, number(row["high"]))
        and (one.strict_low, one.strict_high, one.approx) == (row["strict_low"] == "1", row["strict_high"] == "1", row["approx"] == "1")
    )
    assert same, f"{row['phrase']!r} should read as {wanted}, but reads as {readings}"
