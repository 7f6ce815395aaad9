"""What an operator looks for in a turn: a short word for each thing that went wrong, or nearly. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from zhiyin.history import Exchange
from zhiyin.types import Call, Fed, Said

EMPTY, RELAXED, FALLBACK, WITHHELD, CUT, SLOW, DISLIKED, UNDONE = "empty", "relaxed", "fallback", "withheld", "cut", "slow", "disliked", "undone"
OF_REPLIES = (EMPTY, RELAXED, FALLBACK, WITHHELD, CUT, SLOW)
"""Those that the reply alone tells."""
MARKS = (*OF_REPLIES, DISLIKED, UNDONE)
FINE = frozenset({"ok", "skipped"})
"""Outcomes of a call that are no fallback: a model that was not asked because there was nothing to ask did not fail."""
SLOW_CARDS, SLOW_TURN = 1000.0, 10_000.0  # milliseconds: from here on somebody who waits for cards, or for the last word, thinks of leaving


def fell_back(calls: Iterable[Call]) -> bool:
    """Whether a model was asked and nothing came of it."""
    return any(call.outcome not in FINE for call in calls)


def marks_of(said: Said) -> frozenset[str]:
    """The marks of a reply."""
    late = said.latency_ms.get("cards", 0.0) > SLOW_CARDS or said.latency_ms.get("total", 0.0) > SLOW_TURN
    told = {
        EMPTY: not said.items and said.act in {"recommend", "relax"},
        RELAXED: bool(said.offers),
        FALLBACK: fell_back(said.calls),
        WITHHELD: bool(said.withheld),
        CUT: not said.whole,
        SLOW: late,
    }
    return frozenset(name for name, holds in told.items() if holds)


def marks_of_exchange(exchange: Exchange) -> frozenset[str]:
    """The marks of a turn with its reply and what was thought of it."""
    found = marks_of(exchange.said) if exchange.said is not None else frozenset({CUT})
    if any(_against(fed) for fed in exchange.feedback):
        found |= {DISLIKED}
    return found | {UNDONE} if exchange.undone else found


def _against(fed: Fed) -> bool:
    return fed.kind == "dislike" or (fed.kind == "rating" and fed.value is not None and fed.value <= 2.0)
