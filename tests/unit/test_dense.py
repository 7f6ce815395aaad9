"""Dense search through its one door: exactness, filters, changes, ties, and approximate indexes where they pay and only there."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.errors import SettingError
from zhiyin.retrieve.approximate import Cells, Proposed, Sieve, open_approximate
from zhiyin.retrieve.dense import DenseIndex, cosine_scores

DIM = 16


def unit(count: int, seed: int = 0, dim: int = DIM) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal((count, dim), dtype=np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def brute(vectors: np.ndarray, query: np.ndarray, k: int, mask: np.ndarray) -> np.ndarray:
    """The rows by cosine in double precision, ties by row."""
    exact = (vectors.astype(np.float64) * query).sum(axis=1)
    return np.array(sorted(np.flatnonzero(mask), key=lambda row: (-exact[row], row))[:k], dtype=np.int64)


class Spy:
    """An approximate index that proposes what it is told and counts how often it is asked."""

    def __init__(self, rows, *, least: int = 0, ceiling: float = -np.inf) -> None:
        self.rows, self.least, self.ceiling, self.asked = np.array(rows, dtype=np.int64), least, ceiling, 0

    def pays(self, passing, size, /):
        return passing >= self.least

    def propose(self, query, k, mask, breadth=1, /):
        self.asked += 1
        return Proposed(self.rows, self.ceiling)

    def add(self, rows, vectors, /) -> None: ...

    def remove(self, rows, /) -> None: ...


# --- exactness ---


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(0, 40), st.floats(0.0, 1.0), st.integers(0, 2**32 - 1))
def test_the_top_k_under_any_filter_is_that_of_brute_force(size: int, k: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(size, seed)
    vectors[rng.random(size) < 0.3] = vectors[0]  # equals, whose order must be by row
    mask = rng.random(size) < share
    query = unit(1, seed + 1)[0]
    rows, scores = DenseIndex(vectors.copy()).search(query, k, allowed=mask)
    assert rows.tolist() == brute(vectors, query, k, mask).tolist()
    assert scores == pytest.approx((vectors[rows].astype(np.float64) * query).sum(axis=1))


def test_a_mask_and_its_row_numbers_ask_the_same() -> None:
    index, query = DenseIndex(unit(500)), unit(1, 9)[0]
    mask = np.random.default_rng(1).random(500) < 0.1
    by_mask, by_rows = index.search(query, 5, allowed=mask), index.search(query, 5, allowed=np.flatnonzero(mask)[::-1])
    assert by_mask[0].tolist() == by_rows[0].tolist()


def test_a_filter_that_speaks_of_rows_beyond_the_end_is_followed_up_to_it() -> None:
    index, query = DenseIndex(unit(10)), unit(1, 9)[0]
    assert sorted(index.search(query, 50, allowed=np.ones(99, dtype=bool))[0].tolist()) == list(range(10))
    assert index.search(query, 50, allowed=np.array([3, 77]))[0].tolist() == [3]


@pytest.mark.parametrize("allowed", [np.zeros(40, dtype=bool), np.empty(0, dtype=np.int64)])
def test_a_filter_that_nothing_passes_finds_nothing(allowed: np.ndarray) -> None:
    rows, scores = DenseIndex(unit(40)).search(unit(1)[0], 5, allowed=allowed)
    assert len(rows) == len(scores) == 0


def test_equal_scores_come_lowest_row_first_and_a_shorter_answer_is_the_start_of_a_longer_one() -> None:
    index = DenseIndex(np.repeat(unit(1), 700, axis=0))  # the products of equal rows differ in their last bit by place
    longer, _ = index.search(unit(1, 5)[0], 30)
    assert longer.tolist() == list(range(30))
    assert index.search(unit(1, 5)[0], 7)[0].tolist() == list(range(7))


def test_a_query_of_another_length_is_refused_with_both_lengths() -> None:
    with pytest.raises(SettingError, match=r"\(8,\).*length 16"):
        DenseIndex(unit(3)).search(unit(1, dim=8)[0])


# --- changes ---


def test_what_is_removed_is_gone_at_once_and_what_is_added_is_found() -> None:
    vectors = unit(200)
    index = DenseIndex(vectors.copy())
    assert index.search(vectors[17], 1)[0].tolist() == [17]
    index.remove(np.array([17, 17, 9999]))
    assert 17 not in index.search(vectors[17], 200)[0]
    assert len(index) == 199
    index.add(np.array([17, 450]), np.stack([vectors[3], vectors[17]]))
    assert index.search(vectors[17], 1)[0].tolist() == [450]
    assert index.search(vectors[3], 2)[0].tolist() == [3, 17]
    assert len(index) == 201


def test_rows_without_a_vector_are_never_found() -> None:
    vectors = unit(50)
    vectors[10:20] = 0.0
    index = DenseIndex(vectors)
    assert len(index) == 40
    assert set(index.search(-vectors[0], 50)[0]) == {*range(10), *range(20, 50)}


def test_vectors_of_another_length_are_refused() -> None:
    with pytest.raises(SettingError, match=r"2 rows need vectors of shape \(2, 16\)"):
        DenseIndex(unit(3)).add(np.array([0, 1]), unit(2, dim=8))


def test_of_a_row_given_twice_the_last_vector_stays_and_rows_count_from_zero() -> None:
    index, vectors = DenseIndex(unit(5)), unit(2, 8)
    index.add(np.array([7, 7]), vectors)
    assert index.search(vectors[1], 1)[1] == pytest.approx(1.0)
    with pytest.raises(SettingError, match="no row -1"):
        index.add(np.array([-1]), vectors[:1])


# --- approximate indexes ---


def test_an_approximate_index_is_asked_only_where_enough_rows_pass() -> None:
    spy = Spy(range(50), least=60)
    index, query = DenseIndex(unit(100), spy), unit(1, 4)[0]
    index.search(query, 5, allowed=np.arange(59))
    assert spy.asked == 0
    index.search(query, 5, allowed=np.arange(60))
    assert spy.asked == 1


def test_what_an_approximate_index_proposes_is_scored_exactly() -> None:
    vectors, query = unit(100), unit(1, 4)[0]
    rows, scores = DenseIndex(vectors.copy(), Spy([40, 7, 23, 99])).search(query, 3)
    mask = np.zeros(100, dtype=bool)
    mask[[40, 7, 23, 99]] = True
    assert rows.tolist() == brute(vectors, query, 3, mask).tolist()
    assert scores == pytest.approx((vectors[rows].astype(np.float64) * query).sum(axis=1))


@pytest.mark.parametrize("spy", [Spy([1, 2]), Spy(range(20), ceiling=0.99)], ids=["too few", "no proof"])
def test_where_an_approximate_index_falls_short_the_exact_search_answers(spy: Spy) -> None:
    vectors, query = unit(100), unit(1, 4)[0]
    rows, _ = DenseIndex(vectors.copy(), spy).search(query, 5)
    assert spy.asked == 2
    assert rows.tolist() == brute(vectors, query, 5, np.ones(100, dtype=bool)).tolist()


def test_each_kind_states_from_where_it_pays() -> None:
    pytest.importorskip("faiss")
    sieve, cells = Sieve(unit(100)), Cells(unit(100))
    assert [sieve.pays(n, 40_000) for n in (19_999, 20_000)] == [False, True]
    assert [sieve.pays(n, 200_000) for n in (39_999, 40_000)] == [False, True]
    assert [cells.pays(n, 1_000_000) for n in (249_999, 250_000)] == [False, True]
    assert [cells.pays(n, 2_000_000) for n in (399_999, 400_000)] == [False, True]


def test_a_sieve_gives_the_answers_of_brute_force_also_after_changes() -> None:
    pytest.importorskip("faiss")
    vectors = unit(24_000, dim=48)
    index = DenseIndex(vectors.copy(), open_approximate("sieve", vectors))
    fresh, rng = unit(300, 8, dim=48), np.random.default_rng(3)
    held = np.concatenate([vectors, np.zeros((300, 48), dtype=np.float32)])
    replaced = np.concatenate([rng.choice(24_000, 100, replace=False), np.arange(24_100, 24_300)])
    index.add(replaced, fresh)
    held[replaced] = fresh
    gone = rng.choice(24_000, 500, replace=False)
    index.remove(gone)
    held[gone] = 0.0
    for query in (*unit(5, 11, dim=48), fresh[250]):
        for mask in (np.ones(len(held), dtype=bool), rng.random(len(held)) < 0.9):
            assert index.search(query, 10, allowed=mask)[0].tolist() == brute(held, query, 10, mask & held.any(axis=1)).tolist()


@pytest.mark.parametrize("share", [1.0, 0.6])
def test_a_sieve_proves_its_answers_on_vectors_that_lie_apart(share: float) -> None:
    pytest.importorskip("faiss")
    vectors = unit(20_000, dim=48)
    sieve, mask = Sieve(vectors), np.random.default_rng(5).random(20_000) < share
    for query in unit(20, 6, dim=48):
        near, ceiling = sieve.propose(query, 10, mask)
        outside = mask.copy()
        outside[near] = False
        assert mask[near].all()
        assert len(near) < 1500
        assert (vectors[outside] @ query).max() <= ceiling < np.sort(vectors[near] @ query)[-10]


def test_a_sieve_whose_proof_fails_still_gives_the_answers_of_brute_force() -> None:
    pytest.importorskip("faiss")
    rng = np.random.default_rng(0)
    close = unit(1, dim=48) + 0.002 * rng.standard_normal((21_000, 48), dtype=np.float32)  # closer together than codes can tell
    vectors = (close / np.linalg.norm(close, axis=1, keepdims=True)).astype(np.float32)
    vectors[0] = -vectors[0]
    index = DenseIndex(vectors.copy(), open_approximate("sieve", vectors))
    assert index.search(vectors[5], 10)[0].tolist() == brute(vectors, vectors[5], 10, np.ones(21_000, dtype=bool)).tolist()


def test_cells_find_most_of_what_is_near_keep_to_the_filter_and_follow_changes() -> None:
    pytest.importorskip("faiss")
    centres, rng = unit(60, 1), np.random.default_rng(2)
    near = centres[rng.integers(0, 60, 6000)] + 0.1 * rng.standard_normal((6000, DIM), dtype=np.float32)
    vectors = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    cells = Cells(vectors, probes=8)
    mask = rng.random(6000) < 0.5
    kept = [set(brute(vectors, q, 10, mask)) & set(cells.propose(q, 10, mask).rows.tolist()) for q in vectors[:50]]
    assert sum(map(len, kept)) >= 0.95 * 500
    assert all(mask[cells.propose(q, 10, mask).rows].all() for q in vectors[:50])
    cells.remove(np.array([3]))
    assert 3 not in cells.propose(vectors[3], 10, None).rows
    cells.add(np.array([6001]), vectors[3:4])
    assert 6001 in cells.propose(vectors[3], 10, None).rows


def test_without_faiss_an_approximate_index_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from zhiyin.retrieve import approximate

    monkeypatch.setitem(sys.modules, "faiss", None)
    approximate._faiss.cache_clear()
    with pytest.raises(SettingError, match="faiss") as caught:
        open_approximate("sieve", unit(3))
    assert caught.value.hint == "pip install 'zhiyin[ann]'"


def test_an_unknown_kind_of_index_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match="'hnsw' is no approximate index"):
        open_approximate("hnsw", unit(3))


# --- cosines ---


@pytest.mark.parametrize("share", [0.05, 0.9])
def test_cosines_of_some_rows_are_those_of_brute_force(share: float) -> None:
    vectors, query = unit(2000), unit(1, 3)[0]
    rows = np.flatnonzero(np.random.default_rng(0).random(2000) < share).astype(np.int32)
    assert cosine_scores(vectors, query, rows) == pytest.approx((vectors[rows] * query).sum(axis=1), abs=1e-6)


def test_a_conversation_finds_the_same_with_an_index_as_by_scanning(monkeypatch: pytest.MonkeyPatch) -> None:
    from zhiyin.catalog.load import item_text
    from zhiyin.embedders.hashing import HashingEmbedder
    from zhiyin.retrieve import fuse
    from zhiyin.retrieve.keyword import KeywordIndex
    from zhiyin.testing import tiny_catalog
    from zhiyin.types import Op, Query, Wish

    catalog, embedder = tiny_catalog(), HashingEmbedder()
    texts = [item_text(item, catalog.domain) for item in catalog.items]
    vectors = embedder.passages(texts)
    keywords = KeywordIndex.open(lambda: texts)
    scanned = fuse.Retriever(catalog, embedder, vectors, keywords)
    monkeypatch.setattr(fuse, "_NEAREST", 4)
    indexed = fuse.Retriever(catalog, embedder, vectors, keywords, index=DenseIndex(vectors.copy()))
    for wishes in ((), (Wish(field="brand", op=Op.NONE_OF, value=("Hearth",)),)):
        query = Query(topic="a soft light for late readers", wishes=wishes)
        with_index, without = indexed(query), scanned(query)
        assert with_index.rows[np.argmax(with_index.sources["dense"])] == without.rows[np.argmax(without.sources["dense"])]
        assert np.count_nonzero(with_index.sources["dense"]) <= 4
        assert set(with_index.rows) == set(without.rows)
