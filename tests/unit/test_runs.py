"""Evaluations of logs that are too small, too repetitive or cut differently: counts and sentences, never a crash."""

from __future__ import annotations

import numpy as np
import pytest

from zhiyin.errors import EmptyCatalog
from zhiyin.evaluate.data import Dataset
from zhiyin.evaluate.runs import PROTOCOLS, evaluate
from zhiyin.interactions import KINDS, Interactions
from zhiyin.testing import planted_log


def dataset(user: list[int], item: list[int], kind: str = "click") -> Dataset:
    log = Interactions.of(
        user, item, np.arange(float(len(user))), kind=[KINDS.index(kind)] * len(user), users=[str(u) for u in range(max(user) + 1)], items=[str(i) for i in range(max(item) + 1)]
    )
    return Dataset(name="small", log=log, titles=log.items, genres=())


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_a_log_that_leaves_nobody_to_ask_is_a_clear_error(protocol: str) -> None:
    with pytest.raises(EmptyCatalog, match=f"{protocol} protocol finds nobody to ask"):
        evaluate(dataset([0], [0]), PROTOCOLS[protocol], date="2026-01-01")


def test_questions_that_no_list_can_answer_are_counted() -> None:
    run = evaluate(dataset([0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 2, 3]), PROTOCOLS["leave-last-out"], date="2026-01-01")
    assert any(note.startswith("1 of 2 questions ask for an item that the user has met before") for note in run.notes)


def test_a_user_counts_once_however_many_cuts_ask() -> None:
    log = planted_log()
    run = evaluate(Dataset(name="planted", log=log, titles=log.items, genres=()), PROTOCOLS["random"], date="2026-01-01", seeds=3)
    asked = {u for seed in run.seeds for u in PROTOCOLS["random"].cut(log, seed).users.tolist()}
    assert {len(values) for model in run.models for values in model.per_user.values()} == {len(asked)}
