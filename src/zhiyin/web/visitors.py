"""Visitors: a browser gets a signed token, keeps it, and is known again by it. Nothing is stored."""

from __future__ import annotations

from fastapi import APIRouter

from zhiyin.web.callers import Who, new_visitor
from zhiyin.web.service import Here

router = APIRouter(tags=["visitors"])


@router.post("/v1/visitors", status_code=201)
async def make_visitor(service: Here, who: Who) -> dict[str, str]:
    """A new visitor: its id and the token to send as `x-zhiyin-visitor` from now on."""
    identity, token = new_visitor(service.secret)
    return {"visitor_id": identity, "token": token}
