"""Rating prediction through its door: `RatingModel`, on logs small enough to know the answer."""

import numpy as np
import pytest

from zhiyin.errors import CatalogError
from zhiyin.interactions import KINDS, Interactions
from zhiyin.learn.ratings import RatingModel, RatingSettings, median
from zhiyin.learn.ratings_factors import FactorSettings
from zhiyin.learn.ratings_nearby import beside
from zhiyin.learn.ratings_stack import learn_stack
from zhiyin.learn.ratings_table import Asked, Ratings

QUICK = RatingSettings(factors=FactorSettings(factors=3, rounds=40, burn_in=15, rank=20), folds=3, seed=7)
DAY = 86_400.0


def few(stars=(5, 4, 1), users=(0, 0, 1), items=(0, 1, 0), times=None):
    return Interactions.of(list(users), list(items), times or [float(t) for t in range(len(stars))], value=list(stars), users=("a", "b", "c"), items=("x", "y", "z"))


def planted(seed=0, users=60, items=40, each=30):
    """Two tastes: even users like even items, odd users odd ones, each in sittings whose mood shifts every rating alike."""
    random = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), each)
    item = np.concatenate([random.permutation(items)[:each] for _ in range(users)])
    sitting = np.tile(np.arange(each) // 6, users)
    mood = random.normal(0.0, 0.8, (users, each))[user, sitting]
    time = user * 40 * DAY + sitting * 3 * DAY + np.tile(np.arange(each) % 6, users) * 5.0
    stars = np.clip(np.round(3.0 + np.where((user + item) % 2 == 0, 1.2, -1.2) + mood + random.normal(0.0, 0.3, len(user))), 1, 5)
    return Interactions.of(user, item, time, value=stars, users=[f"u{n}" for n in range(users)], items=[f"i{n}" for n in range(items)])


@pytest.fixture(scope="module")
def learned():
    log = planted()
    held = np.random.default_rng(1).random(len(log)) < 0.2
    model = RatingModel(QUICK)
    model.fit(log.take(~held))
    return model, log.take(~held), log.take(held)


def surprise(chance, log):
    return -np.log(chance[np.arange(len(log)), log.value.astype(int) - 1]).mean()


def test_every_distribution_sums_to_one_and_has_no_impossible_rating(learned):
    model, _, test = learned
    for chance in (model.distribution(test.user, test.item), model.distribution(test.user, test.item, test.time)):
        assert chance.shape == (len(test), 5)
        assert np.allclose(chance.sum(axis=1), 1.0)
        assert (chance > 0.0).all()


def test_planted_tastes_are_told_far_better_than_by_the_prior(learned):
    model, train, test = learned
    prior = np.bincount(train.value.astype(int), minlength=6)[1:] / len(train)
    by_prior = surprise(np.tile(prior, (len(test), 1)), test)
    assert surprise(model.distribution(test.user, test.item), test) < by_prior - 0.2
    off = model.expected(test.user, test.item) - test.value
    assert (off**2).mean() < 0.6 * test.value.var()


def test_the_moment_tells_the_mood_of_a_sitting(learned):
    model, _, test = learned
    told = surprise(model.distribution(test.user, test.item, test.time), test)
    assert told < surprise(model.distribution(test.user, test.item), test) - 0.05


def test_a_time_that_is_nan_is_no_moment(learned):
    model, _, test = learned
    nothing = np.full(len(test), np.nan)
    assert np.array_equal(model.distribution(test.user, test.item, nothing), model.distribution(test.user, test.item))


def test_questions_with_and_without_a_moment_may_be_mixed(learned):
    model, _, test = learned
    some = np.where(np.arange(len(test)) % 2 == 0, test.time, np.nan)
    mixed = model.distribution(test.user, test.item, some)
    assert np.allclose(mixed[::2], model.distribution(test.user, test.item, test.time)[::2])
    assert np.allclose(mixed[1::2], model.distribution(test.user, test.item)[1::2])


def test_of_nobody_and_nothing_known_the_prior_is_told(learned):
    model, train, _ = learned
    prior = (np.bincount(train.value.astype(int), minlength=6)[1:] + 1) / (len(train) + 5)
    assert np.allclose(model.distribution([-1, 10_000], [-1, 10_000]), prior)
    assert np.allclose(model.distribution(-1, -1, 5.0), prior)


def test_an_unknown_user_or_item_falls_back_near_the_prior(learned):
    model, train, test = learned
    prior = np.bincount(train.value.astype(int), minlength=6)[1:] / len(train)
    by_prior = surprise(np.tile(prior, (len(test), 1)), test)
    nobody = np.full(len(test), -1)
    assert surprise(model.distribution(nobody, test.item, test.time), test) < by_prior + 0.1
    assert surprise(model.distribution(test.user, nobody), test) < by_prior + 0.1


def test_the_same_log_and_seed_predict_the_same(learned):
    model, train, test = learned
    again = RatingModel(QUICK)
    again.fit(train)
    assert np.array_equal(again.distribution(test.user, test.item, test.time), model.distribution(test.user, test.item, test.time))


def test_a_restored_model_predicts_the_same(learned):
    model, _, test = learned
    again = RatingModel()
    again.restore({name: values.copy() for name, values in model.state().items()})
    for time in (None, test.time):
        assert np.array_equal(again.distribution(test.user, test.item, time), model.distribution(test.user, test.item, time))


def test_mean_and_median_belong_to_the_distribution(learned):
    model, _, test = learned
    chance = model.distribution(test.user, test.item)
    assert np.allclose(model.expected(test.user, test.item), chance @ np.arange(1, 6))
    assert np.array_equal(model.median(test.user, test.item), median(chance))


def test_the_median_is_the_first_rating_with_half_the_chance_at_or_below():
    assert median(np.array([[0.1, 0.2, 0.3, 0.2, 0.2], [0.5, 0.5, 0, 0, 0], [0, 0, 0, 0.4, 0.6], [0.49, 0.02, 0, 0, 0.49]])).tolist() == [3, 1, 5, 2]


def test_traits_tell_of_items_nobody_rated():
    log = planted(each=30)
    parity = np.stack([np.arange(40) % 2, 1 - np.arange(40) % 2], axis=1).astype(float)
    tastes = np.stack([np.arange(60) % 2, 1 - np.arange(60) % 2], axis=1).astype(float)
    known, new = log.take(log.item >= 4), log.take(log.item < 4)
    model = RatingModel(QUICK)
    model.fit(known, user_traits=tastes, item_traits=parity)
    like = (new.user + new.item) % 2 == 0
    expected = model.expected(new.user, new.item)
    assert expected[like].mean() > expected[~like].mean() + 0.5


def test_few_ratings_are_counted_beside_the_prior():
    model = RatingModel()
    model.fit(few())
    prior = np.array([2, 1, 1, 2, 2]) / 8  # (1, 0, 0, 1, 1) plus one each
    own, item = np.array([0, 0, 0, 1, 1]), np.array([1, 0, 0, 0, 1])
    assert np.allclose(model.distribution(0, 0), (own + item + 5 * prior) / 9)
    assert np.allclose(model.distribution(2, 2), prior)
    assert np.isclose(model.expected(2, 2)[0], (2 + 2 + 3 + 8 + 10) / 8)


def test_a_model_of_few_ratings_survives_keeping():
    model, again = RatingModel(), RatingModel()
    model.fit(few())
    again.restore(model.state())
    assert np.array_equal(again.distribution([0, 1], [1, 2]), model.distribution([0, 1], [1, 2]))


def test_fitting_again_forgets_what_was_learned_before(learned):
    model = RatingModel()
    model.restore(learned[0].state())
    model.fit(few())
    assert np.allclose(model.distribution(2, 2), np.array([2, 1, 1, 2, 2]) / 8)


def test_events_that_are_not_ratings_are_passed_over():
    kinds = [KINDS.index("rating"), KINDS.index("click")]
    log = Interactions.of([0, 1], [0, 1], [0.0, 1.0], value=[4.0, np.nan], kind=kinds, users=("a", "b"), items=("x", "y"))
    model = RatingModel()
    model.fit(log)
    assert np.allclose(model.distribution(1, 1), np.array([1, 1, 1, 2, 1]) / 6)


def test_halves_are_rounded_up():
    assert Ratings.of(few(stars=(3.5, 1.0, 4.4))).stars.tolist() == [3, 0, 3]


@pytest.mark.parametrize("wrong", [0.0, 5.5, np.nan, np.inf, -1.0])
def test_a_rating_outside_one_to_five_is_refused_by_row_and_value(wrong):
    with pytest.raises(CatalogError, match=f"1 ratings have a value .* row 1 .* {wrong:g}"):
        RatingModel().fit(few(stars=(3, wrong, 4)))


def test_a_time_that_is_no_number_is_refused():
    with pytest.raises(CatalogError, match="time"):
        RatingModel().fit(few(times=[0.0, 1.0, np.nan]))


def test_a_log_without_ratings_is_refused():
    with pytest.raises(CatalogError, match="no rating"):
        RatingModel().fit(few(stars=(), users=(), items=()))


def test_traits_that_do_not_fit_the_log_are_refused_by_name():
    with pytest.raises(CatalogError, match="item_traits"):
        RatingModel().fit(few(), item_traits=np.ones((2, 1)))
    with pytest.raises(CatalogError, match="user_traits"):
        RatingModel().fit(few(), user_traits=np.full((3, 1), np.nan))


def test_questions_of_unequal_length_are_refused():
    model = RatingModel()
    model.fit(few())
    with pytest.raises(CatalogError, match="users"):
        model.distribution([0, 1], [0])


def test_asking_before_learning_is_refused():
    with pytest.raises(CatalogError, match="fit"):
        RatingModel().distribution(0, 0)


def test_no_questions_get_no_answers(learned):
    assert learned[0].distribution([], [], []).shape == (0, 5)


def test_neighbours_in_time_count_by_how_near_they_are():
    known = Ratings.of(few(stars=(5, 3, 1), users=(0, 1, 0), items=(0, 2, 1), times=[100.0, 100.0, 120.0]))
    asked = Asked(user=np.array([0, 0, -1]), item=np.array([2, 2, 0]), time=np.array([100.0, np.nan, 100.0]))
    columns = beside(asked, known, np.array([2.0, 0.5, -1.0]), np.full(5, 0.2))
    near, far = 1.0, np.exp(-20.0 / 20.0)
    assert np.isclose(columns[0, 2], (2.0 * near - 1.0 * far) / (near + far + 1.0))  # the span of 20 seconds
    assert np.isclose(columns[0, 3], np.log1p(near + far))
    assert np.isclose(columns[0, -1], 0.5 / 6.0)  # the item's only other rating, at the same time
    assert np.allclose(columns[1], 0.0)
    assert np.allclose(columns[2, :-1], 0.0)


def test_a_stack_without_signal_tells_the_shares():
    random = np.random.default_rng(0)
    stars = np.repeat(np.arange(5), [10, 20, 30, 40, 100])
    stack = learn_stack(np.column_stack([np.full(200, 3.0), random.normal(size=200)]), stars, ridge=2_000.0)
    assert np.allclose(stack(np.array([[3.0, 0.0]])), np.array([[10, 20, 30, 40, 100]]) / 200, atol=0.02)
