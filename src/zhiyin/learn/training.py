"""Batch training: every source and every weight from one log, in steps that survive an interruption, put into service all at once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import CacheError, SettingError
from zhiyin.interactions import Interactions, Interest
from zhiyin.learn.holdout import Split
from zhiyin.learn.interest import Regression, learn_interest
from zhiyin.learn.ltr import LambdaMart
from zhiyin.learn.recommender import Progress, Recommender
from zhiyin.ports import Source

Make = Callable[[Interest | None], dict[str, Source]]
Arrays = Mapping[str, NDArray[Any]]
_FEWEST, _CELLS = 100, 15_000_000  # of questions, and of questions times items: every vote is that many numbers
_QUESTIONS = 5000  # that weights are learned from; more add time, not places
_UNFINISHED = 86_400.0  # seconds after which a folder that nobody finished is given up; before, somebody may be training into it
_FORMAT = 1  # raise when the arrays of a source change their meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A recommender ready to serve, and what was learned on the way."""

    recommender: Recommender
    regression: Regression
    ranker: LambdaMart | None = None


class Checkpoint:
    """Finished steps on disk, by name; without a folder nothing is kept."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def read(self, name: str) -> dict[str, NDArray[Any]] | None:
        """The arrays of a finished step, None if it was not finished."""
        path = self.folder / f"{name}.npz" if self.folder is not None else None
        if path is None or not path.is_file():
            return None
        try:
            return read_arrays(path)
        except CacheError:
            path.unlink()  # cut short; the step is done again
            return None

    def clear(self) -> None:
        """Forget all steps."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True, exist_ok=True)

    def remove(self) -> None:
        """Delete the folder; its steps are in service now."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name: str, arrays: Arrays) -> None:
        """Keep a finished step, whole or not at all; not where another training of the same log has finished meanwhile and removed the folder."""
        if self.folder is not None:
            with suppress(FileNotFoundError):
                write_arrays(self.folder / f"{name}.npz", arrays)


def train(
    make: Make, log: Interactions, split: Split, *, ltr: bool = False, seed: int = 0, repeats: bool = False, progress: Progress = lambda *_: None, kept: Checkpoint | None = None
) -> Trained:
    """Learn weights on `split` (sources fitted on its train part alone), then fit the sources on the whole `log`.

    The interest of each kind of event comes first, by regression over EASE's evidence; it is taken up where it makes EASE better on `split`.
    Raises `SettingError` if `ltr` is asked for and LightGBM is not installed.
    """
    kept = kept or Checkpoint()
    split = split.some(min(_QUESTIONS, max(_FEWEST, _CELLS // max(1, len(log.items)))), seed)
    steps = 2 * len(make(None)) + 3
    progress("interest", 0, steps)
    interest, regression = _interest(make, split, seed)
    recommender = Recommender(make(interest), interest=interest, repeats=repeats)
    ranker = LambdaMart(recommender) if ltr else None
    _fit(recommender, split.train, "held-out", kept, lambda name, step, _: progress(name, 1 + step, steps))
    progress("weights", 1 + len(recommender.sources), steps)
    recommender.learn(split, seed=seed)
    if ranker is not None:
        progress("trees", 2 + len(recommender.sources), steps)
        ranker.describe(split.train)
        ranker.learn(split.histories(recommender.interest), split.relevant)
        ranker.describe(log)
    _fit(recommender, log, "whole", kept, lambda name, step, _: progress(name, 3 + len(recommender.sources) + step, steps))
    progress("done", steps, steps)
    return Trained(recommender=recommender, regression=regression, ranker=ranker)


def _interest(make: Make, split: Split, seed: int) -> tuple[Interest, Regression]:
    """The default interest or the learned one, whichever ranks the held-out picks better under EASE."""
    plain = make(None)["ease"]
    plain.fit(split.train)
    learned, regression = learn_interest(plain, split, seed=seed)
    trial = make(learned)["ease"]
    trial.fit(split.train)
    before, after = (_gain(source, split, interest) for source, interest in ((plain, Interest()), (trial, learned)))
    return (learned if after > before else Interest()), regression


def _gain(source: Source, split: Split, interest: Interest) -> float:
    """Mean discounted gain 1 / log2(1 + rank) of the held-out picks."""
    histories = split.histories(interest)
    scores = np.where(histories.seen(), -np.inf, source.scores(histories))
    rows = np.concatenate([np.full(len(items), row) for row, items in enumerate(split.relevant)]) if len(split.users) else np.zeros(0, dtype=np.int64)
    if not len(rows):
        return 0.0
    own = scores[rows, np.concatenate(split.relevant)]
    above = (scores[rows] > own[:, None]).sum(axis=1)
    return float(np.mean(1.0 / np.log2(2.0 + above)))


def _fit(recommender: Recommender, log: Interactions, stage: str, kept: Checkpoint, progress: Progress) -> None:
    for step, (name, source) in enumerate(recommender.sources.items()):
        progress(f"{name} ({stage})", step, len(recommender.sources))
        known = kept.read(f"{stage}-{name}")
        if known is not None:
            source.restore(known)
        else:
            source.fit(log)
            kept.write(f"{stage}-{name}", source.state())


# --- models on disk ---


def log_key(log: Interactions, *parts: object) -> str:
    """Sixteen hex digits that change with the log and with whatever else the model depends on."""
    digest = hashlib.sha256(json.dumps([_FORMAT, *map(str, parts)]).encode())
    for column in (log.user, log.item, log.kind, log.value, log.time):
        digest.update(np.ascontiguousarray(column).tobytes())
    digest.update("\n".join((*log.users, "", *log.items)).encode())
    return digest.hexdigest()[:16]


def publish(folder: Path, key: str, trained: Trained, items: tuple[str, ...], about: Mapping[str, object]) -> Path:
    """Write the model beside the one in service and switch over in one rename; older ones but the last are deleted.

    Whatever interrupts this leaves the model in service as it was. Several trainings at once do not disturb each other: the last to finish is in service.
    """
    place = folder / key
    place.mkdir(parents=True, exist_ok=True)
    for name, arrays in trained.recommender.state().items():
        write_arrays(place / f"{name}.npz", arrays)
    if trained.ranker is not None:
        write_arrays(place / "trees.npz", trained.ranker.state())
    write_arrays(place / "ids.npz", {"items": np.array(items)})
    (place / "about.json").write_text(json.dumps(dict(about), ensure_ascii=False, indent=1), encoding="utf-8")
    before = in_service(folder)
    waiting = folder / f"current.{os.getpid()}.new"
    waiting.write_text(key, encoding="utf-8")
    os.replace(waiting, folder / "current")  # noqa: PTH105  # the atomic one
    for old in folder.iterdir():
        if old.is_dir() and old.name not in {key, before} and _over(old):
            shutil.rmtree(old, ignore_errors=True)
    return place


def _over(model: Path) -> bool:
    """Whether nobody is writing into it any more: `about.json` comes last."""
    with suppress(FileNotFoundError):  # another training deleted it
        return (model / "about.json").is_file() or time.time() - model.stat().st_mtime > _UNFINISHED
    return False


def in_service(folder: Path) -> str | None:
    """The key of the model in service, None if there is none."""
    try:
        return (folder / "current").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def load(folder: Path, make: Make, warn: Callable[[str], None] = lambda _: None) -> tuple[Recommender, LambdaMart | None, tuple[str, ...]] | None:
    """The recommender in service, its trees if it has some, and the ids of its items; None if there is none.

    Without LightGBM trees are left out, and `warn` is told. Raises `CacheError` if its files are damaged.
    """
    key = in_service(folder)
    if key is None:
        return None
    place = folder / key
    recommender = Recommender(make(None))  # every weight and array comes from the files
    try:
        recommender.restore({name: read_arrays(place / f"{name}.npz") for name in ("blend", *recommender.sources)})
        items = tuple(str(i) for i in read_arrays(place / "ids.npz")["items"])
    except (KeyError, IndexError, ValueError) as error:  # ValueError: as many kinds of events as another version had
        raise CacheError(f"the trained model {place} is damaged or of another version: {error}", hint="Train again: zhiyin train") from error
    ranker = None
    if (place / "trees.npz").is_file():
        try:
            ranker = LambdaMart(recommender)
            ranker.restore(read_arrays(place / "trees.npz"))
        except SettingError as error:
            ranker = None
            warn(f"{error}; the blend answers without its trees. {error.hint}")
    return recommender, ranker, items


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file. Raises `CacheError` if it is not whole."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CacheError(f"{path} cannot be read: {error}", hint="Delete it and train again: zhiyin train") from error


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Keep arrays in a file, whole or not at all."""
    waiting = path.with_name(f"{path.name}.{os.getpid()}.new")
    with waiting.open("wb") as file:
        np.savez(file, **dict(arrays))  # type: ignore[arg-type]  # names are ours
    os.replace(waiting, path)  # noqa: PTH105
