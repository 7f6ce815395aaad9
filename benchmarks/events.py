"""From one new event to a new ranking, the model's part: every source told, asked and blended, ten items picked, beside a named alternative.

    python benchmarks/events.py [--items 10000] [--users 100000] [--events 2000] [--fresh]

Each event is of another user: it is appended to the user's history (the newest 100 count), `Recommender.update` and `Recommender.scores` run,
and the best ten are taken. Not included: HTTP, storage, the catalogue's filters, cards. Every event's scores are asked for five times: p50 and p99 are over
the first, `p99 quiet` over each event's quickest, which is what remains on a machine that nobody else uses. The log is synthetic and
seeded; fitted sources are kept in the temporary folder between runs (`--fresh` fits anew).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from zhiyin.backends import open_sources
from zhiyin.interactions import DAY, Histories, Interactions, Interest
from zhiyin.learn.holdout import Split, leave_last_out
from zhiyin.learn.recommender import ASKS, LONGEST, Recommender
from zhiyin.ports import Source

K, RUNS, CLUSTER, DIM = 10, 5, 200, 32  # list, scorings of an event, items that share a taste, length of an item's vector
AIM_MS = 1.0
WORTH = 0.01


# --- a log ---


def synthetic(users: int, items: int, per_user: float, seed: int = 0) -> Interactions:
    """Ratings of people with tastes: visits of a few items each to one of their three favourite clusters, Zipf popularity within and among clusters.

    Events by user are log-normal with the mean `per_user` (never fewer than 4); nobody rates an item twice.
    """
    random = np.random.default_rng(seed)
    lengths = np.clip(random.lognormal(np.log(per_user) - 0.4, 0.9, users), 4, min(700, items // 3)).astype(np.int64)
    drawn = 3 * lengths  # some are repeats and dropped
    user = np.repeat(np.arange(users), drawn)
    visit = np.cumsum(random.random(len(user)) < 0.2) + user
    visit -= visit[0]
    clusters = max(1, items // CLUSTER)
    favourites = _zipf(random, clusters, (users, 3), 5.0, 0.7)
    mine = random.choice(3, int(visit[-1]) + 1, p=(0.6, 0.3, 0.1))[visit]
    cluster = np.where(random.random(len(user)) < 0.15, random.integers(0, clusters, len(user)), favourites[user, mine])
    item = np.minimum(_zipf(random, -(-items // clusters), len(user), 4.0, 1.0) * clusters + cluster, items - 1)
    gap = np.where(np.diff(visit, prepend=visit[0]) > 0, random.exponential(5 * DAY, len(user)), random.exponential(90.0, len(user)))
    first = np.sort(np.unique(user * items + item, return_index=True)[1])
    before = np.searchsorted(user[first], np.arange(users))
    kept = first[np.arange(len(first)) - before[user[first]] < lengths[user[first]]]
    begin = random.uniform(0.0, 300 * DAY, users)
    passed = np.cumsum(gap[kept])
    own = user[kept]
    times = begin[own] + passed - passed[np.searchsorted(own, own)]
    liked = 3.4 + 0.6 * (cluster[kept] == favourites[own, 0]) + random.normal(0.0, 0.9, len(own))
    return Interactions.of(own.astype(np.int32), item[kept].astype(np.int32), times, value=np.clip(np.rint(liked), 1, 5), users=range_names(users), items=range_names(items))


def _zipf(random: np.random.Generator, most: int, shape: int | tuple[int, int], offset: float, power: float) -> NDArray[np.int64]:
    """Ranks below `most`, of probability (rank + offset) ** -power."""
    heaped = np.cumsum((np.arange(most) + offset) ** -power)
    found: NDArray[np.int64] = np.searchsorted(heaped, random.random(shape) * heaped[-1])
    return found


def range_names(size: int) -> tuple[str, ...]:
    """Names 0, 1, 2 ..."""
    return tuple(map(str, range(size)))


def item_vectors(items: int, seed: int = 0) -> NDArray[np.float32]:
    """Vectors in which the items of a cluster lie together, shape (items, 32)."""
    random = np.random.default_rng(seed)
    clusters = max(1, items // CLUSTER)
    centres = random.normal(size=(clusters, DIM))
    return (centres[np.arange(items) % clusters] + random.normal(size=(items, DIM))).astype(np.float32)


# --- what is fitted ---


@dataclass(frozen=True, kw_only=True)
class World:
    """A log without the newest event of some users, and what those users do next."""

    log: Interactions
    users: NDArray[np.int32]  # (n,), shuffled
    following: NDArray[np.int32]  # (n,), the item each picks next

    @classmethod
    def cut(cls, whole: Interactions, users: int, seed: int = 0) -> World:
        """A world in which `users` random people have one event to come."""
        last = np.full(len(whole.users), -1)
        last[whole.user] = np.arange(len(whole))
        who = np.random.default_rng(seed).permutation(np.flatnonzero(last >= 0))[:users].astype(np.int32)
        kept = np.ones(len(whole), dtype=np.bool_)
        kept[last[who]] = False
        return cls(log=whole.take(kept), users=who, following=whole.item[last[who]])

    def histories(self) -> list[Histories]:
        """What each has done once the event has come, newest 100, moved in time so that it comes a second after the last of the one before."""
        before, found = self.log.histories(self.users), []
        for place, item in enumerate(self.following):
            own = slice(max(before.start[place], before.start[place + 1] - LONGEST + 1), before.start[place + 1])
            times = before.time[own] + (self.log.time[-1] + place - before.time[own][-1:])
            now = self.log.time[-1] + place + 1.0
            found.append(Histories.one([*before.item[own], item], before.items, weight=[*before.weight[own], 1.0], time=[*times, now]))
        return found


def fitted(world: World, file: Path, fresh: bool) -> Recommender:
    """All sources on the world's log, their weights learned from 500 of its users; from the file if there is one."""
    recommender = Recommender(open_sources(vectors=item_vectors(len(world.log.items))))
    if file.is_file() and not fresh:
        with np.load(file) as kept:
            state: dict[str, dict[str, Any]] = {}
            for name in kept.files:
                part, _, array = name.partition("/")
                state.setdefault(part, {})[array] = kept[name]
        recommender.restore(state)
        return recommender
    begin = time.perf_counter()
    recommender.fit(world.log, lambda name, *_: print(f"{time.perf_counter() - begin:6.0f} s  fitting {name}", file=sys.stderr))
    some = slice(0, 500)
    relevant = tuple(world.following[some, None])
    recommender.learn(Split(train=world.log, users=world.users[some], relevant=relevant, times=np.full(len(relevant), world.log.time[-1]), again=leave_last_out))
    arrays: dict[str, Any] = {f"{part}/{name}": array for part, own in recommender.state().items() for name, array in own.items()}
    np.savez(file, **arrays)
    return recommender


# --- what is measured ---


@dataclass(frozen=True, kw_only=True)
class Row:
    """Milliseconds of each event under one way of ranking: the first scoring, and the quickest of five."""

    name: str
    first: NDArray[np.float64]
    quickest: NDArray[np.float64]
    fit_s: float = float("nan")  # seconds to fit, where it was fitted for this


class Timed:
    """A source, its time counted."""

    def __init__(self, source: Source) -> None:
        self._source, self.seconds = source, 0.0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the source has
        method = getattr(self._source, name)

        def timed(*given: Any) -> Any:  # noqa: ANN401
            begin = time.perf_counter()
            found = method(*given)
            self.seconds += time.perf_counter() - begin
            return found

        return timed


def best(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """The ten best of one row, best first."""
    among = np.flatnonzero(scores >= np.partition(scores, -K)[-K])
    return among[np.argsort(-scores[among], kind="stable")[:K]]


def played(name: str, update: Callable[[int], object], rank: Callable[[int], object], events: int) -> Row:
    """The events one after another, the collector of rubbish running as it does in service."""
    first, quickest = np.zeros(events), np.zeros(events)
    for event in range(events):
        times = []
        for run in range(RUNS):
            begin = time.perf_counter()
            if run == 0:
                update(event)
            rank(event)
            times.append(1e3 * (time.perf_counter() - begin))
        first[event], quickest[event] = times[0], min(times)
    return Row(name=name, first=first, quickest=quickest)


def ours(name: str, recommender: Recommender, histories: Sequence[Histories]) -> Row:
    """Update, scores, ten best."""
    return played(name, lambda n: recommender.update(histories[n]), lambda n: best(recommender.scores(histories[n])[0]), len(histories))


def alternative(world: World, histories: Sequence[Histories], iterations: int = 3) -> Row:
    """`implicit`'s ALS of as many factors, which folds a user's row in as we do."""
    from implicit.als import AlternatingLeastSquares
    from scipy import sparse

    model = AlternatingLeastSquares(factors=64, iterations=iterations, num_threads=1, random_state=0)
    begin = time.perf_counter()
    model.fit(world.log.matrix(Interest().of(world.log)), show_progress=False)
    took = time.perf_counter() - begin

    def rank(number: int) -> object:
        history = histories[number]
        row = sparse.csr_matrix((history.weight, history.item, np.array([0, len(history.item)])), shape=(1, history.items))
        return model.recommend(int(world.users[number]), row, N=K, recalculate_user=True)

    return replace(played("implicit 0.7 ALS, recalculate_user", lambda _: None, rank, len(histories)), fit_s=took)


def shares(recommender: Recommender, histories: Sequence[Histories]) -> Mapping[str, float]:
    """Milliseconds an event by source, and of the blend around them."""
    timed = {name: Timed(source) for name, source in recommender.sources.items()}
    watched = Recommender(timed, recommender.asks)
    watched.blend, watched.newcomers = recommender.blend, recommender.newcomers
    begin = time.perf_counter()
    for history in histories:
        watched.update(history)
        best(watched.scores(history)[0])
    whole = time.perf_counter() - begin
    seconds = {name: source.seconds for name, source in timed.items()}
    return {name: 1e3 * s / len(histories) for name, s in {**seconds, "common scale, blend, ten best": whole - sum(seconds.values())}.items()}


# --- tables ---


def latency_table(rows: Sequence[Row]) -> Table:
    """Milliseconds by way of ranking; ratios against the last row."""
    table = Table(box=MARKDOWN)
    for number, column in enumerate(("event to ranking, ms", "p50", "p99", "p99 quiet", f"p99 quiet < {AIM_MS:g}", "alternative / ours, p50", "p99")):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    other = rows[-1]
    for row in rows:
        p50, p99, quiet = np.median(row.first), np.percentile(row.first, 99), np.percentile(row.quickest, 99)
        ratios = (np.median(other.first) / p50, np.percentile(other.first, 99) / p99)
        table.add_row(row.name, f"{p50:.3f}", f"{p99:.3f}", f"{quiet:.3f}", "yes" if quiet < AIM_MS else "NO", *(f"{r:.1f}" for r in ratios))
    return table


def shares_table(spent: Mapping[str, float]) -> Table:
    """Mean milliseconds an event by source."""
    table = Table(box=MARKDOWN)
    for number, column in enumerate(("source", "mean, ms", "share")):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for name, ms in spent.items():
        table.add_row(name, f"{ms:.3f}", f"{ms / sum(spent.values()):.0%}")
    return table


def only(recommender: Recommender, names: Sequence[str]) -> Recommender:
    """The same with some of its sources, at the weights that asks have before any is learned."""
    return Recommender({n: s for n, s in recommender.sources.items() if n in names})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=2_000)
    parser.add_argument("--fresh", action="store_true", help="fit anew")
    given = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":  # noqa: TID251  # no setting of ours: numpy reads it once, when it is loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})  # noqa: TID251
    world = World.cut(synthetic(given.users, given.items, 20.0), given.events)
    recommender = fitted(world, Path(tempfile.gettempdir()) / f"zhiyin-events-{given.users}-{given.items}.npz", given.fresh)
    histories = world.histories()
    weighed = [name for name, weight in recommender.blend.weights.items() if weight]
    worth = {name: replace(ask, weight=recommender.blend.weights[name]) for name, ask in recommender.asks.items() if recommender.blend.weights[name] >= WORTH}
    everything = only(recommender, list(recommender.sources))
    rows = [
        ours(f"all {len(recommender.sources)} sources, all {len(recommender.asks)} votes", everything, histories),
        ours(f"all sources, learned weights ({len(weighed)} votes)", recommender, histories),
        ours(f"those of a learned weight of {WORTH:g} or more ({len(worth)} votes)", Recommender(recommender.sources, worth), histories),
        ours("without users", only(recommender, [n for n in recommender.sources if n != "users"]), histories),
        ours("linear alone: popularity items ease chain steps", only(recommender, ("popularity", "items", "ease", "chain", "steps")), histories),
        ours("factors alone, one vote: what the alternative does", Recommender({"factors": recommender.sources["factors"]}, {"factors.mid": ASKS["factors.mid"]}), histories),
        alternative(world, histories),
    ]
    lengths = [len(h.item) for h in histories]
    print(f"{given.items:,} items, {given.users:,} users, {len(world.log):,} events; {len(histories):,} new events of different users, whose histories hold")
    print(f"{np.median(lengths):.0f} events at the median, {np.percentile(lengths, 99):.0f} at p99; one thread; load {os.getloadavg()[0]:.1f}.\n")
    out = Console(width=200)
    out.print(latency_table(rows))
    out.print(shares_table(shares(everything, histories)))


if __name__ == "__main__":
    main()
