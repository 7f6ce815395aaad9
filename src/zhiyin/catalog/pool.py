"""The rows that pass a query's hard wishes, and what each source thinks of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidates as columns: `rows` (n,), each source's scores (n,) in [0, 1], and their weighted total (n,)."""

    rows: NDArray[np.int32]
    sources: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    total: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
