"""Trees over the votes: they see what a sum of votes cannot, and touch the head of a list only."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from zhiyin.errors import SettingError
from zhiyin.interactions import Histories, Interactions
from zhiyin.learn.blend import Blend
from zhiyin.learn.ltr import DEPTH, LambdaMart
from zhiyin.learn.recommender import Ask, Recommender

pytest.importorskip("lightgbm")

USERS, ITEMS = 120, 200


class Said:
    """A source that says to each history what is written on its row; the first event's time is the row."""

    def __init__(self, table):
        self.table = table.astype(np.float32)

    def fit(self, log):
        pass

    def scores(self, histories):
        return self.table[histories.time[histories.start[:-1]].astype(int)]

    def update(self, history):
        pass

    def state(self):
        return {"table": self.table}

    def restore(self, state):
        self.table = state["table"]


def planted(seed: int = 0, users: int = USERS, items: int = ITEMS, had: int = 4):
    """Two votes, and the items relevant to each user: those of which one vote is high and the other is not, which no sum can tell."""
    random = np.random.default_rng(seed)
    a, b = random.random((users, items)), random.random((users, items))
    wanted = ((a > 0.75) & (b < 0.5)) | ((b > 0.75) & (a < 0.5))
    asked = Histories(
        start=np.arange(users + 1) * had,
        item=np.concatenate([random.permutation(items)[:had] for _ in range(users)]).astype(np.int32),
        weight=np.ones(had * users, dtype=np.float32),
        time=np.repeat(np.arange(users, dtype=float), had),
        items=items,
    )
    wanted &= ~asked.seen()
    recommender = Recommender({"a": Said(a), "b": Said(b)}, {"a": Ask(source="a"), "b": Ask(source="b")})
    recommender.blend = recommender.newcomers = Blend(weights={"a": 1.0, "b": 1.0})
    return recommender, asked, tuple(np.flatnonzero(row).astype(np.int32) for row in wanted)


def log_of(asked: Histories) -> Interactions:
    return Interactions.of(asked.owner, asked.item, asked.time, users=[str(n) for n in range(len(asked))], items=[str(n) for n in range(asked.items)])


def precision(scores: np.ndarray, relevant: tuple[np.ndarray, ...]) -> float:
    """Of the ten best, the share that is relevant."""
    return float(np.mean([np.isin(np.argsort(-row)[:10], items).mean() for row, items in zip(scores, relevant, strict=True)]))


def trained(trees: int = 60, **planting: int) -> LambdaMart:
    recommender, asked, relevant = planted(**planting)
    ranker = LambdaMart(recommender, trees=trees, seeds=(0, 1))
    ranker.describe(log_of(asked))
    ranker.learn(asked, relevant)
    return ranker


@pytest.fixture(scope="module")
def ranker() -> LambdaMart:
    return trained()


def asked_anew(ranker: LambdaMart, seed: int = 5):
    """Other users, whom the trees have not met."""
    recommender, asked, relevant = planted(seed)
    ranker.recommender = recommender
    return asked, relevant


def test_a_planted_signal_is_ranked_far_better_than_by_the_blend(ranker: LambdaMart) -> None:
    asked, relevant = asked_anew(ranker)
    by_blend = precision(ranker.recommender.scores(asked), relevant)
    assert precision(ranker.scores(asked), relevant) > by_blend + 0.25


def test_items_outside_the_head_keep_their_order_below_it(ranker: LambdaMart) -> None:
    asked, _ = asked_anew(ranker)
    blend, scores, seen = ranker.recommender.scores(asked), ranker.scores(asked), asked.seen()
    for row, met in enumerate(seen):
        before, after = blend[row, ~met], scores[row, ~met]
        head = np.abs(after - before) > 1e-4
        assert head.sum() == DEPTH
        assert before[head].min() >= before[~head].max()
        assert after[head].min() > after[~head].max()
        assert not np.array_equal(np.argsort(-after[head]), np.argsort(-before[head]))


def test_what_was_seen_stays_last(ranker: LambdaMart) -> None:
    asked, _ = asked_anew(ranker)
    scores, seen = ranker.scores(asked), asked.seen()
    assert scores.shape == (USERS, ITEMS)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert all(row[mine].max() < row[~mine].min() for row, mine in zip(scores, seen, strict=True))


def test_what_was_seen_stays_last_where_the_head_is_the_whole_catalogue() -> None:
    ranker = trained(items=60, had=30)
    _, asked, relevant = planted(items=60, had=30)
    scores, seen = ranker.scores(asked), asked.seen()
    assert all(row[mine].max() < row[~mine].min() for row, mine in zip(scores, seen, strict=True))
    assert precision(scores, relevant) > precision(ranker.recommender.scores(asked), relevant) + 0.25


def test_before_any_trees_are_grown_the_order_is_the_blends() -> None:
    recommender, asked, _ = planted()
    ranker = LambdaMart(recommender)
    ranker.describe(log_of(asked))
    np.testing.assert_array_equal(ranker.scores(asked), recommender.scores(asked))


def test_lists_that_hold_nothing_relevant_teach_nothing() -> None:
    recommender, asked, relevant = planted(users=8)
    ranker = LambdaMart(recommender, trees=2)
    ranker.describe(log_of(asked))
    ranker.learn(asked, tuple(items[:0] for items in relevant))
    assert ranker.models == []


def test_the_same_questions_give_the_same_scores(ranker: LambdaMart) -> None:
    other = trained()
    asked, _ = asked_anew(ranker)
    asked_anew(other)
    np.testing.assert_array_equal(other.scores(asked), ranker.scores(asked))
    np.testing.assert_array_equal(ranker.scores(asked), ranker.scores(asked))


def test_without_lightgbm_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(SettingError, match="LightGBM") as caught:
        LambdaMart(planted(users=2)[0])
    assert "zhiyin[ltr]" in caught.value.hint


def test_no_questions_teach_nothing(ranker: LambdaMart) -> None:
    untaught = LambdaMart(ranker.recommender)
    items = ranker.recommender.scores(Histories.one([0], len(ranker.counts))).shape[1]
    untaught.learn(Histories(start=np.zeros(1, dtype=np.int64), item=np.zeros(0, dtype=np.int32), weight=np.zeros(0, dtype=np.float32), time=np.zeros(0), items=items), [])
    assert untaught.models == []
