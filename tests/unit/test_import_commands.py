"""`zhiyin import events` and `orders` into the store: counted once, joined to their users, every row that fails told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from zhiyin.catalog.orders import Orders
from zhiyin.catalog.read import BadRow
from zhiyin.cli.commands import run

Command = Callable[..., tuple[int, str, str]]
ROWS = ["id,title,price,colour"] + [f"lamp-{n},Lamp {n},{10 + n},{'red' if n % 2 else 'blue'}" for n in range(12)]
T = 1_750_000_000


@pytest.fixture
def zhiyin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in a folder whose settings name a dozen lamps and a store."""
    monkeypatch.chdir(tmp_path)
    for name in ("CACHE", "DATA"):
        monkeypatch.setenv(f"ZHIYIN_{name}", str(tmp_path / name.lower()))
    (tmp_path / "lamps.csv").write_text("\n".join(ROWS), encoding="utf-8")
    (tmp_path / "zhiyin.toml").write_text('items = "lamps.csv"\nstore = "sqlite:///log.db"\n', encoding="utf-8")

    def go(*arguments: str) -> tuple[int, str, str]:
        return run(list(arguments)), *capsys.readouterr()

    return go


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path.name


def kept(zhiyin: Command, user: str) -> list[dict[str, object]]:
    status, out, complaint = zhiyin("users", "export", user, "--format", "jsonl")
    assert status == 0, complaint
    return [json.loads(line) for line in out.splitlines()]


def remembered() -> list[dict[str, object]]:
    """The earlier imports that the operator's page lists."""
    import asyncio

    from zhiyin.backends import open_stores
    from zhiyin.settings import read_settings

    async def read() -> list[dict[str, object]]:
        stores = open_stores(read_settings())
        found = [json.loads(record.value or "{}") for record in await stores.records.page("import")]
        await stores.log.close()
        return found

    return asyncio.run(read())


# --- events ---


def test_events_become_their_users_own_and_count_once(zhiyin: Command, tmp_path: Path) -> None:
    head = "event_id,user_id,item_id,event_type,timestamp,quantity,value,currency,recommendation_id"
    file = write(
        tmp_path / "shop.csv",
        head,
        f"e1,ann,lamp-1,add-to-cart,{T},2,1999,CNY,r1",
        f"e2,ann,lamp-2,view,{T + 1},,,,",
        f"e1,ann,lamp-1,add-to-cart,{T},2,1999,CNY,r1",
        f",bob,lamp-3,view,{T},,,,",
    )
    status, out, _ = zhiyin("import", "events", file)
    assert status == 0, out
    assert "kept: 3 new, 0 known already" in out
    cart, view = kept(zhiyin, "ann")
    assert (cart["kind"], cart["item"], cart["id"], cart["value"], cart["recommendation"]) == ("cart", "lamp-1", "e1", 1999.0, "r1")
    assert cart["properties"] == {"quantity": 2, "currency": "CNY"}
    assert (view["kind"], view["time"]) == ("view", "2025-06-15T15:06:41Z")
    assert cart["session_id"] == view["session_id"]  # beside the conversations, of the user's day
    assert "kept: 0 new, 3 known already" in zhiyin("import", "events", file)[1]
    assert len(kept(zhiyin, "ann")) == 2


def test_the_files_of_others_are_read_as_they_are(zhiyin: Command, tmp_path: Path) -> None:
    algolia = {"eventType": "click", "eventName": "clicked", "userToken": "tok", "objectIDs": ["lamp-1", "lamp-2"], "timestamp": T * 1000}
    ga4 = {"event_name": "view_item", "user_pseudo_id": "77.1", "event_timestamp": T * 1_000_000, "items": [{"item_id": "lamp-4"}]}
    retail = {
        "eventType": "detail-page-view",
        "visitorId": "v",
        "eventTime": "2026-01-31T08:00:00Z",
        "userInfo": {"userId": "ann"},
        "productDetails": [{"product": {"id": "lamp-5"}}],
    }
    gorse = {"FeedbackType": "star", "UserId": "bob", "ItemId": "lamp-6", "Timestamp": "2026-01-31T08:00:00Z"}
    personalize = {"USER_ID": "cid", "ITEM_ID": "lamp-7", "EVENT_TYPE": "Purchase", "TIMESTAMP": T}
    files = [
        write(tmp_path / f"{name}.jsonl", json.dumps(row)) for name, row in (("algolia", algolia), ("ga4", ga4), ("retail", retail), ("gorse", gorse), ("personalize", personalize))
    ]
    status, out, _ = zhiyin("import", "events", *files)
    assert status == 0, out
    found = {user: [(e["kind"], e["item"]) for e in kept(zhiyin, user)] for user in ("visitor:tok", "visitor:77.1", "ann", "bob", "cid")}
    assert found == {
        "visitor:tok": [("click", "lamp-1"), ("click", "lamp-2")],
        "visitor:77.1": [("view", "lamp-4")],
        "ann": [("view", "lamp-5")],
        "bob": [("favourite", "lamp-6")],
        "cid": [("purchase", "lamp-7")],
    }


def test_rows_that_cannot_be_kept_are_counted_and_written_with_line_and_reason(zhiyin: Command, tmp_path: Path) -> None:
    head = "event_id,user_id,item_id,type,time,quantity"
    rows = (f"e1,ann,lamp-1,view,{T},1", f"e2,ann,no-lamp,view,{T},1", f"{'e' * 200},ann,lamp-2,view,{T},1", f"e4,ann,lamp-3,view,{T},many", f"e5,ann,lamp-4,view,{T},-1")
    file = write(tmp_path / "shop.csv", head, *rows)
    status, out, _ = zhiyin("import", "events", file, "--errors", "bad.jsonl")
    assert status == 3
    rejected = {r["line"]: r["reason"] for r in map(json.loads, (tmp_path / "bad.jsonl").read_text(encoding="utf-8").splitlines())}
    assert set(rejected) == {3, 4, 6}
    assert rejected[3] == "the catalogue has no such item"
    assert rejected[4].startswith("event_id: ")
    assert rejected[6].startswith("quantity: ")
    assert "1 cells of quantity are left out" in out
    assert [e["item"] for e in kept(zhiyin, "ann")] == ["lamp-1", "lamp-3"]
    (told,) = remembered()
    assert (told["name"], told["kind"], told["rows"], told["accepted"], told["rejected"], told["new"]) == ("shop.csv", "events", 5, 2, 3, 2)
    assert {e["line"] for e in told["errors"]} == {3, 4, 6}
    status, _, complaint = zhiyin("import", "events", file, "--on-error", "stop", "--store", "memory:")
    assert (status, "line 3" in complaint) == (4, True)


def test_an_item_put_in_or_deleted_over_http_counts(zhiyin: Command, tmp_path: Path) -> None:
    import asyncio

    from zhiyin.backends import open_stores
    from zhiyin.settings import read_settings

    async def change() -> None:
        stores = open_stores(read_settings())
        await stores.records.put("item:lamps", "lamp-1", "null")
        await stores.records.put("item:lamps", "new", '{"titles": {"en": "New"}}')
        await stores.log.close()

    asyncio.run(change())
    file = write(tmp_path / "shop.csv", "user_id,item_id,type,time", f"ann,new,view,{T}", f"ann,lamp-1,view,{T}")
    assert zhiyin("import", "events", file)[0] == 3
    assert [e["item"] for e in kept(zhiyin, "ann")] == ["new"]


# --- orders ---


def test_orders_become_purchases_with_what_was_paid(zhiyin: Command, tmp_path: Path) -> None:
    file = write(
        tmp_path / "orders.csv",
        "订单号,会员id,商品id,数量,单价,下单时间,状态",
        "1,安,lamp-1,2,¥19.90,2026-01-02 10:00:00,已完成",
        "1,安,lamp-2,1,30,2026-01-02 10:00:00,已完成",
        "2,安,lamp-3,1,30,2026-01-03 10:00:00,已取消",
        "3,安,lamp-4,1,30,2026-01-04 10:00:00,已退款",
        "4,,lamp-4,1,30,2026-01-04 10:00:00,已完成",
    )
    status, out, _ = zhiyin("import", "orders", file)
    assert status == 3
    assert "passed over: 1 lines" in out
    assert "kept without a price: 2 lines" in out
    found = [(e["kind"], e["item"], e["value"], e["properties"]) for e in reversed(kept(zhiyin, "安"))]
    assert sorted(found) == [
        ("purchase", "lamp-1", 3980.0, {"quantity": 2, "currency": "CNY"}),
        ("purchase", "lamp-2", None, {"quantity": 1}),
        ("refund", "lamp-4", None, {"quantity": 1}),
    ]
    (rejected,) = map(json.loads, (tmp_path / "orders.errors.jsonl").read_text(encoding="utf-8").splitlines())
    assert (rejected["line"], rejected["reason"]) == (6, "a line of an order needs user_id")
    assert "kept: 0 new, 3 known already" in zhiyin("import", "orders", file)[1]


def test_an_order_that_holds_its_lines_is_as_many_purchases(zhiyin: Command, tmp_path: Path) -> None:
    lines = [{"id": 9, "sku": "lamp-1", "quantity": 2, "price": "10.50"}, {"sku": "lamp-2", "quantity": 1, "price": "1,299.00"}]
    order = {"id": 10, "order_number": 1001, "customer": {"id": 7}, "created_at": "2026-01-02T00:00:00Z", "currency": "USD", "total": "1320", "line_items": lines}
    (tmp_path / "orders.json").write_text(json.dumps([order]), encoding="utf-8")
    status, out, complaint = zhiyin("import", "orders", "orders.json")
    assert status == 0, out + complaint
    assert [(e["id"], e["item"], e["value"]) for e in kept(zhiyin, "7")] == [("purchase:1001:lamp-1", "lamp-1", 2100.0), ("purchase:1001:lamp-2", "lamp-2", 129_900.0)]


@pytest.mark.parametrize(
    ("price", "currency", "minor"),
    [("1,299.00", "CNY", 129_900), ("12,50", "EUR", 1250), ("1.299,50", "EUR", 129_950), ("1500", "JPY", 1500), ("1.250", "KWD", 1250), ("¥88", "", 8800), ("$5", "USD", 500), ("免费", "CNY", None), ("88", "", None)],
)  # fmt: skip
def test_a_price_is_read_in_any_of_its_forms(tmp_path: Path, price: str, currency: str, minor: int | None) -> None:
    (tmp_path / "o.json").write_text(json.dumps([{"order_id": 1, "user_id": "a", "sku": "b", "time": "2026-01-01", "price": price, "currency": currency}]), encoding="utf-8")
    orders = Orders()
    ((line, event),) = orders(tmp_path / "o.json")
    assert not isinstance(event, BadRow)
    assert (line, event.get("value")) == (1, minor)
    assert orders.unpriced == (minor is None)


def test_what_cannot_be_imported_and_options_of_others_are_usage_errors(zhiyin: Command, tmp_path: Path) -> None:
    file = write(tmp_path / "shop.csv", "user_id,item_id,time", f"ann,lamp-1,{T}")
    status, _, complaint = zhiyin("import", "users", file)
    assert (status, "import events or orders" in complaint) == (2, True)
    assert zhiyin("import", "nonsense", file)[0] == 2
    assert zhiyin("import", "orders", file, "--train-only")[0] == 2
    assert zhiyin("import", "events", file, "--currency", "CNY")[0] == 2
    assert zhiyin("import", "events", file, "--out", "x")[0] == 2
    status, _, complaint = zhiyin("import", "orders", file, "--currency", "XYZ")
    assert (status, "ISO 4217" in complaint) == (1, True)
    status, _, complaint = zhiyin("import", "orders", file)
    assert (status, "nothing was stored" in complaint) == (1, True)
