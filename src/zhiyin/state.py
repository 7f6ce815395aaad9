"""Dialogue state as a fold over events: `advance` takes one event, `replay` all of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from zhiyin.types import (
    DONE_EVENTS,
    NUMERIC_OPS,
    Edited,
    Event,
    Fed,
    Heard,
    ItemId,
    Judgement,
    Lift,
    Op,
    Opinion,
    Put,
    Said,
    Scalar,
    Signal,
    State,
    Understanding,
    Undone,
    Wish,
)

TAKEN_BACK = frozenset({"like", "dislike", "skip"})  # feedback that a later "none" takes back
MAX_UNDO = 50  # messages that can be taken back in a row
_ANY = {Op.ANY_OF, Op.ALL_OF}
_LOWER, _UPPER = {Op.GT, Op.GE}, {Op.LT, Op.LE}


def replay(events: Iterable[Event], state: State | None = None) -> State:
    """The state these events lead to."""
    state = state or State()
    for event in events:
        state = advance(state, event)
    return state


def advance(state: State, event: Event) -> State:
    """The state after one more event."""
    match event:
        case Heard():
            if Signal.UNDO in event.understanding.signals:
                restored = _undone(state)
                return replace(restored, turn=state.turn + 1, language=event.understanding.language, heard=event.understanding)
            return _heard(state, event)
        case Edited():
            return _edited(state, event)
        case Said():
            return _said(state, event)
        case Fed():
            return _fed(state, event)
        case Undone():
            return _undone(state)
    assert_never(event)


def _heard(state: State, event: Heard) -> State:
    understood = event.understanding
    signals = understood.signals
    before = _remembered(state)
    if Signal.RESTART in signals:
        state = replace(state, wishes=(), topic="", basis=(), focus=(), count=None)
    wishes, given = state.wishes, state.wish_count
    for edit in understood.edits:
        match edit:
            case Lift():
                wishes = _lifted(wishes, edit)
            case Put():
                given += 1
                wishes = _put(wishes, edit, replace(edit.wish, id=f"c{given}", turn=state.turn + 1))
    state = replace(
        state,
        turn=state.turn + 1,
        language=understood.language,
        heard=understood,
        wishes=wishes,
        wish_count=given,
        question="",
        focus=understood.about or state.focus,
        basis=_basis(state, event),
        topic=_topic(state, event),
        count=understood.count if understood.count is not None else (state.count if Signal.OTHERS in signals else None),
        previous=before,
    )
    for judgement in understood.judgements:
        state = _judged(state, judgement, event)
    return state


def _edited(state: State, event: Edited) -> State:
    """Wishes changed by hand count as a turn that refines; with the last wish what else was looked for goes too, for nobody could see it."""
    changed = {w.id: w for w in event.changed}
    wishes = tuple(replace(changed.get(w.id, w), id=w.id) for w in state.wishes if w.id not in event.removed)
    given = state.wish_count
    for wish in event.added:
        given += 1
        wishes = _put(wishes, Put(wish=wish, how="replace"), replace(wish, id=f"c{given}", turn=state.turn + 1))
    return replace(
        state,
        turn=state.turn + 1,
        wishes=wishes,
        wish_count=given,
        heard=Understanding(language=state.language, intent={"refine": 1.0}),
        question="",
        focus=(),
        count=None,
        basis=state.basis if wishes else (),
        topic=state.topic if wishes else "",
        previous=_remembered(state),
    )


def _basis(state: State, event: Heard) -> tuple[ItemId, ...]:
    """What "like this" leans on: the items named, else the one in focus, else what was shown."""
    understood = event.understanding
    refused = {j.item for j in understood.judgements if j.opinion is Opinion.DISLIKE}
    if Signal.SIMILAR in understood.signals:
        return tuple(i for i in understood.about or state.focus or state.basis or state.slate if i not in refused)
    liked = tuple(j.item for j in understood.judgements if j.opinion is Opinion.LIKE)
    if liked:
        return liked
    fresh = Signal.FIRM in understood.signals and any(isinstance(e, Put) for e in understood.edits) and Signal.OTHERS not in understood.signals
    return () if fresh else state.basis


def _topic(state: State, event: Heard) -> str:
    understood = event.understanding
    if understood.topic and understood.leading in {"recommend", "refine"}:
        return understood.topic
    fresh = Signal.FIRM in understood.signals and Signal.OTHERS not in understood.signals and bool(understood.edits)
    return "" if fresh and understood.leading == "recommend" else state.topic


def _judged(state: State, judgement: Judgement, event: Heard) -> State:
    kind = {"like": "like", "dislike": "dislike", "seen": "seen", "chosen": "chosen"}[judgement.opinion]
    fed = Fed(user=event.turn.user, kind=kind, item=judgement.item, time=event.turn.time)
    return _counted(state, fed)


def _fed(state: State, event: Fed) -> State:
    return replace(_counted(state, event), previous=_remembered(state))


def _counted(state: State, event: Fed) -> State:
    if event.kind == "none":
        return _taken_back(state, event.item)
    done = state.done | {event.item} if event.kind in DONE_EVENTS else state.done
    rejected = state.rejected | {event.item} if event.kind == "dislike" else state.rejected
    liked = state.liked
    if event.kind in {"like", "favourite"} and event.item not in liked:
        liked, rejected = (*liked, event.item), rejected - {event.item}
    if event.kind in {"dislike", "unfavourite"}:
        liked = tuple(i for i in liked if i != event.item)
    return replace(state, feedback=(*state.feedback, event), done=done, rejected=rejected, liked=liked)


def _taken_back(state: State, item: ItemId) -> State:
    """Without the likes, dislikes and skips of an item; what else was done with it stands."""
    left = tuple(f for f in state.feedback if f.item != item or f.kind not in TAKEN_BACK)
    still = any(f.item == item and f.kind in DONE_EVENTS for f in left)
    return replace(
        state,
        feedback=left,
        liked=tuple(i for i in state.liked if i != item or any(f.item == item and f.kind == "favourite" for f in left)),
        rejected=state.rejected - {item},
        done=state.done if still else state.done - {item},
    )


def _said(state: State, event: Said) -> State:
    shown = tuple(dict.fromkeys((*state.shown, *event.items)))
    return replace(
        state,
        slate=event.items or state.slate,
        shown=shown,
        focus=() if event.items else state.focus,
        question=event.question,
        asked=state.asked | {event.question} if event.question else state.asked,
    )


def _undone(state: State) -> State:
    """As before the latest message or feedback; turns and wish ids go on counting."""
    if state.previous is None:
        return state
    return replace(state.previous, turn=state.turn, wish_count=state.wish_count, language=state.language)


def _remembered(state: State) -> State:
    """The state to go back to, its own past cut to `MAX_UNDO`."""
    chain: list[State] = []
    link: State | None = state
    while link is not None and len(chain) < MAX_UNDO:
        chain.append(link)
        link = link.previous
    if link is None:
        return state
    kept: State | None = None
    for old in reversed(chain):
        kept = replace(old, previous=kept)
    return kept or state


# --- wishes ---


def _lifted(wishes: tuple[Wish, ...], lift: Lift) -> tuple[Wish, ...]:
    if lift.field == "*":
        return ()
    kept = []
    for wish in wishes:
        if wish.field != lift.field:
            kept.append(wish)
        elif lift.values and (rest := without(wish, lift.values)):
            kept.append(rest)
    return tuple(kept)


def without(wish: Wish, values: Iterable[Scalar]) -> Wish | None:
    """The wish without some of its values; None if none is left. A numeric wish has no values to lose."""
    if wish.op in NUMERIC_OPS or not isinstance(wish.value, tuple):
        return wish
    gone = set(values)
    left = tuple(v for v in wish.value if v not in gone)
    return replace(wish, value=left) if left else None


def _put(wishes: tuple[Wish, ...], put: Put, wish: Wish) -> tuple[Wish, ...]:
    same = [w for w in wishes if w.field == wish.field]
    if any((w.op, w.value, w.hard) == (wish.op, wish.value, wish.hard) for w in same):
        return wishes
    if wish.op is Op.LIKE:
        return (*(w for w in wishes if w.op is not Op.LIKE), wish)
    if wish.op is Op.NONE_OF:
        return _exclude(wishes, wish)
    if wish.op in NUMERIC_OPS:
        return (*(w for w in wishes if w not in same or _stands(w, put, wish)), wish)
    return _include(wishes, put, wish)


def _stands(old: Wish, put: Put, new: Wish) -> bool:
    """Whether an earlier wish on the same number stays beside a new one."""
    if old.op is Op.LIKE:
        return True
    if new.negated and old.op in {Op.BETWEEN, Op.EQ}:
        return True
    if old.hard and not new.hard:
        return True
    if put.how == "replace":
        return False
    low, high = (old, new) if old.op in _LOWER else (new, old)
    if low.op not in _LOWER or high.op not in _UPPER or old.hard != new.hard:
        return False
    return isinstance(low.value, int | float) and isinstance(high.value, int | float) and low.value <= high.value


def _exclude(wishes: tuple[Wish, ...], wish: Wish) -> tuple[Wish, ...]:
    """An exclusion takes its values out of what was wanted and joins earlier exclusions."""
    gone = wish.value if isinstance(wish.value, tuple) else (wish.value,)
    kept: list[Wish] = []
    joined = wish
    for old in wishes:
        if old.field != wish.field:
            kept.append(old)
        elif old.op is Op.NONE_OF and isinstance(old.value, tuple):
            source = joined.source if old.source in joined.source else f"{old.source}; {joined.source}"
            joined = replace(joined, value=tuple(dict.fromkeys((*old.value, *gone))), source=source)
        elif rest := without(old, gone):
            kept.append(rest)
    return (*kept, joined)


def _include(wishes: tuple[Wish, ...], put: Put, wish: Wish) -> tuple[Wish, ...]:
    """A wanted value lifts its own exclusion and replaces, joins or widens what was wanted of the field."""
    wanted = wish.value if isinstance(wish.value, tuple) else (wish.value,)
    kept: list[Wish] = []
    for old in wishes:
        if old.field != wish.field:
            kept.append(old)
        elif old.op is Op.NONE_OF:
            if rest := without(old, wanted):
                kept.append(rest)
        elif put.how in {"add", "merge"}:
            kept.append(old)
        elif put.how == "widen" and old.op in _ANY and isinstance(old.value, tuple):
            wish = replace(wish, op=Op.ANY_OF, value=tuple(dict.fromkeys((*old.value, *wanted))), source=f"{old.source}; {wish.source}")
        elif old.hard and not wish.hard:
            kept.append(old)
    return (*kept, wish)
