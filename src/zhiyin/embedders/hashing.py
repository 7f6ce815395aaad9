"""Hashed word and character n-grams: no model, no meaning, always there (Weinberger et al. 2009, signed feature hashing)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from zhiyin.text import is_cjk, plain, stem, tokens


class HashingEmbedder:
    """Vectors of 384 signed hash buckets; texts are close where they share words, Chinese character pairs or word stems."""

    name = "hashing-384"
    dim = 384

    def query(self, text: str, /) -> NDArray[np.float32]:
        """The vector of a question, shape (384,)."""
        return self._vector(text)

    def passages(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        """The vectors of item texts, shape (n, 384)."""
        return np.vstack([self._vector(t) for t in texts]) if texts else np.empty((0, self.dim), dtype=np.float32)

    def _vector(self, text: str) -> NDArray[np.float32]:
        vector = np.zeros(self.dim, dtype=np.float32)
        for gram in _grams(text):
            digest = hashlib.blake2b(gram.encode(), digest_size=8).digest()
            vector[int.from_bytes(digest[:4], "big") % self.dim] += 1.0 if digest[4] & 1 else -1.0
        norm = float(np.linalg.norm(vector))
        if norm == 0.0:
            vector[0] = norm = 1.0
        return vector / norm


def _grams(text: str) -> Iterable[str]:
    before = ""
    for token in tokens(plain(text)):
        word = token.text if is_cjk(token.text) else stem(token.text)
        yield word
        if before and is_cjk(word) and is_cjk(before):
            yield before + word
        elif not is_cjk(word) and len(word) > 4:
            yield from (f"#{word[i : i + 4]}" for i in range(len(word) - 3))
        before = word
