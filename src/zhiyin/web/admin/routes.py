"""All of the operator's operations under one condition: an admin key, or this machine's own loopback while no key exists."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from zhiyin.web.admin import cases, catalogue, imports, installation, model, overview, sessions, users, why
from zhiyin.web.callers import needs

router = APIRouter(tags=["operator"], dependencies=[Depends(needs("admin"))])
for part in (overview, sessions, why, cases, catalogue, users, imports, model, installation):
    router.include_router(part.router)
