"""Raw rows to items: columns mapped, formats converted, units and money normalised, unknown values left out, duplicates merged."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from zhiyin.catalog.domain import Domain, Field, Layer
from zhiyin.catalog.read import BadRow, Raw
from zhiyin.text import is_cjk, key, plain
from zhiyin.types import Item, ItemId, Scalar, Value

_MISSING = frozenset({"", "-", "--", "n/a", "na", "nan", "none", "null", "nil", "unknown", "tbd", "?", "未知", "无", "暂无", "不详"})
_NUMBER = re.compile(r"[-+]?\d+(?:,\d{3})+(?:\.\d+)?|[-+]?\d*\.?\d+(?:e[-+]?\d+)?")
_SCALES = {"万": 1e4, "千": 1e3, "k": 1e3, "亿": 1e8, "m": 1e6}
_TRUE, _FALSE = frozenset({"true", "yes", "y", "1", "是", "有"}), frozenset({"false", "no", "n", "0", "否", "没有"})
TITLE_NAMES = ("title", "titles", "name", "product_name", "product", "item_name", "movie_title", "book_title", "标题", "名称", "商品名称", "品名", "书名", "片名", "型号", "课程")
ID_NAMES = ("id", "item_id", "sku", "product_id", "asin", "isbn", "uid", "编号", "商品编号")
TEXT_NAMES = ("description", "desc", "summary", "overview", "synopsis", "abstract", "plot", "intro", "content", "简介", "描述", "介绍", "内容", "详情")
ALIAS_NAMES = ("aliases", "alias", "other_names", "别名")


class UnusableRow(ValueError):
    """A row that cannot become an item; the message is the reason."""


@dataclass(slots=True)
class Report:
    """What loading a catalogue came to."""

    rows: int = 0
    items: int = 0
    merged: int = 0
    dropped_values: int = 0
    bad: list[BadRow] = field(default_factory=list)
    missing_layers: list[str] = field(default_factory=list)
    credits: list[str] = field(default_factory=list)


def clean_rows(rows: Iterable[tuple[int, Raw | BadRow]], domain: Domain, report: Report, layer: Layer | None = None) -> list[Item]:
    """The items of these rows; what cannot be read is counted in the report."""
    layer = layer or Layer()
    items = []
    for line, raw in rows:
        report.rows += 1
        if isinstance(raw, BadRow):
            report.bad.append(raw)
            continue
        try:
            items.append(_Row(raw, domain, layer, report).item())
        except UnusableRow as error:
            report.bad.append(BadRow(line, str(error), json.dumps(raw, ensure_ascii=False, default=str)[:200]))
    return items


class _Row:
    """One raw row on its way to an item."""

    def __init__(self, raw: Raw, domain: Domain, layer: Layer, report: Report) -> None:
        self.raw = {layer.columns.get(name, name): value for name, value in raw.items() if not _missing(value)}
        self.names = {column_name(name): name for name in self.raw}
        self.domain, self.layer, self.report = domain, layer, report

    def item(self) -> Item:
        titles = self.by_language(TITLE_NAMES, "title")
        if not titles:
            raise UnusableRow(f"no title (a column named {', '.join(TITLE_NAMES[:4])} or 名称)")
        attributes = self.attributes()
        variants = self.variants(attributes)
        if original := self.raw.get("original"):
            titles = {**titles, "original": str(original)}
        return Item(
            id=ItemId(self.identity(titles, attributes)),
            titles=titles,
            attributes=attributes,
            aliases=tuple(str(a) for a in _parts(self.first(ALIAS_NAMES), self.layer.split.get("aliases", ""))),
            texts=self.by_language(TEXT_NAMES, "description"),
            variants=variants,
        )

    def first(self, names: Sequence[str]) -> object:
        return next((self.raw[self.names[name]] for name in names if name in self.names), None)

    def by_language(self, names: Sequence[str], stem: str) -> dict[str, str]:
        """{"en": ..., "zh": ...} from a nested table, from stem_en / stem_zh columns, or from one column by its script."""
        value = self.first(names)
        if isinstance(value, dict):
            return {str(k): str(v).strip() for k, v in value.items() if not _missing(v)}
        split = {code: str(self.raw[self.names[f"{stem}_{code}"]]).strip() for code in ("en", "zh") if f"{stem}_{code}" in self.names}
        if split:
            return split
        if value is None:
            return {}
        text = str(value).strip()
        return {"zh" if is_cjk(text) else "en": text} if text else {}

    def identity(self, titles: Mapping[str, str], attributes: Mapping[str, Value]) -> str:
        given = self.first(ID_NAMES)
        if given is not None:
            return str(given).strip()
        year = next((str(attributes[f.name]) for f in self.domain.fields.values() if f.kind == "year" and f.name in attributes), "")
        return "-".join([*key(titles.get("en") or next(iter(titles.values()))).split(), *([year] if year else [])])

    def attributes(self) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for name, spec in self.domain.fields.items():
            value = self.raw.get(name, self.raw.get(self.names.get(name, "")))
            if value is None or name in {"title", "description"}:
                continue
            clean = clean_value(value, spec, self.layer.split.get(name, ""))
            if clean is None:
                self.report.dropped_values += 1
            else:
                found[name] = clean
        if self.domain.currency and any(f.kind == "money" for f in self.domain.fields.values()):
            found["currency"] = self.domain.currency
        return found

    def variants(self, attributes: dict[str, Value]) -> tuple[Mapping[str, float], ...]:
        """Sizes, cheapest first; the fields that vary leave the attributes."""
        raw = self.raw.get("variants")
        if not self.domain.variants or not isinstance(raw, list):
            return ()
        sizes = []
        for one in raw:
            if isinstance(one, dict):
                numbers = {n: clean_value(one[n], self.domain.fields[n]) for n in self.domain.variants if n in one}
                sizes.append({n: v for n, v in numbers.items() if isinstance(v, int | float)})
        for name in self.domain.variants:
            attributes.pop(name, None)
        return tuple(sorted((s for s in sizes if s), key=lambda s: s.get("price", math.inf)))


def column_name(header: str) -> str:
    """A header as names of columns are compared: in one case, a line for a space."""
    return header.casefold().strip().replace(" ", "_")


def unusable(raw: Raw, item: Item, domain: Domain) -> tuple[str, ...]:
    """The fields of a raw row that say something of which its item has nothing: a price that is no number, a year that cannot be true."""
    names = {column_name(name): name for name in raw}
    given = {field: raw.get(field, raw.get(names.get(field, ""))) for field in domain.fields if field not in {"title", "description"}}
    sized = {name for size in item.variants for name in size}
    return tuple(field for field, value in given.items() if not _missing(value) and field not in item.attributes and field not in sized)


def unread(header: Iterable[str], domain: Domain) -> tuple[str, ...]:
    """The columns that nothing is read of: neither a field of the domain nor a name, id or text of an item."""
    spoken = {f"{stem}_{code}" for stem in ("title", "description") for code in ("en", "zh")}
    known = {*domain.fields, *TITLE_NAMES, *ID_NAMES, *TEXT_NAMES, *ALIAS_NAMES, *spoken, "variants", "original", "currency"}
    return tuple(name for name in header if column_name(name) not in known and name not in known)


def clean_value(value: object, spec: Field, separator: str = "") -> Value | None:
    """A raw value in the field's own form and unit, or None where it says nothing."""
    if _missing(value):
        return None
    if spec.numeric:
        return _number(value, spec)
    if spec.kind == "flag":
        return _flag(value)
    if spec.kind in {"list", "category"}:
        parts = [str(p).strip() for p in _parts(value, separator)] if spec.kind == "list" else [str(value).strip()]
        named = [spec.canonical.get(p, p) for p in parts if p]
        whole = tuple(dict.fromkeys(v for p in named for v in (p, *spec.implies.get(p, ())) if v))
        return (whole if spec.kind == "list" else whole[0]) if whole else None
    return str(value).strip() or None


def _flag(value: object) -> bool | None:
    low = str(value).strip().casefold()
    return True if low in _TRUE else False if low in _FALSE else None


def _number(value: object, spec: Field) -> int | float | None:
    """A number in the field's unit ("¥4,999", "1.5万元", "6.1 inch"); None if there is none or it cannot be true."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        number = float(value)
    else:
        text = plain(str(value))
        found = _NUMBER.search(text)
        if found is None:
            return None
        number = float(found[0].replace(",", ""))
        rest = text[found.end() :].strip()
        for unit in sorted(spec.units, key=len, reverse=True):
            if rest.startswith(unit.casefold()):
                number *= spec.units[unit]
                break
        else:
            scale = _SCALES.get(rest[:1])
            if scale and (rest[0] in "万千亿" or not rest[1:2].isalpha()):  # 1.5万元, but not "4 kg"
                number *= scale
                rest = rest[1:]
                number *= next((spec.units[u] for u in sorted(spec.units, key=len, reverse=True) if rest.startswith(u.casefold())), 1.0)
    if not math.isfinite(number):
        return None
    if spec.plausible and not spec.plausible[0] <= number <= spec.plausible[1]:
        return None
    return int(number) if number.is_integer() else number


def _parts(value: object, separator: str = "") -> list[object]:
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return list(value)
    text = str(value).strip()
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except ValueError:
            listed = None
        if isinstance(listed, list):
            return listed
    return [p.strip() for p in re.split(re.escape(separator) if separator else r"\s*[|;,、；，/]\s*", text) if p.strip()]


def _missing(value: object) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    if isinstance(value, str):
        return value.strip().casefold() in _MISSING
    return isinstance(value, list | dict | tuple) and not value


def merge_layers(layers: Sequence[Sequence[Item]], report: Report, *, year: str = "", pooled: frozenset[str] = frozenset()) -> list[Item]:
    """One list of items: an item of a later layer joins the earlier one of the same id, or of the same title and year; the earlier speaks first.

    In `pooled` fields both speak, the earlier one's values leading. Within a layer, rows of the same title that contradict each other nowhere are one item.
    """
    merged: dict[ItemId, Item] = {}
    by_title: dict[tuple[str, Scalar | None], list[ItemId]] = {}
    for depth, layer in enumerate(layers):
        for item in layer:
            twin = _twin(item, merged, by_title, year, same_layer=depth == 0)
            if twin is not None:
                merged[twin.id] = _join(twin, item, pooled)
                report.merged += 1
                continue
            merged[item.id] = item
            for name in item.titles.values():
                by_title.setdefault((key(name), _scalar(item.attributes.get(year))), []).append(item.id)
    report.items = len(merged)
    return list(merged.values())


def _twin(item: Item, merged: Mapping[ItemId, Item], by_title: Mapping[tuple[str, Scalar | None], list[ItemId]], year: str, *, same_layer: bool) -> Item | None:
    if item.id in merged:
        return merged[item.id]
    when = item.attributes.get(year)
    years = [when] if same_layer or not isinstance(when, int) else [when, when - 1, when + 1]
    for name in item.titles.values():
        for candidate in (i for y in years for i in by_title.get((key(name), _scalar(y)), ())):
            if not _contradict(merged[candidate], item, year):
                return merged[candidate]
    return None


def _contradict(a: Item, b: Item, year: str) -> bool:
    """Whether two rows of one title are about different things: a shared field with nothing in common."""
    for name in a.attributes.keys() & b.attributes.keys() - {year, "currency"}:
        left, right = a.values(name), b.values(name)
        if isinstance(left[0], str) and isinstance(right[0], str):
            if not {key(str(v)) for v in left} & {key(str(v)) for v in right}:
                return True
        elif isinstance(left[0], int | float) and isinstance(right[0], int | float) and abs(left[0] - right[0]) > 0.2 * max(abs(left[0]), abs(right[0])):
            return True
    return False


def _join(first: Item, second: Item, pooled: frozenset[str]) -> Item:
    attributes: dict[str, Value] = {**second.attributes, **first.attributes}
    for name in pooled & first.attributes.keys() & second.attributes.keys():
        ours, theirs = first.attributes[name], second.attributes[name]
        if isinstance(ours, tuple) and isinstance(theirs, tuple):
            attributes[name] = tuple(dict.fromkeys((*ours, *theirs)))
    others = [t for t in second.titles.values() if t not in first.titles.values()]
    return replace(
        first,
        titles={**second.titles, **first.titles},
        attributes=attributes,
        aliases=tuple(dict.fromkeys((*first.aliases, *second.aliases, *others))),
        texts={**second.texts, **first.texts},
        variants=first.variants or second.variants,
    )


def _scalar(value: Value | None) -> Scalar | None:
    return value[0] if isinstance(value, tuple) else value
