"""Rows come in as the text of a file: tried first, good ones served at once, bad ones told by line and field."""

from __future__ import annotations

import csv
import io
import json

import pytest

ITEMS = "id,title,brand,weight,uses,price\nt1,Torch,Nordlys,90,travel,39\nt2,手电,Hearth,heavy,travel|desk,49\n,,Hearth,12,,\nt1,Again,Hearth,10,,5\n"


def sent(client, text: str, *, form: str = "csv", kind: str = "items", dry: bool = False, name: str = "shop.csv") -> dict:
    answer = client.post("/v1/admin/imports", json={"name": name, "format": form, "kind": kind, "text": text, "dry_run": dry})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(client, **body: object) -> str:
    answer = client.post("/v1/admin/imports", json={"name": "x", "format": "csv", "kind": "items", "text": "", **body})
    assert answer.status_code == 400, answer.text
    return answer.json()["errors"][0]["field"]


def faults(told: dict) -> list[tuple[int, str, bool]]:
    return [(e["line"], e["field"], e["kept"]) for e in told["errors"]]


def test_good_rows_are_kept_around_bad_ones_and_served_at_once(client) -> None:
    told = sent(client, ITEMS)
    assert (told["rows"], told["accepted"], told["rejected"], told["new"], told["replaced"]) == (4, 2, 2, 2, 0)
    assert faults(told) == [(3, "weight", True), (4, "title", False), (5, "id", False)]
    assert "heavy" in told["errors"][0]["message"]
    assert "t2" in told["errors"][0]["row"]
    assert client.get("/v1/items/t1").json()["attributes"]["weight"] == 90
    assert client.get("/v1/items/t2").json()["titles"] == {"zh": "手电"}
    found = client.post("/v1/recommend", json={"filters": {"uses": "travel", "brand": "Nordlys"}}).json()
    assert [card["id"] for card in found["items"]] == ["t1"]


def test_a_dry_run_says_the_same_and_changes_nothing(client) -> None:
    dry = sent(client, ITEMS, dry=True)
    assert client.get("/v1/items/t1").status_code == 404
    assert client.get("/v1/admin/imports").json()["imports"] == []
    real = sent(client, ITEMS)
    assert dry["import_id"] is None
    assert {name: dry[name] for name in ("rows", "accepted", "rejected", "new", "errors")} == {name: real[name] for name in ("rows", "accepted", "rejected", "new", "errors")}


def test_items_that_are_there_are_replaced(client) -> None:
    sent(client, ITEMS)
    told = sent(client, "id,title,weight\nt1,Torch,95\n")
    assert (told["new"], told["replaced"]) == (0, 1)
    assert client.get("/v1/items/t1").json()["attributes"]["weight"] == 95


@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_json_is_read_with_sizes_and_both_languages(client, form: str) -> None:
    row = {
        "id": "t3",
        "titles": {"en": "Torch", "zh": "手电"},
        "description": {"en": "Bright."},
        "uses": ["travel"],
        "variants": [{"price": 39, "storage": 2}, {"price": 59, "storage": 4}],
    }
    told = sent(client, json.dumps(row) + "\n" if form == "jsonl" else json.dumps({"items": [row]}), form=form)
    assert (told["accepted"], told["errors"]) == (1, [])
    item = client.get("/v1/items/t3").json()
    assert (item["titles"], item["description"], len(item["variants"])) == (row["titles"], row["description"], 2)


def test_a_column_that_nobody_knows_is_told_once_with_the_nearest_name(client) -> None:
    told = sent(client, "id,title,wieght\nt1,Torch,90\nt2,Lamp,80\n")
    assert faults(told) == [(1, "wieght", True)]
    assert "'weight'" in told["errors"][0]["message"]
    assert told["accepted"] == 2


def test_a_row_that_is_no_json_is_told_by_its_line(client) -> None:
    told = sent(client, '{"id": "t1", "title": "Torch"}\n{"id": \n[1]\n', form="jsonl")
    assert faults(told) == [(2, "row", False), (3, "row", False)]
    assert told["accepted"] == 1


@pytest.mark.parametrize(
    ("text", "form"),
    [("", "csv"), ("{", "json"), ("3", "json"), ("[" * 50_000, "json"), ("", "json")],
)
def test_a_text_that_is_no_table_is_refused_without_a_path(client, text: str, form: str) -> None:
    answer = client.post("/v1/admin/imports", json={"name": "x", "format": form, "kind": "items", "text": text})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "text"
    assert "tmp" not in answer.text
    assert "import." not in answer.text


def test_nothing_of_use_is_no_error_but_is_told(client) -> None:
    told = sent(client, "colour\nred\n")
    assert (told["rows"], told["accepted"], told["rejected"]) == (1, 0, 1)


def test_more_errors_than_can_be_told_are_counted(client) -> None:
    told = sent(client, "id,title\n" + "x,\n" * 1200)
    assert (told["rejected"], len(told["errors"]), told["seen"]) == (1200, 1000, False)


def test_more_rows_than_one_request_may_have_are_refused(client, monkeypatch) -> None:
    monkeypatch.setattr("zhiyin.web.admin.imports.MOST_ROWS", 2)
    assert refused(client, text="id,title\na,A\nb,B\nc,C\n") == "text"
    assert client.get("/v1/items/a").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"format": "xlsx"}, "format"),
        ({"kind": "users"}, "kind"),
        ({"text": 3}, "text"),
        ({"text": "\ud800"}, "text"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"name": ""}, "name"),
        ({"txt": ""}, "txt"),
    ],
)
def test_a_body_that_is_none_is_refused(client, body: dict[str, object], field: str) -> None:
    whole = {"name": "x", "format": "csv", "kind": "items", "text": "title\nA\n", **body}
    answer = client.post("/v1/admin/imports", content=json.dumps(whole), headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "text",
    ['{"id": "\\ud800", "title": "A"}', '{"id": "a\\u0000", "title": "A"}', '{"title": "\\ud800"}', '{"\\ud800": 1, "title": "A", "id": "b"}', '{"id": {"a": 1}, "title": ["x"]}'],
)
@pytest.mark.parametrize("kind", ["items", "events"])
def test_what_no_store_can_hold_is_told_and_not_kept(client, text: str, kind: str) -> None:
    answer = client.post("/v1/admin/imports", json={"name": "x", "format": "jsonl", "kind": kind, "text": text})
    assert answer.status_code in {200, 400}
    if answer.status_code == 200 and answer.json()["import_id"]:
        assert client.get(f"/v1/admin/imports/{answer.json()['import_id']}").status_code == 200
        assert client.get("/v1/items", params={"limit": 200}).status_code == 200


def test_imports_are_remembered_the_latest_first_and_no_more_than_so_many(house, client, monkeypatch) -> None:
    monkeypatch.setattr("zhiyin.web.admin.imports.KEPT", 3)
    for n in range(5):
        house.clock.forward(seconds=1)
        sent(client, ITEMS, name=f"shop{n}.csv")
    first = client.get("/v1/admin/imports", params={"limit": 2}).json()
    rest = client.get("/v1/admin/imports", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [row["name"] for row in (*first["imports"], *rest["imports"])] == ["shop4.csv", "shop3.csv", "shop2.csv"]
    assert rest["next_cursor"] is None
    row = first["imports"][0]
    assert (row["accepted"], row["rejected"], row["kind"], row["by"]) == (2, 2, "items", "local")
    assert "errors" not in row


def test_errors_are_read_again_and_taken_along_as_a_table(client) -> None:
    told = sent(client, "id,title,weight\na,Torch,=SUM(A:A)\n=b,,\n")
    again = client.get(f"/v1/admin/imports/{told['import_id']}").json()
    assert again["errors"] == told["errors"]
    file = client.get(f"/v1/admin/imports/{told['import_id']}/errors.csv")
    assert file.headers["content-type"].startswith("text/csv")
    header, *rows = csv.reader(io.StringIO(file.text.removeprefix("\ufeff")))
    assert header == ["line", "field", "message", "row", "kept"]
    assert [row[:2] for row in rows] == [["2", "weight"], ["3", "title"]]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert client.get("/v1/admin/imports/none").status_code == 404
    assert client.get("/v1/admin/imports/none/errors.csv").status_code == 404


EVENTS = "user_id,item_id,type,time,value\nada,ember,click,2026-01-02T08:00:00Z,\nada,nothing,click,2026-01-02T08:00:00Z,\nbob,ember,rating,2026-01-03T08:00:00Z,4\nbob,ember,dance,2026-01-03T08:00:00Z,\n"


def test_events_are_kept_once_and_known_of_their_users(client) -> None:
    dry = sent(client, EVENTS, kind="events", dry=True)
    assert client.get("/v1/users/bob").json()["events"] == 0
    told = sent(client, EVENTS, kind="events")
    assert (told["rows"], told["accepted"], told["rejected"], told["new"], told["known"]) == (4, 2, 2, 2, 0)
    assert (dry["accepted"], dry["rejected"], dry["errors"]) == (2, 2, told["errors"])
    assert faults(told) == [(3, "item_ids", False), (5, "type", False)]
    assert [row["item_id"] for row in client.get("/v1/users/bob").json()["likes"]] == ["ember"]
    again = sent(client, EVENTS, kind="events")
    assert (again["new"], again["known"]) == (0, 2)
    assert client.get("/v1/users/bob").json()["events"] == 1


def test_events_without_a_column_that_is_needed_are_refused(client) -> None:
    assert refused(client, kind="events", text="colour\nred\n") == "text"


def test_the_same_request_twice_with_a_key_is_one_import(client) -> None:
    body = {"name": "x", "format": "csv", "kind": "items", "text": "id,title\na,A\n"}
    first, again = (client.post("/v1/admin/imports", json=body, headers={"idempotency-key": "k"}) for _ in range(2))
    assert first.json() == again.json()
    assert len(client.get("/v1/admin/imports").json()["imports"]) == 1
