"""Vectors kept by content: queries in memory, passages on disk as 8-bit integers keyed by the hash of their text."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from zhiyin.ports import Embedder

Floats = NDArray[np.float32]
_MAX_QUERIES = 512
_SCALE = 127.0 / 0.35  # E5 components rarely leave +-0.35; larger ones are clipped


class CachedEmbedder:
    """An embedder that does no text twice. Same port, for any number of threads."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self._queries: OrderedDict[str, Floats] = OrderedDict()
        self._changing = threading.Lock()

    @property
    def name(self) -> str:
        """The vector space of the embedder inside."""
        return self._inner.name

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._inner.dim

    def query(self, text: str, /) -> Floats:
        """The vector of a question, remembered for the last few hundred."""
        with self._changing:
            if (known := self._queries.get(text)) is not None:
                self._queries.move_to_end(text)
                return known
        vector = self._inner.query(text)
        with self._changing:
            self._queries[text] = vector
            if len(self._queries) > _MAX_QUERIES:
                self._queries.popitem(last=False)
        return vector

    def passages(self, texts: Sequence[str], /) -> Floats:
        """The vectors of item texts."""
        return self._inner.passages(texts)


def text_key(text: str) -> int:
    """64 bits of the text's hash."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


class VectorFile:
    """Passage vectors on disk: `keys` (n,) uint64 and `vectors` (n, dim) int8 in one compressed archive."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, keys: NDArray[np.uint64], dim: int, warn: Callable[[str], None] = lambda _: None) -> tuple[Floats, NDArray[np.bool_]]:
        """The vectors of these keys, shape (n, dim), and which of them were found. A damaged file counts as empty."""
        vectors = np.zeros((len(keys), dim), dtype=np.float32)
        found = np.zeros(len(keys), dtype=np.bool_)
        loaded = self._load(warn)
        if loaded is None or loaded[1].shape[1:] != (dim,):
            return vectors, found
        kept, packed = loaded
        order = np.argsort(kept)
        place = np.clip(np.searchsorted(kept, keys, sorter=order), 0, len(kept) - 1)
        at = order[place]
        found = kept[at] == keys
        vectors[found] = packed[at[found]].astype(np.float32) / _SCALE
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = (vectors / np.where(norms == 0, 1, norms)).astype(np.float32)
        return unit, found.astype(np.bool_)

    def write(self, keys: NDArray[np.uint64], vectors: Floats) -> None:
        """Keep these vectors, replacing the file in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.path.with_suffix(f".{os.getpid()}.part.npz")  # several workers may embed the same changes
        packed = np.clip(np.rint(vectors * _SCALE), -127, 127).astype(np.int8)
        np.savez(scratch, keys=keys, vectors=packed)
        scratch.replace(self.path)

    def _load(self, warn: Callable[[str], None]) -> tuple[NDArray[np.uint64], NDArray[np.int8]] | None:
        if not self.path.is_file():
            return None
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                keys, vectors = archive["keys"], archive["vectors"]
                if len(keys) == 0 or len(keys) != len(vectors):
                    return None
                return keys, vectors
        except (OSError, ValueError, KeyError, BadZipFile, EOFError):
            warn(f"the vector cache {self.path} was damaged; it is left aside and filled again")
            return None
