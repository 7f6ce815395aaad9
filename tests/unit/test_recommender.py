"""All sources as one recommender: who is asked what, what may be recommended, and what each vote adds."""

from __future__ import annotations

import io

import numpy as np
import pytest

from zhiyin.backends import open_sources
from zhiyin.interactions import Histories, Interactions, Interest
from zhiyin.learn.blend import Blend, vote
from zhiyin.learn.holdout import leave_last_out
from zhiyin.learn.recommender import ASKS, NEW, Ask, Recommender
from zhiyin.testing import planted_log, planted_vectors

ITEMS = 25


class Told:
    """A source that says of every item (to every history, or to each) what it was told, times the interest shown, and remembers what it was asked."""

    def __init__(self, scores):
        self.told = np.asarray(scores, dtype=np.float32)
        self.asked: list[Histories] = []
        self.logs: list[Interactions] = []
        self.events: list[Histories] = []

    def fit(self, log):
        self.logs.append(log)

    def scores(self, histories):
        self.asked.append(histories)
        total = np.bincount(histories.owner, weights=histories.weight, minlength=len(histories))
        return (total[:, None] * self.told).astype(np.float32)

    def update(self, history):
        self.events.append(history)

    def state(self):
        return {"told": self.told}

    def restore(self, state):
        self.told = state["told"]


def told(seed: int) -> Told:
    return Told(np.random.default_rng(seed).normal(size=ITEMS))


def weights_asked(source: Told) -> list[list[float]]:
    """Of every history the source was ever asked with, in one call or in several."""
    return [h.weight[a:b].tolist() for h in source.asked for a, b in zip(h.start, h.start[1:], strict=False)]


def histories(*lists) -> Histories:
    return Histories(
        start=np.concatenate(([0], np.cumsum([len(each) for each in lists]))),
        item=np.array([i for each in lists for i in each], dtype=np.int32),
        weight=np.ones(sum(map(len, lists)), dtype=np.float32),
        time=1e9 + np.arange(sum(map(len, lists)), dtype=float),
        items=ITEMS,
    )


ONE, SHORT, LONG = histories((3,)), histories((3, 1, 4)), histories((3, 1, 4, 7, 5, 9))
TWO = {"a.short": Ask(source="a", half_life=1, weight=0.25), "a.long": Ask(source="a", weight=0.5), "b": Ask(source="b", weight=2.0), "gone": Ask(source="gone")}


@pytest.fixture(scope="module")
def learned() -> Recommender:
    """Every built-in source, with weights learned from a log of two communities."""
    split = leave_last_out(planted_log())
    recommender = Recommender(open_sources(vectors=planted_vectors()))
    recommender.fit(split.train)
    recommender.learn(split)
    return recommender


# --- asking ---


def test_asks_of_sources_that_are_not_there_are_left_out() -> None:
    recommender = Recommender({"a": told(1), "b": told(2)}, TWO)
    assert set(recommender.asks) == set(recommender.blend.weights) == set(recommender.votes(LONG)) == {"a.short", "a.long", "b"}
    assert set(Recommender({"ease": told(1)}).asks) == {"ease.short", "ease.long"}


def test_every_built_in_source_is_asked() -> None:
    assert {ask.source for ask in ASKS.values()} >= set(open_sources(vectors=planted_vectors()))


def test_each_ask_fades_what_its_source_is_asked_with() -> None:
    a, b = told(1), told(2)
    Recommender({"a": a, "b": b}, TWO).votes(SHORT)
    assert weights_asked(a) == [[0.25, 0.5, 1.0], [1.0, 1.0, 1.0]]
    assert weights_asked(b) == [[1.0, 1.0, 1.0]]


def test_before_any_are_learned_the_weights_are_those_of_the_asks() -> None:
    a, b = told(1), told(2)
    recommender = Recommender({"a": a, "b": b}, TWO, repeats=True)
    for asked in (SHORT, LONG):
        expected = 0.75 * vote(a.told[None]) + 2.0 * vote(b.told[None])
        np.testing.assert_allclose(recommender.scores(asked), expected, atol=1e-4)


def test_a_source_whose_votes_have_no_weight_is_not_bothered() -> None:
    a, b = told(1), told(2)
    recommender = Recommender({"a": a, "b": b}, TWO)
    recommender.blend = recommender.newcomers = Blend(weights={"b": 1.0})
    recommender.scores(histories((3, 1, 4), (1, 2, 3, 4, 5)))
    assert not a.asked
    assert b.asked


def test_without_any_source_nothing_is_known() -> None:
    assert Recommender({}).scores(histories((3, 1, 4), ())).tolist() == [[0.0] * ITEMS] * 2


def test_every_source_is_fitted_and_told_of_events() -> None:
    a, b = told(1), told(2)
    recommender, log, steps = Recommender({"a": a, "b": b}, TWO), planted_log(), []
    recommender.fit(log, lambda *step: steps.append(step))
    recommender.update(ONE)
    assert a.logs == b.logs == [log]
    assert a.events == b.events == [ONE]
    assert steps == [("a", 0, 2), ("b", 1, 2)]


def test_asking_leaves_the_histories_as_they_are(learned: Recommender) -> None:
    asked = histories((3, 1, 4, 7, 5, 9), (2,), ())
    for array in (asked.start, asked.item, asked.weight, asked.time):
        array.flags.writeable = False
    learned.scores(asked)
    assert asked.item.tolist() == [3, 1, 4, 7, 5, 9, 2]


def test_votes_of_several_histories_are_told_apart() -> None:
    recommender = Recommender({"a": told(1), "b": told(2)}, TWO)
    together = recommender.votes(histories((3, 1, 4), (), (8, 9)))
    for place, each in enumerate(((3, 1, 4), (), (8, 9))):
        for name, alone in recommender.votes(histories(each)).items():
            np.testing.assert_allclose(together[name][place], alone[0], atol=1e-5)


# --- what may be recommended ---


def test_items_of_a_history_come_last(learned: Recommender) -> None:
    asked = histories((3, 1, 4, 7, 5, 9), (0, 1), (15,))
    scores, seen = learned.scores(asked), asked.seen()
    assert np.isfinite(scores).all()
    for row, mine in zip(scores, seen, strict=True):
        assert row[mine].max() <= row[~mine].min()
    assert np.array_equal(learned.seen(asked), seen)


def test_with_repeats_items_of_a_history_may_come_again() -> None:
    loves_three = Told(np.eye(ITEMS)[3])
    once, again = (Recommender({"a": loves_three}, {"a": Ask(source="a")}, repeats=repeats) for repeats in (False, True))
    assert again.scores(ONE).argmax() == 3
    assert not again.seen(ONE).any()
    assert once.scores(ONE)[0, 3] == once.scores(ONE).min()
    assert once.seen(ONE).tolist() == ONE.seen().tolist()


def test_nothing_known_at_all_gives_zeros_and_nothing_known_of_anybody_popularity(learned: Recommender) -> None:
    fresh = Recommender(open_sources())
    fresh.fit(planted_log().take(np.zeros(0, dtype=int)))
    assert not fresh.scores(histories((), (1, 2))).any()
    popular = learned.sources["popularity"].scores(histories(()))
    weight = learned.newcomers.weights["popularity"]
    np.testing.assert_allclose(learned.scores(histories(())), weight * vote(popular), atol=1e-5)


# --- weights ---


def test_newcomers_are_scored_by_weights_of_their_own() -> None:
    a, b = told(1), told(2)
    recommender = Recommender({"a": a, "b": b}, {"a": Ask(source="a"), "b": Ask(source="b")}, repeats=True)
    recommender.blend, recommender.newcomers = Blend(weights={"a": 1.0, "b": 0.0}), Blend(weights={"a": 0.0, "b": 1.0})
    says = {"a": vote(a.told[None])[0], "b": vote(b.told[None])[0]}
    assert SHORT.lengths[0] == NEW
    together = histories((3, 1, 4), (3, 1, 4, 7), (9,), (), tuple(range(20)))
    for row, who in zip(recommender.scores(together)[[0, 1, 2, 4]], ("b", "a", "b", "a"), strict=True):
        np.testing.assert_allclose(row, says[who], atol=1e-4)
    np.testing.assert_allclose(recommender.scores(SHORT)[0], says["b"], atol=1e-4)
    np.testing.assert_allclose(recommender.scores(LONG)[0], says["a"], atol=1e-4)


def test_asked_together_or_alone_everybody_is_scored_alike(learned: Recommender) -> None:
    lists = ((3, 1, 4, 7, 5, 9), (2,), (), (13, 14, 15, 16))
    alone = np.vstack([learned.scores(histories(each)) for each in lists])
    np.testing.assert_allclose(learned.scores(histories(*lists)), alone, atol=2e-3)


def test_what_each_vote_adds_sums_to_the_score(learned: Recommender) -> None:
    for asked in (LONG, ONE):
        scores, shares = learned.scores(asked)[0], learned.shares(asked, [0, 2, 24])
        assert [sum(share.values()) for share in shares] == pytest.approx([scores[0], scores[2], scores[24]], abs=1e-5)
        assert all(set(share) == set(learned.asks) for share in shares)


def test_learned_weights_find_the_source_that_knows() -> None:
    split = leave_last_out(planted_log())
    answer = np.zeros((len(split.users), ITEMS))
    answer[np.arange(len(split.users)), [items[0] for items in split.relevant]] = 3.0
    random = np.random.default_rng(0)
    sources = {"knows": Told(answer + random.normal(size=answer.shape)), "guesses": Told(random.normal(size=answer.shape))}
    recommender = Recommender(sources, {"knows": Ask(source="knows"), "guesses": Ask(source="guesses")})
    recommender.learn(split)
    for blend in (recommender.blend, recommender.newcomers):
        assert blend.weights["knows"] > 0.3
        assert blend.weights["guesses"] < 0.3 * blend.weights["knows"]


def test_a_log_of_two_communities_is_understood(learned: Recommender) -> None:
    assert learned.blend != Recommender(learned.sources).blend
    for first in (0, 12):
        scores = learned.scores(histories([first + n for n in (0, 1, 3, 4)]))[0]
        assert {int(i) // 12 for i in np.argsort(-scores)[:5]} == {first // 12}


def test_the_same_questions_and_seed_give_the_same_weights(learned: Recommender) -> None:
    split = leave_last_out(planted_log())
    again = Recommender(open_sources(vectors=planted_vectors()))
    again.fit(split.train)
    again.learn(split)
    assert (again.blend, again.newcomers) == (learned.blend, learned.newcomers)


@pytest.mark.parametrize(("users", "changes"), [(29, False), (30, True)])
def test_too_few_users_leave_the_weights_as_they_are(users: int, changes: bool) -> None:
    log = planted_log()
    split = leave_last_out(log.take(log.user < users))
    assert len(split.users) == users
    recommender = Recommender({"a": told(1), "b": told(2)}, TWO)
    before = recommender.blend, recommender.newcomers
    recommender.learn(split)
    assert ((recommender.blend, recommender.newcomers) != before) == changes


def test_events_weigh_what_the_recommender_was_given() -> None:
    flat = Interest(ratings=(1.0, 1.0, 1.0, 1.0, 1.0))
    log = planted_log()
    assert (Recommender({}, interest=flat).histories(log).weight == 1.0).all()
    assert np.array_equal(Recommender({}).histories(log).weight, log.histories().weight)


# --- keeping ---


def through_a_file(state: dict[str, dict[str, np.ndarray]]) -> dict[str, dict[str, np.ndarray]]:
    file = io.BytesIO()
    np.savez(file, **{f"{part}/{name}": array for part, arrays in state.items() for name, array in arrays.items()})
    file.seek(0)
    found: dict[str, dict[str, np.ndarray]] = {part: {} for part in state}
    with np.load(file, allow_pickle=False) as arrays:
        for key in arrays.files:
            part, _, name = key.partition("/")
            found[part][name] = arrays[key]
    return found


def test_a_restored_recommender_scores_the_same(learned: Recommender) -> None:
    learned.update(histories((4, 9)))
    other = Recommender(open_sources(vectors=planted_vectors()))
    other.restore(through_a_file(learned.state()))
    asked = histories((3, 1, 4, 7, 5, 9), (2,), (), (4,))
    np.testing.assert_array_equal(other.scores(asked), learned.scores(asked))
    assert (other.blend, other.newcomers) == (learned.blend, learned.newcomers)


def test_a_restored_recommender_has_the_interest_and_the_repeats_of_the_kept_one() -> None:
    interest = Interest(kinds={"click": 0.625, "rating": 1.0}, ratings=(0.0, 0.1, 0.2, 0.3, 0.4))
    kept, other = Recommender({"a": told(1)}, TWO, interest=interest, repeats=True), Recommender({"a": told(2)}, TWO)
    other.restore(through_a_file(kept.state()))
    assert other.repeats
    assert other.interest.ratings == interest.ratings
    log = planted_log()
    assert np.array_equal(other.histories(log).weight, kept.histories(log).weight)
    assert np.array_equal(other.scores(SHORT), kept.scores(SHORT))
