"""A model's reading of a message that the rules are not sure of. The model is asked once and believed only where `merge` finds its words in the message."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

from zhiyin.catalog.columns import Catalog
from zhiyin.llm import LLMRequest, Trace
from zhiyin.ports import LLM
from zhiyin.prompting.answers import consult, read_answer, schema_of
from zhiyin.prompting.prompts import Prompts
from zhiyin.prompting.untrusted import fence
from zhiyin.text import content_words, plain
from zhiyin.types import Language, Signal, State, Turn, Understanding, Wish
from zhiyin.understand.merge import Merger, Reading, unexplained

# What the rules know for certain; a model is never asked, least of all what to make of a crisis or of orders to a machine.
CERTAIN = frozenset(
    {Signal.UNDO, Signal.GREET, Signal.THANKS, Signal.BYE, Signal.SKIP, Signal.OTHERS, Signal.EMPTY, Signal.FOREIGN, Signal.CRISIS, Signal.INJECTION, Signal.RESTART}
)
DOUBTS: Mapping[str, float] = {"not_checked": 0.6, "unknown_title": 0.7}  # notices of words that came to nothing, and what is left of the confidence
SAID = 400  # characters of a message that a model sees
_LONG = 60  # characters of a title


def confidence(understood: Understanding, text: str) -> float:
    """How sure the rules are of a message, in [0, 1]: their leading intent's probability times the share of the content words that they explain."""
    if understood.signals & CERTAIN:
        return 1.0
    said = len(content_words(plain(text)))
    left = min(1.0, len(content_words(plain(unexplained(understood, text)))) / said) if said else 0.0
    doubt = min((DOUBTS.get(n.code, 1.0) for n in understood.notices), default=1.0)
    return max(0.0, min(1.0, understood.intent[understood.leading] * (1.0 - left) * doubt))


class ModelReader:
    """The `Reread` port: asks a model where the rules' confidence is below `ask_below`, if its answer is expected within `seconds`."""

    def __init__(self, llm: LLM, prompts: Prompts, catalog: Catalog, *, ask_below: float = 0.5, seconds: float = 6.0) -> None:
        self.llm, self.prompts, self.catalog = llm, prompts, catalog
        self.ask_below, self.seconds = ask_below, seconds
        self.merge = Merger(catalog)
        self._schema = _among(schema_of(Reading), [f.name for f in catalog.domain.fields.values() if f.wish])
        for language in Language:  # a prompt without these slots is told of at the start, not in a turn
            prompts.render("understand", language, dict.fromkeys(("said", "shown", "held"), ""))

    def over(self, catalog: Catalog) -> ModelReader:
        """The same for a catalogue after a change."""
        made = copy(self)
        made.catalog, made.merge = catalog, Merger(catalog)
        return made

    async def __call__(self, turn: Turn, state: State, understood: Understanding, trace: Trace, /) -> Understanding:
        """The rules' understanding with what the model adds and the message bears out; the same object where that is nothing."""
        sure = confidence(understood, turn.text)
        if sure >= self.ask_below:
            return understood
        slots = {"said": fence(turn.text, SAID), "shown": self._shown(state, understood.language), "held": fence("; ".join(map(_worded, state.wishes)), SAID)}
        rendered = self.prompts.render("understand", understood.language, slots)
        request = LLMRequest(
            messages=rendered.messages,
            purpose="understand",
            max_tokens=rendered.max_tokens,
            seconds=self.seconds,
            schema=self._schema,
            session=turn.session,
            turn=trace.turn,
            prompt=rendered.id,
        )
        reading = await consult(self.llm, request, slots, trace, lambda answer: read_answer(answer.text, Reading))
        return understood if reading is None else self.merge(understood, reading, state, turn.text, sure)

    def _shown(self, state: State, language: str) -> str:
        items = [(n, item) for n, i in enumerate(state.slate, 1) if (item := self.catalog.item(i))]
        return "\n".join(f"{n}. {fence(item.title(language), _LONG)}" for n, item in items)


def _worded(wish: Wish) -> str:
    """A wish in the user's words, else as a condition."""
    value = ", ".join(map(str, wish.value)) if isinstance(wish.value, tuple) else str(wish.value)
    return wish.source or f"{wish.field} {wish.op} {value}"


def _among(node: Mapping[str, object], names: list[str]) -> dict[str, object]:
    """A schema whose properties called `field` are one of these names."""
    found: dict[str, object] = {}
    for key, value in node.items():
        if key == "field":
            found[key] = {"type": "string", "enum": names}
        else:
            found[key] = _among(value, names) if isinstance(value, Mapping) else value
    return found
