"""Short item texts written by a model where the catalogue has none: grounded in the row, kept on disk, always marked as generated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import asdict, dataclass
from pathlib import Path

from zhiyin.errors import CacheError, ModelError
from zhiyin.llm import LLMRequest
from zhiyin.ports import LLM, Claims
from zhiyin.prompting.answers import ask
from zhiyin.prompting.prompts import Prompts
from zhiyin.reply.evidence import Ground
from zhiyin.reply.grounded import Judge
from zhiyin.reply.rows import Rows
from zhiyin.reply.sentences import Sentences
from zhiyin.types import Candidate, Item, ItemId

Progress = Callable[[int, int], None]  # done, written
_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Blurb:
    """One generated sentence. `row` is a hash of the facts it was made of: a row that changes loses its blurb."""

    item: ItemId
    language: str
    text: str
    row: str
    prompt: str
    model: str


class Blurbs:
    """The generated texts of one catalogue, a line of JSON each in `path`."""

    def __init__(self, path: Path, rows: Rows) -> None:
        self.path, self.rows = path, rows
        self._kept: dict[tuple[ItemId, str], Blurb] = {}
        self._read()

    def over(self, rows: Rows) -> Blurbs:
        """The same texts for a catalogue after a change; what one of them keeps the other has."""
        made = copy(self)
        made.rows = rows
        return made

    def of(self, item: Item, language: str) -> Blurb | None:
        """The item's blurb, if there is one of the row as it is now and the row has no description of its own."""
        blurb = self._kept.get((item.id, language))
        return blurb if blurb is not None and not item.texts.get(language) and blurb.row == self._key(item, language) else None

    def keep(self, blurb: Blurb) -> None:
        """Add a blurb, here and on disk. Raises `CacheError` where it cannot be written."""
        self._kept[blurb.item, blurb.language] = blurb
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(blurb), ensure_ascii=False) + "\n")
        except OSError as error:
            raise CacheError(f"{self.path} cannot be written: {error.strerror}", hint="Make room, or name another folder with ZHIYIN_CACHE") from error

    def facts(self, item: Item, language: str) -> str:
        """The line of facts that a blurb is made of."""
        return self.rows.one(Candidate(item=item, score=0.0, attributes=self.rows.catalog.attributes(self.rows.catalog.row[item.id])), language)

    def _key(self, item: Item, language: str) -> str:
        return hashlib.sha256(self.facts(item, language).encode()).hexdigest()[:16]

    def _read(self) -> None:
        """What is on disk; lines that are no blurb, a torn last one say, are passed over: they can be written again."""
        if not self.path.is_file():
            return
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                blurb = Blurb(**json.loads(line))
            except (ValueError, TypeError):
                continue
            self._kept[blurb.item, blurb.language] = blurb

    def new(self, item: Item, language: str, text: str, *, prompt: str, model: str) -> Blurb:
        """A blurb of the row as it is now."""
        return Blurb(item=item.id, language=language, text=text, row=self._key(item, language), prompt=prompt, model=model)


class BlurbWriter:
    """Writes blurbs: one sentence from the facts of one row, kept only if the grounding check bears it out."""

    def __init__(self, blurbs: Blurbs, llm: LLM, prompts: Prompts, ground: Ground, claims: Claims) -> None:
        self.blurbs, self.llm, self.prompts, self.ground, self.claims = blurbs, llm, prompts, ground, claims

    async def write(self, items: Iterable[Item], language: str, progress: Progress = lambda *_: None) -> tuple[int, int]:
        """How many were asked for and how many kept. Raises `ModelError` where the model does not answer at all."""
        asked = kept = 0
        for item in items:
            asked += 1
            blurb = await self._one(item, language)
            if blurb is not None:
                kept += 1
                self.blurbs.keep(blurb)
            progress(asked, kept)
        return asked, kept

    async def _one(self, item: Item, language: str) -> Blurb | None:
        rendered = self.prompts.render("blurb", language, {"facts": self.blurbs.facts(item, language)})
        request = LLMRequest(messages=rendered.messages, purpose="blurb", max_tokens=rendered.max_tokens, seconds=_SECONDS, prompt=rendered.id)
        try:
            answer = await ask(self.llm, request)
        except ModelError as error:
            if error.code == "model_unreadable":
                return None
            raise
        cut = Sentences(item.titles.values())
        sentence = (cut.feed(answer.text + "\n") or [""])[0]
        judge = Judge(self.ground, self.claims, items=[item.id], language=language, instructions=rendered.messages[0].text)
        verdict = judge.trimmed(sentence)
        return self.blurbs.new(item, language, verdict.sentence, prompt=rendered.id, model=self.llm.name) if verdict.ok and verdict.telling else None
