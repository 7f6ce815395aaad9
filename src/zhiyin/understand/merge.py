"""What of a model's reading joins that of the rules: only what the message's own words bear out, field by field, in code.

A model may add; it may not change, contradict or lift a wish of the rules, of this message or an earlier one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel
from pydantic import Field as Limited

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import VALUE_KINDS, Field
from zhiyin.text import STOP, plain, tokens
from zhiyin.types import NUMERIC_OPS, ItemId, Op, Put, Signal, State, Understanding, Value, Wish
from zhiyin.understand import cues
from zhiyin.understand.classifier import INTENTS
from zhiyin.understand.message import MAX_LENGTH
from zhiyin.understand.numbers import read_numbers
from zhiyin.understand.references import read_references

Span = tuple[int, int]

MODEL_SHARE = 0.5  # the most a model's belief of the intent weighs: where the rules have none
SURE = 0.9  # what a model's intent gets of its belief; it tells one, not a distribution
NEVER = {"service": 0.05, "stop": 0.05}  # what ends a search: never on a model's word alone, the rules must believe it this much
MOODS: Mapping[str, float] = {"good": 0.5, "bad": -0.5}  # a sentiment on a model's word: half of a plain one
_NO_WISHES = frozenset({"service", "compare", "explain"})  # the rules drop what sounds like a wish in these on purpose
_INCLUDES, _EXACT = frozenset({Op.ANY_OF, Op.ALL_OF}), frozenset({Op.EQ, Op.BETWEEN})
_BEFORE = 6  # tokens before a quote that may hold its negation: "do not want anything that is sad"
_CLAUSE = re.compile(r"[，、;!?。！？；\n]|[,.](?!\d)")
_POINTING = re.compile(r"\b(?:the|that|this|which)\s+(?:[\w'-]+\s+){1,4}ones?\b|[这那哪][一几两三四五]?[^\W\d_]{0,8}?[个部款台本盏支张件些](?!月|星期|人|时候|礼拜)")


class WishRead(BaseModel):
    """A wish as a model read it, with the words of the message that say it."""

    field: str
    op: str = Limited(json_schema_extra={"enum": [op.value for op in Op if op is not Op.LIKE]})
    value: bool | float | str | list[bool | float | str]
    quote: str
    hard: bool = True

    @property
    def values(self) -> tuple[bool | float | str, ...]:
        """The value or values, in a row."""
        return tuple(self.value) if isinstance(self.value, list) else (self.value,)


class AspectRead(BaseModel):
    """What a model takes the message to find good or bad, with the words that say it."""

    field: str
    mood: str = Limited(json_schema_extra={"enum": list(MOODS)})
    quote: str = ""


class Reading(BaseModel):
    """A model's reading of a message; nothing of it is believed before `Merger` has looked at it."""

    intent: str = Limited(default="", json_schema_extra={"enum": list(INTENTS)})
    wishes: list[WishRead] = Limited(default=[], max_length=6)
    about: list[int] = Limited(default=[], max_length=10)  # numbers of shown items, from 1
    aspects: list[AspectRead] = Limited(default=[], max_length=4)


@dataclass(frozen=True, slots=True)
class _Said:
    """The message, and which of its words the rules explained or denied."""

    original: str
    text: str
    explained: Sequence[Span]
    denials: Sequence[Span]
    softened: Sequence[Span]  # "not too": denies what follows, says nothing against what it stands in
    topic: frozenset[str]

    def places(self, quote: str) -> Iterator[Span]:
        """Where a quote stands, whole words only, whatever the case, width and white space."""
        words = plain(quote).split()
        if not any(len(t.text) > 1 or not t.text.isascii() for t in tokens(" ".join(words))):
            return
        body = r"\s+".join(map(re.escape, words))
        left, right = (r"(?<![a-z0-9])" if words[0][0].isalnum() and words[0].isascii() else ""), (r"(?![a-z0-9])" if words[-1][-1].isalnum() and words[-1].isascii() else "")
        yield from (m.span() for m in re.finditer(left + body + right, self.text))

    def free(self, quote: str) -> Span | None:
        """Where a quote stands clear of what the rules explained."""
        return next((s for s in self.places(quote) if not _touches(s, self.explained)), None)

    def telling(self, span: Span) -> bool:
        """Whether a word in it is one that the rules made nothing of."""
        return any(t.text in self.topic for t in tokens(self.text[slice(*span)]))

    def denied(self, span: Span) -> bool:
        """Whether negating words stand in it, or right before or after it: what an exclusion needs."""
        return _touches((self._reach(span[0]), span[1]), (*self.denials, *self.softened)) or cues.NEGATED_AFTER.match(self.text, span[1]) is not None

    def affirmed(self, span: Span) -> bool:
        """Whether nothing negates it: what anything wanted needs."""
        before = (self._reach(span[0]), span[0])
        return not _touches(before, (*self.denials, *self.softened)) and not _touches(span, self.denials) and not cues.NEGATED_AFTER.match(self.text, span[1])

    def _reach(self, start: int) -> int:
        """How far back a negation of what starts here may stand: a few words, within the clause."""
        edge = max((m.end() for pattern in (_CLAUSE, cues.SCOPE_END) for m in pattern.finditer(self.text[:start])), default=0)
        near = [t.start for t in tokens(self.text[:start]) if t.start >= edge][-_BEFORE:]
        return near[0] if near else start


class Merger:
    """Adds a model's reading to that of the rules, for one catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog, self.domain = catalog, catalog.domain
        self._canonical: dict[str, Mapping[str, str]] = {}

    def __call__(self, understood: Understanding, reading: Reading, state: State, text: str, confidence: float) -> Understanding:
        """The rules' understanding with what the message bears out of the reading; the same object where that is nothing."""
        said = self._said(understood, text[:MAX_LENGTH])
        wishes = self._wishes(understood, reading, state, said)
        about = understood.about or _about(understood, reading, state, said)
        aspects = {**self._aspects(reading, said), **understood.sentiment.aspects}
        possible = reading.intent != "compare" or len(about) != 1  # one thing is compared with nothing
        intent = mixed_intent(understood.intent, reading.intent if possible else "", MODEL_SHARE * (1.0 - confidence))
        found = replace(
            understood,
            intent=intent,
            edits=(*understood.edits, *(Put(wish=w, how="merge") for w in wishes)),
            about=about,
            sentiment=replace(understood.sentiment, aspects=aspects),
        )
        added = bool(wishes) or about != understood.about or len(aspects) > len(understood.sentiment.aspects)
        return found if added or found.leading != understood.leading else understood

    def _said(self, understood: Understanding, original: str) -> _Said:
        text = plain(original)
        sources = [e.wish.source if isinstance(e, Put) else e.source for e in understood.edits] + [j.source for j in understood.judgements]
        names = [name for i in understood.about if (item := self.catalog.item(i)) for name in (*item.titles.values(), *item.aliases)]
        explained = [m.span() for words in map(plain, (*sources, *names)) if words.strip() for m in re.finditer(re.escape(words), text)]
        softened = [m.span() for m in cues.NOT_TOO.finditer(text)]
        no_denial = [m.span() for pattern in (cues.NOT_NEGATION, cues.BESIDES) for m in pattern.finditer(text)] + softened
        denials = [m.span() for m in cues.NEGATION.finditer(text) if not _touches(m.span(), no_denial)]
        topic = frozenset(t.text for t in tokens(plain(unexplained(understood, original))) if t.text not in STOP)
        return _Said(original, text, explained, denials, softened, topic)

    # --- wishes ---

    def _wishes(self, understood: Understanding, reading: Reading, state: State, said: _Said) -> list[Wish]:
        if understood.asked or understood.leading in _NO_WISHES:
            return []
        taken = {e.wish.field if isinstance(e, Put) else e.field for e in understood.edits}
        found: list[Wish] = []
        for read in reading.wishes:
            field = self.domain.fields.get(read.field)
            if field is None or not field.wish or field.name in taken:
                continue
            wish = self._wish(read, field, understood, state, said)
            if wish is not None:
                taken.add(field.name)
                found.append(wish)
        return found

    def _wish(self, read: WishRead, field: Field, understood: Understanding, state: State, said: _Said) -> Wish | None:
        span, op = said.free(read.quote), _op(read.op)
        if span is None or op is None:
            return None
        held = [w for w in state.wishes if w.field == field.name and w.op is not Op.LIKE]
        source = said.original[slice(*span)]
        if field.numeric and op in NUMERIC_OPS and not held and (op not in _EXACT or said.affirmed(span)):
            if _CLAUSE.search(read.quote.strip(" .。!！?？")):
                return None  # a whole message is not the words that say how much
            return _amount(read, field, op, source, understood.count)
        if field.kind in VALUE_KINDS and op not in NUMERIC_OPS and said.telling(span):
            fits = said.denied(span) if op is Op.NONE_OF else said.affirmed(span)
            values = self._values(read, field, held, op)
            if fits and values and op in _INCLUDES | {Op.NONE_OF}:
                op = Op.ANY_OF if op is Op.ALL_OF and field.kind != "list" else op
                return Wish(field=field.name, op=op, value=values, hard=False, negated=op is Op.NONE_OF, source=source)
        return None

    def _values(self, read: WishRead, field: Field, held: Sequence[Wish], op: Op) -> tuple[str, ...]:
        """The values the catalogue knows, without those that would undo or contradict a wish held."""
        known = self._known(field)
        values = tuple(dict.fromkeys(known[v] for v in map(_name, read.values) if v in known))
        if op is Op.NONE_OF:
            if any(w.op is Op.NONE_OF for w in held):
                return ()  # two exclusions become one, and the later one's softness would be the whole's
            return tuple(v for v in values if all(v not in _listed(w) for w in held))
        if field.kind != "list" and any(w.hard and w.op in _INCLUDES for w in held):
            return ()  # an item has one: another can only contradict
        return tuple(v for v in values if all(v not in _listed(w) for w in held if w.op is Op.NONE_OF))

    def _known(self, field: Field) -> Mapping[str, str]:
        """Folded name -> value: the values of the catalogue under all the names that the domain has for them."""
        if field.name not in self._canonical:
            values = self.catalog.values(field.name)
            names = {_fold(shown): value for value, texts in field.values.items() if value in values for shown in texts.values()}
            names |= {_fold(other): value for other, value in field.canonical.items() if value in values}
            if field.people:
                names |= {_fold(other): name for name, others in self.domain.people.items() if name in values for other in others}
            self._canonical[field.name] = names | {_fold(value): value for value in values}
        return self._canonical[field.name]

    def _aspects(self, reading: Reading, said: _Said) -> dict[str, float]:
        """Moods about fields of the domain whose quote, or whose own word, stands in the message; the first of a field."""
        found: dict[str, float] = {}
        for read in reading.aspects:
            field = self.domain.fields.get(read.field)
            words = [*field.label.values(), *(w for lex in self.domain.lexicons.values() for w in lex.fields.get(field.name, ()))] if field else []
            if field and read.mood in MOODS and any(place for words_said in (read.quote, *words) for place in said.places(words_said)):
                found.setdefault(field.name, MOODS[read.mood])
        return found


def unexplained(understood: Understanding, text: str) -> str:
    """The words that the rules made nothing of: the topic, what is refused in such words, and what something should be like (像外婆家那样的) where that is no item."""
    likened = [m[0] for m in cues.SIMILAR.finditer(plain(text)) if m[0].startswith("像")] if not understood.about else []
    return " ".join(words for words in (understood.topic, understood.refused, *likened) if words)


def mixed_intent(rules: Mapping[str, float], said: str, weight: float) -> Mapping[str, float]:
    """The rules' distribution and a model's, mixed by weight; the rules' alone where the model names no intent or one that it may not bring about."""
    if said not in rules or len(rules) < 2 or rules[said] < NEVER.get(said, 0.0):
        return rules
    rest = (1.0 - SURE) / (len(rules) - 1)
    return {name: (1.0 - weight) * p + weight * (SURE if name == said else rest) for name, p in rules.items()}


def _about(understood: Understanding, reading: Reading, state: State, said: _Said) -> tuple[ItemId, ...]:
    """The shown items that a model says are meant, if the message has words that point at some and the rules found none."""
    shown = state.slate
    if not shown or Signal.LOST in understood.signals or not _points(said.text, shown[0]):
        return ()
    return tuple(dict.fromkeys(shown[n - 1] for n in reading.about if 1 <= n <= len(shown)))


def _points(text: str, shown: ItemId) -> bool:
    """Whether a plain text has words that point at something shown, whichever it is."""
    found, _ = read_references(text, State(slate=(shown,), focus=(shown,)))
    return bool(found) or _POINTING.search(text) is not None


def _amount(read: WishRead, field: Field, op: Op, source: str, count: int | None) -> Wish | None:
    """A numeric wish: hard where its numbers stand in the user's words, none where those say another amount or one that cannot be."""
    try:
        numbers = [float(v.replace(",", "") if isinstance(v, str) else v) for v in read.values]
    except ValueError:
        return None
    low, high = field.plausible or (0.0, math.inf)
    if len(numbers) != (2 if op is Op.BETWEEN else 1) or numbers != sorted(numbers) or not all(math.isfinite(n) and low <= n <= high for n in numbers):
        return None
    if count is not None and numbers == [float(count)]:
        return None  # "three of them" is about no field
    told, converted = _told(source, field)
    stands = all(any(math.isclose(n, t, rel_tol=1e-6) for t in told) for n in numbers)
    if converted and not stands:
        return None  # 400 dollars are not 400 yuan
    tidy = [int(n) if n.is_integer() else n for n in numbers]
    value: Value = tuple(tidy) if op is Op.BETWEEN else tidy[0]
    return Wish(field=field.name, op=op, value=value, hard=stands and read.hard, source=source)


def _told(source: str, field: Field) -> tuple[list[float], bool]:
    """The numbers in the user's words, in the field's own unit; and whether one was said in another."""
    text, told, converted = plain(source), [], False
    for number in read_numbers(text):
        after, before = text[number.end :].lstrip(), text[: number.start].rstrip()
        units = [u for u in field.units if after.startswith(u) or (u in field.foreign and before.endswith(u))]
        factor = field.units[max(units, key=len)] if units else 1.0
        converted |= factor != 1.0
        told += [n * factor for n in (number.value, number.high) if n is not None]
    return told, converted


def _op(said: str) -> Op | None:
    return Op(said) if said in set(Op) else None


def _listed(wish: Wish) -> tuple[object, ...]:
    return wish.value if isinstance(wish.value, tuple) else (wish.value,)


def _name(value: bool | float | str) -> str:
    """A value as the catalogue's names for it are looked up: 15.0 is called 15."""
    return _fold(str(int(value)) if isinstance(value, float) and value.is_integer() else str(value))


def _fold(text: str) -> str:
    return " ".join(plain(text).split())


def _touches(span: Span, others: Sequence[Span]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)
