"""The grounding check: a model's sentence reaches the user only if the rows it speaks of, or the user's own wishes, bear out all of it.

Whatever a sentence says by way of titles, people, field values, qualities, comparisons and numbers is looked up in the rows; every other
word must be one that states nothing checkable (`texts/plain.*.txt`) or one that stands in the row. What is not known to be true is withheld.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zhiyin.llm import Claim
from zhiyin.ports import Claims
from zhiyin.reply.evidence import LATIN, Evidence, Ground, Stretch, distinct, first_surface, masked, plain_words, stretches, whole, word_runs, words_of
from zhiyin.reply.sentences import heads
from zhiyin.reply.shape import MARKS, misshapen
from zhiyin.text import CJK, is_cjk, plain, segment, stem
from zhiyin.types import ItemId, Op, Wish

_RUNS = re.compile(f"[{CJK}]+")
_TINY = re.compile(r"[一两]|\b(?:one|two|a|an)\b")
_NOT = r"(?:without|no|not|(?:does|do|is)(?:n't| not)(?: (?:feature|have|star|include|contain))?|free of|没有|不含|不带|不是|无)\s*(?:any\s+)?"
_YEAR = "@year"
_BUDGET = re.compile(r"\bbudgets?\b|预算")
_THAN = frozenset({"than", "比"})  # said only beside a comparison that holds
_LONG = re.compile(r"\s*(?:long\b|长(?!度))")  # after a number that holds
_RELATION = re.compile(
    r"\b(?:director|star|actor|actress|lead|maker|brand|author|writer|cast|team|creator|hero)s? (?:of|behind|in|from) (?:the )?[《\"“]?\ue000"
    r"|\bby (?:the )?[《\"“]?\ue000|\ue000[》\"”]?(?:'s|的)\s*(?:director|star|actor|lead|maker|brand|cast|导演|主演|演员|主角|编剧|团队|班底|品牌|厂家|厂商|牌子)|同一|同个|共同"
)
# A name without a word for its part: "by A", "A's", A的, A、B. A name that is only told about ("a story about A") is in no row.
_CREDITED = re.compile(r"(?:\b(?:by|with|from|stars?|starring|and)|[,&、，和与由是])\s*$")
_TOLD_OF = re.compile(r"(?:\b(?:about|follow(?:s|ing)?)|关于|[讲描][述写绘]?了?)\s*$")
_CREDITS = re.compile(r"\s*(?:'s\b|and\b|[,&、和与的]|\d{4}年的)")
_SERIES = re.compile(r"\s*(?:series|line|family|系列)")
_LEFT_BEHIND = re.compile(r"(?:\bthan|比)\s*(?:the\s+)?[《\"“]?$")  # "A is cheaper than B" says nothing else of B
_TOWARD = {Op.LT: "lowest", Op.LE: "lowest", Op.GT: "highest", Op.GE: "highest"}
_HE = re.compile(r"(?:he|she|they|who)\b|[他她]|(?:i|we|you|zhiyin|我们?|你|知音)\s*(?:have |had |also |曾|也)?(?:made|directed|played|starred|wrote|导演|执导|主演|出演|拍)")
_OPEN = 14  # characters between the name of a field and its number


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
        self._told = word_runs(instructions)
        self._units = frozenset(w for w in ground.talk | {"ram", "rom", "cpu", "os"} if len(w) <= 3)
        self._free = plain_words(language) | ground.talk | frozenset(w for words in ground.label_words.values() for w in words)

    def __call__(self, sentence: str) -> Verdict:
        """The verdict on the next sentence."""
        sentence = sentence.strip()
        wrong = [*self._shape(sentence)]
        if wrong:
            return Verdict(sentence, tuple(wrong))
        text = plain(sentence)
        titles = first_surface(self.items, text)
        spans = [(start, end) for start, end, _ in titles]
        wrong += self._quoted(sentence, spans)
        echoed = self._exclusions(text)
        claims = [c for c in self.claims(sentence) if not _inside((c.start, c.end), spans) and not _inside((c.start, c.end), echoed)]
        claims = _without_lengths(claims, text)
        groups = self._settled(stretches(text, titles, self.items, self._last), _without(text, spans), text, claims)
        good, bad = self._weighed(text, claims, groups)
        wrong += [sentence[start:end] for start, end in bad]
        wrong += self._roles(text, groups, sentence)
        wrong += self._relations(text, titles)
        wrong += self._budget(text)
        wrong += self._mistaken(sentence, text, spans, good)
        compared = any(c.kind in {"order", "quality"} and (c.start, c.end) in good for c in claims)
        good += [m.span() for place in good if (m := _LONG.match(text, place[1])) and any(c.kind == "number" and (c.start, c.end) == place for c in claims)]
        wrong += [w for w in self._rest(sentence, [*spans, *echoed, *good, *bad], groups) if not (compared and w in _THAN)]
        named = [e for g in groups for e in g.members]
        if not wrong and named:
            self._last = named
        return Verdict(sentence, tuple(dict.fromkeys(wrong)), tuple(dict.fromkeys(e.item.id for e in named)), telling=bool(good) or self._tells(text, spans, named))

    def trimmed(self, sentence: str) -> Verdict:
        """The verdict on the next sentence or, where that may not be said, on the longest beginning of it that may and that tells something of an item."""
        whole = self(sentence)
        tries = () if whole.ok else (self(head) for head in heads(sentence) if first_surface(self.items, plain(head)))
        return next((v for v in tries if v.ok and v.telling), whole)

    def _tells(self, text: str, titles: Sequence[tuple[int, int]], about: Sequence[Evidence]) -> bool:
        """Whether a word besides the titles comes from the rows."""
        own = frozenset.union(frozenset(), *(e.words for e in about)) - self._free
        return bool(own & words_of(_without(text, titles)))

    # --- the shape ---

    def _shape(self, sentence: str) -> Iterable[str]:
        yield from misshapen(sentence, [name for e in self.items for name in e.item.titles.values()], self.language)
        if self._told & word_runs(sentence):
            yield "the instructions"

    def _quoted(self, sentence: str, titles: Sequence[tuple[int, int]]) -> Iterable[str]:
        """What stands in title or quotation marks is a title of an item or the user's own words."""
        own = {plain(w.source) for w in self.wishes if w.source}
        for m in MARKS.finditer(sentence):
            inside = next(g for g in m.groups() if g is not None)
            if not any(start <= m.start() + 1 and m.end() - 1 <= end for start, end in titles) and not (plain(inside) in own and m[0][0] != "《"):
                yield m[0]

    # --- which words are about which items ---

    def _settled(self, found: list[Stretch], bare: str, text: str, claims: Sequence[Claim]) -> list[Stretch]:
        """A title of which nothing is said shares what was said before it ("A has 5G, and so has B")."""
        for n in range(len(found) - 1, 0, -1):
            start, end = found[n].start, found[n + 1].start if n + 1 < len(found) else len(text)
            said = any(start <= c.start < end for c in claims) or words_of(bare[start:end]) - self._free
            if not said and not _LEFT_BEHIND.search(text[:start]):
                found[n - 1] = replace(found[n - 1], members=distinct([*found[n - 1].members, *found[n].members]))
        return found

    @staticmethod
    def _at(position: int, groups: Sequence[Stretch]) -> Stretch:
        return next(g for g in reversed(groups) if g.start <= position)

    # --- claims ---

    def _weighed(self, text: str, claims: Sequence[Claim], groups: Sequence[Stretch]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The places of claims that hold and of those that do not; of several readings of a place each kind must hold whole, and one kind is enough."""
        places: dict[tuple[int, int], list[Claim]] = {}
        for claim in claims:
            places.setdefault((claim.start, claim.end), []).append(claim)
        good: list[tuple[int, int]] = []
        bad: list[tuple[int, int]] = []
        titled = bool(first_surface(self.items, text))
        for place, readings in places.items():
            group = self._at(place[0], groups)
            kinds = {c.kind for c in readings}
            holds = any(all(self._holds(c, text, group, groups) for c in readings if c.kind == kind) for kind in kinds)
            may_echo = not titled and len(group.members) != 1 and not any(c.negated for c in readings)
            (good if holds or (may_echo and all(self._wished(c, text) for c in readings)) else bad).append(place)
        return good, bad

    def _holds(self, claim: Claim, text: str, group: Stretch, groups: Sequence[Stretch]) -> bool:
        members = group.members
        if claim.kind == "number" and self._small(claim, text):
            return True
        if claim.negated or not members:
            return False
        match claim.kind:
            case "value":
                return all(str(value) in {str(v) for v in e.item.values(field)} for e in members for field in claim.fields for value in claim.values)
            case "quality":
                if group.compared:
                    return self._compares(claim.wishes[0], group, groups)
                return all(self._satisfies(e, wish) for e in members for wish in claim.wishes)
            case "order":
                return self._ordered(claim.fields[0], str(claim.values[0]), group, None if claim.values[1] == "most" else groups)
            case "number":
                return all(self._counts(claim, e, text) for e in members)
        return False

    def _satisfies(self, evidence: Evidence, wish: Wish) -> bool:
        return bool(self.ground.catalog.satisfies(wish)[self.ground.catalog.row[evidence.item.id]])

    def _small(self, claim: Claim, text: str) -> bool:
        """One, two and how many are shown count things; they say nothing of an item."""
        low, high = claim.values
        said = text[claim.start : claim.end]
        return low == high and not claim.unit and (bool(_TINY.fullmatch(said.strip())) or (low == len(self.among) > 2 and not any(c.isdigit() for c in said)))

    def _counts(self, claim: Claim, evidence: Evidence, text: str) -> bool:
        """Whether a number of the item lies where the claim puts it, in a field that the unit and the words beside it allow."""
        low, high = (float(v) for v in claim.values)
        fields = {name: factor for name in evidence.numbers if (factor := self._factor(name, claim.unit)) is not None}
        named = self._named(claim, text, fields)
        for name, factor in fields.items():
            kind = self.ground.domain.fields[name].kind
            if (named and name != named) or (kind != "year" and low < high < np.inf and low > -np.inf):
                continue  # "between 4,000 and 6,000" is said of wishes, not of an item
            if not claim.unit and kind != "year" and (name != named or not np.isfinite(low + high)):
                continue
            slack = 0.005 if factor != 1.0 else 1e-9  # converted amounts are rounded; "2.3 hours" is no lie
            values = evidence.numbers[name]
            if high == float("inf") and kind == "money":
                values = values and (min(values),)  # "over 3,000" is said of the cheapest size
            if any(low * factor - slack * abs(v) <= v <= high * factor + slack * abs(v) for v in values):
                return True
        return False

    def _named(self, claim: Claim, text: str, fields: Iterable[str]) -> str:
        """The field that a word beside the number names, of those that take the unit or one that could be mistaken for them; empty where none is."""
        known = self.ground.domain.fields
        units = {u for name in fields for u in known[name].units}
        near: list[tuple[int, int, str]] = []
        for name, field in known.items():
            if not field.numeric or field.kind == "year" or not (name in fields or units & set(field.units)):
                continue
            for label in self.ground.labels[name]:
                edge = r"(?<![a-z]){}(?![a-z])" if label.isascii() else "{}"
                word = edge.format(re.escape(label))
                if m := re.compile(rf"\s*(?:of\s+|的)?{word}").match(text, claim.end):
                    near.append((0, -len(label), name))
                if (found := list(re.finditer(word, text[: claim.start]))) and (m := found[-1]) and not re.search(r"[\d,，;；。]", text[m.end() : claim.start]):
                    near.append((1 + claim.start - m.end(), -len(label), name))
        return min((n for n in near if n[0] <= _OPEN), default=(0, 0, ""))[2]

    def _factor(self, name: str, unit: str) -> float | None:
        """What turns the claim's number into the field's own unit; None where this field does not take the unit. Other currencies are not converted: their rate moves."""
        field = self.ground.domain.fields[name]
        if not unit:  # a bare number is a year, or a score that says so; "for 5000" could mean anything
            return 1.0 if field.kind == "year" or (field.wish and not field.unit) else None
        if unit == _YEAR:
            return 1.0 if field.kind == "year" else None
        if unit in field.units and unit not in field.foreign:
            return field.units[unit]
        return 1.0 if unit in {plain(u) for u in field.unit.values()} else None

    def _compares(self, wish: Wish, group: Stretch, groups: Sequence[Stretch]) -> bool:
        """A quality after "A 比 B" is an order: A 比 B 便宜."""
        return wish.op in _TOWARD and self.ground.domain.fields[wish.field].numeric and self._ordered(wish.field, _TOWARD[wish.op], group, groups)

    def _ordered(self, field: str, toward: str, group: Stretch, groups: Sequence[Stretch] | None) -> bool:
        """Whether an order holds: "the cheapest" against everything shown (no `groups`), "cheaper" against the other items of the sentence; all must be known."""
        others = self.among if groups is None else [e for g in groups for e in g.members]
        column = self.ground.catalog.numbers(field)
        own = [float(column[self.ground.catalog.row[e.item.id]]) for e in group.subject]
        against = [float(column[self.ground.catalog.row[e.item.id]]) for e in others if e not in group.subject]
        if not own or not against or any(np.isnan(v) for v in (*own, *against)):
            return False
        return max(own) < min(against) if toward == "lowest" else min(own) > max(against)

    def _wished(self, claim: Claim, text: str) -> bool:
        """Whether the claim says over what the user wished for; a bare number does only as a budget, for "the price is 5000" is said of the items."""
        for wish in self.wishes:
            if wish.negated or wish.op is Op.NONE_OF:
                continue
            wanted = wish.value if isinstance(wish.value, tuple) else (wish.value,)
            if claim.kind == "value" and wish.field in claim.fields and set(claim.values) <= set(wanted):
                return True
            if claim.kind == "quality" and (claim.wishes[0].field, claim.wishes[0].op, claim.wishes[0].value) == (wish.field, wish.op, wish.value):
                return True
            exact = claim.kind == "number" and claim.values[0] == claim.values[1] and wish.op is not Op.EQ
            if claim.kind == "number" and self._factor_fits(claim, wish) and (not exact or _BUDGET.search(text)):
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

    def _roles(self, text: str, groups: Sequence[Stretch], sentence: str) -> Iterable[str]:
        """Persons are in the item, and in the part that the nearest word for a part says."""
        cues = [(m.start(), m.end(), field) for field, pattern in self.ground.roles for m in pattern.finditer(text)]
        for evidence in self.items:
            for surface, fields in evidence.people.items():
                for m in re.finditer(rf"(?<!\w){re.escape(surface)}(?!\w)" if surface.isascii() else re.escape(surface), text):
                    members = self._at(m.start(), groups).members
                    if not all(surface in e.people for e in members):
                        yield sentence[m.start() : m.end()]
                        continue
                    near = [(min(abs(start - m.end()), abs(m.start() - end)), field) for start, end, field in cues if -2 <= m.start() - end <= 20 or 0 <= start - m.end() <= 3]
                    if _TOLD_OF.search(text[: m.start()]) or (min(near)[1] not in fields if near else not (_CREDITED.search(text[: m.start()]) or _CREDITS.match(text, m.end()))):
                        yield sentence[m.start() : m.end()]

    def _relations(self, text: str, titles: Sequence[tuple[int, int, ItemId]]) -> Iterable[str]:
        """What "by the director of B" says: items are tied by something that is not said, as by "he also made B"."""
        marked = masked(text, titles)
        if len({item for _, _, item in titles}) > 1 or "同" in text:
            yield from (m[0].replace("\ue000", "") for m in _RELATION.finditer(marked))
        if titles and (m := _HE.match(text[: titles[0][0]].lstrip('"“《 '))):
            yield m[0]

    def _budget(self, text: str) -> Iterable[str]:
        """A budget can be kept only where the user named one."""
        if not any(self.ground.domain.fields[w.field].kind == "money" for w in self.wishes if w.field in self.ground.domain.fields):
            yield from (m[0] for m in _BUDGET.finditer(text))

    def _mistaken(self, sentence: str, text: str, titles: Sequence[tuple[int, int]], values: Sequence[tuple[int, int]]) -> Iterable[str]:
        """Titles of other items that are made of words of these ones' titles, where they stand neither within one of these nor for a value."""
        for rival in dict.fromkeys(r for e in self.items for r in e.rivals):
            begins = any(s.startswith(rival) for e in self.items for s in e.surfaces)
            for m in re.finditer(whole(rival), text):
                named = is_cjk(rival) or " " in rival or not sentence[m.start()].islower()  # "a dark thriller" does not name "Dark"
                value = _inside(m.span(), values) and (not begins or _SERIES.match(text, m.end()))
                if named and not value and not _inside(m.span(), titles):
                    yield sentence[m.start() : m.end()]

    # --- every other word ---

    def _rest(self, sentence: str, spans: Sequence[tuple[int, int]], groups: Sequence[Stretch]) -> Iterable[str]:
        text = _without(plain(sentence), spans)
        for m in LATIN.finditer(text):
            members = self._at(m.start(), groups).members
            word = m[0].replace("’", "'")
            names = self._common(members, "names")
            capital = sentence[m.start()].isupper() and _within_sentence(sentence, m.start()) and word != "i" and not word.startswith(("i'", "zhiyin"))
            allowed = names | self._units if capital or (self.language == "zh") else self._allowed(members)
            if word != "zhiyin" and not _known(word, allowed):
                yield sentence[m.start() : m.end()]
        for m in _RUNS.finditer(text):
            members = self._at(m.start(), groups).members
            allowed = self._allowed(members)
            for word in segment(m[0]):
                if word in allowed or word == "知音" or (len(word) > 1 and (all(c in allowed for c in word) or (members and all(word in e.text for e in members)))):
                    continue
                yield word

    def _allowed(self, members: Sequence[Evidence]) -> frozenset[str]:
        """Words that may be said of these items, besides names; of nothing, what fields are called."""
        return plain_words(self.language) | self.ground.talk | self._common(members, "words") if members else self._free

    @staticmethod
    def _common(members: Sequence[Evidence], kind: str) -> frozenset[str]:
        """The words that every one of these rows bears out."""
        sets: list[frozenset[str]] = [getattr(e, kind) for e in members]
        return frozenset.intersection(*sets) if sets else frozenset()


def _without_lengths(claims: Sequence[Claim], text: str) -> list[Claim]:
    """The claims but for the "long" of "148 minutes long", which only says what is counted."""
    longs = [m.span() for c in claims if c.kind == "number" and (m := _LONG.match(text, c.end))]
    return [c for c in claims if not (c.kind in {"quality", "order"} and _inside((c.start, c.end), longs))]


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
