"""A blend finds the vote worth hearing, and votes of every scale are heard alike."""

from __future__ import annotations

import numpy as np
import pytest

from zhiyin.learn.blend import Blend, learn_blend, vote

USERS, ITEMS = 200, 120


def planted(seed: int = 0, told: float = 3.0, names: tuple[str, ...] = ("noise", "knows", "din")):
    """Votes of which `knows` raises the two relevant items of each user, who has seen five others; the rest is noise."""
    random = np.random.default_rng(seed)
    relevant, seen = [], np.zeros((USERS, ITEMS), dtype=bool)
    scores = {name: random.normal(size=(USERS, ITEMS)).astype(np.float32) for name in names}
    for user in range(USERS):
        items = random.permutation(ITEMS)[:7].astype(np.int32)
        relevant.append(items[:2])
        seen[user, items[2:]] = True
        if "knows" in scores:
            scores["knows"][user, items[:2]] += told
    return {name: vote(s) for name, s in scores.items()}, relevant, seen


# --- votes ---


def test_a_vote_has_mean_zero_and_spread_one_whatever_it_came_from() -> None:
    random = np.random.default_rng(0)
    for scores in (random.normal(size=(4, 50)), random.exponential(size=(4, 50)) ** 4, random.random((4, 50)) * 1e6 - 3e6, np.eye(4, 50)):
        said = vote(scores.astype(np.float32))
        assert said.shape == (4, 50)
        assert said.dtype == np.float32
        np.testing.assert_allclose(said.mean(axis=1), 0.0, atol=1e-4)
        np.testing.assert_allclose(said.std(axis=1), 1.0, atol=1e-3)


@pytest.mark.parametrize("level", [0.0, 1.0, -3.7, 1e-20, 1e20])
def test_a_source_that_says_the_same_of_all_items_has_no_vote(level: float) -> None:
    assert not vote(np.full((3, 40), level, dtype=np.float32)).any()


def test_rounding_is_no_vote() -> None:
    scores = np.full((3, 40), 0.7, dtype=np.float32)
    scores[:, ::7] = np.nextafter(np.float32(0.7), np.float32(1.0))
    assert not vote(scores).any()


def test_one_history_may_have_a_vote_where_another_has_none() -> None:
    scores = np.zeros((2, 40), dtype=np.float32)
    scores[1, 3] = 1.0
    said = vote(scores)
    assert not said[0].any()
    assert said[1].argmax() == 3


@pytest.mark.parametrize(("scale", "shift"), [(1000.0, 0.0), (1e-3, 0.0), (1.0, 5.0), (250.0, -30.0)])
def test_scale_and_shift_do_not_change_a_vote(scale: float, shift: float) -> None:
    scores = np.random.default_rng(1).gamma(0.5, size=(5, 80)).astype(np.float32)
    np.testing.assert_allclose(vote(scores * np.float32(scale) + np.float32(shift)), vote(scores), atol=2e-3)


def test_a_vote_keeps_the_order_above_the_average_and_tames_the_loudest() -> None:
    scores = np.random.default_rng(2).gamma(0.5, size=(1, 80)).astype(np.float32)
    scores[0, 17] = 500.0
    said, above = vote(scores)[0], scores[0] > scores[0].mean()
    assert above.sum() == 1  # one loud item hides the others
    assert said.argmax() == 17
    quiet = np.random.default_rng(2).gamma(0.5, size=(1, 80)).astype(np.float32)
    said, above = vote(quiet)[0], quiet[0] > quiet[0].mean()
    assert above.sum() > 10
    assert np.array_equal(np.argsort(said[above]), np.argsort(quiet[0][above]))
    z = (quiet[0] - quiet.mean()) / quiet.std()
    assert said.max() < z.max()


def test_asking_for_a_vote_leaves_the_scores_as_they_are() -> None:
    scores = np.random.default_rng(0).normal(size=(3, 9)).astype(np.float32)
    scores.flags.writeable = False
    vote(scores)


# --- blends ---


def test_a_blend_is_the_weighted_sum() -> None:
    a, b = np.float32([[1, 2]]), np.float32([[10, -20]])
    assert Blend(weights={"a": 2.0, "b": 0.5})({"a": a, "b": b}).tolist() == [[7.0, -6.0]]


def test_a_vote_without_a_weight_does_not_count() -> None:
    a, b = np.float32([[1, 2]]), np.full((1, 2), np.nan, dtype=np.float32)
    blended = Blend(weights={"a": 2.0, "b": 0.0})({"a": a, "b": b, "stranger": b})
    assert blended.tolist() == [[2.0, 4.0]]
    assert blended.dtype == np.float32


def test_the_vote_that_knows_is_found_among_noise() -> None:
    weights = learn_blend(*planted()).weights
    assert weights["knows"] > 0.5
    assert max(weights["noise"], weights["din"]) < 0.1 * weights["knows"]


def test_of_two_that_know_the_better_informed_counts_more() -> None:
    votes, relevant, seen = planted(told=3.0)
    hint, *_ = planted(told=1.0)
    weights = learn_blend({**votes, "hint": hint["knows"]}, relevant, seen).weights
    assert weights["knows"] > weights["hint"] >= 0.0


def test_a_vote_that_is_always_wrong_is_ignored_and_not_turned_round() -> None:
    votes, relevant, seen = planted()
    weights = learn_blend({"wrong": -votes["knows"], "noise": votes["noise"]}, relevant, seen).weights
    assert weights["wrong"] == 0.0
    assert weights["noise"] >= 0.0


def test_no_weight_is_below_zero_and_none_has_more_than_four_places() -> None:
    for seed in range(3):
        votes, relevant, seen = planted(seed, told=0.5)
        votes["flat"] = np.zeros((USERS, ITEMS), dtype=np.float32)
        weights = learn_blend(votes, relevant, seen).weights
        assert list(weights) == list(votes)
        assert all(w >= 0.0 and w == round(w, 4) for w in weights.values())


def test_the_same_questions_and_seed_give_the_same_weights() -> None:
    assert learn_blend(*planted(), seed=4) == learn_blend(*planted(), seed=4)


def test_the_order_of_the_votes_matters_little() -> None:
    votes, relevant, seen = planted()
    weights = learn_blend(votes, relevant, seen).weights
    turned = learn_blend(dict(reversed(votes.items())), relevant, seen).weights
    assert all(abs(weights[name] - turned[name]) < 0.02 for name in votes)


def test_what_was_seen_teaches_nothing() -> None:
    votes, relevant, seen = planted()
    taught = learn_blend(votes, relevant, seen)
    loud = {name: np.where(seen, np.float32(50.0), o) for name, o in votes.items()}
    assert learn_blend(loud, relevant, seen) == taught
    also = [np.append(items, np.flatnonzero(row)[:1]).astype(np.int32) for items, row in zip(relevant, seen, strict=True)]
    assert learn_blend(votes, also, seen) == taught


def test_without_questions_all_votes_weigh_the_same() -> None:
    votes, _, seen = planted()
    nothing = [np.zeros(0, dtype=np.int32)] * USERS
    assert learn_blend(votes, nothing, seen).weights == {"noise": 0.3333, "knows": 0.3333, "din": 0.3333}


def test_a_learned_blend_ranks_better_than_an_even_one() -> None:
    blend = learn_blend(*planted())
    votes, relevant, seen = planted(seed=9)

    def hits(weights: dict[str, float]) -> float:
        scores = np.where(seen, -np.inf, Blend(weights=weights)(votes))
        return float(np.mean([np.isin(items, np.argsort(-row)[:5]).mean() for row, items in zip(scores, relevant, strict=True)]))

    assert hits(dict(blend.weights)) > hits(dict.fromkeys(votes, 1.0)) + 0.15
