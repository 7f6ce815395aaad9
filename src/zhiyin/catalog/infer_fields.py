"""Columns to fields: units and currencies, display names, which to ask about, which stand on a card."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

from zhiyin.catalog.domain import NUMERIC_KINDS, Field
from zhiyin.catalog.infer_columns import Column, label_of
from zhiyin.catalog.kinds import kinds, same_value, synonyms
from zhiyin.text import key
from zhiyin.types import Texts

LARGE = 1e9  # no price is higher
CARDS, ASKED = 6, 4
_MAX_NAMED = 5000  # values a field may have and still be known by its values
_SAME_ROWS = 0.6  # two columns that agree on this share of a value's rows may both filter by it
_OPTIONS = 5  # a question shows no more


def make_fields(columns: Sequence[Column], *, work: bool) -> Mapping[str, Field]:
    """The fields of these columns by name, the price first; of a `work` (a book, a song) Chinese sentences set the title in 《》."""
    shown = [c for c in columns if c.hidden not in {"empty", "taken as the currency"}]
    cards, asks = _cards(shown), _asks(shown)
    topics = {c.name for c in shown if c.spec.get("topic")} or {name for name in asks if next(c for c in shown if c.name == name).kind in {"category", "list"}}
    return {c.name: _field(c, card=cards.get(c.name, 0), ask=asks.get(c.name, 0), topic=c.name in topics, work=work) for c in shown}


def spoken_twice(columns: Sequence[Column]) -> None:
    """Mark columns whose values are another's too (genre and tags): asked for in one word, only one of the two may filter."""
    valued = [c for c in columns if c.kind in {"category", "list"} and not c.hidden and not c.spec.get("people")]
    seen: list[Mapping[str, frozenset[int]]] = []
    for column in sorted(valued, key=lambda c: -c.spec.get("ask", 0)):
        rows = _rows_by_meaning(column)
        pairs = [(meaning, rows[meaning], other[meaning]) for other in seen for meaning in rows.keys() & other.keys()]
        meanings = {meaning for meaning, _, _ in pairs}
        column.shared = frozenset(key(v) for v in column.counts if _meaning(v) in meanings)
        column.soft = any(len(ours & theirs) < _SAME_ROWS * len(ours | theirs) for _, ours, theirs in pairs)
        seen.append(rows)


@lru_cache(maxsize=65536)
def _meaning(value: str) -> str:
    """One form for the words that are heard alike: coding, programming, 编程."""
    return key(next(iter(synonyms(value)), value))


def _rows_by_meaning(column: Column) -> Mapping[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for row, cell in enumerate(column.cells):
        for part in cell if isinstance(cell, list) else [cell]:
            if part is not None and (meaning := _meaning(str(part))):
                found.setdefault(meaning, set()).add(row)
    return {meaning: frozenset(rows) for meaning, rows in found.items()}


def _field(column: Column, *, card: int, ask: int, topic: bool, work: bool) -> Field:
    spec, label = column.spec, label_of(column)
    units, foreign, unit = _measures(column)
    money, year = column.kind == "money", column.kind == "year"
    people = bool(spec.get("people"))
    numbers = [v for v in column.known if isinstance(v, int | float)]
    return Field(
        name=column.name,
        kind=column.kind,
        label=label,
        units=units,
        foreign=foreign,
        unit=unit,
        plausible=(0, LARGE) if column.main and money else (1000, 2100) if year else None,
        around=(2 if max(numbers) - min(numbers) > 20 else 1) if year and numbers else None,
        wish=not column.hidden,
        ask=ask,
        several="all" if column.kind == "list" else "any",
        topic=topic and column.kind in {"category", "list"} and not people,
        people=people and column.kind in {"category", "list"},
        soft=column.soft,
        fallback=column.main,
        canonical=_canonical(column),
        values=_values(column, label),
        better=spec.get("better", "lower" if column.main else ""),
        trust="",
        says={code: kinds()["templates"][code]["says"].format(label=label[code]) for code in ("en", "zh")} if work and column.kind not in {"flag", "text"} else {},
        card=card,
    )


def _measures(column: Column) -> tuple[Mapping[str, float], Mapping[str, str], Texts]:
    """(unit word -> factor, foreign unit word -> conversion, unit for display)."""
    if column.kind == "money":
        return _currency(column.currency)
    if column.kind == "year":
        return {"年": 1.0}, {}, {"zh": "年"}
    family = kinds()["units"].get(column.family, {})
    if column.kind != "number" or not column.unit:
        return dict.fromkeys(column.spec.get("said_units", ()) if column.kind == "number" else (), 1.0), {}, {}
    if column.unit not in family:
        return {column.unit: 1.0}, {}, {"en": column.unit, "zh": column.unit}
    worth = float(family[column.unit]["worth"])
    units = {word: float(spec["worth"]) / worth for spec in family.values() for word in spec["words"]}
    return units, {}, {"en": column.unit, "zh": family[column.unit]["zh"]}


def _currency(code: str) -> tuple[Mapping[str, float], Mapping[str, str], Texts]:
    """Other currencies are taken at a fixed rate, which the reply states; where the file names none, all words mean its own."""
    currencies = kinds()["currencies"]
    if code not in currencies:
        return {word: 1.0 for spec in currencies.values() for word in spec["words"]}, {}, {}
    own = currencies[code]
    units, foreign = {}, {}
    for other, spec in currencies.items():
        rate = float(spec["cny"]) / float(own["cny"])
        for word in spec["words"]:
            if other != code and word not in own["words"]:
                units[word], foreign[word] = rate, f"{spec['sign']}1 = {own['sign']}{rate:.3g}"
    return {**units, **dict.fromkeys(own["words"], 1.0)}, foreign, own["unit"]


def _canonical(column: Column) -> Mapping[str, str]:
    """Spellings that differ in case or spaces only -> the most frequent one."""
    if column.kind not in {"category", "list"}:
        return {}
    chosen: dict[str, str] = {}
    found = {}
    for value, _ in column.counts.most_common():
        main = chosen.setdefault(" ".join(value.casefold().split()), value)
        if main != value:
            found[value] = main
    return found


def _values(column: Column, label: Texts) -> Mapping[str, Texts]:
    """Values with a name in the other language; of a flag, what yes and no say."""
    if column.kind == "flag":
        return {"True": label, "False": {"en": f"not {label['en']}", "zh": f"非{label['zh']}"}}
    if column.kind not in {"category", "list"} or column.spec.get("people"):
        return {}
    return {value: names for value in list(column.counts)[:_MAX_NAMED] if (names := same_value(value))}


def _cards(columns: Sequence[Column]) -> Mapping[str, int]:
    """The first six that say something, in the file's order with the price at the head."""
    telling = [c.name for c in columns if not c.hidden and (len(c.cells) < 2 or len(c.counts) > 1)]
    return {name: place for place, name in enumerate(telling[:CARDS], 1)}


def _asks(columns: Sequence[Column]) -> Mapping[str, int]:
    """The four most useful questions: the price, then what splits the rows best, what people choose by first."""
    worth: list[tuple[float, str]] = []
    for column in columns:
        base = column.spec.get("ask", 1)
        if column.hidden or column.spec.get("people") or base < 0 or len(column.known) < 0.5 * len(column.cells):
            continue
        if column.kind == "money":
            worth += [(99.0, column.name)] if column.main else []
        elif column.kind in {"category", "list", "flag"} and 2 <= len(column.counts) <= min(200, 0.75 * column.counts.total()) and not column.soft:
            worth.append((base + min(2.0, _bits(column)), column.name))
        elif column.kind in NUMERIC_KINDS and len(column.known) >= 8 and column.concept:
            worth.append((1.0 + (column.concept in {"year", "rating", "duration"}), column.name))
    return {name: rank for rank, (_, name) in enumerate(sorted(worth, key=lambda w: -w[0])[:ASKED], 1)}


def _bits(column: Column) -> float:
    """What an answer among the five most frequent values tells: H = -sum p log2 p."""
    shares = [n / max(1, len(column.known)) for _, n in column.counts.most_common(_OPTIONS)]
    return -sum(p * math.log2(p) for p in shares if p < 1)
