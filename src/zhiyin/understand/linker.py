"""Titles and people named in a message, with typos, surnames, missing articles, 《》 marks, and titles that are also plain words."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from zhiyin.catalog.columns import Catalog
from zhiyin.text import COMMON, STOP, Token, is_cjk, key, plain, stem
from zhiyin.types import ItemId
from zhiyin.understand.phrases import Mention, People, Phrasebook, Titles

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
_PART = re.compile(r"(?:part|chapter|episode|volume|vol|book|season)\b|第")  # "Part One" is nobody's title
_ARTICLE = re.compile(r"^(?:the|a|an) ")
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
        self._titles: Phrasebook[int] = Phrasebook()
        self._people: Phrasebook[str] = Phrasebook()
        self._person_fields: dict[str, dict[str, float]] = {}
        self._by_surname: dict[str, list[str]] = {}
        kept = cache / f"names-{catalog.domain.name}-{self._key()}.json" if cache else None
        if kept is None or not self._load(kept, warn):
            self._add_titles()
            self._add_people()
            if kept is not None:
                self._save(kept)

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
        rows = self._titles.meanings.get(key(flat[: year.start()] if year else flat), ())
        return self._titles_of(rows, flat, year.start() if year else len(flat)).items

    def _key(self) -> str:
        """A hash of all that the tables are made of."""
        digest = hashlib.sha256(b"1")
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

    def _save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        tables = [self._titles.meanings, self._people.meanings, self._person_fields, self._by_surname]
        scratch = path.with_suffix(".part")
        scratch.write_text(json.dumps(tables, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        scratch.replace(path)

    def _load(self, path: Path, warn: Callable[[str], None]) -> bool:
        """Read the tables back; False where there are none, or none that can be read."""
        if not path.is_file():
            return False
        try:
            titles, people, fields, surnames = json.loads(path.read_bytes())
            _check_rows(titles, len(self.catalog))
            for phrase, rows in titles.items():
                self._titles.add_all(phrase, rows)
            for phrase, names in people.items():
                self._people.add_all(phrase, names)
        except (ValueError, TypeError, AttributeError):
            warn(f"the cache {path} was damaged; it is built again (nothing is lost)")
            path.unlink(missing_ok=True)
            self._titles, self._people = Phrasebook(), Phrasebook()
            return False
        self._person_fields, self._by_surname = fields, surnames
        return True

    def warm(self) -> None:
        """Builds the tables that only misspelt words need, so that the first of them does not wait."""
        for table in (self._vocabulary, self._by_word, self._buckets, self._surname_buckets, self._chinese_titles, self._transliterations):
            len(table)

    # --- titles ---

    def _add_titles(self) -> None:
        prior = self.catalog.prior
        found: dict[str, dict[int, int]] = {}  # phrase -> row -> how it names the row: 0 title, 1 alias, 2 part of one
        for row, item in enumerate(self.catalog.items):
            for rank, surfaces in enumerate((item.titles.values(), item.aliases)):
                for surface in surfaces:
                    for phrase, worse in _forms(surface):
                        rows = found.setdefault(phrase, {})
                        rows[row] = min(rows.get(row, 9), max(rank, worse))
        for phrase, ranks in found.items():
            ordered = sorted(ranks, key=lambda r: (ranks[r], -prior[r], r)) if len(ranks) > 1 else list(ranks)
            self._titles.add_all(phrase, ordered)  # exact titles first, the better known before others

    def _quoted(self, original: str, text: str) -> tuple[list[Mention], list[Unknown]]:
        mentions, unknown = [], []
        for m in _QUOTED.finditer(original):
            inside = next(g for g in m.groups() if g is not None)
            rows = self._titles.meanings.get(key(inside)) or self._misspelt(key(inside))
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
            near = process.extractOne(phrase.replace(" ", ""), self._chinese_titles, scorer=fuzz.ratio, score_cutoff=74)
            return self._titles.meanings[near[2]] if near else []
        best = process.extractOne(phrase, self._titles.meanings.keys(), scorer=fuzz.ratio, score_cutoff=84)
        return self._titles.meanings[best[0]] if best else []

    @cached_property
    def _chinese_titles(self) -> dict[str, str]:
        """Key -> the title without the spaces between its characters, which would make all titles alike."""
        return {phrase: phrase.replace(" ", "") for phrase in self._titles.meanings if is_cjk(phrase)}

    def _titles_of(self, rows: Sequence[int], text: str, end: int) -> Titles:
        """The items, those of a year said right after the title first."""
        ids = [self.catalog.items[row].id for row in rows]
        if m := _YEAR_AFTER.match(text, end):
            year = int(m[1])
            ids.sort(key=lambda i: year not in (self.catalog.items[self.catalog.row[i]].attributes.get(f.name) for f in self.catalog.domain.fields.values() if f.kind == "year"))
        return Titles(tuple(ids))

    def _named(self, original: str, text: str, words: Sequence[Token], zh_bounds: frozenset[int]) -> list[Mention]:
        mentions = []
        for first, past, rows in self._titles.find(words, stems=False):
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
            known = max((self.catalog.prior[row] for row in self._titles.meanings.get(phrase, ())), default=0.0)
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
            if len(token.text) < 6 or not token.text.isascii() or token.text in self._vocabulary or {token.text, stem(token.text)} & (COMMON | self._known):
                continue
            near = [w for w, *_ in process.extract(token.text, self._bucket(token.text), scorer=OSA.distance, score_cutoff=_allowed(token.text), limit=6)]
            for word in near:
                for phrase in self._titles_with(word):
                    size = phrase.count(" ") + 1
                    at = phrase.split(" ").index(word)
                    span = words[max(0, first - at) : first - at + size]
                    if len(span) == size and fuzz.ratio(" ".join(t.text for t in span), phrase) >= 84:
                        rows = self._titles.meanings[phrase]
                        mentions.append(Mention(span[0].start, span[-1].end, (self._titles_of(rows, text, span[-1].end),), sure=False))
        return sorted(mentions, key=lambda m: m.start - m.end)[:1]

    @cached_property
    def _by_word(self) -> dict[str, list[str]]:
        index: dict[str, list[str]] = {}
        for phrase in self._titles.meanings:
            for word in set(phrase.split(" ")):
                if len(word) > 4 and word.isascii():
                    index.setdefault(word, []).append(phrase)
        return index

    def _titles_with(self, word: str) -> list[str]:
        return self._by_word.get(word, [])

    # --- people ---

    def _add_people(self) -> None:
        prior = self.catalog.prior
        for field in self.catalog.domain.fields.values():
            lists = self.catalog.values(field.name) if field.people else {}
            if lists:
                starts = np.cumsum([0, *(len(rows) for rows in lists.values())][:-1])
                sums = np.add.reduceat(prior[np.concatenate(list(lists.values()))] + 0.02, starts)
                for name, weight in zip(lists, sums.tolist(), strict=True):
                    self._person_fields.setdefault(name, {})[field.name] = weight
        weights = {name: sum(fields.values()) for name, fields in self._person_fields.items()}
        surnames: dict[str, list[str]] = {}
        for name in weights:
            phrase = key(name)
            self._people.add_all(phrase, [name])
            last = phrase.rsplit(" ", 1)[-1]
            self._by_surname.setdefault(last, []).append(name)
            if " " in phrase and len(last) > 2:
                surnames.setdefault(last, []).append(name)
        for name, others in self.catalog.domain.people.items():
            if name in weights:
                for other in others:
                    self._people.add(other, name)
        for last, names in surnames.items():
            names.sort(key=lambda n: -weights[n])
            clear = len(names) == 1 or weights[names[0]] >= 1.5 * weights[names[1]]
            if last not in self._people.meanings and weights[names[0]] > 0.5 and clear:
                self._people.add_key(last, names[0])

    def _persons(self, original: str, text: str, words: Sequence[Token]) -> list[Mention]:
        mentions = []
        for first, past, names in self._people.find(words, stems=False):
            mentions += self._person(original, text, words[first:past], names)
        for first, token in enumerate(words):  # possessives: Nolan's -> nolans
            if token.text.endswith("s") and "'" in text[token.start : token.end] and (names := self._people.meanings.get(token.text[:-1], [])):
                mentions += self._person(original, text, words[first : first + 1], names)
        return mentions or self._misspelt_people(original, text, words) or self._misspelt_chinese(text)

    def _misspelt_chinese(self, text: str) -> list[Mention]:
        """A transliterated name within a character or two of a known one (史蒂文·斯匹尔伯格)."""
        mentions = []
        for m in _TRANSLITERATED.finditer(text):
            best = process.extractOne(m[0], self._transliterations, scorer=fuzz.ratio, score_cutoff=78)
            if best:
                names = self._people.meanings[key(best[0])]
                mentions.append(Mention(m.start(), m.end(), (People((names[0],), self._fields_of(names[0])),), sure=False))
        return mentions

    @cached_property
    def _transliterations(self) -> list[str]:
        return [other for name, others in self.catalog.domain.people.items() if name in self._person_fields for other in others if "·" in other]

    def _person(self, original: str, text: str, words: Sequence[Token], names: Sequence[str]) -> list[Mention]:
        start, end = words[0].start, words[-1].end
        if len(words) == 1 and words[0].text.isascii():
            word = words[0].text
            cue = re.search(r"\b(?:by|with|starring|director|directed by|featuring|from|like|of)\s*$", text[:start])
            if (word in COMMON or word in self._known or len(word) < 5) and not (original[start].isupper() and cue):
                return []
            if not (cue or original[start].isupper()) and max(sum(self._person_fields.get(n, {}).values()) for n in names) < _FAMOUS:
                return []
        best = max(names, key=lambda n: sum(self._person_fields.get(n, {}).values()))
        return [Mention(start, end, (People((best,), self._fields_of(best)),))]

    def _fields_of(self, name: str) -> tuple[str, ...]:
        """The people fields a name occurs in, the likeliest first: who directs and acts is meant as a director sooner."""
        fields = self._person_fields.get(name, {})
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
                if size == 1 and (last in self._vocabulary or not (led or original[span[0].start].isupper())):
                    continue
                near = [w for w, *_ in process.extract(last, self._surname_bucket(last), scorer=OSA.distance, score_cutoff=_allowed(last), limit=8)]
                said = " ".join(w.text for w in span)
                options = [n for w in near for n in (self._by_surname[w] if size > 1 else self._people.meanings.get(w, [])) if size == 1 or fuzz.ratio(said, key(n)) >= 80]
                if options:
                    best = max(options, key=lambda n: fuzz.ratio(said, key(n)) / 100 + min(1.0, sum(self._person_fields[n].values()) / 10))
                    return [Mention(span[0].start, span[-1].end, (People((best,), self._fields_of(best)),), sure=False)]
        return []

    @property
    def words(self) -> frozenset[str]:
        """Every word of a title or a name."""
        return self._vocabulary

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        """Every word of a title or a name."""
        return frozenset(w for phrase in (*self._titles.meanings, *self._people.meanings) for w in phrase.split(" "))

    @cached_property
    def _buckets(self) -> dict[str, list[str]]:
        return _bucketed(self._by_word)

    @cached_property
    def _surname_buckets(self) -> dict[str, list[str]]:
        return _bucketed(w for w in self._by_surname if len(w) > 3)

    def _bucket(self, word: str) -> list[str]:
        return self._buckets.get(word[0], [])

    def _surname_bucket(self, word: str) -> list[str]:
        return self._surname_buckets.get(word[0], [])


def _forms(surface: str) -> Iterable[tuple[str, int]]:
    """The phrases that name a title: itself, without its article, and telling parts of it (2)."""
    phrase = key(surface)
    yield phrase, 0
    bare = _ARTICLE.sub("", phrase)
    if bare != phrase and (" " in bare or len(bare) > 4):
        yield bare, 0
    if any(mark in surface for mark in (":", "：", " – ", " - ")):
        for part in re.split(r"\s*[:：]\s*|\s+[–-]\s+", surface):
            piece = key(part)
            if piece.count(" ") >= 2 and not _PART.match(piece):
                yield piece, 2


def _check_rows(titles: Mapping[str, Sequence[int]], size: int) -> None:
    if not all(isinstance(row, int) and 0 <= row < size for rows in titles.values() for row in rows):
        raise ValueError("a row that the catalogue does not have")


def _bucketed(words: Iterable[str]) -> dict[str, list[str]]:
    """Words by first letter: typos rarely hit it."""
    buckets: dict[str, list[str]] = {}
    for word in words:
        buckets.setdefault(word[0], []).append(word)
    return buckets


def _allowed(word: str) -> int:
    return 1 if len(word) < 8 else 2


def _overlaps(mention: Mention, spans: Iterable[tuple[int, int]]) -> bool:
    return any(mention.start < end and start < mention.end for start, end in spans)
