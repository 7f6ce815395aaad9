"""What a catalogue row bears out, as words, names and numbers: the ground that a model's sentences must stand on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path

from zhiyin.catalog.change import Change
from zhiyin.catalog.columns import Catalog
from zhiyin.prompting.untrusted import suspicious
from zhiyin.reply.wording import Wording
from zhiyin.text import CJK, is_cjk, plain, segment, stem
from zhiyin.types import Item, ItemId

LATIN = re.compile(rf"[^\W_{CJK}]+(?:['’][^\W\d_{CJK}]+)*")
_CJK_RUNS = re.compile(f"[{CJK}]+")
_FIRST = re.compile(rf"[{CJK}]|[^\W_{CJK}]+(?:['’][^\W\d_{CJK}]+)*")
_SHARED = 2  # descriptions a word must stand in before one row's use of it counts: what is planted in one row stays unsaid
_VAGUE_ROLES = frozenset({"by", "with", "in it", "有"})
_RUN = 6  # words in a row that a sentence may not share with the instructions
_READ = 20_000  # descriptions that are counted
_TITLE = "\ue000"  # stands for each character of a title
_JOINS = re.compile(r"[\s,，、/&]*(?:(?:and|or|和|与|跟|或|及|以及|vs)?[\s,，、/&]*(?:the\s+)?)[《》\"“”]*\s*")
_COMPARED = re.compile(r"[》\"”\s]*比[《\"“\s]*")
_BREAK = re.compile(r"[,，;；:：、—]|\s-|\b(?:and|or|but|while|whereas|with|than|like|as|though|if|so)\b|[和与跟而但或像]|以及|还有|如果")
_ALIKE = re.compile(
    r"\b(?:both|all|each|every|too|also|alike|likewise|similar(?:ly)?|equally|neither|as well|(?:so|as) (?:is|are|was|were|do|does|did|has|have|had|can|will))\b"
    rf"|\b(?:un)?like\s+(?:the\s+)?[《\"“]?{_TITLE}|也(?![许好行罢])|[亦均皆]|都(?![市会])|同样|一样|同[为是属]|相同|类似|相似|如同"
)
_BACK = re.compile(r"\W*(?:it|its|it's|they|they're|their|both|this|that|these|he|she|它|他|她|这|该|两)(?![a-z])")


@dataclass(frozen=True)
class Evidence:
    """One item's ground."""

    item: Item
    surfaces: tuple[str, ...]  # what it is called, plain, longest first
    names: frozenset[str]  # words of its titles and values, plain: these may stand in capitals
    words: frozenset[str]  # those and the words of its description that are common enough
    text: str  # its titles and values as one plain text, for Chinese; texts of the row are no values
    people: Mapping[str, frozenset[str]]  # a person's surfaces, plain -> the fields they stand in
    numbers: Mapping[str, tuple[float, ...]]  # numeric field -> its values, of every size
    rivals: tuple[str, ...] = ()  # what other items are called in words of its titles: "Alien" beside "Alien Resurrection"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a sentence from `start` on, and the items of which all that it says must hold; `subject` is what a comparison in it is about."""

    start: int
    members: tuple[Evidence, ...]
    subject: tuple[Evidence, ...]
    compared: bool = False  # whether it follows "A 比 B"


class Ground:
    """The evidence of a catalogue's items, made when asked for."""

    def __init__(self, catalog: Catalog, wording: Wording) -> None:
        self.catalog, self.domain, self.wording = catalog, catalog.domain, wording
        self._of = lru_cache(maxsize=2048)(self._make)

    def of(self, item: ItemId) -> Evidence | None:
        """An item's evidence; None where the catalogue does not have it."""
        return self._of(item) if item in self.catalog.row else None

    def warm(self) -> None:
        """Counts the words of the descriptions and lists the titles, so that the first sentence does not wait."""
        len(self.shared), len(self.called)

    def changed(self, catalog: Catalog, wording: Wording, change: Change) -> Ground:
        """The ground of a catalogue after a change; this one stays as it is."""
        made = Ground(catalog, wording)
        if not {"told", "bearers", "called"} <= self.__dict__.keys():
            return made  # nothing was counted yet
        made.told, made.bearers = self.told.copy(), self.bearers.copy()
        before, after = ([item for item in items.values() if item] for items in (change.before, change.after))
        for item in before:
            made.told.subtract(_described(item))
            made.bearers.subtract(_surfaces(item))
        for item in after:
            made.told.update(_described(item))
            made.bearers.update(_surfaces(item))
        made.called = dict(self.called)
        for first, surfaces in _by_first({s for item in (*before, *after) for s in _surfaces(item)}).items():
            made.called[first] = {s: words for s, words in {**self.called.get(first, {}), **surfaces}.items() if made.bearers[s] > 0}
        return made

    @cached_property
    def told(self) -> Counter[str]:
        """How many items' descriptions use a word."""
        counts: Counter[str] = Counter()
        for item in [item for row in sorted(self.catalog.row.values()) if (item := self.catalog.items[row]).texts][:_READ]:
            counts.update(_described(item))
        return counts

    @cached_property
    def shared(self) -> frozenset[str]:
        """Words that at least two items' descriptions use."""
        return frozenset(w for w, n in self.told.items() if n >= _SHARED)

    @cached_property
    def bearers(self) -> Counter[str]:
        """How many items are called so, plain."""
        return Counter(surface for row in self.catalog.row.values() for surface in _surfaces(self.catalog.items[row]))

    @cached_property
    def called(self) -> dict[str, Mapping[str, frozenset[str]]]:
        """What all items are called, plain, by the first word or Chinese character, each with its words; no words where it has Chinese in it."""
        return dict(_by_first(self.bearers))

    def _rivals(self, own: Iterable[str], values: Iterable[str]) -> tuple[str, ...]:
        """Other items' names that are made of this one's, so that its words alone would let them pass for it."""
        mine = frozenset(own)
        words = frozenset(w for surface in mine for w in LATIN.findall(surface))
        near = [named for first in {m[0] for s in mine for m in _FIRST.finditer(s)} if (named := self.called.get(first))]
        found = {s for named in near for s, parts in named.items() if (words >= parts if parts else len(s) > 1 and any(s in surface for surface in mine))} - mine
        said = self.talk | plain_words("en") | plain_words("zh") | {v for v in values if not any(s.startswith(v) for s in mine)}  # "iPhone 11" is a value of the 11 Pro
        return tuple(sorted(found - said, key=lambda s: (-len(s), s)))

    @cached_property
    def talk(self) -> frozenset[str]:
        """Words of the domain that say what things are, not how: nouns, counters, units, parts that people have."""
        found: list[str] = [*self.domain.noun.values(), *self.domain.nouns.values(), *self.domain.label.values(), *self.domain.counter.values(), *self.domain.price_note.values()]
        for field in self.domain.fields.values():
            found += field.unit.values()
        for lexicon in self.domain.lexicons.values():
            found += [*lexicon.nouns, *lexicon.counters, *(w for words in lexicon.roles.values() for w in words)]
            found += [w for name, words in lexicon.fields.items() if name not in self.domain.fields for w in words]
        return frozenset(w for text in found for w in words_of(text))

    @cached_property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """What each field is called, plain. To say "awards" of an item is a claim: its row must have the field."""
        found = {name: [plain(name), *(plain(label) for label in field.label.values())] for name, field in self.domain.fields.items()}
        for lexicon in self.domain.lexicons.values():
            for name in found.keys() & lexicon.fields.keys():
                found[name] += [plain(w) for w in lexicon.fields[name]]
        return {name: tuple(dict.fromkeys(words)) for name, words in found.items()}

    @cached_property
    def label_words(self) -> Mapping[str, frozenset[str]]:
        """The single words of `labels`."""
        return {name: frozenset(w for label in labels for w in words_of(label)) for name, labels in self.labels.items()}

    @cached_property
    def roles(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """Words that say which part a person has ("directed by", 主演), by field; those that are said of much else are left out."""
        found = []
        for lexicon in self.domain.lexicons.values():
            for field, words in lexicon.roles.items():
                telling = [w for w in words if w not in _VAGUE_ROLES]
                found.append((field, re.compile("|".join(rf"\b{re.escape(w)}\b" if w.isascii() else re.escape(w) for w in sorted(telling, key=len, reverse=True)) or "(?!)")))
        return tuple(found)

    def _make(self, item_id: ItemId) -> Evidence:
        item = self.catalog.items[self.catalog.row[item_id]]
        titles = [*item.titles.values(), *item.aliases]
        values, people = list(titles), dict[str, set[str]]()
        told = list(item.texts.values())
        for name, field in self.domain.fields.items():
            for value in item.values(name):
                if field.numeric or isinstance(value, bool):
                    continue
                if field.kind == "text":  # anybody's words, such as a review
                    told.append(str(value))
                    continue
                worded = {str(value), *(self.wording.value(name, value, language, both=True) for language in ("en", "zh"))}
                values += worded
                if field.people:
                    for surface in {plain(str(value)), *(plain(other) for other in self.domain.people.get(str(value), ()))}:
                        people.setdefault(surface, set()).add(name)
        names = {w for text in values for w in words_of(text)}
        described = {w for text in told if not suspicious(text) for w in words_of(text)} & self.shared
        return Evidence(
            item=item,
            surfaces=tuple(sorted({plain(t) for t in titles if t.strip()}, key=len, reverse=True)),
            names=frozenset(names),
            words=frozenset(names | described).union(*(words for name, words in self.label_words.items() if item.values(name) or any(name in v for v in item.variants))),
            text=plain("\n".join(values)),
            people={surface: frozenset(fields) for surface, fields in people.items()},
            numbers=self._numbers(item),
            rivals=self._rivals((plain(t) for t in titles), (plain(v) for v in values[len(titles) :])),
        )

    def _numbers(self, item: Item) -> dict[str, tuple[float, ...]]:
        found: dict[str, tuple[float, ...]] = {}
        for name, field in self.domain.fields.items():
            if field.numeric:
                known = [float(v) for v in item.values(name) if isinstance(v, int | float)]
                found[name] = tuple(dict.fromkeys([*known, *(float(v[name]) for v in item.variants if name in v)]))
        return found


def _described(item: Item) -> set[str]:
    """The words of an item's descriptions."""
    return {w for text in item.texts.values() for w in words_of(text)}


def _surfaces(item: Item) -> set[str]:
    """What an item is called, plain."""
    return {plain(title) for title in (*item.titles.values(), *item.aliases)}


def _by_first(surfaces: Iterable[str]) -> dict[str, dict[str, frozenset[str]]]:
    """Surfaces by their first word or Chinese character, each with its words."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for surface in surfaces:
        if m := _FIRST.search(surface):
            found.setdefault(m[0], {})[surface] = frozenset(() if is_cjk(surface) else LATIN.findall(surface))
    return found


def words_of(text: str) -> set[str]:
    """The words of a text in plain form: Latin words and their stems, Chinese words as they are segmented."""
    flat = plain(text)
    found = set(LATIN.findall(flat))
    found |= {stem(w) for w in found}
    if is_cjk(flat):
        found |= {w for run in _CJK_RUNS.findall(flat) for w in segment(run)}
    return found


def word_runs(text: str) -> frozenset[tuple[str, ...]]:
    """Runs of words of a text, for telling whether another repeats it."""
    flat = plain(text)
    words = [w for w in (segment(flat) if is_cjk(flat) else LATIN.findall(flat)) if re.search(r"\w", w)]
    return frozenset(tuple(words[n : n + _RUN]) for n in range(len(words) - _RUN + 1))


@lru_cache(maxsize=4)
def plain_words(language: str) -> frozenset[str]:
    """The words that state nothing checkable of an item (`texts/plain.*.txt`)."""
    path = Path(__file__).parent / "texts" / f"plain.{language}.txt"
    return frozenset(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#"))


def first_surface(evidence: Iterable[Evidence], text: str) -> list[tuple[int, int, ItemId]]:
    """Where a plain text names which of these items, longest names first, without overlaps, in order."""
    taken: list[tuple[int, int, ItemId]] = []
    surfaces = sorted(((s, e.item.id) for e in evidence for s in e.surfaces), key=lambda p: -len(p[0]))
    for surface, item in surfaces:
        for m in re.finditer(whole(surface), text):
            if not any(m.start() < end and start < m.end() for start, end, _ in taken):
                taken.append((m.start(), m.end(), item))
    return sorted(taken)


def stretches(text: str, titles: Sequence[tuple[int, int, ItemId]], items: Sequence[Evidence], last: Sequence[Evidence]) -> list[Stretch]:
    """Whom each piece of a plain sentence is about. Where grammar leaves it open ("directed by him, this one ..."), it is about all who could be meant."""
    if not titles:
        return [Stretch(0, tuple(last), tuple(last))]
    known = {e.item.id: e for e in items}
    if _ALIKE.search(masked(text, titles)):
        everybody = distinct(known[item] for _, _, item in titles)
        return [Stretch(0, everybody, everybody)]
    first = (known[titles[0][2]],)
    found = [Stretch(0, (*first, *(last if _BACK.match(text[: titles[0][0]]) else ())), first), Stretch(titles[0][0], first, first)]
    for (_, before, _), (start, _, item) in pairwise(titles):
        between, own, past = text[before:start], (known[item],), found[-1]
        if _JOINS.fullmatch(between):
            found[-1] = Stretch(past.start, distinct([*past.members, *own]), distinct([*past.subject, *own]))
            continue
        if _COMPARED.fullmatch(between):
            found.append(Stretch(start, distinct([*past.members, *own]), past.subject, compared=True))
            continue
        cut = max((m.end() for m in _BREAK.finditer(between)), default=len(between))
        if re.search(r"\w", between[cut:]):
            found.append(Stretch(before + cut, distinct([*past.members, *own]), own))
        found.append(Stretch(start, own, own))
    head, row = found[0], found[1]  # what stands before the first title is about all that stand in a row there
    return [Stretch(0, distinct([*row.members, *head.members]), row.subject), *found[1:]]


def masked(text: str, titles: Sequence[tuple[int, int, ItemId]]) -> str:
    """The text with a mark in place of each character of a title."""
    for start, end, _ in titles:
        text = text[:start] + _TITLE * (end - start) + text[end:]
    return text


def distinct(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Each item's evidence once, in order."""
    return tuple({e.item.id: e for e in evidence}.values())


@lru_cache(maxsize=4096)
def whole(surface: str) -> str:
    """A pattern that finds a name but not inside a longer word; spaces within may be missing (荣耀400)."""
    body = r"\s*".join(re.escape(part) for part in surface.split())
    edge = rf"[^\W_{CJK}]"
    return (f"(?<!{edge})" if not is_cjk(surface[0]) else "") + body + (f"(?!{edge})" if not is_cjk(surface[-1]) else "")
