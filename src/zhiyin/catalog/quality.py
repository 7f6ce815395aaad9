"""What an operator should know of a catalogue's data: how full each field is, and what looks wrong, with the items it is about. Pure."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Field
from zhiyin.text import key
from zhiyin.types import Item, ItemId, Texts

Severity = Literal["error", "warning", "note"]
SHOWN = 20  # items named of an issue
_SPARSE = 0.5  # known for fewer than this share of items, a field that is asked about or filtered by leaves much out
_FAR = 6.0  # times the spread between quartiles, on a log scale: farther out is a slip of a decimal point, not a luxury
_FEW = 20  # numbers, below which nothing can be called an outlier
_THIN = 20  # characters of a description that says next to nothing
_LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldReport:
    """How one field is filled."""

    field: str
    kind: str
    label: Texts
    known: int
    share: float
    distinct: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Something that looks wrong, in both languages, with the first of its items."""

    code: str
    severity: Severity
    field: str
    count: int
    text: Texts
    items: tuple[ItemId, ...]


def read_fields(catalog: Catalog) -> tuple[FieldReport, ...]:
    """Every field of the domain, in its order."""
    items = _items(catalog)
    found = []
    for field in catalog.domain.fields.values():
        values: Counter[str] = Counter()
        known = 0
        for item in items:
            own = _values(catalog, item, field)
            known += bool(own)
            values.update(own)
        example = min((v for v, n in values.most_common(50)), key=lambda v: (-values[v], v), default="")
        share = known / len(items) if items else 0.0
        found.append(FieldReport(field=field.name, kind=field.kind, label=field.label, known=known, share=round(share, 4), distinct=len(values), example=example[:80]))
    return tuple(found)


def read_issues(catalog: Catalog) -> tuple[Issue, ...]:
    """What looks wrong, the worst first."""
    found = [*_of_titles(catalog), *_of_texts(catalog), *_of_fields(catalog), *_of_numbers(catalog)]
    rank: Mapping[str, int] = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda issue: (rank[issue.severity], -issue.count, issue.code, issue.field)))


def _items(catalog: Catalog) -> tuple[Item, ...]:
    return tuple(catalog.items[row] for row in sorted(catalog.row.values()))


def _values(catalog: Catalog, item: Item, field: Field) -> tuple[str, ...]:
    if field.name in catalog.domain.variants and item.variants:
        return tuple(dict.fromkeys(f"{size[field.name]:g}" for size in item.variants if field.name in size))
    return tuple(dict.fromkeys(str(value) for value in item.values(field.name)))


def _of_titles(catalog: Catalog) -> Iterator[Issue]:
    items, year = _items(catalog), next((f.name for f in catalog.domain.fields.values() if f.kind == "year"), "")
    alike: dict[tuple[str, str], list[ItemId]] = {}
    for item in items:
        for title in {key(title) for title in item.titles.values()}:
            alike.setdefault((title, str(item.attributes.get(year, ""))), []).append(item.id)
    twins = list(dict.fromkeys(i for same in alike.values() if len(same) > 1 for i in same))
    yield from _issue("duplicate_title", "warning", "titles", twins)
    for language in _LANGUAGES:
        yield from _issue(f"no_title_{language}", "note", "titles", [item.id for item in items if not item.titles.get(language)])


def _of_texts(catalog: Catalog) -> Iterator[Issue]:
    items = _items(catalog)
    bare = [item.id for item in items if not item.texts]
    yield from _issue("no_description", "warning", "description", bare)
    yield from _issue("thin_description", "note", "description", [item.id for item in items if item.texts and max(map(len, item.texts.values())) < _THIN])
    yield from _issue("no_attributes", "error", "attributes", [item.id for item in items if not item.variants and not set(item.attributes) - {"currency"}])


def _of_fields(catalog: Catalog) -> Iterator[Issue]:
    """Values that are missing where it matters, and values that no list of the domain has."""
    items = _items(catalog)
    for field in catalog.domain.fields.values():
        if not field.wish:
            continue
        lacking = [item.id for item in items if not _values(catalog, item, field)]
        if lacking and len(lacking) == len(items):
            yield from _issue("never_known", "note", field.name, lacking, field)
        elif lacking:
            sparse = len(lacking) > (1.0 - _SPARSE) * len(items)
            yield from _issue("missing_values", "warning" if sparse or field.kind == "money" else "note", field.name, lacking, field)
        if field.values and field.kind in {"category", "list"}:
            strange = [item.id for item in items if any(str(v) not in field.values for v in item.values(field.name))]
            yield from _issue("unknown_value", "note", field.name, strange, field)


def _of_numbers(catalog: Catalog) -> Iterator[Issue]:
    items = _items(catalog)
    for field in catalog.domain.fields.values():
        if not field.numeric:
            continue
        pairs = [(item.id, number) for item in items for number in _numbers(catalog, item, field)]
        zero = [i for i, number in pairs if number <= 0]
        if field.kind == "money":
            yield from _issue("price_not_positive", "error", field.name, zero, field)
        if field.plausible:
            low, high = field.plausible
            yield from _issue("out_of_range", "warning", field.name, [i for i, number in pairs if not low <= number <= high and number > 0], field)
        yield from _issue("outlier", "warning", field.name, _outliers(pairs), field)


def _numbers(catalog: Catalog, item: Item, field: Field) -> tuple[float, ...]:
    if field.name in catalog.domain.variants and item.variants:
        return tuple(float(size[field.name]) for size in item.variants if field.name in size)
    return tuple(float(v) for v in item.values(field.name) if isinstance(v, int | float) and not isinstance(v, bool))


def _outliers(pairs: Sequence[tuple[ItemId, float]]) -> list[ItemId]:
    """Numbers that lie many times the usual spread away from the others (Tukey's fences, on logarithms)."""
    above = [(i, number) for i, number in pairs if number > 0]
    if len(above) < _FEW:
        return []
    logs = np.log([number for _, number in above])
    low, high = np.quantile(logs, (0.25, 0.75))
    reach = _FAR * max(float(high - low), 0.05)
    far = (logs < low - reach) | (logs > high + reach)
    return [i for (i, _), out in zip(above, far.tolist(), strict=True) if out]


def _issue(code: str, severity: Severity, field: str, items: Sequence[ItemId], spec: Field | None = None) -> Iterator[Issue]:
    """The issue, where there is one."""
    named = tuple(dict.fromkeys(items))
    if not named:
        return
    words = _words()[code]
    text = {language: words[language].format(count=f"{len(named):,}", field=(spec.label.get(language) or spec.name) if spec else field) for language in _LANGUAGES}
    yield Issue(code=code, severity=severity, field=field, count=len(named), text=text, items=named[:SHOWN])


@cache
def _words() -> Mapping[str, Texts]:
    found: Mapping[str, Texts] = tomllib.loads((files("zhiyin.catalog") / "quality.toml").read_text(encoding="utf-8"))
    return found
