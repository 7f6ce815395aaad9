"""What a column of anybody's file is about: its kind, unit, currency and parts, told from the header and from every value."""

from __future__ import annotations

import ast
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from zhiyin.catalog.clean import clean_value
from zhiyin.catalog.domain import Field, Kind
from zhiyin.catalog.kinds import SCALES, Table, concept_of, header_unit, header_words, kinds, money_word, same_value, slug, unit_of
from zhiyin.text import cjk_count, is_cjk, plain, stem
from zhiyin.types import Texts

Cell = str | int | float | bool | list[str] | dict[str, str] | None

MOSTLY = 0.9  # of the known values, to call a column numbers or dates
UNREADABLE = "unreadable"  # stands for a cell that says nothing in its column's kind: counted as dropped, never guessed at
MAX_DISTINCT = 60  # a column with no more values than this, or no more than `DISTINCT_SHARE` of its rows, is a category
DISTINCT_SHARE = 0.4
_LOOK = 400  # values of a first look
_TEXT = Field(name="", kind="text", label={})
_SIGN = r"us\$|hk\$|cn¥|jp¥|[$¥￥€£]|rmb|cny|usd|eur|gbp|jpy|hkd"
_DIGITS = r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?|[-+]?\.\d+"
_AMOUNT = re.compile(rf"(?:约|~|≈|about |from |¥?低至)?\s*(?P<sign>{_SIGN})?\s*(?P<number>{_DIGITS})\s*(?P<scale>[万亿千]|k(?![a-z]))?\s*(?P<unit>[^\d\s][^\d]{{0,14}}|m2)?")
_ANY_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_OUT_OF = re.compile(r"\s*(?:/|out of|分?满分)\s*(?:5|10|100)(?:\.0)?\b.*$")
_HOURS = re.compile(r"(\d+)\s*(?:h|hrs?|hours?|小时)\s*(\d+)\s*(?:m|mins?|minutes?|分钟?)?")
_COMMA_DECIMAL = re.compile(r"\D*\d{1,3}(?:\.\d{3})*,\d{1,2}\D*")
_DATE = re.compile(
    r"(?:(?:1[6-9]|20)\d\d\s*(?:[-/年]\s*\d{1,2}\s*(?:[-/月]\s*\d{1,2}\s*日?|月)?|\.\d{1,2}\.\d{1,2})|\d{1,2}[-/.]\d{1,2}[-/.](?:1[6-9]|20)\d\d|"
    r"[a-z]{3,9}\.? \d{1,2},? (?:19|20)\d\d|\d{1,2} [a-z]{3,9}\.? (?:19|20)\d\d|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?:[t ]\d{1,2}:\d\d.*)?"
)
_TRUE, _FALSE = frozenset({"true", "yes", "y", "1", "是", "有", "✓", "√"}), frozenset({"false", "no", "n", "0", "否", "没有", "无", "×", "✗"})
_STRONG, _WEAK = "|;；、", ",，/"


@dataclass(slots=True)
class Column:
    """One column on its way to a field. `cells` hold one value a row, None where unknown, converted once the kind is known."""

    header: str
    cells: list[Cell]
    name: str = ""
    concept: str = ""
    kind: Kind = "text"
    unit: str = ""
    family: str = ""
    currency: str = ""
    separator: str = ""
    hidden: str = ""  # why nobody may wish on it
    main: bool = False  # the price that bare amounts are about
    soft: bool = False  # its values are mostly another column's too: wishes on it rank
    shared: frozenset[str] = frozenset()  # those values, in key form
    known: list[Cell] = field(default_factory=list)

    @property
    def spec(self) -> Table:
        """What kinds.toml says of the column's concept."""
        found: Table = kinds()["concepts"].get(self.concept, {})
        return found

    @property
    def texts(self) -> list[str]:
        """The known values as texts."""
        return [str(v) for v in self.known]

    @property
    def counts(self) -> Counter[str]:
        """How many rows have each value."""
        return Counter(str(p) for v in self.known for p in (v if isinstance(v, list) else [v]))

    def refresh(self) -> None:
        """Note anew which cells are known."""
        self.known = [c for c in self.cells if c is not None and c != UNREADABLE]


def read_columns(rows: Sequence[Mapping[str, object]]) -> list[Column]:
    """The rows turned into columns, in order of appearance, each with its name and concept; cells not yet converted."""
    headers = dict.fromkeys(str(h) for row in rows for h in row)
    columns = []
    for header in headers:
        cells = [_cell(row.get(header)) for row in rows]
        column = Column(header, cells, name=slug(header), concept=concept_of(header))
        column.refresh()
        columns.append(column)
    return columns


def _cell(value: object) -> Cell:
    """A raw cell: texts trimmed, nested objects as their name, lists flat, whatever says "unknown" as None."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        texts = {str(k): str(v).strip() for k, v in value.items() if k in {"en", "zh"} and v}
        if "currency" in value and (amount := next((value[k] for k in ("amount", "value", "price") if k in value), None)) is not None:
            return f"{amount} {value['currency']}"
        return texts or _cell(next((value[k] for k in ("name", "title", "label", "value", "amount") if k in value), None))
    if isinstance(value, list | tuple):
        parts = [p for p in (_cell(v) for v in value) if p is not None]
        return [p.get("en") or p["zh"] if isinstance(p, dict) else str(p) for p in parts] or None
    text = str(value).strip()
    if text[:1] == "[" and text[-1:] == "]" and (listed := _literal(text)):
        return _cell(listed)
    if text == "无":  # an answer in a yes-no column, unknown elsewhere
        return text
    return text if _says(text) else None


@lru_cache(maxsize=65536)
def _says(text: str) -> bool:
    return clean_value(text, _TEXT) is not None


def _literal(text: str) -> list[object]:
    """A JSON or Python list in a cell; anything else is text."""
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, list):
            return found
    return []


def sense(column: Column, rows: int) -> None:
    """Decide what the column is and convert its cells accordingly."""
    if _flags(column):
        return
    column.cells = [None if c == "无" else c for c in column.cells]
    column.refresh()
    hint = column.spec.get("kind", "")
    if not column.known:
        column.hidden = "empty"
    elif _is_hidden(column):
        column.hidden, column.kind = "not a wish", "text"
    elif not _counted(column, hint) and not _list(column, hint):
        _category_or_text(column, rows, hint)


def _counted(column: Column, hint: str) -> bool:
    """Money, years, dates and numbers."""
    amounts = _amounts(column, lenient=hint in {"money", "number"}) if _hopeful(column) else []
    if amounts and hint in {"", "money", "number"} and _money(column, hint, amounts):
        return True
    if hint != "list" and (_year(column, hint) or _date(column)):
        return True
    return bool(amounts) and _number(column, hint, amounts)


def _hopeful(column: Column) -> bool:
    """Whether a first look finds enough digits for a column of numbers; spares long texts the full reading."""
    some = column.known[:: max(1, len(column.known) // _LOOK)]
    free = kinds()["money"]["free"]
    return sum(isinstance(v, int | float) or (isinstance(v, str) and len(v) < 40 and (any(c.isdigit() for c in v) or v.casefold() in free)) for v in some) >= 0.5 * len(some)


def _flags(column: Column) -> bool:
    low = {str(v).casefold() for v in column.known}
    if not low or not low <= _TRUE | _FALSE or (low <= {"0", "1"} and low != {"0", "1"}) or low == {"无"}:
        return False
    if low == {"0", "1"} and column.spec.get("kind", "") in {"money", "number", "year"} and column.concept != "stock":
        return False
    column.kind = "flag"
    column.cells = [None if c is None else str(c).casefold() in _TRUE for c in column.cells]
    column.refresh()
    return True


def _is_hidden(column: Column) -> bool:
    """Links, pictures, codes, running numbers: shown to nobody, wished for by nobody."""
    words = header_words(column.header)
    if words and (
        column.name in kinds()["hidden"]
        or words[-1] in {"id", "ids", "url", "link", "image", "code", "hash"}
        or any(column.header.endswith(w) for w in kinds()["hidden"] if is_cjk(w))
    ):
        return True
    texts = column.texts
    links = sum(t.startswith(("http://", "https://", "www.", "data:image")) for t in texts)
    zeros = sum(len(t) > 3 and t[0] == "0" and t.isdigit() for t in texts)
    running = not column.concept and len(texts) > 4 and texts in ([str(i + first) for i in range(len(texts))] for first in (0, 1))
    return links > 0.5 * len(texts) or zeros > 0.1 * len(texts) or running or not words


@dataclass(frozen=True, slots=True)
class _Amount:
    number: float
    sign: str = ""
    unit: str = ""
    scaled: bool = False  # it says 万 or k itself


def _amount(value: Cell, *, comma: bool = False, lenient: bool = False) -> _Amount | None:
    """A cell read as one amount; ranges and sentences are none. Leniently, one number among words will do."""
    if value is None or isinstance(value, bool | list | dict):
        return None
    if isinstance(value, int | float):
        return _Amount(float(value))
    text = plain(value).strip()
    if comma:
        text = text.replace(".", "").replace(",", ".") if _COMMA_DECIMAL.fullmatch(text) else text
    if m := _HOURS.fullmatch(text):
        return _Amount(float(m[1]) * 60 + float(m[2]), unit="min")
    text = _OUT_OF.sub("", text)
    m = _AMOUNT.fullmatch(text)
    if m is not None:
        unit = re.split(r"[/／(（]|起|\+|每", (m["unit"] or "").strip())[0].strip()
        return _Amount(float(m["number"].replace(",", "")) * SCALES[m["scale"] or ""], m["sign"] or "", unit, scaled=m["scale"] is not None)
    found = _ANY_NUMBER.findall(text) if lenient else []
    return _Amount(float(found[0].replace(",", ""))) if len(found) == 1 else None


def _amounts(column: Column, *, lenient: bool) -> list[_Amount | None]:
    commas = sum(_COMMA_DECIMAL.fullmatch(v) is not None for v in column.known if isinstance(v, str) and "," in v)
    comma = commas > 0.5 * sum("," in str(v) for v in column.known)
    return [_amount(c, comma=commas > 0 and comma, lenient=lenient) for c in column.cells]


def _money(column: Column, hint: str, amounts: list[_Amount | None]) -> bool:
    free = set(kinds()["money"]["free"])
    amounts = [_Amount(0.0) if isinstance(c, str) and c.casefold() in free else a for a, c in zip(amounts, column.cells, strict=True)]
    read = [a for a in amounts if a]
    marks = [money_word(a.sign or a.unit) for a in read]
    stated = money_word(header_unit(column.header))
    if len(read) < (0.6 if hint == "money" else MOSTLY) * len(column.known):
        return False
    if hint != "money" and not (stated and not hint) and sum(m is not None for m in marks) < 0.6 * len(column.known):
        return False
    found = Counter(m[0] for m in marks if m)
    column.currency = found.most_common(1)[0][0] if found else stated[0] if stated else ""
    column.kind, scale = "money", stated[1] if stated else 1.0
    cells: list[Cell] = []
    for cell, amount in zip(column.cells, amounts, strict=True):
        mark = money_word(amount.sign or amount.unit) if amount else None
        if cell is None or amount is None or (mark and mark[0] != column.currency):
            cells.append(None if cell is None else UNREADABLE)  # another currency's price is not a price here
        else:
            cells.append(_tidy(amount.number * (1.0 if amount.scaled or amount.sign else mark[1] if mark else scale)))
    column.cells = cells
    column.refresh()
    return True


def _year(column: Column, hint: str) -> bool:
    low, high = (1000, 2100) if hint == "year" else (1880, 2035)
    if not _hopeful(column):
        return False
    if hint in {"money", "number"} or (hint != "year" and (len(column.known) < 5 or len(set(column.texts)) < 3)):
        return False
    years = [re.fullmatch(r"(\d{4})(?:\.0)?\s*年?", str(c)) for c in column.cells]
    fitting = [int(m[1]) if m and low <= int(m[1]) <= high else None for m in years]
    if sum(y is not None for y in fitting) < (MOSTLY if hint == "year" else 0.95) * len(column.known):
        return False
    column.kind = "year"
    column.concept = column.concept or "year"
    column.cells = [None if c is None else UNREADABLE if y is None else y for c, y in zip(column.cells, fitting, strict=True)]
    column.refresh()
    return True


def _date(column: Column) -> bool:
    texts = column.texts
    for some in (texts[:: max(1, len(texts) // _LOOK)], texts):
        if sum(_DATE.fullmatch(plain(t)) is not None for t in some) < (MOSTLY if some is texts else 0.5) * len(some):
            return False
    if all(isinstance(v, int | float) for v in column.known) and column.spec.get("kind") not in {"date", "year"}:
        return False  # 20190501 may be any number
    column.kind, column.hidden = "date", "not a wish"
    return True


def year_in(value: Cell) -> int | None:
    """The year of a date."""
    found = re.search(r"(?<!\d)(1[6-9]\d\d|20\d\d)(?!\d)|^(1[6-9]\d\d|20\d\d)(?=\d{4}$)", str(value))
    return int(found[1] or found[2]) if found else None


def _number(column: Column, hint: str, amounts: list[_Amount | None]) -> bool:
    read = [a for a in amounts if a]
    if hint in {"category", "list"} and any(a.unit for a in read):
        return False
    units = Counter(u[0] if (u := unit_of(a.unit)) else a.unit for a in read if a.unit)
    family = units.most_common(1)[0][0] if units else ""
    if len(read) < MOSTLY * len(column.known) or (len(units) > 1 and units[family] < MOSTLY * units.total()):
        return False
    if family and family not in kinds()["units"] and (len(family) > 6 or units[family] < 0.5 * len(read)):
        return False  # "7 days to die" is a name
    stated = unit_of(header_unit(column.header)) or unit_of(column.spec.get("unit", ""))
    own = Counter(a.unit for a in read if (u := unit_of(a.unit)) and u[0] == family).most_common(1)
    base = stated or (unit_of(own[0][0]) if own else None)
    column.kind, column.family, column.unit = "number", base[0] if base else "", base[1] if base else family
    column.cells = [None if c is None else _in_unit(a, base, family) for c, a in zip(column.cells, amounts, strict=True)]
    column.refresh()
    return True


def _in_unit(amount: _Amount | None, base: tuple[str, str, float] | None, family: str) -> Cell:
    """An amount in the column's unit."""
    if amount is None:
        return UNREADABLE
    said = unit_of(amount.unit)
    if said is None:
        return _tidy(amount.number) if not amount.unit or amount.unit == family or base is None else UNREADABLE
    if base is None or said[0] != base[0]:
        return UNREADABLE if base else _tidy(amount.number)
    return _tidy(amount.number * said[2] / base[2])


def _tidy(number: float) -> int | float:
    rounded = round(number, 6)
    return int(rounded) if rounded.is_integer() else rounded


def _list(column: Column, hint: str) -> bool:
    if any(isinstance(v, list) for v in column.known):
        column.separator = "list"
    else:
        column.separator = next((s for s in _STRONG + _WEAK if _separates(column, s, hint)), "")
    if not column.separator:
        return False
    column.kind = "list"
    cut = re.compile(r"\s*[;；、|]\s*" if column.separator in _STRONG else rf"\s*{re.escape(column.separator)}\s*")
    column.cells = [None if c is None else c if isinstance(c, list) else [p.strip() for p in cut.split(str(c)) if p.strip()] for c in column.cells]
    column.refresh()
    return True


def _separates(column: Column, separator: str, hint: str) -> bool:
    """Whether this sign stands between the parts of lists: short parts, and under the weaker signs such as recur."""
    texts = column.texts
    holding = [t for t in texts if separator in t]
    if len(holding) < max(1, 0.1 * len(texts)):
        return False
    parts = [p.strip() for t in texts for p in t.split(separator) if p.strip()]
    if not parts or sum(map(width, parts)) / len(parts) > 26 or max(p.count(" ") for p in parts) > 6:
        return False
    people = bool(column.spec.get("people"))
    if people and separator == ",":  # "Gaiman, Neil" is one person
        return sum(" " in p or is_cjk(p) for p in parts) >= MOSTLY * len(parts)
    if separator in _STRONG or hint == "list" or people:
        return True
    counts = Counter(p.casefold() for p in parts)
    return len(parts) >= 4 and sum(n for n in counts.values() if n > 1) >= 0.6 * len(parts)


def _category_or_text(column: Column, rows: int, hint: str) -> None:
    texts = column.texts
    distinct, mean = len(set(texts)), sum(map(width, texts)) / len(texts)
    short = mean <= 40 and max(map(len, texts)) <= 80
    known = hint in {"category", "list"}
    few = distinct <= MAX_DISTINCT or distinct <= DISTINCT_SHARE * rows
    column.kind = "category" if short and (known or few) else "text"
    column.cells = [None if c is None else str(c) if not isinstance(c, dict) else c.get("en") or c.get("zh") for c in column.cells]
    if column.kind == "text":
        column.hidden = "free text"
    column.refresh()


def width(text: str) -> int:
    """The room a text takes: a Chinese character counts twice."""
    return len(text) + cjk_count(text)


def label_of(column: Column) -> Texts:
    """What the field is called in each language: by its concept, else the header in both."""
    if column.kind == "flag" and "flag" in column.spec.get("en", {}):
        return {language: column.spec[language]["flag"][0] for language in ("en", "zh")}
    spec = kinds()["concepts"]["release_date"] if column.kind == "date" and column.concept == "year" else column.spec
    bare = " ".join(header_words(column.header)) or column.name
    known: Texts = spec.get("label", {})
    if known and not (spec.get("own") and plain(bare) in spec["headers"]):
        return known
    for lead in ("is ", "has ", "是否", "有无", "是不是", "可否"):
        bare = bare.removeprefix(lead) if column.kind == "flag" else bare
    bare = stem(bare) if known and not is_cjk(bare) and spec["kind"] != "number" else bare
    return same_value(bare) or {code: known[code] if known and (code == "zh") != is_cjk(bare) else bare for code in ("en", "zh")}
