"""The recommender core beside the library `implicit` and plain textbook models, in one run: leave-last-out, random, temporal, sessions.

    python benchmarks/recommend.py                     every protocol, without trees and transformer
    python benchmarks/recommend.py --ltr --sequential  with both (some minutes)

Needs `zhiyin data add ml-100k`. Everything that is tuned, theirs included, is tuned on a cut of the training part.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from zhiyin.backends import open_sources
from zhiyin.evaluate import report
from zhiyin.evaluate.data import Dataset, read_ml100k, read_sessions
from zhiyin.evaluate.metrics import ndcg, top
from zhiyin.evaluate.runs import PROTOCOLS, Protocol, evaluate, item_vectors
from zhiyin.interactions import Interactions
from zhiyin.learn.holdout import Split, last_events, leave_last_out, next_item
from zhiyin.learn.training import train
from zhiyin.ports import Source
from zhiyin.settings import read_settings

Floats32 = NDArray[np.float32]
SESSIONS = Path(__file__).parents[2] / "shared" / "data" / "rsc15-100k"


def implicit_als(split: Split) -> Floats32:
    """The library's ALS, its factors, regularisation and weight of a rating tuned on the inner cut."""
    grid = list(itertools.product((32, 64), (0.01, 0.1, 1.0, 10.0), (1.0, 5.0)))
    return _tuned(split, grid, _als)


def _als(split: Split, setting: tuple[float, ...]) -> Floats32:
    from implicit.cpu.als import AlternatingLeastSquares

    factors, regularization, alpha = setting
    model = AlternatingLeastSquares(factors=int(factors), regularization=regularization, alpha=alpha, iterations=15, random_state=0, num_threads=1)
    model.fit(split.train.matrix(), show_progress=False)
    return np.asarray(model.user_factors[split.users] @ model.item_factors.T, dtype=np.float32)


def implicit_bm25(split: Split) -> Floats32:
    """The library's item neighbours under BM25, tuned on the inner cut."""
    return _tuned(split, [(float(k), b) for k in (50, 200) for b in (0.2, 0.5, 0.8)], _bm25)


def _bm25(split: Split, setting: tuple[float, ...]) -> Floats32:
    from implicit.nearest_neighbours import BM25Recommender

    model = BM25Recommender(K=int(setting[0]), B=setting[1], num_threads=1)
    seen = split.train.matrix()
    model.fit(seen, show_progress=False)
    return np.asarray((seen[split.users] @ model.similarity).todense(), dtype=np.float32)


def plain_ease(split: Split) -> Floats32:
    """EASE as published: every event counts one, nothing fades, nothing is cut; lambda tuned on the inner cut."""
    return _tuned(split, [(50.0,), (200.0,), (500.0,), (1000.0,)], _ease)


def _ease(split: Split, setting: tuple[float, ...]) -> Floats32:
    seen = split.train.matrix(np.ones(len(split.train))).toarray().astype(np.float64)
    inverse = np.linalg.inv(seen.T @ seen + setting[0] * np.eye(seen.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(seen[split.users] @ weights, dtype=np.float32)


def _tuned(split: Split, grid: Sequence[tuple[float, ...]], score: Callable[[Split, tuple[float, ...]], Floats32]) -> Floats32:
    """Scores under the setting that does best on the inner cut."""
    inner = split.inner()
    if inner.known is not None:  # they know users, not histories
        inner = leave_last_out(split.train)
    seen = inner.histories().seen()
    worth = [float(np.nanmean(ndcg(top(score(inner, setting), 10, seen), inner.relevant, 10))) for setting in grid]
    return score(split, grid[int(np.argmax(worth))])


OTHERS = {"implicit ALS": implicit_als, "implicit BM25 neighbours": implicit_bm25, "EASE as published": plain_ease}


def transformer(sessions: bool) -> Mapping[str, Source]:
    """The sequential model, of a size for long histories or for short sessions."""
    from zhiyin.retrieve.transformer import SESSIONS as SHORT
    from zhiyin.retrieve.transformer import Transformer

    return {"transformer": Transformer(SHORT) if sessions else Transformer()}


def sessions_dataset() -> tuple[Dataset, Protocol]:
    """RSC15 clicks, next item; tuned on its own validation part."""
    full = read_sessions(SESSIONS / "yoochoose-clicks-100k_train_full.txt")
    test = read_sessions(SESSIONS / "yoochoose-clicks-100k_test.txt", full.items)
    tune = read_sessions(SESSIONS / "yoochoose-clicks-100k_train_tr.txt", full.items)
    valid = read_sessions(SESSIONS / "yoochoose-clicks-100k_train_valid.txt", full.items)
    protocol = Protocol(
        name="next-item",
        text="Every click of a test session but its first is asked for, given the clicks before; items of the training part only, repeats allowed.",
        cut=lambda log, _: next_item(log, test, lambda: next_item(tune, valid)),
        k=20,
        repeats=True,
    )
    return Dataset(name="rsc15-100k", log=full), protocol


def fit_seconds(dataset: Dataset) -> str:
    """Fitting every source and the closed-form blend: once on the whole log, weights learned on a held-out cut before."""
    vectors = item_vectors(dataset)
    log: Interactions = dataset.log
    took = []
    for _ in range(3):
        begun = time.perf_counter()
        train(lambda interest: open_sources(interest, vectors), log, last_events(log))
        whole = time.perf_counter() - begun
        begun = time.perf_counter()
        for source in open_sources(None, vectors).values():
            source.fit(log)
        took.append((time.perf_counter() - begun, whole))
    one, both = np.median([a for a, _ in took]), np.median([b for _, b in took])
    return f"fit of all sources on {len(log):,} events: {one:.1f} s; with the blend learned on a held-out cut (every source fitted twice): {both:.1f} s (medians of 3)"


def main() -> None:
    """Print the tables; with --out, write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ltr", action="store_true")
    parser.add_argument("--sequential", action="store_true")
    parser.add_argument("--only", nargs="*", default=[*PROTOCOLS, "sessions", "fit"])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    console = Console(width=200, highlight=False)
    ml = read_ml100k(read_settings().data)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    if "fit" in arguments.only:
        console.print(fit_seconds(ml))
    for name in arguments.only:
        if name == "fit":
            continue
        dataset, protocol = sessions_dataset() if name == "sessions" else (ml, PROTOCOLS[name])
        sequential = arguments.sequential and name in {"leave-last-out", "sessions"}
        extra = (lambda short=name == "sessions": transformer(short)) if sequential else dict
        others = {} if name == "sessions" else OTHERS
        begun = time.perf_counter()
        run = evaluate(dataset, protocol, date=today, others=others, extra=extra, ltr=arguments.ltr, progress=lambda *a: print(*a, file=sys.stderr))
        console.print(f"\n[bold]{run.dataset}[/] {run.protocol}")
        for model in run.models:
            console.print(
                f"{model.name:26s} "
                + "  ".join(f"{metric} {mean:.4f}" + (f" ±{half:.4f}" if np.isfinite(half) else "") for metric, (mean, half) in model.metrics.items())
                + f"  fit {model.seconds:.2f} s"
            )
        for note in run.notes:
            console.print(note)
        console.print(f"({time.perf_counter() - begun:.0f} s)")
        if arguments.out:
            report.write(run, arguments.out / protocol.name)


if __name__ == "__main__":
    main()
