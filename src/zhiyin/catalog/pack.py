"""Read a domain pack from its folder and check it; every complaint names the file, the key and what is allowed."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from zhiyin.catalog.domain import (
    Adjective,
    Condition,
    DataPack,
    Direction,
    Domain,
    Field,
    Layer,
    Lexicon,
    Quality,
)
from zhiyin.errors import PackError
from zhiyin.types import Op, Texts, Value

Table = Mapping[str, Any]  # a TOML table: its values are checked where they are read
T = TypeVar("T")

LANGUAGES = ("en", "zh")
BUILT_IN = Path(__file__).parent.parent / "domains"
_KINDS = {"category", "list", "number", "money", "year", "date", "text", "flag"}


def built_in() -> tuple[str, ...]:
    """The names of the packs that come with Zhiyin."""
    return tuple(sorted(p.parent.name for p in BUILT_IN.glob("*/domain.toml")))


def find_pack(name: str) -> Path:
    """The folder of a built-in pack or of one given by path."""
    for folder in (BUILT_IN / name, Path(name)):
        if (folder / "domain.toml").is_file():
            return folder
    known = ", ".join(built_in())
    raise PackError(f"no domain pack {name!r}: neither a built-in name ({known}) nor a folder with a domain.toml", hint="Try: zhiyin chat --domain movies")


def read_pack(folder: Path) -> Domain:
    """The pack in this folder. Raises `PackError` at the first thing that is wrong; `check_pack` lists everything."""
    reader = _Reader(folder)
    try:
        return reader.domain()
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise reader.fail("a value", f"is not of the form this key takes ({error})") from error


def check_pack(folder: Path) -> list[str]:
    """Everything wrong with a pack, a sentence each; empty if it is sound."""
    try:
        domain = read_pack(folder)
    except PackError as error:
        return [str(error)]
    return [*_dangling(domain), *_bad_samples(folder)]


class _Reader:
    """Walks one pack's TOML files and knows where it stands, for the error messages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "domain.toml"

    def fail(self, where: str, what: str) -> PackError:
        return PackError(f"{self.path}: {where}: {what}", hint=f"Check it with: zhiyin validate {self.folder}")

    def load(self, path: Path) -> Table:
        self.path = path
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise PackError(f"{path}: the file is missing", hint="A pack needs domain.toml, lexicon.en.toml and lexicon.zh.toml") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise PackError(f"{path}: not valid TOML: {error}", hint=f"Check it with: zhiyin validate {self.folder}") from error

    def take(self, table: Table, where: str, name: str, kind: type[T], default: T) -> T:
        value = table.get(name, default)
        if not isinstance(value, kind):
            raise self.fail(f"{where}.{name}", f"{value!r} should be a {kind.__name__}")
        return value

    def known(self, table: Table, where: str, allowed: Sequence[str]) -> None:
        for name in table:
            if name not in allowed:
                raise self.fail(where, f"unknown key {name!r}; known are {', '.join(sorted(allowed))}")

    def domain(self) -> Domain:
        top = self.load(self.path)
        fields = {name: self.field(name, spec) for name, spec in self.take(top, "", "fields", dict, {}).items()}
        if not fields:
            raise self.fail("fields", "a pack needs at least one [fields.NAME]")
        adjectives = {name: self.adjective(name, spec) for name, spec in self.take(top, "", "adjectives", dict, {}).items()}
        item = self.take(top, "", "item", dict, {})
        self.known(top, "the top level", ("name", "label", "item", "fields", "adjectives", "quality", "layers", "data_packs", "openers"))
        self.known(item, "item", ("noun", "nouns", "counter", "series", "currency", "price_note", "variants", "pair"))
        main = self.path
        result = Domain(
            name=self.take(top, "", "name", str, self.folder.name),
            label=self.texts(top, "label"),
            noun=self.texts(item, "noun"),
            nouns=self.texts(item, "nouns"),
            counter=self.texts(item, "counter"),
            series=self.take(item, "item", "series", str, ""),
            currency=self.take(item, "item", "currency", str, ""),
            price_note=self.texts(item, "price_note"),
            fields=fields,
            adjectives=adjectives,
            quality=tuple(self.record(Quality, "quality", q) for q in top.get("quality", ())),
            layers=tuple(self.record(Layer, "layers", layer) for layer in top.get("layers", ())),
            data_packs=tuple(self.record(DataPack, "data_packs", pack) for pack in top.get("data_packs", ())),
            variants=self.listed(item, "item", "variants"),
            pair=(str(item["pair"][0]), str(item["pair"][1])) if "pair" in item else None,
            openers={k: tuple(v) for k, v in self.take(top, "", "openers", dict, {}).items()},
            people=self.people(),
            lexicons={language: self.lexicon(language) for language in LANGUAGES},
            folder=str(self.folder),
        )
        self.path = main
        return result

    def record(self, kind: type[T], where: str, spec: object) -> T:
        """A dataclass from its TOML table."""
        if not isinstance(spec, dict):
            raise self.fail(where, "should be a table")
        try:
            return kind(**spec)
        except TypeError as error:
            raise self.fail(where, str(error).split("__init__() ")[-1]) from None

    def texts(self, table: Table, name: str) -> Texts:
        value = table.get(name, {})
        if isinstance(value, str):
            return dict.fromkeys(LANGUAGES, value)
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self.fail(name, f"{value!r} should be a text, or a table of texts by language")
        return value

    def field(self, name: str, spec: object) -> Field:
        where = f"fields.{name}"
        if not isinstance(spec, dict):
            raise self.fail(where, "should be a table")
        if spec.get("kind") not in _KINDS:
            raise self.fail(f"{where}.kind", f"{spec.get('kind')!r} is not one of {', '.join(sorted(_KINDS))}")
        self.known(spec, where, [f for f in Field.__dataclass_fields__ if f != "name"])
        changes: dict[str, Any] = dict(spec)
        changes["label"] = self.texts(spec, "label") or dict.fromkeys(LANGUAGES, name.replace("_", " "))
        changes["unit"] = self.texts(spec, "unit")
        changes["says"] = self.texts(spec, "says")
        if "plausible" in spec:
            low, high = spec["plausible"]
            changes["plausible"] = (float(low), float(high))
        changes["implies"] = {k: tuple(v) for k, v in spec.get("implies", {}).items()}
        return Field(name=name, **changes)

    def adjective(self, name: str, spec: Table) -> Adjective:
        conditions = tuple(self.condition(f"adjectives.{name}", c) for c in spec.get("conditions", ()))
        if not conditions:
            raise self.fail(f"adjectives.{name}", "needs at least one condition, [field, op, value]")
        return Adjective(name=name, conditions=conditions, hard=bool(spec.get("hard")), label=self.texts(spec, "label"))

    def condition(self, where: str, spec: object) -> Condition:
        match spec:
            case [str(field), str(op), value] if op in list(Op):
                return Condition(field=field, op=Op(op), value=_frozen(value))
        raise self.fail(where, f"{spec!r} should be [field, op, value] with op one of {', '.join(Op)}")

    def people(self) -> Mapping[str, tuple[str, ...]]:
        path = self.folder / "people.json"
        if not path.is_file():
            return {}
        try:
            names = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise PackError(f"{path}: not valid JSON: {error}") from error
        if not isinstance(names, dict):
            raise PackError(f"{path}: should be an object, name -> other names")
        return {name: tuple(others) for name, others in names.items()}

    def lexicon(self, language: str) -> Lexicon:
        top = self.load(self.folder / f"lexicon.{language}.toml")
        self.known(top, "lexicon", list(Lexicon.__dataclass_fields__))
        return Lexicon(
            nouns=self.listed(top, "lexicon", "nouns"),
            counters=self.listed(top, "lexicon", "counters"),
            masked=self.listed(top, "lexicon", "masked"),
            values={f: {v: tuple(words) for v, words in table.items()} for f, table in top.get("values", {}).items()},
            adjectives=self.words(top, "adjectives"),
            fields=self.words(top, "fields"),
            questions=self.patterns(top, "questions"),
            roles=self.words(top, "roles"),
            comparatives=self.directions(top, "comparatives"),
            superlatives=self.directions(top, "superlatives"),
        )

    def words(self, top: Table, name: str) -> Mapping[str, tuple[str, ...]]:
        table = self.take(top, "lexicon", name, dict, {})
        return {key: self.listed(table, name, key) for key in table}

    def listed(self, table: Table, where: str, name: str) -> tuple[str, ...]:
        """A list of texts."""
        value = table.get(name, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.fail(f"{where}.{name}", f"{value!r} should be a list of texts")
        return tuple(value)

    def patterns(self, top: Table, name: str) -> Mapping[str, tuple[str, ...]]:
        table = self.words(top, name)
        for key, patterns in table.items():
            for pattern in patterns:
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise self.fail(f"{name}.{key}", f"{pattern!r} is not a regular expression: {error}") from error
        return table

    def directions(self, top: Table, name: str) -> Mapping[str, tuple[Direction, tuple[str, ...]]]:
        result = {}
        for key, spec in top.get(name, {}).items():
            if spec.get("toward") not in {"lower", "higher"} or "field" not in spec:
                raise self.fail(f"{name}.{key}", "needs field = NAME and toward = 'lower' or 'higher'")
            result[key] = (Direction(field=spec["field"], toward=spec["toward"]), tuple(spec.get("words", ())))
        return result


def _frozen(value: Any) -> Value:  # noqa: ANN401  # TOML values are what they are
    return tuple(value) if isinstance(value, list) else value


def _dangling(domain: Domain) -> Iterator[str]:
    """References to fields or adjectives that do not exist."""
    fields = set(domain.fields)
    for name, adjective in domain.adjectives.items():
        for condition in adjective.conditions:
            if condition.field not in fields:
                yield f"{domain.folder}/domain.toml: adjectives.{name}: no field {condition.field!r}"
    named = [*domain.variants, *([domain.series] if domain.series else []), *(f.trust for f in domain.fields.values() if f.trust)]
    yield from (f"{domain.folder}/domain.toml: no field {name!r} (named by variants, series or trust)" for name in named if name not in fields)
    for quality in domain.quality:
        if quality.field not in fields:
            yield f"{domain.folder}/domain.toml: quality: no field {quality.field!r}"
    for language, lexicon in domain.lexicons.items():
        file = f"{domain.folder}/lexicon.{language}.toml"
        used = {**lexicon.values, **lexicon.roles, **lexicon.fields, **lexicon.questions}
        yield from (f"{file}: no field {name!r} (used as a key)" for name in used if name not in fields and name != "description")
        yield from (f"{file}: adjectives: no adjective {name!r}" for name in lexicon.adjectives if name not in domain.adjectives)
        moves = [*lexicon.comparatives.values(), *lexicon.superlatives.values()]
        yield from (f"{file}: no field {d.field!r} (used by a comparison)" for d, _ in moves if d.field not in fields)


def _bad_samples(folder: Path) -> Iterator[str]:
    path = folder / "samples.jsonl"
    if not path.is_file():
        yield f"{path}: the file is missing: the intent classifier has nothing to learn from"
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            sample = json.loads(line)
        except ValueError as error:
            yield f"{path}:{number}: not valid JSON: {error}"
            continue
        if not isinstance(sample, dict) or not isinstance(sample.get("text"), str) or not isinstance(sample.get("intent"), str):
            yield f'{path}:{number}: a sample is {{"text": ..., "intent": ...}}'
