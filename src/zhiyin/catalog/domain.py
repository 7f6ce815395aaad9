"""What a domain pack says, as values: its fields, its words, its ways of showing an item. Read by `catalog.pack`, or inferred from a file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from zhiyin.types import NUMERIC_OPS, Op, Texts, Value, Wish

Kind = Literal["category", "list", "number", "money", "year", "date", "text", "flag"]
NUMERIC_KINDS = frozenset({"number", "money", "year"})
VALUE_KINDS = frozenset({"category", "list", "flag"})
_FIGURE = re.compile(r"\d|[十百千万]|\b(?:hundred|thousand|grand|million)\b", re.IGNORECASE)  # an amount in the user's own words


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One attribute of a domain's items."""

    name: str
    kind: Kind
    label: Texts
    units: Mapping[str, float] = field(default_factory=dict)  # unit word -> factor to the field's own unit
    foreign: Mapping[str, str] = field(default_factory=dict)  # unit word in another currency -> what the conversion is called
    unit: Texts = field(default_factory=dict)  # the unit's word for display
    plausible: tuple[float, float] | None = None  # numbers outside are not about this field
    around: float | None = None  # half width of "about", absolute; 20 % of the amount where absent
    wish: bool = True  # users may wish on it
    ask: int = 0  # rank among the questions worth asking; 0 never
    several: Literal["all", "any"] = "any"  # what two values in one breath mean
    topic: bool = False  # naming a value starts a new request (a genre, a brand)
    people: bool = False  # values are names of persons
    pooled: bool = False  # layers add to each other's values instead of overriding them
    soft: bool = False  # a matter of taste: wishes on it rank, they do not filter
    fallback: bool = False  # a bare number may be about this field
    implies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    canonical: Mapping[str, str] = field(default_factory=dict)  # other spellings in the data -> the value
    values: Mapping[str, Texts] = field(default_factory=dict)  # value -> display name by language
    better: Literal["", "higher", "lower"] = ""  # which end a comparison prefers
    trust: str = ""  # field that counts the votes behind it: orders by it shrink values few votes carry
    says: Texts = field(default_factory=dict)  # a sentence with {title} and {value} that states the fact
    card: int = 0  # position among the attributes on a card; 0 not shown

    @property
    def numeric(self) -> bool:
        """Whether values are numbers."""
        return self.kind in NUMERIC_KINDS

    def show(self, value: object, language: str) -> str:
        """A category value's display name."""
        text = str(value)
        return self.values.get(text, {}).get(language) or text


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A field condition that a word stands for."""

    field: str
    op: Op
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjective:
    """A mood or quality ("feel-good", 拍照好) and the conditions that carry it; an item that meets more of them fits better."""

    name: str
    conditions: tuple[Condition, ...]
    hard: bool = False
    label: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """A comparative or superlative ("cheaper", 最新): which field, which way."""

    field: str
    toward: Literal["lower", "higher"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """One language's words of a domain, surface form -> meaning. All keys as people write them."""

    nouns: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    values: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)  # field -> value -> surfaces
    adjectives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # adjective name -> surfaces
    comparatives: Mapping[str, tuple[Direction, tuple[str, ...]]] = field(default_factory=dict)
    superlatives: Mapping[str, tuple[Direction, tuple[str, ...]]] = field(default_factory=dict)
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # field -> its words
    questions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # field -> regular expressions that ask for it
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # people field -> cues ("directed by")
    masked: tuple[str, ...] = ()  # phrases whose parts mean nothing here


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Where a layer of the catalogue lies and how its rows become items."""

    path: str = ""  # relative to the pack
    package: str = ""  # or a file of an installed package
    member: str = ""
    query: str = ""  # for SQLite
    extra: str = ""  # the extra that brings the package
    credit: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPack:
    """An opt-in data set inside a pinned package of the Python index."""

    name: str
    package: str
    version: str
    sha256: str  # of the wheel
    licence: str
    attribution: str
    about: Texts
    kind: Literal["ratings", "texts"]
    files: Mapping[str, str]  # what it is for -> member of the wheel
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)  # our name -> their columns, see `packs`
    aliases: str = ""  # file in the domain's folder: "their title (year)" -> our title


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How a field speaks for an item unasked: scaled from `low`..`high` to 0..1, times `weight`."""

    field: str
    weight: float
    low: float
    high: float
    log: bool = False
    unknown: float = 0.0  # what an unknown value counts for, 0..1
    above: float | None = None  # from here on it is worth a reason
    kind: Literal["quality", "popular"] = "quality"
    reason: Texts = dataclasses.field(default_factory=dict)  # with {value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A catalogue's vocabulary."""

    name: str
    label: Texts
    noun: Texts  # "film", 电影
    nouns: Texts  # plural
    counter: Texts  # 部
    fields: Mapping[str, Field]
    lexicons: Mapping[str, Lexicon]
    adjectives: Mapping[str, Adjective] = field(default_factory=dict)
    quality: tuple[Quality, ...] = ()
    layers: tuple[Layer, ...] = ()
    data_packs: tuple[DataPack, ...] = ()
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name -> other names
    variants: tuple[str, ...] = ()  # fields that vary within one item
    pair: tuple[str, str] | None = None  # the fields of "12+256"
    currency: str = ""
    price_note: Texts = field(default_factory=dict)
    series: str = ""  # field whose equal values mark near-duplicates on a slate
    openers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: str = ""

    def quality_of(self, wish: Wish) -> Adjective | None:
        """The mood or quality that this wish was said as, if it was: whoever said "at most 2,000" named a figure and no quality, though "cheap" means the same amount."""
        for name, adjective in self.adjectives.items():
            lead = adjective.conditions[0]
            if (lead.field, lead.op, lead.value) == (wish.field, wish.op, wish.value):
                return adjective if lead.op not in NUMERIC_OPS or not _FIGURE.search(wish.source) or self.names(name, wish.source) else None
        return None

    def names(self, adjective: str, words: str) -> bool:
        """Whether the words say the quality by one of its own surfaces."""
        return any(surface.lower() in words.lower() for lexicon in self.lexicons.values() for surface in lexicon.adjectives.get(adjective, ()))

    def wishable(self, name: str) -> bool:
        """Whether this is a field users may wish on."""
        return name in self.fields and self.fields[name].wish
