"""What the rules saw, as evidence for each intent: points on the scale of the classifier's logits, all in this one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zhiyin.types import Edit, ItemId, Judgement, Opinion, Signal, State
from zhiyin.understand import cues
from zhiyin.understand.message import Message
from zhiyin.understand.phrases import Noun


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read of one message."""

    message: Message
    state: State
    about: Sequence[ItemId]
    asked: Sequence[str]
    edits: Sequence[Edit]
    judgements: Sequence[Judgement]
    signals: frozenset[Signal]

    def has(self, *signals: Signal) -> bool:
        """Whether one of these signals was seen."""
        return bool(self.signals & set(signals))

    @property
    def wants(self) -> bool:
        """It wishes for something or asks for others."""
        return bool(self.edits) or self.has(Signal.SURPRISE, Signal.OTHERS, Signal.SIMILAR, Signal.SKIP)

    @property
    def firm(self) -> bool:
        """It asks for items in so many words."""
        return self.has(Signal.FIRM) or (bool(self.message.of(Noun)) and not self.asked)

    @property
    def compares(self) -> bool:
        """It has words of comparison and something to compare."""
        return cues.COMPARE.search(self.message.text) is not None and (len(self.about) > 1 or (bool(self.state.slate) and not self.edits))

    @property
    def explains(self) -> bool:
        """It asks why of something shown or named."""
        return cues.EXPLAIN.search(self.message.text) is not None and bool(self.about or self.state.slate)

    @property
    def chatty(self) -> bool:
        """It is small talk and nothing else that we know of."""
        return cues.SMALL_TALK.search(self.message.text) is not None and not self.message.mentions


Rule = tuple[str, float, Callable[[Seen], bool]]

RULES: Sequence[Rule] = (
    # Wishing: on top of a slate it refines, unless it asks for items anew.
    ("recommend", 4.0, lambda s: s.wants and not _refines(s)),
    ("refine", 4.0, lambda s: s.wants and _refines(s)),
    ("recommend", 1.5, lambda s: s.firm and not s.wants),
    ("recommend", 1.0, lambda s: s.firm),
    ("recommend", 4.0, lambda s: s.has(Signal.SURPRISE)),
    ("recommend", 4.0, lambda s: s.has(Signal.SIMILAR) and bool(s.about or s.state.focus)),
    ("recommend", 3.5, lambda s: bool(s.edits) and not s.state.slate),
    ("refine", 1.5, lambda s: bool(s.edits and s.state.slate) and not s.asked),
    ("refine", -8.0, lambda s: not s.state.slate),
    ("stop", -4.0, lambda s: bool(s.edits)),
    ("chitchat", -2.0, lambda s: bool(s.edits)),
    ("recommend", 5.0, lambda s: s.has(Signal.STORY)),
    # Asking.
    ("query", 6.0, lambda s: bool(s.asked) and bool(s.about or s.has(Signal.LOST)) and not s.has(Signal.SIMILAR)),
    ("query", 5.0, lambda s: bool(s.asked and s.message.unknown)),
    ("query", 5.0, lambda s: bool(s.asked) and not (s.about or s.edits or s.has(Signal.LOST, Signal.FIRM))),
    ("query", 4.0, lambda s: bool(s.about) and not (s.edits or s.asked or s.judgements or s.wants or s.firm or s.compares or s.explains)),  # a bare title
    ("compare", 7.0, lambda s: s.compares and len(s.about) > 1),
    ("compare", 4.0, lambda s: s.compares and len(s.about) < 2),
    ("explain", 7.0, lambda s: s.explains),
    ("service", 6.0, lambda s: cues.SERVICE.search(s.message.text) is not None and not s.about),
    # Judging.
    ("feedback", 5.0, lambda s: bool(s.judgements) and not (s.wants or s.asked or s.has(Signal.FIRM))),
    ("feedback", 4.0, lambda s: any(j.opinion is Opinion.CHOSEN for j in s.judgements)),
    # Talking.
    ("chitchat", 8.0, lambda s: s.has(Signal.GREET)),
    ("chitchat", 5.0, lambda s: s.has(Signal.THANKS, Signal.ABILITY) and not (s.edits or s.about or s.has(Signal.FIRM, Signal.GREET))),
    ("chitchat", 3.0, lambda s: s.chatty and not (s.edits or s.about or s.has(Signal.FIRM, Signal.GREET))),
    ("chitchat", -2.0, lambda s: bool(s.edits or s.about) or s.has(Signal.FIRM)),
    ("stop", -3.0, lambda s: cues.SMALL_TALK.search(s.message.text) is not None and not s.has(Signal.BYE)),
    ("stop", 6.0, lambda s: s.has(Signal.BYE) and not s.edits),
)


def evidence(seen: Seen) -> dict[str, float]:
    """The points of every rule that applies, by intent."""
    points: dict[str, float] = {}
    for intent, weight, applies in RULES:
        if applies(seen):
            points[intent] = points.get(intent, 0.0) + weight
    return points


def _refines(seen: Seen) -> bool:
    return bool(seen.state.slate) and not (seen.firm and not seen.edits)
