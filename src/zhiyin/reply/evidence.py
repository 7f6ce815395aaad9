"""What a catalogue row bears out, as words, names and numbers: the ground that a model's sentences must stand on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from zhiyin.catalog.columns import Catalog
from zhiyin.prompting.untrusted import suspicious
from zhiyin.reply.wording import Wording
from zhiyin.text import CJK, is_cjk, plain, segment, stem
from zhiyin.types import Item, ItemId

LATIN = re.compile(rf"[^\W_{CJK}]+(?:['’][^\W\d_{CJK}]+)*")
_CJK_RUNS = re.compile(f"[{CJK}]+")
_SHARED = 2  # descriptions a word must stand in before one row's use of it counts: what is planted in one row stays unsaid
_VAGUE_ROLES = frozenset({"by", "with", "in it", "有"})
_READ = 20_000  # descriptions that are counted


@dataclass(frozen=True)
class Evidence:
    """One item's ground."""

    item: Item
    surfaces: tuple[str, ...]  # what it is called, plain, longest first
    names: frozenset[str]  # words of its titles and values, plain: these may stand in capitals
    words: frozenset[str]  # those and the words of its description that are common enough
    text: str  # its titles and values as one plain text, for Chinese
    people: Mapping[str, frozenset[str]]  # a person's surfaces, plain -> the fields they stand in
    numbers: Mapping[str, tuple[float, ...]]  # numeric field -> its values, of every size


class Ground:
    """The evidence of a catalogue's items, made when asked for."""

    def __init__(self, catalog: Catalog, wording: Wording) -> None:
        self.catalog, self.domain, self.wording = catalog, catalog.domain, wording
        self._of = lru_cache(maxsize=2048)(self._make)

    def of(self, item: ItemId) -> Evidence | None:
        """An item's evidence; None where the catalogue does not have it."""
        return self._of(item) if item in self.catalog.row else None

    def warm(self) -> None:
        """Counts the words of the descriptions, so that the first sentence does not wait."""
        len(self.shared)

    @cached_property
    def shared(self) -> frozenset[str]:
        """Words that at least two items' descriptions use."""
        counts: Counter[str] = Counter()
        for item in [i for i in self.catalog.items if i.texts][:_READ]:
            counts.update({w for text in item.texts.values() for w in words_of(text)})
        return frozenset(w for w, n in counts.items() if n >= _SHARED)

    @cached_property
    def talk(self) -> frozenset[str]:
        """Words of the domain that say what things are, not how: nouns, counters, labels of fields, units."""
        found: list[str] = [*self.domain.noun.values(), *self.domain.nouns.values(), *self.domain.label.values(), *self.domain.counter.values()]
        for field in self.domain.fields.values():
            found += [*field.label.values(), *field.unit.values()]
        for lexicon in self.domain.lexicons.values():
            found += [*lexicon.nouns, *lexicon.counters, *(w for words in lexicon.fields.values() for w in words), *(w for words in lexicon.roles.values() for w in words)]
        return frozenset(w for text in found for w in words_of(text))

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
        for name, field in self.domain.fields.items():
            for value in item.values(name):
                if field.numeric or isinstance(value, bool):
                    continue
                worded = {str(value), *(self.wording.value(name, value, language, both=True) for language in ("en", "zh"))}
                values += worded
                if field.people:
                    for surface in {plain(str(value)), *(plain(other) for other in self.domain.people.get(str(value), ()))}:
                        people.setdefault(surface, set()).add(name)
        names = {w for text in values for w in words_of(text)}
        described = {w for text in item.texts.values() if not suspicious(text) for w in words_of(text)} & self.shared
        return Evidence(
            item=item,
            surfaces=tuple(sorted({plain(t) for t in titles if t.strip()}, key=len, reverse=True)),
            names=frozenset(names),
            words=frozenset(names | described),
            text=plain("\n".join(values)),
            people={surface: frozenset(fields) for surface, fields in people.items()},
            numbers=self._numbers(item),
        )

    def _numbers(self, item: Item) -> dict[str, tuple[float, ...]]:
        found: dict[str, tuple[float, ...]] = {}
        for name, field in self.domain.fields.items():
            if field.numeric:
                known = [float(v) for v in item.values(name) if isinstance(v, int | float)]
                found[name] = tuple(dict.fromkeys([*known, *(float(v[name]) for v in item.variants if name in v)]))
        return found


def words_of(text: str) -> set[str]:
    """The words of a text in plain form: Latin words and their stems, Chinese words as they are segmented."""
    flat = plain(text)
    found = set(LATIN.findall(flat))
    found |= {stem(w) for w in found}
    if is_cjk(flat):
        found |= {w for run in _CJK_RUNS.findall(flat) for w in segment(run)}
    return found


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
        for m in re.finditer(_whole(surface), text):
            if not any(m.start() < end and start < m.end() for start, end, _ in taken):
                taken.append((m.start(), m.end(), item))
    return sorted(taken)


@lru_cache(maxsize=4096)
def _whole(surface: str) -> str:
    """A pattern that finds a name but not inside a longer word; spaces within may be missing (荣耀400)."""
    body = r"\s*".join(re.escape(part) for part in surface.split())
    edge = rf"[^\W_{CJK}]"
    return (f"(?<!{edge})" if not is_cjk(surface[0]) else "") + body + (f"(?!{edge})" if not is_cjk(surface[-1]) else "")
