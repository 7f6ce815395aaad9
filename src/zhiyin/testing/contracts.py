"""What every back end of a port promises, as test suites to inherit from: see `StoreContract`, `EmbedderContract`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from zhiyin.ports import Embedder, Store
from zhiyin.types import (
    Event,
    Fed,
    Heard,
    ItemId,
    Judgement,
    Language,
    Lift,
    Notice,
    Op,
    Opinion,
    Put,
    Said,
    Sentiment,
    SessionId,
    Signal,
    Turn,
    Understanding,
    Undone,
    UserId,
    Wish,
)

NOON = datetime(2026, 5, 17, 12, tzinfo=UTC)
ANN, BO = UserId("ann"), UserId("bo 波")
MORNING, EVENING, NIGHT = SessionId("morning"), SessionId("evening 傍晚"), SessionId("night")


def every_event(session: SessionId = MORNING, user: UserId = ANN) -> tuple[Event, ...]:
    """One event of each type, with everything that an event can carry."""
    wishes = (
        Wish(field="price", op=Op.BETWEEN, value=(4000, 6000.5), source="五千左右", turn=1, id="c1", near=5000.0),
        Wish(field="colours", op=Op.NONE_OF, value=("red", "blue"), negated=True, source="not red or blue", turn=1, id="c2"),
        Wish(field="dimmable", op=Op.EQ, value=True, hard=False, source="ideally dimmable", turn=1, id="c3"),
        Wish(field="rating", op=Op.GE, value=8, source="8 or more", turn=1, id="c4"),
        Wish(field="rating", op=Op.LIKE, value="highest", hard=False, source="the best", turn=1, id="c5"),
    )
    understanding = Understanding(
        language=Language.ZH,
        intent={"recommend": 0.75, "refine": 0.25},
        sentiment=Sentiment(label="mixed", score=-0.125, aspects={"price": -0.5, "weight": 0.25}),
        edits=(*(Put(wish=w, how="merge") for w in wishes), Lift(field="brand", values=("Hearth", 3, True), source="any brand"), Lift(field="*")),
        about=(ItemId("moon-1"), ItemId("ember")),
        judgements=(Judgement(item=ItemId("ember"), opinion=Opinion.SEEN, source="看过了"),),
        asked=("weight",),
        asked_values=("NFC",),
        count=3,
        topic="quotes \"' and \\ and 换行\n🌙",
        signals=frozenset({Signal.OTHERS, Signal.FIRM}),
        notices=(Notice(code="unknown_title", slots={"title": "《没有》"}),),
    )
    return (
        Heard(turn=Turn(session=session, user=user, text="五千左右的灯, not red — 谢谢🙏", time=NOON), understanding=understanding),
        Said(act="recommend", text="好的 ok", items=(ItemId("moon-1"), ItemId("moon-2")), question="brand", recommendation="a1b2", time=NOON + timedelta(seconds=1)),
        Fed(user=user, kind="rating", item=ItemId("moon-2"), value=4.5, time=NOON + timedelta(seconds=2, microseconds=3)),
        Fed(user=user, kind="like", item=ItemId("moon-1"), time=NOON + timedelta(seconds=3)),
        Undone(time=NOON + timedelta(seconds=4)),
        Heard(turn=Turn(session=session, user=user, text="", time=NOON), understanding=Understanding(language=Language.EN, intent={"chitchat": 1.0})),
    )


def _clicks(*items: str, user: UserId = ANN) -> tuple[Fed, ...]:
    return tuple(Fed(user=user, kind="click", item=ItemId(item), time=NOON) for item in items)


@pytest.mark.asyncio
class StoreContract(ABC):
    """What a `Store` promises. Inherit, name the class `Test...`, and say how to `make` an empty one."""

    @abstractmethod
    def make(self, folder: Path) -> Store:
        """A new, empty store that may keep files in `folder`."""

    @pytest_asyncio.fixture
    async def store(self, tmp_path: Path) -> AsyncGenerator[Store, None]:
        """The store under test, closed afterwards."""
        store = self.make(tmp_path)
        yield store
        await store.close()

    async def test_events_come_back_in_the_order_they_were_appended(self, store: Store) -> None:
        """Over one call and over several."""
        first, second = _clicks("a", "b", "c"), _clicks("d", "a")
        await store.append(MORNING, ANN, *first)
        await store.append(MORNING, ANN, *second)
        assert list(await store.events(MORNING)) == [*first, *second]

    async def test_every_type_of_event_comes_back_equal(self, store: Store) -> None:
        """To the type of each value: 8 does not become 8.0, nor True 1."""
        events = every_event()
        await store.append(MORNING, ANN, *events)
        back = await store.events(MORNING)
        assert list(back) == list(events)
        heard, expected = back[0], events[0]
        assert isinstance(heard, Heard)
        assert isinstance(expected, Heard)
        for have, want in zip(heard.understanding.edits, expected.understanding.edits, strict=True):
            assert repr(have) == repr(want)

    async def test_times_keep_their_moment(self, store: Store) -> None:
        """Whatever the zone they are told in."""
        events = every_event()
        await store.append(MORNING, ANN, *events)
        times = [e.time for e in await store.events(MORNING) if isinstance(e, Said | Fed | Undone)]
        assert times == [e.time for e in events if isinstance(e, Said | Fed | Undone)]
        assert all(time.tzinfo is not None for time in times)

    async def test_an_unknown_session_has_no_events(self, store: Store) -> None:
        """And is not an error, nor is it known after being asked for."""
        assert list(await store.events(NIGHT)) == []
        assert list(await store.sessions(ANN)) == []

    async def test_an_unknown_user_has_no_sessions_and_nothing_to_forget(self, store: Store) -> None:
        """Asking twice changes nothing."""
        assert list(await store.sessions(BO)) == []
        assert await store.forget(BO) == 0
        assert await store.forget(BO) == 0

    async def test_two_sessions_do_not_mix(self, store: Store) -> None:
        """Also where their events alternate."""
        await store.append(MORNING, ANN, *_clicks("a"))
        await store.append(EVENING, BO, *_clicks("x", user=BO))
        await store.append(MORNING, ANN, *_clicks("b"))
        await store.append(EVENING, BO, *_clicks("y", user=BO))
        assert list(await store.events(MORNING)) == [*_clicks("a", "b")]
        assert list(await store.events(EVENING)) == [*_clicks("x", "y", user=BO)]

    async def test_a_users_sessions_come_oldest_first(self, store: Store) -> None:
        """By their first event; each once, none of other users."""
        for session in (NIGHT, MORNING, NIGHT, EVENING, MORNING):
            await store.append(session, ANN, *_clicks("a"))
        await store.append(SessionId("another"), BO, *_clicks("a", user=BO))
        assert list(await store.sessions(ANN)) == [NIGHT, MORNING, EVENING]
        assert list(await store.sessions(BO)) == ["another"]

    async def test_forgetting_counts_and_erases_all_sessions_of_a_user(self, store: Store) -> None:
        """The count is of events, over every session."""
        await store.append(MORNING, ANN, *every_event())
        await store.append(EVENING, ANN, *_clicks("a", "b"))
        assert await store.forget(ANN) == len(every_event()) + 2
        assert list(await store.sessions(ANN)) == []
        assert list(await store.events(MORNING)) == []
        assert list(await store.events(EVENING)) == []
        assert await store.forget(ANN) == 0

    async def test_forgetting_one_user_leaves_the_others(self, store: Store) -> None:
        """Their events, their sessions and the order of both."""
        await store.append(MORNING, ANN, *_clicks("a"))
        await store.append(EVENING, BO, *_clicks("x", "y", user=BO))
        await store.append(NIGHT, BO, *_clicks("z", user=BO))
        await store.forget(ANN)
        assert list(await store.sessions(BO)) == [EVENING, NIGHT]
        assert list(await store.events(EVENING)) == [*_clicks("x", "y", user=BO)]

    async def test_a_forgotten_user_can_come_back(self, store: Store) -> None:
        """With a clean sheet, in a session of the same name."""
        await store.append(MORNING, ANN, *_clicks("a", "b"))
        await store.forget(ANN)
        await store.append(MORNING, ANN, *_clicks("c"))
        assert list(await store.events(MORNING)) == [*_clicks("c")]
        assert list(await store.sessions(ANN)) == [MORNING]

    async def test_what_was_read_does_not_change_afterwards(self, store: Store) -> None:
        """A reading is a value, not a window."""
        await store.append(MORNING, ANN, *_clicks("a"))
        events, sessions = await store.events(MORNING), await store.sessions(ANN)
        await store.append(MORNING, ANN, *_clicks("b"))
        await store.append(EVENING, ANN, *_clicks("c"))
        assert list(events) == [*_clicks("a")]
        assert list(sessions) == [MORNING]

    async def test_appends_at_the_same_time_stay_whole(self, store: Store) -> None:
        """All events of a call stand together: all or none, nothing in between, none lost."""
        batches = [_clicks(*(f"{n}-{part}" for part in range(3))) for n in range(12)]
        await asyncio.gather(*(store.append(MORNING, ANN, *batch) for batch in batches))
        kept = list(await store.events(MORNING))
        assert len(kept) == 36
        found = [tuple(kept[at : at + 3]) for at in range(0, 36, 3)]
        assert sorted(found, key=repr) == sorted(batches, key=repr)

    async def test_ids_are_taken_as_they_are(self, store: Store) -> None:
        """Quotes, percent signs, case, blanks and scripts tell sessions apart."""
        names = ["a", "A", " a", "a%", "'; drop table events; --", "甲", ""]
        for name in names:
            await store.append(SessionId(name), UserId(name), *_clicks(f"item of {name}"))
        for name in names:
            assert list(await store.events(SessionId(name))) == [*_clicks(f"item of {name}")]
            assert list(await store.sessions(UserId(name))) == [name]


class EmbedderContract(ABC):
    """What an `Embedder` promises. Inherit, name the class `Test...`, and say how to `make` one."""

    TEXTS = ("a quiet film about two brothers", "拍照好的手机", "手机 with a big battery", "Ünïcode – ½ 🌙")

    @abstractmethod
    def make(self) -> Embedder:
        """An embedder that is ready to use."""

    @pytest.fixture
    def embedder(self) -> Embedder:
        """The embedder under test."""
        return self.make()

    def test_it_names_its_vector_space(self, embedder: Embedder) -> None:
        """Two of a kind share it."""
        assert embedder.name
        assert embedder.name == self.make().name
        assert embedder.dim > 0

    @pytest.mark.parametrize("text", [*TEXTS, "word " * 700, "", "?!"], ids=["english", "chinese", "mixed", "signs", "long", "empty", "punctuation"])
    def test_a_question_becomes_a_unit_vector_of_single_floats(self, embedder: Embedder, text: str) -> None:
        """Even where there is nothing to read."""
        vector = embedder.query(text)
        assert vector.shape == (embedder.dim,)
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-3)

    def test_passages_become_unit_vectors_row_by_row(self, embedder: Embedder) -> None:
        """In the order of the texts."""
        vectors = embedder.passages(self.TEXTS)
        assert vectors.shape == (len(self.TEXTS), embedder.dim)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-3)
        for text, vector in zip(self.TEXTS, vectors, strict=True):
            assert embedder.passages([text])[0] @ vector == pytest.approx(1.0, abs=1e-3)

    def test_no_passages_become_no_rows(self, embedder: Embedder) -> None:
        """Of the right width and type."""
        vectors = embedder.passages([])
        assert vectors.shape == (0, embedder.dim)
        assert vectors.dtype == np.float32

    def test_the_same_text_has_the_same_vector(self, embedder: Embedder) -> None:
        """Now, later and from another embedder of the name."""
        other = self.make()
        for text in self.TEXTS:
            np.testing.assert_array_equal(embedder.query(text), embedder.query(text))
            np.testing.assert_allclose(embedder.query(text), other.query(text), atol=1e-6)
        np.testing.assert_array_equal(embedder.passages(self.TEXTS), embedder.passages(self.TEXTS))

    def test_different_texts_have_different_vectors(self, embedder: Embedder) -> None:
        """In either language."""
        vectors = np.stack([embedder.query(text) for text in self.TEXTS])
        assert (np.triu(vectors @ vectors.T, 1) < 0.999).all()

    @pytest.mark.parametrize(
        ("question", "near", "far"),
        [("camera phone", "a phone with a good camera", "a love story in Paris"), ("拍照手机", "这款手机拍照很好", "巴黎的爱情故事")],
        ids=["english", "chinese"],
    )
    def test_a_question_is_nearer_to_what_it_is_about(self, embedder: Embedder, question: str, near: str, far: str) -> None:
        """Where they share words; meaning is an embedder's own affair."""
        vector = embedder.query(question)
        about, beside = embedder.passages([near, far])
        assert vector @ about > vector @ beside
