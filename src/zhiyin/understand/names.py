"""The titles and people of a catalogue as tables to look messages up in: built once, kept on disk, changed a few rows at a time beside the old ones."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path

import numpy as np

from zhiyin.catalog.change import Change, values_of
from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.layered import changed
from zhiyin.text import is_cjk, key
from zhiyin.types import Item
from zhiyin.understand.phrases import Phrasebook

_PART = re.compile(r"(?:part|chapter|episode|volume|vol|book|season)\b|第")  # "Part One" is nobody's title
_ARTICLE = re.compile(r"^(?:the|a|an) ")
_KNOWN_BY_SURNAME = 0.5  # weight from which a surname alone may mean somebody
_CLEAR = 1.5  # times the weight of the next one of that surname
_SAME = 1e-9  # a difference of rounding
_EVERYBODY = 0.02  # that each item adds to the weight of its people, besides its own


class NameTables:
    """Phrase -> rows, phrase -> names, and what tells misspelt words. Immutable once built: `changed` makes others.

    `titles` has the rows that bear a title, exact ones first, then the better known; `people` the names of that phrase, or the one that a surname
    alone stands for; `fields` what a name weighs in each people field.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.titles: Phrasebook[int] = Phrasebook()
        self.people: Phrasebook[str] = Phrasebook()
        self.fields: Mapping[str, Mapping[str, float]] = {}
        self.surnames: Mapping[str, Sequence[str]] = {}
        self._others = _other_names(catalog.domain.people)

    @classmethod
    def open(cls, catalog: Catalog, path: Path | None, warn: Callable[[str], None]) -> NameTables:
        """The tables kept at a path, or new ones, which are kept there."""
        tables = cls(catalog)
        if path is not None and tables._load(path, warn):
            return tables
        tables._add_titles()
        tables._add_people()
        if path is not None:
            tables._save(path)
        return tables

    def changed(self, catalog: Catalog, change: Change) -> NameTables:
        """The tables of a catalogue after a change; these stay as they are."""
        self.warm()
        made = copy(self)
        made._take(catalog, change)  # noqa: SLF001  # it is one of us
        return made

    def warm(self) -> None:
        """Builds the tables that only misspelt words need, so that the first of them does not wait."""
        for table in (self.words, self.by_word, self.buckets, self.surname_buckets, self.chinese_titles, self.transliterations):
            len(table)

    def weight(self, name: str) -> float:
        """How well known somebody is: over all fields, what speaks for the items."""
        return sum(self.fields.get(name, {}).values())

    # --- for misspelt words ---

    @cached_property
    def words(self) -> Mapping[str, int]:
        """Every word of a title or a name, with the number of phrases that it stands in."""
        return dict(Counter(w for phrase in (*self.titles.meanings, *self.people.meanings) for w in phrase.split(" ")))

    @cached_property
    def by_word(self) -> Mapping[str, Sequence[str]]:
        """Longer English words of titles, with the titles they stand in."""
        index: dict[str, list[str]] = {}
        for phrase in self.titles.meanings:
            for word in _telling(phrase):
                index.setdefault(word, []).append(phrase)
        return index

    @cached_property
    def buckets(self) -> Mapping[str, Sequence[str]]:
        """Words of titles by first letter: typos rarely hit it."""
        return _bucketed(self.by_word)

    @cached_property
    def surname_buckets(self) -> Mapping[str, Sequence[str]]:
        """Longer surnames by first letter."""
        return _bucketed(w for w in self.surnames if len(w) > 3)

    @cached_property
    def chinese_titles(self) -> Mapping[str, str]:
        """Key -> the title without the spaces between its characters, which would make all titles alike."""
        return {phrase: phrase.replace(" ", "") for phrase in self.titles.meanings if is_cjk(phrase)}

    @cached_property
    def transliterations(self) -> Sequence[str]:
        """Chinese forms of foreign names, of the people of this catalogue."""
        return [other for name, others in self.catalog.domain.people.items() if name in self.fields for other in others if "·" in other]

    # --- made from all rows ---

    def _add_titles(self) -> None:
        prior = self.catalog.prior
        found: dict[str, dict[int, int]] = {}  # phrase -> row -> how it names the row: 0 title, 1 alias, 2 part of one
        for row, item in enumerate(self.catalog.items):
            for phrase, rank in _called(item).items():
                found.setdefault(phrase, {})[row] = rank
        for phrase, ranks in found.items():
            ordered = sorted(ranks, key=lambda r: (ranks[r], -prior[r], r)) if len(ranks) > 1 else list(ranks)
            self.titles.add_all(phrase, ordered)

    def _add_people(self) -> None:
        prior = self.catalog.prior
        found: dict[str, dict[str, float]] = {}
        for field in self.catalog.domain.fields.values():
            lists = self.catalog.values(field.name) if field.people else {}
            if lists:
                starts = np.cumsum([0, *(len(rows) for rows in lists.values())][:-1])
                sums = np.add.reduceat(prior[np.concatenate(list(lists.values()))] + _EVERYBODY, starts)
                for name, weight in zip(lists, sums.tolist(), strict=True):
                    found.setdefault(name, {})[field.name] = weight
        self.fields = found
        phrases: dict[str, list[str]] = {}
        surnames: dict[str, list[str]] = {}
        for name in sorted(self.fields):
            phrase = key(name)
            phrases.setdefault(phrase, []).append(name)
            surnames.setdefault(phrase.rsplit(" ", 1)[-1], []).append(name)
        self.surnames = surnames
        for phrase in (*phrases, *(p for p in self._others if p not in phrases)):
            if names := self._so_called(phrase, phrases.get(phrase, ())):
                self.people.add_all(phrase, names)
        for last in self.surnames:
            if last not in self.people.meanings and (names := self._of_surname(last)):
                self.people.add_all(last, names)

    def _so_called(self, phrase: str, names: Iterable[str]) -> list[str]:
        """The people of a phrase: those of that name, by alphabet, then those that have it as another."""
        return list(dict.fromkeys((*names, *(n for n in self._others.get(phrase, ()) if n in self.fields))))

    def _of_surname(self, last: str) -> list[str]:
        """The one that a surname alone means, if anyone clearly does."""
        names = self.surnames.get(last, ())
        if len(last) < 3 or not names:
            return []
        first, second = (*sorted((-self.weight(n), n) for n in names)[:2], (0.0, ""))[:2]
        return [first[1]] if -first[0] > _KNOWN_BY_SURNAME and first[0] <= _CLEAR * second[0] else []

    # --- changed ---

    def _take(self, catalog: Catalog, change: Change) -> None:
        """Become the tables after a change, on a fresh copy: what is written to is copied first."""
        people = [f.name for f in catalog.domain.fields.values() if f.people]
        before, self.catalog = self.catalog, catalog

        def among(told: Callable[[Item], object]) -> Change:
            """The rows of which something else is told, or something else speaks for them: prices change more often than names."""
            rows = [row for row, item in change.after.items() if _differ(change.before[row], item, told) or abs(before.prior[row] - catalog.prior[row]) > _SAME]
            return Change(before={row: change.before[row] for row in rows}, after={row: change.after[row] for row in rows})

        phrases = self._take_titles(among(lambda item: (item.titles, item.aliases)))
        phrases += self._take_people(among(lambda item: [item.attributes.get(f) for f in people]), people)
        words: Counter[str] = Counter()
        for phrase, more in phrases:
            for word in phrase.split(" "):
                words[word] += more
        self.words = changed(self.words, {word: self.words.get(word, 0) + more or None for word, more in words.items() if more})

    def _take_titles(self, change: Change) -> list[tuple[str, int]]:
        """Titles of a change; phrases that came (1) and went (-1)."""
        prior = self.catalog.prior
        called = {row: _called(item) if item else {} for row, item in change.after.items()}
        rows_of: dict[str, list[int]] = {phrase: [] for item in change.before.values() if item for phrase in _called(item)}
        for row, names in called.items():
            for phrase in names:
                rows_of.setdefault(phrase, []).append(row)
        moved: list[tuple[str, int]] = []
        for phrase, rows in rows_of.items():
            had = self.titles.meanings.get(phrase, ())
            rows += [row for row in had if row not in called]
            if len(rows) > 1:
                ranks = {row: (called.get(row) or _called(self.catalog.items[row]))[phrase] for row in rows}
                rows.sort(key=lambda r, ranks=ranks: (ranks[r], -prior[r], r))  # type: ignore[misc]  # a default of a lambda
            if bool(rows) != bool(had):
                moved.append((phrase, 1 if rows else -1))
        self.titles = self.titles.changed(rows_of)
        self._take_words(moved)
        return moved

    def _take_words(self, moved: Sequence[tuple[str, int]]) -> None:
        """Phrases of titles came and went."""
        came: dict[str, list[str]] = {}  # word -> its new phrases, none where it only loses some
        gone = {phrase for phrase, more in moved if more < 0}
        for phrase, more in moved:
            for word in _telling(phrase):
                came.setdefault(word, []).extend([phrase] if more > 0 else [])
        entries = {word: [*(p for p in self.by_word.get(word, ()) if p not in gone), *phrases] for word, phrases in came.items()}
        self.buckets = _rebucketed(self.buckets, {word: bool(phrases) for word, phrases in entries.items() if bool(phrases) != (word in self.by_word)})
        self.by_word = changed(self.by_word, {word: phrases or None for word, phrases in entries.items()})
        self.chinese_titles = changed(self.chinese_titles, {phrase: phrase.replace(" ", "") if more > 0 else None for phrase, more in moved if is_cjk(phrase)})

    def _take_people(self, change: Change, fields: Sequence[str]) -> list[tuple[str, int]]:
        """People of a change; phrases that came (1) and went (-1)."""
        touched = sorted({name for of in (change.before, change.after) for item in of.values() for f in fields for name in values_of(item, f)})
        prior, lists = self.catalog.prior, [(f, self.catalog.values(f)) for f in fields]
        weights = {name: {f: float((prior[rows] + _EVERYBODY).sum()) for f, of in lists if (rows := of.get(name)) is not None} for name in touched}
        if any(bool(weight) != (name in self.fields) for name, weight in weights.items()):
            self.__dict__.pop("transliterations", None)
        self.fields = changed(self.fields, {name: weight or None for name, weight in weights.items()})
        keys = {name: key(name) for name in touched}
        of_surname = _grouped(touched, lambda name: keys[name].rsplit(" ", 1)[-1])
        bear = {last: sorted([*(n for n in self.surnames.get(last, ()) if n not in keys), *(n for n in names if weights[n])]) for last, names in of_surname.items()}
        self.surname_buckets = _rebucketed(self.surname_buckets, {w: bool(names) for w, names in bear.items() if len(w) > 3 and bool(names) != (w in self.surnames)})
        self.surnames = changed(self.surnames, {last: names or None for last, names in bear.items()})
        of_phrase = _grouped(touched, keys.__getitem__)
        others = dict.fromkeys(key(other) for name in touched for other in self.catalog.domain.people.get(name, ()))
        entries: dict[str, list[str]] = {}
        for phrase in dict.fromkeys((*of_phrase, *others, *of_surname)):
            names = sorted([*(n for n in self.people.meanings.get(phrase, ()) if n not in keys and key(n) == phrase), *(n for n in of_phrase.get(phrase, ()) if weights[n])])
            entries[phrase] = self._so_called(phrase, names) or self._of_surname(phrase)
        moved = [(phrase, 1 if names else -1) for phrase, names in entries.items() if phrase and bool(names) != (phrase in self.people.meanings)]
        self.people = self.people.changed(entries)
        return moved

    # --- on disk ---

    def _save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        tables = [self.titles.meanings, self.people.meanings, self.fields, self.surnames]
        scratch = path.with_suffix(".part")
        scratch.write_text(json.dumps(tables, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        scratch.replace(path)

    def _load(self, path: Path, warn: Callable[[str], None]) -> bool:
        """Read the tables back; False where there are none, or none that can be read."""
        if not path.is_file():
            return False
        try:
            titles, people, fields, surnames = json.loads(path.read_bytes())
            _check_rows(titles, self.catalog.size)
            for phrase, rows in titles.items():
                self.titles.add_all(phrase, rows)
            for phrase, names in people.items():
                self.people.add_all(phrase, names)
        except (ValueError, TypeError, AttributeError):
            warn(f"the cache {path} was damaged; it is built again (nothing is lost)")
            path.unlink(missing_ok=True)
            self.titles, self.people = Phrasebook(), Phrasebook()
            return False
        self.fields, self.surnames = fields, surnames
        return True


def _differ(before: Item | None, after: Item | None, told: Callable[[Item], object]) -> bool:
    return before is None or after is None or told(before) != told(after)


def _called(item: Item) -> dict[str, int]:
    """The phrases that name an item, and how: 0 its title, 1 an alias, 2 a part of one."""
    found: dict[str, int] = {}
    for rank, surfaces in enumerate((item.titles.values(), item.aliases)):
        for surface in surfaces:
            for phrase, worse in _forms(surface):
                if phrase:
                    found[phrase] = min(found.get(phrase, 9), max(rank, worse))
    return found


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


def _other_names(people: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Phrase -> those who have it as another name; a bare number is nobody's."""
    found: dict[str, list[str]] = {}
    for name, others in people.items():
        for other in others:
            if not (phrase := key(other)).isdigit():
                found.setdefault(phrase, []).append(name)
    return found


def _check_rows(titles: Mapping[str, Sequence[int]], size: int) -> None:
    if not all(isinstance(row, int) and 0 <= row < size for rows in titles.values() for row in rows):
        raise ValueError("a row that the catalogue does not have")


def _telling(phrase: str) -> set[str]:
    """The words of a title by which a misspelt one is found."""
    return {word for word in phrase.split(" ") if len(word) > 4 and word.isascii()}


def _bucketed(words: Iterable[str]) -> dict[str, list[str]]:
    buckets: dict[str, list[str]] = {}
    for word in words:
        buckets.setdefault(word[0], []).append(word)
    return buckets


def _rebucketed(buckets: Mapping[str, Sequence[str]], moved: Mapping[str, bool]) -> Mapping[str, Sequence[str]]:
    """The buckets after words came (True) and went."""
    by_letter = _grouped(moved, lambda word: word[0])
    entries = {letter: [*(w for w in buckets.get(letter, ()) if w not in moved), *(w for w in words if moved[w])] for letter, words in by_letter.items()}
    return changed(buckets, {letter: words or None for letter, words in entries.items()})


def _grouped(names: Iterable[str], by: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(by(name), []).append(name)
    return groups
