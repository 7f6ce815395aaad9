"""The state of the catalogue's data: how full each field is, and what looks wrong."""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.quality import read_fields, read_issues
from zhiyin.web.service import Here
from zhiyin.web.worker import of_worker
from zhiyin.wire import Json

router = APIRouter()


class Examined:
    """What was found of a catalogue; kept until it changes."""

    def __init__(self) -> None:
        self._of: weakref.WeakKeyDictionary[Catalog, Json] = weakref.WeakKeyDictionary()
        self._one = asyncio.Lock()

    async def of(self, catalog: Catalog) -> Json:
        """The report of a catalogue, made in a thread."""
        async with self._one:
            if catalog not in self._of:
                self._of[catalog] = await asyncio.to_thread(_report, catalog)
            return self._of[catalog]


@router.get("/v1/admin/catalogue")
async def get_catalogue(service: Here, reports: Annotated[Examined, Depends(of_worker(Examined))]) -> Json:
    """How many items there are, how full each field is, and what looks wrong, the worst first."""
    return await reports.of(service.app.catalog)


def _report(catalog: Catalog) -> Json:
    return {
        "domain": catalog.domain.name,
        "items": len(catalog),
        "fields": [asdict(field) for field in read_fields(catalog)],
        "issues": [asdict(issue) for issue in read_issues(catalog)],
    }
