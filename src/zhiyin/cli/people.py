"""`zhiyin users` and `zhiyin explain`: who there is, what is kept of one, why an item is for them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import typer
from rapidfuzz import process
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from zhiyin.backends import Stores, open_bus, open_stores, shared
from zhiyin.bootstrap import App, build
from zhiyin.catalog.columns import Catalog
from zhiyin.cli.options import warn
from zhiyin.engine import SESSIONS_READ
from zhiyin.errors import ControlError
from zhiyin.settings import Settings
from zhiyin.types import Item, ItemId, Language, Profile, SessionId, State, UserId
from zhiyin.web.changes import TASTE
from zhiyin.web.explaining import explained, last_shown
from zhiyin.web.known import known_of
from zhiyin.web.leaving import erase_and_tell, taken_along, taken_along_by_line
from zhiyin.web.turns import STOP_USER
from zhiyin.wire import Json

T = TypeVar("T")
Format = Literal["json", "jsonl"]
_ME = "cli"  # stands where a worker names itself
_NEAR, _SUGGESTED = 60.0, 3  # how like an id or a title has to be to be suggested, and how many are


def list_users(settings: Settings, *, after: str, limit: int, as_json: bool) -> None:
    """The users of the store by id, with how many events each has."""
    found = _with_stores(settings, lambda stores: stores.archive.users(after=after, limit=limit + 1))
    page, more = found[:limit], len(found) > limit
    if as_json:
        rows = [{"user": user, "events": events} for user, events in page]
        print(json.dumps({"users": rows, "next": page[-1][0] if more else None}, ensure_ascii=False))
        return
    if not page:
        print("The store knows no user" + (f" after {after!r}." if after else ". They come with the first conversation, or with: zhiyin import events FILE"))
        return
    table = Table("user", "events")
    table.columns[0].overflow = "fold"
    table.columns[1].justify = "right"
    for user, events in page:
        table.add_row(escape(user), f"{events:,}")
    Console(highlight=False).print(table)
    if more:
        print(f"There are more: zhiyin users list --after {page[-1][0]!r}")


def export_user(settings: Settings, user: str, *, out: Path | None, form: Format) -> None:
    """Write every event of a user to a file, or to standard output. Raises `ControlError` where nothing is kept of such a user."""
    now = datetime.now(UTC)

    async def written(stores: Stores) -> int:
        if not await stores.archive.conversations(user=UserId(user), limit=1):
            raise _nobody(user)
        pieces = taken_along(stores, UserId(user), now) if form == "json" else taken_along_by_line(stores, UserId(user))
        return await _write(pieces, out)

    size = _with_stores(settings, written)
    if out is not None:
        print(f"Wrote {out}: {size:,} characters.", file=sys.stderr)


def forget_user(settings: Settings, user: str, *, yes: bool, as_json: bool) -> int:
    """Erase everything of a user, asking first; 1 where it was not wanted or there was nothing."""
    sessions = _with_stores(settings, lambda stores: stores.archive.conversations(user=UserId(user), limit=10_000))
    events = sum(one.events for one in sessions)
    if not yes:
        if not sys.stdin.isatty():
            raise ControlError(f"nothing was erased: {user!r} has {events:,} events in {len(sessions):,} sessions, and nobody is here to be asked", hint="Say so with --yes")
        if not typer.confirm(f"Erase {events:,} events in {len(sessions):,} sessions of {user!r} for good?", err=True):
            print("Nothing was erased.", file=sys.stderr)
            return 1
    log, records = asyncio.run(_erased(settings, UserId(user)))
    if as_json:
        print(json.dumps({"user": user, "erased": {"log": log, "records": records}}, ensure_ascii=False))
    elif log or records:
        print(f"Erased of {user!r}: {log:,} events of the log, {records} of the settings beside it.")
    if not (log or records):
        warn(f"nothing is kept of {user!r}; who there is: zhiyin users list")
        return 1
    if not as_json:
        print("Kept elsewhere until they are made anew: trained models (zhiyin train), log files in the data folder, backups.")
    return 0


def explain_item(settings: Settings, items: Path | None, user: str, item: str, *, language: str | None, as_json: bool) -> None:
    """Why an item is for a user: as it was last shown to them, else as it would be found now. Raises `ControlError` for a user or an item that is not there."""
    app = build(settings, items=items, warn=warn)
    told: Any = asyncio.run(_explained(app, UserId(user), item, language))  # JSON
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    console = Console(highlight=False)
    console.print(f"[bold]{escape(str(told['item']['title']))}[/]  {escape(str(told['item']['id']))}")
    for reason in told["reasons"]:
        console.print(f"  ✓ {reason['text']}", markup=False)
    if told["text"]:
        console.print(told["text"], markup=False)
    for title, rows in (
        ("source", [(name, f"{score:.4f}") for name, score in told["sources"].items()]),
        ("taste", [(row["title"], f"{row['weight']:+.4f}") for row in told["profile"]]),
    ):
        if rows:
            table = Table(title, "weight" if title == "taste" else "score")
            for name, number in rows:
                table.add_row(escape(name), number)
            console.print(table)
    if not told["profile"]:
        print("No taste had a say: nothing that tells of one is kept of the user, or the user switched it off.")


async def _explained(app: App, user: UserId, named: str, language: str | None) -> Json:
    try:
        await app.load()
        item = _item(app.catalog, named)
        known = await known_of(app, user, latest=SESSIONS_READ)
        if not known.sessions:
            raise _nobody(user)
        state, shown = State(), None
        for one in await app.stores.archive.conversations(user=user, limit=SESSIONS_READ):
            shown = await last_shown(app.stores.log, one.session, item.id)
            if shown is not None:
                state = await app.engine.state(SessionId(one.session), user)
                break
        if language is not None:
            state = replace(state, language=Language(language))
        return explained(app, item, state, known.profile if known.personalise else Profile(), shown)
    finally:
        await app.engine.close()


def _item(catalog: Catalog, named: str) -> Item:
    """The item of an id, else of a title that only one has."""
    found = catalog.item(ItemId(named))
    if found is not None:
        return found
    titled = [i for i in catalog.items if named.casefold() in {title.casefold() for title in i.titles.values()}]
    if len(titled) == 1:
        return titled[0]
    if titled:
        raise ControlError(f"{len(titled)} items are called {named!r}", hint=f"Name one by its id: {_few(i.id for i in titled)}")
    words = {text: i.id for i in catalog.items for text in (i.id, *i.titles.values())}
    near = [words[text] for text, _, _ in process.extract(named, list(words), limit=_SUGGESTED, score_cutoff=_NEAR)]
    raise ControlError(f"the catalogue has no item {named!r}", hint=f"Near it are: {_few(dict.fromkeys(near))}" if near else "Name an item by its id or its whole title")


def _few(names: Iterable[str]) -> str:
    return ", ".join(list(names)[:_SUGGESTED])


def _nobody(user: str) -> ControlError:
    return ControlError(f"nothing is kept of a user {user!r}", hint="See who there is: zhiyin users list")


async def _erased(settings: Settings, user: UserId) -> tuple[int, int]:
    """What went, from the store and from live sessions in Redis; servers hear of it by the bus, and by the store where there is none."""
    stores, bus = shared(settings, open_stores(settings)), open_bus(settings)
    try:
        await bus.publish(STOP_USER, f"{_ME}:{user}")
        gone = await erase_and_tell(stores, user, datetime.now(UTC))
        await bus.publish(TASTE, f"{_ME}:{user}")
        return gone
    finally:
        await bus.close()
        await stores.log.close()


async def _write(pieces: AsyncGenerator[str, None], out: Path | None) -> int:
    """Write the pieces as they come; how many characters that was. A file appears whole or not at all."""
    scratch = None if out is None else out.with_name(out.name + ".part")
    size = 0
    try:
        async with aclosing(pieces):
            with nullcontext(sys.stdout) if scratch is None else scratch.open("w", encoding="utf-8") as file:
                async for piece in pieces:
                    size += file.write(piece)
        if scratch is not None and out is not None:
            scratch.replace(out)
    finally:
        if scratch is not None:
            scratch.unlink(missing_ok=True)
    return size


def _with_stores(settings: Settings, ask: Callable[[Stores], Awaitable[T]]) -> T:
    async def asked() -> T:
        stores = open_stores(settings)
        try:
            return await ask(stores)
        finally:
            await stores.log.close()

    return asyncio.run(asked())
