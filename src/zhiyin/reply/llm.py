"""Speaking with a model: its sentences stand where a template's would, each only if the grounding check lets it through.

Weak and slow models speak in a strict frame: one item, its facts, one sentence. Fast ones tell of the whole list in one go.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Literal

from zhiyin.errors import ModelError, ModelTooSlow, UnreadableAnswer
from zhiyin.llm import LLMRequest, Trace
from zhiyin.ports import LLM, Claims
from zhiyin.prompting.prompts import STANDING, Prompts
from zhiyin.prompting.untrusted import fence
from zhiyin.reply.evidence import Ground
from zhiyin.reply.grounded import Judge, Verdict
from zhiyin.reply.rows import Rows
from zhiyin.reply.sentences import Sentences
from zhiyin.reply.speaker import TemplateSpeaker, joined
from zhiyin.text import is_cjk, plain
from zhiyin.types import Act, Call, ItemId, Language, Op, Slate, State, Usage, Wish, Words

FREE_WITHIN = 3.0  # seconds in which a whole reply must be expected for a model to speak freely
_STRICT = 2  # items that get a sentence in the strict frame
_MOST = 4  # sentences of a free reply
_WARM = 120.0  # seconds
_ENDLESS = 1_000  # characters of a sentence; what may be said is much shorter, but the beginning of a long one may be true
_SAID = 120  # characters of the user's words in a prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something for a model to say: which prompt, with what in it, about which items."""

    prompt: str
    slots: Mapping[str, str]
    items: tuple[ItemId, ...] = ()
    most: int = 1  # sentences
    telling: bool = True  # a sentence must say something of an item, not only be pleasant


class ModelSpeaker:
    """The `Speak` port by a model over templates; without a usable answer it is the templates."""

    def __init__(
        self, templates: TemplateSpeaker, llm: LLM, prompts: Prompts, ground: Ground, claims: Claims, *, frame: Literal["auto", "strict", "free"] = "auto", first_word: float = 4.0
    ) -> None:
        self.templates, self.llm, self.prompts, self.ground, self.claims = templates, llm, prompts, ground, claims
        self.frame, self.first_word = frame, first_word
        self.rows = Rows(templates.wording)
        self._speaking = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def __call__(self, act: Act, slate: Slate, state: State, trace: Trace, /) -> AsyncGenerator[Words, None]:
        """The reply: what must be said first, then the model's sentences or the templates' in their place, then the question."""
        script, language = self.templates.script(act, slate, state), str(state.language)
        spoken: list[str] = []

        def words(sentence: str, by: Literal["template", "model"]) -> Words:
            if spoken and spoken[-1].startswith("\n"):  # after a list of lines
                sentence = "\n" + sentence.lstrip("\n")
            spoken.append(sentence)
            return Words(text=joined(sentence, language, first=len(spoken) == 1), by=by)

        for sentence in dict.fromkeys(script.lead):
            yield words(sentence, "template")
        left = [s for s in script.body if s]
        told = 0
        self._speaking += 1
        self._quiet.clear()
        try:
            async with aclosing(self._told(act, slate, state, trace)) as verdicts:
                async for verdict in verdicts:
                    if verdict.ok and verdict.sentence not in spoken:
                        told += 1
                        yield words(verdict.sentence, "model")
                    elif left and not told:
                        yield words(left.pop(0), "template")
        finally:
            self._speaking -= 1
            if not self._speaking:
                self._quiet.set()
        if not told:
            for sentence in left:
                yield words(sentence, "template")
        for sentence in dict.fromkeys(script.tail):
            asked = await self._question(act, state, trace) if act.question and sentence == script.tail[-1] else ""
            if sentence and sentence not in spoken:
                yield words(asked or sentence, "model" if asked else "template")

    async def _question(self, act: Act, state: State, trace: Trace) -> str:
        """A model's way to put the question, where a model is fast and its sentence asks for the field and offers nothing else; empty otherwise."""
        if act.question is None:
            return ""
        language, wording = str(state.language), self.templates.wording
        label = wording.label(act.question.field, language)
        options = "; ".join(wording.option(act.question, o, language) for o in act.question.options)
        task = Task(prompt="ask", slots={"said": self._wish(act, state), "asked": label, "options": fence(options, _SAID)}, telling=False)
        if not self._free(task, state):
            return ""
        offered = tuple(Wish(field=act.question.field, op=Op.ANY_OF, value=o.value if isinstance(o.value, tuple) else (o.value,)) for o in act.question.options)
        judge = self._judge(task, (), replace(state, wishes=(*state.wishes, *offered)))
        async with aclosing(self._sentences(task, self._request(task, state, trace), trace)) as sentences:
            async for sentence in sentences:
                verdict = judge(sentence)
                if verdict.ok and sentence.endswith(("?", "？")) and plain(label) in plain(sentence):
                    trace.said += 1
                    return sentence
                trace.withheld.append(f"{sentence} [{'; '.join(verdict.unsupported) or 'does not ask for it'}]")
        return ""

    async def warm(self, names: Sequence[str]) -> None:
        """Have the model read what stays the same of these prompts, so that users need not wait for it; stands back while it speaks to one."""
        for name in names:
            for language in Language:
                prompt = self.prompts.active(name, language)
                messages = self.prompts.render(name, language, dict.fromkeys(set(prompt.sections.slots) - STANDING, "")).messages
                await self._quiet.wait()
                with suppress(ModelError):
                    async with aclosing(self.llm.stream(LLMRequest(messages=messages, purpose="speak", max_tokens=1, seconds=_WARM, prompt="warm"))) as stream:
                        async for _ in stream:
                            pass

    async def _told(self, act: Act, slate: Slate, state: State, trace: Trace) -> AsyncGenerator[Verdict, None]:
        """Verdicts on a model's sentences, in order; those that may not be said are noted in the trace."""
        for number, task in enumerate(self._tasks(act, slate, state, trace)):
            request, judge = self._request(task, state, trace), self._judge(task, slate, state)
            if self.first_word < self.llm.seconds(request) < math.inf:  # where it is infinite the call says at once why
                trace.calls.append(Call(purpose="speak", prompt=request.prompt, slots=task.slots, outcome="skipped"))
                if number == 0:
                    trace.note(ModelTooSlow.code)
                return
            async with aclosing(self._sentences(task, request, trace)) as sentences:
                async for sentence in sentences:
                    verdict = judge.trimmed(sentence) if task.telling else judge(sentence)
                    if verdict.ok and task.telling and not verdict.telling:
                        verdict = replace(verdict, unsupported=("says nothing of it",))
                    if verdict.ok:
                        trace.said += 1
                    else:
                        trace.withheld.append(f"{sentence} [{'; '.join(verdict.unsupported)}]")
                    yield verdict
            if trace.calls[-1].outcome != "ok":
                return

    async def _sentences(self, task: Task, request: LLMRequest, trace: Trace) -> AsyncGenerator[str, None]:
        """The first sentences of an answer; the model stops as soon as there are enough. What went wrong is in the trace."""
        cut = Sentences(name for i in task.items if (e := self.ground.of(i)) for name in e.item.titles.values())
        usage, outcome, count, pieces = Usage(), "ok", 0, 0
        began, first = time.perf_counter(), 0.0
        try:
            async with aclosing(self.llm.stream(request)) as stream:
                async for chunk in stream:
                    usage = chunk.usage or usage
                    pieces += bool(chunk.text)
                    first = first or (time.perf_counter() - began if chunk.text else 0.0)
                    for sentence in cut.feed(chunk.text)[: task.most - count]:
                        count += 1
                        yield _bare(_bounded(sentence))
                    if count >= task.most:
                        return
                    _bounded(cut.held)
            if rest := _ended(_bounded(cut.rest()), whole=max(pieces, usage.answer) < request.max_tokens):
                yield _bare(rest)
        except ModelError as error:
            outcome = error.code
            trace.note(outcome)
        finally:
            usage = replace(usage, answer=usage.answer or pieces, first=first, seconds=time.perf_counter() - began)
            trace.calls.append(Call(purpose="speak", prompt=request.prompt, slots=dict(task.slots), outcome=outcome, usage=usage))

    # --- what there is to say ---

    def _tasks(self, act: Act, slate: Slate, state: State, trace: Trace) -> list[Task]:
        language, wish = str(state.language), self._wish(act, state)
        match act.kind:
            case "recommend" if slate:
                whole = Task(
                    prompt="speak",
                    slots={"said": fence(state.topic, _SAID), "wishes": wish, "rows": self.rows.several(slate, language)},
                    items=tuple(c.item.id for c in slate),
                    most=_MOST,
                )
                if self._free(whole, state):
                    return [whole]
                return [Task(prompt="one", slots={"said": wish, "facts": self.rows.one(c, language)}, items=(c.item.id,)) for c in slate[:_STRICT]]
            case "explain" if act.reasons:
                return [Task(prompt="explain", slots={"said": wish, **self.rows.reasons(act, language)}, items=act.items, most=2)]
            case "compare" if len(act.items) > 1:
                return [Task(prompt="compare", slots={"said": wish, "rows": self.rows.of_items(act.items, state)}, items=act.items)]
            case "chat" if act.mode == "small":
                return [Task(prompt="chat", slots={"said": fence(trace.text, _SAID)}, most=2, telling=False)]
        return []

    def _free(self, task: Task, state: State) -> bool:
        if self.frame != "auto":
            return self.frame == "free"
        return self.llm.seconds(self._request(task, state, Trace())) <= FREE_WITHIN

    def _wish(self, act: Act, state: State) -> str:
        """What the user is after, in our words for it, and what no field covers in theirs."""
        language = str(state.language)
        wishes = self.templates.wording.wishes(act.query.wishes if act.query else state.wishes, language)
        return fence("；".join(x for x in (wishes, state.topic) if x) if language == "zh" else "; ".join(x for x in (wishes, state.topic) if x), _SAID) or (
            "随便看看" if language == "zh" else "anything good"
        )

    def _request(self, task: Task, state: State, trace: Trace) -> LLMRequest:
        rendered = self.prompts.render(task.prompt, str(state.language), task.slots)
        return LLMRequest(
            messages=rendered.messages,
            purpose="speak",
            max_tokens=rendered.max_tokens,
            first=self.first_word,
            seconds=self.first_word * (1 if task.most == 1 else 2),
            session=trace.session,
            turn=trace.turn,
            prompt=rendered.id,
        )

    def _judge(self, task: Task, slate: Slate, state: State) -> Judge:
        system = self.prompts.render(task.prompt, str(state.language), task.slots).messages[0].text
        return Judge(
            self.ground,
            self.claims,
            items=task.items,
            among=tuple(c.item.id for c in slate) or task.items,
            wishes=state.wishes,
            language=str(state.language),
            instructions=system,
        )


def _bounded(text: str) -> str:
    """The text, unless no sentence is so long: then the model has lost its way, and is not listened to any further."""
    if len(text) > _ENDLESS:
        raise UnreadableAnswer(f"a sentence of more than {_ENDLESS} characters")
    return text


def _ended(text: str, *, whole: bool) -> str:
    """The last words of an answer as a sentence; of those that the limit cut off, what stands before the last comma."""
    if not whole:
        text = re.split(r"[,，;；、][^,，;；、]*$", text)[0] if re.search(r"[,，;；]", text) else ""
    return text if not text or text[-1] in ".!?。！？" else text + ("。" if is_cjk(text) else ".")


def _bare(sentence: str) -> str:
    """The sentence with a full stop for a semicolon, and without the quotation marks that some models put around a whole answer."""
    text = sentence.strip()
    text = text[:-1] + ("。" if is_cjk(text) else ".") if text.endswith(("；", ";")) else text
    for left, right in (('"', '"'), ("“", "”"), ("「", "」")):
        if text.startswith(left) and text.endswith(right) and text.count(left) + text.count(right) <= 2:
            return text[1:-1].strip()
    return text
