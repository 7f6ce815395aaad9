"""What reading a log came to: how much of it was of use, and every trouble with its count, an example and a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.events_copies import MOST

Fate = Literal["dropped", "counted once", "passed over", "changed", "noted"]

# code -> what becomes of such events, and why; where several hold of one event, the first here counts
FATES: dict[str, tuple[Fate, str]] = {
    "unreadable": ("dropped", "the row cannot be read"),
    "passed": ("passed over", "it says nothing of an item"),
    "type": ("dropped", "nobody knows this type of event"),
    "user": ("dropped", "the user id is empty"),
    "item": ("dropped", "the item id is empty"),
    "unknown_item": ("dropped", "the catalogue has no such item"),
    "time": ("dropped", "the time cannot be read"),
    "before": ("dropped", "the time is negative or zero"),
    "future": ("dropped", "the time lies more than a day ahead of now"),
    "value": ("dropped", "a rating or dwell whose value is no number"),
    "scale": ("dropped", "the rating is not from 1 to 5"),
    "negative": ("dropped", "the dwell is negative"),
    "repeated_id": ("counted once", "the event id was there before"),
    "duplicate": ("counted once", "an exact copy of an earlier event"),
    "repeats": ("dropped", f"more than {MOST:,} events of the same user, item and type"),
    "rescaled": ("changed", "the rating was on another scale"),
    "half_star": ("changed", "half a star counts as one"),
    "number_form": ("changed", "the id was written as another form of the same number"),
    "doubtful_form": ("noted", "the id looks like another's number, but one source writes both forms, so they were left apart"),
    "unordered": ("changed", "older than the event before it; sorted by time"),
    "one_event": ("noted", "users with one event"),
    "unseen": ("noted", "items without an event"),
}
CODES = tuple(FATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One kind of trouble in a log."""

    code: str  # a key of `FATES`
    fate: Fate
    count: int
    text: str  # a sentence with the count, the reason and an example
    file: str = ""  # of the first example
    line: int = 0  # of the first example, as `read_rows` counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Where the dropped events stood, in columns."""

    paths: tuple[Path, ...]
    file: NDArray[np.int32]  # index into `paths`
    line: NDArray[np.int32]
    code: NDArray[np.int8]  # index into `CODES`

    def __len__(self) -> int:
        return len(self.line)

    def by_file(self) -> Iterator[tuple[Path, dict[int, str]]]:
        """Each file with its rejected lines and the reason for each."""
        for place, path in enumerate(self.paths):
            here = self.file == place
            if here.any():
                yield path, {line: FATES[CODES[code]][1] for line, code in zip(self.line[here].tolist(), self.code[here].tolist(), strict=True)}

    def first(self) -> tuple[Path, int, str]:
        """The first of them: file, line and reason."""
        place = np.lexsort((self.line, self.file))[0]
        return self.paths[self.file[place]], int(self.line[place]), FATES[CODES[self.code[place]]][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the kept events stood, in the order of the log."""

    paths: tuple[Path, ...]
    file: NDArray[np.int32]  # index into `paths`
    line: NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReport:
    """What reading a log came to. A row that names several items is as many events."""

    rows: int  # read, the unreadable ones included
    events: int  # kept
    users: int
    items: int  # with an event
    troubles: tuple[Trouble, ...]
    assumed: tuple[str, ...]  # what was taken for granted, a sentence each
    rejected: Rejected
    places: Places

    def count(self, code: str) -> int:
        """How often a trouble came up, 0 if never."""
        return next((t.count for t in self.troubles if t.code == code), 0)

    @property
    def dropped(self) -> int:
        """Events and rows that were rejected."""
        return len(self.rejected)
