"""Events under the names that others give their fields: Google Retail, GA4, Algolia, Gorse, Amazon Personalize. The names are in catalog/events.toml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from zhiyin.catalog.events_names import names, squeeze

_OF_ROLE = {"user": "user_id", "session": "session_id", "item": "item_ids", "kind": "type", "time": "time", "value": "value", "event": "event_id"}
_VISITORS = frozenset({"visitorid", "usertoken", "userpseudoid", "anonymoususerid", "anonymousid", "userinfo.visitorid", "clientid", "访客id", "访客"})
_LEVELS = ("product", "item")  # where an entry of a list keeps its item, if not in itself


def in_our_names(event: Mapping[str, object], ours: frozenset[str]) -> dict[str, object]:
    """The event with the fields that we know by another name under ours. A field that has our name already stands; of several names the one that the table has first speaks."""
    found: dict[str, object] = {name: value for name, value in event.items() if name in ours}
    theirs = {squeeze(name): name for name, _ in _flat(event) if name not in ours}
    taken: set[str] = set()
    for alias, field in _aliases():
        name = theirs.get(alias)
        if name is None:
            continue
        taken.add(name)
        if field not in found:
            value = _at(event, name)
            found[field] = [_item(one) for one in (value if isinstance(value, list) else [value])] if field == "item_ids" else value
    left = {name: value for name, value in event.items() if name not in ours and not any(t == name or t.startswith(f"{name}.") for t in taken)}
    return {**left, **found}


@cache
def _aliases() -> tuple[tuple[str, str], ...]:
    """Every other name with ours, those of one field in the order in which they speak."""
    return tuple((alias, "visitor_id" if alias in _VISITORS else _OF_ROLE[role]) for role, aliases in names().columns.items() for alias in aliases)


def _flat(event: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The fields, those of an object in the event by their path."""
    for name, value in event.items():
        yield name, value
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", one) for inner, one in value.items())


def _at(event: Mapping[str, object], path: str) -> object:
    if path in event:
        return event[path]
    outer, _, inner = path.partition(".")
    within: Any = event[outer]
    return within[inner]


def _item(entry: object) -> object:
    """The id of an entry of a list of items: the entry itself, or what it has under a name for one."""
    if not isinstance(entry, Mapping):
        return entry
    squeezed = {squeeze(str(name)): value for name, value in entry.items()}
    found = next((squeezed[name] for name in names().ids if name in squeezed), None)
    if found is None:
        inner = next((squeezed[name] for name in _LEVELS if isinstance(squeezed.get(name), Mapping)), None)
        return entry if inner is None else _item(inner)
    return found
