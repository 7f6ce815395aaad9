"""Script, case and token basics that reading and searching share. Every function keeps offsets: one character in, one out."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from opencc import OpenCC

COMMON = frozenset((Path(__file__).parent / "common.en.txt").read_text(encoding="utf-8").split())  # plain English words
STOP = frozenset(w for name in ("stop.en.txt", "stop.zh.txt") for w in (Path(__file__).parent / name).read_text(encoding="utf-8").split())  # words that carry no topic
CJK = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_CJK_RUN = re.compile(f"[{CJK}]")
_WORD = re.compile(rf"[{CJK}]|[^\W\d_{CJK}]+(?:'[^\W\d_{CJK}]+)*|\d+(?:\.\d+)?")


class Token(NamedTuple):
    """A piece of text and where it stands."""

    text: str
    start: int
    end: int


def plain(text: str) -> str:
    """The text with full-width ASCII halved, curly quotes straightened, accents and case folded, traditional characters simplified, control characters blanked; same length."""
    if text.isascii():
        return text.translate(_CONTROLS).lower()
    return "".join(_plain_char(c) for c in text)


_CONTROLS = dict.fromkeys((*range(32), 127), " ")


@lru_cache(maxsize=65536)
def _plain_char(c: str) -> str:
    code = ord(c)
    if code < 128:
        return c.lower() if code >= 32 else " "
    if 0xFF01 <= code <= 0xFF5E:
        return chr(code - 0xFEE0).lower()
    if c in "\u2018\u2019\u02bc":
        return "'"
    if c in "\u3000\u00a0\u200b\ufeff" or unicodedata.category(c) in {"Cc", "Cf"}:
        return " "
    if c in "\u2013\u2014\u2212":
        return "-"
    if "\u00c0" <= c <= "\u024f":
        bare = unicodedata.normalize("NFD", c)[0].lower()
        return bare if len(bare) == 1 else c
    if _CJK_RUN.match(c):
        return _simplified(c)
    low = c.lower()
    return low if len(low) == 1 else c


def _simplified(c: str) -> str:
    """The simplified form of a traditional character (導 -> 导); any other as it is."""
    simple = _converter().convert(c)
    return simple if len(simple) == 1 else c


@lru_cache(maxsize=1)
def _converter() -> OpenCC:
    from opencc import OpenCC  # noqa: PLC0415  # only where there is Chinese

    return OpenCC("t2s")


def tokens(text: str) -> list[Token]:
    """Words of letters, numbers and single Chinese characters of a `plain` text, with their offsets; punctuation is passed over."""
    return [Token(m[0].replace("'", ""), m.start(), m.end()) for m in _WORD.finditer(text)]


def key(text: str) -> str:
    """The form under which phrases are compared: plain tokens joined by spaces ("iPhone15" and "iphone 15" agree)."""
    return " ".join(_WORD.findall(plain(text))).replace("'", "")


def segment(text: str) -> list[str]:
    """The words of a text as rjieba cuts it; their concatenation is the text."""
    import rjieba  # noqa: PLC0415  # its dictionary takes 0.2 s: only where there is Chinese

    return list(rjieba.cut(text))


def segment_for_search(text: str) -> list[str]:
    """The words of a text and, of longer ones, their parts: for an index."""
    import rjieba  # noqa: PLC0415

    return list(rjieba.cut_for_search(text))


def stem(word: str) -> str:
    """An English noun's singular, roughly: comedies -> comedy, films -> film, boss -> boss."""
    if word.endswith("s") and word[:-1] in COMMON:
        return word[:-1]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def cjk_count(text: str) -> int:
    """How many Chinese characters the text has."""
    return len(_CJK_RUN.findall(text))


def is_cjk(text: str) -> bool:
    """Whether the text has a Chinese character."""
    return _CJK_RUN.search(text) is not None


def content_words(text: str) -> list[str]:
    """The words of a plain text that carry a meaning."""
    if not is_cjk(text):
        return [t.text for t in tokens(text) if t.text not in STOP and len(t.text) > 2 and not t.text.isdigit()]
    return [w for w in map(str.strip, segment(text)) if len(w) > 1 and w not in STOP and not w.isdigit()]
