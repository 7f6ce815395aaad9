"""An application over lamps, put together as `bootstrap.build` does it, whose catalogue can be changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from zhiyin.backends import Stores
from zhiyin.bootstrap import App
from zhiyin.catalog.clean import Report
from zhiyin.catalog.domain import Domain, Field
from zhiyin.catalog.load import item_text
from zhiyin.embedders.cached import CachedEmbedder
from zhiyin.embedders.hashing import HashingEmbedder
from zhiyin.engine import Advice, Engine
from zhiyin.learn.behaviour import Behaviour
from zhiyin.living import Living, View
from zhiyin.reply.presenter import Presenter
from zhiyin.retrieve.keyword import KeywordIndex
from zhiyin.stores.memory import MemoryStore
from zhiyin.testing import NOON, tiny_catalog, tiny_domain, tiny_items
from zhiyin.types import Item
from zhiyin.understand.rules import RuleReader
from zhiyin.vectors import ItemVectors


def lamps_with_designers() -> Domain:
    """The lamps, made by people with names."""
    designers = Field(name="designers", kind="list", label={"en": "designer", "zh": "设计师"}, people=True, several="all")
    return tiny_domain((*tiny_domain().fields.values(), designers))


def living_app(
    cache: Path,
    items: Sequence[Item] | None = None,
    *,
    domain: Domain | None = None,
    behaviour: Behaviour | None = None,
    store: MemoryStore | None = None,
    advice: Advice | None = None,
) -> App:
    """The application over these items, or the nine lamps."""
    catalog = tiny_catalog(tiny_items() if items is None else items, domain)
    texts = [item_text(item, catalog.domain) for item in catalog.items]
    embedder = CachedEmbedder(HashingEmbedder())
    vectors = ItemVectors(catalog.domain, texts, embedder, cache, print)
    vectors.start()
    view = View.over(RuleReader(catalog, None, embedder.query), embedder, vectors.array, KeywordIndex.open(lambda: texts), behaviour)
    store = store or MemoryStore(lambda: NOON)
    engine = Engine(
        understand=view.reader,
        find=view.finder,
        speak=view.templates,
        present=Presenter(view.templates, view.wording),
        store=store,
        clock=lambda: NOON,
        advice=advice,
    )
    app = App(
        engine=engine,
        stores=Stores(log=store, archive=store, records=store),
        domain=catalog.domain,
        catalog=catalog,
        report=Report(items=len(catalog)),
        wording=view.wording,
        embedder=embedder,
        embedded=len(catalog),
    )
    app.living = Living(view, vectors, app.settle)
    return app


def embedded(app: App) -> App:
    """The application once every text is embedded."""
    assert app.living is not None
    for _ in range(2000):
        if not app.living.vectors.waiting:
            return app
        time.sleep(0.001)
    raise AssertionError("it was not embedded in time")
