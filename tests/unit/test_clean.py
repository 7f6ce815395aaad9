"""Raw rows become items: money, units, lists, missing values, titles in two languages, duplicates, layers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from zhiyin.catalog.clean import Report, clean_rows, clean_value, merge_layers
from zhiyin.catalog.domain import Field, Kind, Layer
from zhiyin.catalog.read import BadRow
from zhiyin.testing import tiny_domain
from zhiyin.types import Item, ItemId, Value

DOMAIN = tiny_domain()
MONEY = Field(name="price", kind="money", label={}, units={"元": 1, "yuan": 1})
WEIGHT = Field(name="weight", kind="number", label={}, units={"g": 1, "克": 1, "kg": 1000, "公斤": 1000}, plausible=(10, 20_000))


def field(kind: Kind, **more: object) -> Field:
    return Field(name="x", kind=kind, label={}, **more)


def cleaned(*rows: Mapping[str, object], layer: Layer | None = None) -> list[Item]:
    report = Report()
    items = clean_rows(enumerate(rows, 1), DOMAIN, report, layer)
    assert report.bad == []
    return items


def item(identity: str, title: str, **attributes: Value) -> Item:
    return Item(id=ItemId(identity), titles={"en": title}, attributes=attributes)


def merged(*layers: list[Item], pooled: frozenset[str] = frozenset()) -> list[Item]:
    return merge_layers(layers, Report(), year="year", pooled=pooled)


# --- numbers and money ---


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (4999, 4999),
        (4999.0, 4999),
        (19.9, 19.9),
        ("4999", 4999),
        ("4,999", 4999),
        ("¥4,999", 4999),
        ("￥4,999.00", 4999),
        ("4999元", 4999),
        ("4999 yuan", 4999),
        ("1.5万元", 15_000),
        ("1.5万", 15_000),
        ("3千", 3000),
        ("5k", 5000),
        ("RMB 2,499", 2499),
        ("约3000元", 3000),
        ("１２９９元", 1299),
        (".99", 0.99),
        ("1e3", 1000),
        ("0", 0),
    ],
)
def test_money_is_read_in_whatever_form_it_comes(raw: object, number: float) -> None:
    value = clean_value(raw, MONEY)
    assert value == number
    assert isinstance(value, int) == float(number).is_integer()


@pytest.mark.parametrize(
    ("raw", "grams"),
    [("420 g", 420), ("420克", 420), ("0.42 kg", 420), ("1.2公斤", 1200), ("420", 420), (" 420 g ", 420), ("420G", 420)],
)
def test_units_are_converted_to_the_fields_own(raw: object, grams: float) -> None:
    assert clean_value(raw, WEIGHT) == pytest.approx(grams)


@pytest.mark.parametrize("raw", ["9", 9, 20_001, "-420", "25 kg", float("inf"), float("nan"), "heavy", True])
def test_a_number_that_cannot_be_true_is_left_out(raw: object) -> None:
    assert clean_value(raw, WEIGHT) is None


@pytest.mark.parametrize("raw", [None, "", " ", "-", "--", "N/A", "nan", "NULL", "none", "Unknown", "TBD", "?", "未知", "无", "暂无", "不详", [], {}, float("nan")])
@pytest.mark.parametrize("kind", ["category", "list", "number", "money", "year", "date", "text", "flag"])
def test_what_says_nothing_is_unknown_in_every_kind_of_field(raw: object, kind: Kind) -> None:
    assert clean_value(raw, field(kind)) is None


# --- lists, categories, flags ---


@pytest.mark.parametrize(
    "raw",
    ["red|blue", "red, blue", "red;blue", "red、blue", "red / blue", '["red", "blue"]', ["red", "blue"], ("red", "blue"), " red |  | blue ", "red,blue,red"],
)
def test_a_list_is_read_however_it_is_separated(raw: object) -> None:
    assert clean_value(raw, field("list")) == ("red", "blue")


def test_a_separator_that_is_given_is_the_only_one() -> None:
    assert clean_value("red, white + blue", field("list"), "+") == ("red, white", "blue")


def test_other_spellings_become_the_value_and_bring_what_it_implies() -> None:
    spec = field("list", canonical={"红": "red", "rot": "red"}, implies={"red": ("warm",)})
    assert clean_value("红, rot, blue", spec) == ("red", "warm", "blue")


def test_a_category_is_one_value_even_with_a_comma_in_it() -> None:
    assert clean_value("Black, Decker & Co", field("category")) == "Black, Decker & Co"
    assert clean_value(" 光明 ", DOMAIN.fields["brand"]) == "Guangming"


@pytest.mark.parametrize(
    ("raw", "value"),
    [("yes", True), ("Y", True), (1, True), (True, True), ("是", True), ("有", True), ("no", False), (0, False), (False, False), ("否", False), ("没有", False), ("perhaps", None)],
)
def test_a_flag_is_yes_no_or_unknown(raw: object, value: bool | None) -> None:
    assert clean_value(raw, field("flag")) is value


# --- rows ---


def test_a_row_becomes_an_item_with_only_what_is_known() -> None:
    (lamp,) = cleaned(
        {"id": "m1", "title": "Moon", "price": "¥199", "weight": "0.42 kg", "year": "2021", "brand": "光明", "colours": "white|blue", "rating": "n/a", "dimmable": "yes"}
    )
    assert lamp.id == "m1"
    assert lamp.titles == {"en": "Moon"}
    assert lamp.attributes == {"price": 199, "weight": 420, "year": 2021, "brand": "Guangming", "colours": ("white", "blue"), "dimmable": True, "currency": "CNY"}
    assert lamp.texts == {}


@pytest.mark.parametrize(
    ("row", "titles"),
    [
        ({"title": "Moon"}, {"en": "Moon"}),
        ({"title": "月光"}, {"zh": "月光"}),
        ({"title_en": "Moon", "title_zh": "月光"}, {"en": "Moon", "zh": "月光"}),
        ({"title": {"en": "Moon", "zh": "月光", "fr": ""}}, {"en": "Moon", "zh": "月光"}),
        ({"Product Name": " Moon "}, {"en": "Moon"}),
        ({"名称": "月光"}, {"zh": "月光"}),
        ({"title_en": "Moon", "title_zh": "未知"}, {"en": "Moon"}),
    ],
)
def test_titles_are_found_in_either_language(row: Mapping[str, object], titles: Mapping[str, str]) -> None:
    (lamp,) = cleaned(row)
    assert lamp.titles == titles


def test_descriptions_and_aliases_come_along() -> None:
    (lamp,) = cleaned({"title": "Moon", "description_en": "Soft light.", "description_zh": "柔光。", "aliases": "Luna|Moony"})
    assert lamp.texts == {"en": "Soft light.", "zh": "柔光。"}
    assert lamp.aliases == ("Luna", "Moony")


def test_an_item_without_an_id_is_named_after_its_title_and_year() -> None:
    (lamp,) = cleaned({"title": "The Moon, No. 1", "year": 2021})
    assert lamp.id == "the-moon-no-1-2021"
    (lamp,) = cleaned({"title": "月光", "sku": 77})
    assert lamp.id == "77"


def test_a_layer_renames_columns_and_splits_lists_its_own_way() -> None:
    layer = Layer(columns={"Name": "title", "Farben": "colours"}, split={"colours": " und "})
    (lamp,) = cleaned({"Name": "Mond", "Farben": "red und blue"}, layer=layer)
    assert lamp.titles == {"en": "Mond"}
    assert lamp.attributes["colours"] == ("red", "blue")


def test_sizes_are_kept_cheapest_first_and_leave_the_attributes() -> None:
    (lamp,) = cleaned({"title": "Moon", "price": "99", "variants": [{"price": "¥399", "storage": "32 GB"}, {"price": 299, "storage": 8}, {"price": "n/a"}, "odd"]})
    assert lamp.variants == ({"price": 299, "storage": 8}, {"price": 399, "storage": 32})
    assert "price" not in lamp.attributes


def test_what_cannot_be_an_item_is_reported_with_its_line_and_the_rest_goes_on() -> None:
    report = Report()
    rows = [(2, {"title": "Moon", "weight": "heavy"}), (3, BadRow(3, "5 cells where the header has 4", "a,b,c,d,e")), (4, {"title": "  ", "price": 5}), (9, {"title": "Ember"})]
    items = clean_rows(rows, DOMAIN, report)
    assert [i.titles["en"] for i in items] == ["Moon", "Ember"]
    assert report.rows == 4
    assert report.dropped_values == 1
    assert [bad.line for bad in report.bad] == [3, 4]
    assert "title" in report.bad[1].reason


# --- duplicates and layers ---


def test_rows_of_one_id_are_one_item_and_the_first_speaks_first() -> None:
    (lamp,) = merged([item("a", "Moon", brand="Hearth"), item("a", "Moon", brand="Nordlys", weight=400)])
    assert lamp.attributes == {"brand": "Hearth", "weight": 400}


def test_rows_of_one_title_and_year_that_agree_are_one_item() -> None:
    (lamp,) = merged([item("a", "Moon One", year=2021, brand="Hearth"), item("b", "moon-one", year=2021, brand="hearth", weight=400)])
    assert lamp.id == "a"
    assert lamp.attributes == {"year": 2021, "brand": "Hearth", "weight": 400}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"year": 2021}, {"year": 2024}),
        ({"year": 2021, "brand": "Hearth"}, {"year": 2021, "brand": "Nordlys"}),
        ({"year": 2021, "price": 100}, {"year": 2021, "price": 200}),
        ({"year": 2021, "colours": ("red",)}, {"year": 2021, "colours": ("blue",)}),
    ],
    ids=["another year", "another brand", "another price", "no colour in common"],
)
def test_rows_of_one_title_that_contradict_each_other_stay_apart(one: Mapping[str, Value], other: Mapping[str, Value]) -> None:
    assert len(merged([item("a", "Moon", **one), item("b", "Moon", **other)])) == 2


def test_a_later_layer_fills_gaps_and_overrides_nothing() -> None:
    first = Item(id=ItemId("a"), titles={"zh": "月光"}, attributes={"year": 2021, "uses": ("reading",)}, texts={"zh": "柔光。"})
    second = Item(
        id=ItemId("z9"),
        titles={"zh": "月光", "en": "Moon"},
        attributes={"year": 2021, "uses": ("reading", "desk"), "weight": 400},
        texts={"en": "Soft.", "zh": "别的"},
        aliases=("Luna",),
    )
    (lamp,) = merged([first], [second])
    assert lamp.id == "a"
    assert lamp.titles == {"zh": "月光", "en": "Moon"}
    assert lamp.attributes == {"year": 2021, "uses": ("reading",), "weight": 400}
    assert lamp.texts == {"zh": "柔光。", "en": "Soft."}
    assert set(lamp.aliases) >= {"Luna", "Moon"}


def test_in_pooled_fields_both_layers_speak_the_first_leading() -> None:
    (lamp,) = merged([item("a", "Moon", uses=("desk", "reading"))], [item("a", "Moon", uses=("reading", "mood"))], pooled=frozenset({"uses"}))
    assert lamp.attributes["uses"] == ("desk", "reading", "mood")


def test_between_layers_years_may_be_one_apart() -> None:
    assert len(merged([item("a", "Moon", year=2021)], [item("b", "Moon", year=2022, weight=400)])) == 1
    assert len(merged([item("a", "Moon", year=2021)], [item("b", "Moon", year=2023)])) == 2


def test_the_report_counts_items_and_mergers() -> None:
    report = Report()
    items = merge_layers([[item("a", "Moon"), item("a", "Moon")], [item("a", "Moon"), item("b", "Ember")]], report)
    assert [i.id for i in items] == ["a", "b"]
    assert (report.items, report.merged) == (2, 2)
