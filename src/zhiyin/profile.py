"""Taste as a fold over a user's feedback: u = f(browse, buy, click, favourite, rate, words). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from zhiyin.types import DONE_EVENTS, EVENT_WEIGHTS, Fed, ItemId, Profile

HALF_LIFE_DAYS = 30.0
DWELL_FULL = 60.0  # seconds of looking that count like a click
_LIMIT = 3.0  # no item counts more than three full likes


def weigh(event: Fed) -> float:
    """What one event says of its item, in [-1, 1]: a rating counts (r - 3) / 2, a dwell by its seconds."""
    weight = EVENT_WEIGHTS.get(event.kind, 0.0)
    if event.kind == "rating" and event.value is not None:
        return max(-1.0, min(1.0, (event.value - 3.0) / 2.0))
    if event.kind == "dwell" and event.value is not None:
        return weight * max(0.0, min(1.0, event.value / DWELL_FULL))
    return weight


def read_profile(feedback: Iterable[Fed], now: datetime) -> Profile:
    """The profile at a moment; an event of `HALF_LIFE_DAYS` ago counts half. A later like overrides an earlier dislike."""
    weights: dict[ItemId, float] = {}
    history: list[Fed] = []
    for event in feedback:
        weight = weigh(event)
        if weight > 0.0 or event.kind == "rating":  # a film rated 2 was still chosen
            history.append(event)
        if weight == 0.0:
            continue
        age = max(0.0, (now - event.time).total_seconds() / 86_400)
        faded = weight * 0.5 ** (age / HALF_LIFE_DAYS)
        known = weights.get(event.item, 0.0)
        total = faded if known * faded < 0 else known + faded
        weights[event.item] = max(-_LIMIT, min(_LIMIT, total))
    kept = (event for event in history if weights.get(event.item, 0.0) > 0.0 or event.kind == "rating")
    return Profile(weights=weights, history=tuple(sorted(kept, key=lambda event: event.time)))


def done_with(feedback: Iterable[Fed]) -> frozenset[ItemId]:
    """What a user has seen, bought or refused."""
    return frozenset(f.item for f in feedback if f.kind in DONE_EVENTS)
