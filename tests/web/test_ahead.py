"""Sentence vectors made ahead of turns."""

from __future__ import annotations

import asyncio
import threading

import numpy as np

from zhiyin.embedders.cached import CachedEmbedder
from zhiyin.embedders.hashing import HashingEmbedder
from zhiyin.understand.rules import EMBEDDED
from zhiyin.web.ahead import Ahead


class Slow(HashingEmbedder):
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.go, self.begun = threading.Event(), threading.Event()
        self.asked: list[str] = []

    def query(self, text: str, /) -> np.ndarray:
        self.asked.append(text)
        self.begun.set()
        assert self.go.wait(10)
        return super().query(text)


async def test_while_a_sentence_is_embedded_others_are_served_and_the_turn_finds_the_vector() -> None:
    slow = Slow()
    cached, text = CachedEmbedder(slow), "a lamp for reading in bed " * 20
    ahead = Ahead(cached)
    waiting = asyncio.create_task(ahead.embed(text))
    await asyncio.to_thread(slow.begun.wait, 10)
    served = await asyncio.sleep(0, "served")  # the loop runs while the model computes
    assert (served, waiting.done()) == ("served", False)
    slow.go.set()
    await waiting
    cached.query(text[:EMBEDDED])  # as the reader asks
    assert slow.asked == [text[:EMBEDDED]]
    ahead.stop()


async def test_sentences_are_embedded_one_after_the_other_and_not_for_who_went_away() -> None:
    slow = Slow()
    ahead = Ahead(slow)
    tasks = [asyncio.create_task(ahead.embed(text)) for text in ("first", "second", "third")]
    await asyncio.to_thread(slow.begun.wait, 10)
    assert slow.asked == ["first"]
    tasks[1].cancel()
    await asyncio.sleep(0)
    slow.go.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert slow.asked == ["first", "third"]
    ahead.stop()
