"""Titles and people named in a message, with typos, surnames, missing articles, 《》 marks, and titles that are also plain words."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Container, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from zhiyin.catalog.change import Change
from zhiyin.catalog.columns import Catalog
from zhiyin.text import COMMON, STOP, Token, is_cjk, key, plain, stem
from zhiyin.types import ItemId
from zhiyin.understand.names import NameTables
from zhiyin.understand.phrases import Mention, People, Titles

_KNOWN_TITLE = 0.45  # prior from which a one-word title in small letters is a title
_FAMOUS = 2.5  # weight from which a surname in small letters is a person
_LEAD = 1.6  # a domain's first people field counts this much more
_FUNCTION = frozenset("it her up us you them she he me what who that this we they him his my your i one so no yes go if".split())
_QUOTED = re.compile(r"《([^《》]{1,80})》|[“「『]([^”」』]{1,80})[”」』]|\"([^\"]{2,80})\"")
_BEFORE = re.compile(
    r"(?:\b(?:like|love|loved|adore|adored|rewatched|finished|liked|enjoyed|enjoy|hated|hate|watched|watch|watching|rewatched|seen|saw|about|called|titled|named|directed|directs|similar to|film|movie|than|of|starred in)|"
    r"喜欢|看过|看完|爱看|像|和|跟|与|类似|类似于|电影|比|叫|推荐|导演了?|是|拍了?|关于|看了|介绍|刷了)\s*$"
)
_AFTER = re.compile(
    r"\s*(?:$|[,.!?;:)(，。！？、）]|and\b|or\b|by\b|again\b|last\b|yesterday\b|is\b|was\b|come\b|came\b|but\b|vs\b|"
    r"这|那|的导演|的主演|的|是|好看|讲|怎么样|多少|哪|什么|一样|类似|之类|和|跟|呢|吗|有|多长|谁|了|很|太)"
)
_TRANSLITERATED = re.compile(r"[\u4e00-\u9fff]{1,5}·[\u4e00-\u9fff]{2,6}?(?=导演|执导|主演|演|拍|的|$|[,，。！？!?])")
_YEAR_LAST = re.compile(r"\s*[\(（]\s*(?:19|20)\d\d\s*[\)）]\s*$")
_YEAR_AFTER = re.compile(r"\s*[\(（]?\s*((?:19|20)\d\d)\s*[\)）]?")


@dataclass(frozen=True, slots=True)
class Unknown:
    """A quoted title that the catalogue does not have."""

    start: int
    end: int
    title: str


class Linker:
    """Finds a catalogue's titles and people in messages."""

    def __init__(self, catalog: Catalog, known_words: Iterable[str] = (), cache: Path | None = None, warn: Callable[[str], None] = lambda _: None) -> None:
        self.catalog = catalog
        self._known = frozenset(known_words)
        self.tables = NameTables.open(catalog, cache / f"names-{catalog.domain.name}-{self._key()}.json" if cache else None, warn)

    def find(self, original: str, text: str, words: Sequence[Token], zh_bounds: frozenset[int]) -> tuple[list[Mention], list[Unknown]]:
        """Mentions of titles and people in a message; `text` is its plain form. Quoted titles nobody knows come apart."""
        mentions, unknown = self._quoted(original, text)
        taken = [(m.start, m.end) for m in mentions] + [(u.start, u.end) for u in unknown]
        mentions += [m for m in self._named(original, text, words, zh_bounds) if not _overlaps(m, taken)]
        mentions += [m for m in self._persons(original, text, words) if not _overlaps(m, taken)]
        return mentions, unknown

    def titled(self, title: str) -> tuple[ItemId, ...]:
        """The items that bear exactly this title, the best known first; a year after it, as in "Heat (1995)", picks."""
        flat = plain(title).strip()
        year = _YEAR_LAST.search(flat)
        rows = self.tables.titles.meanings.get(key(flat[: year.start()] if year else flat), ())
        return self._titles_of(rows, flat, year.start() if year else len(flat)).items

    def _key(self) -> str:
        """A hash of all that the tables are made of."""
        digest = hashlib.sha256(b"2")
        for item in self.catalog.items:
            digest.update("\0".join((*item.titles.values(), *item.aliases)).encode())
        for field in self.catalog.domain.fields.values():
            if field.people:
                lists = self.catalog.values(field.name)
                digest.update("\0".join(lists).encode())
                digest.update(str(sum(map(len, lists.values()))).encode())
        digest.update(json.dumps(self.catalog.domain.people, ensure_ascii=False).encode())
        digest.update(self.catalog.prior.tobytes())
        return digest.hexdigest()[:16]

    def changed(self, catalog: Catalog, change: Change, known_words: Iterable[str]) -> Linker:
        """The linker of a catalogue after a change; this one stays as it is."""
        made = copy(self)
        made.catalog, made.tables = catalog, self.tables.changed(catalog, change)
        made._known = frozenset(known_words)  # noqa: SLF001  # it is one of us
        return made

    def warm(self) -> None:
        """Builds the tables that only misspelt words need, so that the first of them does not wait."""
        self.tables.warm()

    @property
    def words(self) -> Container[str]:
        """Every word of a title or a name."""
        return self.tables.words

    # --- titles ---

    def _quoted(self, original: str, text: str) -> tuple[list[Mention], list[Unknown]]:
        mentions, unknown = [], []
        for m in _QUOTED.finditer(original):
            inside = next(g for g in m.groups() if g is not None)
            rows = self.tables.titles.meanings.get(key(inside)) or self._misspelt(key(inside))
            if rows:
                mentions.append(Mention(m.start(), m.end(), (self._titles_of(rows, text, m.end()),)))
            elif m[1] is not None:
                unknown.append(Unknown(m.start(), m.end(), inside))
        return mentions, unknown

    def _misspelt(self, phrase: str) -> list[int]:
        """The rows of a title within a few letters of this one."""
        if len(phrase) < 4:
            return []
        if is_cjk(phrase):
            near = process.extractOne(phrase.replace(" ", ""), self.tables.chinese_titles, scorer=fuzz.ratio, score_cutoff=74)
            return self.tables.titles.meanings[near[2]] if near else []
        best = process.extractOne(phrase, self.tables.titles.meanings.keys(), scorer=fuzz.ratio, score_cutoff=84)
        return self.tables.titles.meanings[best[0]] if best else []

    def _titles_of(self, rows: Sequence[int], text: str, end: int) -> Titles:
        """The items, those of a year said right after the title first."""
        ids = [self.catalog.items[row].id for row in rows]
        if m := _YEAR_AFTER.match(text, end):
            year = int(m[1])
            ids.sort(key=lambda i: year not in (self.catalog.items[self.catalog.row[i]].attributes.get(f.name) for f in self.catalog.domain.fields.values() if f.kind == "year"))
        return Titles(tuple(ids))

    def _named(self, original: str, text: str, words: Sequence[Token], zh_bounds: frozenset[int]) -> list[Mention]:
        mentions = []
        for first, past, rows in self.tables.titles.find(words, stems=False):
            start, end = words[first].start, words[past - 1].end
            if self._plausible(original, text, words[first:past], zh_bounds):
                mentions.append(Mention(start, end, (self._titles_of(rows, text, end),)))
        return mentions or self._misspelt_titles(text, words)

    def _plausible(self, original: str, text: str, words: Sequence[Token], zh_bounds: frozenset[int]) -> bool:
        """Whether these words are meant as a title rather than as words."""
        start, end = words[0].start, words[-1].end
        if start + 1 == end and text[start].isascii():
            return False  # "H", "M": only in quotation marks
        before, after = _BEFORE.search(text[:start]), _AFTER.match(text, end)
        whole = not text[:start].strip(" 《“\"'") and not text[end:].strip(" 》”\"'?!。？！.")
        phrase = " ".join(w.text for w in words)
        if is_cjk(phrase):
            if len(words) >= 3 and phrase not in self._known:
                return len(words) >= 4 or (start in zh_bounds and end in zh_bounds) or bool(before or after)
            if start not in zh_bounds or end not in zh_bounds:
                return False
            led = before or not text[:start].strip()
            return phrase not in self._known and phrase.replace(" ", "") not in STOP and (whole or bool(led and after and len(words) > 1))
        digits = [w for w in words if w.text[0].isdigit()]
        if digits:  # a model number makes a name of common words: iPhone 15, Xiaomi 14
            return (
                whole
                or (bool(before and after) and len(digits) < len(words))
                or (len(digits) < len(words) and not all(w.text in _FUNCTION or w.text.isdigit() or len(w.text) < 3 for w in words))
            )
        common = [w for w in words if w.text in COMMON or w.text in self._known or stem(w.text) in self._known]
        if len(common) < len(words):
            known = max((self.catalog.prior[row] for row in self.tables.titles.meanings.get(phrase, ())), default=0.0)
            # One unknown word in small letters may be a word we do not know: an obscure title needs more than that.
            return len(words) > 2 or known >= _KNOWN_TITLE or original[start].isupper() or whole or bool(before and after)
        capitals = sum(original[w.start].isupper() for w in words if w.text != "i") >= max(1, (len(words) + 1) // 2)
        inside = text[:start].strip() != "" and not original.isupper()
        if phrase in self._known or stem(phrase) in self._known:
            return capitals and inside and bool(before)
        if len(words) == 1 and phrase in _FUNCTION:
            return capitals and (bool(inside and before and after) or (whole and phrase in {"her", "it", "up", "us"}))
        if capitals and inside:
            return True
        return (bool(before and after) and not re.search(r"\b(?:of|in|than)\s*$", text[:start])) or (whole and capitals and (len(words) > 1 or phrase not in STOP))

    def _misspelt_titles(self, text: str, words: Sequence[Token]) -> list[Mention]:
        """A run of unknown words close to a title of the same number of words ("shawshenk redemption")."""
        mentions = []
        for first, token in enumerate(words):
            if len(token.text) < 6 or not token.text.isascii() or token.text in self.tables.words or {token.text, stem(token.text)} & (COMMON | self._known):
                continue
            near = [w for w, *_ in process.extract(token.text, self.tables.buckets.get(token.text[0], ()), scorer=OSA.distance, score_cutoff=_allowed(token.text), limit=6)]
            for word in near:
                for phrase in self.tables.by_word.get(word, ()):
                    size = phrase.count(" ") + 1
                    at = phrase.split(" ").index(word)
                    span = words[max(0, first - at) : first - at + size]
                    if len(span) == size and fuzz.ratio(" ".join(t.text for t in span), phrase) >= 84:
                        rows = self.tables.titles.meanings[phrase]
                        mentions.append(Mention(span[0].start, span[-1].end, (self._titles_of(rows, text, span[-1].end),), sure=False))
        return sorted(mentions, key=lambda m: m.start - m.end)[:1]

    # --- people ---

    def _persons(self, original: str, text: str, words: Sequence[Token]) -> list[Mention]:
        mentions = []
        for first, past, names in self.tables.people.find(words, stems=False):
            mentions += self._person(original, text, words[first:past], names)
        for first, token in enumerate(words):  # possessives: Nolan's -> nolans
            if token.text.endswith("s") and "'" in text[token.start : token.end] and (names := self.tables.people.meanings.get(token.text[:-1], [])):
                mentions += self._person(original, text, words[first : first + 1], names)
        return mentions or self._misspelt_people(original, text, words) or self._misspelt_chinese(text)

    def _misspelt_chinese(self, text: str) -> list[Mention]:
        """A transliterated name within a character or two of a known one (史蒂文·斯匹尔伯格)."""
        mentions = []
        for m in _TRANSLITERATED.finditer(text):
            best = process.extractOne(m[0], self.tables.transliterations, scorer=fuzz.ratio, score_cutoff=78)
            if best:
                names = self.tables.people.meanings[key(best[0])]
                mentions.append(Mention(m.start(), m.end(), (People((names[0],), self._fields_of(names[0])),), sure=False))
        return mentions

    def _person(self, original: str, text: str, words: Sequence[Token], names: Sequence[str]) -> list[Mention]:
        start, end = words[0].start, words[-1].end
        if len(words) == 1 and words[0].text.isascii():
            word = words[0].text
            cue = re.search(r"\b(?:by|with|starring|director|directed by|featuring|from|like|of)\s*$", text[:start])
            if (word in COMMON or word in self._known or len(word) < 5) and not (original[start].isupper() and cue):
                return []
            if not (cue or original[start].isupper()) and max(self.tables.weight(n) for n in names) < _FAMOUS:
                return []
        best = max(names, key=self.tables.weight)
        return [Mention(start, end, (People((best,), self._fields_of(best)),))]

    def _fields_of(self, name: str) -> tuple[str, ...]:
        """The people fields a name occurs in, the likeliest first: who directs and acts is meant as a director sooner."""
        fields = self.tables.fields.get(name, {})
        lead = next((f.name for f in self.catalog.domain.fields.values() if f.people), "")
        return tuple(sorted(fields, key=lambda f: -fields[f] * (_LEAD if f == lead else 1.0)))

    def _misspelt_people(self, original: str, text: str, words: Sequence[Token]) -> list[Mention]:
        """Two or three words within a few letters of a name ("stephen speilberg"), or one long unknown word near a surname."""
        for size in (3, 2, 1):
            for first in range(len(words) - size + 1):
                span = words[first : first + size]
                last = span[-1].text
                if len(last) < (5 if size > 1 else 7) or not last.isascii() or any(w.text in COMMON or w.text in self._known or w.text.isdigit() for w in span):
                    continue
                led = re.search(r"\b(?:by|with|starring|director|featuring|from|like|of)\s*$", text[: span[0].start])
                if size == 1 and (last in self.tables.words or not (led or original[span[0].start].isupper())):
                    continue
                near = [w for w, *_ in process.extract(last, self.tables.surname_buckets.get(last[0], ()), scorer=OSA.distance, score_cutoff=_allowed(last), limit=8)]
                said = " ".join(w.text for w in span)
                options = [
                    n for w in near for n in (self.tables.surnames[w] if size > 1 else self.tables.people.meanings.get(w, [])) if size == 1 or fuzz.ratio(said, key(n)) >= 80
                ]
                if options:
                    best = max(options, key=lambda n: fuzz.ratio(said, key(n)) / 100 + min(1.0, self.tables.weight(n) / 10))
                    return [Mention(span[0].start, span[-1].end, (People((best,), self._fields_of(best)),), sure=False)]
        return []


def _allowed(word: str) -> int:
    return 1 if len(word) < 8 else 2


def _overlaps(mention: Mention, spans: Iterable[tuple[int, int]]) -> bool:
    return any(mention.start < end and start < mention.end for start, end in spans)
