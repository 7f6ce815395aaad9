"""Comparatives and superlatives become bounds and orders: "cheaper", 比它轻, "newest", 再便宜500, "nothing too heavy"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Direction, Domain
from zhiyin.types import Edit, ItemId, Op, Put, State, Value, Wish
from zhiyin.understand.message import Message
from zhiyin.understand.phrases import Compares
from zhiyin.understand.quantities import Quantity
from zhiyin.understand.references import picks_of_several, points_at_one

_WISHES_NOT = re.compile(r"(?:\b(?:not|nothing|isn't|without being|don't want (?:it|one)?)|不要|别|不想要?|不能|不)\s*$")


class ComparisonReader:
    """Reads the comparisons of one domain's messages."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog, self.domain = catalog, catalog.domain
        self._bare = dict(_bare_comparatives(self.domain))
        stems = "|".join(sorted(map(re.escape, self._bare), key=len, reverse=True)) or "(?!)"
        self._than_pattern = re.compile(rf"比(?!较)[^,，。!?！？]{{0,10}}?(?P<stem>{stems})")
        self._by_pattern = re.compile(rf"(?:再|能|还能)?(?P<stem>{stems})(?:个|上)?\s*$")

    def __call__(self, message: Message, state: State, about: Sequence[ItemId]) -> list[Edit]:
        """The edits that a message's comparisons make."""
        edits: list[Edit] = []
        found = [(m.start, m.end, c.direction, c.most) for m, c in message.of(Compares) if isinstance(c, Compares)]
        found += [(start, end, direction, False) for start, end, direction in self.than(message.text) if not any(start < e and s < end for s, e, *_ in found)]
        for start, end, direction, most in found:
            source = message.said(start, end)
            if picks_of_several(message.text, start, end) and (len(state.focus) > 1 or state.slate):
                continue  # "the cheaper of the two" points, it wishes for nothing
            if re.match(r"太|too\b", message.text[start:end]) and _WISHES_NOT.search(message.text[:start]):
                edits.append(self._toward(direction, source, most=False))  # "nothing too heavy": the quality, not a bound
                continue
            if most or not (about or state.focus or state.slate):
                if not points_at_one(message.text, end) or not state.slate:
                    edits.append(self._toward(direction, source, most=most))
                continue
            bound = self._against(direction, about or state.focus or (), state)
            if bound is not None:
                op = Op.LT if direction.toward == "lower" else Op.GT
                edits.append(Put(wish=_wish(direction.field, op, bound, source), how="replace"))
        return edits

    def _toward(self, direction: Direction, source: str, *, most: bool) -> Put:
        """A superlative orders; a comparative with nothing to compare with ("something not too expensive") is the quality itself, where the pack has it."""
        downward = direction.toward == "lower"
        if not most:
            ops = {Op.LT, Op.LE} if downward else {Op.GT, Op.GE}
            for adjective in self.domain.adjectives.values():
                first = adjective.conditions[0]
                if first.field == direction.field and first.op in ops:
                    return Put(wish=_wish(first.field, first.op, first.value, source, hard=adjective.hard), how="merge")
        return Put(wish=_wish(direction.field, Op.LIKE, "lowest" if downward else "highest", source, hard=False), how="replace")

    def than(self, text: str) -> Iterable[tuple[int, int, Direction]]:
        """比它便宜: after 比 the bare adjective compares."""
        for m in self._than_pattern.finditer(text):
            yield m.start(), m.end(), self._bare[m["stem"]]

    def _against(self, direction: Direction, anchors: Sequence[ItemId], state: State) -> float | int | None:
        """The value to beat: of the items in focus, else the best of those shown."""
        for ids in (anchors, state.slate):
            known = [n for i in ids if (n := self.shown_number(i, direction.field, state)) is not None]
            if known:
                return min(known) if direction.toward == "lower" else max(known)
        return None

    def shown_number(self, item: ItemId, field: str, state: State) -> float | int | None:
        """A field's number as the card showed it: of sizes, the one that met the wishes."""
        row = self.catalog.row.get(item)
        value = None if row is None else self.catalog.attributes(row, state.wishes).get(field)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def cheaper_by(self, message: Message, q: Quantity, state: State) -> Put | None:
        """再便宜500: so much below (or above) what is under discussion."""
        before = message.text[: q.core[0]]
        m = self._by_pattern.search(before)
        if m is None or q.low is None or not (state.focus or state.slate):
            return None
        direction = self._bare[m["stem"]]
        anchor = self._against(direction, state.focus, state)
        if anchor is None:
            return None
        lower = direction.toward == "lower"
        bound = anchor - q.low if lower else anchor + q.low
        return Put(wish=_wish(direction.field, Op.LE if lower else Op.GE, int(bound) if float(bound).is_integer() else bound, message.said(m.start(), q.end)), how="replace")


def _bare_comparatives(domain: Domain) -> Iterable[tuple[str, Direction]]:
    """便宜点, 更便宜 -> 便宜."""
    for lexicon in domain.lexicons.values():
        for direction, words in lexicon.comparatives.values():
            for word in words:
                bare = re.sub(r"^(?:更|再)|(?:一点|一些|点|些)$", "", word)
                if bare != word and 0 < len(bare) <= 3:
                    yield bare, direction


def _wish(field: str, op: Op, value: Value, source: str, *, hard: bool = True) -> Wish:
    return Wish(field=field, op=op, value=value, source=source, hard=hard)
