"""Cursors: opaque, signed, for one listing, one caller and one day. And the secret they are signed with."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from zhiyin.stores.memory import MemoryStore
from zhiyin.web.cursors import Cursors
from zhiyin.web.problems import Problem
from zhiyin.web.signing import open_secret, opened, sealed

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
SECRET = b"s" * 32


@pytest.mark.parametrize("place", [0, 17, 2**60, "", "moon-1", "条目", 'a"b\\'])
def test_a_cursor_gives_its_place_back(place: str | int) -> None:
    cursors = Cursors(SECRET, "items")
    cursor = cursors.make(place, NOW)
    assert cursors.read(cursor, NOW + timedelta(hours=23)) == place
    assert cursor.isascii()


@pytest.mark.parametrize("cursor", ["", "x", "é", "0" * 5000, "AAAA" * 10, "%%%", "🙂"])
def test_a_broken_cursor_is_a_400_that_names_it(cursor: str) -> None:
    with pytest.raises(Problem) as trouble:
        Cursors(SECRET, "items").read(cursor, NOW)
    assert trouble.value.status == 400
    assert trouble.value.errors[0]["field"] == "cursor"


def test_a_cursor_of_another_listing_another_secret_or_another_day_is_refused() -> None:
    cursors = Cursors(SECRET, "items:query=red")
    cursor = cursors.make("moon-1", NOW)
    for others in (Cursors(SECRET, "items:query=blue"), Cursors(b"t" * 32, "items:query=red")):
        with pytest.raises(Problem, match="not made for this listing"):
            others.read(cursor, NOW)
    with pytest.raises(Problem, match="expired"):
        cursors.read(cursor, NOW + timedelta(hours=24, seconds=1))


def test_what_is_sealed_for_one_purpose_opens_for_no_other() -> None:
    text = sealed(SECRET, "visitor", b"abc")
    assert opened(SECRET, "visitor", text) == b"abc"
    assert opened(SECRET, "cursor", text) is None
    assert opened(SECRET, "visitor", sealed(SECRET, "visito", b"r\0abc")) is None


async def test_of_two_workers_that_start_at_once_both_get_the_same_secret() -> None:
    store = MemoryStore()
    first, second = await asyncio.gather(open_secret(store), open_secret(store))
    assert first == second == await open_secret(store)
    assert len(first) == 32
    assert await open_secret(MemoryStore()) != first
