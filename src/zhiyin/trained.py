"""The trained recommender of a domain: which logs it learns from, where it is kept, when it must be trained."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhiyin.backends import open_sources
from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.events import installed_logs
from zhiyin.catalog.packs import installed_ratings, list_packs
from zhiyin.errors import CacheError, CatalogError
from zhiyin.interactions import KINDS, Interactions, Interest
from zhiyin.learn.behaviour import Behaviour
from zhiyin.learn.holdout import last_events
from zhiyin.learn.recommender import Progress
from zhiyin.learn.training import Checkpoint, Trained, in_service, load, log_key, publish, train
from zhiyin.ports import Archive, Source, Store
from zhiyin.retrieve.content import attribute_vectors
from zhiyin.settings import Settings
from zhiyin.state import replay
from zhiyin.types import Event, Fed, SessionId

Vectors = NDArray[np.float32]
_PAGE = 5000  # events
_LEAST_EVENTS = 100  # below that there is nothing to learn


def model_folder(settings: Settings, domain: str) -> Path:
    """Where the trained models of a domain are kept."""
    return settings.cache / "models" / domain


def gather(catalog: Catalog, settings: Settings, warn: Callable[[str], None] = lambda _: None) -> Interactions:
    """Every log there is for a catalogue, over the items that have events: installed ratings and imported events."""
    ratings = installed_ratings(catalog, settings.data)
    logs = [installed_logs(catalog, settings.data, warn=warn)]
    if ratings:
        names, rows, stars, times = zip(*ratings, strict=True)
        users = {name: place for place, name in enumerate(dict.fromkeys(names))}
        ids = [item.id for item in catalog.items]
        logs.append(Interactions.of([users[n] for n in names], rows, times, value=stars, users=tuple(users), items=ids))
    return Interactions.together(logs)


async def stored_feedback(log: Store, archive: Archive, catalog: Catalog) -> Interactions:
    """What people did in the conversations and events of a store, without what was taken back, as a log to train on; items of other catalogues are passed over."""
    users: dict[str, int] = {}
    found: list[tuple[int, int, float, float, int]] = []
    async for user, events in _sessions(log, archive):
        for fed in replay(events).feedback:
            row = catalog.row.get(fed.item)
            if row is not None and fed.kind in KINDS:
                value = float("nan") if fed.value is None or fed.kind not in {"rating", "dwell"} else fed.value
                found.append((users.setdefault(user, len(users)), row, fed.time.timestamp(), value, KINDS.index(fed.kind)))
    who, item, time, values, kind = zip(*found, strict=True) if found else ((), (), (), (), ())
    return Interactions.of(who, item, time, value=values, kind=kind, users=tuple(users), items=[item.id for item in catalog.items])


async def _sessions(log: Store, archive: Archive) -> AsyncGenerator[tuple[str, Sequence[Event]], None]:
    """Every session's user and events. Sessions of nothing but feedback, which may be a hundred thousand, are read in one walk over the log; conversations one by one."""
    owners: dict[SessionId, str] = {}
    bare: dict[SessionId, list[Event]] = {}
    spoken: set[SessionId] = set()
    after = 0
    while page := await archive.tail(after=after, limit=_PAGE):
        for one in page:
            owners.setdefault(one.session, one.user)
            if isinstance(one.event, Fed) and one.session not in spoken:
                bare.setdefault(one.session, []).append(one.event)
            elif one.session not in spoken:
                spoken.add(one.session)
                bare.pop(one.session, None)
        after = page[-1].place
    for session, user in owners.items():
        yield user, bare[session] if session in bare else await log.events(session)


def train_domain(
    catalog: Catalog,
    vectors: Vectors | None,
    log: Interactions,
    settings: Settings,
    *,
    ltr: bool = False,
    sequential: bool = False,
    seed: int = 0,
    fresh: bool = False,
    progress: Progress = lambda *_: None,
) -> tuple[Trained, Path] | None:
    """Train on a log and put the model into service; None, and nothing changed, where the log is too small to learn from.

    Interrupted, it goes on where it stopped when called again for the same log; `fresh` starts over. The model in service stays until the new one is whole.
    """
    if len(log) < _LEAST_EVENTS:
        return None
    folder, stamp = model_folder(settings, catalog.domain.name), _stamp(catalog, settings)  # before training: what is imported meanwhile is not learned
    space = _space(catalog, vectors, log.items)
    key = log_key(log, seed, ltr, sequential, space.shape, float(np.abs(space).sum()))
    kept = Checkpoint(folder / f"{key}.part")
    if fresh:
        kept.clear()

    def make(interest: Interest | None) -> dict[str, Source]:
        return open_sources(interest, space, sequential=sequential)

    trained = train(make, log, last_events(log), ltr=ltr, seed=seed, progress=progress, kept=kept)
    weights = dict(trained.recommender.blend.weights)
    about = {
        "events": len(log),
        "users": len(log.users),
        "items": len(log.items),
        "seed": seed,
        "logs": stamp,
        "weights": weights,
        "interest": str(trained.regression),
        "trees": ltr,
        "sequential": sequential,
    }
    place = publish(folder, key, trained, log.items, about)
    kept.remove()
    return trained, place


def open_behaviour(catalog: Catalog, vectors: Vectors | None, settings: Settings, warn: Callable[[str], None]) -> Behaviour | None:
    """The behaviour model of a domain: the one in service, trained now if log files are there that it has not seen; None where nothing was ever learned.

    What the store holds is learned from when `zhiyin train` is called, and not at a start, which would read all of it.
    """
    stamp, folder = _stamp(catalog, settings), model_folder(settings, catalog.domain.name)
    if _learned_from(folder) != stamp and not (stamp and _trained_now(catalog, vectors, settings, warn)):
        return None
    try:
        sequential = bool(_about(folder).get("sequential"))
        found = load(folder, lambda interest: open_sources(interest, np.zeros((1, 1), dtype=np.float32), sequential=sequential), warn)
    except CacheError as error:
        warn(f"{error}; answers come without it. Train again: zhiyin train --domain {catalog.domain.name}")
        return None
    if found is None:
        return None
    recommender, ranker, items = found
    return Behaviour(recommender, ranker, items, [item.id for item in catalog.items])


def _trained_now(catalog: Catalog, vectors: Vectors | None, settings: Settings, warn: Callable[[str], None]) -> bool:
    """Train before the first answer; whether there is anything to learn from. Whatever goes wrong, the model trained before serves."""
    begun = time.perf_counter()
    try:
        log = gather(catalog, settings, warn)
        if len(log) < _LEAST_EVENTS:
            return False
        warn(f"learning from {len(log):,} events, once; zhiyin train does it beforehand")
        about = _about(model_folder(settings, catalog.domain.name))
        slow = " ".join(flag for flag, name in (("--ltr", "trees"), ("--sequential", "sequential")) if about.get(name))
        if slow:
            warn(f"what the model before had by {slow} takes too long before an answer; run: zhiyin train {slow} --domain {catalog.domain.name}")
        train_domain(catalog, vectors, log, settings)
        warn(f"learned in {time.perf_counter() - begun:.0f} s")
    except CatalogError as error:
        warn(f"{error} {error.hint}; nothing new is learned")
    except OSError as error:  # a full disk, or a folder of somebody else's
        warn(f"what was learned cannot be kept in {model_folder(settings, catalog.domain.name)}: {error.strerror}")
    return True


def forget_models(settings: Settings, pack: str) -> int:
    """Delete the models that learned from a data pack; of how many domains."""
    gone = 0
    for folder in (settings.cache / "models").glob("*"):
        logs = _learned_from(folder) or []
        if any(name.partition(" ")[0] == pack for name in logs):
            shutil.rmtree(folder, ignore_errors=True)
            gone += 1
    return gone


def _space(catalog: Catalog, vectors: Vectors | None, ids: Sequence[str]) -> Vectors:
    """Item vectors of text and attributes side by side, shape (ids, dim), both halves of unit length; rows the catalogue lacks are zeros."""
    rows = np.array([catalog.row.get(i, -1) for i in ids])  # type: ignore[call-overload]  # ids of another catalogue are looked up as they are
    items = [catalog.items[r] if r >= 0 else None for r in rows]
    lists = {
        f.name: tuple(tuple(str(v) for v in item.values(f.name)) if item else () for item in items)
        for f in catalog.domain.fields.values()
        if f.kind in {"list", "category"} and f.wish
    }
    numbers = {f.name: np.where(rows >= 0, catalog.numbers(f.name)[rows], np.nan) for f in catalog.domain.fields.values() if f.numeric and f.wish}
    attributes = attribute_vectors(numbers, lists)
    parts = [attributes / np.maximum(np.linalg.norm(attributes, axis=1, keepdims=True), 1e-9)]
    if vectors is not None:
        text = np.where(rows[:, None] >= 0, vectors[rows], 0.0)
        parts.append(text - text.mean(axis=0))
    return np.hstack(parts).astype(np.float32)


def _stamp(catalog: Catalog, settings: Settings) -> list[str]:
    """What a model of this domain would learn from now: name and change of each log, cheap to tell."""
    packs = [f"{s.pack.name} {s.pack.sha256}" for s in list_packs(catalog.domain, settings.data) if s.installed and s.pack.kind == "ratings"]
    folder = settings.data / "logs" / catalog.domain.name
    logs = [f"{p.name} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in sorted(folder.glob("*.npz"))] if folder.is_dir() else []
    return [*packs, *logs]


def _learned_from(folder: Path) -> list[str] | None:
    """The logs that the model in service has learned from."""
    found = _about(folder).get("logs")
    return [str(x) for x in found] if isinstance(found, list) else None


def _about(folder: Path) -> dict[str, object]:
    """What the model in service says of itself; nothing where there is none."""
    try:
        about = json.loads((folder / (in_service(folder) or "") / "about.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}
