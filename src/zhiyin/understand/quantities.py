"""Amounts with units, bounds and ranges: "under 200 bucks", 预算五千到八千, 一个半小时以内, "between the 70s and the 90s".

Domain-free: the caller says which unit words exist; what an amount is about is decided in `wishes.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from zhiyin.understand.numbers import Number, read_numbers

YEAR = "@year"  # the unit of decades and of years that say they are years
SYMBOLS = ("$", "¥", "￥", "€", "us$", "rmb", "cny", "usd", "eur")

# Closed and open bounds, said before or after the amount.
_APPROX_PRE = r"about|around|roughly|approximately|approx\.?|circa|near|close to|some|~|≈|大概|大约|大致|约|差不多|将近|接近|估计|也就"
_GAP = rf"(?:\s*(?:the|a|an|of|year|price|is|just|在|是|为|要|到|花|出|付|给|{_APPROX_PRE}))*\s*(?:us\$|[$¥￥€]|rmb|cny)?\s*$"
_PRE = {
    "hi": r"under|within|in under|at most|no more than|not more than|not over|not exceeding|no longer than|not longer than|no higher than|no bigger than|no later than|"
    r"up to|max(?:imum)?\.?|until|till|not above|capped at|(?:can'?t|cannot|not|don'?t) go (?:above|over|beyond)|nothing (?:over|above|more than|beyond)|≤|<=|=<|不超过|不要超过|别超过|不能超过|不可超过|不高于|不多于|不大于|不长于|最多|至多|顶多|最高|最贵|上限|"
    r"控制在|限制在|不晚于|别高于|不要高于",
    "hi_open": r"less than|fewer than|lower than|smaller than|shorter than|lighter than|cheaper than|below|before|prior to|earlier than|older than|<|小于|低于|少于|不到|不足|短于|早于|轻于|比",
    "lo": r"at least|no less than|not less than|no fewer than|no older than|no lower than|not under|not below|no shorter than|min(?:imum)?\.?|starting (?:at|from)|since|≥|>=|=>|至少|最少|起码|不低于|不少于|"
    r"不小于|不短于|最低|最起码|不早于|from (?=[^,.;]*(?:\bon\b|onwards?|upwards?|and (?:up|later|on)))",
    "lo_open": r"more than|over|above|greater than|longer than|bigger than|larger than|newer than|later than|pricier than|dearer than|more expensive than|after|exceeding|higher than|heavier than|beyond|past|>|超过|高于|大于|多于|晚于|长于|超出|过了",
}
_POST = {
    "hi": r"or less|or under|or below|or fewer|or cheaper|or lower|or shorter|or earlier|or older|max(?:imum)?|tops|at (?:the )?most|and under|and below|"
    r"以内|以下|之内|之下|以里|封顶|为上限|顶天|打住|为限|内(?![存置容])|及以下|或以下|或更少",
    "hi_open": r"以前|之前|前(?!后)|以下不含",
    "lo": r"or more|or above|or over|or higher|or longer|or bigger|or newer|or later|and up|and above|and over|and later|and onwards?|plus|\+|upwards?|onwards?|on(?=\s*(?:$|[,.;!?]))|"
    r"起(?!码)|以上|之上|往上|起步|开外|以后|之后|后(?![面来])|以来|至今|及以上|或以上|或更多",
    "approx": r"or so|-?ish|or thereabouts|give or take|左右|上下|前后|附近|的样子|这个样子|出头|浮动|水平|档|价位",
}
_PRE_RE = {name: re.compile(rf"(?:(?<![a-z])(?:{words})){_GAP}") for name, words in _PRE.items()}
_POST_RE = {name: re.compile(rf"\s*的?\s*(?:{words})(?![a-z])") for name, words in _POST.items()}
_APPROX_RE = re.compile(rf"(?:(?<![a-z])(?:{_APPROX_PRE}))\s*(?:the\s*|a\s*|us\$|[$¥￥€]|rmb|cny)*\s*$")
_BETWEEN = re.compile(r"(?:between|from|in|介于|从|在)?\s*(?:the )?(?:us\$|[$¥￥€]|rmb)?\s*$")
_JOIN = re.compile(r"\s*(?:-{1,2}|~|to|到|至|through|till|until|和|与|and|or|或者?)\s*(?:the |about |around )?(?:us\$|[$¥￥€]|rmb)?\s*")
_AFTER_RANGE = re.compile(r"\s*(?:之间|中间|区间|范围内?|以内|左右|之内)")

_WORD_DECADES = {w: 1900 + 10 * n for n, w in enumerate("twenties thirties forties fifties sixties seventies eighties nineties".split(), 2)} | {"noughties": 2000}
_ZH_DIGIT = {c: n for n, c in enumerate("零一二三四五六七八九")}
_DECADE = re.compile(
    r"(?:\b(?P<part>early|mid|late)[\s-]*)?(?:the )?(?:\b(?P<century>1[89]|20)?(?P<tens>\d0)'?s\b|'(?P<tens2>\d0)s\b|\b(?P<word>" + "|".join(_WORD_DECADES) + r")\b)"
    r"|(?:上个?世纪|二十世纪|20世纪|(?P<zh20>二十一世纪|21世纪|本世纪))?(?P<zh1>[一二三四五六七八九])?(?P<zh>(?:1[89]|20)?\d0|零零|[一二三四五六七八九]十)年代(?P<zpart>初期?|早期|末期?|晚期|后期|中期)?"
    r"|(?P<cent>\b(?:the )?(?:19|20|21)(?:th|st) century|[12][0-9]世纪|二十一?世纪|十九世纪|本世纪)"
)
_RELATIVE = re.compile(
    r"\b(?P<this>this year)\b|\b(?P<last>last year)\b|\b(?:the )?(?:last|past|recent) (?P<n>\d+|few|couple of|two|three|five|ten|decade|\d+ ) ?(?:years?)?\b"
    r"|(?P<zthis>今年)|(?P<zlast>去年)|(?P<zprev>前年)|(?:最近|近|过去|这)(?P<zn>\d+|[一二两三四五六七八九十]+|几)年"
)
_YEAR = re.compile(r"(?<![\d.])(?:(?P<full>1[89]\d\d|20\d\d)|(?P<short>\d\d))\s?年(?!代|级|内|来|间|纪|龄)|(?<!\d)(?P<model>20\d\d)款")


@dataclass(frozen=True, slots=True)
class Quantity:
    """An interval somebody spoke of: [low, high], None where it is open-ended; `strict_*` where the end itself is out."""

    start: int
    end: int
    low: float | None
    high: float | None
    unit: str = ""
    strict_low: bool = False
    strict_high: bool = False
    approx: bool = False
    core: tuple[int, int] = (0, 0)  # the numbers themselves, without the words around

    @property
    def point(self) -> bool:
        """Whether it is one exact number."""
        return self.low is not None and self.low == self.high and not self.approx


@dataclass(frozen=True, slots=True)
class _Amount:
    start: int
    end: int
    low: float
    high: float
    unit: str = ""
    scale: float = 1
    decade: bool = False
    approx: bool = False


def read_quantities(text: str, units: Iterable[str], *, year: int, blocked: Sequence[tuple[int, int]] = ()) -> list[Quantity]:
    """The quantities of a plain text, left to right; `year` is the current one, `blocked` spans (names, titles) are not read."""
    amounts = _amounts(text, _unit_pattern(tuple(sorted(set(units), key=lambda u: (-len(u), u)))), year, blocked)
    found: list[Quantity] = []
    index = 0
    while index < len(amounts):
        first = amounts[index]
        second = amounts[index + 1] if index + 1 < len(amounts) else None
        joined = _range(text, first, second) if second else None
        if joined:
            found.append(joined)
            index += 2
        else:
            found.append(_bounded(text, first))
            index += 1
    return found


@lru_cache(maxsize=32)
def _unit_pattern(units: tuple[str, ...]) -> re.Pattern[str]:
    words = "|".join(re.escape(u) + r"(?![a-z])" if u[-1].isascii() and u[-1].isalpha() else re.escape(u) for u in units if u[0].isalnum() or len(u) > 1)
    signs = "|".join(re.escape(u) for u in units if not u[0].isalnum() and len(u) == 1)
    return re.compile(rf"[\s-]?(?:{words or '(?!)'})|(?:{signs or '(?!)'})")


def _amounts(text: str, unit: re.Pattern[str], year: int, blocked: Sequence[tuple[int, int]]) -> list[_Amount]:
    dated = [d for d in _dates(text, year) if not _overlaps(d.start, d.end, blocked)]
    taken = [*blocked, *((a.start, a.end) for a in dated)]
    plain: list[_Amount] = []
    for number in read_numbers(text):
        if not _overlaps(number.start, number.end, [*taken, *((a.start, a.end) for a in plain[-1:])]):
            plain.append(_with_unit(text, number, unit))
    return sorted(_durations(text, plain) + dated, key=lambda a: a.start)


def _overlaps(start: int, end: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start < e and s < end for s, e in spans)


def _with_unit(text: str, number: Number, unit: re.Pattern[str]) -> _Amount:
    low, high = number.value, number.high if number.high is not None else number.value
    start, end, name = number.start, number.end, ""
    if text[end : end + 1] == "个" and text[end + 1 : end + 2] == "半" and unit.match(text, end + 2):  # 一个半小时
        low, high, end = low + 0.5, high + 0.5, end + 2
    elif m := re.compile(r" and a half(?= )").match(text, end):
        low, high, end = low + 0.5, high + 0.5, m.end()
    ish = re.compile(r"-?ish(?= )").match(text, end)
    if m := unit.match(text, ish.end() if ish else end):
        name, end = m[0].strip(" -"), m.end()
        if name == "块" and (tenth := re.compile(r"([一二三四五六七八九]|\d)(?![\d十百千万元块])").match(text, end)):  # 九块九
            low = high = low + (_ZH_DIGIT.get(tenth[1]) or float(tenth[1])) / 10
            end = tenth.end()
    elif m := re.search(r"(?:us\$|[$¥￥€£￡]|\brmb|\bcny|\busd|\beur)\s?$", text[:start]):
        name, start = m[0].strip().replace("us$", "$"), m.start()
    return _Amount(start, end, low, high, name, number.scale, approx=bool(ish and name))


def _durations(text: str, amounts: list[_Amount]) -> list[_Amount]:
    """Joins hours and minutes ("2小时10分钟", "1 hour and 30 minutes", "an hour and a half", 半小时) into minutes."""
    hours = re.compile(r"(?:hours?|hrs?|h|小时|个小时|钟头|个钟头)$")
    minutes = re.compile(r"(?:minutes?|mins?|分钟|分)$")
    result: list[_Amount] = []
    for amount in amounts:
        last = result[-1] if result else None
        if (
            last
            and hours.search(last.unit)
            and (minutes.search(amount.unit) or not amount.unit)
            and amount.low < 60
            and re.fullmatch(r"\s*(?:and|零|又)?\s*", text[last.end : amount.start])
        ):
            unit = re.match(r"\s?(?:分钟?|minutes?|mins?|m\b)", text[amount.end :]) if not amount.unit else None
            if amount.unit or unit or not text[amount.end : amount.end + 1].strip():
                end = amount.end + (unit.end() if unit else 0)
                result[-1] = replace(last, end=end, low=last.low + amount.low / 60, high=last.high + amount.low / 60)
                continue
        result.append(amount)
    for m in re.finditer(r"\b(?:an|one) hour and a half\b|\bhalf an hour\b|\ban hour\b|(?<!个)半个?(?:小时|钟头)|\b(?:a )?couple (?:of )?hours\b", text):
        value = 1.5 if "and a half" in m[0] else 0.5 if "half" in m[0] or "半" in m[0] else 2 if "couple" in m[0] else 1
        if not _overlaps(m.start(), m.end(), [(a.start, a.end) for a in result if a.unit]):
            result = [a for a in result if not _overlaps(a.start, a.end, [m.span()])]
            result.append(_Amount(m.start(), m.end(), value, value, "小时" if "半" in m[0] else "hour"))
    return sorted((_halved(text, a, hours) for a in result), key=lambda a: a.start)


def _halved(text: str, amount: _Amount, hours: re.Pattern[str]) -> _Amount:
    """Adds the half of "two hours and a half", 两小时半."""
    m = re.compile(r" and a half|半").match(text, amount.end)
    if m and hours.search(amount.unit):
        return replace(amount, end=m.end(), low=amount.low + 0.5, high=amount.high + 0.5)
    return amount


def _dates(text: str, year: int) -> Iterable[_Amount]:
    spans: list[tuple[int, int]] = []
    for m in _DECADE.finditer(text):
        low, high = _decade(m)
        spans.append(m.span())
        yield _Amount(m.start(), m.end(), low, high, YEAR, decade=True)
    for m in _RELATIVE.finditer(text):
        low, high = _relative(m, year)
        spans.append(m.span())
        yield _Amount(m.start(), m.end(), low, high, YEAR)
    for m in _YEAR.finditer(text):
        if not _overlaps(m.start(), m.end(), spans):
            value = float(m["full"] or m["model"]) if m["full"] or m["model"] else float(m["short"]) + (1900 if int(m["short"]) > year % 100 + 1 else 2000)
            yield _Amount(m.start(), m.end(), value, value, YEAR)
    for m in re.finditer(
        r"(?<![一二三四五六七八九十零〇])(?:[一二][零〇一二三四五六七八九]{3}|[零〇七八九][零〇一二三四五六七八九]|[两二]千(?:零[一二三四五六七八九])?)年(?!代|级|内|来|间|纪|龄|前)|\bthe year ((?:19|20)\d\d)\b",
        text,
    ):
        digits = m[1] or "".join(str(_ZH_DIGIT.get(c, 0)) for c in m[0][:-1])
        value = float(digits) if len(digits) == 4 else 2000.0 + _ZH_DIGIT.get(m[0][-2], 0) if "千" in m[0] else float(digits) + (1900 if int(digits) > year % 100 + 1 else 2000)
        yield _Amount(m.start(), m.end(), value, value, YEAR)


def _decade(m: re.Match[str]) -> tuple[float, float]:
    if m["cent"]:
        text = m["cent"]
        start = 2000 if re.search(r"21|二十一|本", text) else 1800 if re.search(r"19|十九", text) else 1900
        return float(start), float(start + 99)
    if m["word"]:
        start = _WORD_DECADES[m["word"]]
    elif m["zh"]:
        zh = m["zh"]
        tens = int(zh) if zh.isdigit() else 0 if zh == "零零" else 10 * _ZH_DIGIT[zh[0]]
        start = tens if tens > 100 else (2000 if m["zh20"] or tens < 20 else 1900) + tens
    else:
        tens = int(m["tens"] or m["tens2"])
        start = int(m["century"]) * 100 + tens if m["century"] else (2000 if tens < 20 else 1900) + tens
    low, high = float(start), float(start + 9)
    if m["zh1"]:  # 八九十年代
        low = float(1900 + 10 * _ZH_DIGIT[m["zh1"]])
    part = m["part"] or m["zpart"] or ""
    if part in {"early", "初", "初期", "早期"}:
        high = low + 3
    elif part in {"late", "末", "末期", "晚期", "后期"}:
        low = high - 2
    elif part in {"mid", "中期"}:
        low, high = low + 4, low + 6
    return low, high


def _relative(m: re.Match[str], year: int) -> tuple[float, float]:
    if m["this"] or m["zthis"]:
        return float(year), float(year)
    if m["last"] or m["zlast"]:
        return float(year - 1), float(year - 1)
    if m["zprev"]:
        return float(year - 2), float(year - 2)
    words = {"few": 5, "几": 5, "couple of": 2, "two": 2, "three": 3, "five": 5, "ten": 10, "decade": 10}
    said = (m["n"] or m["zn"] or "few").strip()
    numbers = read_numbers(said)
    back = words.get(said) or (int(numbers[0].value) if numbers else 5)
    return float(year - back), float(year)


def _range(text: str, first: _Amount, second: _Amount) -> Quantity | None:
    between = text[first.end : second.start]
    if second.start < first.end or not _JOIN.fullmatch(between):
        return None
    before = text[: first.start]
    listed = between.strip() in {"and", "和", "与"}
    if listed and not re.search(r"(?:between|介于|在)\s*(?:the )?(?:us\$|[$¥￥€])?\s*$", before) and not re.match(r"\s*(?:之间|中间)", text[second.end :]):
        return None
    if first.unit and second.unit and first.unit != second.unit and {first.unit, second.unit} != {"$", "usd"}:
        return None
    low, high = first.low, second.high
    if second.decade and not first.unit:
        low = first.low + (1900 if first.low < 100 else 0)
    elif (not first.unit or first.unit in SYMBOLS) and first.scale == 1 and second.scale >= 100 and low < second.low / second.scale < 100:
        low *= second.scale  # 3到5千, $2-3k
    if between.strip() == "or" and not (first.decade and second.decade) and high - low != max(second.scale, 1):
        return None  # "five or six thousand" is a span, "5 or 10" two amounts
    if low > high:
        if text[first.end : second.start].strip() == "-" and not second.unit:
            return None
        low, high = high, low
    start = _BETWEEN.search(before)
    after = _AFTER_RANGE.match(text, second.end)
    return Quantity(
        start=start.start() if start else first.start,
        end=after.end() if after else second.end,
        low=low,
        high=high,
        unit=second.unit or first.unit,
        core=(first.start, second.end),
    )


def _bounded(text: str, amount: _Amount) -> Quantity:
    start, end = amount.start, amount.end
    before = text[max(0, start - 40) : start]
    offset = start - len(before)
    approx = _APPROX_RE.search(before) or (re.search(r"$", before) if amount.approx else None)
    low, high = amount.low, amount.high
    core = (start, end)
    led = [(m.start(), name, m) for name, pattern in _PRE_RE.items() if (m := pattern.search(before))]
    for _, name, m in sorted(led, key=lambda found: found[0]):  # the longest: "not under" before "under"
        if m[0].startswith("比") and not re.match(r"\s*\S{0,3}(?:便宜|低|少|短|小|轻|早)", text[end:]):
            continue
        if name == "lo" and m[0].startswith("from"):
            tail = re.compile(r"\s*(?:onwards?|on|and (?:up|later|on)|upwards?)").match(text, end)
            end = tail.end() if tail else end
        if name == "hi" and amount.low != amount.high and amount.unit == YEAR and m[0].startswith(("within", "in")):
            continue  # "within the last two years" is the span itself
        # 不超过5000左右, "under 3000 or so": the bound is meant
        tail = _POST_RE["approx"].match(text, end) or (_POST_RE["hi"].match(text, end) if name == "hi" else None)
        return _interval(name, amount, (offset + m.start(), tail.end() if tail else end), core)
    for name in ("approx", "hi", "hi_open", "lo"):
        if m := _POST_RE[name].match(text, end):
            span = (offset + approx.start() if approx else start, m.end())
            if name == "approx":
                return Quantity(*span, low, high, amount.unit, approx=True, core=core)
            return _interval(name, amount, span, core)
    if approx:
        return Quantity(offset + approx.start(), end, low, high, amount.unit, approx=True, core=core)
    return Quantity(start, end, low, high, amount.unit, core=core)


def _interval(name: str, amount: _Amount, span: tuple[int, int], core: tuple[int, int]) -> Quantity:
    """The half line a bound leaves; of a decade, from its right end."""
    match name:
        case "hi":
            return Quantity(*span, None, amount.high, amount.unit, core=core)
        case "hi_open":
            return Quantity(*span, None, amount.low, amount.unit, strict_high=True, core=core)
        case "lo":
            return Quantity(*span, amount.low, None, amount.unit, core=core)
        case _:
            return Quantity(*span, amount.high, None, amount.unit, strict_low=True, core=core)
