"""Stars of MovieLens 100K: cross-entropy, RMSE and MAE on a random fifth and on u1, beside the label prior, biases and SVD++.

Run `python benchmarks/ratings.py`. Both cuts are of the file's order. The random fifth is that of scikit-learn's
`train_test_split(test_size=0.2, random_state=42)`: the first 20,000 of `RandomState(42).permutation(100000)`. u1 is the
file's first 20,000 rows, which is how the data set's own script cuts u1.test (459 users up to 462, 1,410 films; checked here).
MAE is the median's where there is a distribution to take it of and the point's of biases and SVD++; CPU s is the fit's.
`--fold 2` to `--fold 5` ask for another of the data set's five folds, `--validation` for a cut within the random fifth's
training rows, which is the one to tune on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhiyin.evaluate.data import Dataset, read_ml100k
from zhiyin.interactions import Interactions
from zhiyin.learn.ratings import RatingModel, median
from zhiyin.settings import read_settings

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Predict = Callable[[NDArray[np.int32], NDArray[np.int32]], Floats]

U1 = (459, 462, 1410)  # users, the highest id, films
AGES = (18.0, 25.0, 30.0, 36.0, 45.0, 55.0)
YEARS = (1950.0, 1965.0, 1980.0, 1990.0, 1994.0, 1996.0, 1998.0)
STEPS = np.arange(1.0, 6.0)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--fold", type=int, choices=range(1, 6))
    asked.add_argument("--validation", action="store_true")
    options = asked.parse_args()
    data = read_settings().data
    dataset = read_ml100k(data)
    place = file_order(data)
    if options.validation:
        rows = np.random.RandomState(42).permutation(100_000)[20_000:]  # scikit-learn's generator
        some = np.isin(place, rows)
        held = np.isin(place, np.random.default_rng(1).permutation(rows)[:16_000])
        compare("validation within the random fifth's training rows", dataset, dataset.log.take(some & ~held), dataset.log.take(held))
        return
    if options.fold is None:
        held = np.isin(place, np.random.RandomState(42).permutation(100_000)[:20_000])  # scikit-learn's generator
        compare("random fifth (seed 42)", dataset, dataset.log.take(~held), dataset.log.take(held))
    fold = options.fold or 1
    held = place // 20_000 == fold - 1
    test = dataset.log.take(held)
    if fold == 1 and (len(np.unique(test.user)), int(test.user.max()) + 1, len(np.unique(test.item))) != U1:
        raise SystemExit("the file's first 20,000 rows are not u1.test: is it in the order of u.data?")
    compare(f"u{fold}", dataset, dataset.log.take(~held), test)


def file_order(data: Path) -> NDArray[np.int64]:
    """The row of the file that each row of the log came from: the log is the file sorted by time, ties kept in order."""
    times = np.loadtxt(data / "packs" / "ml-100k" / "ml-100k.inter", skiprows=1, delimiter="\t", usecols=3)
    return np.argsort(times, kind="stable")


def compare(name: str, dataset: Dataset, train: Interactions, test: Interactions) -> None:
    """Print one table: every method fitted on `train` and asked for `test`."""
    print(f"\n{name}: {len(train):,} ratings to learn from, {len(test):,} asked")
    print(f"{'':38}{'CE':>8}{'RMSE':>8}{'MAE':>8}{'CPU s':>8}")
    stars = test.value.astype(np.int64) - 1
    prior = np.bincount(train.value.astype(np.int64), minlength=6)[1:] / len(train)
    line("label prior", np.tile(prior, (len(test), 1)), stars, 0.0)
    for title, fit in (("biases", biases), ("SVD++", svdpp)):
        points(title, fit, train, test)
    began = time.process_time()
    model = RatingModel()
    model.fit(train, user_traits=user_traits(dataset), item_traits=item_traits(dataset))
    took = time.process_time() - began
    line("RatingModel, moment not told", model.distribution(test.user, test.item), stars, took)
    line("RatingModel", model.distribution(test.user, test.item, test.time), stars, took)


def line(title: str, chance: Floats, stars: NDArray[np.int64], took: float) -> None:
    """Print a distribution's row: RMSE of its mean, MAE of its median."""
    surprise = -np.log(chance[np.arange(len(stars)), stars]).mean()
    off = chance @ STEPS - stars - 1.0
    print(f"{title:38}{surprise:8.4f}{np.sqrt((off**2).mean()):8.4f}{np.abs(median(chance) - stars - 1.0).mean():8.4f}{took:8.0f}", flush=True)


def points(title: str, fit: Callable[[Interactions], Predict], train: Interactions, test: Interactions) -> None:
    """Print a point method's row: RMSE and MAE of the point; CE of a normal around it, as wide as its errors on a held-out tenth."""
    from scipy.stats import norm

    began = time.process_time()
    held = np.random.default_rng(0).permutation(len(train)) < len(train) // 10
    aside = train.take(held)
    width = float(np.std(aside.value - fit(train.take(~held))(aside.user, aside.item)))
    guess = fit(train)(test.user, test.item)
    took = time.process_time() - began
    edges = np.concatenate(([-np.inf], STEPS[:-1] + 0.5, [np.inf]))
    chance = np.diff(norm.cdf(edges[None], guess[:, None], width), axis=1)
    surprise = -np.log(np.maximum(chance[np.arange(len(test)), test.value.astype(np.int64) - 1], 1e-12)).mean()
    off = guess - test.value
    print(f"{title:38}{surprise:8.4f}{np.sqrt((off**2).mean()):8.4f}{np.abs(off).mean():8.4f}{took:8.0f}", flush=True)


def biases(train: Interactions, *, ridge: float = 5.0, rounds: int = 20) -> Predict:
    """Mean plus user and item biases by alternating ridge regression."""
    users, items = np.zeros(len(train.users)), np.zeros(len(train.items))
    mean = float(train.value.mean())
    per_user, per_item = np.bincount(train.user, minlength=len(users)) + ridge, np.bincount(train.item, minlength=len(items)) + ridge
    for _ in range(rounds):
        items = np.bincount(train.item, train.value - mean - users[train.user], minlength=len(items)) / per_item
        users = np.bincount(train.user, train.value - mean - items[train.item], minlength=len(users)) / per_user
    return lambda user, item: np.clip(mean + users[user] + items[item], 1.0, 5.0)


def svdpp(train: Interactions, *, factors: int = 20, rounds: int = 30, rate: float = 0.007, decay: float = 0.9, ridge: float = 0.05, seed: int = 0) -> Predict:
    """SVD++ (Koren 2008, eq. 15) by SGD in steps of at most ten ratings of one user."""
    random = np.random.default_rng(seed)
    mean = float(train.value.mean())
    p, q, y = (random.normal(0.0, 0.1, (n, factors)) for n in (len(train.users), len(train.items), len(train.items)))
    b, c = np.zeros(len(train.users)), np.zeros(len(train.items))
    rows = [np.flatnonzero(train.user == u) for u in range(len(train.users))]
    sets = [train.item[r] for r in rows]
    for _ in range(rounds):
        for u in random.permutation(len(rows)):
            if not len(sets[u]):
                continue
            share = 1.0 / np.sqrt(len(sets[u]))
            before = implied = share * y[sets[u]].sum(axis=0)
            for part in np.array_split(random.permutation(rows[u]), -(-len(rows[u]) // 10)):
                i = train.item[part]
                error = train.value[part] - (mean + b[u] + c[i] + q[i] @ (p[u] + implied))
                pull = error @ q[i]
                c[i] += rate * (error - ridge * c[i])
                q[i] += rate * (error[:, None] * (p[u] + implied) - ridge * q[i])
                b[u] += rate * (error.sum() - ridge * len(i) * b[u])
                p[u] += rate * (pull - ridge * len(i) * p[u])
                implied = implied + rate * (pull - ridge * len(i) * implied)
            y[sets[u]] += share * (implied - before)
        rate *= decay
    spoken = np.stack([y[s].sum(axis=0) / np.sqrt(max(1, len(s))) for s in sets])
    return lambda user, item: np.clip(mean + b[user] + c[item] + np.einsum("nk,nk->n", p[user] + spoken[user], q[item]), 1.0, 5.0)


def user_traits(dataset: Dataset) -> Floats:
    """Gender, occupation and age group, one column each."""
    jobs = sorted({u["occupation"] for u in dataset.users})
    genders = sorted({u["gender"] for u in dataset.users})
    columns = [[u["gender"] == g for g in genders] + [u["occupation"] == j for j in jobs] for u in dataset.users]
    groups = np.digitize([float(u["age"]) for u in dataset.users], AGES)
    return np.hstack([np.array(columns, dtype=np.float64), np.eye(len(AGES) + 1)[groups]])


def item_traits(dataset: Dataset) -> Floats:
    """Genres and the group of years a film is from, one column each; no year where none is known."""
    names = sorted({g for genres in dataset.genres for g in genres})
    columns = np.array([[n in genres for n in names] for genres in dataset.genres], dtype=np.float64)
    if dataset.years is None:
        return columns
    groups = np.eye(len(YEARS) + 1)[np.digitize(np.nan_to_num(dataset.years), YEARS)] * np.isfinite(dataset.years)[:, None]
    return np.hstack([columns, groups])


if __name__ == "__main__":
    main()
