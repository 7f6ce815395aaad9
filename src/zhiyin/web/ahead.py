"""Sentence vectors made ahead of a turn, in a thread: the sentence model computes without the interpreter's lock, so the event loop serves others meanwhile."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from zhiyin.ports import Embedder
from zhiyin.understand.rules import EMBEDDED


class Ahead:
    """Embeds what a message says while it waits in line; the turn then finds the vector kept. One text at a time, in the order they came in, as in the line."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")

    async def embed(self, text: str) -> None:
        """Comes back when the text is embedded."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._embedder.query, text[:EMBEDDED])

    def stop(self) -> None:
        """Embed no more."""
        self._thread.shutdown(wait=True, cancel_futures=True)
