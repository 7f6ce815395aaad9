"""Items as JSON: what is read from a body, what is wrong with one, and that nothing is lost on the way to the store and back."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.catalog.load import load_catalog
from zhiyin.catalog.pack import find_pack, read_pack
from zhiyin.catalog.rows import LONGEST_ID, BadItem, item_json, item_of, kept_json, read_item
from zhiyin.testing import tiny_domain, tiny_items
from zhiyin.types import Item, ItemId

DOMAIN = tiny_domain()
BODY: Mapping[str, object] = {"titles": {"en": "Halo", "zh": "光环"}, "attributes": {"brand": "光明", "colours": ["red", "amber"], "weight": 300}}


def faults(body: object, **given: str) -> dict[str, str]:
    with pytest.raises(BadItem) as caught:
        read_item(DOMAIN, body, **{"item_id": "halo", **given})
    return {fault.field: fault.message for fault in caught.value.faults}


def test_a_body_becomes_an_item_in_the_domains_own_words_and_units() -> None:
    attributes = {"brand": "光明", "colours": ["red", "amber", "red"], "uses": ["bedside"], "weight": "1.2 kg", "rating": 8.0, "dimmable": "yes", "year": None}
    item = read_item(DOMAIN, {**BODY, "attributes": attributes, "aliases": ["Ring", "Ring"], "description": "一圈光。"}, item_id="halo")
    assert item == Item(
        id=ItemId("halo"),
        titles={"en": "Halo", "zh": "光环"},
        attributes={"brand": "Guangming", "colours": ("red", "amber"), "uses": ("bedside", "reading"), "weight": 1200, "rating": 8, "dimmable": True, "currency": "CNY"},
        aliases=("Ring",),
        texts={"zh": "一圈光。"},
    )


def test_sizes_are_sorted_by_price_and_may_say_it_in_words() -> None:
    item = read_item(DOMAIN, {**BODY, "variants": [{"price": "¥1,299", "storage": "64GB"}, {"storage": 8, "price": 99.5}]}, item_id="halo")
    assert item.variants == ({"price": 99.5, "storage": 8}, {"price": 1299, "storage": 64})


def test_one_title_is_taken_for_the_language_it_is_written_in() -> None:
    assert read_item(DOMAIN, {"id": "a", "title": " Halo "}).titles == {"en": "Halo"}
    assert read_item(DOMAIN, {"id": "a", "title": "光环"}).titles == {"zh": "光环"}


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"titles": {}}, "titles", "needs a title"),
        ({"titles": {"en": " "}}, "titles", "needs a title"),
        ({"titles": {"en": 3}}, "titles.en", "a text is needed, not a number"),
        ({"titles": {"fr": "Halo"}}, "titles.fr", "there are en, zh, original"),
        ({"titles": ["Halo"]}, "titles", "object of texts by language"),
        ({"titles": {"en": "x" * 501}}, "titles.en", "501 characters are too many"),
        ({"titles": {"en": "a\ud800"}}, "titles.en", "half a character"),
        ({"titel": "Halo"}, "titel", "did you mean 'title'"),
        ({"attributes": {"colour": ["red"]}}, "attributes.colour", "did you mean 'colours'"),
        ({"attributes": {"zzz": 1}}, "attributes.zzz", "there are price"),
        ({"attributes": []}, "attributes", "an object is needed, not a list"),
        ({"attributes": {"weight": "heavy"}}, "attributes.weight", "'heavy' is no number"),
        ({"attributes": {"weight": True}}, "attributes.weight", "not true or false"),
        ({"attributes": {"weight": [300]}}, "attributes.weight", "not a list"),
        ({"attributes": {"weight": 3}}, "attributes.weight", "10 to 20000"),
        ({"attributes": {"weight": float("nan")}}, "attributes.weight", "at most 15 digits"),
        ({"attributes": {"weight": 10**400}}, "attributes.weight", "at most 15 digits"),
        ({"attributes": {"weight": "9" * 400}}, "attributes.weight", "no number"),
        ({"a\ud800": 1}, "a\\ud800", "there is no 'a\\ud800' here"),
        ({"attributes": {"price": -1}}, "attributes.price", "-1 is below 0"),
        ({"attributes": {"brand": ["Hearth"]}}, "attributes.brand", "a text is needed, not a list"),
        ({"attributes": {"colours": 3}}, "attributes.colours", "a list of texts is needed, not a number"),
        ({"attributes": {"colours": ["red", {"a": 1}]}}, "attributes.colours.1", "not an object"),
        ({"attributes": {"dimmable": "perhaps"}}, "attributes.dimmable", "true or false is needed"),
        ({"attributes": {"dimmable": 1}}, "attributes.dimmable", "true or false is needed"),
        ({"attributes": {"currency": "USD"}}, "attributes.currency", "in CNY, not 'USD'"),
        ({"attributes": {"price": 3}, "variants": [{"price": 3}]}, "attributes.price", "in variants only"),
        ({"variants": {}}, "variants", "a list"),
        ({"variants": [3]}, "variants.0", "an object is needed"),
        ({"variants": [{}]}, "variants.0", "price, storage"),
        ({"variants": [{"price": 3}, {"prize": 3}]}, "variants.1.prize", "did you mean 'price'"),
        ({"variants": [{"price": -3}]}, "variants.0.price", "below 0"),
        ({"variants": [{"price": None, "storage": "much"}]}, "variants.0.storage", "no number"),
        ({"aliases": "Ring"}, "aliases", "a list of texts"),
        ({"aliases": [None]}, "aliases.0", "not null"),
        ({"description": {"en": 3}}, "description.en", "a text is needed"),
        ({"id": "other"}, "id", "leave it out"),
    ],
)
def test_a_fault_names_its_field_and_what_to_do(change: Mapping[str, object], field: str, says: str) -> None:
    found = faults({**BODY, **change})
    assert list(found) == [field]
    assert says in found[field]


@pytest.mark.parametrize("identity", [None, "", " ", 3, "x" * (LONGEST_ID + 1), "a\0b"])
def test_an_item_needs_an_id_that_can_be_kept(identity: object) -> None:
    with pytest.raises(BadItem) as caught:
        read_item(DOMAIN, {**BODY, "id": identity})
    assert [fault.field for fault in caught.value.faults] == ["id"]


def test_all_faults_are_told_at_once() -> None:
    assert set(faults({"attributes": {"colour": 1, "weight": "x"}, "variants": [3]})) == {"titles", "attributes.colour", "attributes.weight", "variants.0"}


def test_a_domain_without_sizes_says_so() -> None:
    with pytest.raises(BadItem, match="no sizes"):
        read_item(tiny_domain(variants=()), {"id": "a", "title": "Halo", "variants": [{"price": 3}]})


@pytest.mark.parametrize("item", tiny_items(), ids=lambda item: item.id)
def test_an_item_survives_the_store_and_a_body_made_of_it(item: Item) -> None:
    assert item_of(item.id, json.loads(kept_json(item))) == item
    back = read_item(DOMAIN, json.loads(json.dumps(item_json(item))))
    assert back == Item(id=item.id, titles=item.titles, attributes={**item.attributes, "currency": "CNY"}, aliases=item.aliases, texts=item.texts, variants=item.variants)


@pytest.mark.films
@pytest.mark.parametrize("domain", ["movies", "phones"])
def test_every_item_of_a_pack_can_be_read_back_from_its_reply(domain: str) -> None:
    catalog, report = load_catalog(read_pack(find_pack(domain)))
    if report.missing_layers:
        pytest.skip(report.missing_layers[0])
    for item in catalog.items:
        assert item_of(item.id, json.loads(kept_json(item))) == item
        assert read_item(catalog.domain, item_json(item)) == item


words = st.text(max_size=12)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=8
)
nearly = st.fixed_dictionaries(
    {"title": st.just("Halo") | anything},
    optional={
        "id": st.just("halo") | anything,
        "titles": anything,
        "aliases": anything,
        "description": anything,
        "attributes": st.dictionaries(st.sampled_from([*DOMAIN.fields, "currency", "nothing"]), anything, max_size=4) | anything,
        "variants": st.lists(st.dictionaries(st.sampled_from(["price", "storage", "prize"]), anything, max_size=2), max_size=2) | anything,
    },
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(body=nearly | anything)
def test_any_body_is_an_item_that_can_be_kept_or_is_refused_with_reasons(body: object) -> None:
    try:
        item = read_item(DOMAIN, body, item_id="halo")
    except BadItem as error:
        told = [(fault.field, fault.message) for fault in error.faults]
    else:
        assert item.titles
        assert item_of(item.id, json.loads(kept_json(item))) == item
        told = [(kept_json(item), "an item")]
    assert told
    assert all(field.encode() and message.encode() for field, message in told)
