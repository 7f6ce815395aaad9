"""Where a log is kept, read from a URL: a file, or a database on a server. Light: no driver is imported."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from zhiyin.errors import SettingError

Kind = Literal["sqlite", "postgresql", "mysql"]
SCHEMES: Mapping[str, Kind] = {"sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
_DRIVERS = {"postgresql": ("asyncpg", "postgres"), "mysql": ("asyncmy", "mysql")}  # module, extra
_PORTS = {"postgresql": 5432, "mysql": 3306}
_OPTIONS = {"postgresql": ("sslmode", "host"), "mysql": ("ssl_ca", "unix_socket")}
_HINT = "Write sqlite:///PATH, postgresql://USER:PASSWORD@HOST:PORT/DATABASE or mysql://USER:PASSWORD@HOST:PORT/DATABASE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A file (`path`), or a database on a server. `shown` names it in errors, without the password."""

    kind: Kind
    shown: str
    path: Path = Path()
    host: str = ""
    port: int = 0
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


def masked(url: str) -> str:
    """The URL with `***` in the place of a password."""
    return re.sub(r"(://[^:/@]*):.*@", r"\1:***@", url, flags=re.DOTALL)


def read_place(url: str) -> Place:
    """The place that a URL names. Raises `SettingError` where it names none, or where the driver is not installed."""
    scheme, _, rest = url.partition(":")
    if SCHEMES[scheme] == "sqlite":
        path = rest.removeprefix("///")
        if not path or path.startswith("//"):
            raise SettingError(f"store: {url!r} names no file", hint="Write sqlite:///PATH; a path from the root has four strokes: sqlite:////var/lib/zhiyin/log.db")
        if path == ":memory:":
            raise SettingError(f"store: {url!r} is not kept in a file", hint="Write memory: for a log that goes with the process")
        return Place(kind="sqlite", shown=path, path=Path(path))
    place = _server(url, SCHEMES[scheme])
    module, extra = _DRIVERS[place.kind]
    if importlib.util.find_spec(module) is None:
        raise SettingError(f"store: {scheme} needs the package {module}, which is not installed", hint=f"pip install 'zhiyin[{extra}]'")
    return place


def _server(url: str, kind: Kind) -> Place:
    shown = masked(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingError(f"store: {shown!r} cannot be read: {masked(str(error))}", hint=_HINT) from None  # the cause may hold the password
    options = _options(parts, kind, shown)
    database = unquote(parts.path.removeprefix("/"))
    if not database or "/" in database:
        raise SettingError(f"store: {shown!r} names no database", hint=_HINT)
    if not parts.hostname and not options.get("host") and not options.get("unix_socket"):
        raise SettingError(f"store: {shown!r} names no server", hint=_HINT)
    return Place(
        kind=kind,
        shown=shown,
        host=unquote(parts.hostname or ""),
        port=port or _PORTS[kind],
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        database=database,
        options=options,
    )


def _options(parts: SplitResult, kind: Kind, shown: str) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in options:
        if name not in _OPTIONS[kind]:
            raise SettingError(f"store: {shown!r} has an option that {kind} does not take: {name!r}", hint=f"Known are {' and '.join(_OPTIONS[kind])}")
    return options
