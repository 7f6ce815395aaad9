"""The grounding check: a model's sentence reaches the user only if the rows it speaks of, or the user's own wishes, bear out all of it.

Whatever a sentence says by way of titles, people, field values, qualities, comparisons and numbers is looked up in the rows; every other
word must be one that states nothing checkable (`texts/plain.*.txt`) or one that stands in the row. What is not known to be true is withheld.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from zhiyin.llm import Claim
from zhiyin.ports import Claims
from zhiyin.reply.evidence import LATIN, Evidence, Ground, first_surface, plain_words, words_of
from zhiyin.text import CJK, cjk_count, is_cjk, plain, segment, stem
from zhiyin.types import ItemId, Op, Wish

MAX_LENGTH = {"en": 260, "zh": 120}
_MARKUP = re.compile(r"https?:|www\.|\w@\w|[<>{}|\\`*_#~^=\[\]⟦⟧@$%&]|\n|[^\W\d_]\.(?:com|cn|net|org|io|example)\b", re.IGNORECASE)
_MARKS = re.compile(r"《([^《》]*)》|[“「]([^”」]*)[”」]|\"([^\"]*)\"")
_JOINS = re.compile(r"[\s,，、/&]*(?:(?:and|or|和|与|跟|或|及|以及|vs)?[\s,，、/&]*(?:the\s+)?)[《》\"“”]*\s*")
_RUNS = re.compile(f"[{CJK}]+")
_TINY = re.compile(r"[一两]|\b(?:one|two|a|an)\b")
_NOT = r"(?:without|no|not|(?:does|do|is)(?:n't| not)(?: (?:feature|have|star|include|contain))?|free of|没有|不含|不带|不是|无)\s*(?:any\s+)?"
_ECHO_OF_PROMPT = 6  # words in a row that a sentence may not share with the instructions
_YEAR = "@year"
_BUDGET = re.compile(r"\bbudgets?\b|预算")
_THAN = frozenset({"than"})  # said only beside a comparison that holds


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a sentence may be said, and what of it nothing bears out."""

    sentence: str
    unsupported: tuple[str, ...] = ()
    about: tuple[ItemId, ...] = ()  # the items it was held against
    telling: bool = False  # whether it says something that the rows bear out, and not only something pleasant

    @property
    def ok(self) -> bool:
        """Whether all of it is borne out."""
        return not self.unsupported


class Judge:
    """Judges the sentences of one reply in order. `items` are what it may speak of; `among` the list shown, for "the cheapest"; `wishes` the user's own."""

    def __init__(
        self, ground: Ground, claims: Claims, *, items: Sequence[ItemId], among: Sequence[ItemId] = (), wishes: Sequence[Wish] = (), language: str = "en", instructions: str = ""
    ) -> None:
        self.ground, self.claims, self.language, self.wishes = ground, claims, language, tuple(wishes)
        self.items = [e for i in items if (e := ground.of(i))]
        self.among = [e for i in among if (e := ground.of(i))] or self.items
        self._last = self.items  # what a sentence without a title is about
        self._told = _grams(instructions)

    def __call__(self, sentence: str) -> Verdict:
        """The verdict on the next sentence."""
        sentence = sentence.strip()
        wrong = [*self._shape(sentence)]
        if wrong:
            return Verdict(sentence, tuple(wrong))
        text = plain(sentence)
        titles = first_surface(self.items, text)
        groups = self._groups(text, titles)
        spans = [(start, end) for start, end, _ in titles]
        wrong += self._quoted(sentence, spans)
        echoed = self._exclusions(text)
        claims = [c for c in self.claims(sentence) if not _inside((c.start, c.end), spans) and not _inside((c.start, c.end), echoed)]
        good, bad = self._weighed(text, claims, groups)
        wrong += [sentence[start:end] for start, end in bad]
        wrong += self._roles(text, groups, sentence)
        wrong += self._budget(text)
        compared = any(c.kind == "order" and (c.start, c.end) in good for c in claims)
        wrong += [w for w in self._rest(sentence, [*spans, *echoed, *good, *bad], groups) if not (compared and w in _THAN)]
        about = tuple(dict.fromkeys(e.item.id for _, members in groups for e in members))
        if not wrong and groups[-1][1]:
            self._last = groups[-1][1]
        return Verdict(sentence, tuple(dict.fromkeys(wrong)), about, telling=bool(good) or self._tells(text, spans, groups))

    def _tells(self, text: str, titles: Sequence[tuple[int, int]], groups: Sequence[tuple[int, list[Evidence]]]) -> bool:
        """Whether a word besides the titles comes from the rows."""
        own = frozenset.union(frozenset(), *(e.words for _, members in groups for e in members)) - plain_words(self.language) - self.ground.talk
        return bool(own & words_of(_without(text, titles)))

    # --- the shape ---

    def _shape(self, sentence: str) -> Iterable[str]:
        if not re.search(r"\w", sentence):
            yield "no words"
        if len(sentence) > MAX_LENGTH[self.language]:
            yield "too long"
        bare = sentence
        for evidence in self.items:
            for name in evidence.item.titles.values():
                bare = bare.replace(name, "")
        yield from (m[0] for m in _MARKUP.finditer(bare))
        bare = _MARKS.sub("", bare)
        chinese, latin = cjk_count(bare), len(re.findall(r"[A-Za-z]+", bare))
        if (self.language == "zh" and chinese < latin) or (self.language == "en" and chinese > latin):
            yield "another language"
        if self._told & _grams(sentence):
            yield "the instructions"

    def _quoted(self, sentence: str, titles: Sequence[tuple[int, int]]) -> Iterable[str]:
        """What stands in title or quotation marks is a title of an item or the user's own words."""
        own = {plain(w.source) for w in self.wishes if w.source}
        for m in _MARKS.finditer(sentence):
            inside = next(g for g in m.groups() if g is not None)
            if not any(start <= m.start() + 1 and m.end() - 1 <= end for start, end in titles) and not (plain(inside) in own and m[0][0] != "《"):
                yield m[0]

    # --- which words are about which items ---

    def _groups(self, text: str, titles: Sequence[tuple[int, int, ItemId]]) -> list[tuple[int, list[Evidence]]]:
        """(where it begins, whom it is about): titles in a row share what is said around them; what stands before the first title is about it too."""
        groups: list[tuple[int, list[Evidence]]] = []
        before = 0
        for start, end, item in titles:
            evidence = next(e for e in self.items if e.item.id == item)
            if groups and _JOINS.fullmatch(text[before:start]):
                groups[-1][1].append(evidence)
            else:
                groups.append((start, [evidence]))
            before = end
        if not groups:
            return [(0, list(self._last))]
        return [(0, groups[0][1]), *groups[1:]]

    @staticmethod
    def _about(position: int, groups: Sequence[tuple[int, list[Evidence]]]) -> list[Evidence]:
        return next(members for start, members in reversed(groups) if start <= position)

    # --- claims ---

    def _weighed(self, text: str, claims: Sequence[Claim], groups: Sequence[tuple[int, list[Evidence]]]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The places of claims that hold and of those that do not; of several readings of a place each kind must hold whole, and one kind is enough."""
        places: dict[tuple[int, int], list[Claim]] = {}
        for claim in claims:
            places.setdefault((claim.start, claim.end), []).append(claim)
        good: list[tuple[int, int]] = []
        bad: list[tuple[int, int]] = []
        titled = bool(first_surface(self.items, text))
        for place, readings in places.items():
            members = self._about(place[0], groups)
            kinds = {c.kind for c in readings}
            holds = any(all(self._holds(c, text, members, groups) for c in readings if c.kind == kind) for kind in kinds)
            may_echo = not titled and len(members) != 1 and not any(c.negated for c in readings)
            (good if holds or (may_echo and all(self._wished(c) for c in readings)) else bad).append(place)
        return good, bad

    def _holds(self, claim: Claim, text: str, members: Sequence[Evidence], groups: Sequence[tuple[int, list[Evidence]]]) -> bool:
        if claim.kind == "number" and self._small(claim, text):
            return True
        if claim.negated or not members:
            return False
        match claim.kind:
            case "value":
                return all(str(value) in {str(v) for v in e.item.values(field)} for e in members for field in claim.fields for value in claim.values)
            case "quality":
                return all(any(self._satisfies(e, wish) for wish in claim.wishes) for e in members)
            case "order":
                return self._ordered(claim, members, groups)
            case "number":
                return all(self._counts(claim, e) for e in members)
        return False

    def _satisfies(self, evidence: Evidence, wish: Wish) -> bool:
        return bool(self.ground.catalog.satisfies(wish)[self.ground.catalog.row[evidence.item.id]])

    def _small(self, claim: Claim, text: str) -> bool:
        """One, two and how many are shown count things; they say nothing of an item."""
        low, high = claim.values
        said = text[claim.start : claim.end]
        return low == high and not claim.unit and (bool(_TINY.fullmatch(said.strip())) or (low == len(self.among) > 2 and not any(c.isdigit() for c in said)))

    def _counts(self, claim: Claim, evidence: Evidence) -> bool:
        """Whether a number of the item lies where the claim puts it, in a field that the unit allows."""
        low, high = (float(v) for v in claim.values)
        for name, values in evidence.numbers.items():
            factor = self._factor(name, claim.unit)
            slack = 0.005 if factor not in {None, 1.0} else 1e-9  # converted amounts are rounded; "2.3 hours" is no lie
            if factor is not None and any(low * factor - slack * abs(v) <= v <= high * factor + slack * abs(v) for v in values):
                return True
        return False

    def _factor(self, name: str, unit: str) -> float | None:
        """What turns the claim's number into the field's own unit; None where this field does not take the unit. Other currencies are not converted: their rate moves."""
        field = self.ground.domain.fields[name]
        if not unit:  # a bare number is a year or a score; "for 5000" could mean anything
            return 1.0 if field.kind == "year" or not field.units else None
        if unit == _YEAR:
            return 1.0 if field.kind == "year" else None
        if unit in field.units and unit not in field.foreign:
            return field.units[unit]
        return 1.0 if unit in {plain(u) for u in field.unit.values()} else None

    def _ordered(self, claim: Claim, members: Sequence[Evidence], groups: Sequence[tuple[int, list[Evidence]]]) -> bool:
        """Whether "the cheapest" holds against everything shown, "cheaper" against the other items of the sentence; all must be known."""
        toward, degree = claim.values
        others = self.among if degree == "most" else [e for _, group in groups for e in group if e not in members]
        column = self.ground.catalog.numbers(claim.fields[0])
        own = [float(column[self.ground.catalog.row[e.item.id]]) for e in members]
        against = [float(column[self.ground.catalog.row[e.item.id]]) for e in others if e not in members]
        if not own or not against or any(np.isnan(v) for v in (*own, *against)):
            return False
        return max(own) < min(against) if toward == "lowest" else min(own) > max(against)

    def _wished(self, claim: Claim) -> bool:
        """Whether the claim says over what the user wished for."""
        for wish in self.wishes:
            if wish.negated or wish.op is Op.NONE_OF:
                continue
            wanted = wish.value if isinstance(wish.value, tuple) else (wish.value,)
            if claim.kind == "value" and wish.field in claim.fields and set(claim.values) <= set(wanted):
                return True
            if claim.kind == "quality" and any((c.field, c.op, c.value) == (wish.field, wish.op, wish.value) for c in claim.wishes):
                return True
            if claim.kind == "number" and self._factor_fits(claim, wish):
                return True
        return False

    def _factor_fits(self, claim: Claim, wish: Wish) -> bool:
        field = self.ground.domain.fields.get(wish.field)
        factor = self._factor(wish.field, claim.unit) if field is not None and field.numeric else None
        ends = [float(v) for v in (wish.value if isinstance(wish.value, tuple) else (wish.value, wish.near)) if isinstance(v, int | float)]
        said = [float(v) * factor for v in claim.values if factor is not None and np.isfinite(float(v))]
        return bool(said) and all(any(abs(v - end) <= 0.005 * abs(end) for end in [*ends, *([wish.near] if wish.near else [])]) for v in said)

    def _exclusions(self, text: str) -> list[tuple[int, int]]:
        """Where the sentence says over what the user did not want: hard wishes hold of everything shown."""
        found: list[tuple[int, int]] = []
        for wish in self.wishes:
            if not wish.hard or wish.op is not Op.NONE_OF or not isinstance(wish.value, tuple):
                continue
            for value in wish.value:
                field = self.ground.domain.fields.get(wish.field)
                shown = {str(value), *(field.show(value, language) for language in ("en", "zh") if field), *self.ground.domain.people.get(str(value), ())}
                for surface in (plain(s) for s in shown):
                    found += [m.span() for m in re.finditer(_NOT + re.escape(surface) + r"(?:s\b|片)?", text)]
        return found

    def _roles(self, text: str, groups: Sequence[tuple[int, list[Evidence]]], sentence: str) -> Iterable[str]:
        """Persons are in the item, and in the part that the nearest word for a part says."""
        cues = [(m.start(), m.end(), field) for field, pattern in self.ground.roles for m in pattern.finditer(text)]
        for evidence in self.items:
            for surface, fields in evidence.people.items():
                for m in re.finditer(rf"(?<!\w){re.escape(surface)}(?!\w)" if surface.isascii() else re.escape(surface), text):
                    members = self._about(m.start(), groups)
                    if not all(surface in e.people for e in members):
                        yield sentence[m.start() : m.end()]
                        continue
                    near = [(min(abs(start - m.end()), abs(m.start() - end)), field) for start, end, field in cues if -2 <= m.start() - end <= 20 or 0 <= start - m.end() <= 3]
                    if near and min(near)[1] not in fields:
                        yield sentence[m.start() : m.end()]

    def _budget(self, text: str) -> Iterable[str]:
        """A budget can be kept only where the user named one."""
        if not any(self.ground.domain.fields[w.field].kind == "money" for w in self.wishes if w.field in self.ground.domain.fields):
            yield from (m[0] for m in _BUDGET.finditer(text))

    # --- every other word ---

    def _rest(self, sentence: str, spans: Sequence[tuple[int, int]], groups: Sequence[tuple[int, list[Evidence]]]) -> Iterable[str]:
        text = _without(plain(sentence), spans)
        free = plain_words(self.language) | self.ground.talk
        for m in LATIN.finditer(text):
            members = self._about(m.start(), groups)
            word = m[0].replace("’", "'")
            names = self._common(members, "names")
            capital = sentence[m.start()].isupper() and _within_sentence(sentence, m.start()) and word != "i" and not word.startswith(("i'", "zhiyin"))
            allowed = names if capital or (self.language == "zh") else free | self._common(members, "words")
            if word != "zhiyin" and not _known(word, allowed):
                yield sentence[m.start() : m.end()]
        for m in _RUNS.finditer(text):
            members = self._about(m.start(), groups)
            allowed = free | self._common(members, "words")
            for word in segment(m[0]):
                if (
                    word not in allowed
                    and word != "知音"
                    and not (len(word) > 1 and members and all(word in e.text for e in members))
                    and not all(c in allowed for c in word if len(word) > 1)
                ):
                    yield word

    @staticmethod
    def _common(members: Sequence[Evidence], kind: str) -> frozenset[str]:
        """The words that every one of these rows bears out."""
        sets: list[frozenset[str]] = [getattr(e, kind) for e in members]
        return frozenset.intersection(*sets) if sets else frozenset()


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _known(word: str, allowed: frozenset[str]) -> bool:
    if word in allowed or stem(word) in allowed:
        return True
    if word.endswith("'s"):
        return _known(word[:-2], allowed)
    return False


def _within_sentence(sentence: str, position: int) -> bool:
    """Whether a capital there marks a name rather than the beginning of a sentence or a clause after a colon."""
    return re.search(r"[\w,;)'\"”]\s*$", sentence[:position]) is not None


def _inside(span: tuple[int, int], spans: Iterable[tuple[int, int]]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in spans)


def _grams(text: str) -> frozenset[tuple[str, ...]]:
    """Runs of words of a text, for telling whether another repeats it."""
    flat = plain(text)
    words = [w for w in (segment(flat) if is_cjk(flat) else LATIN.findall(flat)) if re.search(r"\w", w)]
    return frozenset(tuple(words[n : n + _ECHO_OF_PROMPT]) for n in range(len(words) - _ECHO_OF_PROMPT + 1))
