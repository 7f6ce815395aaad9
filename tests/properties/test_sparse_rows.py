"""Laws of sparse rows: every short cut gives what a dense matrix gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from zhiyin.interactions import Histories
from zhiyin.retrieve.sparse import FEW, Rows, blocks, picked, strongest, strongest_dense, times

laws = settings(max_examples=80, deadline=None, derandomize=True)
ITEMS = 6
cell = st.sampled_from([0.0, 0.0, 0.0, 1.0, -1.0, 2.0, -2.0, 0.5])
event = st.tuples(st.integers(0, ITEMS - 1), st.sampled_from([0.0, 0.25, 1.0]))


@st.composite
def tables(draw: st.DrawFn, rows: int | None = None) -> np.ndarray:
    """Small matrices with many zeros and many ties; also without rows or columns."""
    shape = (draw(st.integers(0, 5)) if rows is None else rows, draw(st.integers(0, 7)))
    return np.array(draw(st.lists(cell, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1])), dtype=np.float32).reshape(shape)


@st.composite
def asked(draw: st.DrawFn) -> Histories:
    """No, few or many histories, some empty, items repeated."""
    lists = draw(st.lists(st.lists(event, max_size=9), max_size=2 * FEW))
    events = [e for each in lists for e in each]
    return Histories(
        start=np.array([0, *np.cumsum([len(each) for each in lists], dtype=int)]),
        item=np.array([i for i, _ in events], dtype=np.int32),
        weight=np.array([w for _, w in events], dtype=np.float32),
        time=np.arange(len(events), dtype=float),
        items=ITEMS,
    )


def dense(rows: Rows) -> np.ndarray:
    return sparse.csr_matrix((rows.value, rows.column, rows.start), shape=(len(rows.start) - 1, rows.columns)).toarray()


def cut_by_hand(table: np.ndarray, most: int) -> np.ndarray:
    found = np.zeros_like(table)
    for row, into in zip(table, found, strict=True):
        kept = np.argsort(-np.abs(row), kind="stable")[:most]
        into[kept] = row[kept]
    return found


@laws
@given(table=tables(rows=ITEMS), histories=asked())
def test_scores_are_the_product_of_histories_and_rows(table: np.ndarray, histories: Histories) -> None:
    scores = Rows.of(sparse.csr_matrix(table)).scores(histories)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, histories.matrix().toarray() @ table, atol=1e-5)


@laws
@given(histories=asked())
def test_what_a_few_picked_is_the_matrix_without_empty_columns(histories: Histories) -> None:
    items, weights = picked(histories)
    assert items.tolist() == sorted(set(histories.item.tolist()))
    assert np.array_equal(weights, histories.matrix().toarray()[:, items])


@laws
@given(table=tables(), most=st.integers(1, 8))
def test_the_strongest_are_kept_the_earlier_of_ties(table: np.ndarray, most: int) -> None:
    cut = strongest(sparse.csr_matrix(table), most)
    assert np.diff(cut.indptr).max(initial=0) <= most
    assert np.array_equal(cut.toarray(), cut_by_hand(table, most))


@laws
@given(table=tables(), most=st.integers(1, 8))
def test_the_strongest_of_a_dense_matrix_are_as_strong(table: np.ndarray, most: int) -> None:
    rows = strongest_dense(table, most)
    found = dense(rows)
    assert (rows.value != 0).all()
    assert ((found == table) | (found == 0)).all()
    assert np.array_equal(np.sort(np.abs(found), axis=1), np.sort(np.abs(cut_by_hand(table, most)), axis=1))


@laws
@given(sizes=st.lists(st.integers(0, 9), max_size=12), most=st.integers(1, 20))
def test_blocks_cover_every_row_once_and_are_no_larger_than_they_must(sizes: list[int], most: int) -> None:
    found = list(blocks(np.array(sizes, dtype=np.int64), most))
    assert [row for part in found for row in range(part.start, part.stop)] == list(range(len(sizes)))
    for part in found:
        assert part.stop - part.start == 1 or sum(sizes[part]) <= most


@laws
@given(histories=asked())
def test_rows_survive_being_kept(histories: Histories) -> None:
    rows = Rows.of(sparse.csr_matrix(np.arange(ITEMS * 4, dtype=np.float32).reshape(ITEMS, 4)))
    assert np.array_equal(Rows.restored(rows.state()).scores(histories), rows.scores(histories))


def test_a_product_of_few_is_the_product_of_many() -> None:
    random = np.random.default_rng(0)
    turned = random.normal(size=(5, 7)).astype(np.float32)
    for rows in range(2 * FEW):
        few = random.normal(size=(rows, 5)).astype(np.float32)
        np.testing.assert_allclose(times(few, turned), few @ turned, atol=1e-5)
