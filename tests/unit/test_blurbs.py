"""Item texts that a model wrote: grounded, kept, marked, and gone when their row changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from zhiyin.cli.commands import run
from zhiyin.errors import ModelUnreachable
from zhiyin.llms.scripted import Mischief, MischievousLLM, ScriptedLLM
from zhiyin.prompting.prompts import Prompts, standing_of
from zhiyin.reply.blurbs import Blurbs, BlurbWriter
from zhiyin.reply.evidence import Ground
from zhiyin.reply.rows import Rows
from zhiyin.reply.wording import Wording
from zhiyin.testing import tiny_catalog
from zhiyin.understand.claims import ClaimReader
from zhiyin.understand.phrases import domain_phrases

CATALOG = tiny_catalog()
FIREFLY = next(i for i in CATALOG.items if i.id == "firefly")
EMBER = next(i for i in CATALOG.items if i.id == "ember")


def blurbs_in(folder: Path) -> Blurbs:
    return Blurbs(folder / "blurbs.jsonl", Rows(Wording(CATALOG)))


def writer(blurbs: Blurbs, llm: object) -> BlurbWriter:
    prompts = Prompts("lamps", (), standing_of(CATALOG.domain))
    return BlurbWriter(blurbs, llm, prompts, Ground(CATALOG, Wording(CATALOG)), ClaimReader(CATALOG, domain_phrases(CATALOG)))  # type: ignore[arg-type]


async def test_a_sentence_that_the_row_bears_out_is_kept_and_read_back(tmp_path: Path) -> None:
    blurbs = blurbs_in(tmp_path)
    asked, kept = await writer(blurbs, ScriptedLLM(["Firefly is a blue lamp. It was Napoleon's."])).write([FIREFLY], "en")
    assert (asked, kept) == (1, 1)
    found = blurbs_in(tmp_path).of(FIREFLY, "en")
    assert found is not None
    assert found.text == "Firefly is a blue lamp."
    assert (found.model, found.prompt) == ("scripted", "lamps/blurb.en@1")


@pytest.mark.parametrize("text", ["Firefly is a red lamp.", "Firefly won three prizes.", "", "A lovely choice.", "萤火虫是一盏蓝灯。", "Firefly weighs 90 g."])
async def test_a_sentence_that_nothing_bears_out_is_not_kept(tmp_path: Path, text: str) -> None:
    blurbs = blurbs_in(tmp_path)
    assert await writer(blurbs, ScriptedLLM([text])).write([FIREFLY], "en") == (1, 0)
    assert blurbs.of(FIREFLY, "en") is None


async def test_a_model_that_is_down_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ModelUnreachable):
        await writer(blurbs_in(tmp_path), MischievousLLM(Mischief.RAISES)).write([FIREFLY], "en")


async def test_a_row_with_a_description_of_its_own_shows_that(tmp_path: Path) -> None:
    blurbs = blurbs_in(tmp_path)
    blurbs.keep(blurbs.new(EMBER, "en", "Ember is a red lamp.", prompt="p", model="m"))
    assert blurbs.of(EMBER, "en") is None


async def test_a_row_that_changed_loses_its_sentence(tmp_path: Path) -> None:
    blurbs = blurbs_in(tmp_path)
    blurb = blurbs.new(FIREFLY, "en", "Firefly is a blue lamp.", prompt="p", model="m")
    blurbs.keep(replace(blurb, row="of an older row"))
    assert blurbs.of(FIREFLY, "en") is None


async def test_a_torn_or_foreign_line_is_passed_over(tmp_path: Path) -> None:
    blurbs = blurbs_in(tmp_path)
    blurbs.keep(blurbs.new(FIREFLY, "en", "Firefly is a blue lamp.", prompt="p", model="m"))
    with blurbs.path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"item": "x"}) + "\n[1]\n" + '{"item": "firefly", "lang')
    again = blurbs_in(tmp_path)
    assert again.of(FIREFLY, "en") is not None


def test_writing_without_a_model_says_how_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ZHIYIN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ZHIYIN_EMBEDDER", "hashing:")
    assert run(["model", "write", "--domain", "phones"]) == 4
    assert "--model llamacpp:NAME" in capsys.readouterr().err
    assert run(["model", "write", "--language", "fr"]) == 2
