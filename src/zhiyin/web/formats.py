"""`response_format` of OpenAI's interface, kept or refused: our reply is an object of our own shape, and no other JSON is made up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from zhiyin.web.problems import Problem, invalid
from zhiyin.wire import Json

_FIELD = "response_format"
_LONGEST = 20_000  # characters of a schema
_SLOW = frozenset({"pattern", "patternProperties"})  # a pattern can be made that takes for ever


class Format:
    """In which form a reply is asked for. Raises a 400 for one that is none, or that could not be checked."""

    def __init__(self, asked: Mapping[str, Any] | None) -> None:
        kind = "text" if asked is None else asked.get("type")
        if kind not in {"text", "json_object", "json_schema"}:
            raise invalid(f"{_FIELD}.type", "text, json_object and json_schema are taken")
        self.json = kind != "text"  # whether the reply is to be an object
        self._schema = _schema_of(asked or {}) if kind == "json_schema" else None

    def written(self, reply: Json) -> str:
        """The reply object as text. Raises a 400 where it does not keep the asked schema."""
        if self._schema is not None:
            _check(self._schema, reply)
        return json.dumps(reply, ensure_ascii=False)


def _schema_of(asked: Mapping[str, Any]) -> dict[str, Any]:
    described = asked.get("json_schema")
    schema = described.get("schema") if isinstance(described, Mapping) else None
    where = f"{_FIELD}.json_schema.schema"
    if not isinstance(schema, dict):
        raise invalid(where, "a JSON schema is needed")
    if len(json.dumps(schema)) > _LONGEST:
        raise invalid(where, f"at most {_LONGEST} characters")
    if slow := next((name for name in _names(schema) if name in _SLOW), None):
        raise invalid(where, f"{slow} is not taken")
    try:
        from jsonschema import SchemaError, validators  # noqa: PLC0415  # only where a schema is asked for
    except ModuleNotFoundError:
        raise invalid(_FIELD, "schemas cannot be checked here: pip install 'zhiyin[schema]'; json_object is taken") from None
    try:
        validators.validator_for(schema).check_schema(schema)
    except SchemaError as error:
        raise invalid(where, f"it is no JSON schema: {error.message[:200]}") from None
    return schema


def _names(schema: object) -> Iterator[str]:
    """Every key at any depth."""
    if isinstance(schema, Mapping):
        for name, inner in schema.items():
            yield str(name)
            yield from _names(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _names(inner)


def _check(schema: dict[str, Any], reply: Json) -> None:
    from jsonschema import ValidationError, validators  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    registry: Registry[Any] = Registry()  # an empty one: references lead nowhere outside the schema, least of all over the network
    try:
        validators.validator_for(schema)(schema, registry=registry).validate(json.loads(json.dumps(reply)))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.absolute_path) or "the reply"
        message = "replies are our own object (see docs/howto/openai.md); no other JSON is made up, and it does not keep the asked schema"
        raise Problem(400, "schema_not_kept", f"{_FIELD}: {message}: {where}", errors=({"field": _FIELD, "message": message},)) from None
    except (Unresolvable, RecursionError):
        raise invalid(f"{_FIELD}.json_schema.schema", "its references cannot be followed") from None
