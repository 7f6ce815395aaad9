"""The text vectors of a catalogue's rows: what is kept of them on disk, the missing ones embedded while turns are answered, changed rows as they come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhiyin.backends import open_embedder
from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Domain
from zhiyin.catalog.load import item_text
from zhiyin.embedders.cached import VectorFile, text_key
from zhiyin.ports import Embedder
from zhiyin.settings import Settings

Vectors = NDArray[np.float32]
Keys = NDArray[np.uint64]
Warn = Callable[[str], None]
_AT_ONCE = 128  # missing vectors that the start waits for
_BATCH = 16  # texts embedded in one go
_SPARE = 8  # rows more for eight that there are: new items are then written past the end of what turns read


def item_vectors(catalog: Catalog, settings: Settings, warn: Warn) -> Vectors | None:
    """The items' text vectors as far as they are known without embedding anything; None where none are."""
    embedder, _ = open_embedder(settings)
    keys = np.array([text_key(item_text(item, catalog.domain)) for item in catalog.items], dtype=np.uint64)
    vectors, found, _ = _kept(catalog.domain, keys, embedder, settings.cache, warn)
    return vectors if found.any() else None


class ItemVectors:
    """A vector a row, zeros where there is none yet.

    What `array` gave is written to in place, by one writer at a time: a row whose text changes becomes zeros, a row of zeros becomes its vector.
    A search that runs meanwhile, in another thread, sees the whole vector, none, or a part of one; one that is held up in the middle of the row
    while another is embedded sees a part of the old and a part of the new. Two such parts together are at most the square root of 2 long, so a cosine
    is at most that for once; cosines order what is shown and decide nothing else. Copying all of them for each change took longer than all the rest.
    """

    def __init__(self, domain: Domain, texts: Sequence[str], embedder: Embedder, cache: Path, warn: Warn) -> None:
        self.embedder, self._cache = embedder, VectorFile(_place(cache, domain, embedder))
        self._keys = np.array([text_key(text) for text in texts], dtype=np.uint64)
        self._rows, found, self._ours = _kept(domain, self._keys, embedder, cache, warn)
        self._waiting = {row: texts[row] for row in np.flatnonzero(~found).tolist()}
        self._one, self._filling, self._warn = threading.Lock(), threading.Lock(), warn

    @property
    def array(self) -> Vectors:
        """The vectors as they are now, shape (rows, dim)."""
        return self._rows[: len(self._keys)]

    @property
    def waiting(self) -> int:
        """How many rows have no vector yet."""
        return len(self._waiting)

    def start(self) -> None:
        """Embed what is missing: a few now, more in a thread beside the conversation."""
        if self.waiting <= _AT_ONCE:
            self.fill()
            return
        self._warn(f"embedding {self.waiting} items in the background; answers come without waiting and get better")
        threading.Thread(target=self.fill, name="embed", daemon=True).start()

    def fill(self, tell: Callable[[NDArray[np.int64]], None] = lambda _: None) -> None:
        """Embed all that waits, telling of rows as they have their vector, and keep it on disk; nothing where that is being done already."""
        while self.waiting and self._filling.acquire(blocking=False):
            try:
                while len(rows := self.embed()):
                    tell(rows)
                self.keep()
            finally:
                self._filling.release()

    def embed(self) -> NDArray[np.int64]:
        """Embed some of what waits; which rows have a vector now."""
        with self._one:
            batch = list(self._waiting.items())[:_BATCH]
        made = self.embedder.passages([text for _, text in batch])
        with self._one:
            done = [(row, vector) for (row, text), vector in zip(batch, made, strict=True) if self._waiting.get(row) == text]  # none that changed meanwhile
            for row, vector in done:
                self._rows[row] = vector
                del self._waiting[row]
        return np.array([row for row, _ in done], dtype=np.int64)

    def changed(self, texts: Mapping[int, str], size: int) -> Vectors:
        """The vectors of `size` rows of which these have a new text: they wait for their vector."""
        with self._one:
            before = len(self._keys)
            self._room(size)
            keys, ours = np.zeros(size, dtype=np.uint64), np.ones(size, dtype=np.bool_)
            keys[:before], ours[:before] = self._keys[:size], self._ours[:size]
            for row, text in texts.items():
                keys[row], ours[row] = text_key(text), True
                self._rows[row] = 0.0
            self._keys, self._ours = keys, ours
            self._waiting |= texts
            return self.array

    def forget(self, rows: Sequence[int]) -> None:
        """These rows are empty now: nothing of them needs to be embedded."""
        with self._one:
            for row in rows:
                self._waiting.pop(row, None)

    def keep(self) -> None:
        """Put on disk what did not ship with the pack."""
        with self._one:
            rows = np.flatnonzero(self._ours & self.array.any(axis=1))
            keys, vectors = self._keys[rows], self.array[rows]
        try:
            self._cache.write(keys, vectors)
        except OSError as error:  # a full disk: they are embedded again after the next start
            self._warn(f"vectors cannot be kept at {self._cache.path}: {error.strerror}")

    def _room(self, size: int) -> None:
        """Rows past the end of what there is, which nobody reads; more than are asked for, so that most changes copy nothing."""
        if size > len(self._rows):
            rows = np.zeros((size + max(_BATCH, size // _SPARE), self._rows.shape[1]), dtype=np.float32)
            rows[: len(self._keys)] = self.array
            self._rows = rows


def _place(cache: Path, domain: Domain, embedder: Embedder) -> Path:
    return cache / f"vectors-{domain.name}-{embedder.name}.npz"


def _kept(domain: Domain, keys: Keys, embedder: Embedder, cache: Path, warn: Warn) -> tuple[Vectors, NDArray[np.bool_], NDArray[np.bool_]]:
    """Vectors that ship with the pack or were embedded before, which rows have one, and which have none from the pack."""
    vectors, found = np.zeros((len(keys), embedder.dim), dtype=np.float32), np.zeros(len(keys), dtype=np.bool_)
    if domain.folder:
        vectors, found = VectorFile(Path(domain.folder) / f"vectors.{embedder.name}.npz").read(keys, embedder.dim, warn)
    ours = ~found
    if ours.any():
        more, got = VectorFile(_place(cache, domain, embedder)).read(keys[ours], embedder.dim, warn)
        vectors[ours], found[ours] = more, got
    return vectors, found, ours
