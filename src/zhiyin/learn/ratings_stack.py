"""The last layer: multinomial logistic regression over what the parts say of a question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.learn.ratings_table import STARS, Floats, Ints

_BENDS = (-1.0, -0.5, 0.0, 0.5, 1.0)  # stars around `_CENTRE` where the first column's effect may bend
_CENTRE, _FAR = 3.5, 5.0  # a column counts at most five standard deviations


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """P(stars) = softmax(X w), X being the columns, the first one's bends, and every column times the first."""

    centre: Floats  # (columns,)
    spread: Floats  # (columns,)
    weights: Floats  # (1 + 2 x columns + bends, 5)

    def __call__(self, columns: Floats) -> Floats:
        """The distribution over one to five stars, shape (n, 5); the first column is the expected stars."""
        return _softmax(_design(columns, self.centre, self.spread) @ self.weights)

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything as arrays; `Stack.of` reads them."""
        return {"centre": self.centre, "spread": self.spread, "weights": self.weights}

    @classmethod
    def of(cls, state: Mapping[str, NDArray[Any]]) -> Stack:
        """The stack that `state` describes."""
        return cls(centre=state["centre"], spread=state["spread"], weights=state["weights"])


def learn_stack(columns: Floats, stars: Ints, *, ridge: float = 20.0, steps: int = 300) -> Stack:
    """The weights of least summed cross-entropy plus ridge / 2 x |w|^2 (not on the constant), by L-BFGS; the loss is convex, so there is one answer."""
    from scipy.optimize import minimize  # noqa: PLC0415

    centre, spread = columns.mean(axis=0), np.maximum(columns.std(axis=0), 1e-9)
    design = _design(columns, centre, spread)
    target = np.eye(STARS)[stars]
    free = np.full((design.shape[1], 1), ridge / len(stars))
    free[0] = 0.0

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(-1, STARS)
        chance = _softmax(design @ weights)
        slope = design.T @ (chance - target) / len(stars) + free * weights
        surprise = -np.log(np.maximum(chance[np.arange(len(stars)), stars], 1e-300)).mean()
        return float(surprise + 0.5 * (free * weights * weights).sum()), slope.ravel()

    start = np.zeros((design.shape[1], STARS))
    start[0] = np.log((target.sum(axis=0) + 1.0) / (len(stars) + STARS))
    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": steps})
    return Stack(centre=centre, spread=spread, weights=found.x.reshape(-1, STARS))


def _design(columns: Floats, centre: Floats, spread: Floats) -> Floats:
    scaled = np.clip((columns - centre) / spread, -_FAR, _FAR)
    height = columns[:, :1] - _CENTRE
    return np.hstack([np.ones((len(columns), 1)), scaled, np.maximum(0.0, height - np.array(_BENDS)), scaled * height])


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float64)
