"""Catalogue rows as the short lines of facts that go into prompts: fenced, labelled so that nothing is mistaken for something else, and few."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zhiyin.catalog.domain import Field
from zhiyin.prompting.untrusted import fence, suspicious
from zhiyin.reply.wording import Wording
from zhiyin.text import plain
from zhiyin.types import Act, Candidate, ItemId, Slate, State, Value

_ONE, _TEXT, _REASONS = 220, 110, 200  # characters
_FEW, _MORE = 3, 5  # facts of a row that is told alone, and of one that is told among others
_VALUES = 3  # of a field


class Rows:
    """Words for rows, in one language."""

    def __init__(self, wording: Wording) -> None:
        self.wording, self.catalog, self.domain = wording, wording.catalog, wording.domain

    def one(self, candidate: Candidate, language: str, *, most: int = _FEW) -> str:
        """A title, what kind of thing it is, and its facts with their labels: those that were wished for first, then what the card shows."""
        colon, gap = ("：", "；") if language == "zh" else (": ", "; ")
        title = self.wording.title(candidate.item, language, marked=True)
        facts = [f"{self.wording.label(field.name, language)}{colon}{text}" for field, text in self._facts(candidate, language)[:most]]
        return fence(f"{title}{colon}{gap.join([self.domain.noun.get(language, ''), *facts])}", _ONE)

    def several(self, slate: Slate, language: str) -> str:
        """A numbered line for each, with the beginning of its description."""
        lines = []
        for number, candidate in enumerate(slate, 1):
            text = candidate.item.texts.get(language, "")
            told = fence(text, _TEXT) if text and not suspicious(text) else ""
            lines.append(f"{number}. {self.one(candidate, language, most=_MORE)}" + (f" | {told}" if told else ""))
        return "\n".join(lines)

    def of_items(self, items: Sequence[ItemId], state: State) -> str:
        """A line for each of these items."""
        language = str(state.language)
        shown = [Candidate(item=item, score=0.0, attributes=self.catalog.attributes(self.catalog.row[i], state.wishes)) for i in items if (item := self.catalog.item(i))]
        return "\n".join(self.one(c, language, most=_MORE) for c in shown)

    def reasons(self, act: Act, language: str) -> dict[str, str]:
        """The facts and the reasons of the item that is explained."""
        item = self.catalog.item(act.items[0])
        if item is None:
            return {"facts": "", "reasons": ""}
        candidate = Candidate(item=item, score=0.0, attributes=self.catalog.attributes(self.catalog.row[item.id]))
        gap = "；" if language == "zh" else "; "
        return {"facts": self.one(candidate, language, most=_MORE), "reasons": fence(gap.join(self.wording.reason(r, language) for r in act.reasons), _REASONS)}

    def _facts(self, candidate: Candidate, language: str) -> list[tuple[Field, str]]:
        """Fields and their values in words, the most telling first; none that only repeats the title."""
        title = plain(self.wording.title(candidate.item, language))
        found: dict[str, tuple[Field, str]] = {}
        for field, value in self._values(candidate):
            text = self.wording.value(field.name, value[:_VALUES] if isinstance(value, tuple) else value, language)
            if field.name not in found and plain(text) not in title:
                found[field.name] = field, text.lower() if field.several == "all" else text
        return list(found.values())

    def _values(self, candidate: Candidate) -> Iterable[tuple[Field, Value]]:
        fields = self.domain.fields
        yield from ((fields[r.field], r.value) for r in candidate.reasons if r.kind == "wish" and r.field in fields)
        for field in sorted((f for f in fields.values() if f.card), key=lambda f: f.card):
            if field.name in candidate.attributes:
                yield field, candidate.attributes[field.name]
