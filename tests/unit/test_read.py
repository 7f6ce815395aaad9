"""Files of every format become rows; a row that cannot be read says where and why, a file that cannot be read raises."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from zhiyin.catalog.read import FORMATS, BadRow, Raw, read_rows, read_text
from zhiyin.errors import UnreadableFile


def written(folder: Path, name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def rows_of(path: Path) -> list[Raw]:
    rows = [row for _, row in read_rows(path)]
    assert not [row for row in rows if isinstance(row, BadRow)]
    return rows


# --- CSV ---


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_table_is_read_whatever_separates_its_cells(tmp_path: Path, separator: str) -> None:
    text = "\n".join(separator.join(cells) for cells in [("title", "price", "colour"), ("Moon", "1,99" if separator != "," else "199", "red"), ("Ember", "299", "blue")])
    rows = rows_of(written(tmp_path, "lamps.csv", text))
    assert [row["title"] for row in rows] == ["Moon", "Ember"]
    assert rows[1] == {"title": "Ember", "price": "299", "colour": "blue"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_chinese_is_read_in_every_usual_encoding(tmp_path: Path, encoding: str) -> None:
    (row,) = rows_of(written(tmp_path, "lamps.csv", "名称,价格\n月光一号,199\n", encoding))
    assert row == {"名称": "月光一号", "价格": "199"}


def test_western_letters_in_latin_1_are_read(tmp_path: Path) -> None:
    assert read_text(written(tmp_path, "a.txt", "Café Zoë\n", "latin-1")) == "Café Zoë\n"


def test_a_short_row_lacks_its_last_cells_and_a_long_one_is_reported(tmp_path: Path) -> None:
    path = written(tmp_path, "lamps.csv", "title,price,colour\nMoon,199\nEmber,299,red,oops\nGlow,89,white\n")
    found = list(read_rows(path))
    assert found[0] == (2, {"title": "Moon", "price": "199"})
    line, bad = found[1]
    assert isinstance(bad, BadRow)
    assert (line, bad.line) == (3, 3)
    assert "4 cells where the header has 3" in bad.reason
    assert "Ember" in bad.row
    assert found[2] == (4, {"title": "Glow", "price": "89", "colour": "white"})


def test_zero_bytes_blank_lines_and_blanks_in_the_header_do_no_harm(tmp_path: Path) -> None:
    rows = rows_of(written(tmp_path, "lamps.csv", b" title , price\nMo\0on,199\n\n , \nEmber,299\n"))
    assert rows == [{"title": "Moon", "price": "199"}, {"title": "Ember", "price": "299"}]


def test_quoted_cells_keep_their_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    rows = rows_of(written(tmp_path, "lamps.csv", 'title,about,price\n"Moon, the first","soft\nand ""warm""",199\nEmber,red,299\n'))
    assert rows[0] == {"title": "Moon, the first", "about": 'soft\nand "warm"', "price": "199"}
    assert rows[1]["title"] == "Ember"


def test_line_ends_of_windows_are_line_ends(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path, "lamps.csv", b"title,price\r\nMoon,199\r\nEmber,299\r\n")) == [{"title": "Moon", "price": "199"}, {"title": "Ember", "price": "299"}]


def test_a_table_of_one_column_is_a_table(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path, "lamps.csv", "title\nMoon\nEmber\n")) == [{"title": "Moon"}, {"title": "Ember"}]


def test_a_cell_may_be_very_long(tmp_path: Path) -> None:
    (row,) = rows_of(written(tmp_path, "lamps.csv", "title,about\nMoon," + "soft " * 60_000 + "\n"))
    assert len(str(row["about"])) >= 299_999


# --- JSON ---


def test_a_json_list_is_a_table_and_keeps_its_types(tmp_path: Path) -> None:
    items = [{"title": "月光", "price": 199, "colours": ["red"], "more": {"a": None}}, {"title": "Ember", "price": 2.5}]
    assert rows_of(written(tmp_path, "lamps.json", json.dumps(items))) == items


def test_a_json_object_holds_its_rows_in_its_first_list(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path, "lamps.json", '{"count": 1, "items": [{"title": "Moon"}]}')) == [{"title": "Moon"}]
    assert rows_of(written(tmp_path, "lamp.json", '{"title": "Moon", "price": 5}')) == [{"title": "Moon", "price": 5}]


def test_a_json_row_that_is_no_object_is_reported(tmp_path: Path) -> None:
    found = list(read_rows(written(tmp_path, "lamps.json", '[{"title": "Moon"}, 7, "Ember"]')))
    assert [isinstance(row, BadRow) for _, row in found] == [False, True, True]


def test_a_broken_line_of_jsonl_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = written(tmp_path, "lamps.jsonl", '\ufeff{"title": "月光"}\n\n{"title": "Em\n[1]\r\n{"title": "Glow"}\n')
    found = dict(read_rows(path))
    assert found[1] == {"title": "月光"}
    assert found[5] == {"title": "Glow"}
    assert isinstance(found[3], BadRow)
    assert "JSON" in found[3].reason
    assert isinstance(found[4], BadRow)
    assert sorted(found) == [1, 3, 4, 5]


# --- Parquet, SQLite ---


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    items = [{"title": "月光", "price": 199, "colours": ["red", "blue"]}, {"title": "Ember", "price": None, "colours": None}]
    parquet.write_table(arrow.Table.from_pylist(items), tmp_path / "lamps.parquet")
    assert rows_of(tmp_path / "lamps.parquet") == items


def test_sqlite_is_read_from_its_first_table_or_a_query_and_stays_untouched(tmp_path: Path) -> None:
    path = tmp_path / "lamps.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table lamps (title text, price real, n integer)")
        database.executemany("insert into lamps values (?, ?, ?)", [("月光", 199.5, 1), ("Ember", None, 2)])
        database.execute("create table zebras (name text)")
        database.commit()
    before = path.read_bytes()
    assert rows_of(path) == [{"title": "月光", "price": 199.5, "n": 1}, {"title": "Ember", "price": None, "n": 2}]
    assert [row for _, row in read_rows(path, query="select title as name from lamps where price is null")] == [{"name": "Ember"}]
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["lamps.db"]


# --- what cannot be read ---


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_missing_file_is_named(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UnreadableFile, match=f"nowhere{suffix}.*no such file"):
        list(read_rows(tmp_path / f"nowhere{suffix}"))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "lamps.csv").mkdir()
    with pytest.raises(UnreadableFile, match=r"lamps\.csv"):
        list(read_rows(tmp_path / "lamps.csv"))


@pytest.mark.parametrize("name", ["empty.csv", "empty.tsv", "empty.json", "empty.parquet", "empty.db"])
def test_an_empty_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableFile, match=name):
        list(read_rows(written(tmp_path, name, b"")))


def test_an_empty_jsonl_file_has_no_rows(tmp_path: Path) -> None:
    assert list(read_rows(written(tmp_path, "empty.jsonl", b""))) == []


@pytest.mark.parametrize("name", ["lamps.xlsx", "lamps.pdf", "lamps"])
def test_an_unknown_format_is_named_with_those_that_are_known(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableFile, match=name) as caught:
        list(read_rows(written(tmp_path, name, b"PK")))
    assert ".jsonl" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lamps.json", b"{not json"),
        ("lamps.json", b'"a text"'),
        ("lamps.parquet", b"PAR1 but no more"),
        ("lamps.db", b"SQLite format 3\0 but no more"),
        ("lamps.sqlite", b"hello " * 100),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(UnreadableFile, match=name):
        list(read_rows(written(tmp_path, name, content)))


def test_a_query_that_the_database_refuses_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lamps.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table lamps (title text)")
        database.commit()
    with pytest.raises(UnreadableFile, match=r"lamps\.db.*no such table"):
        list(read_rows(path, query="select * from films"))
