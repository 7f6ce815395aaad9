"""Laws of the re-rankers: off is off, they only reorder, and more of a dial never gives less of what it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.rank.rerank import calibrated, exposed, less_popular, mmr, shown

laws = settings(max_examples=80, deadline=None, derandomize=True)
DIALS = (0.05, 0.2, 0.5, 0.8, 1.0)
dials = st.floats(0, 1)
odd = st.sampled_from([0.0, 1.0, -1.0, 3.5, 1e-12, 1e30, np.nan, np.inf, -np.inf])
counts = st.sampled_from([0.0, 1.0, 2.0, 7.0, 1000.0, 1e-320, 1e308, np.inf, np.nan])


@dataclass(frozen=True)
class Candidates:
    scores: np.ndarray
    features: np.ndarray
    counts: np.ndarray
    mix: np.ndarray

    def order(self, name: str, dial: float, k: int | None = None) -> list[int]:
        calls: dict[str, Callable[[], np.ndarray]] = {
            "mmr": lambda: mmr(self.scores, self.features, dial, k),
            "calibrated": lambda: calibrated(self.scores, np.abs(self.features), self.mix, dial, k),
            "less popular": lambda: less_popular(self.scores, self.counts, dial, k),
            "exposed": lambda: exposed(self.scores, self.counts, dial, k),
            "exposed by merit": lambda: exposed(self.scores, self.counts, dial, k, merit=self.counts[::-1]),
        }
        return calls[name]().tolist()


NAMES = ("mmr", "calibrated", "less popular", "exposed", "exposed by merit")


@st.composite
def candidates(draw: st.DrawFn) -> Candidates:
    """Few or many, all alike or not, with every number that makes trouble."""
    m = draw(st.integers(0, 9))
    return Candidates(
        scores=np.array(draw(st.lists(odd | st.floats(-1e308, 1e308), min_size=m, max_size=m)), dtype=float),
        features=np.array(draw(st.lists(st.sampled_from([0.0, 0.0, 1.0, 1.0, 2.0]), min_size=3 * m, max_size=3 * m)), dtype=float).reshape(m, 3),
        counts=np.array(draw(st.lists(counts, min_size=m, max_size=m)), dtype=float),
        mix=np.array(draw(st.lists(counts, min_size=3, max_size=3)), dtype=float),
    )


@laws
@given(found=candidates(), k=st.integers(1, 12) | st.none())
def test_a_dial_at_0_is_the_order_that_came(found: Candidates, k: int | None) -> None:
    for name in NAMES:
        assert found.order(name, 0.0, k) == list(range(len(found.scores)))[:k], name


@laws
@given(found=candidates(), dial=dials, k=st.integers(1, 12))
def test_a_reranker_only_reorders_and_a_shorter_list_is_the_start_of_a_longer_one(found: Candidates, dial: float, k: int) -> None:
    for name in NAMES:
        whole = found.order(name, dial)
        assert sorted(whole) == list(range(len(found.scores))), name
        assert found.order(name, dial, k) == whole[:k], name


@laws
@given(m=st.integers(1, 8), alike=st.tuples(odd, counts, st.sampled_from([0.0, 1.0])), dial=dials)
def test_candidates_without_a_difference_stay_as_they_came(m: int, alike: tuple[float, float, float], dial: float) -> None:
    score, count, feature = alike
    same = Candidates(scores=np.full(m, score), features=np.full((m, 3), feature), counts=np.full(m, count), mix=np.ones(3))
    for name in NAMES:
        assert same.order(name, dial) == list(range(m)), name


@laws
@given(found=candidates(), dial=dials, factor=st.sampled_from([2.0**-20, 0.25, 8.0, 2.0**40]))  # powers of two, so that nothing is rounded
def test_the_unit_of_the_scores_drops_out(found: Candidates, dial: float, factor: float) -> None:
    plain = replace(found, scores=np.clip(np.nan_to_num(found.scores), -9, 9))
    for name in NAMES:
        assert replace(plain, scores=plain.scores * factor).order(name, dial) == plain.order(name, dial), name


# --- more of a dial ---


def descending(rng: np.random.Generator, m: int) -> np.ndarray:
    return np.sort(rng.normal(size=m))[::-1]


@laws
@given(seed=st.integers(0, 10_000), m=st.integers(1, 15), k=st.integers(1, 15))
def test_more_of_the_dial_never_shows_more_popular_items(seed: int, m: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    scores, popularity = descending(rng, m), rng.integers(1, 500, m)
    fame = [np.log(popularity[less_popular(scores, popularity, dial, k)]).mean() for dial in (0.0, *DIALS)]
    assert all(more <= less + 1e-9 for less, more in pairwise(fame))


@laws
@given(seed=st.integers(0, 10_000), m=st.integers(1, 15), k=st.integers(1, 15))
def test_more_of_the_dial_never_shows_more_of_what_had_more_than_its_merit(seed: int, m: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    scores, exposure, merit = descending(rng, m), rng.integers(0, 50, m), rng.random(m) + 0.1
    had = exposure / max(1, exposure.sum())
    surplus = np.where(had > 0, np.maximum(0, 1 - merit / merit.sum() / np.maximum(had, 1e-12)), 0)
    sums = [surplus[exposed(scores, exposure, dial, k, merit=merit)].sum() for dial in (0.0, *DIALS)]
    assert all(more <= less + 1e-9 for less, more in pairwise(sums))


@laws
@given(seed=st.integers(0, 10_000), m=st.integers(2, 15))
def test_more_of_the_dial_never_makes_the_second_place_more_like_the_first(seed: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    scores, vectors = descending(rng, m), rng.normal(size=(m, 4))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = [float(np.prod(unit[mmr(scores, vectors, dial, 2)], axis=0).sum()) for dial in (0.0, *DIALS[:-1])]
    assert all(more <= less + 1e-9 for less, more in pairwise(alike))


@laws
@given(seed=st.integers(0, 10_000), m=st.integers(1, 15))
def test_more_of_the_dial_never_takes_the_first_place_further_from_the_mix(seed: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    scores, genres, mix = descending(rng, m), rng.random((m, 4)), rng.random(4) + 0.1
    far = [divergence(mix, genres[calibrated(scores, genres, mix, dial, 1)]) for dial in (0.0, *DIALS)]
    assert all(more <= less + 1e-9 for less, more in pairwise(far))


def divergence(mix: np.ndarray, rows: np.ndarray) -> float:
    p, q = mix / mix.sum(), (rows / rows.sum(axis=1, keepdims=True)).mean(axis=0)
    return float((p * np.log(p / (0.99 * q + 0.01 * p))).sum())


def test_more_of_a_dial_gives_more_variety_and_better_mixes_on_average() -> None:
    rng = np.random.default_rng(5)
    spread, far = np.zeros((2, 60, len(DIALS) + 1))
    for case in range(60):
        scores, genres = descending(rng, 40), (rng.random((40, 6)) < 0.3) + 0.0
        genres[np.arange(40), rng.integers(0, 6, 40)] = 1
        mix = rng.dirichlet(np.full(6, 0.5))
        for place, dial in enumerate((0.0, *DIALS)):
            rows = genres[mmr(scores, genres, dial, 10)]
            unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
            spread[case, place] = 1 - ((unit @ unit.T).sum() - 10) / 90
            far[case, place] = divergence(np.maximum(mix, 1e-9), genres[calibrated(scores, genres, mix, dial, 10)])
    assert (np.diff(spread.mean(axis=0)[:-1]) > 0).all()  # at 1 only the nearest counts, which no longer helps the mean
    assert spread.mean(axis=0)[-1] > spread.mean(axis=0)[0]
    assert (np.diff(far.mean(axis=0)) < 0).all()


def test_exposure_spreads_over_equal_items_and_stays_with_the_better_ones_otherwise() -> None:
    rng, exposure = np.random.default_rng(6), {0.0: np.zeros(20), 0.5: np.zeros(20)}
    for _ in range(200):
        scores = np.linspace(1, 0.8, 20) + rng.normal(scale=0.05, size=20)
        order = np.argsort(-scores, kind="stable")
        for dial, given_ in exposure.items():
            exposure[dial] = shown(given_, order[exposed(scores[order], given_[order], dial, 5)])
    assert exposure[0.5].std() < 0.6 * exposure[0.0].std()
    assert exposure[0.5].min() > exposure[0.0].min()
    assert exposure[0.5][:5].mean() > exposure[0.5][-5:].mean()
