"""For those who test a back end or a domain: contracts that every store, embedder and source keeps, and a tiny catalogue. Needs pytest and pytest-asyncio.

class TestMyStore(StoreContract):
def make(self, folder: Path) -> Store:
return MyStore(folder / "log")
"""

from __future__ import annotations

from zhiyin.testing.contracts import NOON, EmbedderContract, StoreContract, every_event
from zhiyin.testing.sources import SourceContract, planted_log, planted_vectors
from zhiyin.testing.tiny import tiny_catalog, tiny_domain, tiny_items

__all__ = ["NOON", "EmbedderContract", "SourceContract", "StoreContract", "every_event", "planted_log", "planted_vectors", "tiny_catalog", "tiny_domain", "tiny_items"]
