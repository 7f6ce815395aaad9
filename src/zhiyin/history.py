"""A session's log as the exchanges that a person remembers: what was said or changed, what came back, what was thought of it. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from zhiyin.state import MAX_UNDO, advance
from zhiyin.types import Edited, Event, Fed, Heard, Said, Signal, State, Undone


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One message or edit with its reply; `state` is the one after it. `said` is None where the process died before it could answer."""

    event: Heard | Edited
    state: State = field(repr=False)
    said: Said | None = None
    feedback: tuple[Fed, ...] = ()  # that stands, in the order it came
    undone: bool = False


def exchanges(events: Iterable[Event]) -> tuple[Exchange, ...]:
    """The exchanges of a session, oldest first, undone ones among them. Feedback stands with the exchange that showed its slate, else with the latest."""
    found: list[Exchange] = []
    steps: deque[tuple[int, Fed | None]] = deque(maxlen=MAX_UNDO)  # what an undo takes back, newest last: a place in `found`, and the feedback if it was one
    state = State()
    for event in events:
        state = advance(state, event)
        match event:
            case Heard() | Edited():
                if isinstance(event, Heard) and Signal.UNDO in event.understanding.signals:
                    _take_back(found, steps)
                else:
                    steps.append((len(found), None))
                found.append(Exchange(event=event, state=state))
            case Said():
                if found:
                    found[-1] = replace(found[-1], said=event, state=state)
                    _claim_early(found, steps, event.recommendation)
            case Fed():
                place = _shown_at(found, event)
                steps.append((place, event))
                if place >= 0:
                    found[place] = replace(found[place], feedback=_with(found[place].feedback, event))
            case Undone():
                _take_back(found, steps)
    return tuple(found)


def _shown_at(found: list[Exchange], event: Fed) -> int:
    for place in range(len(found) - 1, -1, -1):
        said = found[place].said
        if said is not None and event.item in said.items and event.recommendation in {"", said.recommendation}:
            return place
    return len(found) - 1


def _claim_early(found: list[Exchange], steps: deque[tuple[int, Fed | None]], recommendation: str) -> None:
    """A slate is shown before its reply is spoken and logged: what was thought of it meanwhile stands before it in the log."""
    last = len(found) - 1
    for n, (place, fed) in enumerate(steps):
        if fed is None or not recommendation or fed.recommendation != recommendation or place == last:
            continue
        steps[n] = (last, fed)
        if place >= 0:
            found[place] = replace(found[place], feedback=tuple(f for f in found[place].feedback if f is not fed))
        found[last] = replace(found[last], feedback=_with(found[last].feedback, fed))


def _with(feedback: tuple[Fed, ...], event: Fed) -> tuple[Fed, ...]:
    """Opinions of one item replace each other; deeds add up."""
    if event.kind == "none":
        return tuple(f for f in feedback if f.item != event.item or f.kind not in _OPINIONS)
    if event.kind in _OPINIONS:
        feedback = tuple(f for f in feedback if f.item != event.item or f.kind not in _OPINIONS)
    return (*feedback, event)


_OPINIONS = frozenset({"like", "dislike", "skip"})


def _take_back(found: list[Exchange], steps: deque[tuple[int, Fed | None]]) -> None:
    if not steps:
        return
    place, fed = steps.pop()
    if fed is None:
        found[place] = replace(found[place], undone=True)
    elif place >= 0:
        found[place] = replace(found[place], feedback=tuple(f for f in found[place].feedback if f is not fed))
