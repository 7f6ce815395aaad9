"""`zhiyin data`: opt-in data packs."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table

from zhiyin.catalog.pack import built_in, find_pack, read_pack
from zhiyin.catalog.packs import PackState, add_pack, list_packs, remove_pack
from zhiyin.errors import DataPackError
from zhiyin.settings import read_settings
from zhiyin.trained import forget_models


def _states(domain: str | None) -> list[PackState]:
    data = read_settings().data
    return [s for name in ([domain] if domain else built_in()) for s in list_packs(read_pack(find_pack(name)), data)]


def show_packs(domain: str | None, *, as_json: bool) -> None:
    """The packs as a table or as JSON."""
    states = _states(domain)
    if as_json:
        print(
            json.dumps(
                [{"name": s.pack.name, "kind": s.pack.kind, "installed": s.installed, "licence": s.pack.licence, "about": dict(s.pack.about)} for s in states], ensure_ascii=False
            )
        )
        return
    table = Table("pack", "what", "licence", "state")
    for s in states:
        table.add_row(s.pack.name, f"{s.pack.about.get('en', '')}\n{s.pack.about.get('zh', '')}", s.pack.licence, "installed" if s.installed else f"zhiyin data add {s.pack.name}")
    Console(highlight=False).print(table)


def fetch_pack(name: str, domain: str | None) -> None:
    """Fetch, verify and unpack one pack."""
    states = _states(domain)
    found = next((s for s in states if s.pack.name == name), None)
    if found is None:
        raise DataPackError(f"no data pack {name!r}; there are {', '.join(s.pack.name for s in states) or 'none'}", hint="See: zhiyin data list")
    where = add_pack(found.pack, read_settings().data, print)
    print(f"{name} is in {where}")


def drop_pack(name: str) -> None:
    """Delete one pack."""
    settings = read_settings()
    if not remove_pack(name, settings.data):
        raise DataPackError(f"the data pack {name!r} is not installed", hint="See: zhiyin data list")
    if gone := forget_models(settings, name):
        print(f"what was learned from it is deleted too ({gone} {'model' if gone == 1 else 'models'})")
    print(f"{name} removed")
