"""The catalogue over HTTP: read by everybody, changed by servers, seen at once."""

from __future__ import annotations

import json

import pytest

TORCH = {"titles": {"en": "Torch", "zh": "手电"}, "attributes": {"brand": "Nordlys", "weight": 90, "uses": ["travel"]}, "variants": [{"price": 39, "storage": 2}]}


def ids(answer) -> list[str]:
    return [item["id"] for item in answer.json()["items"]]


def test_every_item_is_listed_once_page_by_page(client) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = client.get("/v1/items", params={"limit": 4, **({"cursor": cursor} if cursor else {})})
        assert page.status_code == 200
        seen += ids(page)
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 9
    assert seen == sorted(seen)


def test_an_item_put_while_somebody_pages_is_neither_doubled_nor_in_the_way(client) -> None:
    first = client.get("/v1/items", params={"limit": 5})
    assert client.put("/v1/items/aaa", json=TORCH).status_code == 201
    assert client.put("/v1/items/zzz", json=TORCH).status_code == 201
    rest = client.get("/v1/items", params={"limit": 200, "cursor": first.json()["next_cursor"]})
    assert len({*ids(first), *ids(rest)}) == 10  # the nine, and the one that comes behind
    assert "zzz" in ids(rest)


def test_a_query_finds_by_id_by_title_and_by_words(client) -> None:
    assert ids(client.get("/v1/items", params={"query": "moon-2"}))[0] == "moon-2"
    assert ids(client.get("/v1/items", params={"query": "灯塔"}))[0] == "lighthouse"
    assert "ember" in ids(client.get("/v1/items", params={"query": "coals of a fire"}))
    assert ids(client.get("/v1/items", params={"query": "xyzzy"})) == []


def test_a_search_goes_on_from_page_to_page(client) -> None:
    whole = ids(client.get("/v1/items", params={"query": "reading lamp moon"}))
    first = client.get("/v1/items", params={"query": "reading lamp moon", "limit": 1})
    rest = client.get("/v1/items", params={"query": "reading lamp moon", "cursor": first.json()["next_cursor"]})
    assert len(whole) > 1
    assert [*ids(first), *ids(rest)] == whole


def test_a_cursor_of_another_listing_is_refused(client) -> None:
    cursor = client.get("/v1/items", params={"limit": 1}).json()["next_cursor"]
    answer = client.get("/v1/items", params={"query": "moon", "cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "cursor"


def test_an_item_put_is_read_back_and_found_in_the_next_turn(client) -> None:
    made = client.put("/v1/items/torch", json=TORCH)
    assert made.status_code == 201
    assert client.get("/v1/items/torch").json() == made.json()
    assert made.json()["attributes"]["currency"] == "CNY"
    found = client.post("/v1/recommend", json={"filters": {"uses": "travel", "brand": "Nordlys"}}).json()
    assert [card["id"] for card in found["items"]] == ["torch"]
    again = client.put("/v1/items/torch", json={**TORCH, "attributes": {"brand": "Hearth"}})
    assert again.status_code == 200
    assert again.json()["attributes"]["brand"] == "Hearth"


def test_an_item_that_is_gone_is_gone_everywhere(client) -> None:
    assert client.delete("/v1/items/moon-1").status_code == 204
    assert client.get("/v1/items/moon-1").status_code == 404
    assert client.delete("/v1/items/moon-1").status_code == 404
    assert "moon-1" not in ids(client.get("/v1/items"))
    assert "moon-1" not in ids(client.get("/v1/items", params={"query": "Moon 1"}))


def test_an_id_may_hold_a_slash(client) -> None:
    assert client.put("/v1/items/lamps%2F7", json=TORCH).status_code == 201
    assert client.get("/v1/items/lamps%2F7").json()["id"] == "lamps/7"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "titles"),
        ({**TORCH, "titels": {}}, "titels"),
        ({**TORCH, "titles": {"en": "x" * 100_000}}, "titles.en"),
        ({**TORCH, "attributes": {"wieght": 3}}, "attributes.wieght"),
        ({**TORCH, "attributes": {"weight": "heavy"}}, "attributes.weight"),
        ({**TORCH, "attributes": {"weight": -4}}, "attributes.weight"),
        ({**TORCH, "attributes": {"price": 3}}, "attributes.price"),
        ({**TORCH, "variants": [{"prise": 3}]}, "variants.0.prise"),
        ({**TORCH, "id": "another"}, "id"),
        ([], "item"),
        ("text", "item"),
    ],
)
def test_a_body_that_is_no_item_is_told_by_field(client, body: object, field: str) -> None:
    answer = client.put("/v1/items/torch", json=body)
    assert answer.status_code == 400
    assert field in [e["field"] for e in answer.json()["errors"]]
    assert client.get("/v1/items/torch").status_code == 404


@pytest.mark.parametrize("text", ["{", "", '{"titles": {"en": NaN}}', "[" * 100_000, b"\xff"])
def test_a_body_that_is_no_json_is_a_400(client, text: str | bytes) -> None:
    answer = client.put("/v1/items/torch", content=text, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "body"


def test_good_rows_are_kept_around_bad_ones(client) -> None:
    rows = [{"id": "a", **TORCH}, {"id": "b"}, "text", {"id": "a", **TORCH}, TORCH, {"id": "c", **TORCH, "attributes": {"weight": "x" * 100_000}}, {"id": "d", **TORCH}]
    answer = client.post("/v1/items:batch", json={"items": rows, "delete": ["ember", "nothing", "", 7, "a"]})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], told["deleted"]) == (2, 1)
    assert [r["index"] for r in told["rejected"] if "index" in r] == [1, 2, 3, 4, 5]
    assert [r["delete"] for r in told["rejected"] if "delete" in r] == [2, 3, 4]
    assert [r["errors"][0]["field"] for r in told["rejected"]][:5] == ["titles", "item", "id", "id", "attributes.weight"]
    assert len(json.dumps(told)) < 3000  # what was sent is not sent back
    listed = ids(client.get("/v1/items"))
    assert {"a", "d"} <= set(listed)
    assert "ember" not in listed


def test_a_batch_without_a_good_row_is_a_400(client) -> None:
    answer = client.post("/v1/items:batch", json={"items": [{"id": "b"}], "delete": [0]})
    assert answer.status_code == 400
    assert answer.json()["code"] == "all_rejected"
    assert len(answer.json()["errors"]) == 2


@pytest.mark.parametrize("body", [[], {"items": {}}, {"item": []}, {"items": [{}] * 1001}, {"delete": "moon-1"}, 3])
def test_what_is_no_batch_is_a_400(client, body: object) -> None:
    assert client.post("/v1/items:batch", json=body).status_code == 400


def test_an_empty_batch_changes_nothing(client) -> None:
    assert client.post("/v1/items:batch", json={}).json() == {"accepted": 0, "deleted": 0, "rejected": []}


def test_the_same_batch_sent_twice_with_a_key_is_done_once(client) -> None:
    first = client.post("/v1/items:batch", json={"delete": ["ember"]}, headers={"idempotency-key": "k1"})
    again = client.post("/v1/items:batch", json={"delete": ["ember"]}, headers={"idempotency-key": "k1"})
    assert first.json() == again.json() == {"accepted": 0, "deleted": 1, "rejected": []}
    assert again.headers["idempotent-replayed"] == "true"


def test_a_browser_reads_and_does_not_write(browser_client) -> None:
    assert browser_client.get("/v1/items/moon-1").status_code == 200
    for answer in (
        browser_client.put("/v1/items/torch", json=TORCH),
        browser_client.delete("/v1/items/moon-1"),
        browser_client.post("/v1/items:batch", json={"delete": ["moon-1"]}),
    ):
        assert answer.status_code == 403
    assert browser_client.get("/v1/items/moon-1").status_code == 200


def test_a_change_outlives_the_worker(house, client) -> None:
    client.put("/v1/items/torch", json=TORCH)
    kept = house.run(house.store.get, "item:lamps", "torch")
    assert json.loads(kept.value)["titles"]["zh"] == "手电"
