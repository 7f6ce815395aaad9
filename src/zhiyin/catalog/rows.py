"""Single items as JSON: read strictly from a request's body, shown in a reply, kept in the store."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import process

from zhiyin.catalog.clean import clean_value
from zhiyin.catalog.domain import Domain, Field
from zhiyin.text import is_cjk
from zhiyin.types import Item, ItemId, Texts, Value

Json = dict[str, object]
LONGEST_ID, LONGEST_TITLE, LONGEST_TEXT = 255, 500, 20_000  # characters
MOST_VALUES, MOST_SIZES = 500, 100
FIELDS = ("id", "title", "titles", "attributes", "description", "aliases", "variants")
_LANGUAGES = ("en", "zh", "original")
_ALIKE = 60  # of 100: nearer names are proposed
_LARGEST = 1e15
_SHOWN = 80  # characters of what was sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one field of a body."""

    field: str
    message: str


class BadItem(ValueError):
    """A body that is no item of the domain; `faults` has all that is wrong, by field."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults))
        self.faults = tuple(faults)


def read_item(domain: Domain, body: object, *, item_id: str | None = None) -> Item:
    """The item of a body: `{titles | title, attributes, aliases?, description?, variants?}`, its values in the fields' own form and unit.

    Its id is `item_id`, or the body's own; where both are given they must agree. A null says as little as a field left out. Raises `BadItem`.
    """
    return _Reader(domain).item(body, item_id)


def item_json(item: Item) -> Json:
    """An item as replies have it; read back it is the same item."""
    found: Json = {
        "id": item.id,
        "title": item.title("en"),
        "titles": dict(item.titles),
        "attributes": {name: list(value) if isinstance(value, tuple) else value for name, value in item.attributes.items()},
        "description": dict(item.texts),
        "aliases": list(item.aliases),
    }
    return {**found, "variants": [{name: _tidy(number) for name, number in size.items()} for size in item.variants]} if item.variants else found


def kept_json(item: Item) -> str:
    """An item as the store keeps it, without its id: exactly what `item_of` gives back."""
    attributes = {name: list(value) if isinstance(value, tuple) else value for name, value in item.attributes.items()}
    kept = {"titles": dict(item.titles), "attributes": attributes, "aliases": list(item.aliases), "texts": dict(item.texts), "variants": [dict(size) for size in item.variants]}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def item_of(item_id: ItemId, kept: Mapping[str, object]) -> Item:
    """The item that `kept_json` wrote. Raises `TypeError`, `ValueError`, `KeyError` or `AttributeError` for what it did not write."""
    titles, attributes, aliases, texts, variants = (kept[name] for name in ("titles", "attributes", "aliases", "texts", "variants"))
    if not (isinstance(titles, dict) and titles and isinstance(attributes, dict) and isinstance(texts, dict) and isinstance(aliases, list) and isinstance(variants, list)):
        raise TypeError("no item")
    return Item(
        id=item_id,
        titles=titles,
        attributes={name: tuple(value) if isinstance(value, list) else value for name, value in attributes.items()},
        aliases=tuple(aliases),
        texts=texts,
        variants=tuple(dict(size) for size in variants),
    )


class _Reader:
    """One body on its way to an item: everything is looked at, so that all faults are told at once."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.faults: list[Fault] = []

    def item(self, body: object, item_id: str | None) -> Item:
        if not isinstance(body, Mapping):
            raise BadItem([Fault(field="item", message="an object is needed")])
        for name in body:
            if name not in FIELDS:
                self.fault(str(name), _unknown(str(name), FIELDS))
        identity, titles = self.identity(body.get("id"), item_id), self.titles(body)
        variants = self.variants(body.get("variants"))
        attributes = self.attributes(body.get("attributes"), sized=bool(variants))
        item = Item(
            id=ItemId(identity),
            titles=titles,
            attributes=attributes,
            aliases=tuple(dict.fromkeys(self.texts_of(body.get("aliases"), "aliases", LONGEST_TITLE))),
            texts=self.by_language(body.get("description"), "description", ("en", "zh"), LONGEST_TEXT),
            variants=variants,
        )
        if self.faults:
            raise BadItem(self.faults)
        return item

    def fault(self, field: str, message: str) -> None:
        self.faults.append(Fault(field=field.encode("utf-8", "backslashreplace").decode()[:_SHOWN] or "''", message=message))

    def identity(self, own: object, given: str | None) -> str:
        identity = given if given is not None else own
        if not isinstance(identity, str) or not identity.strip():
            self.fault("id", "an item needs an id, a text")
            return ""
        if own is not None and own != identity:
            self.fault("id", f"the body says {_short(own)}, the address {_short(identity)}; leave it out of the body")
        return self.text(identity, "id", LONGEST_ID)

    def titles(self, body: Mapping[str, object]) -> Texts:
        titles = self.by_language(body.get("titles"), "titles", _LANGUAGES, LONGEST_TITLE)
        one = self.by_language(body.get("title"), "title", _LANGUAGES, LONGEST_TITLE)
        if titles:  # a title beside them is what replies call the item by
            return titles
        if not one and not any(fault.field.partition(".")[0] in {"title", "titles"} for fault in self.faults):
            self.fault("titles", 'an item needs a title: {"en": ..., "zh": ...}, or one text under title')
        return one

    def by_language(self, given: object, field: str, languages: Sequence[str], longest: int) -> dict[str, str]:
        """{"en": ..., "zh": ...} from an object, or from one text by its script."""
        if given is None:
            return {}
        if isinstance(given, str):
            text = self.text(given, field, longest)
            return {"zh" if is_cjk(text) else "en": text} if text else {}
        if not isinstance(given, Mapping):
            self.fault(field, "a text is needed, or an object of texts by language")
            return {}
        found: dict[str, str] = {}
        for language, text in given.items():
            if language not in languages:
                self.fault(f"{field}.{language}", _unknown(str(language), languages))
            elif text is not None and (clean := self.text(text, f"{field}.{language}", longest)):
                found[language] = clean
        return found

    def text(self, given: object, field: str, longest: int) -> str:
        """A text that every store can keep, without spaces around it; empty, and the fault noted, where it is none."""
        if not isinstance(given, str):
            self.fault(field, f"a text is needed, not {_kind(given)}")
            return ""
        clean = given.strip()
        if len(clean) > longest:
            self.fault(field, f"{len(clean):,} characters are too many; {longest:,} are the most")
        elif "\0" in clean or any("\ud800" <= sign <= "\udfff" for sign in clean):
            self.fault(field, "it holds NUL or half a character")
        else:
            return clean
        return ""

    def texts_of(self, given: object, field: str, longest: int) -> list[str]:
        if given is None:
            return []
        if not isinstance(given, list):
            self.fault(field, f"a list of texts is needed, not {_kind(given)}")
            return []
        if len(given) > MOST_VALUES:
            self.fault(field, f"{len(given)} are too many; {MOST_VALUES} are the most")
            return []
        return [text for place, one in enumerate(given) if (text := self.text(one, f"{field}.{place}", longest))]

    # --- attributes ---

    def attributes(self, given: object, *, sized: bool) -> dict[str, Value]:
        found: dict[str, Value] = {}
        if given is not None and not isinstance(given, Mapping):
            self.fault("attributes", f"an object is needed, not {_kind(given)}")
        for name, value in given.items() if isinstance(given, Mapping) else ():
            where, field = f"attributes.{name}", self.domain.fields.get(name)
            if value is None:
                continue
            if name == "currency":
                self.currency(value)
            elif field is None:
                self.fault(where, _unknown(str(name), self.domain.fields))
            elif sized and name in self.domain.variants:
                self.fault(where, "it varies by size here: say it in variants only")
            elif (clean := self.value(value, field, where)) is not None:
                found[name] = clean
        if self.domain.currency and any(field.kind == "money" for field in self.domain.fields.values()):
            found["currency"] = self.domain.currency
        return found

    def currency(self, value: object) -> None:
        if value != self.domain.currency:
            self.fault(
                "attributes.currency", f"prices of this catalogue are in {self.domain.currency}, not {_short(value)}" if self.domain.currency else "this catalogue has no currency"
            )

    def value(self, value: object, field: Field, where: str) -> Value | None:
        """A value in the field's own form; None, and the fault noted, where it is none."""
        if field.numeric:
            return self.number(value, field, where)
        if field.kind == "list":
            values = self.texts_of([value] if isinstance(value, str) else value, where, LONGEST_TITLE)
            return clean_value(values, field) if values else None
        if field.kind == "flag":
            flag = clean_value(value, field) if isinstance(value, bool | str) else None
            if flag is None:
                self.fault(where, f"true or false is needed, not {_short(value)}")
            return flag
        text = self.text(value, where, LONGEST_TEXT)
        return clean_value(text, field) if text else None

    def number(self, value: object, field: Field, where: str) -> int | float | None:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            self.fault(where, f"a number is needed, not {_kind(value)}")
            return None
        if isinstance(value, int | float) and not abs(value) < _LARGEST:  # NaN is not below either
            self.fault(where, "a number of at most 15 digits is needed")
            return None
        clean = clean_value(value, field)
        if isinstance(clean, int | float) and field.kind == "money" and clean < 0:
            self.fault(where, f"{clean} is below 0")
        elif isinstance(clean, int | float) and not isinstance(clean, bool):
            return clean
        elif clean_value(value, _anywhere(field)) is None:
            self.fault(where, f"{_short(value)} is no number")
        else:
            low, high = field.plausible or (-math.inf, math.inf)
            self.fault(where, f"{_short(value)} is out of range; {_tidy(low)} to {_tidy(high)} is meant")
        return None

    def variants(self, given: object) -> tuple[Mapping[str, float], ...]:
        """Sizes, cheapest first."""
        if given is None or given == []:
            return ()
        if not self.domain.variants:
            self.fault("variants", "items of this catalogue have no sizes; say it in attributes")
            return ()
        if not isinstance(given, list) or len(given) > MOST_SIZES:
            self.fault("variants", f"a list of at most {MOST_SIZES} objects is needed")
            return ()
        sizes = [size for place, one in enumerate(given) if (size := self.size(one, f"variants.{place}"))]
        return tuple(sorted(sizes, key=lambda size: size.get("price", math.inf)))

    def size(self, given: object, where: str) -> dict[str, float]:
        if not isinstance(given, Mapping):
            self.fault(where, f"an object is needed, not {_kind(given)}")
            return {}
        found: dict[str, float] = {}
        for name, value in given.items():
            if name not in self.domain.variants:
                self.fault(f"{where}.{name}", _unknown(str(name), self.domain.variants))
            elif value is not None and (number := self.number(value, self.domain.fields[name], f"{where}.{name}")) is not None:
                found[name] = number
        if not given:
            self.fault(where, f"a size says one of {', '.join(self.domain.variants)}")
        return found


def _anywhere(field: Field) -> Field:
    """The field without its range."""
    return Field(name=field.name, kind=field.kind, label=field.label, units=field.units)


def _unknown(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = process.extractOne(name, known, score_cutoff=_ALIKE)
    lead = f"there is no {_short(name)} here"
    return f"{lead}; did you mean {near[0]!r}?" if near else f"{lead}; there are {', '.join(known)}"


def _short(value: object) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


_KINDS: tuple[tuple[Callable[[object], bool], str], ...] = (
    (lambda value: value is None, "null"),
    (lambda value: isinstance(value, bool), "true or false"),
    (lambda value: isinstance(value, int | float), "a number"),
    (lambda value: isinstance(value, str), "a text"),
    (lambda value: isinstance(value, list | tuple), "a list"),
)


def _kind(value: object) -> str:
    """What a JSON value is, in words."""
    return next((words for is_one, words in _KINDS if is_one(value)), "an object")


def _tidy(number: float) -> int | float:
    return int(number) if math.isfinite(number) and float(number).is_integer() else number
