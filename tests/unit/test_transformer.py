"""A small transformer reads histories: it learns an order, scores without torch, and is itself again after a restart."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from zhiyin.errors import CatalogError, SettingError
from zhiyin.interactions import KINDS, Histories, Interactions
from zhiyin.retrieve import transformer
from zhiyin.retrieve.transformer import SESSIONS, Recipe, Transformer

torch = pytest.importorskip("torch")

ITEMS = 12
TINY = Recipe(dim=16, blocks=2, heads=2, length=8, epochs=30, batch=8, rate=2e-2, dropout=0.1, threads=1)


def circle(users: int = 30, events: int = 9, kind: str = "rating", step: float = 60.0) -> Interactions:
    """Everybody goes round the circle of items, each from another start."""
    place = np.arange(users * events)
    user, number = place // events, place % events
    return Interactions.of(
        user,
        (user + number) % ITEMS,
        number * step + user,
        value=np.full(len(place), 5.0),
        kind=np.full(len(place), KINDS.index(kind)),
        users=[f"u{n}" for n in range(users)],
        items=[f"i{n}" for n in range(ITEMS)],
    )


@pytest.fixture(scope="module")
def fitted() -> Transformer:
    source = Transformer(TINY)
    source.fit(circle())
    return source


def test_what_always_follows_is_foremost(fitted: Transformer) -> None:
    for last in range(ITEMS):
        history = Histories.one([(last - 2) % ITEMS, (last - 1) % ITEMS, last], ITEMS, time=[0, 60, 120])
        scores = fitted.scores(history)
        assert scores.shape == (1, ITEMS)
        assert scores.dtype == np.float32
        assert np.where(history.seen(), -np.inf, scores).argmax() == (last + 1) % ITEMS


def test_an_empty_history_says_nothing_and_disturbs_nobody(fitted: Transformer) -> None:
    three = Histories(start=np.array([0, 0, 2, 5]), item=np.array([3, 4, 1, 2, 3], dtype=np.int32), weight=np.ones(5, dtype=np.float32), time=np.arange(5) * 60.0, items=ITEMS)
    scores = fitted.scores(three)
    assert not scores[0].any()
    assert np.allclose(scores[1], fitted.scores(Histories.one([3, 4], ITEMS, time=[0, 60]))[0], atol=1e-5)
    assert np.allclose(scores[2], fitted.scores(Histories.one([1, 2, 3], ITEMS, time=[120, 180, 240]))[0], atol=1e-5)


def test_only_the_newest_events_are_read(fitted: Transformer) -> None:
    newest = [1, 2, 3, 4, 5, 6, 7, 8]
    long = fitted.scores(Histories.one([9, 9, *newest], ITEMS))
    assert np.allclose(long, fitted.scores(Histories.one(newest, ITEMS)), atol=1e-5)


def test_events_without_interest_are_not_read(fitted: Transformer) -> None:
    refused = fitted.scores(Histories.one([1, 7, 2], ITEMS, weight=[1.0, 0.0, 1.0]))
    assert np.allclose(refused, fitted.scores(Histories.one([1, 2], ITEMS, time=[0.0, 2.0])), atol=1e-5)


def test_the_order_and_the_times_of_events_matter(fitted: Transformer) -> None:
    one = fitted.scores(Histories.one([1, 2, 3], ITEMS, time=[0, 60, 120]))
    assert not np.allclose(one, fitted.scores(Histories.one([3, 2, 1], ITEMS, time=[0, 60, 120])), atol=1e-3)
    assert not np.allclose(one, fitted.scores(Histories.one([1, 2, 3], ITEMS, time=[0.0, 60.0, 1e6])), atol=1e-3)


def test_numpy_and_torch_read_alike(fitted: Transformer) -> None:
    random = np.random.default_rng(1)
    lengths = np.array([1, 3, 8, 8])
    histories = Histories(
        start=np.concatenate(([0], np.cumsum(lengths))),
        item=random.integers(0, ITEMS, 20).astype(np.int32),
        weight=random.uniform(0.1, 1.0, 20).astype(np.float32),
        time=np.sort(random.uniform(0, 1e7, 20)),
        items=ITEMS,
    )
    member = fitted._members[0]
    for rows, seen in transformer._batches(histories):
        states = transformer._states(torch, {name: torch.tensor(array) for name, array in member.items()}, seen, lambda x: x)
        logits = states[:, -1] @ torch.tensor(member["item"][:-1]).T
        assert np.allclose(fitted.scores(histories)[rows], logits.numpy(), atol=1e-4)


def test_the_same_seed_learns_the_same_and_another_does_not() -> None:
    sources = [Transformer(replace(TINY, epochs=3, seed=seed)) for seed in (0, 0, 1)]
    for source in sources:
        source.fit(circle())
    one, again, other = (source.scores(circle(4).histories()) for source in sources)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_learning_disturbs_neither_the_random_numbers_nor_the_threads_of_others() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    Transformer(replace(TINY, epochs=1, threads=threads + 1)).fit(circle())
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


def test_restored_it_scores_the_same_whatever_its_recipe(fitted: Transformer) -> None:
    restored = Transformer()
    restored.restore(fitted.state())
    asked = circle(5).histories()
    assert np.array_equal(restored.scores(asked), fitted.scores(asked))


def test_scoring_does_not_import_torch(fitted: Transformer, tmp_path) -> None:
    np.savez(tmp_path / "state.npz", **fitted.state())
    code = (
        "import sys, numpy as np\n"
        "from zhiyin.interactions import Histories\n"
        "from zhiyin.retrieve.transformer import Transformer\n"
        "source = Transformer()\n"
        f"source.restore(dict(np.load({str(tmp_path / 'state.npz')!r})))\n"
        f"print(source.scores(Histories.one([3, 4], {ITEMS}, time=[0, 60])).argmax(), 'torch' in sys.modules)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["5", "False"]


def test_without_torch_the_way_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SettingError) as caught:
        Transformer(TINY).fit(circle())
    assert "zhiyin[torch]" in caught.value.hint


def test_interrupted_learning_leaves_what_was_known() -> None:
    def stop(epoch: int, epochs: int, loss: float) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    source = Transformer(TINY, progress=stop)
    asked = Histories.one([1, 2], ITEMS)
    assert not source.scores(asked).any()
    with pytest.raises(KeyboardInterrupt):
        source.fit(circle())
    assert not source.scores(asked).any()
    assert not source.state()


def test_progress_is_told_and_the_loss_falls() -> None:
    heard: list[tuple[int, int, float]] = []
    Transformer(replace(TINY, epochs=3), progress=lambda *news: heard.append(news)).fit(circle())
    assert [epoch for epoch, _, _ in heard] == list(range(1, 4))
    assert {epochs for _, epochs, _ in heard} == {3}
    assert heard[-1][2] < heard[0][2]


def test_members_are_averaged() -> None:
    both = Transformer(replace(TINY, epochs=2, members=2))
    both.fit(circle())
    asked, total = circle(4).histories(), 0
    for number in range(2):
        one = Transformer()
        one.restore({f"0/{name.partition('/')[2]}": array for name, array in both.state().items() if name.startswith(f"{number}/")})
        total = total + one.scores(asked)
    assert np.allclose(both.scores(asked), total / 2, atol=1e-5)


def test_what_was_had_is_an_answer_only_where_items_repeat() -> None:
    user, item = np.repeat(np.arange(20), 6), np.tile([0, 0, 0, 1, 0, 0], 20)
    log = Interactions.of(user, item, np.arange(120.0), kind=np.full(120, KINDS.index("click")), users=[f"u{n}" for n in range(20)], items=["a", "b", "c"])
    source = Transformer(replace(SESSIONS, dim=8, dropout=0.0, epochs=20, batch=4, rate=1e-2, threads=1))
    source.fit(log)
    assert source.scores(Histories.one([1, 0], 3, weight=[0.3, 0.3])).argmax() == 0
    masked = [lesson() for lesson in transformer._lessons(np.random.default_rng(0), log.histories(), np.ones(20, dtype=np.float32), TINY)]
    assert all((lesson.target[lesson.had[0]] != lesson.had[1]).all() for lesson in masked)
    assert sum(len(lesson.had[0]) for lesson in masked) > 0


def test_every_event_but_the_first_is_asked_about_once_each_epoch() -> None:
    log = circle(users=7, events=21)
    lessons = [lesson() for lesson in transformer._lessons(np.random.default_rng(3), log.histories(), np.ones(7, dtype=np.float32), TINY)]
    asked = np.sort(np.concatenate([lesson.target for lesson in lessons]))
    assert np.array_equal(asked, np.sort(np.concatenate([log.item[log.user == user][1:] for user in range(7)])))
    assert max(lesson.seen.item.shape[1] for lesson in lessons) <= TINY.length


def test_an_empty_log_teaches_nothing_but_breaks_nothing() -> None:
    source = Transformer(replace(TINY, epochs=1))
    source.fit(circle().take(np.zeros(0, dtype=np.int64)))
    assert np.isfinite(source.scores(Histories.one([1, 2], ITEMS))).all()


def test_histories_of_another_catalogue_are_refused(fitted: Transformer) -> None:
    with pytest.raises(CatalogError, match="over 13 items"):
        fitted.scores(Histories.one([1], ITEMS + 1))


def test_heads_must_divide_the_dimension() -> None:
    with pytest.raises(SettingError, match="heads"):
        Transformer(Recipe(dim=10, heads=3))
