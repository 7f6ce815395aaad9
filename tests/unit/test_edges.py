"""Edges that once went wrong: sizes, shared sessions, odd files, odd packs, verdicts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from zhiyin.catalog.clean import clean_value
from zhiyin.catalog.domain import Field
from zhiyin.catalog.pack import built_in, check_pack, find_pack, read_pack
from zhiyin.catalog.read import BadRow, read_rows
from zhiyin.embedders.cached import VectorFile
from zhiyin.errors import PackError, UnreadableFile
from zhiyin.testing import tiny_catalog
from zhiyin.text import plain
from zhiyin.types import Item, ItemId, Op, Wish
from zhiyin.understand.classifier import IntentClassifier
from zhiyin.understand.quantities import read_quantities
from zhiyin.understand.sentiment import read_sentiment


# tests/unit/test_pack.py
@pytest.mark.parametrize("name", built_in())
def test_every_built_in_pack_is_sound(name: str) -> None:
    assert check_pack(find_pack(name)) == []


def sound(folder: Path) -> Path:
    for name, text in (
        ("domain.toml", '[fields.price]\nkind = "money"\n[adjectives.cosy]\nconditions = [["price", "<=", 3]]\n'),
        ("lexicon.en.toml", ""),
        ("lexicon.zh.toml", ""),
        ("samples.jsonl", '{"text": "a", "intent": "stop"}'),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("domain.toml", '[fields.price]\nkind = "money"\nplausible = [1]'),
        ("domain.toml", '[fields.price]\nkind = "money"\nplausible = "1-2"'),
        ("domain.toml", '[fields.price]\nkind = "money"\nimplies = ["a"]'),
        ("domain.toml", 'adjectives.cosy = 5\n[fields.price]\nkind = "money"'),
        ("domain.toml", 'openers = { en = 5 }\n[fields.price]\nkind = "money"'),
        ("domain.toml", 'item = { variants = 5 }\n[fields.price]\nkind = "money"'),
        ("domain.toml", 'item = { variants = "price" }\n[fields.price]\nkind = "money"'),
        ("lexicon.en.toml", "nouns = 5"),
        ("lexicon.en.toml", 'nouns = "lamp"'),
        ("lexicon.en.toml", "fields = 5"),
        ("lexicon.en.toml", '[fields]\nprice = "price"'),
        ("lexicon.en.toml", "[fields]\nprice = 5"),
        ("lexicon.en.toml", '[values]\nprice = ["a"]'),
        ("lexicon.en.toml", "[questions]\nprice = [5]"),
        ("lexicon.en.toml", "comparatives.cheaper = 5"),
        ("people.json", '["Ang Lee"]'),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_its_file(tmp_path: Path, file: str, text: str) -> None:
    (sound(tmp_path) / file).write_text(text, encoding="utf-8")
    with pytest.raises(PackError, match=file):
        read_pack(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        'item = { variants = ["size"] }\n[fields.price]\nkind = "money"',
        'item = { series = "line" }\n[fields.price]\nkind = "money"',
        '[fields.price]\nkind = "money"\ntrust = "votes"',
    ],
)
def test_fields_named_by_variants_series_and_trust_exist(tmp_path: Path, text: str) -> None:
    (sound(tmp_path) / "domain.toml").write_text(text, encoding="utf-8")
    assert len(check_pack(tmp_path)) == 1


# tests/unit/test_clean.py
def test_ten_thousands_of_yuan_are_read() -> None:  # promised by the docstring of _number
    assert clean_value("1.5万元", Field(name="price", kind="money", label={}, units={"元": 1})) == 15_000


@pytest.mark.parametrize("raw", ["red；blue", "red，blue"])
def test_full_width_separators_separate(raw: str) -> None:
    assert clean_value(raw, Field(name="x", kind="list", label={})) == ("red", "blue")


# tests/unit/test_read.py
@pytest.mark.parametrize("odd", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c"])
def test_only_line_ends_end_a_row(tmp_path: Path, odd: str) -> None:
    (tmp_path / "a.csv").write_text(f"title,about\nMoon,soft{odd}light\nEmber,red\n", encoding="utf-8")
    assert [row["title"] for _, row in read_rows(tmp_path / "a.csv")] == ["Moon", "Ember"]


def test_a_table_of_one_column_may_have_semicolons_in_its_cells(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title\nThe Moon; or, a lamp\nEmber; or, a fire\n", encoding="utf-8")
    assert not [row for _, row in read_rows(tmp_path / "a.csv") if isinstance(row, BadRow)]


def test_a_json_file_nested_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(UnreadableFile):
        list(read_rows(tmp_path / "a.json"))


@pytest.mark.parametrize("name", ["what?.db", "no#1.db", "50%20.db"])
def test_a_database_may_have_any_name(tmp_path: Path, name: str) -> None:
    with closing(sqlite3.connect(tmp_path / name)) as database:
        database.execute("create table lamps (title text)")
        database.execute("insert into lamps values ('Moon')")
        database.commit()
    assert [row for _, row in read_rows(tmp_path / name)] == [{"title": "Moon"}]


def test_a_table_may_have_a_quote_in_its_name(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute('create table "la""mps" (title text)')
        database.execute('insert into "la""mps" values (1)')
        database.commit()
    assert [row for _, row in read_rows(tmp_path / "a.db")] == [{"title": "1"}]


# tests/contracts/test_embedders.py, tests/unit/test_classifier.py: np.load(path) leaves the file open when the archive is broken
@pytest.mark.parametrize("cut", [100, 400])
def test_a_vector_file_cut_short_counts_as_empty(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "vectors.npz"
    VectorFile(path).write(np.array([1, 2], dtype=np.uint64), np.eye(2, 384, dtype=np.float32))
    path.write_bytes(path.read_bytes()[:cut])
    _, found = VectorFile(path).read(np.array([1, 2], dtype=np.uint64), 384)
    assert not found.any()


def test_weights_cut_short_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "intent.npz"
    IntentClassifier(["a"], np.zeros((1, 384), np.float32), np.zeros(1, np.float32)).save(path, "k")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(PackError, match=r"intent\.npz"):
        IntentClassifier.load(path)


# tests/properties/test_slate.py
def test_an_excluded_size_is_not_the_size_that_fits() -> None:
    catalog = tiny_catalog([Item(id=ItemId("x"), titles={"en": "X"}, attributes={}, variants=({"price": 3000, "storage": 128}, {"price": 5000, "storage": 512}))])
    not_512, dear = Wish(field="storage", op=Op.NONE_OF, value=(512,), negated=True), Wish(field="price", op=Op.GE, value=4000)
    assert not catalog.mask([not_512, dear]).any()


def test_an_excluded_size_leaves_the_other_sizes() -> None:
    catalog = tiny_catalog([Item(id=ItemId("x"), titles={"en": "X"}, attributes={}, variants=({"price": 3000, "storage": 128}, {"price": 5000, "storage": 512}))])
    not_128 = Wish(field="storage", op=Op.NONE_OF, value=(128,), negated=True)
    assert catalog.mask([not_128]).all()
    assert catalog.attributes(0, [not_128])["storage"] == 512


# tests/properties/test_numbers.py
@pytest.mark.parametrize("text", ["1984年", "21世纪", "the 90s", "去年"])
def test_blocked_dates_are_not_read(text: str) -> None:
    assert read_quantities(text, ("元",), year=2026, blocked=[(0, len(text))]) == []


@pytest.mark.parametrize(("text", "low", "high"), [("一百零一到一千一百一十元", 101, 1110), ("一到三十", 1, 30)])
def test_a_range_shares_no_scale_that_was_not_left_out(text: str, low: int, high: int) -> None:
    (found,) = read_quantities(text, ("元",), year=2026)
    assert (found.low, found.high) == (low, high)


# tests/unit/test_sentiment.py
@pytest.mark.parametrize("text", ["这部好看吗", "这个好用吗", "is it good?", "is it boring?", "how bad is it?", "有什么好看的", "它的问题是什么"])
def test_a_question_is_neutral(text: str) -> None:
    assert read_sentiment(plain(text)).label == "neutral"


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("negative", "nope, didn't work for me"),
        ("negative", "not my cup of tea"),
        ("negative", "couldn't finish it"),
        ("negative", "没什么意思"),
        ("negative", "不够好"),
        ("positive", "nothing bad about it"),
        ("positive", "真香"),
        ("positive", "不贵"),
    ],
)
def test_common_verdicts_are_heard(label: str, text: str) -> None:
    assert read_sentiment(plain(text)).label == label
