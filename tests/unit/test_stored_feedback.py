"""What people did while they were served is part of the next training."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from zhiyin.stores.memory import MemoryStore
from zhiyin.testing import tiny_catalog
from zhiyin.trained import stored_feedback
from zhiyin.types import Fed, ItemId, SessionId, Undone, UserId

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def fed(user: str, kind: str, item: str, minute: int, value: float | None = None) -> Fed:
    return Fed(user=UserId(user), kind=kind, item=ItemId(item), value=value, id=f"{user}-{minute}", time=NOON + timedelta(minutes=minute))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda: NOON)


async def told(store: MemoryStore) -> list[tuple[str, str, str, float | None]]:
    from zhiyin.interactions import KINDS

    log = await stored_feedback(store, store, tiny_catalog())
    values = [None if value != value else float(value) for value in log.value.tolist()]  # noqa: PLR0124  # NaN
    return [(log.users[u], log.items[i], KINDS[k], v) for u, i, k, v in zip(log.user, log.item, log.kind, values, strict=True)]


async def test_events_of_all_sessions_come_by_time_each_for_its_user(store: MemoryStore) -> None:
    await store.append(SessionId("a"), UserId("ann"), fed("ann", "click", "moon-1", 3), fed("ann", "rating", "ember", 5, 4.0))
    await store.append(SessionId("b"), UserId("bob"), fed("bob", "purchase", "glow", 1, 8900.0))
    await store.append(SessionId("c"), UserId("ann"), fed("ann", "dwell", "glow", 4, 30.0))
    assert await told(store) == [
        ("bob", "glow", "purchase", None),  # money says nothing of taste
        ("ann", "moon-1", "click", None),
        ("ann", "glow", "dwell", 30.0),
        ("ann", "ember", "rating", 4.0),
    ]


async def test_what_was_taken_back_and_what_is_of_no_item_here_is_not_learned(store: MemoryStore) -> None:
    await store.append(SessionId("a"), UserId("ann"), fed("ann", "like", "moon-1", 1), fed("ann", "like", "ember", 2), Undone(time=NOON))
    await store.append(SessionId("a"), UserId("ann"), fed("ann", "none", "moon-1", 3), fed("ann", "search", "", 4), fed("ann", "click", "of-another-shop", 5))
    assert await told(store) == []


async def test_more_sessions_than_a_page_are_all_read(store: MemoryStore) -> None:
    for n in range(1100):
        await store.append(SessionId(f"s{n}"), UserId(f"u{n}"), fed(f"u{n}", "click", "moon-1", n))
    assert len(await told(store)) == 1100
