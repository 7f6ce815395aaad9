"""The words of an inferred domain in both languages: what its things are called, how its fields are spoken of, what speaks for an item."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Adjective, Condition, Direction, Domain, Field, Lexicon, Quality
from zhiyin.catalog.infer_columns import Column
from zhiyin.catalog.infer_openers import make_openers
from zhiyin.catalog.kinds import Table, header_words, kinds, synonyms
from zhiyin.text import is_cjk, key, plain, stem
from zhiyin.types import Op, Texts

LANGUAGES = ("en", "zh")
_MAX_VALUES = 5000
_LOW, _HIGH = 0.3, 0.7  # the quantiles that "cheap" and "expensive" stand for
Moves = dict[str, tuple[Direction, tuple[str, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """What a file's items are called."""

    noun: Texts
    nouns: Texts
    counter: Texts
    work: bool  # has an author and a title in 《》
    words: tuple[str, ...] = ()


def thing_of(name: str, columns: Sequence[Column]) -> Thing:
    """What the items are, by the file's name, else by its headers, else by a name that is a plural; items where nothing says."""
    words = [stem(w) for w in re.findall(r"[a-z]+|[^\W\d_a-z]+", plain(name))]
    headers = {plain(c.header).strip() for c in columns} | {c.name for c in columns}
    things: Mapping[str, Table] = kinds()["things"]
    by_name = (t for t in things.values() if any(s in words or (is_cjk(s) and len(s) > 1 and s in name) for s in t["stems"]))
    found = next(by_name, None) or next((t for t in things.values() if headers & set(t["headers"])), None)
    if found:
        own = (*found["en"][:1], found["zh"], *found["words"])
        return Thing(
            noun={"en": found["en"][0], "zh": found["zh"]},
            nouns={"en": found["en"][1], "zh": found["zh"]},
            counter={"zh": found["counter"]},
            work=bool(found.get("work")),
            words=own,
        )
    generic = set(kinds()["nouns"]["generic_stems"])
    english = [w for w in words if w.isascii() and w not in generic and len(w) > 2]
    chinese = [w for w in words if is_cjk(w) and w not in generic and len(w) <= 6]
    plural = english and plain(name).rstrip("_0123456789").endswith(("s", "es")) and english[-1] == words[-1]
    noun = {"en": english[-1] if plural else "item", "zh": chinese[-1] if chinese else "商品"}
    nouns = {"en": re.findall(r"[a-z]+", plain(name))[-1] if plural else "items", "zh": noun["zh"]}
    return Thing(noun=noun, nouns=nouns, counter={"zh": "件" if any(c.kind == "money" for c in columns) else "个"}, work=False, words=(*english[-1:], *chinese))


def with_words(catalog: Catalog, columns: Sequence[Column], thing: Thing) -> Domain:
    """The catalogue's domain with its lexicons, adjectives, quality and openers."""
    by_name = {c.name: c for c in columns if c.name in catalog.domain.fields}
    adjectives = dict(_adjectives(catalog, by_name))
    lexicons = {code: _lexicon(catalog, by_name, thing, code, frozenset(adjectives)) for code in LANGUAGES}
    trust = next((c.name for c in by_name.values() if c.kind == "number" and c.concept == "reviews"), "")
    fields = {name: replace(f, trust=trust) if trust and by_name[name].concept == "rating" and f.numeric else f for name, f in catalog.domain.fields.items()}
    domain = replace(catalog.domain, fields=fields, lexicons=lexicons, adjectives=adjectives, quality=tuple(_quality(catalog, by_name)))
    return replace(domain, openers=make_openers(catalog, by_name))


# --- lexicons ---


def _lexicon(catalog: Catalog, columns: Mapping[str, Column], thing: Thing, code: str, adjectives: frozenset[str]) -> Lexicon:
    fields = {n: f for n, f in catalog.domain.fields.items() if f.wish}
    numeric = [f for f in fields.values() if f.numeric]
    comparatives: Moves = {}
    superlatives: Moves = {}
    said: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    for known_only in (True, False):  # a concept's own words go before what templates make of other labels
        for field in numeric:
            words = _Words(columns[field.name].spec.get(code, {}), field, code, known_only=known_only, taken=taken)
            for direction, most in ((Direction(field=field.name, toward="lower"), "lowest"), (Direction(field=field.name, toward="higher"), "highest")):
                _add(comparatives, f"{field.name}-{direction.toward}", direction, words[direction.toward])
                _add(superlatives, f"{field.name}-{most}", direction, words[most])
            for end in ("low", "high"):
                if f"{field.name}-{end}" in adjectives:
                    said[f"{field.name}-{end}"] = (*said.get(f"{field.name}-{end}", ()), *words[end])
    said |= {name: tuple(w for w in kinds()["money"]["free"] if is_cjk(w) == (code == "zh")) for name in adjectives if name.endswith("-free")}
    nouns = kinds()["nouns"]
    counters = tuple(dict.fromkeys((catalog.domain.counter["zh"], *nouns["counters"]))) if code == "zh" else ()
    return Lexicon(
        nouns=tuple(dict.fromkeys((*(w for w in thing.words if is_cjk(w) == (code == "zh")), *nouns[code]))),
        counters=counters,
        values={n: v for n, f in fields.items() if (v := _value_words(catalog, columns[n], f, code))},
        adjectives=said,
        comparatives=comparatives,
        superlatives=superlatives,
        fields={n: w for n, f in fields.items() if f.kind != "flag" and (w := _field_words(columns[n], f, code))},
        questions={**{n: _questions(columns[n], f, code) for n, f in catalog.domain.fields.items() if f.wish or f.kind == "date"}, "description": tuple(kinds()["about"][code])},
        roles={n: tuple(columns[n].spec.get(code, {}).get("roles", ())) for n, f in fields.items() if f.people},
        masked=tuple(_masked(catalog, code)),
    )


class _Words:
    """A numeric field's comparing words in one language, each word given to one field only."""

    def __init__(self, spec: Table, field: Field, code: str, *, known_only: bool, taken: set[str]) -> None:
        self.spec, self.label, self.code = spec, plain(field.label[code]), code
        self.known_only, self.taken = known_only, taken

    def __getitem__(self, kind: str) -> tuple[str, ...]:
        words = self.spec.get(kind, ()) if self.known_only else [t.format(label=self.label) for t in kinds()["templates"][self.code][kind]]
        fresh = tuple(w for w in dict.fromkeys(words) if key(w) not in self.taken)
        self.taken.update(map(key, fresh))
        return fresh


def _add(moves: Moves, name: str, direction: Direction, words: tuple[str, ...]) -> None:
    if words:
        moves[name] = (direction, (*moves[name][1], *words) if name in moves else words)


def _field_words(column: Column, field: Field, code: str) -> tuple[str, ...]:
    bare = " ".join(header_words(column.header))
    words = (*column.spec.get(code, {}).get("words", ()), field.label[code], *([bare] if is_cjk(bare) == (code == "zh") else []))
    return tuple(dict.fromkeys(plain(w) for w in words if len(key(w)) > 1 or is_cjk(w)))


def _questions(column: Column, field: Field, code: str) -> tuple[str, ...]:
    templates = kinds()["templates"][code]
    label = re.escape(plain(field.label[code]))
    shape = templates["flags"] if field.kind == "flag" else templates["people"] if field.people else templates["questions"]
    patterns = [t.replace("{label}", label) for t in shape]
    return tuple(dict.fromkeys((*column.spec.get(code, {}).get("questions", ()), *patterns)))


def _value_words(catalog: Catalog, column: Column, field: Field, code: str) -> Mapping[str, tuple[str, ...]]:
    """The words for a field's values: themselves, synonyms, singulars, the parts of "Home & Kitchen", "size m" for what is one letter."""
    if field.kind == "flag":
        said = (field.label[code], *column.spec.get(code, {}).get("flag", ()), *synonyms(field.label[code]))
        return {"True": tuple(dict.fromkeys(w for w in said if is_cjk(w) == (code == "zh")))}
    values = catalog.values(field.name)
    if field.people or field.kind not in {"category", "list"} or len(values) > _MAX_VALUES:
        return {}
    own, stop = {key(v) for v in values}, {key(w) for w in kinds()["not_values"]}
    found: dict[str, tuple[str, ...]] = {}
    for value in values:
        if field.soft and key(value) in column.shared:
            continue
        words = [w for w in (*synonyms(value), *_inflected(value, own)) if key(w) not in own]
        words += [value] if len(key(value)) > 1 and key(value) not in stop else []
        if len(key(value)) < 2 and value.isalnum() and not is_cjk(value):
            words += [f"{plain(field.label['en'])} {value}"] if code == "en" else [f"{field.label['zh']}{value}", f"{value}码", f"{value}号"]
        fitting = tuple(dict.fromkeys(w for w in words if is_cjk(w) == (code == "zh")))
        if fitting:
            found[value] = fitting
    return found


def _inflected(value: str, own: set[str]) -> Iterable[str]:
    """What else a value is called: "Headphones" -> headphone; "Home & Kitchen" -> home, kitchen, unless those are values themselves."""
    plain_value = plain(value)
    if plain_value.isascii() and (single := stem(plain_value)) != plain_value:
        yield single
    parts = [p.strip() for p in re.split(r"\s*(?:&|/|\band\b|[与和及])\s*", plain_value)]
    stop = set(kinds()["not_values"])
    if 1 < len(parts) <= 3:
        yield from (p for p in parts if len(p) > (1 if is_cjk(p) else 3) and key(p) not in own and p not in stop)


def _masked(catalog: Catalog, code: str) -> Iterable[str]:
    """Values that are everyday words ("Other", 其他): as wishes they would be heard everywhere."""
    stop = {key(w) for w in kinds()["not_values"]}
    for name, field in catalog.domain.fields.items():
        if field.kind in {"category", "list"} and field.wish and not field.people:
            yield from (v for v in catalog.values(name) if key(v) in stop and is_cjk(v) == (code == "zh"))


# --- adjectives and quality ---


def _adjectives(catalog: Catalog, columns: Mapping[str, Column]) -> Iterable[tuple[str, Adjective]]:
    """What "cheap" and "highly rated" stand for: the lowest or highest three tenths, as soft wishes."""
    for name, field in catalog.domain.fields.items():
        known = catalog.numbers(name)[~np.isnan(catalog.numbers(name))] if field.numeric and field.wish else np.empty(0)
        if len(known) == 0 or (len(known) > 1 and known.min() == known.max()):
            continue
        spec = columns[name].spec
        ends = (("low", Op.LE, float(np.quantile(known, _LOW, method="lower"))), ("high", Op.GE, float(np.quantile(known, _HIGH, method="higher"))))
        for end, op, edge in ends:
            number = int(edge) if edge.is_integer() else edge
            label: Texts = spec.get(f"{end}_label") or {"en": f"{end} {field.label['en']}", "zh": f"{field.label['zh']}{'低' if end == 'low' else '高'}"}
            if columns[name].kind == "money" and end == "low" and known.min() == 0:
                yield f"{name}-free", Adjective(name=f"{name}-free", label=kinds()["money"]["free_label"], conditions=(Condition(field=name, op=Op.LE, value=0),), hard=True)
            yield f"{name}-{end}", Adjective(name=f"{name}-{end}", label=label, conditions=(Condition(field=name, op=op, value=number),))


def _quality(catalog: Catalog, columns: Mapping[str, Column]) -> Iterable[Quality]:
    """Ratings, and counts of what others bought, read or wrote: what speaks for an item unasked."""
    for name, column in columns.items():
        kind = column.spec.get("quality")
        known = catalog.numbers(name)[~np.isnan(catalog.numbers(name))] if column.kind == "number" and kind else np.empty(0)
        if len(known) == 0 or known.min() == known.max() or known.min() < 0:
            continue
        low, high = (float(v) for v in np.quantile(known, (0.05, 0.95)))
        low, high = (low, high) if low < high else (float(known.min()), float(known.max()))
        yield Quality(
            field=name,
            weight=1.0 if kind == "quality" else 0.6,
            low=low,
            high=high,
            log=kind == "popular",
            above=float(np.quantile(known, _HIGH, method="higher")),
            kind="quality" if kind == "quality" else "popular",
            reason={code: text.replace("{label}", catalog.domain.fields[name].label[code]) for code, text in column.spec["reason"].items()},
        )
