"""JSON schemas as GBNF, the grammars that llama.cpp's server decodes by."""

from __future__ import annotations

import json
from collections.abc import Mapping

_MOST = 500  # repetitions that are spelt out; llama.cpp unrolls them and refuses too many
_RULES = r"""
ws ::= [ \n]?
char ::= [^"\\\x00-\x1f\x7f] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})
integer ::= "-"? ("0" | [1-9] [0-9]{0,14})
number ::= integer ("." [0-9]{1,9})?
boolean ::= "true" | "false"
null ::= "null"
"""


def gbnf(schema: Mapping[str, object]) -> str:
    """The grammar of a schema as `schema_of` makes them. Raises `ValueError` for what it cannot say."""
    return f"root ::= {_rule(schema)}\n{_RULES.strip()}\n"


def _rule(node: Mapping[str, object]) -> str:
    if "const" in node:
        return _literal(node["const"])
    if isinstance(values := node.get("enum"), list):
        return _either([_literal(value) for value in values])
    if isinstance(kinds := node.get("anyOf"), list):
        return _either([_rule(kind) for kind in kinds])
    match node.get("type"):
        case "object":
            return _object(node)
        case "array":
            return _array(node)
        case "string":
            return rf'"\"" char{_times(_count(node, "minLength", 0), _count(node, "maxLength", None))} "\""'
        case "integer" | "number" | "boolean" | "null" as name:
            return name
        case kind:
            raise ValueError(f"no grammar for a schema of the type {kind!r}")


def _object(node: Mapping[str, object]) -> str:
    """All properties in their order, which is how models that write left to right fill them best."""
    properties = node.get("properties")
    if not isinstance(properties, dict) or not properties:
        raise ValueError("no grammar for an object without properties")
    pairs = [f'{_literal(key)} ":" ws {_rule(value)}' for key, value in properties.items()]
    return '"{" ws ' + ' "," ws '.join(pairs) + ' ws "}"'


def _array(node: Mapping[str, object]) -> str:
    items = node.get("items")
    if not isinstance(items, dict):
        raise ValueError("no grammar for an array of anything")  # noqa: TRY004  # a schema's trouble, like the others
    least, most = _count(node, "minItems", 0) or 0, _count(node, "maxItems", None)
    item = f"({_rule(items)})"
    if most == 0:
        return '"[" ws "]"'
    more = f'("," ws {item}){_times(max(least - 1, 0), None if most is None else most - 1)}'
    filled = f"{item} {more}"
    return f'"[" ws {filled if least else f"({filled})?"} ws "]"'


def _times(least: int | None, most: int | None) -> str:
    least = min(least or 0, _MOST)
    if most is not None and most <= _MOST:
        return f"{{{least},{most}}}"
    return f"{{{least},}}" if least else "*"


def _count(node: Mapping[str, object], key: str, default: int | None) -> int | None:
    value = node.get(key, default)
    return value if isinstance(value, int) else default


def _literal(value: object) -> str:
    """A JSON value as a string of the grammar: GBNF escapes quotes and backslashes as JSON does."""
    return json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False)


def _either(rules: list[str]) -> str:
    return f"({' | '.join(rules)})"
