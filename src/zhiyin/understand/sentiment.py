"""Polarity of a message and of its aspects, from words, negation and contrast. Words of a wish ("something sad") do not count."""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from zhiyin.text import stem, tokens
from zhiyin.types import Sentiment

_CLAUSES = re.compile(r"[,，.;!?。！？；~\n]|\bbut\b|\bhowever\b|\balthough\b|\bthough\b|\band\b|但是|但|不过|可是|然而|就是(?=.{0,3}[太有])|只是")
_NEGATORS = re.compile(
    r"\b(?:not|n't|no|never|hardly|isn'?t|wasn'?t|don'?t|didn'?t|doesn'?t|can'?t|nothing|without|aren'?t|won'?t)\b(?:\s+\w+){0,2}\s*$|(?:不|没|没有|不太|不怎么|不是|不够|并不|毫不|不算)\s*(?:太|很|怎么|特别|那么|是)?$"
)
_BOOST = re.compile(r"(?:\b(?:very|really|so|too|extremely|absolutely|super|totally|incredibly)\s*|很|太|非常|特别|超级?|真|极其|十分|巨|相当|简直)$")
_ATTRIBUTIVE = re.compile(
    r"\b(?:a|an|any|some|the|something|anything|other|more|most|really|few)\s+(?:really\s+)?(?:good|great|best|nice|cool|decent|amazing|excellent|top)\b(?!\s*(?:$|[.!,]))|\bbest\b|\blike (?:to|an?)\b|\b(?:i'?d|would|i would) (?:like|love|enjoy)\b|\bwould i (?:like|enjoy|love)\b|\bsomething like\b|\b(?:movies?|films?|phones?|ones?) like\b|"
    r"\bgood (?:morning|afternoon|evening|night|at|for)\b|好(?:的|一点|点的?)(?:手机|电影|片)|想(?:要|看)|比较好|更好|最好|哪个好|(?:好不好|好吗|怎么样|喜欢吗)"
)


_QUESTION = re.compile(
    r"(?:^|[,，.。!！;；])(?![^?？,，.。]*(?:\bi\b|我))[^?？,，.。!！]*(?:[?？]|吗|么(?=[?？]|$)|嘛)|\bhow (?:good|bad|boring|great)\b|有什么好[看用]的|好不好[看用]?"
)


@lru_cache(maxsize=1)
def _words() -> tuple[Mapping[str, float], Mapping[str, float], int]:
    table = tomllib.loads((Path(__file__).parent / "sentiment.toml").read_text(encoding="utf-8"))
    english = {w: float(v) for v, ws in table["en"].items() for w in ws if " " not in w}
    chinese = {w: float(v) for v, ws in table["zh"].items() for w in ws}
    return english, chinese, max(map(len, chinese))


@lru_cache(maxsize=1)
def _phrases() -> Mapping[str, float]:
    """English verdicts of several words ("not my cup of tea"): read whole, negation included."""
    table = tomllib.loads((Path(__file__).parent / "sentiment.toml").read_text(encoding="utf-8"))
    return {w: float(v) for v, ws in table["en"].items() for w in ws if " " in w}


def read_sentiment(text: str, wish_spans: Iterable[tuple[int, int]] = (), aspects: Iterable[tuple[int, int, str]] = ()) -> Sentiment:
    """The sentiment of a plain text; `aspects` are (start, end, field) of field words."""
    masked = [*wish_spans, *(m.span() for m in _ATTRIBUTIVE.finditer(text))]
    hits = [(at, score) for at, score in _hits(text) if not any(s <= at < e for s, e in masked)]
    questions = [m.span() for m in _QUESTION.finditer(text)]
    hits = [(at, score) for at, score in hits if not any(s <= at < e for s, e in questions)]  # "is it good?" says nothing yet
    edges = [0, *(m.end() for m in _CLAUSES.finditer(text)), len(text) + 1]
    clauses = [sum(score for at, score in hits if start <= at < end) for start, end in itertools.pairwise(edges)]
    by_aspect: dict[str, float] = {}
    for start, _, field in aspects:
        index = next(i for i, (a, b) in enumerate(itertools.pairwise(edges)) if a <= start < b)
        if clauses[index]:
            by_aspect[field] = round(_squash(by_aspect.get(field, 0.0) + clauses[index]), 3)
    positive, negative = sum(c for c in clauses if c > 0), -sum(c for c in clauses if c < 0)
    score = _squash(positive - negative)
    if positive and negative and min(positive, negative) >= 0.4 * max(positive, negative):
        return Sentiment(label="mixed", score=round(score, 3), aspects=by_aspect)
    label = "positive" if score > 0.2 else "negative" if score < -0.2 else "neutral"
    return Sentiment(label=label, score=round(score, 3), aspects=by_aspect)  # type: ignore[arg-type]  # one of the literals


def _squash(total: float) -> float:
    """To [-1, 1], as VADER normalises (Hutto & Gilbert 2014), with alpha = 4."""
    return total / math.sqrt(total * total + 4)


def _hits(text: str) -> list[tuple[int, float]]:
    english, chinese, longest = _words()
    found: list[tuple[int, float]] = []
    words = tokens(text)
    for token in words:
        score = english.get(token.text, english.get(stem(token.text)))
        if score is not None and token.text.isascii():
            found.append((token.start, _adjusted(text[: token.start], score)))
    for phrase, value in _phrases().items():
        at = text.find(phrase)
        if at >= 0:
            found = [(place, score) for place, score in found if not at <= place < at + len(phrase)] + [(at, value)]
    position = 0
    while position < len(text):
        if not "\u4e00" <= text[position] <= "\u9fff":
            position += 1
            continue
        for size in range(min(longest, len(text) - position), 0, -1):
            score = chinese.get(text[position : position + size])
            if score is not None:
                found.append((position, _adjusted(text[:position], score)))
                position += size
                break
        else:
            position += 1
    return sorted(found)


def _adjusted(before: str, score: float) -> float:
    boost = _BOOST.search(before)
    if boost:
        score *= 1.3
        before = before[: boost.start()].rstrip()
    return -0.7 * score if _NEGATORS.search(before) else score
