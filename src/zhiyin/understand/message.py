"""One message taken apart: its plain text, tokens, mentions without overlaps, quantities, references and negations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from zhiyin.catalog.columns import Catalog
from zhiyin.text import COMMON, Token, is_cjk, key, plain, segment, stem, tokens
from zhiyin.types import ItemId, Notice, State
from zhiyin.understand import cues
from zhiyin.understand.linker import Linker, Unknown
from zhiyin.understand.phrases import AsksField, Compares, Masked, Meaning, Mention, Names, Noun, People, Phrasebook, Titles
from zhiyin.understand.polarity import Scope, negations
from zhiyin.understand.quantities import Quantity, read_quantities
from zhiyin.understand.references import Reference, read_references

MAX_LENGTH = 2000  # what is read of a message; nobody says more at once
_SHORT_FORM = re.compile(
    r"\b(?:the|that|this)\s+(?P<what>[\w' ]{2,30}?)\s+(?:one|movie|film|phone)\b|(?:那|这)[个部款台](?P<zh>[\w\u4e00-\u9fff]{1,10})的|(?P<zh2>[\w\u4e00-\u9fff]{1,10})的?那[个部款台]"
)


@dataclass(frozen=True, slots=True)
class Message:
    """What the reading of wishes, references and intent works on. Offsets refer to `original` and `text` alike."""

    original: str
    text: str
    words: Sequence[Token]
    mentions: Sequence[Mention]
    quantities: Sequence[Quantity]
    references: Sequence[Reference]
    scopes: Sequence[Scope]
    unknown: Sequence[Unknown] = ()
    notices: Sequence[Notice] = field(default_factory=tuple)

    def said(self, start: int, end: int) -> str:
        """The user's own words in this span."""
        return self.original[start:end].strip(" ,，.。")

    def of(self, kind: type[Meaning]) -> list[tuple[Mention, Meaning]]:
        """Mentions with a meaning of one kind, and that meaning."""
        return [(m, meaning) for m in self.mentions for meaning in m.of(kind)]


class Opener:
    """Takes messages apart with one domain's words."""

    def __init__(self, book: Phrasebook[Meaning], linker: Linker, units: Iterable[str]) -> None:
        self.book, self.linker, self.units = book, linker, tuple(units)
        self._vocabulary = frozenset(w for phrase in book.meanings for w in phrase.split(" ") if w.isascii() and len(w) > 4)

    def __call__(self, original: str, state: State, year: int) -> Message:
        """The message, opened; only its first `MAX_LENGTH` characters are read."""
        notices = [Notice(code="truncated", slots={"limit": str(MAX_LENGTH)})] if len(original) > MAX_LENGTH else []
        original = original[:MAX_LENGTH]
        text = plain(original)
        words = tokens(text)
        bounds = word_bounds(text)
        linked, unknown = self.linker.find(original, text, words, bounds)
        named = _resolve(linked + self._lexical(text, words, bounds))
        solid = [(m.start, m.end) for m in named if any(isinstance(x, Titles | People) for x in m.meanings) or _has_digit(text, m)]
        references, lost = self._there(*read_references(text, state))
        references = [r for r in references if not any(m.of(Titles) and m.start <= r.start and r.end <= m.end and m.end - m.start > r.end - r.start for m in named)]
        blocked = solid + [(r.start, r.end) for r in references] + [(u.start, u.end) for u in unknown]
        quantities = read_quantities(text, self.units, year=year, blocked=blocked)
        mentions = [m for m in named if not any(q.start <= m.start and m.end <= q.end for q in quantities if q.unit or q.end - q.start > m.end - m.start) or m.of(Titles)]
        exempt = [m.span() for m in cues.UNLESS.finditer(text)]
        mentions = [m for m in mentions if not any(start <= m.start < end for start, end in exempt)]  # a condition of a condition: not read
        mentions = [m for m in mentions if not any(r.start <= m.start and m.end <= r.end for r in references)]
        return Message(
            original=original,
            text=text,
            words=words,
            mentions=mentions,
            quantities=quantities,
            references=references,
            scopes=negations(text, [m for m in mentions if not m.of(AsksField) and not m.of(Noun)] + [Mention(q.core[0], q.core[1], ()) for q in quantities]),
            unknown=unknown,
            notices=[*notices, *lost],
        )

    def _there(self, references: Sequence[Reference], notices: Sequence[Notice]) -> tuple[list[Reference], list[Notice]]:
        """The references without items that have left the catalogue since they were shown; what points at nothing else is told."""
        row = self.linker.catalog.row
        left = [replace(r, items=tuple(i for i in r.items if i in row)) for r in references]
        return [r for r in left if r.items], [*notices, *(Notice(code="gone") for r in left if not r.items)]

    def _lexical(self, text: str, words: Sequence[Token], bounds: frozenset[int]) -> list[Mention]:
        mentions = []
        words = [self._spelt(w) for w in words]
        for first, past, meanings in self.book.find(words):
            start, end = words[first].start, words[past - 1].end
            single = past - first == 1 and is_cjk(text[start:end])
            if single and not (start in bounds and end in bounds):
                continue  # 轻 in 年轻
            mentions.append(Mention(start, end, tuple(meanings)))
        return mentions

    def _spelt(self, token: Token) -> Token:
        """The token; a word one letter off a word of the lexicon becomes that word ("commedy", "sceince fiction")."""
        word = token.text
        if len(word) < 6 or not word.isascii() or not word.isalpha() or word in COMMON or word in self._vocabulary or stem(word) in self._vocabulary or word in self.linker.words:
            return token
        near = _closest(word, self._vocabulary)
        return token._replace(text=near) if near else token


def shown_by_words(message: Message, state: State, linker: Linker) -> list[Reference]:
    """Shown items picked by a word of their title or a value ("the Nolan one", 那个三星的), if exactly one fits."""
    found = []
    for m in _SHORT_FORM.finditer(message.text):
        what = (m["what"] or m["zh"] or m["zh2"] or "").strip()
        ids = _fitting(what, message, state, linker)
        if len(ids) == 1:
            found.append(Reference(m.start(), m.end(), tuple(ids)))
    return found


def _fitting(what: str, message: Message, state: State, linker: Linker) -> list[ItemId]:
    if not what or not state.slate:
        return []
    ids = _by_title(linker.catalog, state.slate, what) if _title_words(what) else []
    if len(ids) == 1:
        return ids
    wanted = {(n.field, n.value) for m, n in message.of(Names) if isinstance(n, Names) and key(what).find(key(message.text[m.start : m.end])) >= 0}
    wanted |= {(f, name) for m, p in message.of(People) if isinstance(p, People) and key(message.text[m.start : m.end]) in key(what) for f in p.fields for name in p.names}
    if not wanted:
        return []
    return [i for i in state.slate if (item := linker.catalog.item(i)) and any(v in {str(x) for x in item.values(f)} for f, v in wanted)]


def _resolve(mentions: list[Mention]) -> list[Mention]:
    """Overlapping mentions decided: the longest stands, titles and names before words of the same length; masked ones go."""
    nouns = {m.start for m in mentions if m.of(Noun)}
    led = {(m.start, m.end) for m in mentions if m.of(People) and nouns & {m.end, m.end + 1}}  # "Hitchcock films": the man, not the film of that name
    ranked = sorted(mentions, key=lambda m: (-(m.end - m.start), (m.start, m.end) in led and not m.of(People), not m.of(Titles), not m.of(People), m.start))
    kept: list[Mention] = []
    for mention in ranked:
        if not any(mention.start < k.end and k.start < mention.end for k in kept):
            kept.append(mention)
    return sorted((m for m in kept if not m.of(Masked)), key=lambda m: m.start)


def _has_digit(text: str, mention: Mention) -> bool:
    return any(c.isdigit() for c in text[mention.start : mention.end]) and not mention.of(Compares)


def word_bounds(text: str) -> frozenset[int]:
    """Offsets at which a Chinese word may begin or end."""
    if not is_cjk(text):
        return frozenset()
    bounds, position = {0}, 0
    for word in segment(text):
        position += len(word)
        bounds.add(position)
    return frozenset(bounds)


@lru_cache(maxsize=4096)
def _closest(word: str, vocabulary: frozenset[str]) -> str | None:
    from rapidfuzz import process  # noqa: PLC0415  # only for words nobody knows
    from rapidfuzz.distance import OSA  # noqa: PLC0415

    best = process.extractOne(word, [w for w in vocabulary if w[0] == word[0] and abs(len(w) - len(word)) < 2], scorer=OSA.distance, score_cutoff=1)
    return best[0] if best else None


def _title_words(title: str) -> set[str]:
    """The words of a title, for partial references to what was shown."""
    return {t.text for t in tokens(key(title)) if t.text not in COMMON}


def _by_title(catalog: Catalog, ids: Iterable[ItemId], phrase: str) -> list[ItemId]:
    """Those of these items whose title has this phrase."""
    wanted = f" {key(phrase)} "
    return [i for i in ids if (item := catalog.item(i)) and any(wanted in f" {key(t)} " for t in (*item.titles.values(), *item.aliases))]
