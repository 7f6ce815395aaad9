"""Evaluations: a dataset, a protocol, every source and blend on it, and what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from zhiyin.backends import open_sources
from zhiyin.errors import EmptyCatalog
from zhiyin.evaluate.data import Dataset
from zhiyin.evaluate.metrics import (
    average_precision,
    calibration,
    coverage,
    diversity,
    exposure,
    genre_mix,
    gini,
    group_gaps,
    hit_rate,
    interval,
    mrr,
    ndcg,
    novelty,
    precision,
    recall,
    top,
)
from zhiyin.evaluate.report import Curve, ModelResult, Run
from zhiyin.evaluate.slices import by_activity, by_popularity
from zhiyin.interactions import Interactions, Interest
from zhiyin.learn.holdout import Split, leave_last_out, random_share, temporal
from zhiyin.learn.training import Trained, train
from zhiyin.ports import Source
from zhiyin.rank.rerank import calibrated, exposed, less_popular, mmr, shown
from zhiyin.retrieve.content import attribute_vectors

Floats32 = NDArray[np.float32]
Score = Callable[[Split], Floats32]  # fits on split.train, answers split.users, shape (n, items)
Progress = Callable[[str, int, int], None]

_CHUNK = 512  # questions scored at once
_DIALS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_POOL = 100  # candidates that a re-ranker sees


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """A way to cut a log, in words and as a function of log and seed; `k` is where lists are cut."""

    name: str
    text: str
    cut: Callable[[Interactions, int], Split]
    k: int = 10
    seeds: int = 1  # cuts that differ by seed
    repeats: bool = False  # items of a history may be asked for again


PROTOCOLS: Mapping[str, Protocol] = {
    p.name: p
    for p in (
        Protocol(
            name="leave-last-out",
            text="Each user's last event is asked for; all items the user has not met compete; events of one second keep the order of the file.",
            cut=lambda log, _: leave_last_out(log),
        ),
        Protocol(
            name="random",
            text="A random 25 % of all ratings is asked for; all items the user has no known rating of compete; the mean of several cuts by seed.",
            cut=lambda log, seed: random_share(log, 0.25, seed),
            seeds=3,
        ),
        Protocol(
            name="temporal",
            text="The newest 20 % of all ratings is asked for, of users with older ones; only ratings of 4 and 5 count as wanted.",
            cut=lambda log, _: temporal(log, 0.2, 4.0),
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lists:
    """One model's first hundred items for each question, -1 where there are fewer, and their scores, both shape (n, 100)."""

    items: NDArray[np.int32]
    scores: Floats32

    @classmethod
    def of(cls, scores: Floats32, seen: NDArray[np.bool_] | None) -> _Lists:
        """The best of each row."""
        items = top(scores, _POOL, seen)
        return cls(items=items, scores=np.take_along_axis(scores, np.maximum(items, 0), axis=1))


@dataclass(slots=True, kw_only=True)
class _Answers:
    """One model's lists and per-user metrics, over all cuts."""

    users: NDArray[np.int32]  # who was asked
    per_user: Mapping[str, NDArray[np.float64]]  # of each of them
    exposed: NDArray[np.int64]
    slices: dict[str, Mapping[str, tuple[float, float]]]
    coverage: float
    seconds: float


def evaluate(
    dataset: Dataset,
    protocol: Protocol,
    *,
    date: str,
    others: Mapping[str, Score] | None = None,
    extra: Callable[[], Mapping[str, Source]] = dict,
    ltr: bool = False,
    seeds: int | None = None,
    curves: bool = True,
    progress: Progress = lambda *_: None,
) -> Run:
    """Every source by every ask, the learned blend, the trees if wanted and any `others`, on each cut of the protocol; weights are learned on cuts of train alone.

    `extra` makes further sources for the blend. Means are over users, of each user's mean over the cuts; intervals are 95 % by the standard error.
    Raises `EmptyCatalog` where a cut leaves nobody to ask.
    """
    vectors = item_vectors(dataset)
    genres = _genre_matrix(dataset)
    answers: dict[str, list[_Answers]] = {}
    notes: list[str] = []
    lines: tuple[Curve, ...] = ()
    cuts = range(42, 42 + ((seeds or protocol.seeds) if protocol.seeds > 1 else 1))
    for seed in cuts:
        split = _cut(dataset, protocol, seed)

        def make(interest: Interest | None) -> dict[str, Source]:
            return {**open_sources(interest, vectors), **extra()}

        found, trained, seconds = _ours(split, make, progress, repeats=protocol.repeats, ltr=ltr, seed=seed)
        for name, score in (others or {}).items():
            begun = time.perf_counter()
            found[name] = _Lists.of(score(split), None if protocol.repeats else split.histories().seen())
            seconds[name] = time.perf_counter() - begun
        for name, lists in found.items():
            answers.setdefault(name, []).append(_judge(lists.items, split, protocol.k, genres, seconds.get(name, float("nan"))))
        notes.append(f"Seed {seed}: weights {_shown(trained.recommender.blend.weights)}; interest of 1 to 5 stars {trained.recommender.interest.ratings}; {trained.regression}.")
        notes += [*_unanswerable(split, protocol), *_gaps(dataset, split, found["blend"], protocol.k)]
        if curves and seed == cuts[0] and genres is not None:
            lines = _trade_offs(found["blend"], split, genres, protocol.k)
    return Run(
        dataset=dataset.name,
        protocol=f"{protocol.name}: {protocol.text} Lists of {protocol.k}; equal scores by item code.",
        date=date,
        seeds=tuple(cuts),
        models=tuple(_result(name, rounds) for name, rounds in answers.items()),
        curves=lines,
        lower_is_better=("Gini", "Calibration (KL)"),
        notes=tuple(notes),
    )


def _cut(dataset: Dataset, protocol: Protocol, seed: int) -> Split:
    """A cut with somebody to ask."""
    split = protocol.cut(dataset.log, seed)
    if not split.relevant:
        raise EmptyCatalog(f"{dataset.name}: the {protocol.name} protocol finds nobody to ask in {len(dataset.log):,} events", hint=f"It works like this: {protocol.text}")
    return split


def _unanswerable(split: Split, protocol: Protocol) -> list[str]:
    """How many questions ask for nothing but what their user has met before: no list has it."""
    if protocol.repeats:
        return []
    seen = split.train if split.known is None else split.known
    met = np.unique(seen.user.astype(np.int64) * len(seen.items) + seen.item)
    lost = sum(bool(np.isin(int(user) * len(seen.items) + wanted.astype(np.int64), met).all()) for user, wanted in zip(split.users, split.relevant, strict=True))
    return [f"{lost} of {len(split.users)} questions ask for an item that the user has met before; they count as missed by every model."] if lost else []


def item_vectors(dataset: Dataset) -> Floats32 | None:
    """The items' attribute vectors, None where nothing is known of them."""
    if not dataset.genres:
        return None
    return attribute_vectors({} if dataset.years is None else {"year": dataset.years}, {"genres": dataset.genres})


def _genre_matrix(dataset: Dataset) -> NDArray[np.float64] | None:
    names = sorted({g for row in dataset.genres for g in row})
    return np.array([[g in row for g in names] for row in dataset.genres], dtype=np.float64) if names else None


def _ours(
    split: Split, make: Callable[[Interest | None], dict[str, Source]], progress: Progress, *, repeats: bool, ltr: bool, seed: int
) -> tuple[dict[str, _Lists], Trained, dict[str, float]]:
    """Scores of every ask, of the blend and of the trees, all from one training; and what each source's fit took."""
    laps: list[tuple[str, float]] = []

    def watch(name: str, step: int, steps: int) -> None:
        laps.append((name, time.perf_counter()))
        progress(name, step, steps)

    inner = split.inner()
    trained = train(make, split.train, inner, ltr=ltr, seed=seed, repeats=repeats, progress=watch)
    took = {name: after - at for (name, at), (_, after) in pairwise(laps)}
    recommender = trained.recommender
    histories = split.histories(recommender.interest)
    parts: dict[str, list[_Lists]] = {}
    for begin in range(0, len(histories), _CHUNK):
        part = histories.among(np.arange(begin, min(begin + _CHUNK, len(histories))))
        seen = None if repeats else part.seen()
        scores = {**recommender.votes(part), "blend": recommender.scores(part), **({"blend + trees": trained.ranker.scores(part)} if trained.ranker else {})}
        for name, values in scores.items():
            parts.setdefault(name, []).append(_Lists.of(values, seen))
    found = {name: _Lists(items=np.vstack([p.items for p in lists]), scores=np.vstack([p.scores for p in lists])) for name, lists in parts.items()}
    seconds = {name: took.get(f"{ask.source} (whole)", float("nan")) for name, ask in recommender.asks.items()}
    seconds["blend"] = sum(v for k, v in took.items() if k != "trees")
    seconds["blend + trees"] = sum(took.values())
    return found, trained, seconds


def _judge(ranked: NDArray[np.int32], split: Split, k: int, genres: NDArray[np.float64] | None, seconds: float) -> _Answers:
    """All metrics of one model on one cut."""
    train, items = split.train, len(split.train.items)
    popularity = np.bincount(train.item, minlength=items)
    per_user = {
        f"NDCG@{k}": ndcg(ranked, split.relevant, k),
        f"HR@{k}": hit_rate(ranked, split.relevant, k),
        f"Recall@{k}": recall(ranked, split.relevant, k),
        f"Precision@{k}": precision(ranked, split.relevant, k),
        f"MRR@{k}": mrr(ranked, split.relevant, k),
        f"MAP@{k}": average_precision(ranked, split.relevant, k),
        "Novelty (bits)": novelty(ranked, popularity, k),
    }
    histories = split.histories()
    if genres is not None:
        mix = genre_mix([histories.item[a:b] for a, b in zip(histories.start[:-1], histories.start[1:], strict=True)], genres)
        per_user |= {"Diversity": diversity(ranked, genres, k), "Calibration (KL)": calibration(ranked, mix, genres, k)}
    slices = {
        "User activity": by_activity(per_user[f"NDCG@{k}"], histories.lengths),
        "Item popularity": by_popularity(ndcg, ranked, split.relevant, k, popularity),
    }
    return _Answers(users=split.users, per_user=per_user, exposed=exposure(ranked, items, k), slices=dict(slices), coverage=coverage(ranked, items, k), seconds=seconds)


def _result(name: str, rounds: Sequence[_Answers]) -> ModelResult:
    """One model over all cuts: of each user the mean over the cuts that asked."""
    asked = np.concatenate([r.users for r in rounds])
    together = {metric: _over_cuts(asked, np.concatenate([r.per_user[metric] for r in rounds])) for metric in rounds[0].per_user}
    exposed = np.sum([r.exposed for r in rounds], axis=0)
    lists = {
        "Coverage": (float(np.mean([r.coverage for r in rounds])), float("nan")),
        "Gini": (float(np.mean([gini(r.exposed) for r in rounds])), float("nan")),
    }
    return ModelResult(
        name=name,
        metrics={**{metric: (found.mean, found.half) for metric, found in ((m, interval(v)) for m, v in together.items())}, **lists},
        per_user={metric: values.tolist() for metric, values in list(together.items())[:2]},
        slices=rounds[0].slices,
        seconds=float(np.median([r.seconds for r in rounds])),
        exposure=exposed.tolist(),
    )


def _over_cuts(asked: NDArray[np.int32], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each user's mean, ascending by user; NaN where one of its values is."""
    users, place = np.unique(asked, return_inverse=True)
    return np.bincount(place, weights=values, minlength=len(users)) / np.bincount(place, minlength=len(users))


def _trade_offs(found: _Lists, split: Split, genres: NDArray[np.float64], k: int) -> tuple[Curve, ...]:
    """What each re-ranker gives and takes at six dials, on the blend's first hundred."""
    histories = split.histories()
    popularity = np.bincount(split.train.item, minlength=len(split.train.items)).astype(np.float64)
    mix = genre_mix([histories.item[a:b] for a, b in zip(histories.start[:-1], histories.start[1:], strict=True)], genres)
    unit = genres / np.maximum(np.linalg.norm(genres, axis=1, keepdims=True), 1e-9)

    def lists(name: str, dial: float) -> NDArray[np.int32]:
        counts = np.zeros(len(popularity))
        chosen = np.full((len(found.items), k), -1, dtype=np.int32)
        for row, candidates in enumerate(found.items):
            mine = candidates[candidates >= 0]
            worth = found.scores[row, : len(mine)].astype(np.float64)
            match name:
                case "diversity (MMR)":
                    order = mmr(worth, unit[mine], dial, k)
                case "calibration":
                    order = calibrated(worth, genres[mine], mix[row], dial, k)
                case "less popular":
                    order = less_popular(worth, popularity[mine], dial, k)
                case _:
                    order = exposed(worth, counts[mine], dial, k)
            chosen[row, : len(order)] = mine[order]
            counts = shown(counts, mine[order])
        return chosen

    measures: Mapping[str, Callable[[NDArray[np.int32]], float]] = {
        f"NDCG@{k}": lambda r: interval(ndcg(r, split.relevant, k)).mean,
        "Diversity": lambda r: interval(diversity(r, genres, k)).mean,
        "Calibration (KL)": lambda r: interval(calibration(r, mix, genres, k)).mean,
        "Novelty (bits)": lambda r: interval(novelty(r, popularity, k)).mean,
        "Equality (1 - Gini)": lambda r: 1.0 - gini(exposure(r, len(popularity), k)),
    }
    gives = {"diversity (MMR)": "Diversity", "calibration": "Calibration (KL)", "less popular": "Novelty (bits)", "exposure": "Equality (1 - Gini)"}
    curves = []
    for name, given in gives.items():
        ranked = [lists(name, dial) for dial in _DIALS]
        curves.append(Curve(name=name, dials=_DIALS, metrics={metric: [measures[metric](r) for r in ranked] for metric in (f"NDCG@{k}", given)}))
    return tuple(curves)


def _gaps(dataset: Dataset, split: Split, found: _Lists, k: int) -> list[str]:
    """How much better the blend serves one group of users than another, in a sentence a pair of groups."""
    if not dataset.users or split.known is not None:
        return []
    values = ndcg(found.items, split.relevant, k)
    mine = [dataset.users[user] for user in split.users]
    groups = {"gender": [u.get("gender", "unknown") for u in mine], "age": [_age(u.get("age", "")) for u in mine]}
    gaps = [(trait, gap) for trait, names in groups.items() for gap in group_gaps(values, names)]
    return [f"By {trait}, NDCG@{k} of {gap.group} less that of {gap.other}: {gap.difference:+.4f} (95 %: {gap.low:+.4f} to {gap.high:+.4f})." for trait, gap in gaps]


def _age(text: str) -> str:
    return "of unknown age" if not text.isdigit() else "under 30" if int(text) < 30 else "30 and over"


def _shown(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:.3f}" for name, weight in sorted(weights.items(), key=lambda p: -p[1]) if weight >= 0.001)
