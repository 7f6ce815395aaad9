"""What an operator is told of a catalogue's data."""

from __future__ import annotations

import pytest

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.quality import SHOWN, Issue, read_fields, read_issues
from zhiyin.testing import tiny_catalog, tiny_domain
from zhiyin.types import Item, ItemId


def lamp(identity: str, price: float | None = 100.0, *, title: str = "", texts: dict[str, str] | None = None, **attributes: object) -> Item:
    return Item(
        id=ItemId(identity),
        titles={"en": title or f"Lamp {identity}", "zh": f"灯 {identity}"},
        attributes={"brand": "Nordlys", **attributes},
        texts={"en": "A lamp that stands on a desk."} if texts is None else texts,
        variants=() if price is None else ({"price": price, "storage": 2.0},),
    )


def issues(*items: Item) -> dict[tuple[str, str], Issue]:
    return {(issue.code, issue.field): issue for issue in read_issues(Catalog(tiny_domain(), items))}


def test_every_field_tells_how_full_it_is() -> None:
    catalog = tiny_catalog()
    found = {report.field: report for report in read_fields(catalog)}
    assert list(found) == list(catalog.domain.fields)
    brands = [str(v) for item in catalog.items for v in item.values("brand")]
    assert (found["brand"].known, found["brand"].distinct) == (sum("brand" in item.attributes for item in catalog.items), len(set(brands)))
    assert found["brand"].example in brands
    assert found["price"].known == sum(bool(item.variants) for item in catalog.items)
    assert all(report.share == pytest.approx(report.known / len(catalog), abs=1e-4) for report in found.values())


def test_a_catalogue_without_items_is_no_trouble() -> None:
    catalog = Catalog(tiny_domain(), ())
    assert all((report.known, report.share, report.example) == (0, 0.0, "") for report in read_fields(catalog))
    assert read_issues(catalog) == ()


def test_titles_that_stand_twice_are_told_with_their_items() -> None:
    found = issues(lamp("a", title="Ember"), lamp("b", title="EMBER"), lamp("c", title="Ember", year=1999), lamp("d"))
    assert found["duplicate_title", "titles"].items == ("a", "b")


@pytest.mark.parametrize("price", [0.0, -3.0])
def test_a_price_of_nothing_is_an_error(price: float) -> None:
    issue = issues(lamp("a", price), lamp("b"))["price_not_positive", "price"]
    assert (issue.severity, issue.items) == ("error", ("a",))


def test_a_price_far_from_all_others_is_an_outlier() -> None:
    usual = [lamp(str(n), 100.0 + n) for n in range(30)]
    assert ("outlier", "price") not in issues(*usual)
    assert issues(*usual, lamp("slip", 1_000_000.0))["outlier", "price"].items == ("slip",)
    assert issues(*usual, lamp("slip", 0.01))["outlier", "price"].items == ("slip",)


def test_values_that_are_missing_are_told_by_field() -> None:
    found = issues(lamp("a", None), lamp("b"), lamp("c", weight=300))
    assert found["missing_values", "price"].items == ("a",)
    assert found["missing_values", "price"].severity == "warning"
    assert found["missing_values", "weight"].items == ("a", "b")
    assert found["never_known", "year"].count == 3


def test_texts_and_titles_of_one_language_are_told() -> None:
    bare = Item(id=ItemId("bare"), titles={"en": "Bare"}, attributes={})
    found = issues(bare, lamp("b", texts={"en": "short"}), lamp("c"))
    assert found["no_title_zh", "titles"].items == ("bare",)
    assert ("no_title_en", "titles") not in found
    assert found["no_description", "description"].items == ("bare",)
    assert found["thin_description", "description"].items == ("b",)
    assert found["no_attributes", "attributes"].items == ("bare",)


def test_the_worst_comes_first_in_both_languages_and_names_no_more_items_than_can_be_read() -> None:
    found = read_issues(Catalog(tiny_domain(), [lamp(str(n), 0.0, texts={}) for n in range(50)]))
    assert found[0].severity == "error"
    assert found[0].count == 50
    assert len(found[0].items) == SHOWN
    ranks = ["error", "warning", "note"]
    assert [ranks.index(issue.severity) for issue in found] == sorted(ranks.index(issue.severity) for issue in found)
    for issue in found:
        assert issue.text["en"] != issue.text["zh"]
        assert "{" not in issue.text["en"] + issue.text["zh"]


def test_an_item_that_was_deleted_is_not_counted() -> None:
    catalog, _ = Catalog(tiny_domain(), [lamp("a", 0.0), lamp("b")]).changed((), [ItemId("a")])
    assert ("price_not_positive", "price") not in {(issue.code, issue.field) for issue in read_issues(catalog)}
    assert next(report for report in read_fields(catalog) if report.field == "brand").known == 1
