"""A change of the catalogue while turns run: they finish with the rows they began with, and the next ones see the new."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes.house import embedded, living_app
from zhiyin.bootstrap import App
from zhiyin.embedders.hashing import HashingEmbedder
from zhiyin.engine import Advice
from zhiyin.errors import CacheError
from zhiyin.living import Living
from zhiyin.llm import Trace
from zhiyin.retrieve.dense import DenseIndex
from zhiyin.retrieve.keyword import KeywordIndex
from zhiyin.testing import NOON, tiny_domain
from zhiyin.types import Done, Fed, Item, ItemId, Op, Part, Query, Said, SessionId, Shown, Slate, Turn, Understood, UserId, Wish, Words
from zhiyin.vectors import ItemVectors

SESSION, ANN = SessionId("s"), UserId("ann")
EMBER, PRO = ItemId("ember"), ItemId("ember-pro")
HALO = Item(id=ItemId("halo"), titles={"en": "Halo Ring", "zh": "光环"}, attributes={"brand": "Lumenor", "colours": ("amber",), "price": 120}, texts={"en": "A ring of light."})


def living(app: App) -> Living:
    assert app.living is not None
    return app.living


def asked(app: App, text: str) -> AsyncGenerator[Part, None]:
    return app.engine.answer(Turn(session=SESSION, user=ANN, text=text, time=NOON))


async def parts_of(app: App, text: str) -> list[Part]:
    async with aclosing(asked(app, text)) as parts:
        return [part async for part in parts]


def shown(parts: list[Part]) -> list[str]:
    return [c.item.id for part in parts if isinstance(part, Shown) for c in part.slate]


def spoken(parts: list[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Words))


@pytest.fixture
def app(tmp_path: Path) -> App:
    return living_app(tmp_path)


# --- a turn that runs ---


async def test_a_turn_that_runs_while_its_items_are_deleted_finishes_unharmed(app: App) -> None:
    told: list[Part] = []
    async with aclosing(asked(app, "red lamps")) as parts:
        async for part in parts:
            told.append(part)
            if isinstance(part, Shown):
                assert {EMBER, PRO} <= set(shown(told))
                await living(app).change(delete=[c.item.id for c in part.slate])
    assert isinstance(told[-1], Done)
    assert "Ember" in spoken(told)
    last = (await app.stores.log.events(SESSION))[-1]
    assert isinstance(last, Said)
    assert {EMBER, PRO} <= set(last.items)
    assert last.whole
    assert not set(shown(await parts_of(app, "red lamps"))) & {EMBER, PRO}


class Meddling:
    """Ranks, as a model would, after the catalogue was changed under it."""

    def __init__(self) -> None:
        self.app: App | None = None

    async def __call__(self, turn: Turn, query: Query, slate: Slate, trace: Trace, /) -> Slate:
        assert self.app is not None
        await living(self.app).change([HALO], [EMBER])
        return tuple(reversed(slate))


async def test_a_second_look_that_outlasts_a_change_ranks_the_rows_it_began_with(tmp_path: Path) -> None:
    meddling = Meddling()
    app = meddling.app = living_app(tmp_path, advice=Advice(rerank=meddling))
    told = await parts_of(app, "cheap red lamps")
    slates = [[c.item.id for c in part.slate] for part in told if isinstance(part, Shown)]
    assert len(slates) == 2
    assert EMBER in slates[1]
    assert sorted(slates[0]) == sorted(slates[1])
    assert isinstance(told[-1], Done)
    assert app.catalog.item(EMBER) is None
    assert app.catalog.item(HALO.id) == HALO


async def test_a_hundred_turns_among_fifty_changes_each_show_one_state(tmp_path: Path) -> None:
    """Every state has either both of a pair of lamps or neither; no slate may have one."""
    pair = [replace(HALO, id=ItemId(f"pair-{n}"), titles={"en": f"Twin {n}"}) for n in (1, 2)]
    app = living_app(tmp_path)

    async def change() -> None:
        for _ in range(25):
            await living(app).change(pair)
            await living(app).change(delete=[item.id for item in pair])

    async def talk(name: str) -> None:
        for _ in range(20):
            async with aclosing(app.engine.answer(Turn(session=SessionId(name), user=UserId(name), text="amber lamps", time=NOON), limit=20)) as parts:
                ids = shown([part async for part in parts])
            assert len({i for i in ids if i.startswith("pair-")}) in {0, 2}
            await asyncio.sleep(0)

    await asyncio.gather(change(), *(talk(f"u{n}") for n in range(5)))


# --- what later turns see ---


async def test_a_new_item_is_found_by_wish_word_title_and_value(app: App) -> None:
    assert "halo" not in shown(await parts_of(app, "amber lamps"))
    await living(app).change([HALO])
    assert shown(await parts_of(app, "amber lamps")) == ["halo"]
    assert "A ring of light" in spoken(await parts_of(app, "tell me about the Halo Ring"))
    assert shown(await parts_of(app, "a lumenor lamp")) == ["halo"]
    embedded(app)
    assert app.engine.find.slate(Query(topic="a ring of light"))[0].item == HALO


async def test_a_changed_price_holds_from_the_next_turn_on(app: App) -> None:
    glow = app.catalog.item(ItemId("glow"))
    assert glow is not None
    cheap = Query(wishes=(Wish(field="price", op=Op.LT, value=45),))
    assert app.engine.find.slate(cheap) == ()
    await living(app).change([replace(glow, variants=({"price": 39},))])
    assert [c.item.id for c in app.engine.find.slate(cheap)] == ["glow"]
    assert "¥39" in spoken(await parts_of(app, "what is the price of Glow?"))


async def test_a_deleted_item_that_is_pointed_at_is_said_to_be_gone_and_the_others_keep_their_number(app: App) -> None:
    first, second = shown(await parts_of(app, "red lamps"))[:2]
    await living(app).change(delete=[ItemId(first)])
    told = await parts_of(app, "tell me about the first one")
    assert "no longer in the catalogue" in spoken(told)
    assert next(part for part in told if isinstance(part, Understood)).understanding.about == ()
    told = await parts_of(app, "tell me about the second one")
    assert next(part for part in told if isinstance(part, Understood)).understanding.about == (second,)


async def test_a_slate_of_which_nothing_is_left_is_no_slate(app: App) -> None:
    ids = [ItemId(i) for i in shown(await parts_of(app, "red lamps"))]
    await living(app).change(delete=ids)
    assert (await app.engine.state(SESSION, ANN)).slate == ()
    assert isinstance((await parts_of(app, "第二个怎么样"))[-1], Done)


async def test_a_catalogue_may_be_emptied_and_filled_again(app: App) -> None:
    everything = [app.catalog.items[row] for row in range(app.catalog.size)]
    await living(app).change(delete=[item.id for item in everything])
    assert len(app.catalog) == 0
    for text in ("red lamps under 200", "Ember", "类似月光二号的", "the cheapest", "第一个多少钱"):
        assert isinstance((await parts_of(app, text))[-1], Done)
    await living(app).change(everything)
    assert len(app.catalog) == app.catalog.size == 9
    assert EMBER in shown(await parts_of(app, "red lamps"))


async def test_what_was_liked_and_is_gone_is_no_reason(app: App) -> None:
    await app.engine.take(SESSION, ANN, Fed(user=ANN, kind="like", item=EMBER, time=NOON))
    assert any(r.source == EMBER for part in await parts_of(app, "lamps for my desk") if isinstance(part, Shown) for c in part.slate for r in c.reasons)
    await living(app).change(delete=[EMBER])
    assert not any(r.source == EMBER for part in await parts_of(app, "lamps for my desk") if isinstance(part, Shown) for c in part.slate for r in c.reasons)


# --- the way there ---


async def test_a_row_is_kept_and_found_again(app: App) -> None:
    row, item = app.catalog.row[EMBER], app.catalog.item(EMBER)
    assert item is not None
    await living(app).change(delete=[EMBER])
    await living(app).change([HALO])
    assert (app.catalog.row[HALO.id], app.catalog.size, len(app.catalog)) == (9, 10, 9)
    await living(app).change([item])
    assert app.catalog.row[EMBER] == row


async def test_a_deleted_row_comes_back_as_the_catalogue_had_it_at_first(app: App) -> None:
    item = app.catalog.item(EMBER)
    assert item is not None
    await living(app).change([replace(item, titles={"en": "Cinder"}), HALO])
    await living(app).change(delete=[EMBER])
    await living(app).change(restore=[EMBER, HALO.id, ItemId("nobody")])
    assert app.catalog.item(EMBER) == item
    assert app.catalog.item(HALO.id) is None


async def test_a_change_goes_on_when_its_caller_is_stopped(app: App) -> None:
    task = asyncio.create_task(living(app).change([HALO]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await living(app).change(delete=[EMBER])  # waits for the one before
    assert app.catalog.item(HALO.id) == HALO
    assert app.catalog.item(EMBER) is None


async def test_a_change_that_cannot_be_written_changes_nothing_and_may_be_tried_again(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise CacheError("the disk is full")

    before = living(app).view
    with monkeypatch.context() as patched:
        patched.setattr(KeywordIndex, "change", full)
        with pytest.raises(CacheError):
            await living(app).change([HALO], [EMBER])
    assert living(app).view is before
    assert app.engine.find.slate(Query(limit=20)) == before.finder.slate(Query(limit=20))
    await living(app).change([HALO], [EMBER])
    assert "keyword" in next(c for c in app.engine.find.slate(Query(topic="ring of light", limit=20)) if c.item == HALO).sources


async def test_an_index_on_disk_is_left_as_it_is(tmp_path: Path) -> None:
    texts = ["red lamp", "blue lamp"]
    kept = KeywordIndex.open(lambda: texts, tmp_path / "index")
    other = kept.changed({2: "green lamp"}, [0])
    assert sorted(other.search("lamp")[0]) == [1, 2]
    assert sorted(kept.search("lamp")[0]) == [0, 1]
    assert sorted(KeywordIndex.open(list, tmp_path / "index").search("lamp")[0]) == [0, 1]
    third = other.changed({0: "lamp once more"})
    assert (len(kept), len(other), len(third)) == (2, 2, 3)


# --- vectors ---


class Slow(HashingEmbedder):
    """Embeds when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def passages(self, texts: list[str], /) -> np.ndarray:
        self.texts += texts
        return super().passages(texts)


def test_a_row_waits_for_its_vector_without_one_and_takes_it_in_its_place(tmp_path: Path) -> None:
    embedder = Slow()
    vectors = ItemVectors(tiny_domain(), ["a", "b"], embedder, tmp_path, print)
    vectors.fill()
    old = vectors.array
    new = vectors.changed({1: "changed", 2: "new"}, 3)
    assert (len(old), len(new)) == (2, 3)
    assert not new[1:].any()
    assert np.array_equal(new[0], embedder.passages(["a"])[0])
    vectors.fill()
    assert np.array_equal(vectors.array, embedder.passages(["a", "changed", "new"]))
    assert np.array_equal(new, vectors.array)


def test_a_row_in_the_middle_of_a_change_is_at_most_parts_of_two_unit_vectors(tmp_path: Path) -> None:
    vectors = ItemVectors(tiny_domain(), [str(n) for n in range(40)], HashingEmbedder(), tmp_path, print)
    vectors.fill()
    longest, over = [0.0], threading.Event()

    def look() -> None:
        while not over.is_set():
            longest[0] = max(longest[0], float(np.linalg.norm(vectors.array, axis=1).max()))

    looking = threading.Thread(target=look)
    looking.start()
    for again in range(60):
        vectors.changed({n: f"{n} {again}" for n in range(40)}, 40)
        vectors.fill()
    over.set()
    looking.join()
    assert 0.99 < longest[0] < 1.415  # the square root of 2: a part of the old and a part of the new


def test_a_text_that_changes_while_it_is_embedded_gets_the_vector_of_what_it_says_now(tmp_path: Path) -> None:
    class Overtaken(Slow):
        def passages(self, texts: list[str], /) -> np.ndarray:
            made = super().passages(texts)
            if "first" in texts:
                vectors.changed({0: "second"}, 1)
            return made

    vectors = ItemVectors(tiny_domain(), ["first"], Overtaken(), tmp_path, print)
    vectors.fill()
    assert np.array_equal(vectors.array[0], HashingEmbedder().passages(["second"])[0])


def test_vectors_of_changed_texts_are_kept_for_the_next_start(tmp_path: Path) -> None:
    vectors = ItemVectors(tiny_domain(), ["a"], Slow(), tmp_path, print)
    vectors.changed({1: "new"}, 2)
    vectors.fill()
    again = ItemVectors(tiny_domain(), ["a", "new", "other"], Slow(), tmp_path, print)
    assert again.waiting == 1
    assert np.allclose(again.array[:2], vectors.array, atol=0.01)


async def test_an_index_of_vectors_follows(tmp_path: Path) -> None:
    app = living_app(tmp_path)
    view = living(app).view
    index = view.finder.retriever.index = DenseIndex(living(app).vectors.array)
    await living(app).change([HALO], [EMBER])
    embedded(app)
    await asyncio.sleep(0.05)
    rows, _ = index.search(app.embedder.passages(["Halo Ring / 光环. Lumenor. amber. A ring of light."])[0], 20)
    assert rows[0] == app.catalog.row[HALO.id]
    assert view.catalog.row[EMBER] not in rows
    assert view.finder.retriever.vectors is not None
    assert view.finder.retriever.vectors[view.catalog.row[EMBER]].any()  # the index has its own array by now: a turn that runs goes on with this one
