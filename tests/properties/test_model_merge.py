"""Whatever a model answers: what is added stands in the message and the domain, the rules' wishes stand, and a ranking is a bounded permutation."""

from __future__ import annotations

import asyncio
import json
import math
from datetime import UTC, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.embedders.hashing import HashingEmbedder
from zhiyin.llm import Trace
from zhiyin.llms.scripted import ScriptedLLM
from zhiyin.prompting.prompts import Prompts, standing_of
from zhiyin.rank.llm import ModelRanker, from_choices, from_order, learned, lifted
from zhiyin.state import advance
from zhiyin.testing import tiny_catalog
from zhiyin.text import plain
from zhiyin.types import Candidate, Heard, ItemId, Op, Put, Query, SessionId, Slate, State, Turn, Understanding, UserId, Wish
from zhiyin.understand.llm import ModelReader, confidence
from zhiyin.understand.rules import RuleReader

laws = settings(max_examples=100, deadline=None, derandomize=True)
CATALOG = tiny_catalog()
DOMAIN = CATALOG.domain
PROMPTS = Prompts("lamps", (), standing_of(DOMAIN))
RULES = RuleReader(CATALOG, None, HashingEmbedder().query)
PIECES = (
    "red lamps", "no black ones", "for late nights", "under 300 yuan", "not something gloomy", "rated eight", "the small one", "instead of desk lights",
    "不要黑色", "三百以内", "外婆家傍晚", "那个贵的", "红色台灯", "2 kg", "grandmother's stories", "any colour is fine", "Moon 2", "Ｌａｔｅ　ｎｉｇｈｔｓ",
)  # fmt: skip
VALUES = ("red", "black", "reading", "mood", "desk", "Guangming", "光明", "红色", "True", "Hearth")
HELD = (
    Wish(field="colours", op=Op.NONE_OF, value=("black", "red"), negated=True),
    Wish(field="colours", op=Op.ANY_OF, value=("blue",), hard=False),
    Wish(field="uses", op=Op.ALL_OF, value=("reading", "mood")),
    Wish(field="brand", op=Op.ANY_OF, value=("Hearth",)),
    Wish(field="price", op=Op.LE, value=500),
    Wish(field="rating", op=Op.GE, value=7, hard=False),
    Wish(field="weight", op=Op.LIKE, value="lowest"),
)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=6), x, max_size=3),
    max_leaves=6,
)
scalars = st.sampled_from(VALUES) | st.integers(-5, 3000) | st.floats() | st.text(max_size=6) | st.booleans()
messages = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), min_size=1, max_size=4).map(", ".join)


@st.composite
def plausible_readings(draw: st.DrawFn, text: str) -> object:
    """Readings of the right shape: known fields and values, quotes that mostly stand in the message."""
    start = st.integers(0, len(text))
    quote = st.builds(lambda a, b: text[min(a, b) : max(a, b)], start, start) | st.sampled_from(PIECES) | st.just(text) | st.text(max_size=6)
    wish = st.fixed_dictionaries(
        {
            "field": st.sampled_from([*DOMAIN.fields, "shape"]),
            "op": st.sampled_from([*(str(op) for op in Op), "!="]),
            "value": scalars | st.lists(scalars, max_size=3),
            "quote": quote,
            "hard": st.booleans(),
        }
    )
    aspect = st.fixed_dictionaries({"field": st.sampled_from([*DOMAIN.fields, "shape"]), "mood": st.sampled_from(["good", "bad", "odd"]), "quote": quote})
    intents = st.sampled_from(["recommend", "refine", "service", "stop", "query", "dance"])
    return draw(
        st.fixed_dictionaries(
            {"intent": intents, "wishes": st.lists(wish, max_size=5), "about": st.lists(st.integers(-2, 99), max_size=4), "aspects": st.lists(aspect, max_size=3)}
        )
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, str, State]:
    """A message, a model's answer to it, and the state it was said in."""
    text = draw(messages)
    read = draw(plausible_readings(text) | st.fixed_dictionaries({"wishes": anything, "about": anything, "intent": anything, "aspects": anything}) | anything)
    answer = draw(st.just(json.dumps(read)) | st.text(max_size=30))
    slate = draw(st.sampled_from([(), ("moon-1",), ("moon-1", "ember", "glow")]))
    state = State(slate=tuple(map(ItemId, slate)), wishes=tuple(draw(st.lists(st.sampled_from(HELD), unique=True, max_size=4))))
    return text, answer, state


def turn(text: str) -> Turn:
    return Turn(session=SessionId("s"), user=UserId("u"), text=text, time=datetime(2026, 1, 1, tzinfo=UTC))


def reread(text: str, answer: str, state: State) -> tuple[Understanding, Understanding]:
    before = RULES(turn(text), state)
    reader = ModelReader(ScriptedLLM([answer]), PROMPTS, CATALOG, ask_below=1.0)
    return before, asyncio.run(reader(turn(text), state, before, Trace()))


def standing(text: str, understood: Understanding, state: State) -> set[tuple[object, ...]]:
    after = advance(state, Heard(turn=turn(text), understanding=understood))
    return {(w.field, w.op, w.value, w.hard, w.negated) for w in after.wishes}


def assert_the_intents_are_sound(before: Understanding, after: Understanding) -> None:
    assert math.isclose(sum(after.intent.values()), sum(before.intent.values()), rel_tol=1e-6)
    assert all(p >= 0.0 for p in after.intent.values())
    if after.leading != before.leading and after.leading in {"service", "stop"}:
        assert before.intent[after.leading] >= 0.05


@laws
@given(cases())
def test_a_model_only_adds_what_the_message_and_the_domain_bear_out_and_lifts_nothing(case: tuple[str, str, State]) -> None:
    text, answer, state = case
    before, after = reread(text, answer, state)
    assert after.edits[: len(before.edits)] == before.edits
    ruled = {e.wish.field if isinstance(e, Put) else e.field for e in before.edits}
    for edit in after.edits[len(before.edits) :]:
        assert isinstance(edit, Put)
        wish = edit.wish
        assert wish.source
        assert wish.source in text
        assert DOMAIN.wishable(wish.field)
        assert wish.field not in ruled
        assert not wish.hard or DOMAIN.fields[wish.field].numeric
        if not DOMAIN.fields[wish.field].numeric:
            assert isinstance(wish.value, tuple)
            assert set(wish.value) <= set(CATALOG.values(wish.field))
    assert (after.signals, after.language, after.count, after.judgements, after.topic, after.asked) == (
        before.signals, before.language, before.count, before.judgements, before.topic, before.asked,
    )  # fmt: skip
    assert after.about == before.about or (not before.about and set(after.about) <= set(state.slate))
    assert standing(text, before, state) <= standing(text, after, state)
    assert_the_intents_are_sound(before, after)
    assert set(after.sentiment.aspects) <= set(DOMAIN.fields)
    assert after.sentiment.aspects.items() >= before.sentiment.aspects.items()


@laws
@given(messages, st.sampled_from([(), ("moon-1", "ember")]))
def test_confidence_lies_between_nothing_and_certainty(text: str, slate: tuple[str, ...]) -> None:
    assert 0.0 <= confidence(RULES(turn(text), State(slate=tuple(map(ItemId, slate)))), text) <= 1.0


def test_plain_text_keeps_offsets_on_which_quotes_rest() -> None:
    assert all(len(plain(piece)) == len(piece) for piece in PIECES)


# --- ranking ---

numbers = st.floats(allow_nan=True, allow_infinity=True)


@laws
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20), st.integers(0, 6))
def test_a_lifted_order_is_a_permutation_and_nothing_rises_too_far(probability: list[float], rise: int) -> None:
    order = lifted(np.array(probability), rise)
    assert sorted(order) == list(range(len(probability)))
    assert all(place >= old - rise for place, old in enumerate(order))
    assert order == lifted(np.array(probability), rise)
    assert lifted(np.full(len(probability), 0.5), rise) == list(range(len(probability)))


@laws
@given(st.lists(numbers, min_size=1, max_size=20), st.dictionaries(st.sampled_from("ABCDEFxyz"), numbers), st.lists(st.sampled_from("ABCDEFxyz")))
def test_beliefs_are_distributions_whatever_comes(scores: list[float], choices: dict[str, float], order: list[str]) -> None:
    for believed in (learned(scores), from_choices(choices, "ABCDEF"), from_order(order, "ABCDEF")):
        if believed is not None:
            assert np.isclose(believed.sum(), 1.0)
            assert (believed >= 0.0).all()
    assert (np.diff(learned(scores)) <= 0.0).all()


@laws
@given(
    st.lists(st.floats(-10, 10), min_size=3, max_size=9), st.dictionaries(st.sampled_from("ABCDEFGHIJ"), numbers), st.text(max_size=20), st.integers(0, 2**32), st.integers(0, 5)
)
def test_a_reranked_slate_is_the_same_candidates_within_bounds(scores: list[float], choices: dict[str, float], answer: str, seed: int, rise: int) -> None:
    slate: Slate = tuple(Candidate(item=item, score=score) for item, score in zip(CATALOG.items, scores, strict=False))
    rank = ModelRanker(ScriptedLLM([answer], choices=lambda _: choices), PROMPTS, CATALOG, lambda c, language: c.item.title(language), rise=rise)
    found = asyncio.run(rank(turn("warm"), Query(seed=seed), slate, Trace()))
    places = [[c.item.id for c in slate].index(c.item.id) for c in found]
    assert sorted(places) == list(range(len(slate)))
    assert all(new >= old - rise for new, old in enumerate(places))
    assert found is slate or math.isclose(sum(c.probability or 0.0 for c in found), 1.0, rel_tol=1e-9)
