"""Things to say first, made from the data so that each certainly finds something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import floor, log10

import numpy as np

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Field
from zhiyin.catalog.infer_columns import Column
from zhiyin.catalog.kinds import kinds
from zhiyin.text import is_cjk, key
from zhiyin.types import Op, Wish

_MOST = {
    "en": {"money": "the cheapest {nouns}", "year": "the newest {nouns}", "rating": "the highest rated {nouns}"},
    "zh": {"money": "最便宜的{nouns}", "year": "最新的{nouns}", "rating": "评分最高的{nouns}"},
}


def make_openers(catalog: Catalog, columns: Mapping[str, Column]) -> Mapping[str, tuple[str, ...]]:
    """Two or three requests in each language: a frequent value under its median price, a person or value, a superlative."""
    return {code: tuple(dict.fromkeys([*_with_values(catalog, code), *_superlatives(catalog, columns, code), *_named(catalog, code)]))[:3] for code in ("en", "zh")}


def _with_values(catalog: Catalog, code: str) -> Iterable[str]:
    """A frequent value under its median price: "fantasy under $20", 50元以内的小说."""
    domain = catalog.domain
    valued = sorted((f for f in domain.fields.values() if f.kind in {"category", "list"} and f.wish and not f.people and not f.soft and f.ask), key=lambda f: f.ask)
    price = next((f for f in domain.fields.values() if f.kind == "money" and f.fallback), None)
    for field in valued[:1]:
        sayable = [v for v in catalog.counts(field.name, np.ones(len(catalog), dtype=np.bool_)) if _sayable(field, v, code)]
        value = next((v for v in sayable if is_cjk(field.show(v, code)) == (code == "zh")), next(iter(sayable), ""))
        if not value:
            continue
        said = field.show(value, code)
        amount = _amount(catalog, field, value, price) if price else 0.0
        if price and amount:
            bound = _money(amount, domain.currency, code)
            yield f"{said} under {bound}" if code == "en" else f"{bound}以内的{said}"
        else:
            yield f"show me {said}" if code == "en" else f"推荐{said}"


def _sayable(field: Field, value: str, code: str) -> bool:
    """Whether a value can be said in a sentence and will be understood."""
    said = field.show(value, code)
    return 2 <= len(key(said)) <= 30 and not any(c.isdigit() for c in said) and key(value) not in {key(w) for w in kinds()["not_values"]} and (code == "zh" or not is_cjk(said))


def _amount(catalog: Catalog, field: Field, value: str, price: Field) -> float:
    """The median price of what has the value, rounded up to two digits; 0 where no price is known."""
    rows = catalog.satisfies(Wish(field=field.name, op=Op.ANY_OF, value=(value,)))
    known = catalog.numbers(price.name)[rows]
    known = known[~np.isnan(known)]
    if len(known) == 0 or np.median(known) <= 0:
        return 0.0
    middle = float(np.median(known))
    step = 10.0 ** (floor(log10(middle)) - 1)
    return max(1.0, float(np.ceil(middle / step) * step)) if middle > 1 else 1.0


def _money(amount: float, currency: str, code: str) -> str:
    number = f"{amount:g}" if amount < 1e5 else f"{amount:.0f}"
    spec = kinds()["currencies"].get(currency)
    if spec is None:
        return number
    if currency in {"USD", "EUR", "GBP"} and code == "en":
        return f"{spec['signs'][0]}{number}"
    return f"{number} {spec['unit']['en']}" if code == "en" else f"{number}{spec['unit']['zh']}"


def _superlatives(catalog: Catalog, columns: Mapping[str, Column], code: str) -> Iterable[str]:
    for name, column in columns.items():
        field = catalog.domain.fields[name]
        kind = "rating" if column.concept == "rating" and field.numeric else field.kind
        if field.numeric and field.wish and kind in _MOST[code] and (kind != "money" or field.fallback) and len(column.known):
            yield _MOST[code][kind].format(nouns=catalog.domain.nouns[code])


def _named(catalog: Catalog, code: str) -> Iterable[str]:
    """By title: of the items, the first with a title in this language."""
    item = next((i for i in catalog.items if is_cjk(i.title(code)) == (code == "zh") and len(key(i.title(code))) > 3), catalog.items[0])
    title = item.title(code)
    yield f'tell me about "{title}"' if code == "en" else f"介绍一下《{title}》"
    yield f'something like "{title}"' if code == "en" else f"有没有类似《{title}》的"
