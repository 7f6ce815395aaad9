"""Numbers as people write them in Chinese and English: 1.5k, 两千三, 1万5, 四五千, two hundred, half a million.

Input is `text.plain` text; offsets refer to it. Nothing here knows what a number is about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2, "仨": 3}
_UNITS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000, "亿": 100_000_000}
_LETTERS = {"k": 1_000, "w": 10_000}
_EN_ONES = {w: n for n, w in enumerate("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split())}
_EN_TENS = {w: 10 * n for n, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_EN_SCALES = {"hundred": 100, "thousand": 1_000, "grand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_EN_WORD = "|".join(sorted([*_EN_ONES, *_EN_TENS], key=len, reverse=True))
_EN_SCALE = "|".join(_EN_SCALES)

_ZH = "零〇一二两俩仨三四五六七八九"
_ARABIC = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?"
_NUMBER = re.compile(
    rf"(?P<zh>(?:{_ARABIC})?[{_ZH}十百千万亿](?:[{_ZH}十百千万亿]|(?<=[十百千万亿])(?:\d+(?:\.\d+)?))*)"
    rf"|(?P<ar>(?<![\w.])-?(?:{_ARABIC})(?:e[+-]?\d+)?|(?<=[^\W\d])(?:{_ARABIC}))(?:\s?(?P<scale>k|w|{_EN_SCALE})(?![a-z\d]))?"
    rf"|\b(?P<en>(?:(?:a|half an?|an?) (?=(?:{_EN_SCALE})\b))?(?:(?:{_EN_WORD}|{_EN_SCALE})(?:[\s-]+(?:(?<=hundred )and |(?<=thousand )and |(?<=million )and )?(?=(?:{_EN_WORD}|{_EN_SCALE})\b))?)+)\b"
)
# Words that only look like numbers: 十分好看, 万一, 一起, 双十一, "no one", "thanks a million".
_NO_NUMBER = re.compile(
    r"\d+w(?=\s*(?:的)?(?:有线|无线|超级|极速)*(?:快充|闪充|充电|fast|charg|wired|wireless))|[百千]元(?=机)|"
    rf"(?<![{_ZH}十百千万亿点])(?:"
    r"十分(?!钟|以|之|左|上|的)|百分百|百分之百|一起|千万(?=别|不|要|注|记|小心|得)|万一(?![零一二三四五六七八九十百千万])|万能|千里|百搭|[乱杂]七八糟|统一|一直|一点(?![零一二三四五六七八九])|一定|一般般?|一下|一模一样|一样|一言|一路|一些|一种|一会|唯一|一旦|一切|一共|一再|"
    r"二手|双十[一二]|(?:星期|周|礼拜)[一二三四五六日天]|三心二意|[一二三四五六七八九十]+颜[一二三四五六七八九十]色|独一无二|四川|零食|三星|一加|万达|百度|千禧|十足|百度|五一(?![零一二三四五六七八九十百千万年])|十一长假|七上八下|三国|四大|八卦|九寨沟|百货|三观|四六级|第[一二三四五六七八九十]+次|万人迷)"
    r"|\b(?:no|any|some|every|this|that|which|each|the|another|last|first|new|good|a) one\b|\bone (?:of|day|more|another)\b|\bthanks a million\b|\bone[- ]of[- ]a[- ]kind\b"
)
_POINT = re.compile(rf"([{_ZH}十]+)点([{_ZH}]+)")


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text; `high` is set where it is itself a span (四五千, 三千多)."""

    start: int
    end: int
    value: float
    high: float | None = None
    scale: float = 1  # the scale it was written with: 5千 -> 1000
    bare: str = ""  # how it was written


def read_numbers(text: str) -> list[Number]:
    """All numbers of a plain text, left to right, without overlaps."""
    text = _NO_NUMBER.sub(lambda m: "\0" * len(m[0]), text)
    position = 0
    found = [Number(m.start(), m.end(), _zh_value(m[1]) + _decimals(m[2]), bare=m[0]) for m in _POINT.finditer(text)]
    taken = [(n.start, n.end) for n in found]
    while m := _NUMBER.search(text, position):
        position = m.end()
        if any(m.start() < end and start < m.end() for start, end in taken):
            continue
        number = _chinese(text, m) if m["zh"] else _arabic(text, m) if m["ar"] else _english(m)
        if number is not None:
            found.append(number)
            position = max(number.end, m.start() + 1)
    return sorted(found, key=lambda n: n.start)


def _decimals(digits: str) -> float:
    return float("0." + "".join(str(_DIGITS[d]) for d in digits))


def _arabic(text: str, m: re.Match[str]) -> Number:
    value = float(m["ar"].replace(",", ""))
    scale = float(_LETTERS.get(m["scale"] or "") or _EN_SCALES.get(m["scale"] or "", 1))
    value = round(value * scale, 6)
    if text[m.end() : m.end() + 1] == "多" and value >= 10:  # 3000多
        digits = f"{value:.0f}"
        step = 10.0 ** (len(digits) - len(digits.rstrip("0")))
        return Number(m.start(), m.end() + 1, value, high=value + step, scale=scale, bare=m[0])
    return Number(m.start(), m.end(), value, scale=scale, bare=m[0])


def _english(m: re.Match[str]) -> Number | None:
    words = re.split(r"[\s-]+", m["en"].strip())
    total, part = 0.0, 0.0
    half = words[0] == "half"
    for word in words:
        if word in _EN_ONES:
            part += _EN_ONES[word]
        elif word in _EN_TENS:
            part += _EN_TENS[word]
        elif word == "hundred":
            part = (part or 1) * 100
        elif word in _EN_SCALES:
            total, part = total + (part or 1) * _EN_SCALES[word], 0
    value = (total + part) * (0.5 if half else 1)
    end = m.start() + len(m[0].rstrip(" -"))
    scale = float(_EN_SCALES.get(words[-1], 1))
    return Number(m.start(), end, value, scale=scale, bare=m[0])


def _chinese(text: str, m: re.Match[str]) -> Number | None:
    run = m["zh"]
    span = _zh_span(run)
    if span is not None:
        return Number(m.start(), m.end(), *span, bare=run)
    if len(run) >= 3 and all(c in _DIGITS for c in run):  # 一九九四, 二零零八
        return Number(m.start(), m.end(), float("".join(str(_DIGITS[c]) for c in run)), bare=run)
    value = _zh_value(run)
    scale = float(_UNITS.get(run[-1], 1))
    after = text[m.end() : m.end() + 1]
    if after == "多" or (after in "几来" and run[-1] in "十百千万" and after):
        step = _last_unit(run)
        return Number(m.start(), m.end() + 1, value, high=value + step, scale=scale, bare=run + after)
    return Number(m.start(), m.end(), value, scale=scale, bare=run)


def _last_unit(run: str) -> float:
    """三千 -> 1000, 两万五 -> 1000: what "多" may add."""
    if run[-1] in _UNITS:
        return float(_UNITS[run[-1]])
    units = [c for c in run if c in _UNITS]
    return _UNITS[units[-1]] / 10 if units else 1.0


def _zh_span(run: str) -> tuple[float, float] | None:
    """四五千 -> (4000, 5000); 三五百; 十七八; 一两万."""
    m = re.fullmatch(rf"([{_ZH}])([{_ZH}])([十百千万亿]+)", run)
    if m and 0 < _DIGITS[m[2]] - _DIGITS[m[1]] <= 2:
        unit = 1
        for c in m[3]:
            unit *= _UNITS[c]
        return float(_DIGITS[m[1]] * unit), float(_DIGITS[m[2]] * unit)
    if re.fullmatch(rf"[{_ZH}]{{2}}", run) and _DIGITS[run[1]] - _DIGITS[run[0]] == 1 and _DIGITS[run[0]]:
        return float(_DIGITS[run[0]]), float(_DIGITS[run[1]])  # 两三, 七八
    m = re.fullmatch(rf"([{_ZH}]?)十([{_ZH}])([{_ZH}])", run)
    if m and _DIGITS[m[3]] - _DIGITS[m[2]] == 1:
        tens = 10 * (_DIGITS[m[1]] if m[1] else 1)
        return float(tens + _DIGITS[m[2]]), float(tens + _DIGITS[m[3]])
    return None


def _zh_value(run: str) -> float:
    """The value of one numeral of Chinese digits and units, Arabic digits mixed in (1万5, 3千500)."""
    total, section, number = 0.0, 0.0, None
    last, zero = 1.0, False
    for piece in re.findall(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|.", run):
        if piece in _UNITS:
            unit = _UNITS[piece]
            if unit >= 10_000:
                section = (section + (number or 0.0)) or 1.0
                total, section = (total + section) * unit if total and unit > 10_000 else total + section * unit, 0.0
            else:
                section += (1.0 if number is None else number) * unit
            number, last, zero = None, float(unit), False
        elif piece in _DIGITS:
            if _DIGITS[piece] == 0:
                zero = True
                number = number or 0.0
            else:
                number = (number or 0) * 10 + _DIGITS[piece] if number else float(_DIGITS[piece])
        else:
            number = float(piece.replace(",", ""))
    if number:
        # 三千五, 1万5: a last digit right after a unit counts tenths of it; not after 零, not a full number (3千500).
        tail = number * last / 10 if last >= 100 and not zero and number < 10 else number
        section += tail
    return round(total + section, 6)
