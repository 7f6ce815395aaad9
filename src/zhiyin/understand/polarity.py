"""Which words of a message are excluded: negation cues and their scope ("but not the war ones", 除了…都行, 恐怖的不要)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from zhiyin.understand import cues
from zhiyin.understand.phrases import Mention

_CLAUSE = re.compile(r"[,，、.;!?。！？；\n]")


@dataclass(frozen=True, slots=True)
class Scope:
    """A stretch of text under a negation; `cue` is where the negating words begin."""

    cue: int
    start: int
    end: int


def negations(text: str, mentions: Sequence[Mention]) -> list[Scope]:
    """The negated stretches of a plain text."""
    masked = [m.span() for m in cues.NOT_NEGATION.finditer(text)]
    masked += [m.span() for m in cues.BESIDES.finditer(text)]
    masked += [m.span() for m in cues.NOT_TOO.finditer(text)]
    scopes: list[Scope] = []
    for cue in cues.NEGATION.finditer(text):
        if any(start < cue.end() and cue.start() < end for start, end in masked):
            continue
        if any(m.start <= cue.start() and cue.end() <= m.end for m in mentions):
            continue  # inside a title, or a phrase like 不卡
        end = _scope_end(text, cue.end(), mentions)
        if cue[0] == "非":  # 非美国的科幻片: the next word only
            end = next((m.end for m in mentions if m.start == cue.end()), end)
        if cue[0] in {"没有", "非", "不"} and not any(m.start - cue.end() <= 1 and m.start >= cue.end() for m in mentions):
            continue  # these negate only what follows at once
        if any(cue.end() <= m.start < end for m in mentions) or cue[0].isascii():
            scopes.append(Scope(cue.start(), cue.end(), end))
    for cue in cues.NOT_TOO.finditer(text):  # "not too violent", 不要太老的: the next word only
        scopes += [Scope(cue.start(), m.start, m.end) for m in mentions if m.start == cue.end()][:1]
    scopes += [Scope(m.start, m.start, m.end) for m in mentions if cues.NEGATED_AFTER.match(text, m.end) and not _positive_follows(text, m, mentions)]
    return scopes


def negated(scopes: Sequence[Scope], start: int, end: int) -> Scope | None:
    """The scope that covers this span, if any."""
    return next((s for s in scopes if s.start <= start and end <= s.end), None)


def _positive_follows(text: str, mention: Mention, mentions: Sequence[Mention]) -> bool:
    """小米不要红米: the cue after the first belongs to the second."""
    cue = cues.NEGATED_AFTER.match(text, mention.end)
    return cue is not None and any(cue.end() <= m.start and not text[cue.end() : m.start].strip() for m in mentions)


def _scope_end(text: str, start: int, mentions: Sequence[Mention]) -> int:
    """A negation reaches to the end of its clause; over a comma only where a list goes on."""
    inside = [(m.start, m.end) for m in mentions]
    position = start
    while position < len(text):
        stop = cues.SCOPE_END.search(text, position)
        comma = _CLAUSE.search(text, position)
        nearest = min((m for m in (stop, comma) if m), key=lambda m: m.start(), default=None)
        if nearest is None:
            return len(text)
        if any(s <= nearest.start() < e for s, e in inside):  # "Crouching Tiger, Hidden Dragon"
            position = nearest.end()
            continue
        if nearest is comma and nearest[0] in ",，、" and _list_goes_on(text, nearest.end(), mentions):
            position = nearest.end()
            continue
        return nearest.start()
    return len(text)


def _list_goes_on(text: str, after: int, mentions: Sequence[Mention]) -> bool:
    """Whether the next piece is one more member of a list: a mention first, then another comma or a conjunction."""
    first = re.compile(r"\s*(?:or |and |nor |any )?(?:an? |the )?").match(text, after)
    begin = first.end() if first else after
    member = next((m for m in mentions if m.start == begin), None)
    if member is None:
        return False
    if (first and re.search(r"or|nor", first[0])) or text[after - 1] == "、":
        return True
    rest = re.compile(r"\s*(?:,|，)?\s*(?:or\b|nor\b|和|或)").match(text, member.end)
    return rest is not None and bool(rest[0].strip())
