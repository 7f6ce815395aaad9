"""A catalogue that changes while turns run: one state of it with all that is made of it, and the way to the next.

The next state is made in a thread, beside the one in use, sharing what the change does not touch; then it takes its place in one step of
the event loop. Whoever holds parts of a state, as a running turn does, goes on with that state.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.change import Change
from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.load import item_text
from zhiyin.learn.behaviour import Behaviour
from zhiyin.ports import Embedder
from zhiyin.rank.dials import Dials
from zhiyin.rank.slate import Ranker
from zhiyin.reply.speaker import TemplateSpeaker
from zhiyin.reply.wording import Wording
from zhiyin.retrieve.dense import DenseIndex
from zhiyin.retrieve.facets import read_facets
from zhiyin.retrieve.fuse import Retriever
from zhiyin.retrieve.keyword import KeywordIndex
from zhiyin.types import Facets, Item, ItemId, Profile, Query, Reason, Slate
from zhiyin.understand.rules import RuleReader
from zhiyin.vectors import ItemVectors, Vectors


class Finder:
    """The `Find` port: retrieve, then rank."""

    def __init__(self, catalog: Catalog, retriever: Retriever, ranker: Ranker) -> None:
        self.catalog, self.retriever, self.ranker = catalog, retriever, ranker

    def facets(self, query: Query, /) -> Facets:
        """Counts, questions, offers."""
        return read_facets(self.catalog, query)

    def slate(self, query: Query, /) -> Slate:
        """The best items with sources and reasons."""
        pool = self.retriever(query)
        return self.ranker(query, pool, lambda rows: self.retriever.evidence(query, pool, rows))

    def reasons(self, item: ItemId, query: Query, /) -> tuple[Reason, ...]:
        """What speaks for one item under a query."""
        row = self.catalog.row.get(item)
        if row is None:
            return ()
        pool = self.retriever(replace(query, exclude=query.exclude - {item}))
        places = np.flatnonzero(pool.rows == row)
        sources = {name: float(scores[places[0]]) for name, scores in pool.sources.items()} if len(places) else {}
        liked = self.retriever.evidence(query, pool, [row])[row] if len(places) else ()
        return self.ranker.reasons(row, query, sources, liked)

    def admitted(self, query: Query, slate: Slate, /) -> Slate:
        """Those that are in the catalogue, keep every hard wish and are not excluded."""
        hard = [w for w in query.wishes if w.hard]
        mask = self.catalog.mask(hard)
        return tuple(c for c in slate if c.item.id not in query.exclude and (row := self.catalog.row.get(c.item.id)) is not None and mask[row])

    def learn(self, profile: Profile, /) -> None:
        """Tell the behaviour models of the newest event."""
        if self.retriever.behaviour is not None:
            self.retriever.behaviour.learn(profile.history)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One state of the catalogue and what is made of its rows. Nothing of it changes, but for vectors that were missing."""

    catalog: Catalog
    reader: RuleReader
    finder: Finder
    behaviour: Behaviour | None
    wording: Wording
    templates: TemplateSpeaker

    @classmethod
    def over(
        cls,
        reader: RuleReader,
        embedder: Embedder,
        vectors: Vectors,
        keywords: KeywordIndex,
        behaviour: Behaviour | None = None,
        *,
        near: DenseIndex | None = None,
        dials: Dials | None = None,
    ) -> View:
        """The view of a reader's catalogue."""
        catalog = reader.catalog
        finder = Finder(catalog, Retriever(catalog, embedder, vectors, keywords, behaviour, index=near), Ranker(catalog, vectors, dials))
        wording = Wording(catalog)
        return cls(catalog=catalog, reader=reader, finder=finder, behaviour=behaviour, wording=wording, templates=TemplateSpeaker(catalog, wording))

    def changed(self, put: Sequence[Item], delete: Collection[ItemId], vectors: ItemVectors) -> tuple[View, Change]:
        """The view after a change of the rows; the same one where it changes nothing. `vectors` take the texts to embed.

        Raises `CacheError` where the search index cannot be written; the same change may be tried again.
        """
        catalog, change = self.catalog.changed(put, delete)
        if not change:
            return self, change
        domain, retriever = catalog.domain, self.finder.retriever
        said = {row: item_text(item, domain) for row, item in change.after.items() if item}
        texts = {row: text for row, text in said.items() if (old := change.before[row]) is None or item_text(old, domain) != text}
        gone = [row for row, item in change.after.items() if item is None]
        keywords = retriever.keywords.changed(texts, gone) if texts or gone else retriever.keywords
        reader = self.reader.changed(catalog, change)
        grown = self.behaviour is not None and catalog.size > self.catalog.size
        behaviour = self.behaviour.over([item.id for item in catalog.items]) if self.behaviour and grown else self.behaviour
        array = vectors.changed(texts, catalog.size)
        vectors.forget(gone)
        ranker = self.finder.ranker.over(catalog, array)
        finder = Finder(catalog, Retriever(catalog, retriever.embedder, array, keywords, behaviour, index=retriever.index), ranker)
        wording = Wording(catalog)
        return View(catalog=catalog, reader=reader, finder=finder, behaviour=behaviour, wording=wording, templates=TemplateSpeaker(catalog, wording)), change


Settle = Callable[[View, Change], Callable[[], None]]
"""What hangs on a view is made (in a thread); the call it gives puts the view in its place (on the event loop)."""


class Living:
    """The catalogue of an application as it is now: `view`; `change` leads to the next one, which every later turn sees."""

    def __init__(self, view: View, vectors: ItemVectors, settle: Settle = lambda *_: lambda: None) -> None:
        self.view, self.vectors, self._settle = view, vectors, settle
        self._pack: dict[ItemId, Item | None] = {}  # what the catalogue had at first in the place of what was changed
        self._one = asyncio.Lock()
        self._changing: set[asyncio.Task[Change]] = set()

    async def change(self, put: Sequence[Item] = (), delete: Collection[ItemId] = (), restore: Collection[ItemId] = ()) -> Change:
        """Put items in the place of those of their ids or as new ones, take others out, and have others again as the catalogue came; what that touched.

        All of it is seen at once. It is done even if the caller is told to stop meanwhile. Raises `CacheError`, nothing being changed.
        """
        task = asyncio.ensure_future(self._changed(tuple(put), frozenset(delete), frozenset(restore)))
        self._changing.add(task)
        task.add_done_callback(self._changing.discard)
        return await asyncio.shield(task)

    async def _changed(self, put: Sequence[Item], delete: frozenset[ItemId], restore: frozenset[ItemId]) -> Change:
        async with self._one:
            back = {i: self._pack[i] for i in restore if i in self._pack}
            put, delete = (*(item for item in back.values() if item), *put), delete | {i for i, item in back.items() if item is None}
            view, change, take = await asyncio.to_thread(self._next, put, delete)
            if change:
                for item_id in (item.id for of in (change.before, change.after) for item in of.values() if item):
                    self._pack.setdefault(item_id, self.view.catalog.item(item_id))
                self._empty(change)
                take()
                self.view = view
        if self.vectors.waiting:
            threading.Thread(target=self.vectors.fill, args=(self._tell(asyncio.get_running_loop()),), name="embed", daemon=True).start()
        return change

    def _next(self, put: Sequence[Item], delete: frozenset[ItemId]) -> tuple[View, Change, Callable[[], None]]:
        collecting = gc.isenabled()
        gc.disable()  # as at the start: what is made here is no garbage, and looking for some stops the turns that run
        try:
            view, change = self.view.changed(put, delete, self.vectors)
            return view, change, self._settle(view, change) if change else lambda: None
        finally:
            if collecting:
                gc.enable()

    # --- an approximate index, which is changed in place and therefore on the event loop, between two searches ---

    def _empty(self, change: Change) -> None:
        index = self.view.finder.retriever.index
        if index is not None:
            rows = np.array(list(change.after), dtype=np.int64)
            index.remove(rows[~self.vectors.array[rows].any(axis=1)])
            index.remove(np.array([row for row, item in change.after.items() if item is None], dtype=np.int64))

    def _tell(self, loop: asyncio.AbstractEventLoop) -> Callable[[NDArray[np.int64]], None]:
        index = self.view.finder.retriever.index

        def add(rows: NDArray[np.int64]) -> None:
            if index is not None:
                there = rows[self.view.catalog.there[rows]]
                index.add(there, self.vectors.array[there])

        def tell(rows: NDArray[np.int64]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody searches any more
                loop.call_soon_threadsafe(add, rows)

        return tell
