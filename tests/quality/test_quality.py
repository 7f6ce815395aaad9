"""How good the recommender is on MovieLens 100K may not fall: floors a little below what docs/benchmarks.md says. Needs `zhiyin data add ml-100k`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from platformdirs import user_data_path

from zhiyin.backends import open_sources
from zhiyin.evaluate.data import Dataset, read_ml100k
from zhiyin.evaluate.metrics import hit_rate, ndcg, top
from zhiyin.evaluate.runs import PROTOCOLS, item_vectors
from zhiyin.learn.training import train

DATA = Path(user_data_path("zhiyin"))
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not (DATA / "packs" / "ml-100k" / "ml-100k.inter").is_file(), reason="zhiyin data add ml-100k")]


@pytest.fixture(scope="module")
def movies() -> Dataset:
    return read_ml100k(DATA)


@pytest.mark.parametrize(("protocol", "least_ndcg", "least_hits"), [("leave-last-out", 0.110, 0.20), ("temporal", 0.165, 0.50)])
def test_the_blend_is_as_good_as_it_was(movies: Dataset, protocol: str, least_ndcg: float, least_hits: float) -> None:
    split = PROTOCOLS[protocol].cut(movies.log, 42)
    vectors = item_vectors(movies)
    recommender = train(lambda interest: open_sources(interest, vectors), split.train, split.inner()).recommender
    histories = split.histories(recommender.interest)
    ranked = top(recommender.scores(histories), 10, histories.seen())
    assert np.nanmean(ndcg(ranked, split.relevant, 10)) > least_ndcg
    assert np.nanmean(hit_rate(ranked, split.relevant, 10)) > least_hits


def test_the_log_is_what_the_pack_says(movies: Dataset) -> None:
    assert (len(movies.log), len(movies.log.users), len(movies.log.items)) == (100_000, 943, 1682)
    assert np.all(np.diff(movies.log.time) >= 0)
