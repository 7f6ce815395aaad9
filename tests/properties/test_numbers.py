"""Laws of numbers: however an integer is written, it reads back; ranges and bounds stay the right way round."""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from zhiyin.text import plain
from zhiyin.understand.numbers import read_numbers
from zhiyin.understand.quantities import read_quantities

laws = settings(max_examples=150, deadline=None, derandomize=True)
integers = st.one_of(
    st.integers(1, 99_999_999), st.integers(1, 12_000), st.sampled_from([10, 11, 100, 101, 110, 1001, 1010, 10_000, 10_001, 10_010, 100_000, 1_000_000, 10_000_001, 20_000_000])
)
UNITS = ("元", "块", "yuan", "$", "minutes", "分钟", "gb")


def reads_as(text: str) -> float:
    """The one number that a text says."""
    (number,) = read_numbers(plain(text))
    assert number.high is None, f"{text!r} reads as a span: {number}"
    assert plain(text)[number.start : number.end].strip() == plain(text), f"{text!r} is read in part: {number}"
    return number.value


# --- an independent speller ---


def chinese(n: int, two: str = "二") -> str:
    """30506 -> 三万零五百零六; `two` before 百, 千, 万 may be 两."""
    high, low = divmod(n, 10_000)
    if high:
        head = two if high == 2 else _section(high, two)
        return head + "万" + ("" if not low else ("零" if low < 1000 else "") + _section(low, two, lead=True))
    return _section(n, two)


def _section(n: int, two: str, *, lead: bool = False) -> str:
    spelt, zero = "", False
    for size, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, n = divmod(n, size)
        if not digit:
            zero = bool(spelt)
            continue
        if zero:
            spelt, zero = spelt + "零", False
        name = two if digit == 2 and size >= 100 else "零一二三四五六七八九"[digit]
        spelt += ("" if size == 10 and digit == 1 and not spelt and not lead else name) + unit
    return spelt


ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


def english(n: int, *, british: bool = False, hyphen: bool = True) -> str:
    """1234 -> one thousand two hundred [and] thirty-four."""
    if n >= 1_000_000:
        return _joined(n, 1_000_000, "million", british=british, hyphen=hyphen)
    if n >= 1_000:
        return _joined(n, 1_000, "thousand", british=british, hyphen=hyphen)
    if n >= 100:
        return _joined(n, 100, "hundred", british=british, hyphen=hyphen)
    if n < 20:
        return ONES[n]
    return TENS[n // 10] + (("-" if hyphen else " ") + ONES[n % 10] if n % 10 else "")


def _joined(n: int, size: int, name: str, *, british: bool, hyphen: bool) -> str:
    head, rest = divmod(n, size)
    said = f"{english(head, british=british, hyphen=hyphen)} {name}"
    if rest:
        said += (" and " if british and rest < 100 else " ") + english(rest, british=british, hyphen=hyphen)
    return said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (10, "十"),
        (15, "十五"),
        (110, "一百一十"),
        (1005, "一千零五"),
        (30_506, "三万零五百零六"),
        (100_000, "十万"),
        (120_010, "十二万零一十"),
        (20_000_000, "二千万"),
        (10_001_000, "一千万一千"),
    ],
)
def test_the_speller_of_these_tests_spells(number: int, said: str) -> None:
    assert chinese(number) == said


def test_the_english_speller_of_these_tests_spells() -> None:
    assert english(1_000_342) == "one million three hundred forty-two"
    assert english(90_115, british=True) == "ninety thousand one hundred and fifteen"


# --- one number ---


@laws
@given(integers, st.sampled_from("二两"))
def test_chinese_numerals_read_back(n: int, two: str) -> None:
    assert reads_as(chinese(n, two)) == n


@laws
@given(integers)
def test_digits_read_back_with_and_without_commas_and_in_full_width(n: int) -> None:
    assert reads_as(str(n)) == n
    assert reads_as(f"{n:,}") == n
    assert reads_as(str(n).translate(str.maketrans(string.digits, "０１２３４５６７８９"))) == n


@laws
@given(integers, st.booleans(), st.booleans())
def test_english_words_read_back(n: int, british: bool, hyphen: bool) -> None:
    assert reads_as(english(n, british=british, hyphen=hyphen)) == n
    assert reads_as(english(n, british=british, hyphen=hyphen).title()) == n


@laws
@given(integers, st.sampled_from([("k", 3), ("K", 3), ("千", 3), ("w", 4), ("万", 4), (" thousand", 3), (" million", 6)]))
def test_short_forms_read_back(n: int, form: tuple[str, int]) -> None:
    unit, places = form
    whole, part = divmod(n, 10**places)
    digits = f"{part:0{places}d}".rstrip("0")
    assert reads_as(f"{whole}{'.' + digits if digits else ''}{unit}") == pytest.approx(n, rel=1e-9)


@laws
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([("百", 100), ("千", 1_000), ("万", 10_000)]))
def test_a_last_digit_counts_tenths_of_the_unit_before(head: int, tail: int, unit: tuple[str, int]) -> None:
    name, size = unit
    assert reads_as(f"{chinese(head)}{name}{chinese(tail)}") == head * size + tail * size // 10
    assert reads_as(f"{head}{name}{tail}") == head * size + tail * size // 10
    assert reads_as(f"{chinese(head)}{name}零{chinese(tail)}") == head * size + tail


@laws
@given(st.integers(1000, 2999))
def test_years_read_digit_by_digit_read_back(year: int) -> None:
    assert reads_as("".join("零一二三四五六七八九"[int(d)] for d in str(year))) == year
    assert reads_as("".join("〇一二三四五六七八九"[int(d)] for d in str(year))) == year


@laws
@given(st.integers(0, 99), st.integers(1, 99))
def test_a_chinese_decimal_point_reads_back(whole: int, part: int) -> None:
    said = f"{chinese(whole) or '零'}点{''.join('零一二三四五六七八九'[int(d)] for d in str(part))}"
    assert reads_as(said) == pytest.approx(float(f"{whole}.{part}"))


@laws
@given(st.integers(1, 8), st.sampled_from([("十", 10), ("百", 100), ("千", 1_000), ("万", 10_000), ("百万", 1_000_000)]))
def test_two_neighbouring_digits_before_a_unit_are_a_span(digit: int, unit: tuple[str, int]) -> None:
    name, size = unit
    (number,) = read_numbers(f"{'零一二三四五六七八九'[digit]}{'零一二三四五六七八九'[digit + 1]}{name}")
    assert (number.value, number.high) == (digit * size, (digit + 1) * size)


# --- ranges and bounds ---

JOINED = ["{}到{}#", "{}-{}#", "{}~{}#", "{}至{}#", "{}到{}#之间", "{}#到{}#", "from {} to {}#", "between {} and {}#", "{} to {}#", "从{}到{}#"]


@laws
@given(st.integers(1, 100_000), st.integers(1, 100_000), st.sampled_from(JOINED), st.sampled_from(["", "元", " yuan", "块"]))
def test_a_range_reads_with_its_lower_end_first(low: int, high: int, join: str, unit: str) -> None:
    assume(low != high and ("-" not in join or low < high))  # "5-3" is no range
    (found,) = read_quantities(plain(join.format(low, high).replace("#", unit)), UNITS, year=2026)
    assert (found.low, found.high) == (min(low, high), max(low, high))
    assert found.unit == unit.strip()


@laws
@given(st.integers(101, 999), st.integers(101, 999))
def test_a_range_of_chinese_numerals_reads_with_its_lower_end_first(low: int, high: int) -> None:
    (found,) = read_quantities(f"{chinese(low)}到{chinese(high)}元", UNITS, year=2026)
    assert (found.low, found.high) == (min(low, high), max(low, high))


UPPER = [
    ("under {}", False),
    ("at most {}", False),
    ("{}以内", False),
    ("不超过{}", False),
    ("{}以下", False),
    ("less than {}", True),
    ("below {}", True),
    ("低于{}", True),
    ("no more than {}", False),
]
LOWER = [("at least {}", False), ("{}以上", False), ("至少{}", False), ("{} or more", False), ("more than {}", True), ("over {}", True), ("超过{}", True), ("高于{}", True)]


def spelt(n: int, way: int, bound: str) -> str:
    """In digits, with commas, or in words of the bound's language."""
    return (str(n), f"{n:,}", english(n) if bound.isascii() else chinese(n))[way]


@laws
@given(st.integers(1, 1_000_000), st.integers(0, 2), st.sampled_from(UPPER))
def test_an_upper_bound_has_no_lower_end(n: int, spelling: int, bound: tuple[str, bool]) -> None:
    (found,) = read_quantities(plain(bound[0].format(spelt(n, spelling, bound[0]))), UNITS, year=2026)
    assert (found.low, found.high, found.strict_low, found.strict_high) == (None, n, False, bound[1])


@laws
@given(st.integers(1, 1_000_000), st.integers(0, 2), st.sampled_from(LOWER))
def test_a_lower_bound_has_no_upper_end(n: int, spelling: int, bound: tuple[str, bool]) -> None:
    (found,) = read_quantities(plain(bound[0].format(spelt(n, spelling, bound[0]))), UNITS, year=2026)
    assert (found.low, found.high, found.strict_low, found.strict_high) == (n, None, bound[1], False)


# --- anything at all ---

PIECES = [
    *"0 1 5 12 99 2000 3,000 1.5 - ~ 到 至 和 and to 多 几 来 半 个 k w 万 千 百 十 两 三 零 点 一".split(),
    *"元 块 yuan $ minutes 分钟 gb 小时 hour 年 年代 90s the early late between from under over 以内 以上 不超过 至少 about 左右 or so".split(),
    *"half a million an hour and 去年 last year 上世纪 21世纪 , . ( 'Ω' %".split(),
]
anything = st.one_of(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join), st.text(max_size=30))


@settings(laws, max_examples=600)
@given(anything)
def test_whatever_is_said_quantities_are_in_order_and_in_the_text(text: str) -> None:
    said = plain(text)
    assert len(said) == len(text)
    for number in read_numbers(said):
        assert 0 <= number.start < number.end <= len(said)
        assert number.high is None or number.value <= number.high
    found = read_quantities(said, UNITS, year=2026)
    for quantity in found:
        assert 0 <= quantity.start <= quantity.core[0] < quantity.core[1] <= quantity.end <= len(said)
        assert quantity.low is not None or quantity.high is not None
        assert quantity.low is None or quantity.high is None or quantity.low <= quantity.high


@laws
@given(integers, integers)
def test_blocked_stretches_are_not_read(title: int, price: int) -> None:
    said = f"《{title}》{price}元以内"
    (found,) = read_quantities(said, UNITS, year=2026, blocked=[(0, said.index("》") + 1)])
    assert (found.low, found.high, found.unit) == (None, price, "元")
