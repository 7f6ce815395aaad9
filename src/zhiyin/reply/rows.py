"""Catalogue rows as the short lines of facts that go into prompts: fenced, and as few as carry the point."""

from __future__ import annotations

from collections.abc import Sequence

from zhiyin.prompting.untrusted import fence, suspicious
from zhiyin.reply.wording import Wording
from zhiyin.types import Act, Candidate, ItemId, Slate, State

_ONE, _SEVERAL, _TEXT = 220, 200, 110  # characters


class Rows:
    """Words for rows, in one language."""

    def __init__(self, wording: Wording) -> None:
        self.wording, self.catalog = wording, wording.catalog

    def one(self, candidate: Candidate, language: str) -> str:
        """Title, then facts on one line: the matched wishes first, then what the card shows."""
        gap = "；" if language == "zh" else "; "
        title = self.wording.title(candidate.item, language, marked=True)
        return fence(f"{title}{'：' if language == 'zh' else ': '}{gap.join(self._facts(candidate, language))}", _ONE)

    def several(self, slate: Slate, language: str) -> str:
        """A numbered line for each, with the beginning of its description."""
        lines = []
        for number, candidate in enumerate(slate, 1):
            text = candidate.item.texts.get(language, "")
            told = fence(text, _TEXT) if text and not suspicious(text) else ""
            lines.append(f"{number}. {fence(self.one(candidate, language), _SEVERAL)}" + (f" | {told}" if told else ""))
        return "\n".join(lines)

    def of_items(self, items: Sequence[ItemId], state: State) -> str:
        """A line for each of these items."""
        language = str(state.language)
        shown = [Candidate(item=item, score=0.0, attributes=self.catalog.attributes(self.catalog.row[i], state.wishes)) for i in items if (item := self.catalog.item(i))]
        return "\n".join(self.one(c, language) for c in shown)

    def reasons(self, act: Act, language: str) -> dict[str, str]:
        """The facts and the reasons of the item that is explained."""
        item = self.catalog.item(act.items[0])
        if item is None:
            return {"facts": "", "reasons": ""}
        candidate = Candidate(item=item, score=0.0, attributes=self.catalog.attributes(self.catalog.row[item.id]))
        gap = "；" if language == "zh" else "; "
        return {"facts": self.one(candidate, language), "reasons": fence(gap.join(self.wording.reason(r, language) for r in act.reasons), _SEVERAL)}

    def _facts(self, candidate: Candidate, language: str) -> list[str]:
        matched = [self.wording.value(r.field, r.value, language) for r in candidate.reasons if r.kind == "wish" and r.field in self.wording.domain.fields]
        return list(dict.fromkeys([*matched, *self.wording.facts(candidate, language)]))
