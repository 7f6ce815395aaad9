"""What every `Embedder` promises, as a test suite to inherit from."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import pytest

from zhiyin.ports import Embedder


class EmbedderContract(ABC):
    """What an `Embedder` promises. Inherit, name the class `Test...`, and say how to `make` one."""

    TEXTS = ("a quiet film about two brothers", "拍照好的手机", "手机 with a big battery", "Ünïcode – ½ 🌙")

    @abstractmethod
    def make(self) -> Embedder:
        """An embedder that is ready to use."""

    @pytest.fixture
    def embedder(self) -> Embedder:
        """The embedder under test."""
        return self.make()

    def test_it_names_its_vector_space(self, embedder: Embedder) -> None:
        """Two of a kind share it."""
        assert embedder.name
        assert embedder.name == self.make().name
        assert embedder.dim > 0

    @pytest.mark.parametrize("text", [*TEXTS, "word " * 700, "", "?!"], ids=["english", "chinese", "mixed", "signs", "long", "empty", "punctuation"])
    def test_a_question_becomes_a_unit_vector_of_single_floats(self, embedder: Embedder, text: str) -> None:
        """Even where there is nothing to read."""
        vector = embedder.query(text)
        assert vector.shape == (embedder.dim,)
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-3)

    def test_passages_become_unit_vectors_row_by_row(self, embedder: Embedder) -> None:
        """In the order of the texts."""
        vectors = embedder.passages(self.TEXTS)
        assert vectors.shape == (len(self.TEXTS), embedder.dim)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-3)
        for text, vector in zip(self.TEXTS, vectors, strict=True):
            assert embedder.passages([text])[0] @ vector == pytest.approx(1.0, abs=1e-3)

    def test_no_passages_become_no_rows(self, embedder: Embedder) -> None:
        """Of the right width and type."""
        vectors = embedder.passages([])
        assert vectors.shape == (0, embedder.dim)
        assert vectors.dtype == np.float32

    def test_the_same_text_has_the_same_vector(self, embedder: Embedder) -> None:
        """Now, later and from another embedder of the name."""
        other = self.make()
        for text in self.TEXTS:
            np.testing.assert_array_equal(embedder.query(text), embedder.query(text))
            np.testing.assert_allclose(embedder.query(text), other.query(text), atol=1e-6)
        np.testing.assert_array_equal(embedder.passages(self.TEXTS), embedder.passages(self.TEXTS))

    def test_different_texts_have_different_vectors(self, embedder: Embedder) -> None:
        """In either language."""
        vectors = np.stack([embedder.query(text) for text in self.TEXTS])
        assert (np.triu(vectors @ vectors.T, 1) < 0.999).all()

    @pytest.mark.parametrize(
        ("question", "near", "far"),
        [("camera phone", "a phone with a good camera", "a love story in Paris"), ("拍照手机", "这款手机拍照很好", "巴黎的爱情故事")],
        ids=["english", "chinese"],
    )
    def test_a_question_is_nearer_to_what_it_is_about(self, embedder: Embedder, question: str, near: str, far: str) -> None:
        """Where they share words; meaning is an embedder's own affair."""
        vector = embedder.query(question)
        about, beside = embedder.passages([near, far])
        assert vector @ about > vector @ beside
