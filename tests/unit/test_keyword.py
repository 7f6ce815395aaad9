"""Lexical search through its one door: Chinese and English, filters, changes that are whole or not at all, damage."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.errors import CacheError, SettingError
from zhiyin.retrieve.keyword import KeywordIndex

TEXTS = [
    "A submarine thriller under the ice",
    "悬疑推理：潜艇里的谋杀案",
    "Two comedies about one wedding",
    "温馨的家庭喜剧",
    "家庭 drama with 悬疑 and one wedding cake",
    "A quiet film",
]
WORDS = ["submarine", "wedding", "robot", "comedy", "悬疑", "喜剧", "家庭", "机器人"]


def never() -> list[str]:
    raise AssertionError("the index is built again")


def found(index: KeywordIndex, query: str, **options) -> list[int]:
    return index.search(query, **options)[0].tolist()


def rising(count: int) -> list[str]:
    """Texts that all match, shorter ones better: row by row less so."""
    return [" ".join(["robot", *["filler"] * (row % 40)]) for row in range(count)]


@pytest.fixture
def index() -> KeywordIndex:
    return KeywordIndex.open(lambda: TEXTS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of the texts, changed once."""
    folder = tmp_path_factory.mktemp("made") / "index"
    KeywordIndex.open(lambda: TEXTS, folder).change({9: "a lighthouse"}, drop=[5])
    return folder


@pytest.fixture
def kept(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "index"))


# --- searching ---


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("submarines", {0}),
        ("WEDDING", {2, 4}),
        ("a comedy", {2}),
        ("潜艇", {1}),
        ("懸疑", {1, 4}),
        ("家庭喜剧", {3, 4}),
        ("wedding 悬疑", {1, 2, 4}),
        ("zeppelin", set()),
        ("the", set()),
        ("", set()),
        ("？！ :(", set()),
    ],
)
def test_words_of_both_languages_find_the_items_that_have_them(index: KeywordIndex, query: str, rows: set[int]) -> None:
    assert set(found(index, query)) == rows


def test_the_best_match_comes_first_with_the_highest_score(index: KeywordIndex) -> None:
    rows, scores = index.search("温馨 家庭 喜剧")
    assert rows.tolist() == [3, 4]
    assert scores[0] > scores[1] > 0


def test_equal_scores_come_lowest_row_first_and_a_shorter_answer_is_the_start_of_a_longer_one() -> None:
    same = KeywordIndex.open(lambda: ["one robot"] * 500)
    assert found(same, "robot", k=40) == list(range(40))
    assert found(same, "robot", k=7) == list(range(7))


def test_scores_by_row_are_over_the_bests_and_zero_elsewhere(index: KeywordIndex) -> None:
    scores = index.scores("家庭 喜剧", 6)
    assert scores.shape == (6,)
    assert scores[3] == 1.0
    assert 0 < scores[4] < 1
    assert scores[[0, 1, 2, 5]].sum() == 0
    assert index.scores("zeppelin", 6).sum() == 0
    assert index.scores("家庭 喜剧", 4)[3] == 1.0


# --- filters ---


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=4), min_size=1, max_size=60), st.data())
def test_a_filter_is_never_broken_and_loses_nothing(texts: list[list[str]], data: st.DataObject) -> None:
    index = KeywordIndex.open(lambda: [" ".join(t) for t in texts])
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts))))
    query = data.draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3))
    k = data.draw(st.integers(1, 70))
    everything = [row for row in found(index, " ".join(query), k=len(texts)) if mask[row]]
    assert found(index, " ".join(query), k=k, allowed=mask) == everything[:k]


@pytest.mark.parametrize("passing", [1, 5, 40, 600, 2900])
def test_selective_and_broad_filters_answer_as_a_full_search_would(passing: int) -> None:
    index = KeywordIndex.open(lambda: rising(3000))
    mask = np.zeros(3000, dtype=bool)
    mask[np.random.default_rng(passing).choice(3000, passing, replace=False)] = True
    everything, scores = index.search("robot", 3000)
    expected = scores[mask[everything]][:10]
    rows, kept_scores = index.search("robot", 10, allowed=mask)
    assert mask[rows].all()
    assert kept_scores == pytest.approx(expected)
    assert sorted(index.search("robot", 10, allowed=np.flatnonzero(mask)[::-1])[0]) == sorted(rows)


def test_a_filter_that_only_the_worst_matches_pass_still_finds_them() -> None:
    index = KeywordIndex.open(lambda: ["robot"] * 2000 + ["robot " + "filler " * 60] * 1000)
    mask = np.zeros(3000, dtype=bool)
    mask[2000:] = True
    assert found(index, "robot", k=10, allowed=mask) == list(range(2000, 2010))


def test_a_filter_may_be_empty_or_speak_of_other_rows(index: KeywordIndex) -> None:
    assert found(index, "wedding", allowed=np.zeros(6, dtype=bool)) == []
    assert found(index, "wedding", allowed=np.empty(0, dtype=np.int64)) == []
    assert found(index, "wedding", allowed=np.array([4, 70])) == [4]
    assert found(index, "wedding", allowed=np.ones(3, dtype=bool)) == [2]
    assert index.scores("wedding", 6, allowed=np.array([4]))[[2, 4]].tolist() == [0.0, 1.0]


# --- changes ---


def test_a_deletion_hides_at_once_and_an_addition_is_found(index: KeywordIndex) -> None:
    index.delete([2, 77])
    assert found(index, "wedding") == [4]
    index.add([2, 30], ["机器人总动员", "a robot wedding"])
    assert set(found(index, "wedding")) == {4, 30}
    assert found(index, "机器人") == [2]
    assert len(index) == 7


def test_a_text_put_where_one_stood_replaces_it(index: KeywordIndex) -> None:
    index.add([0], ["a lighthouse"])
    assert found(index, "submarine") == []
    assert found(index, "lighthouse") == [0]
    assert len(index) == 6


def test_rows_count_from_zero(index: KeywordIndex) -> None:
    with pytest.raises(SettingError, match="no row -3"):
        index.change({1: "robot"}, drop=[-3])
    assert found(index, "robot") == []


def test_many_small_changes_do_not_pile_up(index: KeywordIndex) -> None:
    for row in range(100, 130):
        index.add([row], [f"robot number {row}"])
    assert sorted(found(index, "robot", k=99)) == list(range(100, 130))
    assert found(index, "robot", k=99, allowed=np.array([111])) == [111]


def test_an_index_opened_again_keeps_its_changes(kept: Path) -> None:
    index = KeywordIndex.open(never, kept, pytest.fail)
    assert found(index, "lighthouse") == [9]
    assert found(index, "quiet") == []
    assert found(index, "潜艇") == [1]


def test_a_change_that_fails_halfway_changes_nothing(kept: Path) -> None:
    index = KeywordIndex.open(never, kept)
    with pytest.raises(AttributeError):
        index.change({0: "robot", 1: None}, drop=[2])
    assert found(index, "robot") == []
    assert found(index, "submarine") == [0]
    index.add([0], ["robot"])
    assert found(index, "robot") == [0]


@pytest.mark.parametrize("call", ["KeywordIndex.open(never, path).change(Deadly(), drop=[0, 1, 2])", "KeywordIndex.open(lambda: Deadly().values(), path.with_name('other'))"])
def test_an_index_survives_a_process_that_dies_while_writing(kept: Path, call: str) -> None:
    script = f"""
        import os, pathlib, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_keyword import KeywordIndex, never
        path = pathlib.Path({str(kept)!r})
        class Deadly(dict):
            def __iter__(self): return iter(range(100, 200))
            def keys(self): return list(self)
            def items(self):
                for row in self:
                    if row == 150: os._exit(9)
                    yield row, "robot"
            def values(self):
                class Texts(list):
                    def __iter__(self):
                        yield from ["robot"] * 50
                        os._exit(9)
                return Texts()
        {call}
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(script)], timeout=60, check=False).returncode == 9
    index = KeywordIndex.open(never, kept, pytest.fail)
    assert found(index, "lighthouse") == [9]
    assert set(found(index, "wedding")) == {2, 4}
    index.add([50], ["robot"])
    assert found(index, "robot") == [50]
    other = KeywordIndex.open(lambda: TEXTS, kept.with_name("other"))
    assert len(other) == len(TEXTS)


def test_a_second_writer_is_refused_with_the_next_step(kept: Path) -> None:
    index = KeywordIndex.open(never, kept)
    held = KeywordIndex.open(never, kept)._index.writer(64_000_000, 1)
    with pytest.raises(CacheError, match="cannot be changed") as caught:
        index.add([0], ["robot"])
    assert "another process" in caught.value.hint
    held.rollback()
    assert found(index, "submarine") == [0]


# --- damage ---


def largest(folder: Path, pattern: str) -> Path:
    return max(folder.glob(pattern), key=lambda file: file.stat().st_size)


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def garbled(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 4] ^= 0xFF
    file.write_bytes(content)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("harm", [cut, garbled, emptied, Path.unlink])
@pytest.mark.parametrize("pattern", ["*.term", "*.idx", "*.fast", "*.fieldnorm", "meta.json"])
def test_a_damaged_index_is_built_again_and_says_so(kept: Path, pattern: str, harm: Callable[[Path], None]) -> None:
    harm(largest(kept, pattern))
    said: list[str] = []
    index = KeywordIndex.open(lambda: TEXTS, kept, said.append)
    assert "built again" in said[0]
    assert found(index, "潜艇") == [1]
    assert found(KeywordIndex.open(never, kept, pytest.fail), "quiet") == [5]


def test_an_index_of_an_older_layout_is_built_again(tmp_path: Path) -> None:
    import tantivy

    (tmp_path / "index").mkdir()
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("row", stored=True)
    builder.add_text_field("body", tokenizer_name="whitespace", index_option="freq")
    tantivy.Index(builder.build(), path=str(tmp_path / "index"))
    said: list[str] = []
    assert found(KeywordIndex.open(lambda: TEXTS, tmp_path / "index", said.append), "submarine") == [0]
    assert "older layout" in said[0]
