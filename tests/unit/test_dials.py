"""The dials over a catalogue: off changes nothing, each turns what it says, and hard wishes hold with all of them on."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from zhiyin.catalog.pool import Pool
from zhiyin.errors import SettingError
from zhiyin.rank.dials import Dialled, Dials
from zhiyin.rank.slate import Ranker
from zhiyin.settings import read_settings
from zhiyin.testing import tiny_catalog
from zhiyin.types import Op, Profile, Query, Wish

CATALOG = tiny_catalog()


def pool() -> Pool:
    rows = np.arange(len(CATALOG), dtype=np.int32)
    return Pool(rows, {}, np.linspace(2.0, 1.0, len(rows)))


def shown(dials: Dials | None, query: Query | None = None, times: int = 1) -> list[str]:
    ranker = Ranker(CATALOG, None, dials)
    for _ in range(times - 1):
        ranker(query or Query(limit=3), pool())
    return [c.item.id for c in ranker(query or Query(limit=3), pool())]


def test_all_off_is_no_dials_at_all() -> None:
    assert Dials().off
    assert shown(Dials()) == shown(None)
    assert Ranker(CATALOG, None, Dials()).dialled is None


def test_diversity_puts_items_beside_each_other_that_share_little() -> None:
    def shared(ids: list[str]) -> int:
        colours = [set(CATALOG.item(i).values("colours")) for i in ids]
        return sum(len(a & b) for a, b in combinations(colours, 2))

    query = Query(limit=4)
    assert shared(shown(Dials(diversity=0.9), query)) < shared(shown(None, query))


def test_exposure_gives_others_a_turn() -> None:
    assert shown(Dials(exposure=1.0), times=6) != shown(None, times=6)
    ranker = Ranker(CATALOG, None, Dials(exposure=1.0))
    seen = {c.item.id for _ in range(12) for c in ranker(Query(limit=3), pool())}
    assert len(seen) > 3


def test_less_popular_shows_less_of_what_is_known() -> None:
    def known(ids: list[str]) -> float:
        return float(sum(CATALOG.prior[CATALOG.row[i]] for i in ids))

    assert known(shown(Dials(less_popular=1.0))) < known(shown(None))


def test_calibration_follows_what_is_liked_and_leaves_strangers_alone() -> None:
    query = Query(profile=Profile(weights={CATALOG.items[6].id: 1.0}), limit=3)  # Firefly is blue, and nothing else is blue only
    assert shown(Dials(calibration=1.0), query)[0] == "firefly"
    assert shown(None, query)[0] != "firefly"
    assert shown(Dials(calibration=1.0)) == shown(None)


def test_nothing_is_added_and_nothing_repeated() -> None:
    every = Dials(diversity=0.5, calibration=0.5, less_popular=0.5, exposure=0.5)
    order = Dialled(CATALOG, None, every)(np.arange(5, dtype=np.int32), np.linspace(1.0, 0.0, 5), Profile())
    assert sorted(order.tolist()) == list(range(5))


def test_hard_wishes_hold_with_every_dial_on() -> None:
    wish = Wish(field="colours", op=Op.ANY_OF, value=("white",))
    query = Query(wishes=(wish,), limit=5)
    every = Dials(diversity=1.0, calibration=1.0, less_popular=1.0, exposure=1.0)
    assert all("white" in CATALOG.item(i).values("colours") for i in shown(every, query))


def test_a_dial_out_of_range_is_a_clear_error() -> None:
    with pytest.raises(SettingError, match="diversity"):
        read_settings(diversity=1.5)
