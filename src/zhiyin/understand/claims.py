"""What a sentence claims of items: the words that users are understood by, turned on what a model says. See `reply/grounded.py` for the judging."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Adjective, Condition
from zhiyin.llm import Claim
from zhiyin.text import is_cjk, plain, tokens
from zhiyin.types import Op, Wish
from zhiyin.understand.message import word_bounds
from zhiyin.understand.phrases import AsksField, Compares, Describes, Masked, Meaning, Mention, Names, Noun, Phrasebook
from zhiyin.understand.polarity import negated, negations
from zhiyin.understand.quantities import Quantity, read_quantities

_NO_YEAR = 2000  # "last year" in a model's sentence means nothing checkable; any year will do


class ClaimReader:
    """The `Claims` port over a domain's phrasebook: values, qualities, orders and numbers, exactly as written (no spelling is mended).

    Titles and people are matched by the judge, who knows which items a sentence may speak of.
    """

    def __init__(self, catalog: Catalog, book: Phrasebook[Meaning]) -> None:
        self.domain, self.book = catalog.domain, book
        self.units = tuple({u for f in catalog.domain.fields.values() for u in f.units} | {u for f in catalog.domain.fields.values() for w in f.unit.values() if (u := plain(w))})

    def __call__(self, sentence: str, /) -> tuple[Claim, ...]:
        """The claims in the order they stand; offsets refer to the sentence."""
        text = plain(sentence)
        mentions = self._mentions(text)
        named = [m for m in mentions if any(isinstance(x, Names | Describes) for x in m.meanings)]
        quantities = read_quantities(text, self.units, year=_NO_YEAR, blocked=[(m.start, m.end) for m in named if any(c.isdigit() for c in text[m.start : m.end])])
        scopes = negations(text, [m for m in mentions if not m.of(AsksField) and not m.of(Noun)] + [Mention(q.core[0], q.core[1], ()) for q in quantities])
        found = [
            claim for m in mentions if not any(q.start <= m.start and m.end <= q.end for q in quantities) for claim in self._of(m, negated(scopes, m.start, m.end) is not None)
        ]
        found += [_number(q, negated(scopes, q.core[0], q.core[1]) is not None) for q in quantities]
        return tuple(sorted(found, key=lambda c: (c.start, c.end)))

    def _mentions(self, text: str) -> list[Mention]:
        words, bounds = tokens(text), word_bounds(text)
        found: list[Mention] = []
        for first, past, meanings in self.book.find(words):
            start, end = words[first].start, words[past - 1].end
            if is_cjk(text[start:end]) and not (start in bounds and end in bounds) and past - first < 3:
                continue
            found.append(Mention(start, end, tuple(meanings)))
        return [m for m in _longest(found) if not m.of(Masked)]

    def _needed(self, adjective: Adjective) -> Iterable[Condition]:
        """The conditions without which the word would mislead: the first, the exceptions, and with a number every number ("a classic" is known and old)."""
        lead, *others = adjective.conditions
        counted = self.domain.fields[lead.field].numeric
        return (lead, *(c for c in others if c.op is Op.NONE_OF or (counted and self.domain.fields[c.field].numeric)))

    def _of(self, mention: Mention, denied: bool) -> Iterable[Claim]:
        """The claims of a mention; of several readings each is one, and the judge asks for any of those at the same place."""
        start, end = mention.start, mention.end
        for meaning in mention.meanings:
            match meaning:
                case Names():
                    yield Claim(kind="value", fields=(meaning.field,), values=(meaning.value,), negated=denied, start=start, end=end)
                case Describes():
                    wishes = tuple(Wish(field=c.field, op=c.op, value=c.value) for c in self._needed(meaning.adjective))
                    yield Claim(kind="quality", wishes=wishes, negated=denied, start=start, end=end)
                case Compares():
                    yield Claim(
                        kind="order",
                        fields=(meaning.direction.field,),
                        values=("lowest" if meaning.direction.toward == "lower" else "highest", "most" if meaning.most else "more"),
                        negated=denied,
                        start=start,
                        end=end,
                    )
                case _:
                    pass


def _number(quantity: Quantity, denied: bool) -> Claim:
    low = float("-inf") if quantity.low is None else quantity.low
    high = float("inf") if quantity.high is None else quantity.high
    if quantity.approx:
        low, high = low * 0.9, high * 1.1
    return Claim(kind="number", start=quantity.start, end=quantity.end, values=(low, high), unit=quantity.unit, negated=denied)


def _longest(mentions: Sequence[Mention]) -> list[Mention]:
    """Of overlapping mentions the longest, then the first."""
    kept: list[Mention] = []
    for mention in sorted(mentions, key=lambda m: (m.start - m.end, m.start)):
        if not any(mention.start < k.end and k.start < mention.end for k in kept):
            kept.append(mention)
    return sorted(kept, key=lambda m: m.start)
