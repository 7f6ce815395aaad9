"""Fewer bytes a vector, by faiss (extra `ann`): a sieve of 8-bit codes that proves its answer, and cells of them that do not.

| kind  | looks at                                  | answer      | pays from                            | a million vectors, one core     |
|-------|-------------------------------------------|-------------|--------------------------------------|---------------------------------|
| none  | the rows that pass                        | exact       |                                      | 55 ms                           |
| sieve | every row, in a quarter of the bytes      | exact       | 20,000 rows that are a fifth of all  | 15 ms                           |
| cells | the rows of the centres nearest the query | approximate | 250,000 rows that are a fifth of all | 5 ms at recall 0.93 (256 of 1,024 cells; 3 ms at 0.84) |
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from threading import Lock
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import SettingError

Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]

_LEVELS = 127.0
_PART = 8192  # rows coded at once
_ROUNDING = 1e-5  # of the single-precision sums that the bounds are taken from
_SIEVE_FROM, _SIEVE_SHARE, _SIEVE_HITS = 20_000, 0.2, 250
_CELLS_FROM, _CELLS_MARGIN = 250_000, 20
_TRAIN_A_CELL = 48  # vectors a centre is fitted on; faiss warns below 39
SEED = 1234


class Proposed(NamedTuple):
    """Rows that may be the nearest, in no order, and what no row left out can score: -inf where nothing is promised."""

    rows: Rows
    ceiling: float


class Approximate(Protocol):
    """Proposes rows near a query. `DenseIndex` scores what is proposed, and looks itself where a ceiling leaves a doubt."""

    def pays(self, passing: int, size: int, /) -> bool:
        """Whether asking beats an exact look at the rows that pass, of all."""
        ...

    def propose(self, query: Vectors, k: int, mask: Mask | None, breadth: int = 1, /) -> Proposed:
        """Rows that pass, among them the k nearest or most of them; with more breadth, so many times more is looked at."""
        ...

    def add(self, rows: Rows, vectors: Vectors, /) -> None:
        """Take in vectors of rows it does not hold."""
        ...

    def remove(self, rows: Rows, /) -> None:
        """Let go of rows it holds."""
        ...


def open_approximate(kind: str, vectors: Vectors) -> Approximate:
    """The index of a kind ("sieve" or "cells") over unit vectors of shape (rows, dim). Raises `SettingError` for other kinds, or without faiss."""
    if kind == "sieve":
        return Sieve(vectors)
    if kind == "cells":
        return Cells(vectors)
    raise SettingError(f"{kind!r} is no approximate index", hint="Say sieve (exact, 15 ms a million items) or cells (approximate, for more)")


@cache
def _faiss() -> Any:  # noqa: ANN401  # its types are generated and say nothing
    try:
        import faiss  # noqa: PLC0415  # 40 MB, and only by choice
    except ImportError as error:
        raise SettingError("an approximate index needs faiss, which is not installed", hint="pip install 'zhiyin[ann]'") from error
    return faiss


class _Codes:
    """Vectors and queries as whole numbers in [-127, 127], and how far off they are.

    Queries must be whole numbers too: faiss cuts them to bytes. Products then stay below 2^24: exact in single precision.
    """

    def __init__(self, vectors: Vectors) -> None:
        self.mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.step = max(max((float(np.abs(part - self.mean).max()) for part in _parts(vectors)), default=0.0), 1e-6) / _LEVELS
        self.error = self.length = 0.0  # the largest |e| and |code * step| of all that was coded

    def of(self, vectors: Vectors) -> Vectors:
        """Codes of vectors; the bounds grow to hold for them."""
        codes = np.empty_like(vectors)
        for start, part in enumerate(_parts(vectors)):
            centred = part - self.mean
            code = codes[start * _PART : (start + 1) * _PART] = np.clip(np.rint(centred / self.step), -_LEVELS, _LEVELS)
            self.error = max(self.error, float(np.linalg.norm(centred - code * self.step, axis=1).max()))
            self.length = max(self.length, float(np.linalg.norm(code, axis=1).max()) * self.step)
        return codes

    def query(self, query: Vectors) -> tuple[Vectors, float]:
        """The code of a query, and its step."""
        step = max(float(np.abs(query).max()), 1e-6) / _LEVELS
        return np.rint(query / step), step


def _parts(vectors: Vectors) -> Iterator[Vectors]:
    return (vectors[start : start + _PART] for start in range(0, len(vectors), _PART))


class Sieve:
    """All rows as 8-bit codes: the best by code, and a bound on the error of a code, which shows that the best are among them.

    For v = mean + code * step + e and query q = step_q * code_q + e_q,
    |v.q - mean.q - step step_q code.code_q| <= |e| |q| + |code * step| |e_q|   (Cauchy-Schwarz, twice).
    """

    def __init__(self, vectors: Vectors) -> None:
        faiss = _faiss()
        self._codes = _Codes(vectors)
        self._index = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT)
        self._index.add(self._codes.of(vectors))

    def pays(self, passing: int, size: int, /) -> bool:
        """From 20,000 rows that are a fifth of all: the fewer pass, the more of the best codes are fetched in vain."""
        return passing >= max(_SIEVE_FROM, _SIEVE_SHARE * size)

    def propose(self, query: Vectors, k: int, mask: Mask | None, breadth: int = 1, /) -> Proposed:
        """The best by code that pass, and the most that a row beyond them can score."""
        codes, step = self._codes.query(query)
        share = 1.0 if mask is None else np.count_nonzero(mask) / len(mask)
        count = min(self._index.ntotal, int(breadth * (_SIEVE_HITS + 5 * k) / share))
        scores, rows = self._index.search(codes[None], count)
        doubt = self._codes.error * float(np.linalg.norm(query)) + self._codes.length * float(np.linalg.norm(query - codes * step))
        last = float(scores[0, -1]) * self._codes.step * step + float(self._codes.mean @ query)
        found = rows[0]
        return Proposed(found if mask is None else found[mask[found]], -np.inf if count == self._index.ntotal else last + doubt + _ROUNDING)

    def add(self, rows: Rows, vectors: Vectors, /) -> None:
        """Write codes at rows, in place or past the end."""
        if len(rows) == 0:
            return
        missing = int(rows.max()) + 1 - self._index.ntotal
        if missing > 0:
            self._index.add(np.zeros((missing, len(self._codes.mean)), dtype=np.float32))
        kept = _faiss().rev_swig_ptr(self._index.codes.data(), self._index.codes.size()).reshape(-1, len(self._codes.mean))
        kept[rows] = self._codes.of(vectors) + 128.0

    def remove(self, rows: Rows, /) -> None:
        """Nothing to do: the mask leaves them out."""


class Cells:
    """Rows by their nearest of about sqrt(n) centres, as 8-bit codes; a query looks into the cells nearest to it (IVF; Jegou et al. 2011)."""

    def __init__(self, vectors: Vectors, *, probes: int = 256) -> None:
        """Over vectors of shape (rows, dim), a row of zeros left out; `probes` cells are looked into, more under a narrow filter."""
        faiss = _faiss()
        live = np.flatnonzero(vectors.any(axis=1))
        cells = int(max(1, min(len(live) // _TRAIN_A_CELL, 2 ** round(np.log2(max(1, len(live)) ** 0.5)))))
        self._cells, self._probes, self._one = cells, probes, Lock()
        self._codes = _Codes(vectors)
        self._centres = faiss.IndexFlatIP(vectors.shape[1])
        self._index = faiss.IndexIVFScalarQuantizer(
            self._centres, vectors.shape[1], cells, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT, False
        )  # the last: codes of vectors, not of residuals
        self._index.cp.seed = SEED
        sample = np.random.default_rng(SEED).permutation(live)[: _TRAIN_A_CELL * cells]
        self._index.train(self._codes.of(vectors[np.sort(sample)]))
        self._index.set_direct_map_type(faiss.DirectMap.Hashtable)  # removing n rows then costs n look-ups, not a walk
        self.add(live, vectors[live])

    def pays(self, passing: int, size: int, /) -> bool:
        """From 250,000 rows that are a fifth of all: fewer are gathered or sieved about as fast, and exactly."""
        return passing >= max(_CELLS_FROM, _SIEVE_SHARE * size)

    def propose(self, query: Vectors, k: int, mask: Mask | None, breadth: int = 1, /) -> Proposed:
        """The best by code in the nearest cells."""
        share = 1.0 if mask is None else np.count_nonzero(mask) / len(mask)
        probes = min(self._cells, int(breadth * self._probes / share**0.5))
        # Fetched and masked, not selected: a test a row costs more than its product.
        count = min(int(breadth * _CELLS_MARGIN * k / share), self._index.ntotal)
        # Cells by the query less the mean, which all rows share and would drown the rest; rows in them by the query itself.
        nearness, near = self._centres.search(self._codes.query(query - self._codes.mean)[0][None], probes)
        with self._one:
            self._index.nprobe = probes  # must be the number of cells named
            _, rows = self._index.search_preassigned(self._codes.query(query)[0][None], count, near, nearness)
        found = rows[0][rows[0] >= 0]
        return Proposed(found if mask is None else found[mask[found]], -np.inf)

    def add(self, rows: Rows, vectors: Vectors, /) -> None:
        """Sort vectors into their cells; the centres stay."""
        if len(rows):
            self._index.add_with_ids(self._codes.of(vectors), rows)

    def remove(self, rows: Rows, /) -> None:
        """Take rows out of their cells."""
        self._index.remove_ids(_faiss().IDSelectorArray(np.ascontiguousarray(rows)))
