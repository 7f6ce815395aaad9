"""The catalogue in an order that a reader can go on in: by id, or by how well a text finds it; and the items whose titles are nearest to a text."""

from __future__ import annotations

import weakref
from bisect import bisect_right
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends
from rapidfuzz import fuzz, process

from zhiyin.catalog.columns import Catalog
from zhiyin.living import View
from zhiyin.types import Item, ItemId, Wish
from zhiyin.web.worker import of_worker

MOST_FOUND = 1000  # items that a search gives at most
_ALIKE = 70.0  # of 100: below, a title is no slip of the text
_LONGEST = 200  # characters of a text that are compared with titles


def ids_after(catalog: Catalog, item_id: str, limit: int) -> Sequence[ItemId]:
    """The ids that follow one, in their order; the first ones after an empty id."""
    start = bisect_right(catalog.ids, item_id) if item_id else 0
    return catalog.ids[start : start + limit]


def found_by(view: View, text: str, wishes: Sequence[Wish] = (), limit: int = MOST_FOUND) -> Sequence[ItemId]:
    """What a text finds among the items that keep the wishes, best first: the item whose id it is, those called so, then those whose texts have its words."""
    catalog = view.catalog
    allowed = catalog.mask(wishes) & catalog.there
    named = (ItemId(text), *view.reader.linker.titled(text))
    rows, _ = view.finder.retriever.keywords.search(text, limit, allowed=allowed)
    here = (i for i in named if (row := catalog.row.get(i)) is not None and allowed[row])
    return tuple(dict.fromkeys((*here, *(catalog.items[row].id for row in rows.tolist()))))[:limit]


class Titles:
    """The titles of a catalogue, to find the nearest among; kept until the catalogue changes."""

    def __init__(self) -> None:
        self._of: weakref.WeakKeyDictionary[Catalog, tuple[list[str], list[ItemId]]] = weakref.WeakKeyDictionary()

    def nearest(self, catalog: Catalog, text: str, limit: int = 3) -> Sequence[Item]:
        """The items whose titles are most like a text, slips of the pen allowed; none where none is near."""
        known = self._of.get(catalog)
        if known is None:
            items = (item for i in catalog.ids if (item := catalog.item(i)) is not None)
            pairs = [(title.casefold(), item.id) for item in items for title in {*item.titles.values(), *item.aliases}]
            known = self._of[catalog] = ([title for title, _ in pairs], [i for _, i in pairs])
        titles, ids = known
        best = process.extract(text.casefold()[:_LONGEST], titles, scorer=fuzz.WRatio, limit=4 * limit, score_cutoff=_ALIKE)
        near = dict.fromkeys(ids[place] for _, _, place in best)
        return [item for i in near if (item := catalog.item(i)) is not None][:limit]


Called = Annotated[Titles, Depends(of_worker(Titles))]
