"""Anybody's file as a talking catalogue: the fields are told from headers and values, the words from `kinds.toml`. Nothing is asked, nothing is made up.

Follow `infer_catalog`: rows become columns (`infer_columns.py`), columns take their roles, become fields, and the fields
their words (`infer_words.py`). What was concluded is kept with the domain, for `describe` to tell.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeAlias

from zhiyin.catalog.clean import ALIAS_NAMES, ID_NAMES, TEXT_NAMES, TITLE_NAMES, Report, clean_rows, column_name
from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import NUMERIC_KINDS, Domain, Lexicon
from zhiyin.catalog.infer_columns import UNREADABLE, Cell, Column, read_columns, sense, width, year_in
from zhiyin.catalog.infer_fields import make_fields, spoken_twice
from zhiyin.catalog.infer_words import thing_of, with_words
from zhiyin.catalog.kinds import concept_of, header_words, kinds, money_word
from zhiyin.catalog.load import merge_items
from zhiyin.catalog.read import BadRow, Raw, read_rows
from zhiyin.errors import EmptyCatalog
from zhiyin.text import is_cjk, plain

Line: TypeAlias = tuple[int, Raw | BadRow]
Note: TypeAlias = tuple[str, str, str]
_REASONS = 3  # of a file without a usable row
_RESERVED = frozenset({"title", "titles", "description", "currency", "variants", "original", "aliases", "id", "title_en", "title_zh", "description_en", "description_zh", ""})
_SPOKEN = re.compile(r"(.*?)[\s_(（-]*(?:(english|en|英文)|(chinese|zh|cn|中文))[)）]?", re.IGNORECASE)
_LEADING = re.compile(r"(?:(英文|english[\s_]?)|(中文|chinese[\s_]?))(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class InferredDomain(Domain):
    """A domain told from a file, with what each column was taken for."""

    notes: tuple[Note, ...] = ()


@dataclass(slots=True)
class Roles:
    """The columns that are not fields: what the items are called, told apart by and described with, by language ("" = by its script)."""

    titles: dict[str, Column] = field(default_factory=dict)
    texts: dict[str, Column] = field(default_factory=dict)
    identity: Column | None = None
    aliases: Column | None = None

    def all(self) -> list[Column]:
        """Every column that has a role."""
        return [c for c in (*self.titles.values(), *self.texts.values(), self.identity, self.aliases) if c is not None]


def infer_catalog(path: Path, report: Report | None = None) -> tuple[Catalog, Report]:
    """The catalogue of a CSV, JSON, JSONL, Parquet or SQLite file, its fields and words inferred; rows that cannot be items are in the report.

    Raises `EmptyCatalog` if no row can be used, `UnreadableFile` if the file as a whole cannot be read.
    """
    report = report or Report()
    lines: list[Line] = list(read_rows(path))
    columns = read_columns([row for _, row in lines if not isinstance(row, BadRow)])
    roles = find_roles(columns)
    senses = _sensed(columns, roles)
    prepared = _prepared(lines, roles, senses)
    spoken_twice(senses)
    thing = thing_of(path.stem, columns)
    bare = Domain(
        name=path.stem,
        label={"en": path.stem.replace("_", " "), "zh": path.stem},
        noun=thing.noun,
        nouns=thing.nouns,
        counter=thing.counter,
        fields=make_fields(senses, work=thing.work),
        lexicons={"en": Lexicon(), "zh": Lexicon()},
        currency=next((c.currency for c in senses if c.kind == "money"), ""),
        people=_bare_names(senses),
    )
    items = merge_items([clean_rows(prepared, bare, report)], bare, report)
    if not items:
        raise _empty(path, report)
    domain = with_words(Catalog(bare, items), senses, thing)
    inferred = InferredDomain(**{f.name: getattr(domain, f.name) for f in fields(Domain)}, notes=tuple(_notes(roles, senses)))
    return Catalog(inferred, items), report


def describe(domain: Domain) -> list[Note]:
    """(field, kind, example or range) of every column: for an inferred domain what was concluded from the file, else what the pack says."""
    if isinstance(domain, InferredDomain):
        return list(domain.notes)
    return [(f.name, f.kind, ", ".join([f.label.get("en", ""), *list(f.values)[:3]])) for f in domain.fields.values()]


def _empty(path: Path, report: Report) -> EmptyCatalog:
    reasons = "; ".join(f"line {bad.line}: {bad.reason}" for bad in report.bad[:_REASONS])
    more = f"; and {len(report.bad) - _REASONS} more" if len(report.bad) > _REASONS else ""
    return EmptyCatalog(f"{path}: no usable row of {report.rows}{f' ({reasons}{more})' if reasons else ': it has no rows'}", hint=f"See what is wrong with: zhiyin validate {path}")


# --- roles ---


def find_roles(columns: Sequence[Column]) -> Roles:
    """Which columns hold the titles, the descriptions, the ids and the other names."""
    roles = Roles()
    roles.titles = _titles(columns)
    left = [c for c in columns if c.known and c not in roles.titles.values()]
    roles.texts = _texts(left)
    left = [c for c in left if c not in roles.texts.values()]
    roles.identity = _named(left, ID_NAMES) or next((c for c in left if (c.name in kinds()["ids"] or c.name.endswith("_id")) and len(set(c.texts)) == len(c.cells)), None)
    roles.aliases = _named(left, ALIAS_NAMES)
    return roles


def _named(columns: Sequence[Column], names: Sequence[str]) -> Column | None:
    by_name = {column_name(c.header): c for c in reversed(columns)}
    return next((by_name[n] for n in names if n in by_name), None)


def _spoken(columns: Sequence[Column], names: Sequence[str]) -> dict[str, Column]:
    """Columns of one role by language: title_en and title_zh, name (中文), 英文名."""
    found: dict[str, Column] = {}
    for column in columns:
        if m := _SPOKEN.fullmatch(column.header.strip()):
            language, base = "en" if m[2] else "zh", m[1]
        elif m := _LEADING.fullmatch(column.header.strip()):
            language, base = "en" if m[1] else "zh", m[3]
        else:
            continue
        base = base.casefold().strip(" _-").replace(" ", "_")
        if base in names or (names is TITLE_NAMES and (base in {"名", "名字"} or base in kinds()["titles"])):
            found.setdefault(language, column)
    return found


def _titles(columns: Sequence[Column]) -> dict[str, Column]:
    found = _spoken(columns, TITLE_NAMES)
    base = _named([c for c in columns if c.known and len(c.known) >= 0.3 * len(c.cells)], TITLE_NAMES)
    if base is None:
        worded = [c for c in columns if c.known and c not in found.values() and _wordy(c)]
        base = _named(worded, kinds()["titles"]) or next((c for c in worded if _says_name(c)), None) or (None if found else _likeliest(worded) or _named(columns, TITLE_NAMES))
    return ({"": base} if base else {}) | found


def _likeliest(worded: Sequence[Column]) -> Column | None:
    """The first short column of texts that mostly differ, before any other column of texts."""
    short = [c for c in worded if sum(map(width, c.texts)) <= 80 * len(c.known) and len(set(c.texts)) >= 0.8 * len(c.known)]
    return next((c for c in short if not c.concept), None) or next(iter(short), None) or next((c for c in worded if not c.concept), None)


def _wordy(column: Column) -> bool:
    """Whether a column may hold names: mostly texts with letters, no links, no dates, no plain numbers."""
    texts = [v for v in column.known if isinstance(v, str | dict)]
    lettered = [t for t in texts if isinstance(t, dict) or (any(c.isalpha() for c in t) and not t.startswith(("http://", "https://", "www.")))]
    probe = Column(column.header, list(column.cells), name=column.name)
    probe.refresh()
    return len(lettered) > 0.5 * len(column.cells) and column.name not in kinds()["hidden"] and not column.name.endswith("_id") and not _numeric(probe)


def _numeric(column: Column) -> bool:
    sense(column, len(column.cells))
    return column.kind in NUMERIC_KINDS | {"date", "flag"}


def _says_name(column: Column) -> bool:
    """Whether a header speaks of a name: "Course Name", 菜品名称, but not "brand name"."""
    words = header_words(column.header)
    if len(words) > 1 and words[-1] in {"name", "title"}:
        return concept_of(" ".join(words[:-1])) in {"", "series", "album"} and words[0] not in {"user", "first", "last", "file"}
    m = re.fullmatch(r"(.+?)(?:名称|名字|标题|名)", column.header.strip())
    return m is not None and not concept_of(m[1]) and m[1] not in {"用户", "文件", "姓"}


def _texts(columns: Sequence[Column]) -> dict[str, Column]:
    found = _spoken(columns, TEXT_NAMES)
    rest = [c for c in columns if c not in found.values() and any(isinstance(v, str | dict) for v in c.known) and _mean_width(c) >= 12]
    base = _named(rest, TEXT_NAMES)
    if base is None and not found:
        long = [c for c in rest if _mean_width(c) >= 60 and len(set(c.texts)) >= 0.6 * len(c.known) and not c.texts[0].startswith(("http", "www", "["))]
        base = max(long, key=_mean_width, default=None)
    return ({"": base} if base else {}) | found


def _mean_width(column: Column) -> float:
    return sum(map(width, column.texts)) / len(column.known)


# --- fields' columns ---


def _sensed(columns: Sequence[Column], roles: Roles) -> list[Column]:
    """The other columns with their kinds decided, the price before all, and a year for each release date."""
    found = [c for c in columns if c not in roles.all()]
    for column in found:
        sense(column, len(column.cells))
    released = next((c for c in found if c.kind == "date" and c.concept in {"release_date", "year"}), None)
    if released and not any(c.kind == "year" for c in found):
        cells: list[Cell] = [None if c is None else year_in(c) for c in released.cells]
        extra = Column(released.header, cells, name=f"{released.name}_year", concept="year", kind="year")
        extra.refresh()
        found.append(extra)
    _settle_currency(found, roles)
    price = next((c for concept in ("price", "salary", "") for c in found if c.kind == "money" and c.concept == concept), None)
    if price:
        price.main = True
    taken: Counter[str] = Counter()
    for column in found:
        name = f"{column.name}_column" if column.name in _RESERVED else column.name
        taken[name] += 1
        column.main |= price is None and column.kind == "year" and not any(c.main for c in found)
        column.name = name if taken[name] == 1 else f"{name}_{taken[name]}"
    return sorted(found, key=lambda c: c is not price)


def _settle_currency(columns: Sequence[Column], roles: Roles) -> None:
    """One currency for the file: its own signs, else its currency column, else Chinese headers or titles say CNY; prices in another are set aside."""
    money = [c for c in columns if c.kind == "money"]
    told = next((c for c in columns if c.name == "currency" or c.header in {"货币", "币种"}), None)
    codes = [found[0] if (found := money_word(str(c).casefold())) else str(c or "").upper() for c in told.cells] if told else []
    main = next((c.currency for c in money if c.currency), "") or (Counter(filter(None, codes)).most_common(1) or [("", 0)])[0][0]
    if not main and money:
        chinese = any(is_cjk(c.header) for c in (*columns, *roles.all())) or any(
            sum(isinstance(v, str) and is_cjk(v) for v in c.known) > 0.5 * len(c.known) for c in roles.titles.values()
        )
        main = "CNY" if chinese else ""
    for column in money:
        other = column.currency not in {"", main}
        column.cells = [UNREADABLE if c is not None and (other or (codes and codes[i] not in {"", main})) else c for i, c in enumerate(column.cells)]
        column.currency = main
        column.refresh()
    if told and money:
        told.hidden = "taken as the currency"


def _bare_names(columns: Sequence[Column]) -> dict[str, tuple[str, ...]]:
    """People whose country stands before the name, with the name alone: [英]毛姆 -> 毛姆."""
    found: dict[str, tuple[str, ...]] = {}
    for column in columns:
        if column.spec.get("people"):
            for name in {str(p) for c in column.known for p in (c if isinstance(c, list) else [c])}:
                if m := re.fullmatch(r"[\[【(（〔][^\])】）〕]{1,5}[\]】)）〕]\s*(.+)", name):
                    found[name] = (m[1],)
    return found


# --- rows ---


def _prepared(lines: Sequence[Line], roles: Roles, columns: Sequence[Column]) -> list[Line]:
    """The rows again, under the names that `clean_rows` knows, each with an id of its own."""
    prepared: list[Line] = []
    said: Counter[str] = Counter()
    shown = [c for c in columns if c.hidden not in {"empty", "taken as the currency"}]
    row = -1
    for line, raw in lines:
        if isinstance(raw, BadRow):
            prepared.append((line, raw))
            continue
        row += 1
        title = _texts_at(roles.titles, row)
        if not title:
            where = " or ".join(repr(c.header) for c in roles.titles.values())
            reason = f"no title: the column {where} is empty" if where else "no title: no column holds names"
            prepared.append((line, BadRow(line, reason, json.dumps(raw, ensure_ascii=False, default=str)[:200])))
            continue
        known: dict[str, object] = {c.name: c.cells[row] for c in shown if c.cells[row] is not None}
        given = roles.identity.cells[row] if roles.identity else None
        base = re.sub(r"\W+", "-", plain(next(iter(title.values())))).strip("-") or "item"
        said[base] += given is None
        identity = str(given).strip() if given is not None else base if said[base] == 1 else f"{base}-{said[base]}"
        aliases = {"aliases": roles.aliases.cells[row]} if roles.aliases and roles.aliases.cells[row] else {}
        prepared.append((line, {"id": identity, "title": title, **known, **aliases, **({"description": text} if (text := _texts_at(roles.texts, row)) else {})}))
    return prepared


def _texts_at(columns: Mapping[str, Column], row: int) -> dict[str, str]:
    """A text of a row by language."""
    found: dict[str, str] = {}
    for language, column in columns.items():
        cell = column.cells[row]
        if isinstance(cell, dict):
            found = {**cell, **found}
        elif cell is not None:
            text = ", ".join(cell) if isinstance(cell, list) else str(cell)
            found.setdefault(language or ("zh" if is_cjk(text) else "en"), text)
    return found


# --- what was concluded ---


def _notes(roles: Roles, columns: Sequence[Column]) -> list[Note]:
    named = [("title", c) for c in roles.titles.values()] + [("description", c) for c in roles.texts.values()]
    named += [(role, c) for role, c in (("id", roles.identity), ("aliases", roles.aliases)) if c]
    notes = [(role, "text", f"from {c.header!r}: {' / '.join(_texts_at({'': c}, c.cells.index(c.known[0])).values())[:60]}") for role, c in named if c.known]
    for column in columns:
        kind = "ignored" if column.hidden in {"empty", "taken as the currency"} else column.kind
        notes.append((column.name, kind, _told(column)))
    return notes


def _told(column: Column) -> str:
    """An example or the range, and what a reader should doubt."""
    missing, unreadable = sum(c is None for c in column.cells), sum(c == UNREADABLE for c in column.cells)
    doubts = [f"{missing} of {len(column.cells)} unknown"] * (missing > 0) + [f"{unreadable} unreadable"] * (unreadable > 0)
    numbers = [v for v in column.known if isinstance(v, int | float)]
    if column.hidden in {"empty", "taken as the currency"}:
        return column.hidden
    if column.kind in NUMERIC_KINDS and numbers:
        unit = (column.currency or "no currency stated") if column.kind == "money" else column.unit
        low, high = (f"{v:,}" if column.kind != "year" else str(v) for v in (min(numbers), max(numbers)))
        told = f"{low} to {high} {unit}".strip()
    elif column.kind == "flag":
        told = f"yes {sum(v is True for v in column.known)}, no {sum(v is False for v in column.known)}"
    else:
        counts = column.counts
        values = ", ".join(v[:40] for v, _ in counts.most_common(3))
        split = f", split at {column.separator}" if column.separator not in {"", "list"} else ""
        told = f"{len(counts)} values{split}: {values}" if column.kind in {"category", "list"} else f"e.g. {values[:60]}"
    people = ["people"] if column.spec.get("people") else []
    return "; ".join([*people, told, *doubts, *([column.hidden] if column.hidden else [])])
