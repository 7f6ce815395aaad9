"""Why an item is shown, each reason with its evidence: a wish in the user's words, likeness to an example, behaviour, or quality."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zhiyin.catalog.columns import Catalog
from zhiyin.types import ItemId, Op, Query, Reason, Value, Wish

MAX_REASONS = 4
_TELLING = 0.25  # likeness below this is no reason


class ReasonFinder:
    """Finds reasons that are true of a row."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def __call__(self, row: int, query: Query, sources: Mapping[str, float], liked: Sequence[ItemId] = ()) -> tuple[Reason, ...]:
        """At most four reasons, the user's own wishes first; `liked` are the likes that the row owes its place to."""
        found = [*self._wishes(row, query)]
        liked = [i for i in liked if i != self.catalog.items[row].id]  # that somebody likes it is no reason to show it
        if query.basis and sources.get("similar", 0.0) > _TELLING:
            found += self._alike(row, query.basis, "similar")
        found += self._alike(row, liked, "behaviour") or [Reason(kind="behaviour", field="", value="", source=i) for i in liked[:1]]
        found += self._quality(row)
        return tuple(found[:MAX_REASONS])

    def _wishes(self, row: int, query: Query) -> Iterable[Reason]:
        shown = self.catalog.attributes(row, query.wishes)
        for wish in query.wishes:
            if wish.op is Op.NONE_OF or wish.negated:
                continue
            value = shown.get(wish.field)
            if value is None:
                continue
            if wish.op is Op.LIKE:
                yield Reason(kind="wish", field=wish.field, value=value, source=wish.source)
            elif self.catalog.satisfies(wish)[row]:
                yield Reason(kind="wish", field=wish.field, value=_matching(value, wish), source=wish.source)
        yield from self._supported(row, query)

    def _supported(self, row: int, query: Query) -> Iterable[Reason]:
        """A mood met by its supporting conditions only: the value that lends the support is the evidence."""
        for wish in query.wishes:
            if wish.hard or wish.op is Op.LIKE or self.catalog.satisfies(wish)[row]:
                continue
            adjective = self.catalog.domain.quality_of(wish)
            for condition in adjective.conditions[1:] if adjective else ():
                support = Wish(field=condition.field, op=condition.op, value=condition.value)
                value = self.catalog.items[row].attributes.get(condition.field)
                if value is not None and condition.op is not Op.NONE_OF and self.catalog.satisfies(support)[row]:
                    yield Reason(kind="wish", field=condition.field, value=_matching(value, support), source=wish.source)
                    break

    def _alike(self, row: int, examples: Iterable[ItemId], kind: str) -> list[Reason]:
        """What the item shares with an example."""
        item, found = self.catalog.items[row], []
        for example in examples:
            other = self.catalog.item(example)
            if other is None:
                continue
            for name, field in self.catalog.domain.fields.items():
                if field.kind not in {"list", "category"} or not field.wish:
                    continue
                shared = tuple(v for v in item.values(name) if v in other.values(name))
                if shared and len(self.catalog.values(name).get(str(shared[0]), ())) < 0.6 * len(self.catalog):
                    found.append(Reason(kind="similar" if kind == "similar" else "behaviour", field=name, value=shared[:3], source=example))
                    break
        return found

    def _quality(self, row: int) -> Iterable[Reason]:
        item = self.catalog.items[row]
        for quality in self.catalog.domain.quality:
            value = item.attributes.get(quality.field)
            if quality.reason and quality.above is not None and isinstance(value, int | float) and value >= quality.above:
                yield Reason(kind=quality.kind, field=quality.field, value=value)


def _matching(value: Value, wish: Wish) -> Value:
    """Of a list, the values that were wished for."""
    if isinstance(value, tuple) and isinstance(wish.value, tuple):
        return tuple(v for v in value if v in wish.value) or value
    return value
