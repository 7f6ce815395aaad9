"""A language model over a catalogue that changes: what it may say is judged by the rows as they are now, and what it has learned of us stays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from zhiyin.bootstrap import App, build
from zhiyin.llm import LLMRequest
from zhiyin.llms.scripted import ScriptedLLM
from zhiyin.settings import Settings
from zhiyin.testing import NOON
from zhiyin.types import Item, ItemId, SessionId, Turn, UserId, Words

NEW = Item(
    id=ItemId("lumen-x"),
    titles={"en": "Lumen X", "zh": "流明X"},
    attributes={"brand": ("Lumenix",), "release_year": 2024, "currency": "CNY"},
    variants=({"price": 1999, "storage_gb": 128},),
)
TRUE, FALSE = "Lumen X is from 2024.", "Lumen X is from 2019."


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    said = [TRUE]

    def answer(request: LLMRequest) -> str:
        return said[0] if request.purpose == "speak" else ""

    settings = Settings.model_validate(
        {
            "cache": tmp_path / "cache",
            "data": tmp_path / "data",
            "domain": "phones",
            "store": "memory:",
            "embedder": "hashing:",
            "llm": {"stages": "speak", "frame": "strict", "first_word": 5.0},
        }
    )
    app = build(settings, model=ScriptedLLM(answer), clock=lambda: NOON)
    app.__dict__["said"] = said
    yield app
    asyncio.run(app.engine.close())


async def heard(app: App, text: str) -> list[Words]:
    turn = Turn(session=SessionId(text), user=UserId("ann"), text=text, time=NOON)
    return [part async for part in app.engine.answer(turn) if isinstance(part, Words)]


async def change(app: App, *put: Item, delete: tuple[ItemId, ...] = ()) -> None:
    assert app.living is not None
    await app.living.change(put, delete)


async def test_a_sentence_about_a_new_item_is_held_against_its_row(app: App) -> None:
    await change(app, NEW)
    words = await heard(app, "a Lumenix phone")
    assert (TRUE, "model") in [(w.text.strip(), w.by) for w in words]
    app.__dict__["said"][0] = FALSE
    assert not any(w.by == "model" for w in await heard(app, "a Lumenix phone under 5000"))


async def test_a_row_that_changed_is_spoken_of_as_it_is_now(app: App) -> None:
    await change(app, NEW)
    await heard(app, "a Lumenix phone")
    app.__dict__["said"][0] = FALSE
    await change(app, Item(id=NEW.id, titles=NEW.titles, attributes={**NEW.attributes, "release_year": 2019}, variants=NEW.variants))
    assert (FALSE, "model") in [(w.text.strip(), w.by) for w in await heard(app, "a phone of Lumenix")]


async def test_who_writes_item_texts_knows_the_new_item(app: App) -> None:
    await change(app, NEW)
    assert app.writer is not None
    assert "Lumen X" in app.writer.blurbs.facts(NEW, "en")
    assert app.writer.ground.of(NEW.id) is not None
    await change(app, delete=(NEW.id,))
    assert app.writer.ground.of(NEW.id) is None


async def test_what_is_told_by_descriptions_is_counted_with_the_change(app: App) -> None:
    assert app.writer is not None
    app.writer.ground.warm()
    await change(app, *(Item(id=ItemId(f"x-{n}"), titles={"en": f"Xylo {n}"}, attributes={}, texts={"en": "A quixotic phone."}) for n in range(2)))
    assert "quixotic" in app.writer.ground.shared
    assert "xylo 1" in app.writer.ground.called["xylo"]
    await change(app, delete=(ItemId("x-1"),))
    assert "quixotic" not in app.writer.ground.shared
    assert "xylo 1" not in app.writer.ground.called["xylo"]
    assert "xylo 0" in app.writer.ground.called["xylo"]
