"""Bodies that are read by hand, row by row: as strict as JSON is, and never a fault of ours."""

from __future__ import annotations

import json
from typing import NoReturn

from zhiyin.web.problems import invalid


def read_json(body: bytes) -> object:
    """What a body says. Raises a 400 for what is no JSON in UTF-8, says NaN or Infinity, or is nested deeper than anything we read."""
    try:
        found: object = json.loads(body.decode(), parse_constant=_refused)
    except (ValueError, RecursionError):
        raise invalid("body", "it cannot be read as JSON in UTF-8") from None
    return found


def _refused(name: str) -> NoReturn:
    raise ValueError(name)
