"""Filters of a request as hard wishes, checked against the domain: `{FIELD: VALUE}` or `{FIELD: {"op": OP, "value": VALUE}}`."""

from __future__ import annotations

from collections.abc import Mapping

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import VALUE_KINDS, Field
from zhiyin.types import Op, Scalar, Value, Wish
from zhiyin.web.bodies import unkept
from zhiyin.web.problems import invalid, nearest, unknown

MOST_FILTERS, MOST_VALUES, LONGEST_VALUE = 20, 50, 200
_OF_NUMBERS = (Op.LT, Op.LE, Op.GT, Op.GE, Op.EQ, Op.BETWEEN, Op.ANY_OF, Op.NONE_OF)
_OF_VALUES = (Op.ANY_OF, Op.ALL_OF, Op.NONE_OF)
_BIGGEST = 1e15


def read_filters(filters: Mapping[str, object], catalog: Catalog, *, within: str = "filters") -> tuple[Wish, ...]:
    """The filters as hard wishes. Raises a 400 that names the first one that is wrong, and the nearest name where it is unknown."""
    if len(filters) > MOST_FILTERS:
        raise invalid(within, f"at most {MOST_FILTERS} filters")
    return tuple(_filter(name, raw, catalog, within) for name, raw in filters.items())


def field_of(name: str, catalog: Catalog, *, within: str) -> Field:
    """The field of this name, if users may wish on it."""
    fields = catalog.domain.fields
    valid = [n for n, f in fields.items() if f.wish and (f.numeric or f.kind in VALUE_KINDS)]
    if name not in valid:
        if name in fields:
            raise invalid(f"{within}.{name}", f"{catalog.domain.name} cannot be filtered by it; they can by {', '.join(sorted(valid))}")
        raise unknown(name[:100], valid, within=within)
    return fields[name]


def read_condition(field: Field, op: str | None, raw: object, catalog: Catalog, *, within: str) -> tuple[Op, Value]:
    """What a field is compared by and with, in the domain's own names; `op` None is the plain "is one of". Raises a 400 that names `within`."""
    if field.numeric:
        found = Op.EQ if op is None and not isinstance(raw, list) else Op.ANY_OF if op is None else _op(op, _OF_NUMBERS, field, within)
        return found, _numbers(found, raw, field, within)
    found = Op.ANY_OF if op in {None, "="} else _op(op or "", _OF_VALUES, field, within)
    values = raw if isinstance(raw, list) else [raw]
    if not values or len(values) > MOST_VALUES:
        raise invalid(within, f"1 to {MOST_VALUES} values")
    return found, tuple(dict.fromkeys(_value(one, field, catalog, within) for one in values))


def _filter(name: str, raw: object, catalog: Catalog, within: str) -> Wish:
    field = field_of(name, catalog, within=within)
    path = f"{within}.{name}"
    op: str | None = None
    if isinstance(raw, Mapping):
        for key in raw:
            if key not in {"op", "value"}:
                raise unknown(str(key)[:100], ("op", "value"), within=path)
        if "value" not in raw:
            raise invalid(f"{path}.value", "is missing")
        given = raw.get("op")
        if given is not None and not isinstance(given, str):
            raise invalid(f"{path}.op", f"should be one of {', '.join(Op)}")
        op, raw = given, raw["value"]
    found, value = read_condition(field, op, raw, catalog, within=path)
    return Wish(field=name, op=found, value=value, negated=found is Op.NONE_OF, source="")


def _op(given: str, allowed: tuple[Op, ...], field: Field, within: str) -> Op:
    allowed = tuple(op for op in allowed if op is not Op.ALL_OF or field.kind == "list")
    if given not in allowed:
        near = nearest(given, [str(op) for op in allowed])
        raise invalid(f"{within}.op", f"{field.name} takes {', '.join(allowed)}" + (f"; did you mean {near!r}?" if near else ""))
    return Op(given)


def _numbers(op: Op, raw: object, field: Field, within: str) -> Value:
    if op is Op.BETWEEN:
        if not isinstance(raw, list) or len(raw) != 2:
            raise invalid(within, "between takes two numbers: [lowest, highest]")
        low, high = (_number(one, field, within) for one in raw)
        if low > high:
            raise invalid(within, "between takes the lower number first")
        return (low, high)
    if op in {Op.ANY_OF, Op.NONE_OF}:
        values = raw if isinstance(raw, list) else [raw]
        if not values or len(values) > MOST_VALUES:
            raise invalid(within, f"1 to {MOST_VALUES} values")
        return tuple(dict.fromkeys(_number(one, field, within) for one in values))
    return _number(raw, field, within)


def _number(raw: object, field: Field, within: str) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not abs(raw) <= _BIGGEST:  # so no NaN, and an int of 400 digits is no float
        raise invalid(within, f"{field.name} is a number")
    return raw


def _value(raw: object, field: Field, catalog: Catalog, within: str) -> Scalar:
    if field.kind == "flag":
        if not isinstance(raw, bool):
            raise invalid(within, f"{field.name} is true or false")
        return raw
    if not isinstance(raw, str) or not raw.strip() or len(raw) > LONGEST_VALUE:
        raise invalid(within, f"{field.name} is a text of 1 to {LONGEST_VALUE} characters")
    if why := unkept(raw):
        raise invalid(within, f"the value of {field.name} {why}")
    return canonical(raw.strip(), field, catalog)


def canonical(text: str, field: Field, catalog: Catalog) -> str:
    """The catalogue's own name for a value, whatever the language or case it is written in; the text itself where it has none."""
    values = catalog.values(field.name)
    if text in values:
        return text
    if field.canonical.get(text) in values:
        return field.canonical[text]
    folded = text.casefold()
    shown = (value for value, texts in field.values.items() if folded in {t.casefold() for t in texts.values()})
    other = (value for name, value in field.canonical.items() if name.casefold() == folded)
    people = (name for name, names in catalog.domain.people.items() if field.people and folded in {n.casefold() for n in names})
    same = (value for value in values if value.casefold() == folded)
    return next((value for found in (shown, other, people, same) for value in found), text)
