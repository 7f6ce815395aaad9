"""Batch training: what is learned, what survives an interruption, and that the model in service never notices one."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zhiyin.backends import open_sources
from zhiyin.catalog.columns import Catalog
from zhiyin.errors import CacheError, SettingError, UnreadableFile
from zhiyin.interactions import Histories, Interactions, Interest
from zhiyin.learn.behaviour import Behaviour
from zhiyin.learn.holdout import leave_last_out
from zhiyin.learn.interest import learn_interest
from zhiyin.learn.training import Checkpoint, in_service, load, log_key, publish, train, write_arrays
from zhiyin.retrieve.content import attribute_vectors
from zhiyin.retrieve.ease import Ease
from zhiyin.settings import Settings, read_settings
from zhiyin.testing import NOON, planted_log, planted_vectors, tiny_catalog
from zhiyin.trained import gather, model_folder, open_behaviour, train_domain
from zhiyin.types import Fed, ItemId, UserId

LOG = planted_log()


class Counted(Ease):
    """EASE that counts its fits and can be made to stop in one."""

    fits = 0
    stop = False

    def fit(self, log: Interactions, /) -> None:
        type(self).fits += 1
        if type(self).stop:
            raise KeyboardInterrupt
        super().fit(log)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Counted.fits, Counted.stop = 0, False


def make(interest: Interest | None = None):
    return {**open_sources(interest, planted_vectors()), "counted": Counted(interest=interest)}


def test_training_learns_weights_and_puts_the_community_first() -> None:
    trained = train(make, LOG, leave_last_out(LOG))
    assert sum(trained.recommender.blend.weights.values()) > 0
    scores = trained.recommender.scores(Histories.one([0, 2, 3, 5], 25))[0]
    assert set(np.argsort(-scores)[:4]) <= set(range(12))


def test_the_same_log_and_seed_give_the_same_model() -> None:
    first, second = (train(make, LOG, leave_last_out(LOG), seed=3).recommender.state() for _ in range(2))
    for name, arrays in first.items():
        for key, values in arrays.items():
            np.testing.assert_array_equal(values, second[name][key])


def test_steps_are_told_in_order_and_end_when_all_are_done() -> None:
    told: list[tuple[str, int, int]] = []
    train(make, LOG, leave_last_out(LOG), progress=lambda *step: told.append(step))
    assert [step for _, step, _ in told] == sorted(step for _, step, _ in told)
    assert told[-1][1] == told[-1][2]
    assert {"interest", "weights", "done"} <= {name for name, _, _ in told}


def test_an_interrupted_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "part")
    Counted.stop = True
    with pytest.raises(KeyboardInterrupt):
        train(make, LOG, leave_last_out(LOG), kept=kept)
    done = sorted(path.name for path in kept.folder.iterdir())
    assert "held-out-ease.npz" in done
    assert "held-out-counted.npz" not in done
    before = {name: (kept.folder / name).stat().st_mtime_ns for name in done}
    Counted.stop = False
    resumed = train(make, LOG, leave_last_out(LOG), kept=kept).recommender
    assert {name: (kept.folder / name).stat().st_mtime_ns for name in done} == before
    straight = train(make, LOG, leave_last_out(LOG)).recommender
    history = Histories.one([13, 14], 25)
    np.testing.assert_allclose(resumed.scores(history), straight.scores(history), atol=1e-6)


def test_a_step_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path)
    kept.write("step", {"x": np.arange(5)})
    whole = (tmp_path / "step.npz").read_bytes()
    (tmp_path / "step.npz").write_bytes(whole[: len(whole) // 2])
    assert kept.read("step") is None
    assert not (tmp_path / "step.npz").exists()


def test_the_key_changes_with_the_log_and_with_the_seed() -> None:
    keys = {log_key(LOG, 0), log_key(LOG, 1), log_key(LOG.take(np.arange(len(LOG)) < 100), 0), log_key(replace(LOG, items=(*LOG.items[:-1], "other")), 0)}
    assert len(keys) == 4
    assert log_key(LOG, 0) == log_key(planted_log(), 0)


def test_a_published_model_is_read_back_and_the_last_two_are_kept(tmp_path: Path) -> None:
    trained = train(make, LOG, leave_last_out(LOG))
    for key in ("one", "two", "three"):
        publish(tmp_path, key, trained, LOG.items, {"n": key})
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["three", "two"]
    assert in_service(tmp_path) == "three"
    found = load(tmp_path, make)
    assert found is not None
    recommender, ranker, items = found
    assert (ranker, items) == (None, LOG.items)
    history = Histories.one([1, 2, 4, 6], 25)
    np.testing.assert_array_equal(recommender.scores(history), trained.recommender.scores(history))
    assert recommender.interest == trained.recommender.interest


def test_a_publication_that_dies_leaves_the_model_in_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = train(make, LOG, leave_last_out(LOG))
    publish(tmp_path, "old", trained, LOG.items, {})
    written = []

    def die(path: Path, arrays: object) -> None:
        written.append(path)
        if len(written) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("zhiyin.learn.training.write_arrays", die)
        with pytest.raises(KeyboardInterrupt):
            publish(tmp_path, "new", trained, LOG.items, {})
    assert in_service(tmp_path) == "old"
    assert load(tmp_path, make) is not None


@pytest.mark.parametrize("name", ["ease.npz", "blend.npz", "ids.npz"])
def test_a_damaged_model_is_a_clear_error(tmp_path: Path, name: str) -> None:
    place = publish(tmp_path, "key", train(make, LOG, leave_last_out(LOG)), LOG.items, {})
    (place / name).write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(CacheError, match=name):
        load(tmp_path, make)


def test_no_model_is_none(tmp_path: Path) -> None:
    assert load(tmp_path, make) is None


# --- what an event is worth ---


def two_kinds() -> Interactions:
    """Users of two communities: likes lie within their own, views anywhere; the last event of each is a like."""
    random = np.random.default_rng(2)
    rows = []
    for user in range(150):
        side = user % 2 * 30
        rows += [(user, side + int(i), "like", user * 100.0 + n) for n, i in enumerate(random.permutation(30)[:5])]
        rows += [(user, int(i), "view", user * 100.0 + 0.5 + n) for n, i in enumerate(random.permutation(60)[:4])]
    from zhiyin.interactions import KINDS

    user, item, kind, time = zip(*rows, strict=True)
    return Interactions.of(user, item, time, kind=[KINDS.index(k) for k in kind], users=[str(u) for u in range(150)], items=[str(i) for i in range(60)])


def test_the_kind_that_tells_more_of_the_next_pick_weighs_more() -> None:
    log = two_kinds()
    split = leave_last_out(log)
    source = Ease(reg=10.0, interest=Interest(kinds={"like": 1.0, "view": 1.0}))
    source.fit(split.train)
    interest, regression = learn_interest(source, split)
    assert interest.kinds["like"] == 1.0
    assert interest.kinds["view"] < 0.5
    assert regression.weights["like"] > regression.weights["view"]
    assert str(regression).startswith("R = ")


def test_nothing_is_learned_of_kinds_that_hardly_occur() -> None:
    log = LOG.take(np.arange(len(LOG)) < 60)
    split = leave_last_out(log)
    source = Ease()
    source.fit(split.train)
    interest, regression = learn_interest(source, split)
    assert interest == Interest()
    assert regression.weights == {}


# --- a domain's model ---


def liked(item: str) -> Fed:
    return Fed(user=UserId("ann"), kind="like", item=ItemId(item), time=NOON)


def lamp_log(events: int = 240) -> Interactions:
    """Who likes one Moon likes the other, and so with the Embers."""
    random = np.random.default_rng(0)
    pairs = (("moon-1", "moon-2"), ("ember", "ember-pro"))
    rows = [(u, name, u * 1000.0 + n) for u in range(events // 2) for n, name in enumerate(random.permutation(pairs[u % 2]))]
    items = sorted({name for _, name, _ in rows})
    return Interactions.of(
        [u for u, _, _ in rows], [items.index(n) for _, n, _ in rows], [t for _, _, t in rows], value=[5.0] * len(rows), users=[str(u) for u in range(events // 2)], items=items
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(cache=tmp_path / "cache", data=tmp_path / "data")


def test_a_domain_learns_and_votes_for_what_belongs_together(settings: Settings) -> None:
    catalog = tiny_catalog()
    done = train_domain(catalog, None, lamp_log(), settings)
    assert done is not None
    about = json.loads((done[1] / "about.json").read_text(encoding="utf-8"))
    assert (about["events"], about["items"]) == (240, 4)
    behaviour = Behaviour(done[0].recommender, None, lamp_log().items, [i.id for i in catalog.items])
    votes = behaviour.votes([liked("moon-1")])
    assert votes["collaborative"].shape == (len(catalog),)
    assert votes["collaborative"].argmax() == catalog.row["moon-2"]
    assert votes["collaborative"][catalog.row["eclipse"]] == 0.0
    parts = sum(v for name, v in votes.items() if name != "collaborative")
    assert parts[catalog.row["moon-2"]] == pytest.approx(1.0, abs=1e-4)


def test_nothing_known_of_somebody_gives_no_votes(settings: Settings) -> None:
    catalog = tiny_catalog()
    trained, _ = train_domain(catalog, None, lamp_log(), settings)
    behaviour = Behaviour(trained.recommender, None, lamp_log().items, [i.id for i in catalog.items])
    assert behaviour.votes([]) == {}
    assert behaviour.votes([liked("eclipse")]) == {}
    behaviour.learn([])
    behaviour.learn([liked("eclipse")])


def test_a_log_too_small_to_learn_from_changes_nothing(settings: Settings) -> None:
    catalog: Catalog = tiny_catalog()
    assert train_domain(catalog, None, lamp_log(20), settings) is None
    assert train_domain(catalog, None, gather(catalog, settings), settings) is None
    assert in_service(model_folder(settings, "lamps")) is None
    assert open_behaviour(catalog, None, settings, lambda _: None) is None


def test_an_interrupted_domain_training_leaves_the_model_in_service(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = tiny_catalog()
    _, place = train_domain(catalog, None, lamp_log(), settings)

    def stop(self: Ease, log: Interactions, /) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Ease, "fit", stop)
        with pytest.raises(KeyboardInterrupt):
            train_domain(catalog, None, lamp_log(300), settings)
    assert in_service(model_folder(settings, "lamps")) == place.name
    assert train_domain(catalog, None, lamp_log(300), settings) is not None
    assert in_service(model_folder(settings, "lamps")) != place.name
    assert not list(model_folder(settings, "lamps").glob("*.part"))


def test_people_with_one_event_each_are_learned_from_without_a_question_to_ask() -> None:
    log = Interactions.of(range(240), [u % 25 for u in range(240)], [float(u) for u in range(240)], value=[5.0] * 240, users=[str(u) for u in range(240)], items=LOG.items)
    split = leave_last_out(log)
    assert not len(split.users)
    trained = train(make, log, split)
    assert trained.regression.weights == {}
    assert np.isfinite(trained.recommender.scores(Histories.one([1], 25))).all()


def test_questions_that_no_list_can_answer_teach_no_weights() -> None:
    users = np.repeat(np.arange(60), 3)
    log = Interactions.of(users, users % 25, np.arange(180.0), value=np.full(180, 5.0), users=[str(u) for u in range(60)], items=LOG.items)
    recommender = train(make, log, leave_last_out(log)).recommender
    assert recommender.blend == recommender.newcomers
    assert recommender.blend.weights["factors.short"] == 0.2


def test_a_training_outlives_another_that_finishes_the_same_log_meanwhile(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "key.part")
    Checkpoint(tmp_path / "key.part").remove()
    kept.write("step", {"x": np.arange(5)})
    assert kept.read("step") is None


def test_a_publication_leaves_what_another_training_is_writing(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "other.part")
    kept.write("step", {"x": np.arange(5)})
    old = tmp_path / "forgotten.part"
    old.mkdir()
    os.utime(old, (1e9, 1e9))
    publish(tmp_path, "key", train(make, LOG, leave_last_out(LOG)), LOG.items, {})
    assert kept.read("step") is not None
    assert not old.exists()


def test_a_model_of_a_version_with_other_kinds_of_events_is_a_clear_error(tmp_path: Path) -> None:
    trained = train(make, LOG, leave_last_out(LOG))
    place = publish(tmp_path, "key", trained, LOG.items, {})
    blend = trained.recommender.state()["blend"]
    write_arrays(place / "blend.npz", {**blend, "kinds": blend["kinds"][:-1]})
    with pytest.raises(CacheError, match="another version"):
        load(tmp_path, make)


@pytest.mark.parametrize("trouble", [PermissionError(13, "Permission denied"), UnreadableFile("x.npz: damaged", hint="Import it again")])
def test_a_conversation_starts_though_nothing_new_can_be_learned(settings: Settings, monkeypatch: pytest.MonkeyPatch, trouble: Exception) -> None:
    catalog, said = tiny_catalog(), []
    train_domain(catalog, None, lamp_log(), settings)

    def fail(*_: object) -> Interactions:
        raise trouble

    monkeypatch.setattr("zhiyin.trained.gather", fail)
    monkeypatch.setattr("zhiyin.trained._stamp", lambda *_: ["a log that is new"])
    behaviour = open_behaviour(catalog, None, settings, said.append)
    assert behaviour is not None
    assert behaviour.votes([liked("moon-1")])
    assert len(said) == 1


def test_a_log_that_is_imported_during_a_training_is_not_taken_for_learned(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*arguments: object, **named: object) -> object:
        logs = settings.data / "logs" / "lamps"
        logs.mkdir(parents=True)
        (logs / "late.npz").write_bytes(b"")
        return train(*arguments, **named)

    monkeypatch.setattr("zhiyin.trained.train", slow)
    _, place = train_domain(tiny_catalog(), None, lamp_log(), settings)
    assert json.loads((place / "about.json").read_text(encoding="utf-8"))["logs"] == []


def test_item_vectors_hold_what_items_share_and_no_more() -> None:
    casts = tuple((f"only{n}", "everybody", f"pair{n // 2}") for n in range(600))
    vectors = attribute_vectors({"year": np.linspace(1950, 2000, 600)}, {"cast": casts})
    assert vectors.shape == (600, 256 + 3)
    assert not np.allclose(vectors[0, :256], 0.0)
    assert vectors[:, 0].max() == 0.0  # what everybody has says nothing


def test_a_model_with_a_transformer_is_served_with_it(settings: Settings) -> None:
    pytest.importorskip("torch")
    catalog = tiny_catalog()
    trained, place = train_domain(catalog, None, lamp_log(120), settings, sequential=True)
    assert "transformer" in trained.recommender.sources
    assert json.loads((place / "about.json").read_text(encoding="utf-8"))["sequential"] is True
    served = load(model_folder(settings, "lamps"), lambda interest: open_sources(interest, np.zeros((1, 1), dtype=np.float32), sequential=True))
    history = Histories.one([0], 4)
    np.testing.assert_allclose(served[0].scores(history), trained.recommender.scores(history), atol=1e-5)


def test_without_torch_a_transformer_is_a_clear_error_and_nothing_changes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SettingError, match="torch"):
        train_domain(tiny_catalog(), None, lamp_log(120), settings, sequential=True)
    assert in_service(model_folder(settings, "lamps")) is None
