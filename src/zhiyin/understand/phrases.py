"""Phrases of a domain found in a message: every word the lexicons and the catalogue's own values know, longest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Adjective, Direction, Domain
from zhiyin.catalog.layered import changed
from zhiyin.text import COMMON, Token, key, stem
from zhiyin.types import ItemId

T = TypeVar("T")
_MAX_OWN_VALUES = 5000  # a field with more values than this is free text


@dataclass(frozen=True, slots=True)
class Names:
    """A value of a field."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Describes:
    """A mood or quality."""

    adjective: Adjective


@dataclass(frozen=True, slots=True)
class Compares:
    """A comparative, or a superlative where `most`."""

    direction: Direction
    most: bool = False


@dataclass(frozen=True, slots=True)
class AsksField:
    """A field's own word ("battery", 片长)."""

    field: str


@dataclass(frozen=True, slots=True)
class Noun:
    """What the catalogue's things are called."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A phrase that means nothing here, though its parts would."""


@dataclass(frozen=True, slots=True)
class Titles:
    """Items by title; the most prominent first."""

    items: tuple[ItemId, ...]


@dataclass(frozen=True, slots=True)
class People:
    """Persons by name, and the fields they occur in, the likeliest first."""

    names: tuple[str, ...]
    fields: tuple[str, ...]


Meaning: TypeAlias = Names | Describes | Compares | AsksField | Noun | Masked | Titles | People


@dataclass(frozen=True, slots=True)
class Mention:
    """Words of a message and what they may mean."""

    start: int
    end: int
    meanings: tuple[Meaning, ...]
    sure: bool = True

    @property
    def names_something(self) -> bool:
        """Whether it names an item or a person."""
        return any(isinstance(m, Titles | People) for m in self.meanings)

    def of(self, kind: type[T]) -> list[T]:
        """The meanings of one kind."""
        return [m for m in self.meanings if isinstance(m, kind)]


class Phrasebook(Generic[T]):
    """Surface forms and their meanings, looked up token by token."""

    def __init__(self) -> None:
        self._own: dict[str, list[T]] = {}
        self.meanings: Mapping[str, list[T]] = self._own
        self._own_longest: dict[str, int] = {}
        self._longest: Mapping[str, int] = self._own_longest

    def add(self, surface: str, meaning: T) -> None:
        """Let this surface mean that, besides what it meant before."""
        phrase = key(surface)
        if not phrase.isdigit():  # a bare number names nothing, unless it is a title
            self.add_key(phrase, meaning)

    def add_key(self, phrase: str, meaning: T) -> None:
        """`add` for a surface already in key form."""
        if not phrase:
            return
        if meaning not in self.meanings.get(phrase, ()):
            self.add_all(phrase, [meaning])

    def add_all(self, phrase: str, meanings: Sequence[T]) -> None:
        """Let a surface in key form mean all of these, none of which it meant before."""
        if not phrase:
            return
        self._own.setdefault(phrase, []).extend(meanings)
        first, size = phrase.split(" ", 1)[0], phrase.count(" ") + 1
        if self._own_longest.get(first, 0) < size:
            self._own_longest[first] = size

    def changed(self, entries: Mapping[str, list[T]]) -> Phrasebook[T]:
        """Another one in which these surfaces in key form mean this and nothing else, nothing at all for an empty list. It cannot be added to."""
        other: Phrasebook[T] = Phrasebook()
        other.meanings = changed(self.meanings, {phrase: meanings or None for phrase, meanings in entries.items() if phrase})
        longest: dict[str, int] = {}
        for phrase, meanings in entries.items():
            first, size = phrase.split(" ", 1)[0], phrase.count(" ") + 1
            if meanings and max(self._longest.get(first, 0), longest.get(first, 0)) < size:
                longest[first] = size
        other._longest = changed(self._longest, longest)
        return other

    def find(self, tokens: Sequence[Token], *, stems: bool = True) -> list[tuple[int, int, list[T]]]:
        """(first token, past the last, meanings) of the longest phrase at each place; the last word may be a plural."""
        found = []
        for first, token in enumerate(tokens):
            longest = max(self._longest.get(token.text, 0), self._longest.get(stem(token.text), 0) if stems else 0)
            for size in range(min(longest, len(tokens) - first), 0, -1):
                words = [t.text for t in tokens[first : first + size]]
                meanings = self.meanings.get(" ".join(words))
                if meanings is None and stems:
                    words[-1] = stem(words[-1])
                    meanings = self.meanings.get(" ".join(words))
                if meanings is not None:
                    found.append((first, first + size, meanings))
                    break
        return found


def domain_phrases(catalog: Catalog) -> Phrasebook[Meaning]:
    """The phrasebook of a domain: both lexicons, and the catalogue's own category values."""
    book: Phrasebook[Meaning] = Phrasebook()
    domain = catalog.domain
    for lexicon in domain.lexicons.values():
        for field, values in lexicon.values.items():
            _add_all(book, ((w, Names(field, value)) for value, words in values.items() for w in words))
        _add_all(book, ((w, Describes(domain.adjectives[name])) for name, words in lexicon.adjectives.items() for w in words if name in domain.adjectives))
        _add_all(book, ((w, Compares(direction)) for direction, words in lexicon.comparatives.values() for w in words))
        _add_all(book, ((w, Compares(direction, most=True)) for direction, words in lexicon.superlatives.values() for w in words))
        _add_all(book, ((w, AsksField(field)) for field, words in lexicon.fields.items() for w in words))
        _add_all(book, ((w, Noun()) for w in lexicon.nouns))
        _add_all(book, ((w, Masked()) for w in lexicon.masked))
    _add_own_values(book, catalog, domain)
    return book


def own_valued(domain: Domain) -> tuple[str, ...]:
    """The fields whose values in the catalogue are words of the domain."""
    return tuple(name for name, field in domain.fields.items() if field.wish and field.kind in {"list", "category"} and not (field.people or field.soft))


def _add_all(book: Phrasebook[Meaning], pairs: Iterable[tuple[str, Meaning]]) -> None:
    for surface, meaning in pairs:
        book.add(surface, meaning)


def _add_own_values(book: Phrasebook[Meaning], catalog: Catalog, domain: Domain) -> None:
    for name in own_valued(domain):
        field, values = domain.fields[name], catalog.values(name)
        if len(values) > _MAX_OWN_VALUES:
            continue
        for value in sorted(values):  # of two spellings of a surface the first by alphabet has it, whatever the rows' order
            surfaces = {value, *field.values.get(value, {}).values()}
            for surface in surfaces:
                known = book.meanings.get(key(surface), [])
                if len(surface) > 1 and key(surface) not in COMMON and not any(isinstance(m, Names) for m in known):
                    book.add(surface, Names(name, value))
