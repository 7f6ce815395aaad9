"""How it goes: turns, people, what they thought of it and how long they waited, over time, counted from the log of every worker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray

from zhiyin.web.admin.marks import CUT, EMPTY, FALLBACK, OF_REPLIES, RELAXED, WITHHELD
from zhiyin.web.admin.tally import BIT, COUNTED, FEEDBACK, REPLY, TURN, Counted, Counts, Rows
from zhiyin.web.service import Here
from zhiyin.wire import Json

router = APIRouter()
_STEPS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)  # seconds of a bucket
_MOST_BUCKETS = 60
_PLURAL = {"like": "likes", "dislike": "dislikes", "click": "clicks", "purchase": "purchases"}
_NAMED = {EMPTY: "empty", RELAXED: "relaxed", FALLBACK: "fallbacks", WITHHELD: "withheld", CUT: "cut"}
Bools = NDArray[np.bool_]


@router.get("/v1/admin/overview")
async def overview(service: Here, counted: Counted, hours: Annotated[int, Query(ge=1, le=720, description="how far back")] = 24) -> Json:
    """Counts and waiting times of the last hours, in all and by stretches of time, empty ones included."""
    until = service.clock().astimezone(UTC)
    step = next(s for s in _STEPS if hours * 3600 <= s * _MOST_BUCKETS)
    since = datetime.fromtimestamp((until - timedelta(hours=hours)).timestamp() // step * step, UTC)
    counts = await counted.since(service.archive, since, until)
    return await asyncio.to_thread(summed, counts, since, until, step)


def summed(counts: Counts, since: datetime, until: datetime, step: int) -> Json:
    """Counts of a window as the answer has them, in all and by stretches of `step` seconds."""
    rows = counts.rows[counts.rows["time"] <= until.timestamp()]
    size = int((until.timestamp() - since.timestamp()) // step) + 1
    place = ((rows["time"] - since.timestamp()) // step).astype(np.int64)
    order = np.argsort(place, kind="stable")
    edges = np.searchsorted(place[order], np.arange(size + 1))
    buckets = [
        {"start": (since + timedelta(seconds=n * step)).isoformat(), **_bucket(rows[order[edges[n] : edges[n + 1]]])} for n in range(size)
    ]  # fmt: skip
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "bucket_seconds": step,
        "totals": {**_totals(rows), "calls": Counts(rows=rows, outcomes=counts.outcomes, truncated=False).calls()},
        "buckets": buckets,
        "truncated": counts.truncated,
        "reading": counts.reading,
    }


def _totals(rows: Rows) -> Json:
    turns, replies = rows[rows["what"] == TURN], rows[rows["what"] == REPLY]
    return {
        "turns": len(turns),
        "sessions": len(np.unique(turns["session"])),
        "users": len(np.unique(turns["user"])),
        **_feedback(rows),
        **{_NAMED[name]: int(_marked(replies, name).sum()) for name in OF_REPLIES if name in _NAMED},
        **_waits(replies, "cards", "first_card"),
        **_waits(replies, "total", "total"),
    }


def _bucket(rows: Rows) -> Json:
    replies = rows[rows["what"] == REPLY]
    return {
        "turns": int((rows["what"] == TURN).sum()),
        "empty": int(_marked(replies, EMPTY).sum()),
        "fallbacks": int(_marked(replies, FALLBACK).sum()),
        **_feedback(rows),
        **_waits(replies, "cards", "first_card"),
    }


def _feedback(rows: Rows) -> dict[str, int]:
    return {_PLURAL[kind]: int((rows["what"] == FEEDBACK + place).sum()) for place, kind in enumerate(COUNTED)}


def _marked(rows: Rows, name: str) -> Bools:
    return np.asarray(rows["marks"] & BIT[name] != 0)


def _waits(rows: Rows, column: str, name: str) -> Json:
    """The median and the 95th percentile; null where nobody waited."""
    known = rows[column][~np.isnan(rows[column])]
    half, most = (round(float(q), 1) for q in np.quantile(known, (0.5, 0.95))) if len(known) else (None, None)
    return {f"{name}_p50_ms": half, f"{name}_p95_ms": most}
