"""A catalogue of nine lamps, built in code: every kind of field, sizes, unknown values, a series, two languages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Adjective, Condition, Direction, Domain, Field, Lexicon, Quality
from zhiyin.types import Item, ItemId, Op, Value

_FIELDS = (
    Field(name="price", kind="money", label={"en": "price", "zh": "价格"}, units={"元": 1, "块": 1, "yuan": 1, "¥": 1}, better="lower", fallback=True, ask=2, card=1),
    Field(name="storage", kind="number", label={"en": "storage", "zh": "存储"}, units={"gb": 1}, better="higher", card=2),
    Field(name="weight", kind="number", label={"en": "weight", "zh": "重量"}, units={"g": 1, "克": 1, "kg": 1000, "公斤": 1000}, plausible=(10, 20_000), better="lower"),
    Field(name="rating", kind="number", label={"en": "rating", "zh": "评分"}, units={"分": 1}, better="higher"),
    Field(name="year", kind="year", label={"en": "year", "zh": "年份"}, units={"年": 1}, better="higher"),
    Field(name="brand", kind="category", label={"en": "brand", "zh": "品牌"}, canonical={"光明": "Guangming"}, topic=True, ask=1),
    Field(
        name="colours",
        kind="list",
        label={"en": "colour", "zh": "颜色"},
        several="any",
        ask=3,
        values={"red": {"zh": "红色"}, "blue": {"zh": "蓝色"}, "white": {"zh": "白色"}, "black": {"zh": "黑色"}},
    ),
    Field(name="uses", kind="list", label={"en": "use", "zh": "用途"}, several="all", pooled=True, implies={"bedside": ("reading",)}),
    Field(name="dimmable", kind="flag", label={"en": "dimmable", "zh": "可调光"}),
    Field(name="line", kind="text", label={"en": "line", "zh": "系列"}, wish=False),
)
_ROWS: tuple[tuple[str, str, str, Mapping[str, Value], tuple[Mapping[str, float], ...]], ...] = (
    ("moon-1", "Moon 1", "月光一号", {"weight": 420, "rating": 8.6, "year": 2021, "brand": "Guangming", "colours": ("white", "blue"), "uses": ("reading", "bedside"), "dimmable": True, "line": "Moon"}, ({"price": 199, "storage": 8},)),
    ("moon-2", "Moon 2", "月光二号", {"weight": 380, "rating": 9.1, "year": 2024, "brand": "Guangming", "colours": ("white",), "uses": ("reading",), "dimmable": True, "line": "Moon"}, ({"price": 299, "storage": 8}, {"price": 399, "storage": 32})),
    ("moon-max", "Moon Max", "月光至尊", {"weight": 900, "rating": 7.9, "year": 2025, "brand": "Guangming", "colours": ("black",), "uses": ("desk",), "line": "Moon"}, ({"price": 899, "storage": 64},)),
    ("ember", "Ember", "余烬", {"weight": 650, "rating": 8.0, "year": 2019, "brand": "Hearth", "colours": ("red",), "uses": ("mood",), "dimmable": True}, ({"price": 159, "storage": 4},)),
    ("ember-pro", "Ember Pro", "余烬专业版", {"weight": 700, "year": 2023, "brand": "Hearth", "colours": ("red", "black"), "uses": ("mood", "desk"), "dimmable": False}, ({"price": 259, "storage": 4}, {"price": 459, "storage": 64})),
    ("lighthouse", "Lighthouse", "灯塔", {"weight": 5200, "rating": 6.4, "year": 2015, "brand": "Nordlys", "colours": ("white", "red"), "uses": ("garden",)}, ()),
    ("firefly", "Firefly", "萤火虫", {"rating": 7.2, "year": 2022, "colours": ("blue",), "uses": ("travel", "reading")}, ({"price": 49, "storage": 1},)),
    ("glow", "Glow", "微光", {"weight": 120, "brand": "Nordlys"}, ({"price": 89},)),
    ("eclipse", "Eclipse", "日食", {}, ()),
)  # fmt: skip
_TEXTS = {
    "moon-1": {"en": "A soft light for late readers.", "zh": "夜读用的柔和灯光。"},
    "ember": {"en": "Glows like the last coals of a fire.", "zh": "像将熄的炭火一样发光。"},
    "lighthouse": {"en": "Lights a garden path from end to end.", "zh": "照亮整条花园小径。"},
}


def tiny_items() -> tuple[Item, ...]:
    """Nine lamps; the last is known by its name only."""
    return tuple(
        Item(id=ItemId(identity), titles={"en": english, "zh": chinese}, attributes=attributes, texts=_TEXTS.get(identity, {}), variants=variants)
        for identity, english, chinese, attributes, variants in _ROWS
    )


def tiny_domain(fields: Iterable[Field] = _FIELDS, *, variants: tuple[str, ...] = ("price", "storage")) -> Domain:
    """The vocabulary of lamps, in both languages; other `fields` in its place if given."""
    return Domain(
        name="lamps",
        label={"en": "lamps", "zh": "灯"},
        noun={"en": "lamp", "zh": "灯"},
        nouns={"en": "lamps", "zh": "灯"},
        counter={"zh": "盏"},
        fields={field.name: field for field in fields},
        lexicons={"en": _english(), "zh": _chinese()},
        adjectives={
            "cosy": Adjective(
                name="cosy",
                label={"en": "cosy", "zh": "温馨"},
                conditions=(Condition(field="uses", op=Op.ANY_OF, value=("mood",)), Condition(field="colours", op=Op.ANY_OF, value=("red",))),
            )
        },
        quality=(Quality(field="rating", weight=0.5, low=5, high=10),),
        variants=variants,
        currency="CNY",
        series="line",
    )


def tiny_catalog(items: Sequence[Item] | None = None, domain: Domain | None = None) -> Catalog:
    """The lamps as a catalogue, or these items."""
    return Catalog(domain or tiny_domain(), tiny_items() if items is None else items)


def _english() -> Lexicon:
    return Lexicon(
        nouns=("lamp", "lamps", "light", "lights"),
        values={
            "colours": {"red": ("red",), "blue": ("blue",), "white": ("white",), "black": ("black",)},
            "uses": {"reading": ("reading",), "travel": ("travel",), "desk": ("desk",)},
        },
        adjectives={"cosy": ("cosy", "cozy")},
        comparatives={"cheaper": (Direction(field="price", toward="lower"), ("cheaper",)), "newer": (Direction(field="year", toward="higher"), ("newer",))},
        superlatives={"cheapest": (Direction(field="price", toward="lower"), ("cheapest",))},
        fields={"price": ("price",), "weight": ("weight",), "year": ("year",), "brand": ("brand",)},
    )


def _chinese() -> Lexicon:
    return Lexicon(
        nouns=("灯", "台灯"),
        counters=("盏", "款"),
        values={
            "colours": {"red": ("红色", "红"), "blue": ("蓝色",), "white": ("白色",), "black": ("黑色",)},
            "uses": {"reading": ("阅读", "看书"), "travel": ("旅行",), "desk": ("书桌",)},
        },
        adjectives={"cosy": ("温馨",)},
        comparatives={"cheaper": (Direction(field="price", toward="lower"), ("便宜点", "更便宜")), "newer": (Direction(field="year", toward="higher"), ("更新的",))},
        superlatives={"cheapest": (Direction(field="price", toward="lower"), ("最便宜",))},
        fields={"price": ("价格", "预算"), "weight": ("重量",), "year": ("年份",), "brand": ("品牌",)},
    )
