"""Imported logs on disk, one compressed file an import, and all of them as one log for training."""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.events_columns import Coder
from zhiyin.catalog.events_copies import Keys, beyond_most, cells, later_copies
from zhiyin.catalog.events_ids import same_numbers
from zhiyin.errors import UnreadableFile
from zhiyin.interactions import KINDS, Codes, Floats, Interactions

Column = NDArray[Any]  # of whatever type its name says
_FORMAT = 1
_UNSAFE = re.compile(r"[^\w.-]+")


class _Stored(NamedTuple):
    """An imported log's columns, as `Interactions` and `read_keyed` have them."""

    user: Codes
    item: Codes
    kind: NDArray[np.int8]
    value: NDArray[np.float32]
    time: Floats
    event: Keys

    def take(self, which: Column) -> _Stored:
        """The events that a mask or an index picks."""
        return _Stored(self.user[which], self.item[which], self.kind[which], self.value[which], self.time[which], self.event[which])


_NOTHING = _Stored(
    user=np.empty(0, dtype=np.int32),
    item=np.empty(0, dtype=np.int32),
    kind=np.empty(0, dtype=np.int8),
    value=np.empty(0, dtype=np.float32),
    time=np.empty(0, dtype=np.float64),
    event=np.empty(0, dtype=np.uint64),
)


def log_folder(domain: str, data: Path) -> Path:
    """Where the imported logs of a domain are."""
    return data / "logs" / domain


def write_log(log: Interactions, keys: Keys, folder: Path, name: str) -> Path:
    """The file that now holds these events: `name` and a hash of what they are, so that an import replaces none but itself.

    Ids are kept as text, so the file outlives a change of the catalogue. It appears whole or not at all.
    """
    used, item = np.unique(log.item, return_inverse=True)
    columns: dict[str, Column] = {
        "user": log.user,
        "item": item.astype(np.int32),
        "kind": log.kind,
        "value": log.value,
        "time": log.time,
        "event": keys,
        **_packed("users", log.users),
        **_packed("items", [log.items[row] for row in used.tolist()]),
        **_packed("kinds", KINDS),
    }
    digest = hashlib.sha256(b"".join(column.tobytes() for column in columns.values())).hexdigest()[:8]
    path = folder / f"{_UNSAFE.sub('-', name).strip('-.') or 'log'}-{digest}.npz"
    folder.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}.part")
    try:
        with scratch.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, format=np.array(_FORMAT), **columns)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return path


def installed_logs(catalog: Catalog, data: Path, *, warn: Callable[[str], None] = lambda _: None) -> Interactions:
    """All imported events of a catalogue's domain, in the coding of its rows; an event that several imports hold counts once.

    Events whose item has left the catalogue are passed over, with a word to `warn`. Raises `UnreadableFile` if a file is damaged.
    """
    paths = sorted(log_folder(catalog.domain.name, data).glob("*.npz"))
    ids = [item.id for item in catalog.items]
    users, items = Coder(), Coder()
    items.codes(ids)
    files = [_read(path, users, items) for path in paths]
    users_of, _ = same_numbers(users.texts, [file.user for file in files])
    items_of, _ = same_numbers(items.texts, [file.item for file in files], len(ids))
    whole = _Stored(*(np.concatenate(columns) for columns in zip(_NOTHING, *files, strict=True)))
    user, item = users_of[whole.user], items_of[whole.item]
    there = item < len(ids)
    if not there.all():
        warn(f"{int((~there).sum()):,} of {len(there):,} imported events are of items that the catalogue no longer has; they are passed over")
    kept = _kept(whole._replace(user=user, item=item).take(there))
    used, codes = np.unique(kept.user, return_inverse=True)
    names = [users.texts[code] for code in used.tolist()]
    return Interactions.of(codes.astype(np.int32), kept.item, kept.time, value=kept.value, kind=kept.kind, users=names, items=ids)


def _kept(log: _Stored) -> _Stored:
    """What is no copy, oldest first, and no more than `MOST` of a kind."""
    repeated, copied = later_copies(cells(log.user, log.item, log.kind), log.value, log.time, log.event)
    log = log.take(~(repeated | copied))
    log = log.take(np.argsort(log.time, kind="stable"))
    return log.take(~beyond_most(cells(log.user, log.item, log.kind)))


def _read(path: Path, users: Coder, items: Coder) -> _Stored:
    """A file's columns in the coding of all files, events of types we no longer know left out."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            user, item, kind, value, time, event = (file[name] for name in _Stored._fields)
            texts = {name: _texts(file, name) for name in ("users", "items", "kinds")}
            kind = np.array([KINDS.index(one) if one in KINDS else -1 for one in texts["kinds"]], dtype=np.int8)[kind]
            log = _Stored(users.codes(texts["users"])[user], items.codes(texts["items"])[item], kind, value, time, event)
            known = kind >= 0
            return log.take(known)
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UnreadableFile(f"{path}: the imported log is damaged: {error!r}", hint="Delete it and import its source again: zhiyin import events FILE") from error


def _packed(name: str, texts: Sequence[str]) -> Mapping[str, Column]:
    """Texts as bytes and lengths: a column of fixed width would be as wide as the longest id."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return {name: np.frombuffer(b"".join(encoded), dtype=np.uint8), f"{name}_length": np.array([len(one) for one in encoded], dtype=np.int64)}


def _texts(file: Mapping[str, Column], name: str) -> list[str]:
    blob, ends = file[name].tobytes(), np.cumsum(file[f"{name}_length"]).tolist()
    return [blob[start:end].decode("utf-8", "surrogatepass") for start, end in zip([0, *ends], ends, strict=False)]
