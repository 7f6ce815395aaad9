"""Learning to rank: LambdaMART (Burges 2010, by LightGBM) over the votes of all sources, for the head of the blend's list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import SettingError
from zhiyin.interactions import Histories, Interactions
from zhiyin.learn.recommender import NEW, Recommender

Floats32 = NDArray[np.float32]

_LEAST = 30  # lists that hold what was picked next: from fewer nothing is learned
DEPTH = 150  # items of the blend's list that are ordered anew
_PARAMETERS: Mapping[str, Any] = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 20,
    "num_leaves": 7,
    "learning_rate": 0.03,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


class LambdaMart:
    """Re-orders the first 150 of a fitted recommender's list: half the trees' word, half the blend's, each standardised."""

    def __init__(self, recommender: Recommender, *, trees: int = 300, seeds: Sequence[int] = (0, 1, 2), threads: int = 1) -> None:
        """Take a recommender; several seeds are averaged. Raises `SettingError` where LightGBM is not installed."""
        try:
            import lightgbm  # noqa: PLC0415  # an extra
        except ImportError as error:
            raise SettingError("learning to rank needs LightGBM, which is not installed", hint="Run: pip install 'zhiyin[ltr]'") from error
        self._lightgbm, self.recommender, self.trees, self.seeds, self.threads = lightgbm, recommender, trees, tuple(seeds), threads
        self.counts = np.zeros(0, dtype=np.float32)
        self.models: list[Any] = []

    def describe(self, log: Interactions) -> None:
        """Count the items of the log that the sources are fitted on."""
        self.counts = np.log1p(np.bincount(log.item, minlength=len(log.items))).astype(np.float32)

    def learn(self, histories: Histories, relevant: Sequence[NDArray[np.int32]]) -> None:
        """Grow trees that put the relevant items of each history first; histories whose list holds none are left out; with fewer than 30 others no trees grow."""
        if not len(histories):
            return
        places, features, _ = self._look(histories)
        wanted = np.array([np.isin(row, items) for row, items in zip(places, relevant, strict=True)])
        asked = wanted.any(axis=1)
        if asked.sum() < _LEAST:
            return
        rows = features[asked].reshape(-1, features.shape[-1])
        data = self._lightgbm.Dataset(rows, wanted[asked].ravel().astype(np.int32), group=[places.shape[1]] * int(asked.sum()))
        self.models = [self._lightgbm.train({**_PARAMETERS, "seed": seed, "num_threads": self.threads}, data, self.trees) for seed in self.seeds]

    def scores(self, histories: Histories) -> Floats32:
        """Scores of every item, shape (n, items): the blend's order beyond the head, which keeps above it."""
        if not self.models:
            return self.recommender.scores(histories)
        places, features, blend = self._look(histories)
        said = np.mean([m.predict(features.reshape(-1, features.shape[-1]), num_threads=self.threads) for m in self.models], axis=0).reshape(places.shape)
        head = np.take_along_axis(blend, places, axis=1)
        together = _standard(said) + _standard(head)
        floor = blend.max(axis=1, keepdims=True) + 1.0
        found = blend.copy()
        np.put_along_axis(found, places, (floor + together - together.min(axis=1, keepdims=True)).astype(np.float32), axis=1)
        return found

    def state(self) -> dict[str, NDArray[Any]]:
        """The trees as bytes, and the counts of items."""
        texts = {f"model_{n}": np.frombuffer(model.model_to_string().encode(), dtype=np.uint8) for n, model in enumerate(self.models)}
        return {"counts": self.counts, **texts}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take up what `state` gave."""
        self.counts = state["counts"]
        names = sorted(name for name in state if name.startswith("model_"))
        self.models = [self._lightgbm.Booster(model_str=state[name].tobytes().decode()) for name in names]

    def _look(self, histories: Histories) -> tuple[NDArray[np.int64], Floats32, Floats32]:
        """The head of each list, shape (n, 150); its features, shape (n, 150, F); the blend's scores of all."""
        votes = self.recommender.votes(histories)
        few = (histories.lengths <= NEW)[:, None]
        blend = np.where(few, self.recommender.newcomers(votes), self.recommender.blend(votes)) if few.any() else self.recommender.blend(votes)
        blend = np.where(self.recommender.seen(histories), blend.min(axis=1, keepdims=True) - np.float32(1.0), blend)
        counts = self.counts if len(self.counts) else np.zeros(blend.shape[1], dtype=np.float32)
        size = min(DEPTH, blend.shape[1])
        places = np.argpartition(-blend, size - 1, axis=1)[:, :size]
        places = np.take_along_axis(places, np.argsort(-np.take_along_axis(blend, places, axis=1), axis=1, kind="stable"), axis=1)
        columns = [np.take_along_axis(o, places, axis=1) for o in (*votes.values(), blend)]
        ranks = [np.argsort(np.argsort(-column, axis=1, kind="stable"), axis=1) for column in columns]
        length = np.broadcast_to(np.log1p(histories.lengths)[:, None], places.shape)
        return places, np.stack([*columns, *ranks, counts[places], length], axis=-1).astype(np.float32), blend


def _standard(scores: NDArray[Any]) -> NDArray[Any]:
    return np.asarray((scores - scores.mean(axis=1, keepdims=True)) / np.maximum(scores.std(axis=1, keepdims=True), 1e-9))
