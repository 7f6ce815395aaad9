"""Every behavioural source keeps the contract, and a handful of fake accounts move none of them far."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zhiyin.backends import open_sources
from zhiyin.errors import DataPackError
from zhiyin.evaluate.data import read_ml100k
from zhiyin.interactions import DAY, Histories, Interactions
from zhiyin.ports import Source
from zhiyin.retrieve.ease import Ease
from zhiyin.settings import read_settings
from zhiyin.testing import SourceContract, planted_vectors


class OpenedSource(SourceContract):
    name = ""

    def make(self) -> Source:
        return open_sources(vectors=planted_vectors())[self.name]


class TestPopularity(OpenedSource):
    name, personal, alert = "popularity", False, True


class TestItemNeighbours(OpenedSource):
    name = "items"


class TestUserNeighbours(OpenedSource):
    name = "users"


class TestFactors(OpenedSource):
    name = "factors"


class TestBroadFactors(OpenedSource):
    name = "broad"


class TestEase(OpenedSource):
    name = "ease"


class TestChain(OpenedSource):
    name, ordered, alert = "chain", True, True


class TestSteps(OpenedSource):
    name, ordered, alert = "steps", True, True


class TestContent(OpenedSource):
    name, learns = "content", False


def test_no_source_goes_without_the_contract() -> None:
    assert {kind.name for kind in OpenedSource.__subclasses__()} == set(open_sources(vectors=planted_vectors()))


# --- fake accounts: nine of nine hundred praise one item together with what is popular ---

USERS, CATALOGUE, PICKS, FAKES = 900, 400, 12, 9
TARGET = CATALOGUE - 1


def honest_log() -> Interactions:
    """Nine hundred users pick twelve items each, the earlier ones more often, the last never, over three hundred days."""
    random = np.random.default_rng(0)
    liking = -0.4 * np.log(np.arange(1, CATALOGUE)) + random.gumbel(size=(USERS, CATALOGUE - 1))
    user = np.repeat(np.arange(USERS), PICKS)
    time = random.uniform(0, 300 * DAY, USERS)[user] + np.tile(np.arange(PICKS), USERS) * 60.0
    item = np.argsort(-liking, axis=1)[:, :PICKS].ravel()
    return Interactions.of(user, item, time, value=np.full(len(user), 5.0), users=[f"u{n}" for n in range(USERS)], items=[f"i{n}" for n in range(CATALOGUE)])


def attacked(log: Interactions, target: int, liked: np.ndarray, *, new: bool) -> Interactions:
    """The log with nine accounts that rate these items and the target best, at its end (new accounts) or from its beginning (old ones)."""
    user = np.repeat(np.arange(FAKES), len(liked) + 1)
    time = (log.time[-1] if new else log.time[0] - 1.0) + np.arange(len(user)) * 1e-3
    return Interactions.of(
        np.append(log.user, user + len(log.users)),
        np.append(log.item, np.tile(np.append(liked, target), FAKES)),
        np.append(log.time, time),
        value=np.append(log.value, np.full(len(user), 5.0)),
        users=[*log.users, *(f"fake{n}" for n in range(FAKES))],
        items=log.items,
    )


def share_reached(source: Source, log: Interactions, target: int, liked: np.ndarray) -> float:
    """The share of sessions of two of these items in whose ten best unseen items the target stands."""
    source.fit(log)
    pairs = np.array([(a, b) for a in liked for b in liked if a != b], dtype=np.int32)
    sessions = Histories(
        start=2 * np.arange(len(pairs) + 1),
        item=pairs.ravel(),
        weight=np.ones(pairs.size, dtype=np.float32),
        time=np.full(pairs.size, log.time[-1] + DAY),
        items=len(log.items),
    )
    scores = np.where(sessions.seen(), -np.inf, source.scores(sessions))
    return float(((scores > scores[:, [target]]).sum(axis=1) < 10).mean())


def most_picked(log: Interactions, begin: int, end: int) -> np.ndarray:
    return np.argsort(-np.bincount(log.item, minlength=len(log.items)), kind="stable")[begin:end]


@pytest.mark.parametrize("name", ["users", "broad", "ease", "steps", "items"])
def test_new_accounts_do_not_push_an_item_into_lists_where_old_ones_would(name: str) -> None:
    log = honest_log()
    liked = most_picked(log, 0, 6)
    old, new = (share_reached(open_sources()[name], attacked(log, TARGET, liked, new=new), TARGET, liked) for new in (False, True))
    assert old > 0.9
    assert new < 0.02


def test_what_new_accounts_pick_is_a_tenth_as_popular() -> None:
    log = attacked(honest_log(), TARGET, np.arange(3), new=True)
    count = {}
    for trusted in (None, np.ones(USERS + FAKES)):
        source = open_sources()["popularity"]
        source.fit(replace(log, trusted=trusted))
        count[trusted is None] = np.expm1(source.scores(Histories.one([], CATALOGUE))[0, TARGET])
    assert count[False] == pytest.approx(FAKES, rel=0.01)
    assert count[True] == pytest.approx(FAKES / 10, rel=0.01)


def test_new_accounts_do_not_push_a_film_into_lists_of_movielens() -> None:
    try:
        log = read_ml100k(read_settings().data).log
    except DataPackError as missing:
        pytest.skip(f"{missing}: {missing.hint}")
    liked = most_picked(log, 200, 210)  # some 150 ratings each; among the best known, nine accounts get nowhere even when old
    target = int(np.flatnonzero(np.bincount(log.item) == 1)[0])
    assert share_reached(Ease(), attacked(log, target, liked, new=False), target, liked) > 0.9
    assert share_reached(Ease(), attacked(log, target, liked, new=True), target, liked) < 0.02
