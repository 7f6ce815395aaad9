"""For those who test a back end or a domain: contracts that every store, embedder, source and language model keeps, and a tiny catalogue. Needs pytest and pytest-asyncio.

class TestMyStore(StoreContract):
def make(self, folder: Path) -> Store:
return MyStore(folder / "log")
"""

from __future__ import annotations

from zhiyin.testing.contracts import NOON, EmbedderContract, StoreContract, every_event
from zhiyin.testing.models import LLMContract, prose_request, said, whole
from zhiyin.testing.sources import SourceContract, planted_log, planted_vectors
from zhiyin.testing.tiny import tiny_catalog, tiny_domain, tiny_items

__all__ = [
    "NOON",
    "EmbedderContract",
    "LLMContract",
    "SourceContract",
    "StoreContract",
    "every_event",
    "planted_log",
    "planted_vectors",
    "prose_request",
    "said",
    "tiny_catalog",
    "tiny_domain",
    "tiny_items",
    "whole",
]
