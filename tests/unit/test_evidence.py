"""Behaviour in the conversation: who voted, what a like is the reason of, and what is learned from it at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from zhiyin.backends import open_sources
from zhiyin.bootstrap import build
from zhiyin.catalog.load import item_text
from zhiyin.embedders.hashing import HashingEmbedder
from zhiyin.interactions import Interactions
from zhiyin.learn.behaviour import Behaviour
from zhiyin.learn.recommender import Recommender
from zhiyin.living import Finder
from zhiyin.profile import read_profile
from zhiyin.rank.slate import Ranker
from zhiyin.reply.wording import Wording
from zhiyin.retrieve.fuse import Retriever
from zhiyin.retrieve.keyword import KeywordIndex
from zhiyin.settings import read_settings
from zhiyin.testing import NOON, tiny_catalog
from zhiyin.types import Fed, ItemId, Profile, Query, Reason, SessionId, Turn, UserId

MOON, EMBER, GLOW, LIGHTHOUSE = (ItemId(i) for i in ("moon-1", "ember", "glow", "lighthouse"))


def behaviour() -> Behaviour:
    """People who pick the Lighthouse pick Glow next, which it has little in common with; people who pick an Ember pick the other."""
    catalog = tiny_catalog()
    random = np.random.default_rng(0)
    pairs = (("lighthouse", "glow"), ("ember", "ember-pro"))
    rows = [(user, name, user * 1000.0 + n) for user in range(120) for n, name in enumerate(random.permutation(pairs[user % 2]))]
    items = sorted({name for _, name, _ in rows})
    log = Interactions.of(
        [u for u, _, _ in rows], [items.index(n) for _, n, _ in rows], [t for _, _, t in rows], value=[5.0] * len(rows), users=[str(u) for u in range(120)], items=items
    )
    recommender = Recommender(open_sources())
    recommender.fit(log)
    return Behaviour(recommender, None, items, [item.id for item in catalog.items])


@pytest.fixture
def finder() -> Finder:
    catalog = tiny_catalog()
    texts = [item_text(item, catalog.domain) for item in catalog.items]
    return Finder(catalog, Retriever(catalog, HashingEmbedder(), None, KeywordIndex.open(lambda: texts), behaviour()), Ranker(catalog, None))


def liking(*items: ItemId) -> Profile:
    return read_profile([Fed(user=UserId("ann"), kind="like", item=i, time=NOON - timedelta(minutes=len(items) - n)) for n, i in enumerate(items)], NOON)


def test_a_profile_keeps_what_drew_interest_in_order_of_time_and_not_what_was_disliked_later() -> None:
    user = UserId("ann")
    events = [
        Fed(user=user, kind="like", item=EMBER, time=NOON - timedelta(hours=1)),
        Fed(user=user, kind="click", item=GLOW, time=NOON - timedelta(hours=2)),
        Fed(user=user, kind="like", item=MOON, time=NOON - timedelta(hours=3)),
        Fed(user=user, kind="dislike", item=MOON, time=NOON),
    ]
    assert [(event.item, event.kind) for event in read_profile(events, NOON).history] == [(GLOW, "click"), (EMBER, "like")]


def test_sources_say_who_voted_and_add_up_to_the_vote(finder: Finder) -> None:
    slate = finder.slate(Query(profile=liking(LIGHTHOUSE), exclude=frozenset({LIGHTHOUSE}), limit=9))
    glow = next(c for c in slate if c.item.id == GLOW)
    parts = {name: score for name, score in glow.sources.items() if name.startswith("collaborative.")}
    assert glow.sources["collaborative"] == 1.0
    assert {"collaborative.items", "collaborative.ease", "collaborative.factors"} <= parts.keys()
    assert sum(parts.values()) == pytest.approx(1.0, abs=1e-3)


def test_what_nobody_did_is_voted_for_by_nobody(finder: Finder) -> None:
    slate = finder.slate(Query(limit=9))
    assert not any(name.startswith("collaborative") for c in slate for name in c.sources)


def test_because_you_liked_is_said_only_where_removing_the_like_lowers_the_item(finder: Finder) -> None:
    profile = liking(LIGHTHOUSE, EMBER)
    query = Query(profile=profile, exclude=frozenset({LIGHTHOUSE, EMBER}), limit=9)
    before = {c.item.id: c for c in finder.slate(query)}
    told = {(c.item.id, r.source) for c in before.values() for r in c.reasons if r.kind == "behaviour"}
    assert (GLOW, LIGHTHOUSE) in told
    assert (ItemId("ember-pro"), EMBER) in told
    for item, like in told:
        without = Profile(weights={i: w for i, w in profile.weights.items() if i != like}, history=tuple(e for e in profile.history if e.item != like))
        after = {c.item.id: c for c in finder.slate(Query(profile=without, exclude=query.exclude, limit=9))}
        assert after[item].score < before[item].score


def test_a_like_that_shares_no_value_is_still_a_reason_in_words(finder: Finder) -> None:
    wording = Wording(finder.catalog)
    reason = Reason(kind="behaviour", field="", value="", source=LIGHTHOUSE)
    assert "Lighthouse" in wording.reason(reason, "en")
    assert "灯塔" in wording.reason(reason, "zh")


def liked(item: ItemId, seconds: float) -> Fed:
    return Fed(user=UserId("bob"), kind="like", item=item, time=datetime.fromtimestamp(seconds, UTC))


def test_an_event_counts_for_everybodys_next_list(finder: Finder) -> None:
    behaviour = finder.retriever.behaviour
    row = finder.catalog.row
    before = behaviour.votes([liked(EMBER, 1e7)])
    for n in range(200):
        finder.learn(Profile(history=(liked(EMBER, 1e6 + n), liked(GLOW, 1e6 + n + 0.5))))
    after = behaviour.votes([liked(EMBER, 1e7)])
    assert after["collaborative.chain"][row[GLOW]] > before["collaborative.chain"][row[GLOW]]
    assert after["collaborative.popularity"][row[GLOW]] > before["collaborative.popularity"][row[GLOW]]


def test_what_was_only_clicked_is_not_called_liked(finder: Finder) -> None:
    profile = read_profile([Fed(user=UserId("ann"), kind="click", item=LIGHTHOUSE, time=NOON)], NOON)
    slate = finder.slate(Query(profile=profile, exclude=frozenset({LIGHTHOUSE}), limit=9))
    assert any("collaborative" in c.sources for c in slate)
    assert not [r for c in slate for r in c.reasons if r.kind == "behaviour"]


def test_a_dislike_does_not_count_the_like_before_it_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = build(read_settings(domain="phones", store="memory:", embedder="hashing", cache=tmp_path, data=tmp_path))
    learned: list[Profile] = []
    monkeypatch.setattr(app.engine.find, "learn", learned.append)
    session, user = SessionId("s"), UserId("ann")

    async def talk() -> None:
        async for _ in app.engine.answer(Turn(session=session, user=user, text="a Samsung phone below 5000", time=NOON)):
            pass
        await app.engine.feed(session, user, "like", 1)
        await app.engine.feed(session, user, "dislike", 2)
        await app.engine.close()

    asyncio.run(talk())
    assert len(learned) == 1
