"""What a sentence must look like before anybody asks whether it is true: plain prose of one language, without markup, links, roles or hidden signs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from zhiyin.text import cjk_count

MAX_LENGTH = {"en": 260, "zh": 120}
MARKS = re.compile(r"《([^《》]*)》|[“「]([^”」]*)[”」]|\"([^\"]*)\"")  # around titles and quotations
_MARKUP = re.compile(r"https?:|www\.|\w@\w|[<>{}|\\`*_#~^=\[\]⟦⟧@$%&]|\n|[^\W\d_]\.(?:com|cn|net|org|io|example)\b", re.IGNORECASE)
_LABEL = re.compile(  # of a prompt, of a list, or of a chat that goes on by itself
    r"(?:\b(?:user|human|assistant|system|bot)|用户|助手|助理|系统)\s*[:：]"
    r"|^\W*(?:wish(?:es)?|items?|facts?|reasons?|ai|answer|output|title|要求|愿望|列表|候选|条目|事实|理由|回答|输出)\s*[:：]|[:：]\W*$|^[-–—•·+]",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(  # what no row tells of
    r"\bcritics?\b|\b(?:in|at) (?:the |a )?(?:cinemas?|theat(?:er|re)s?)\b|[影戏]院|院线|影评人?|人人|谁都|每个人|发生在|\b(?:set|place|happens|filmed|shot) in (?:the )?(?-i:[A-Z])",
    re.IGNORECASE,
)
_ODD = frozenset({"Sm", "So", "Sk", "Mn", "Me"})  # pictures, and marks upon letters
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


def misshapen(sentence: str, names: Iterable[str], language: str) -> Iterable[str]:
    """What is wrong with the look of a sentence; `names` are titles, in which much is allowed."""
    if not re.search(r"\w", sentence):
        yield "no words"
    if len(sentence) > MAX_LENGTH[language]:
        yield "too long"
    bare = sentence
    for name in names:
        bare = bare.replace(name, "")
    for pattern in (_MARKUP, _LABEL, _ELSEWHERE):
        yield from (m[0] for m in pattern.finditer(bare))
    yield from (f"U+{ord(c):04X}" for c in bare if _unseen(c))
    yield from (c for c in bare if unicodedata.category(c) in _ODD)
    bare = MARKS.sub("", bare)
    chinese, latin = cjk_count(bare), len(re.findall(r"[A-Za-z]+", bare))
    if (language == "zh" and chinese < latin) or (language == "en" and chinese > latin):
        yield "another language"


def _unseen(c: str) -> bool:
    """Whether a character hides, steers, or turns the direction of what is read."""
    return unicodedata.category(c).startswith("C") or unicodedata.bidirectional(c) in _RIGHT_TO_LEFT
