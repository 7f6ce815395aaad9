"""`/v1/items`: the catalogue, listed, searched and changed while turns run; every worker shows a change within a second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from zhiyin.catalog.rows import LONGEST_ID, BadItem, item_json, read_item
from zhiyin.types import Item, ItemId
from zhiyin.web.bodies import Text
from zhiyin.web.callers import Server, Who
from zhiyin.web.cursors import Cursors
from zhiyin.web.idempotency import Once
from zhiyin.web.listing import MOST_FOUND, found_by, ids_after
from zhiyin.web.payload import read_json
from zhiyin.web.problems import Problem, invalid, missing, unknown
from zhiyin.web.service import Here, Service
from zhiyin.wire import Json

router = APIRouter(tags=["catalogue"], route_class=Once)
MOST = 1000  # items, and ids to delete, of one batch
_OBJECT: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


@router.get("/v1/items")
async def list_items(
    *,
    service: Here,
    who: Who,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    query: Annotated[Text | None, Query(description=f"words to search titles and texts for, or an id; the best {MOST_FOUND} are found")] = None,
) -> Json:
    """Items by id; with `query` those that it finds, best first."""
    cursors, now, catalog = Cursors(service.secret, f"items:{who.name}:{query or ''}"), service.clock(), service.app.catalog
    place = cursors.read(cursor, now) if cursor else None
    if query and query.strip():
        start = int(place or 0)
        found = found_by(service.items.living.view, query.strip())[start : start + limit + 1]
        after: str | int = start + limit
    else:
        found = ids_after(catalog, str(place or ""), limit + 1)
        after = found[limit - 1] if len(found) >= limit else ""
    items = [item_json(item) for i in found[:limit] if (item := catalog.item(i)) is not None]
    return {"items": items, "next_cursor": cursors.make(after, now) if len(found) > limit else None}


@router.get("/v1/items/{item_id:path}")
async def get_item(service: Here, who: Who, item_id: str) -> Json:
    """One item."""
    return item_json(_item(service, item_id))


@router.put("/v1/items/{item_id:path}", openapi_extra=_OBJECT)
async def put_item(*, service: Here, who: Server, item_id: str, request: Request) -> Response:
    """Put an item in the place of the one of this id (200), or as a new one (201); a 400 names every field that is wrong."""
    try:
        item = read_item(service.app.domain, read_json(await request.body()), item_id=item_id)
    except BadItem as bad:
        raise _bad(bad) from None
    known = service.app.catalog.item(item.id) is not None
    await service.items.put([item])
    return JSONResponse(item_json(item), 200 if known else 201)


@router.delete("/v1/items/{item_id:path}", status_code=204)
async def delete_item(service: Here, who: Server, item_id: str) -> None:
    """Take an item out of the catalogue."""
    await service.items.delete([_item(service, item_id).id])


@router.post("/v1/items:batch", openapi_extra=_OBJECT)
async def change_items(service: Here, who: Server, request: Request) -> Json:
    """Put and delete many items in one step. Every row is judged by itself: good ones are kept around bad ones. A 400 where none is good."""
    rows, gone = _batch(read_json(await request.body()))
    put: dict[ItemId, Item] = {}
    rejected: list[Json] = []
    for index, row in enumerate(rows):
        try:
            item = read_item(service.app.domain, row)
        except BadItem as bad:
            rejected.append({"index": index, "errors": _faults(bad)})
            continue
        if item.id in put:
            rejected.append({"index": index, "errors": [{"field": "id", "message": "an earlier row of this batch has the same id"}]})
        else:
            put[item.id] = item
    delete: list[ItemId] = []
    for index, one in enumerate(gone):
        if fault := _no_id(one, put):
            rejected.append({"delete": index, "errors": [{"field": "delete", "message": fault}]})
        else:
            delete.append(ItemId(str(one)))
    if rejected and len(rejected) == len(rows) + len(gone):
        raise Problem(400, "all_rejected", "items: none of the rows could be kept", errors=rejected)
    there = [i for i in dict.fromkeys(delete) if service.app.catalog.item(i) is not None]
    await service.items.change(tuple(put.values()), there)
    return {"accepted": len(put), "deleted": len(there), "rejected": rejected}


def _item(service: Service, item_id: str) -> Item:
    item = service.app.catalog.item(ItemId(item_id))
    if item is None:
        raise missing("item")
    return item


def _batch(body: object) -> tuple[list[object], list[object]]:
    if not isinstance(body, Mapping):
        raise invalid("body", "an object with items, delete or both is needed")
    for name in body:
        if name not in {"items", "delete"}:
            raise unknown(str(name)[:100], ("items", "delete"))
    rows, gone = body.get("items", []), body.get("delete", [])
    for name, given in (("items", rows), ("delete", gone)):
        if not isinstance(given, list):
            raise invalid(name, "a list is needed")
        if len(given) > MOST:
            raise invalid(name, f"{len(given)} are too many at once; {MOST} are the most")
    return rows, gone


def _no_id(one: object, put: Mapping[ItemId, Item]) -> str:
    """What is wrong with an id to delete."""
    if not isinstance(one, str) or not one or len(one) > LONGEST_ID:
        return f"an id is a text of 1 to {LONGEST_ID} characters"
    return "the same batch puts this item" if one in put else ""


def _faults(bad: BadItem) -> list[Json]:
    return [{"field": fault.field, "message": fault.message} for fault in bad.faults]


def _bad(bad: BadItem) -> Problem:
    first = bad.faults[0]
    return Problem(400, "invalid", f"{first.field}: {first.message}", errors=_faults(bad))
