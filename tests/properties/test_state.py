"""Laws of the dialogue state: a fold that can be cut anywhere, taken back a step at a time, and that never forgets a no."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.state import MAX_UNDO, advance, replay
from zhiyin.types import (
    NUMERIC_OPS,
    Event,
    Fed,
    Heard,
    ItemId,
    Judgement,
    Language,
    Lift,
    Op,
    Opinion,
    Put,
    Said,
    SessionId,
    Signal,
    State,
    Turn,
    Understanding,
    Undone,
    UserId,
    Wish,
)

laws = settings(max_examples=60, deadline=None, derandomize=True)
NOW = datetime(2026, 5, 17, tzinfo=UTC)
ITEMS = [ItemId(name) for name in "abcdef"]
VALUE_FIELDS = {"colours": ("red", "blue", "white"), "uses": ("reading", "desk", "mood")}
NUMBER_FIELDS = ("price", "weight")

item = st.sampled_from(ITEMS)
items = st.lists(item, max_size=3, unique=True).map(tuple)


@st.composite
def value_wishes(draw: st.DrawFn) -> Wish:
    field = draw(st.sampled_from(sorted(VALUE_FIELDS)))
    op = draw(st.sampled_from([Op.ANY_OF, Op.ALL_OF, Op.NONE_OF]))
    values = draw(st.lists(st.sampled_from(VALUE_FIELDS[field]), min_size=1, max_size=3, unique=True))
    return Wish(
        field=field, op=op, value=tuple(values), hard=draw(st.booleans()) or op is Op.NONE_OF, negated=op is Op.NONE_OF, source=draw(st.sampled_from(["red", "no red", ""]))
    )


@st.composite
def number_wishes(draw: st.DrawFn) -> Wish:
    op = draw(st.sampled_from([Op.LT, Op.LE, Op.GT, Op.GE, Op.EQ, Op.BETWEEN]))
    low, high = sorted(draw(st.tuples(st.integers(0, 9), st.integers(0, 9))))
    return Wish(field=draw(st.sampled_from(NUMBER_FIELDS)), op=op, value=(low, high) if op is Op.BETWEEN else low, hard=draw(st.booleans()), negated=draw(st.booleans()))


order_wishes = st.builds(Wish, field=st.sampled_from(NUMBER_FIELDS), op=st.just(Op.LIKE), value=st.sampled_from(["lowest", "highest"]), hard=st.just(False))
wishes = st.one_of(value_wishes(), number_wishes(), order_wishes)
puts = st.builds(Put, wish=wishes, how=st.sampled_from(["replace", "add", "widen", "merge"]))
lifts = st.one_of(
    st.builds(Lift, field=st.sampled_from(["*", "unheard of", *VALUE_FIELDS, *NUMBER_FIELDS])),
    st.builds(Lift, field=st.sampled_from(sorted(VALUE_FIELDS)), values=st.lists(st.sampled_from(["red", "blue", "reading", "desk"]), min_size=1, max_size=2).map(tuple)),
)
understandings = st.builds(
    Understanding,
    language=st.sampled_from(Language),
    intent=st.sampled_from(["recommend", "refine", "query", "feedback"]).map(lambda name: {name: 0.9, "chitchat": 0.1}),
    edits=st.lists(st.one_of(puts, puts, lifts), max_size=3).map(tuple),
    about=items,
    judgements=st.lists(st.builds(Judgement, item=item, opinion=st.sampled_from(Opinion)), max_size=2).map(tuple),
    count=st.none() | st.integers(1, 9),
    topic=st.sampled_from(["", "", "a quiet light"]),
    signals=st.sets(st.sampled_from([Signal.OTHERS, Signal.SIMILAR, Signal.FIRM, Signal.RESTART, Signal.SKIP]), max_size=2).map(frozenset),
)


def heard_as(understanding: Understanding) -> Heard:
    return Heard(turn=Turn(session=SessionId("s"), user=UserId("u"), text="...", time=NOW), understanding=understanding)


heard = understandings.map(heard_as)
said = st.builds(Said, act=st.sampled_from(["recommend", "chat"]), text=st.just("..."), items=items, question=st.sampled_from(["", "colours", "price"]), time=st.just(NOW))
fed = st.builds(
    Fed,
    user=st.just(UserId("u")),
    kind=st.sampled_from(["click", "like", "dislike", "seen", "skip", "favourite", "unfavourite", "purchase", "rating"]),
    item=item,
    time=st.just(NOW),
)
undone = st.just(Undone(time=NOW))
undo_said = st.just(heard_as(Understanding(language=Language.ZH, intent={"refine": 1.0}, signals=frozenset({Signal.UNDO}))))
events = st.lists(st.one_of(heard, heard, said, fed, undone, undo_said), max_size=8)
forward = st.lists(st.one_of(heard, heard, said, fed), max_size=8)  # nothing is taken back


def past(state: State) -> list[State]:
    """The state and every state that undoing leads back to."""
    chain, link = [], state
    while link is not None:
        chain.append(link)
        link = link.previous
    return chain


# --- a fold ---


@laws
@given(events, events)
def test_a_log_may_be_cut_anywhere(before: list[Event], after: list[Event]) -> None:
    whole = replay([*before, *after])
    pieces = reduce(advance, after, replay(before))
    assert whole == pieces == replay(after, replay(before))
    assert past(whole) == past(pieces)


@laws
@given(events, st.one_of(heard, said, fed, undone))
def test_advancing_leaves_the_state_before_as_it_was(before: list[Event], event: Event) -> None:
    state, same = replay(before), replay(before)
    advance(state, event)
    assert state == same


@laws
@given(events)
def test_turns_count_what_was_heard(log: list[Event]) -> None:
    assert replay(log).turn == sum(isinstance(event, Heard) for event in log)


# --- undo ---


@laws
@given(events, st.one_of(heard, fed), st.lists(said, max_size=2))
def test_undo_brings_back_the_state_before(log: list[Event], event: Heard | Fed, answers: list[Event]) -> None:
    before = replay(log)
    after = replay([event, *answers], before)
    back = advance(after, Undone(time=NOW))
    assert back == replace(before, turn=after.turn, wish_count=after.wish_count, language=after.language)
    assert [replace(s, turn=0) for s in past(back)[1:]] == [replace(s, turn=0) for s in past(before)[1:]]


@laws
@given(events, st.one_of(heard, fed), undo_said)
def test_undo_by_word_brings_back_the_state_before_and_counts_as_a_turn(log: list[Event], event: Heard | Fed, undo: Heard) -> None:
    before = replay(log)
    after = advance(before, event)
    back = advance(after, undo)
    assert back == replace(before, turn=after.turn + 1, wish_count=after.wish_count, language=undo.understanding.language, heard=undo.understanding)


@laws
@given(st.lists(st.one_of(heard, fed), max_size=6))
def test_undoing_everything_leads_back_to_the_start(log: list[Event]) -> None:
    state = replay([*log, *[Undone(time=NOW)] * len(log)])
    assert state == State(turn=state.turn, wish_count=state.wish_count, language=state.language)
    assert advance(state, Undone(time=NOW)) == state


def test_at_least_fifty_messages_can_be_taken_back_and_memory_does_not_grow_for_ever() -> None:
    log = [heard_as(Understanding(language=Language.EN, intent={"refine": 1.0}, edits=(Put(wish=Wish(field="price", op=Op.LE, value=n), how="replace"),))) for n in range(200)]
    state = replay(log)
    assert len(past(state)) == MAX_UNDO + 1
    for left in range(MAX_UNDO):
        state = advance(state, Undone(time=NOW))
        assert [w.value for w in state.wishes] == [198 - left]
    assert advance(state, Undone(time=NOW)) == state


# --- likes and dislikes ---


@laws
@given(forward, forward)
def test_what_was_rejected_stays_rejected_unless_it_is_liked_later(before: list[Event], after: list[Event]) -> None:
    state = replay(before)
    for event in after:
        rejected, state = state.rejected, advance(state, event)
        liked = {event.item} if isinstance(event, Fed) and event.kind in {"like", "favourite"} else set()
        if isinstance(event, Heard):
            liked = {j.item for j in event.understanding.judgements if j.opinion is Opinion.LIKE}
        assert rejected - state.rejected <= liked


@laws
@given(forward)
def test_nothing_is_liked_and_rejected_at_once(log: list[Event]) -> None:
    state = replay(log)
    assert not state.rejected & set(state.liked)
    assert len(set(state.liked)) == len(state.liked)


@laws
@given(forward)
def test_everything_shown_stays_known_as_shown_in_order(log: list[Event]) -> None:
    shown = [i for event in log if isinstance(event, Said) for i in event.items]
    state = replay(log)
    assert list(state.shown) == list(dict.fromkeys(shown))
    assert set(state.slate) <= set(state.shown)


# --- wishes ---


def said_edit(edit: Put | Lift) -> Heard:
    return heard_as(Understanding(language=Language.EN, intent={"refine": 1.0}, edits=(edit,)))


value_puts = st.builds(Put, wish=value_wishes(), how=st.sampled_from(["replace", "add", "widen", "merge"]))
number_puts = st.builds(Put, wish=number_wishes(), how=st.sampled_from(["replace", "add", "widen", "merge"]))
value_talk = st.lists(st.one_of(value_puts, value_puts, value_puts, puts, lifts).map(said_edit), min_size=1, max_size=6)
number_talk = st.lists(st.one_of(number_puts, number_puts, number_puts, puts, lifts).map(said_edit), min_size=1, max_size=6)
talk = value_talk | number_talk


def positive(state: State, field: str) -> set[object]:
    return {v for w in state.wishes if w.field == field and w.op in {Op.ANY_OF, Op.ALL_OF} for v in as_tuple(w)}


def negative(state: State, field: str) -> set[object]:
    return {v for w in state.wishes if w.field == field and w.op is Op.NONE_OF for v in as_tuple(w)}


def as_tuple(wish: Wish) -> tuple[object, ...]:
    return wish.value if isinstance(wish.value, tuple) else (wish.value,)


@laws
@given(events | talk)
def test_wish_ids_are_unique_and_never_given_twice(log: list[Event]) -> None:
    state, given_to = State(), {}
    for event in log:
        state = advance(state, event)
        ids = [w.id for w in state.wishes]
        assert len(set(ids)) == len(ids)
        assert all(ids)
        for wish in state.wishes:
            assert given_to.setdefault(wish.id, wish.field) == wish.field


@laws
@given(value_talk)
def test_no_value_is_wanted_and_excluded_at_once(log: list[Event]) -> None:
    state = replay(log)
    for field in VALUE_FIELDS:
        assert not positive(state, field) & negative(state, field)


@laws
@given(value_talk, value_wishes(), st.sampled_from(["replace", "add", "widen", "merge"]))
def test_an_exclusion_takes_its_values_from_what_is_wanted(log: list[Event], wish: Wish, how: str) -> None:
    wish = replace(wish, op=Op.NONE_OF, hard=True, negated=True)
    before = replay(log)
    after = advance(before, said_edit(Put(wish=wish, how=how)))
    gone = set(as_tuple(wish))
    assert positive(after, wish.field) == positive(before, wish.field) - gone
    assert negative(after, wish.field) == negative(before, wish.field) | gone
    assert [w for w in after.wishes if w.field != wish.field] == [w for w in before.wishes if w.field != wish.field]


@laws
@given(value_talk, value_wishes(), st.sampled_from(["replace", "add", "widen", "merge"]))
def test_a_wanted_value_is_no_longer_excluded(log: list[Event], wish: Wish, how: str) -> None:
    wish = replace(wish, op=Op.ANY_OF, negated=False)
    before = replay(log)
    after = advance(before, said_edit(Put(wish=wish, how=how)))
    wanted = set(as_tuple(wish))
    assert wanted <= positive(after, wish.field)
    assert negative(after, wish.field) == negative(before, wish.field) - wanted
    if how != "replace":
        assert positive(before, wish.field) <= positive(after, wish.field)


@laws
@given(talk, wishes, st.sampled_from(["replace", "add", "widen", "merge"]))
def test_the_latest_wish_stands_in_the_users_words(log: list[Event], wish: Wish, how: str) -> None:
    after = advance(replay(log), said_edit(Put(wish=wish, how=how)))
    standing = [w for w in after.wishes if w.field == wish.field and (w.op is wish.op or how == "widen")]
    assert any(set(as_tuple(wish)) <= set(as_tuple(w)) for w in standing)


@laws
@given(number_talk, number_wishes())
def test_bounds_that_stand_together_leave_room(log: list[Event], wish: Wish) -> None:
    after = advance(replay(log), said_edit(Put(wish=replace(wish, hard=True, negated=False))))
    mine = [w for w in after.wishes if w.field == wish.field and w.hard and not w.negated]
    lows = [w.value for w in mine if w.op in {Op.GT, Op.GE}]
    highs = [w.value for w in mine if w.op in {Op.LT, Op.LE}]
    assert len(lows) <= 1
    assert len(highs) <= 1
    if lows and highs and wish.op in {Op.GT, Op.GE, Op.LT, Op.LE}:
        assert lows[0] <= highs[0]


@laws
@given(number_talk, order_wishes)
def test_one_order_at_a_time(log: list[Event], wish: Wish) -> None:
    after = advance(replay(log), said_edit(Put(wish=wish)))
    assert [(w.field, w.value) for w in after.wishes if w.op is Op.LIKE] == [(wish.field, wish.value)]


@laws
@given(talk, st.sampled_from([*VALUE_FIELDS, *NUMBER_FIELDS]))
def test_lifting_a_field_leaves_none_on_it_and_the_rest_alone(log: list[Event], field: str) -> None:
    before = replay(log)
    after = advance(before, said_edit(Lift(field=field)))
    assert after.wishes == tuple(w for w in before.wishes if w.field != field)


@laws
@given(talk)
def test_lifting_everything_leaves_nothing(log: list[Event]) -> None:
    assert advance(replay(log), said_edit(Lift(field="*"))).wishes == ()


@laws
@given(value_talk, st.sampled_from(sorted(VALUE_FIELDS)), st.lists(st.sampled_from(["red", "blue", "reading", "desk"]), min_size=1, unique=True))
def test_lifting_values_leaves_the_other_values(log: list[Event], field: str, values: list[str]) -> None:
    before = replay(log)
    after = advance(before, said_edit(Lift(field=field, values=tuple(values))))
    assert positive(after, field) == positive(before, field) - set(values)
    assert negative(after, field) == negative(before, field) - set(values)
    assert [w for w in after.wishes if w.op in NUMERIC_OPS] == [w for w in before.wishes if w.op in NUMERIC_OPS]


@laws
@given(talk, puts)
def test_saying_a_wish_twice_is_saying_it_once(log: list[Event], put: Put) -> None:
    once = advance(replay(log), said_edit(put))
    assert [(w.field, w.op, w.value, w.hard) for w in advance(once, said_edit(put)).wishes] == [(w.field, w.op, w.value, w.hard) for w in once.wishes]


@laws
@given(events)
def test_starting_over_drops_the_wishes_and_keeps_the_dislikes(log: list[Event]) -> None:
    before = replay(log)
    after = advance(before, heard_as(Understanding(language=Language.EN, intent={"recommend": 1.0}, signals=frozenset({Signal.RESTART}))))
    assert after.wishes == ()
    assert after.topic == ""
    assert after.basis == ()
    assert after.rejected == before.rejected
    assert after.done == before.done
