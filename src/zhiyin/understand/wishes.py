"""A message's words become edits of the wishes: 预算三千以内 a filter on price, "no horror" an exclusion, "any year is fine" a withdrawal.

Which field an amount is about is decided in `_field_of`; which polarity, by the negation scopes; how a wish joins
those of earlier turns, by `how`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Condition, Domain, Field
from zhiyin.types import Edit, ItemId, Lift, Notice, Op, Put, State, Value, Wish
from zhiyin.understand import cues
from zhiyin.understand.comparatives import ComparisonReader
from zhiyin.understand.message import Message
from zhiyin.understand.phrases import AsksField, Describes, Mention, Names, Noun, People
from zhiyin.understand.polarity import Scope, negated
from zhiyin.understand.quantities import YEAR, Quantity

_FLIP = {Op.LT: Op.GE, Op.LE: Op.GT, Op.GT: Op.LE, Op.GE: Op.LT}
How: TypeAlias = Literal["replace", "add", "widen", "merge"]
_PAIR = re.compile(r"(\d{1,2})g?b?\s*\+\s*(\d{2,4}|\dt)(?:gb?|b)?(?!\d)")
_NEAR = 14  # characters between a field's word and its amount
_MONEY_SIGN = re.compile(r"[$¥￥€]|rmb|cny|usd|eur")
_DATED = re.compile(r"(?:\b(?:from|in|since|of|after|before|released|year|until|till|than)\s*|年份|上映|发布)$")


@dataclass(frozen=True, slots=True)
class _Value:
    """A value wish in the making: one mention of one value."""

    mention: Mention
    field: str
    value: str
    scope: Scope | None
    soft: bool


class WishReader:
    """Reads the wishes of messages in one domain."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.domain: Domain = catalog.domain
        self.comparisons = ComparisonReader(catalog)

    def __call__(self, message: Message, state: State, about: Sequence[ItemId]) -> tuple[list[Edit], list[Notice]]:
        """The edits this message makes, in reading order, and what could not be taken as said."""
        notices: list[Notice] = []
        lifts = list(self._lifts(message, state))
        lifted = [span for span, _ in lifts]
        edits: list[Edit] = [lift for _, lift in lifts]
        edits += self._value_wishes(message, state, lifted)
        edits += self._adjectives(message, lifted)
        edits += self.comparisons(message, state, about)
        edits += self._amounts(message, state, notices)
        return edits, notices

    # --- values: genres, brands, people ---

    def _value_wishes(self, message: Message, state: State, lifted: Sequence[tuple[int, int]]) -> list[Edit]:
        values = [v for v in self._values(message) if not _within(v.mention, lifted)]
        edits: list[Edit] = []
        values = _told_apart(values, self.domain, state)
        for name in dict.fromkeys(v.field for v in values):
            same = [v for v in values if v.field == name]
            out = [v for v in same if v.scope]
            wanted = [v for v in same if not v.scope and v.value not in {o.value for o in out}]
            if out:
                start, end = min(min(v.scope.cue, v.mention.start) for v in out if v.scope), max(v.mention.end for v in out)
                wish = self._wish(name, Op.NONE_OF, tuple(dict.fromkeys(v.value for v in out)), message.said(start, end), negated=True)
                edits.append(Put(wish=wish, how="add"))
            if wanted:
                edits.append(self._wanted(message, state, name, wanted))
        return edits

    def _wanted(self, message: Message, state: State, name: str, wanted: Sequence[_Value]) -> Put:
        field = self.domain.fields[name]
        groups = _alternatives(message.text, wanted)
        values = tuple(dict.fromkeys(v.value for v in wanted))
        strict = field.several == "all" and len(groups) > 1 and len(values) > 1
        op = Op.ALL_OF if strict and len(groups) == len(values) else Op.ANY_OF
        source = message.said(wanted[0].mention.start, wanted[-1].mention.end)
        hard = not field.soft and not any(v.soft for v in wanted)
        return Put(wish=self._wish(name, op, values, source, hard=hard), how=self._how(message, state, field))

    def _how(self, message: Message, state: State, field: Field) -> How:
        text = message.text
        if cues.REPLACE.search(text):
            return "replace"
        if cues.OR.match(text):
            return "widen"
        if cues.ADDITIVE.search(text):
            return "add" if field.several == "all" else "widen"
        if field.several == "any" and not field.people:
            return "replace"
        if not field.topic:
            return "add" if field.several == "all" else "replace"
        has_noun = bool(message.of(Noun))
        fresh = cues.FIRM.search(text) and (has_noun or not state.slate or not re.search(r"\bwith\b|带", text))
        return "replace" if fresh or has_noun or re.match(r"\s*(?:an?|some)\s", text) else "add"

    def _values(self, message: Message) -> list[_Value]:
        found = []
        for mention, meaning in message.of(Names):
            if isinstance(meaning, Names) and self.domain.wishable(meaning.field):
                found.append(_Value(mention, meaning.field, meaning.value, negated(message.scopes, mention.start, mention.end), _softened(message, mention)))
        for mention, meaning in message.of(People):
            if isinstance(meaning, People):
                scope = negated(message.scopes, mention.start, mention.end)
                fields = [self._role(message, mention, meaning)]
                found += [_Value(mention, f, name, scope, _softened(message, mention)) for f in fields for name in meaning.names]
        return found

    def _role(self, message: Message, mention: Mention, person: People) -> str:
        """Which people field a name is meant in: by the words around it, else where the person counts most."""
        before, after = message.text[max(0, mention.start - 24) : mention.start], message.text[mention.end : mention.end + 8]
        for lexicon in self.domain.lexicons.values():
            for field, words in lexicon.roles.items():
                for word in words:
                    led = re.search(rf"(?:^|[^a-z]){re.escape(word)}\s*(?:the )?$", before) if word.isascii() else before.endswith(word)
                    if (led or (not word.isascii() and re.match(rf"\s*{re.escape(word)}", after))) and (field in person.fields or len(word) > 4):
                        return field
        return person.fields[0]

    # --- moods and qualities ---

    def _adjectives(self, message: Message, lifted: Sequence[tuple[int, int]]) -> list[Edit]:
        edits: list[Edit] = []
        for mention, meaning in message.of(Describes):
            if not isinstance(meaning, Describes) or mention.of(Names) or _within(mention, lifted):
                continue
            if any(q.start <= mention.start and mention.end <= q.end for q in message.quantities) or any(s <= mention.start < e for s, e, _ in self.comparisons.than(message.text)):
                continue
            adjective = meaning.adjective
            first = adjective.conditions[0]
            scope = negated(message.scopes, mention.start, mention.end)
            source = message.said(scope.cue if scope else mention.start, mention.end)
            wish = self._excluded(first, source) if scope else self._wish(first.field, first.op, first.value, source, hard=adjective.hard)
            edits.append(Put(wish=wish, how="merge"))
        return edits

    def _excluded(self, condition: Condition, source: str) -> Wish:
        if condition.op in _FLIP:
            return self._wish(condition.field, _FLIP[condition.op], condition.value, source, negated=True)
        op = Op.ANY_OF if condition.op is Op.NONE_OF else Op.NONE_OF
        return self._wish(condition.field, op, condition.value, source, negated=op is Op.NONE_OF)

    # --- amounts ---

    def _amounts(self, message: Message, state: State, notices: list[Notice]) -> list[Edit]:
        edits: list[Edit] = []
        for quantity in message.quantities:
            if by := self.comparisons.cheaper_by(message, quantity, state):
                edits.append(by)
                continue
            if pair := self._pair(message, quantity):
                edits += pair
                continue
            if _counts_things(message, quantity) or cues.PERMIT_TOO.match(message.text, quantity.end) or _second_of_pair(message, quantity):
                continue
            field, factor = self._field_of(message, quantity, state, notices)
            if field is None:
                continue
            scope = negated(message.scopes, quantity.core[0], quantity.core[1])
            source = message.said(scope.cue if scope else quantity.start, quantity.end)
            op, value = self._condition(message, quantity, field, factor)
            if quantity.unit in field.foreign:
                notices.append(Notice(code="converted", slots={"amount": message.said(*quantity.core), "rate": field.foreign[quantity.unit]}))
            if scope and op in _FLIP:
                wish = self._wish(field.name, _FLIP[op], value, source, negated=True)
            elif scope:
                wish = self._wish(field.name, Op.NONE_OF, tuple(range(int(value[0]), int(value[1]) + 1)) if isinstance(value, tuple) else (value,), source, negated=True)
            else:
                wish = self._wish(field.name, op, value, source, hard=not _softened(message, Mention(quantity.start, quantity.end, ())))
                if op is Op.BETWEEN and (quantity.approx or quantity.point) and quantity.low is not None:
                    wish = replace(wish, near=(quantity.low + (quantity.high or quantity.low)) / 2 * factor)
            edits.append(Put(wish=wish, how="merge"))
        return edits

    def _pair(self, message: Message, q: Quantity) -> list[Edit]:
        """12+256: two sizes in one, where the pack says which fields they are."""
        m = _PAIR.match(message.text, q.core[0])
        if m is None or not self.domain.pair:
            return []
        sizes = zip(self.domain.pair, (m[1], m[2]), strict=True)
        return [Put(wish=self._wish(name, Op.EQ, int(size) if not size.endswith("t") else 1024 * int(size[:-1]), message.said(*m.span())), how="merge") for name, size in sizes]

    def _condition(self, message: Message, q: Quantity, field: Field, factor: float) -> tuple[Op, Value]:
        low = None if q.low is None else _tidy(q.low * factor)
        high = None if q.high is None else _tidy(q.high * factor)
        if low is None and high is not None:
            return (Op.LT if q.strict_high else Op.LE), high
        if high is None and low is not None:
            return (Op.GT if q.strict_low else Op.GE), low
        if low is None or high is None:  # cannot be: a quantity has an end
            raise ValueError(q)
        if q.approx or (low == high and self._loose(message, q, field)):
            width_low, width_high = (field.around, field.around) if field.around is not None else (0.2 * low, 0.2 * high)
            return Op.BETWEEN, (_tidy(low - width_low), _tidy(high + width_high))
        if low == high:
            if cues.BUDGET.search(message.text[: q.core[1]]) and field.better == "lower":
                return Op.LE, high
            return (Op.GE if field.better == "higher" and field.kind != "year" else Op.EQ), low
        return Op.BETWEEN, (low, high)

    @staticmethod
    def _loose(message: Message, q: Quantity, field: Field) -> bool:
        """A plain amount of money, time or size is a wish near it, unless it is named as a budget."""
        if field.kind == "year" or field.better == "higher":
            return False
        return not (cues.BUDGET.search(message.text[: q.core[1]]) and field.better == "lower")

    def _field_of(self, message: Message, q: Quantity, state: State, notices: list[Notice]) -> tuple[Field | None, float]:
        """The field an amount is about, and the factor to its unit: by unit, by a field word near it, by the open question, by plausibility."""
        fields = [f for f in self.domain.fields.values() if f.numeric and f.wish]
        amount = q.low if q.low is not None else q.high
        if amount is None:
            return None, 1.0
        named = self._named_near(message, q, fields)
        if q.unit == YEAR:
            options = [(f, 1.0) for f in fields if f.kind == "year"]
        elif q.unit:
            options = [(f, f.units[q.unit]) for f in fields if q.unit in f.units]
        else:
            if _is_count(self.domain, message, q):
                return None, 1.0
            options = [(f, 1.0) for f in self._bare_fields(message, q, fields, named, state)]
        exact = {o[0].name for o in options if len(options) > 1 and self._occurs(o[0], amount * o[1])}
        options.sort(key=lambda o: (o[0] not in named, o[0].name not in exact))
        fitting = [o for o in options if _plausible(o[0], q, o[1])]
        if not fitting and options and (q.unit or named):
            field = options[0][0]
            notices.append(Notice(code="implausible", slots={"amount": message.said(*q.core), "field": field.name}))
        return fitting[0] if fitting else (None, 1.0)

    def _occurs(self, field: Field, amount: float) -> bool:
        """Whether some item has exactly this number: tells 256 g of storage from 200 g of weight."""
        return self.catalog.occurs(field.name, amount)

    def _named_near(self, message: Message, q: Quantity, fields: Sequence[Field]) -> list[Field]:
        """Fields whose word stands near the amount (before it rather than after), or whose comparative it hangs on."""
        near = []
        for mention, meaning in message.of(AsksField):
            gap = q.start - mention.end if mention.end <= q.start else mention.start - q.end if mention.start >= q.end else 0
            between = message.text[min(mention.end, q.start) : max(mention.start, q.start)]
            if isinstance(meaning, AsksField) and gap <= _NEAR and not re.search(r"[,，;；。]", between):
                near.append((gap + (8 if mention.start >= q.end else 0), meaning.field))
        by_name = {f.name: f for f in fields}
        words = message.text[q.start : q.end]
        for lexicon in self.domain.lexicons.values():
            for direction, surfaces in lexicon.comparatives.values():
                near += [(1, direction.field) for s in surfaces if s.isascii() and re.search(rf"\b{re.escape(s)} than", words)]
        return [by_name[name] for _, name in sorted(near, key=lambda pair: pair[0]) if name in by_name]

    def _bare_fields(self, message: Message, q: Quantity, fields: Sequence[Field], named: Sequence[Field], state: State) -> list[Field]:
        if named:
            return list(named)
        asked = [f for f in fields if f.name == state.question]
        if asked:
            return asked
        years = [f for f in fields if f.kind == "year"]
        amount = q.low if q.low is not None else q.high or 0.0
        dated = _DATED.search(message.text[: q.core[0]]) or (q.low != q.high and years)
        if dated and float(amount).is_integer() and all(1880 <= v <= 2035 for v in (q.low, q.high) if v is not None) and any(_plausible(f, q, 1.0) for f in years):
            money = [f for f in fields if f.kind == "money" and f.fallback]
            return money if money and not _DATED.search(message.text[: q.core[0]]) else years
        options = [f for f in fields if f.fallback]
        if amount < 0 and not q.unit and not _MONEY_SIGN.search(message.text[: q.core[0]][-3:]):
            return []
        bounded = not q.point or q.approx or cues.BUDGET.search(message.text)
        if not bounded and any(f.kind != "year" for f in options):
            # A bare exact number is an amount only where it says so by its size or is all that was said.
            alone = not message.text.replace(message.text[q.core[0] : q.core[1]], "").strip(" .,!?。，的元块吧")
            large = float(amount) >= 100
            options = [f for f in options if f.kind == "year" or large or alone]
        return options

    # --- withdrawals ---

    def _lifts(self, message: Message, state: State) -> Iterable[tuple[tuple[int, int], Lift]]:
        """Withdrawals, each with the words that make it."""
        for mention, meaning in message.of(Names):
            if isinstance(meaning, Names) and cues.PERMIT.match(message.text, mention.end) and _excluded_now(state, meaning):
                yield (mention.start, mention.end), Lift(field=meaning.field, values=(meaning.value,), source=message.said(mention.start, mention.end))
        for m in cues.LIFT.finditer(message.text):
            if "除" in message.text[max(0, m.start() - 2) : m.end()]:
                continue  # 除了苹果都行 excludes
            said = next((g for g in m.groups() if g), "").strip()
            inside = [x for x in message.mentions if m.start() <= x.start and x.end <= m.end()]
            fields = [a.field for x in inside for a in x.of(AsksField)]
            values = [(n.field, n.value) for x in inside for n in x.of(Names)]
            values += [(f, name) for x in inside for p in x.of(People) for f in p.fields for name in p.names]
            values = [(field, value) for field, value in values if _held(state, field, value)]  # "comedy or romance, both fine" asks for them
            conditions = [d.adjective.conditions[0].field for x in inside for d in x.of(Describes)]
            source = message.said(m.start(), m.end())
            held = {w.field for w in state.wishes}
            for name in dict.fromkeys(fields):
                yield m.span(), Lift(field=name, source=source)
            for name, value in values if not fields else []:
                yield m.span(), Lift(field=name, values=(value,), source=source)
            if not fields and not values:
                for name in dict.fromkeys(c for c in conditions if c in held):
                    yield m.span(), Lift(field=name, source=source)
            if not inside and said and not fields:
                yield from ((m.span(), Lift(field=name, source=source)) for name in held if name in said.replace(" ", "_"))

    def _wish(self, field: str, op: Op, value: Value, source: str, *, hard: bool = True, negated: bool = False) -> Wish:
        return Wish(field=field, op=op, value=value, source=source, hard=hard, negated=negated)


def _told_apart(values: Sequence[_Value], domain: Domain, state: State) -> list[_Value]:
    """Of a refused phrase with several values ("not romantic comedies", "not anime"), those that are not wanted besides, of the leading field."""
    wanted = {(v.field, v.value) for v in values if not v.scope} | {
        (w.field, str(x)) for w in state.wishes if w.op in {Op.ANY_OF, Op.ALL_OF} and isinstance(w.value, tuple) for x in w.value
    }
    kept = []
    for value in values:
        together = [v for v in values if v.mention == value.mention]
        if value.scope and len(together) > 1:
            topical = any(domain.fields[v.field].topic for v in together)
            spare = [v for v in together if (v.field, v.value) not in wanted]
            if (topical and not domain.fields[value.field].topic) or (spare and value not in spare):
                continue
        kept.append(value)
    return kept


def _held(state: State, field: str, value: str) -> bool:
    return any(w.field == field and isinstance(w.value, tuple) and value in w.value for w in state.wishes)


def _excluded_now(state: State, named: Names) -> bool:
    return any(w.field == named.field and w.op is Op.NONE_OF and isinstance(w.value, tuple) and named.value in w.value for w in state.wishes)


def _within(mention: Mention, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= mention.start and mention.end <= end for start, end in spans)


def _softened(message: Message, mention: Mention) -> bool:
    """Whether words of preference stand in the same clause before it ("ideally Samsung", 最好是国产)."""
    clause = re.split(r"[,，.;。；]", message.text[: mention.start])[-1]
    return cues.SOFT.search(clause) is not None or clause.endswith("could be ") or cues.PERMIT_TOO.match(message.text, mention.end) is not None


def _alternatives(text: str, values: Sequence[_Value]) -> list[list[_Value]]:
    """Mentions of one field grouped: joined by "or" they share a group."""
    groups: list[list[_Value]] = []
    for value in sorted(values, key=lambda v: v.mention.start):
        last = groups[-1][-1] if groups else None
        if last and value.mention != last.mention and (cues.OR.fullmatch(text[last.mention.end : value.mention.start]) or _or_later(text, last, value)):
            groups[-1].append(value)
        else:
            groups.append([value])
    return groups


def _or_later(text: str, left: _Value, right: _Value) -> bool:
    """Whether an "or" and plain words stand between ("film noir or crime movies")."""
    between = text[left.mention.end : right.mention.start]
    return len(between) < 16 and re.search(r"\bor\b|或", between) is not None and not re.search(r"[;。.!?]", between)


def _counts_things(message: Message, q: Quantity) -> bool:
    """Whether a bare number stands right before the catalogue's noun ("two movies a week")."""
    if q.unit or (q.high or q.low or 0) >= 20:
        return False
    return any(m.start >= q.end and not message.text[q.end : m.start].strip() for m, n in message.of(Noun) if isinstance(n, Noun))


def _second_of_pair(message: Message, q: Quantity) -> bool:
    return not q.unit.startswith("m") and re.search(r"\d\s*g?b?\s*\+\s*$", message.text[: q.core[0]]) is not None


def _is_count(domain: Domain, message: Message, q: Quantity) -> bool:
    """两部, "two films": a number of items, not an amount."""
    after = message.text[q.core[1] :]
    counters = "|".join(re.escape(c) for lexicon in domain.lexicons.values() for c in lexicon.counters)
    return bool(counters and re.match(rf"(?:{counters})", after)) and (q.high or 0) <= 50


def _plausible(field: Field, q: Quantity, factor: float) -> bool:
    if field.plausible is None:
        return True
    low, high = field.plausible
    if q.unit == YEAR and q.low != q.high:  # the 21st century goes on
        return any(low <= v * factor <= high for v in (q.low, q.high) if v is not None)
    return all(low <= v * factor <= high for v in (q.low, q.high) if v is not None)


def _tidy(number: float) -> int | float:
    rounded = round(number, 4)
    return int(rounded) if float(rounded).is_integer() else rounded
