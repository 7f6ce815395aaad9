"""What words mean in anybody's file: headers, units, currencies and values, looked up in `kinds.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from zhiyin.text import is_cjk, plain, stem
from zhiyin.types import Texts

Table = Mapping[str, Any]  # a table of kinds.toml, which ships with the package
SCALES = {"万": 1e4, "千": 1e3, "k": 1e3, "亿": 1e8, "": 1.0}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@lru_cache(maxsize=1)
def kinds() -> Table:
    """The words of kinds.toml."""
    return tomllib.loads((Path(__file__).parent / "kinds.toml").read_text(encoding="utf-8"))


def slug(header: str) -> str:
    """A header as a field's name: "Weight (kg)" -> weight_kg."""
    return re.sub(r"\W+", "_", plain(_CAMEL.sub("_", header))).strip("_")


def header_words(header: str) -> list[str]:
    """A header's words without its unit: "avgRating", "屏幕(英寸)" -> [avg, rating], [屏幕]."""
    bare = re.sub(r"[(（\[【].*?[)）\]】]", " ", header).strip() or header
    return [w for w in slug(bare).split("_") if w]


@lru_cache(maxsize=1)
def _by_header() -> Mapping[str, str]:
    return {plain(header): name for name, spec in kinds()["concepts"].items() for header in spec["headers"]}


@lru_cache(maxsize=512)
def concept_of(header: str) -> str:
    """The concept a header names: the longest of the known words in it, the last one on ties; empty if there is none."""
    known, words = _by_header(), header_words(header)
    if words and unit_of(words[-1]) and len(words) > 1:
        words = words[:-1] if " ".join(words) not in known else words
    for size in range(len(words), 0, -1):
        for first in range(len(words) - size, -1, -1):
            phrase = " ".join(words[first : first + size])
            if found := known.get(phrase) or known.get(stem(phrase)):
                return found
    if not is_cjk(header):
        return ""
    inside = [(len(h), header.rfind(h), c) for h, c in known.items() if len(h) > 1 and is_cjk(h) and h in header]
    return max(inside)[2] if inside else ""


def header_unit(header: str) -> str:
    """The unit or currency a header states: "weight (kg)", 价格（元）, battery_mah, 重量/克."""
    said: list[str] = re.findall(r"[(（\[【]\s*([^)）\]】]+?)\s*[)）\]】]", plain(header))
    said += plain(header).split("/")[1:]
    words = slug(header).split("_")
    said += words[-1:] if len(words) > 1 or len(words[0]) > 3 else []
    return next((s.strip() for s in said if unit_of(s.strip()) or money_word(s.strip())), "")


@lru_cache(maxsize=1)
def _units() -> Mapping[str, tuple[str, str, float]]:
    return {word: (family, unit, float(spec["worth"])) for family, units in kinds()["units"].items() for unit, spec in units.items() for word in (unit.lower(), *spec["words"])}


def unit_of(word: str) -> tuple[str, str, float] | None:
    """(family, unit, worth) of a unit word."""
    return _units().get(word)


@lru_cache(maxsize=512)
def money_word(word: str) -> tuple[str, float] | None:
    """(currency, scale) of a currency's sign or word: 万元 -> (CNY, 10000)."""
    scale = 1.0
    if len(word) > 1 and word[0] in "万千亿":
        scale, word = SCALES[word[0]], word[1:]
    for code, spec in kinds()["currencies"].items():
        if word in spec["signs"] or word in spec["words"]:
            return code, scale
    return None


@lru_cache(maxsize=1)
def _same() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for row in kinds()["values"]["same"]:
        for word in row:
            found[word] = tuple(dict.fromkeys((*found.get(word, ()), *row)))
    return found


def synonyms(value: str) -> tuple[str, ...]:
    """Other words for a value, in both languages."""
    low = plain(value).strip()
    return _same().get(low) or _same().get(stem(low)) or ()


def same_value(value: str) -> Texts:
    """A value's name in each language, the value itself standing in its own."""
    words = synonyms(value)
    english, chinese = next((w for w in words if not is_cjk(w)), ""), next((w for w in words if is_cjk(w)), "")
    if not english or not chinese:
        return {}
    return {"en": english, "zh": value} if is_cjk(value) else {"en": value, "zh": chinese}
