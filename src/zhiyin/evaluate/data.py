"""Public logs as columns: MovieLens 100K from its data pack, click sessions from tab-separated files."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import DataPackError, UnreadableFile
from zhiyin.interactions import KINDS, Interactions


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A log with what is known of its items and users, row by row."""

    name: str
    log: Interactions
    titles: tuple[str, ...] = ()
    genres: tuple[tuple[str, ...], ...] = ()
    years: NDArray[np.float64] | None = None  # NaN where unknown
    users: tuple[dict[str, str], ...] = ()  # age, gender, occupation


def read_ml100k(data: Path) -> Dataset:
    """MovieLens 100K as its data pack holds it: 100,000 ratings, 943 users, 1,682 films.

    Codes are the files' ids less one, and events of one second keep the order of the file. Raises `DataPackError` if the pack is not installed.
    """
    folder = data / "packs" / "ml-100k"
    if not (folder / "ml-100k.inter").is_file():
        raise DataPackError("MovieLens 100K is not installed", hint="Run: zhiyin data add ml-100k")
    table = np.loadtxt(folder / "ml-100k.inter", skiprows=1, delimiter="\t")
    items = _rows(folder / "ml-100k.item")
    users = _rows(folder / "ml-100k.user")
    ids = {"user": [r["user_id"] for r in users], "item": [r["item_id"] for r in items]}
    log = Interactions.of(table[:, 0].astype(int) - 1, table[:, 1].astype(int) - 1, table[:, 3], value=table[:, 2], users=ids["user"], items=ids["item"])
    return Dataset(
        name="ml-100k",
        log=log,
        titles=tuple(r["movie_title"] for r in items),
        genres=tuple(tuple(r["class"].split()) for r in items),
        years=np.array([float(r["release_year"]) if r["release_year"].strip().isdigit() else np.nan for r in items]),
        users=tuple({"age": r["age"], "gender": r["gender"], "occupation": r["occupation"]} for r in users),
    )


def read_sessions(path: Path, items: tuple[str, ...] | None = None) -> Interactions:
    """A tab-separated click log (SessionId, ItemId, Time) with one user a session; with `items`, in their coding and without other items' clicks."""
    if not path.is_file():
        raise UnreadableFile(f"{path}: there is no such file")
    lines = _rows(path)
    known = items if items is not None else tuple(dict.fromkeys(r["ItemId"] for r in lines))
    code = {name: place for place, name in enumerate(known)}
    lines = [r for r in lines if r["ItemId"] in code]
    users = {name: place for place, name in enumerate(dict.fromkeys(r["SessionId"] for r in lines))}
    return Interactions.of(
        [users[r["SessionId"]] for r in lines],
        [code[r["ItemId"]] for r in lines],
        [float(r["Time"]) for r in lines],
        kind=np.full(len(lines), KINDS.index("click")),
        users=tuple(users),
        items=known,
        trusted=np.ones(len(users)),  # a session has no past to be proven by
    )


def _rows(path: Path) -> list[dict[str, str]]:
    """A tab-separated file's rows by column name, without the type after the colon."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        names = [n.partition(":")[0] for n in next(lines)]
        return [dict(zip(names, line, strict=True)) for line in lines]
