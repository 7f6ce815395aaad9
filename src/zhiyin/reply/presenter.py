"""The parts of a reply besides its prose, in words: reasons, chips, questions with options, offers, notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from zhiyin.llm import Trace
from zhiyin.reply.blurbs import Blurbs
from zhiyin.reply.rows import Rows
from zhiyin.reply.speaker import TemplateSpeaker
from zhiyin.reply.wording import Wording
from zhiyin.types import Act, Done, Item, Notice, Question, Slate, State


class Presenter:
    """The `Present` port."""

    def __init__(self, speaker: TemplateSpeaker, wording: Wording, standing: tuple[Notice, ...] = (), model: str = "", blurbs: Blurbs | None = None) -> None:
        self.speaker, self.wording, self.model, self.blurbs = speaker, wording, model, blurbs
        self.standing = standing  # notices of every reply: no model, a stand-in embedder

    def over(self, speaker: TemplateSpeaker, wording: Wording) -> Presenter:
        """The same for a catalogue after a change."""
        return Presenter(speaker, wording, self.standing, self.model, self.blurbs.over(Rows(wording)) if self.blurbs else None)

    def slate(self, slate: Slate, state: State, /) -> Slate:
        """The slate with its reasons worded in the state's language, and a blurb where a row has no description in it."""
        language = str(state.language)
        return tuple(
            replace(
                c,
                reasons=tuple(replace(r, text=self.wording.reason(r, language)) for r in c.reasons),
                facts=self.wording.facts_by_language(c),
                evidence=self.wording.evidence_by_language(c),
                blurb=self._blurb(c.item, language),
            )
            for c in slate
        )

    def _blurb(self, item: Item, language: str) -> str:
        blurb = self.blurbs.of(item, language) if self.blurbs else None
        return blurb.text if blurb else ""

    def known(self, state: State, /) -> State:
        """The state without what this catalogue does not have: a session may have begun over another one."""
        fields, row = self.wording.domain.fields, self.wording.catalog.row
        wishes = tuple(w for w in state.wishes if w.field in fields)
        focus, basis = (tuple(i for i in ids if i in row) for ids in (state.focus, state.basis))
        slate = state.slate if any(i in row for i in state.slate) else ()  # whole: "the second one" counts what was shown, gone or not
        return replace(state, wishes=wishes, slate=slate, focus=focus, basis=basis, question=state.question if state.question in fields else "")

    def done(self, act: Act, state: State, text: str, latency_ms: Mapping[str, float], trace: Trace, /) -> Done:
        """The closing part."""
        language = str(state.language)
        return Done(
            text=text,
            question=self._question(act.question, state, language) if act.question else None,
            offers=tuple(replace(o, text=self.wording.offer(o, language)) for o in act.offers),
            chips=tuple((w.id, self.wording.wish(w, language), w.source) for w in state.wishes),
            notices=tuple(dict.fromkeys((n.code, self.speaker.notice(n, language)) for n in (*act.notices, *trace.notices, *self.standing))),
            latency_ms=latency_ms,
            model=self.model,
            calls=tuple(trace.calls),
            said=trace.said,
            withheld=tuple(trace.withheld),
        )

    def _question(self, question: Question, state: State, language: str) -> Question:
        options = tuple(replace(o, label=self.wording.option(question, o, language)) for o in question.options)
        return replace(question, options=options, text=self.speaker.question(question, language, state.turn))
