"""The intent of a message as a distribution: multinomial logistic regression over sentence vectors, P(y|x) = softmax(W x + b).

Weights are fitted once by `fit` and shipped; they are keyed by what they were fitted on, and never fitted at start-up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import PackError

INTENTS = ("recommend", "refine", "query", "compare", "explain", "feedback", "service", "chitchat", "stop")
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled utterance."""

    text: str
    intent: str


class IntentClassifier:
    """Logits by label for a sentence vector."""

    def __init__(self, labels: Sequence[str], weights: Floats, bias: Floats) -> None:
        self.labels = tuple(labels)
        self._weights, self._bias = weights, bias

    def logits(self, vector: Floats) -> dict[str, float]:
        """The logit of each intent for one vector, shape (dim,)."""
        scores = self._weights @ vector + self._bias
        return {label: float(score) for label, score in zip(self.labels, scores, strict=True)}

    def save(self, path: Path, key: str) -> None:
        """Keep the weights with the key of what they were fitted on."""
        np.savez_compressed(path, labels=np.array(self.labels), weights=self._weights.astype(np.float16), bias=self._bias, key=np.array(key))

    @classmethod
    def load(cls, path: Path, key: str | None = None) -> IntentClassifier | None:
        """The weights in this file, or None if there are none or they belong to other samples."""
        if not path.is_file():
            return None
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                if key is not None and str(archive["key"]) != key:
                    return None
                return cls([str(x) for x in archive["labels"]], archive["weights"].astype(np.float32), archive["bias"].astype(np.float32))
        except (OSError, ValueError, KeyError, BadZipFile, EOFError) as error:
            raise PackError(f"{path}: the intent weights are damaged: {error}", hint="Fit them again with: zhiyin train --intent") from error


def softmax(logits: Mapping[str, float]) -> dict[str, float]:
    """The distribution these logits stand for."""
    values = np.array(list(logits.values()))
    powers = np.exp(values - values.max())
    return {name: float(p) for name, p in zip(logits, powers / powers.sum(), strict=True)}


def read_samples(path: Path) -> list[Sample]:
    """The labelled utterances of a pack."""
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [Sample(row["text"], row["intent"]) for row in rows]


def samples_key(samples: Sequence[Sample], embedder: str) -> str:
    """The content hash under which fitted weights are kept."""
    digest = hashlib.sha256(embedder.encode())
    for sample in samples:
        digest.update(f"\0{sample.text}\0{sample.intent}".encode())
    return digest.hexdigest()[:16]


def fit(vectors: Floats, labels: Sequence[str], *, ridge: float = 3e-6, steps: int = 600, rate: float = 8.0) -> IntentClassifier:
    """Weights that minimise the class-balanced cross-entropy plus ridge/2 |W|^2, by accelerated full-batch gradient descent (Nesterov 1983)."""
    names = [name for name in INTENTS if name in set(labels)] + sorted(set(labels) - set(INTENTS))
    target = np.zeros((len(labels), len(names)), dtype=np.float32)
    target[np.arange(len(labels)), [names.index(label) for label in labels]] = 1.0
    balance = (1.0 / target.sum(axis=0))[target.argmax(axis=1)]
    balance = (balance / balance.mean()).astype(np.float32)[:, None]
    inputs = np.hstack([vectors, np.ones((len(vectors), 1), dtype=np.float32)])
    weights = np.zeros((len(names), inputs.shape[1]), dtype=np.float32)
    look, momentum = weights.copy(), 1.0
    for _ in range(steps):
        scores = inputs @ look.T
        scores -= scores.max(axis=1, keepdims=True)
        powers = np.exp(scores)
        slope = ((powers / powers.sum(axis=1, keepdims=True) - target) * balance).T @ inputs / len(inputs) + ridge * look
        updated = look - rate * slope
        faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        look = updated + (momentum - 1) / faster * (updated - weights)
        weights, momentum = updated.astype(np.float32), float(faster)
    return IntentClassifier(names, weights[:, :-1], weights[:, -1])
