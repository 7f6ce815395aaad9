"""What "the second one", 那部, 前两个 and "the cheapest one" point at, among the items shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from zhiyin.types import ItemId, Notice, State
from zhiyin.understand.numbers import read_numbers

_ORDINALS = {
    w: n
    for n, w in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split(),
        1,
    )
} | {"zeroth": 0, "hundredth": 100}
_COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5, "couple": 2, "few": 3, "2": 2, "3": 3, "4": 4, "5": 5}
_THING = r"(?:ones?|films?|movies?|phones?|options?|picks?|items?|choices?|recommendations?|results?|suggestions?|models?|titles?)"
_ENDS = rf"(?=\s*(?:$|[,.?!;:)]|and\b|or\b|vs\b|with\b|to\b|is\b|isn'?t\b|looks\b|sounds\b|seems\b|please\b|was\b|but\b|than\b|about\b|{_THING}\b|'s\b|again\b|instead\b|has\b|have\b|for\b|on\b))"
_ORDINAL = re.compile(
    rf"\b(?:the\s+)?(?P<which>first|last|top|other)\s+(?P<n>two|three|four|five|couple|few|[2-5])\b(?:\s+{_THING})?"
    rf"|(?<!\ba )(?<!\bmy )(?<!\bher )(?<!\bhis )\b(?:the\s+)?(?P<word>{'|'.join(_ORDINALS)}|(?P<num>\d{{1,2}})(?:st|nd|rd|th))\b(?:\s+{_THING}\b)?{_ENDS}"
    rf"|\b(?:number|no\.?|option|item|#)\s*(?P<hash>\d{{1,2}}|one|two|three|four|five)\b|(?<!\w)#(?P<hash2>\d{{1,2}})\b"
    rf"|\b(?:the\s+)?(?P<last>last|final|bottom)\s+(?:one|{_THING})\b|\b(?:the\s+)?(?P<middle>middle)\s+(?:one|{_THING})\b"
    r"|(?P<zlast>最后(?:一|那)?[部款个本台只张]|末尾那[部款个])|(?P<zprev>上一[部款个])|倒数第(?P<back>[一二三四五\d])[部款个本台]?"
    r"|第(?P<zh>[一二三四五六七八九十]+|\d+)(?:[部款个本台只张条首项位支套]|(?![\u4e00-\u9fff\d])|(?=和|与|跟|或|、|好|不|呢|怎|是|的))|(?P<zwhich>前|后|头|最后)(?P<zn>[一二两三四五\d])[部款个本台只张]"
)
_THIS = re.compile(
    rf"\b(?:this|that)\s+(?:one|{_THING})\b|\b(?:this|that)\b(?=\s*(?:$|[?.!,]|is\b|was\b|looks\b|sounds\b|one\b|about\b))|\bit\b|"
    r"(?:这|那)(?:一)?[部款个本台只张](?!月|星期|人|时候|礼拜)(?:电影|手机|片子|片|机子)?|它(?!们)|该[片机]|这手机|这电影|那手机|那电影|这片子"
)
_THESE = re.compile(
    rf"\b(?:all\s+(?:of\s+)?)?(?:these|those|them)\b(?:\s+{_THING})?|\ball (?:five|four|three|two)\b|\bboth\b(?: of them)?|这些|那些|它们|(?:这|那)(?:几|[两三四五]|\d)[部款个本台]|[两三四五][部款个]都|全都|都(?=看过|有了|不喜欢|不错|不行)"
)
_LISTED = re.compile(
    r"\s*(?:please |can you |请|帮我|把)?(?:compare|比较一下|比较|对比一下|对比|比一比|比比)?\s*(?:numbers? |nos?\.? )?(?P<list>\d{1,2}(?:\s*(?:,|，|、|and|和|与|跟|vs\.?|&)\s*(?:and )?\d{1,2})+)\s*(?:号|比一比|比较|对比|一下|please)*\s*[.!?。！？]*\s*"
)
_SUPERLATIVE_ONE = re.compile(r"\s*(?:one|of (?:these|those|them|the)|那[个款部台]|的那[个款部台]|的是哪|的是|among)")


@dataclass(frozen=True, slots=True)
class Reference:
    """Words that point at shown items."""

    start: int
    end: int
    items: tuple[ItemId, ...]


def read_references(text: str, state: State) -> tuple[list[Reference], list[Notice]]:
    """References in a plain text, left to right; an ordinal beyond what was shown comes as a notice."""
    found: list[Reference] = []
    notices: list[Notice] = []
    slate = state.slate
    alone = re.fullmatch(r"\s*(?:选|要|no\.?|#)?\s*([1-9])\s*[.。!！]?\s*", text)
    if alone and int(alone[1]) <= len(slate) and not state.question:
        return [Reference(alone.start(1), alone.end(1), (slate[int(alone[1]) - 1],))], []
    if listed := _LISTED.fullmatch(text):  # "compare 1 and 3"
        listing = [(d.start() + listed.start("list"), d.end() + listed.start("list"), int(d[0])) for d in re.finditer(r"\d+", listed["list"])]
        beyond = [Notice(code="out_of_range", slots={"ordinal": str(n), "count": str(len(slate))}) for _, _, n in listing if not 1 <= n <= len(slate)]
        return [Reference(start, end, (slate[n - 1],)) for start, end, n in listing if 1 <= n <= len(slate)], beyond if slate else [Notice(code="nothing_shown")]
    for m in _ORDINAL.finditer(text):
        places = _places(m, len(slate))
        if not slate:
            if m["which"] is None and m["zwhich"] is None:
                notices.append(Notice(code="nothing_shown"))
            continue
        if any(not 1 <= p <= len(slate) for p in places):
            notices.append(Notice(code="out_of_range", slots={"ordinal": m[0].strip(), "count": str(len(slate))}))
            continue
        found.append(Reference(m.start(), m.end(), tuple(slate[p - 1] for p in places)))
    if not slate and not state.focus:
        return found, notices
    for m in _THESE.finditer(text):
        if slate and not _inside(m, found):
            found.append(Reference(m.start(), m.end(), slate))
    one = state.focus[:1] if len(state.focus) == 1 else slate[:1] if len(slate) == 1 else ()
    for m in _THIS.finditer(text):
        if one and not _inside(m, found):
            found.append(Reference(m.start(), m.end(), one))
    return sorted(found, key=lambda r: r.start), notices


def points_at_one(text: str, end: int) -> bool:
    """Whether a superlative that ends here picks an item shown ("the cheapest one", 最便宜的那个)."""
    return _SUPERLATIVE_ONE.match(text, end) is not None


def picks_of_several(text: str, start: int, end: int) -> bool:
    """Whether a comparative picks one of several: "the cheaper of the two", "the lighter one", 更轻的那款."""
    if re.search(r"\bthe\s*$", text[:start]) and re.match(r"\s*(?:one\b|of (?:the two|them|these|those|both)|phone\b|film\b|movie\b)", text[end:]):
        return True
    return re.match(r"的?(?:那|这)[个款部台]", text[end:]) is not None


def _inside(m: re.Match[str], found: Sequence[Reference]) -> bool:
    return any(r.start < m.end() and m.start() < r.end for r in found)


def _places(m: re.Match[str], shown: int) -> list[int]:
    if m["which"] or m["zwhich"]:
        said = m["n"] or m["zn"]
        count = _COUNTS.get(said) or _number(said)
        first = (m["which"] or m["zwhich"]) in {"first", "top", "前", "头"}
        if m["which"] == "other":
            return list(range(2, shown + 1))
        if count > shown > 0:
            return [count]
        return list(range(1, count + 1)) if first else list(range(shown - count + 1, shown + 1))
    if m["last"] or m["zlast"] or m["zprev"]:
        return [max(shown, 1)]
    if m["middle"]:
        return [(shown + 1) // 2]
    if m["back"]:
        return [shown + 1 - _number(m["back"])]
    if m["word"]:
        return [int(m["num"]) if m["num"] else _ORDINALS[m["word"]]]
    said = m["hash"] or m["hash2"] or m["zh"]
    return [{"one": 1, **_COUNTS}.get(said) or _number(said)]


def _number(said: str) -> int:
    if said == "两":
        return 2
    numbers = read_numbers(said)
    return int(numbers[0].value) if numbers else 0
