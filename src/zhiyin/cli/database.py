"""`zhiyin db`: whether the database's tables are as this release needs them, and bringing them there."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from zhiyin.cli.options import JsonOption
from zhiyin.errors import SettingError

if TYPE_CHECKING:
    from zhiyin.stores.places import Place
    from zhiyin.stores.upkeep import Status

db_app = typer.Typer(help="The database of conversations: its tables, its size.", no_args_is_help=True)
DatabaseOption = Annotated[str | None, typer.Option("--store", help="sqlite:///PATH, postgresql://USER:PASSWORD@HOST/DATABASE or mysql://...; default: the setting `store`")]
_NEXT = {
    "ready": "ready",
    "absent": "not there yet; it is made with the first conversation",
    "empty": "empty; its tables are made with the first use, or with: zhiyin db migrate",
    "older": "of an older release; make a backup, then: zhiyin db migrate",
    "newer": "of a newer release than this one; use that one: pip install -U zhiyin",
}


@db_app.command("status")
def status(store: DatabaseOption = None, json_: JsonOption = False) -> int:
    """What is there; exit status 4 if its tables are not as this release needs them. Nothing is changed."""
    from zhiyin.stores.upkeep import look

    found = asyncio.run(look(_place(store)))
    if json_:
        print(json.dumps(asdict(found), ensure_ascii=False))
    else:
        print(f"{found.place} ({found.kind}): {_NEXT[found.condition]}\ntables: version {_version(found)}, needed {found.needed}")
        if found.condition == "ready":
            print(f"events: {found.events:,} in {found.sessions:,} sessions of {found.users:,} users; documents: {found.documents:,}")
    return 0 if found.condition in {"ready", "absent", "empty"} else 4


@db_app.command("migrate")
def migrate(store: DatabaseOption = None, json_: JsonOption = False) -> int:
    """Make the tables, or bring them to the version of this release. Make a backup first."""
    from zhiyin.stores.upkeep import bring_up_to_date

    before, after = asyncio.run(bring_up_to_date(_place(store)))
    if json_:
        print(json.dumps({"before": asdict(before), "after": asdict(after)}, ensure_ascii=False))
    elif before == after:
        print(f"{after.place}: nothing to do, the tables are of version {after.version}")
    else:
        print(f"{after.place}: from version {_version(before)} to {after.version}; {after.events:,} events")
    return 0


def _version(found: Status) -> str:
    return found.version or ("of the first release" if found.condition == "older" else "none")


def _place(store: str | None) -> Place:
    from zhiyin.backends import store_place
    from zhiyin.settings import read_settings

    place = store_place(read_settings(store=store))
    if place is None:
        raise SettingError("store: there is no database behind this store", hint="zhiyin db is for sqlite:///PATH, postgresql://... and mysql://...")
    return place
