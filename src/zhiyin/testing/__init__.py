"""For those who test a back end or a domain: contracts that every store, bus, limiter, embedder, source and language model keeps, and a tiny catalogue. Needs pytest and pytest-asyncio.

Inherit and say how to make one: `class TestMyStore(StoreContract)` with `def make(self, folder: Path) -> Store`.
"""

from __future__ import annotations

from zhiyin.testing.archives import ArchiveContract, SharedArchiveContract
from zhiyin.testing.documents import RecordsContract, SharedRecordsContract
from zhiyin.testing.embedders import EmbedderContract
from zhiyin.testing.events import NOON, HandClock, every_event
from zhiyin.testing.live import BusContract, LimiterContract
from zhiyin.testing.logs import SharedStoreContract, StoreContract
from zhiyin.testing.models import LLMContract, prose_request, said, whole
from zhiyin.testing.sources import SourceContract, planted_log, planted_vectors
from zhiyin.testing.tiny import tiny_catalog, tiny_domain, tiny_items

__all__ = [
    "NOON",
    "ArchiveContract",
    "BusContract",
    "EmbedderContract",
    "HandClock",
    "LLMContract",
    "LimiterContract",
    "RecordsContract",
    "SharedArchiveContract",
    "SharedRecordsContract",
    "SharedStoreContract",
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
