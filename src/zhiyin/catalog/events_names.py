"""What columns, event types and ids of a log are called, whoever wrote it. The names themselves are in events.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from zhiyin.interactions import KINDS

PASSED = -2  # a type that says nothing of an item
UNKNOWN = -1
_SIGNS = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"[+]?0*(\d+)(?:\.0*)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The table of events.toml, in squeezed names."""

    columns: Mapping[str, Sequence[str]]  # role -> names, the one that speaks first first
    lists: frozenset[str]  # item columns that hold several
    ids: Sequence[str]  # where an object of such a list keeps its id
    kinds: Mapping[str, int]  # name -> index into KINDS, or PASSED
    itemless: frozenset[str]  # names of types that may name no item
    missing: frozenset[str]  # ids that are none


@lru_cache(maxsize=1)
def names() -> Names:
    """The table, read once."""
    table = tomllib.loads((Path(__file__).parent / "events.toml").read_text(encoding="utf-8"))
    kinds = {alias: KINDS.index(kind) for kind, aliases in table["kinds"].items() for alias in (kind, *aliases)}
    return Names(
        columns=table["columns"],
        lists=frozenset(table["lists"]["item"]),
        ids=table["lists"]["ids"],
        kinds={**{kind: place for place, kind in enumerate(KINDS)}, **kinds, **dict.fromkeys(table["passed"]["always"], PASSED)},
        itemless=frozenset(table["passed"]["itemless"]),
        missing=frozenset(table["missing"]["ids"]),
    )


def squeeze(name: str) -> str:
    """A name without case, spaces and signs; dots between levels and nothing after a colon ("USER_ID:token" -> "userid")."""
    return ".".join(_SIGNS.sub("", part) for part in name.partition(":")[0].casefold().split("."))


def kind_of(name: str) -> int:
    """The index into KINDS that a type's name stands for, `PASSED` or `UNKNOWN`."""
    return names().kinds.get(squeeze(name).replace(".", ""), UNKNOWN)


def nearest_kind(name: str) -> str:
    """The valid type whose name, or whose alias, is spelled most like this one; "" if none is near."""
    from rapidfuzz import process  # noqa: PLC0415  # only where a type is unknown

    known = {alias: place for alias, place in names().kinds.items() if place >= 0}
    found = process.extractOne(squeeze(name), list(known), score_cutoff=70)
    return KINDS[known[found[0]]] if found else ""


def plain_number(text: str) -> str | None:
    """A whole number's plain digits ("007", "7.0" and "+7" -> "7"); None of any other text."""
    found = _NUMBER.fullmatch(text)
    return found[1] if found else None
