"""Places in a listing: opaque, signed, and good for one listing, one caller and one day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from zhiyin.web.problems import invalid
from zhiyin.web.signing import opened, sealed

_GOOD_FOR = timedelta(days=1)
_LONGEST = 1000  # characters


@dataclass(frozen=True, slots=True)
class Cursors:
    """Makes and reads the cursors of one listing, `scope`: its name and everything that chooses its rows, the caller too."""

    secret: bytes
    scope: str

    def make(self, place: str | int, now: datetime) -> str:
        """The cursor of the page after this place."""
        return sealed(self.secret, self._purpose, json.dumps([place, int((now + _GOOD_FOR).timestamp())]).encode())

    def read(self, cursor: str, now: datetime) -> str | int:
        """The place of a cursor; 400 that names `cursor` for one that is broken, expired or of another listing."""
        message = opened(self.secret, self._purpose, cursor) if len(cursor) <= _LONGEST else None
        if message is None:
            raise invalid("cursor", "it was not made for this listing; leave it out to begin at the first page")
        place, until = json.loads(message)
        if now.timestamp() > until:
            raise invalid("cursor", "it has expired; leave it out to begin at the first page")
        return place  # type: ignore[no-any-return]  # as `make` wrote it

    @property
    def _purpose(self) -> str:
        return f"cursor:{self.scope}"
