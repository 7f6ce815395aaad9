"""Of the grounding check: one wrong value is enough to withhold, no text breaks it, and it does not matter in what order things were written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from zhiyin.catalog.columns import Catalog
from zhiyin.reply.evidence import Ground
from zhiyin.reply.grounded import Judge
from zhiyin.reply.wording import Wording
from zhiyin.testing import tiny_catalog, tiny_domain, tiny_items
from zhiyin.types import Item, Op, Value, Wish
from zhiyin.understand.claims import ClaimReader
from zhiyin.understand.phrases import domain_phrases

COLOURS = {"red": "红色", "blue": "蓝色", "white": "白色", "black": "黑色"}
USES = {"reading": "阅读", "travel": "旅行", "desk": "书桌"}
# field -> (what is said of it in English, in Chinese)
SAYINGS: Mapping[str, tuple[str, str]] = {
    "price": ("costs {v} yuan", "价格是{v}元"),
    "storage": ("has {v} GB of storage", "存储是{v}GB"),
    "weight": ("weighs {v} g", "重量是{v}克"),
    "rating": ("has a rating of {v}", "评分是{v}分"),
    "year": ("is from {v}", "是{v}年的"),
    "brand": ("is made by {v}", "品牌是{v}"),
    "colours": ("comes in {v}", "颜色有{v}"),
    "uses": ("suits {v}", "适合{v}"),
}
LINKS = {"en": (" {title} {a} and {b}.", "{title} {a}, and it {b}.", "{title}, which {a}, {b}."), "zh": ("{title}{a}，{b}。", "{title}{b}，而且{a}。")}
WORDS = (
    "Moon 1",
    "Ember",
    "余烬",
    "灯塔",
    "cheapest",
    "cheaper than",
    "最便宜",
    "比",
    "没有",
    "not",
    "both",
    "也",
    "it",
    "它",
    "199",
    "元",
    "yuan",
    "red",
    "红色",
    "by",
    "《",
    "》",
    "“",
    "is",
    "是",
)


class Ready:
    """A catalogue with what reads and judges claims of it."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog, self.ground = catalog, Ground(catalog, Wording(catalog))
        self.claims = ClaimReader(catalog, domain_phrases(catalog))

    def judge(self, language: str, *, nothing: bool = False, wishes: tuple[Wish, ...] = ()) -> Judge:
        return Judge(self.ground, self.claims, items=() if nothing else [item.id for item in self.catalog.items], wishes=wishes, language=language)


def turned(values: Mapping[str, Value]) -> dict[str, Value]:
    return dict(reversed(list(values.items())))


def turned_item(item: Item) -> Item:
    return replace(
        item, titles=dict(reversed(list(item.titles.items()))), attributes=turned(item.attributes), variants=tuple(dict(reversed(list(v.items()))) for v in item.variants)
    )


LAMPS = Ready(tiny_catalog())
TURNED = Ready(tiny_catalog([turned_item(item) for item in tiny_items()], replace(tiny_domain(), fields=dict(reversed(list(tiny_domain().fields.items()))))))
ITEMS = LAMPS.catalog.items
sayable = st.sampled_from(sorted(SAYINGS))
languages = st.sampled_from(["en", "zh"])
texts = st.one_of(
    st.text(max_size=80), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=5)), max_size=12).map("".join)
)


def held(item: Item, field: str) -> set[Value]:
    return {*item.values(field), *(v[field] for v in item.variants if field in v)}


def shown(field: str, value: Value, language: str) -> str:
    """A value as a sentence says it."""
    if language == "zh":
        return COLOURS.get(str(value)) or USES.get(str(value)) or str(value)
    return str(value)


def phrase(field: str, value: Value, language: str) -> str:
    return SAYINGS[field][language == "zh"].format(v=shown(field, value, language))


def every_value(field: str) -> list[Value]:
    pool = {v for item in ITEMS for v in held(item, field)}
    if field == "uses":
        pool &= set(USES)
    return sorted(pool, key=str)


@st.composite
def pairs_of_facts(draw: st.DrawFn) -> tuple[Item, str, str, str]:
    """An item, the language, a true sentence of two of its facts, and the same with one value that is not the item's."""
    language = draw(languages)
    item = draw(st.sampled_from(ITEMS))
    fields = [f for f in sorted(SAYINGS) if set(every_value(f)) & held(item, f)]
    assume(len(fields) > 1)
    first, second = draw(st.lists(st.sampled_from(fields), min_size=2, max_size=2, unique=True))
    link = draw(st.sampled_from(LINKS[language]))
    right = {f: draw(st.sampled_from([v for v in every_value(f) if v in held(item, f)])) for f in (first, second)}
    wrong = draw(st.sampled_from([v for v in every_value(first) if v not in held(item, first)]))
    title = item.titles[language]
    good = link.format(title=title, a=phrase(first, right[first], language), b=phrase(second, right[second], language))
    bad = link.format(title=title, a=phrase(first, wrong, language), b=phrase(second, right[second], language))
    return item, language, good, bad


@given(pairs_of_facts())
@settings(max_examples=300, deadline=None)
def test_one_value_that_is_not_the_rows_is_enough_to_withhold(said: tuple[Item, str, str, str]) -> None:
    _, language, _, bad = said
    assert not LAMPS.judge(language)(bad).ok


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_true_fact_by_itself_is_said(language: str) -> None:
    withheld = {
        sentence: verdict.unsupported
        for item in ITEMS
        for field in SAYINGS
        for value in every_value(field)
        if value in held(item, field) and not (verdict := LAMPS.judge(language)(sentence := f"{item.titles[language]} {phrase(field, value, language)}.")).ok
    }
    assert withheld == {}


@given(sayable, languages, st.sampled_from(ITEMS), st.sampled_from(ITEMS), st.data())
@settings(max_examples=200, deadline=None)
def test_what_is_true_of_one_item_is_not_said_of_another(field: str, language: str, one: Item, other: Item, data: st.DataObject) -> None:
    values = [v for v in every_value(field) if v in held(one, field) and v not in held(other, field)]
    assume(values)
    fact = phrase(field, data.draw(st.sampled_from(values)), language)
    a, b = one.titles[language], other.titles[language]
    wordings = (
        (
            f"{b} {fact}.",
            f"Both {a} and {b} fit, and each {fact}.",
            f"{a} {fact}, and so does {b}.",
            f"{a} {fact}, as does {b}.",
            f"Like {a}, {b} {fact}.",
            f"{b}, like {a}, {fact}.",
        )
        if language == "en"
        else (f"{b}{fact}。", f"{a}和{b}都{fact}。", f"{a}{fact}，{b}也是。", f"和{a}一样，{b}{fact}。", f"{a}{fact}，{b}同样如此。")
    )
    assert not LAMPS.judge(language)(data.draw(st.sampled_from(wordings))).ok


@given(texts, languages, st.booleans())
@settings(max_examples=400, deadline=None)
def test_no_text_breaks_the_judge_or_depends_on_the_order_of_anything(text: str, language: str, nothing: bool) -> None:
    wishes = (Wish(field="price", op=Op.LE, value=300, hard=True, source="under 300"), Wish(field="colours", op=Op.NONE_OF, value=("red",), hard=True, source="not red"))
    here, there = LAMPS.judge(language, nothing=nothing, wishes=wishes)(text), TURNED.judge(language, nothing=nothing, wishes=wishes)(text)
    assert (here.ok, set(here.unsupported), set(here.about)) == (there.ok, set(there.unsupported), set(there.about))


@given(pairs_of_facts())
@settings(max_examples=100, deadline=None)
def test_true_and_false_facts_are_judged_alike_in_any_order_of_the_catalogue(said: tuple[Item, str, str, str]) -> None:
    _, language, good, bad = said
    assert [LAMPS.judge(language)(s).ok for s in (good, bad)] == [TURNED.judge(language)(s).ok for s in (good, bad)]


@given(
    languages,
    st.one_of(st.sampled_from([item.titles["zh"] for item in ITEMS]), st.sampled_from(["Moon 1", "Ember Pro", "Firefly", "Guangming", "Hearth"]), st.integers(3, 10**9).map(str)),
    st.sampled_from([("Shall I find you ", " today?"), ("You may like ", "."), ("What about ", " for the evening?"), ("要不要看看", "？"), ("今天想要", "吗？")]),
)
def test_a_judge_without_items_lets_no_title_number_or_name_pass(language: str, named: str, around: tuple[str, str]) -> None:
    assert not LAMPS.judge(language, nothing=True)(named.join(around)).ok
