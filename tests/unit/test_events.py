"""Logs of any make become columns; whatever is wrong with them is counted and said, and nothing else is lost."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Domain
from zhiyin.catalog.events import LogReport, installed_logs, log_folder, read_keyed, read_log, write_log
from zhiyin.catalog.events_copies import MOST
from zhiyin.catalog.events_names import kind_of
from zhiyin.catalog.events_numbers import read_times
from zhiyin.cli.commands import run
from zhiyin.errors import CatalogError, UnreadableFile
from zhiyin.interactions import KINDS, Interactions
from zhiyin.types import Item, ItemId

NOW = 1_700_000_000.0
T = 1_672_531_200  # 2023-01-01
ITEMS = ("a", "b", "7")
HEAD = "user_id,item_id,type,time,value"


def read(tmp_path: Path, *lines: str, head: str = HEAD, items: tuple[str, ...] = ITEMS) -> tuple[Interactions, LogReport]:
    path = tmp_path / "log.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return read_log([path], items, now=NOW)


def read_json(tmp_path: Path, *rows: object) -> tuple[Interactions, LogReport]:
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return read_log([path], ITEMS, now=NOW)


def events(log: Interactions) -> list[tuple[str, str, str, float]]:
    """Who, what, which kind and when, oldest first."""
    return [(log.users[u], log.items[i], KINDS[k], t) for u, i, k, t in zip(log.user, log.item, log.kind, log.time.tolist(), strict=True)]


def text_of(report: LogReport, code: str) -> str:
    return next(t.text for t in report.troubles if t.code == code)


# --- whose log it is ---


def test_a_plain_log_is_read_as_it_stands(tmp_path: Path) -> None:
    log, report = read(tmp_path, f"u,a,view,{T},", f"v,b,rating,{T + 1},4.5")
    assert events(log) == [("u", "a", "view", T), ("v", "b", "rating", T + 1)]
    assert np.isnan(log.value[0])
    assert log.value[1] == 4.5
    assert log.items == ITEMS
    assert (report.rows, report.events, report.users, report.items, report.dropped) == (2, 2, 2, 2, 0)


def test_google_retail_events_are_read(tmp_path: Path) -> None:
    log, report = read_json(
        tmp_path,
        {"eventType": "detail-page-view", "visitorId": "v", "eventTime": "2023-01-01T00:00:00Z", "productDetails": [{"product": {"id": "a"}}], "userInfo": {"userId": "u"}},
        {
            "eventType": "purchase-complete",
            "visitorId": "v",
            "eventTime": "2023-01-01T08:00:05+08:00",
            "productDetails": [{"product": {"id": "a"}, "quantity": 2}, {"product": {"id": "b"}}],
        },
        {"eventType": "home-page-view", "visitorId": "v", "eventTime": "2023-01-01T00:00:05Z"},
        {"eventType": "search", "visitorId": "v", "eventTime": "2023-01-01T00:00:05Z", "searchQuery": "x"},
    )
    assert events(log) == [("u", "a", "view", T), ("v", "a", "purchase", T + 5), ("v", "b", "purchase", T + 5)]
    assert report.count("passed") == 2
    assert report.dropped == 0


def test_ga4_events_are_read(tmp_path: Path) -> None:
    log, report = read_json(
        tmp_path,
        {"event_date": "20230101", "event_timestamp": str(T * 10**6), "event_name": "view_item", "user_id": None, "user_pseudo_id": "p", "items": [{"item_id": "a"}]},
        {"event_date": "20230101", "event_timestamp": str((T + 1) * 10**6), "event_name": "add_to_wishlist", "user_id": "u", "user_pseudo_id": "p", "items": [{"item_id": "b"}]},
        {"event_date": "20230101", "event_timestamp": str((T + 1) * 10**6), "event_name": "session_start", "user_pseudo_id": "p", "items": []},
    )
    assert events(log) == [("p", "a", "view", T), ("u", "b", "favourite", T + 1)]
    assert report.assumed == ("log.jsonl: times are microseconds since 1970",)


def test_algolia_events_are_read(tmp_path: Path) -> None:
    log, _ = read_json(
        tmp_path,
        {"eventType": "conversion", "eventSubtype": "addToCart", "eventName": "Added to bag", "index": "shop", "objectIDs": ["a", "b"], "userToken": "u", "timestamp": T * 1000},
        {"eventType": "click", "eventName": "Clicked", "objectIDs": ["a"], "userToken": "u", "timestamp": (T + 1) * 1000},
    )
    assert events(log) == [("u", "a", "cart", T), ("u", "b", "cart", T), ("u", "a", "click", T + 1)]


def test_gorse_feedback_is_read(tmp_path: Path) -> None:
    log, _ = read_json(
        tmp_path,
        {"FeedbackType": "star", "UserId": "u", "ItemId": "a", "Timestamp": "2023-01-01T00:00:00Z"},
        {"FeedbackType": "read", "UserId": "u", "ItemId": "b", "Timestamp": "2023-01-01 00:00:01 UTC"},
    )
    assert events(log) == [("u", "a", "favourite", T), ("u", "b", "view", T + 1)]


def test_amazon_personalize_interactions_are_read(tmp_path: Path) -> None:
    log, _ = read(tmp_path, f"u,a,{T},Purchase,9.5", f"u,b,{T},rating,4", head="USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE")
    assert events(log) == [("u", "a", "purchase", T), ("u", "b", "rating", T)]
    assert np.isnan(log.value[0])  # what was paid is not taste


def test_our_own_events_are_read_and_other_types_are_no_bother(tmp_path: Path) -> None:
    log, _ = read_json(
        tmp_path,
        {"event_id": "e1", "type": "track", "event": "Product Added", "userId": "u", "timestamp": "2023-01-01T00:00:00.000Z", "properties": {"product_id": "a"}},
        {"event_id": "e2", "type": "like", "time": "2023-01-01T00:00:01Z", "visitor_id": "v", "session_id": "s", "item_ids": ["a", "b"]},
    )
    assert events(log) == [("u", "a", "cart", T), ("v", "a", "like", T + 1), ("v", "b", "like", T + 1)]


def test_a_chinese_log_is_read(tmp_path: Path) -> None:
    log, report = read(tmp_path, "张三,a,收藏,2023-01-01 08:00:00", "张三,b,加购,2023年1月2日 08:00", head="用户,商品编号,行为,时间")
    assert [e[:3] for e in events(log)] == [("张三", "a", "favourite"), ("张三", "b", "cart")]
    assert report.assumed == ("log.csv: times without a zone are in UTC",)


def test_ratings_without_a_type_and_clicks_without_a_user_say_what_was_assumed(tmp_path: Path) -> None:
    log, report = read(tmp_path, f"1,a,4,{T}", head="userId,movieId,rating,timestamp")
    assert events(log) == [("1", "a", "rating", T)]
    assert "every row is a rating of column rating" in report.assumed[0]
    log, report = read(tmp_path, f"s1,a,{T}", head="SessionId,ItemId,Time")
    assert events(log) == [("s1", "a", "view", T)]
    assert "every row is a view" in report.assumed[0]
    assert "each session is one" in report.assumed[1]


def test_parquet_is_read(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    times = np.array([T, T + 1], dtype="datetime64[s]").astype("datetime64[us]")
    pq.write_table(pa.table({"user_id": [1.0, 2.0], "item_id": [7, 7], "event_type": ["view", "click"], "timestamp": times}), tmp_path / "log.parquet")
    log, _ = read_log([tmp_path / "log.parquet"], ITEMS, now=NOW)
    assert events(log) == [("1", "7", "view", T), ("2", "7", "click", T + 1)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("add-to-cart", "cart"), ("AddToCart", "cart"), ("Purchase", "purchase"), ("view_item", "view"), ("wishlist", "favourite"), ("Thumbs Up", "like"), ("remove-from-cart", "uncart"), ("购买", "purchase"), *((k, k) for k in KINDS)],
)  # fmt: skip
def test_a_type_is_known_by_any_of_its_names(name: str, kind: str) -> None:
    assert kind_of(name) == KINDS.index(kind)


@pytest.mark.parametrize(
    "cell",
    ["2023-01-01T00:00:00Z", "2023-01-01t00:00:00z", "2023-01-01T08:00:00+08:00", "2023-01-01 00:00:00 UTC", "2023/1/1 0:00", "2023-01-01", "20230101", "20230101000000", T, str(T), float(T), T * 1000, str(T * 10**6), T * 10**9],
)  # fmt: skip
def test_a_time_is_read_in_any_of_its_forms(cell: object) -> None:
    assert read_times([cell])[0].tolist() == [T]
    assert read_times([cell, "oops", None])[0][0] == T  # beside bad ones too


# --- what can be wrong ---


def test_copies_count_once_and_so_do_repeated_event_ids(tmp_path: Path) -> None:
    log, report = read(tmp_path, f"u,a,view,{T},,e1", f"u,a,view,{T + 9},,e1", f"u,b,view,{T},,", f"u,b,view,{T},,", f"u,b,view,{T},,e2", head=HEAD + ",event_id")
    assert len(log) == 3
    assert (report.count("repeated_id"), report.count("duplicate"), report.dropped) == (1, 1, 0)
    assert "line 3 of log.csv" in text_of(report, "repeated_id")


def test_events_out_of_order_are_sorted_and_it_is_said(tmp_path: Path) -> None:
    log, report = read(tmp_path, f"u,a,view,{T + 5},", f"u,b,view,{T},", f"u,7,view,{T + 5},")
    assert [e[1] for e in events(log)] == ["b", "a", "7"]
    assert report.count("unordered") == 1


def test_times_from_the_future_or_before_1970_or_unreadable_are_dropped(tmp_path: Path) -> None:
    log, report = read(
        tmp_path, f"u,a,view,{T},", f"u,a,view,{NOW + 90_000},", f"u,b,view,{NOW + 80_000},", "u,a,view,0,", "u,a,view,-5,", "u,a,view,1969-07-20,", "u,a,view,soon,", "u,a,view,,"
    )
    assert len(log) == 2
    assert (report.count("future"), report.count("before"), report.count("time"), report.dropped) == (1, 3, 2, 6)
    assert "such as 2023-11-15" in text_of(report, "future")


def test_ratings_without_a_number_are_dropped_and_other_values_do_not_matter(tmp_path: Path) -> None:
    log, report = read(tmp_path, f"u,a,rating,{T},nan", f"u,a,rating,{T},good", f"u,a,rating,{T},", f"u,a,rating,{T},3", f"u,a,view,{T},good")
    assert [e[2] for e in events(log)] == ["rating", "view"]
    assert report.count("value") == report.dropped == 3


def test_a_rating_off_the_scale_is_dropped_and_leaves_the_others_alone(tmp_path: Path) -> None:
    log, report = read(tmp_path, *(f"u{n},a,rating,{T},{n % 5 + 1}" for n in range(20)), f"w,a,rating,{T},9", f"w,b,rating,{T},0", f"w,7,rating,{T},-1")
    assert sorted(set(log.value.tolist())) == [1, 2, 3, 4, 5]
    assert len(log) == 20
    assert report.count("scale") == report.dropped == 3
    assert report.count("rescaled") == 0


@pytest.mark.parametrize(("given_", "stars"), [((0, 5, 10), [1, 3, 5]), ((20, 50, 100), [1.8, 3, 5]), ((0.5, 1, 4.5), [1, 1, 4.5]), ((1, 3, 5), [1, 3, 5])])
def test_a_whole_column_on_another_scale_is_rescaled(tmp_path: Path, given_: tuple[float, ...], stars: list[float]) -> None:
    log, report = read(tmp_path, *(f"u,{item},rating,{T},{value}" for item, value in zip(ITEMS, given_, strict=True)))
    assert log.value.tolist() == pytest.approx(stars)
    assert report.dropped == 0
    assert bool(report.count("rescaled") or report.count("half_star")) == (list(given_) != stars)


def test_a_negative_dwell_is_dropped(tmp_path: Path) -> None:
    log, report = read(tmp_path, f"u,a,dwell,{T},-3", f"u,a,dwell,{T},30")
    assert log.value.tolist() == [30]
    assert report.count("negative") == 1


def test_endless_repeats_are_capped_and_nobody_else_is_touched(tmp_path: Path) -> None:
    log, report = read(tmp_path, f"v,a,view,{T},", *(f"u,a,view,{T + n}," for n in range(MOST + 50)), f"u,a,click,{T},", f"u,b,view,{T},")
    assert len(log) == MOST + 3
    assert report.count("repeats") == report.dropped == 50
    assert log.time.max() == T + MOST - 1  # the earliest stay
    assert "user 'u' and item 'a'" in text_of(report, "repeats")


def test_lone_users_and_items_without_events_are_facts(tmp_path: Path) -> None:
    _, report = read(tmp_path, f"u,a,view,{T},", f"v,a,view,{T},", f"v,a,click,{T},")
    assert (report.count("one_event"), report.count("unseen"), report.dropped) == (1, 2, 0)


def test_the_same_number_in_two_files_is_one_id(tmp_path: Path) -> None:
    for day, (name, user, item) in enumerate((("one.csv", "007", "7"), ("two.csv", "7.0", "7.0"), ("three.csv", "7", "0007"))):
        (tmp_path / name).write_text(f"{HEAD}\n{user},{item},view,{T + day},\n{user},{item},click,{T + day},\n", encoding="utf-8")
    log, report = read_log([tmp_path / n for n in ("one.csv", "two.csv", "three.csv")], ITEMS, now=NOW)
    assert log.users == ("007",)
    assert {e[1] for e in events(log)} == {"7"}
    assert report.count("number_form") == 4
    assert report.dropped == 0


def test_two_forms_of_a_number_in_one_place_are_two_ids(tmp_path: Path) -> None:
    log, report = read(tmp_path, f"7,a,view,{T},", f"007,a,view,{T},", f"7.0,b,view,{T},")
    assert sorted(log.users) == ["007", "7"]
    assert report.count("doubtful_form") == 1
    log, report = read(tmp_path, f"u,07,view,{T},", f"u,7,view,{T},", f"u,+7,view,{T},", items=("7", "07"))
    assert [e[1] for e in events(log)] == ["07", "7"]
    assert (report.count("unknown_item"), report.count("doubtful_form")) == (1, 1)


def test_unknown_items_are_dropped_and_the_nearest_is_named(tmp_path: Path) -> None:
    log, report = read(tmp_path, f"u,iphone15,view,{T},", f"u,a,view,{T},", items=("a", "iphone-15", "b"))
    assert len(log) == 1
    assert report.count("unknown_item") == 1
    assert "'iphone15' (1, nearest: 'iphone-15')" in text_of(report, "unknown_item")


def test_unknown_types_are_dropped_and_the_nearest_is_named(tmp_path: Path) -> None:
    log, report = read(tmp_path, f"u,a,purchse,{T},", f"u,a,xyzzy,{T},", f"u,a,,{T},", f"u,a,view,{T},")
    assert len(log) == 1
    assert report.count("type") == 3
    assert "'purchse' (1, nearest: purchase)" in text_of(report, "type")
    assert "known types are impression" in text_of(report, "type")


def test_empty_ids_are_dropped(tmp_path: Path) -> None:
    log, report = read(tmp_path, f",a,view,{T},", f"NaN,a,view,{T},", f"  ,a,view,{T},", f"u,,view,{T},", f"u,a,view,{T},")
    assert len(log) == 1
    assert (report.count("user"), report.count("item")) == (3, 1)


def test_rows_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f'{{"user_id": "u", "item_id": "a", "type": "view", "time": {T}}}\nnot json\n[1]\n', encoding="utf-8")
    log, report = read_log([path], ITEMS, now=NOW)
    assert len(log) == 1
    assert (report.count("unreadable"), report.rows) == (2, 3)
    assert dict(next(report.rejected.by_file())[1]).keys() == {2, 3}


@pytest.mark.parametrize("text", ["", HEAD + "\n"])
def test_a_log_of_no_rows_is_an_empty_log(tmp_path: Path, text: str) -> None:
    (tmp_path / "log.csv").write_text(text, encoding="utf-8")
    log, report = read_log([tmp_path / "log.csv"], ITEMS, now=NOW)
    assert (len(log), report.rows, report.troubles, log.items) == (0, 0, (), ITEMS)


def test_a_missing_column_names_what_is_there_and_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"no column for the time \(wanted: time or timestamp\); there are: user_id, item_id, colour"):
        read(tmp_path, "u,a,red", head="user_id,item_id,colour")
    with pytest.raises(UnreadableFile, match="no such file"):
        read_log([tmp_path / "nowhere.csv"], ITEMS, now=NOW)


def test_stopping_at_the_first_bad_row_names_it(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(f"{HEAD}\nu,a,view,{T},\nu,a,view,soon,\n,a,view,{T},\n", encoding="utf-8")
    with pytest.raises(CatalogError, match=r"log.csv, line 3: the time cannot be read; nothing was taken \(2 such rows\)"):
        read_log([tmp_path / "log.csv"], ITEMS, now=NOW, on_error="stop")


def test_of_several_troubles_an_event_counts_under_one(tmp_path: Path) -> None:
    _, report = read(tmp_path, "x,zz,nope,soon,", f",zz,view,{T},", f"u,a,view,{T},", f"u,a,view,{T},")
    counted = sum(t.count for t in report.troubles if t.fate in {"dropped", "counted once", "passed over"})
    assert counted + report.events == report.rows == 4


good = st.tuples(st.sampled_from(["u", "v", "用户"]), st.sampled_from(ITEMS), st.sampled_from(["view", "add-to-cart", "Rating"]), st.integers(1, 10**6))
bad_cells = st.sampled_from(["", "nan", "-1", "1e400", "9999999999999999999999", "soon", "\x00", "a,b", "'", '"', "🙈", "007", "None", "[]", "{}", "x" * 300])
bad = st.tuples(bad_cells, bad_cells, bad_cells, bad_cells, bad_cells)


@settings(deadline=None, max_examples=150)
@given(st.lists(good, max_size=12, unique=True), st.lists(bad, max_size=12), st.randoms(use_true_random=False))
def test_good_rows_are_never_lost_whatever_stands_beside_them(kept: list[tuple[str, str, str, int]], others: list[tuple[str, ...]], chance) -> None:
    rows: list[tuple[object, ...]] = [(user, item, kind, T + second, 3 if kind == "Rating" else "") for user, item, kind, second in kept]
    rows += others
    chance.shuffle(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([HEAD.split(","), *rows])
        log, report = read_log([path], ITEMS, now=NOW)
    meant = {(user, item, KINDS[kind_of(kind)], T + second) for user, item, kind, second in kept}
    assert set(events(log)) == meant
    assert len(log) == len(meant)
    assert set(log.value[~np.isnan(log.value)].tolist()) <= {3.0}
    assert sum(t.count for t in report.troubles if t.fate in {"dropped", "counted once", "passed over"}) + report.events == report.rows


# --- kept and read back ---


def shop(*ids: str, name: str = "shop") -> Catalog:
    domain = Domain(name=name, label={}, noun={}, nouns={}, counter={}, fields={}, lexicons={})
    return Catalog(domain, [Item(id=ItemId(i), titles={"en": i}, attributes={}) for i in ids])


def put(tmp_path: Path, *lines: str, head: str = HEAD) -> Path:
    path = tmp_path / "clicks.csv"
    path.write_text("\n".join([head, *lines]), encoding="utf-8")
    log, keys, _ = read_keyed([path], ITEMS, now=NOW)
    return write_log(log, keys, log_folder("shop", tmp_path), "clicks")


def test_what_was_imported_comes_back(tmp_path: Path) -> None:
    put(tmp_path, f"u,a,view,{T + 1},", f"用户,b,rating,{T},4.5", f"u,7,dwell,{T + 2},30")
    log = installed_logs(shop("b", "a", "7"), tmp_path)
    assert events(log) == [("用户", "b", "rating", T), ("u", "a", "view", T + 1), ("u", "7", "dwell", T + 2)]
    assert log.value[[0, 2]].tolist() == [4.5, 30]
    assert log.items == ("b", "a", "7")


def test_an_event_of_two_imports_counts_once(tmp_path: Path) -> None:
    first = put(tmp_path, f"u,a,view,{T},,e1", f"u,b,view,{T},,", head=HEAD + ",event_id")
    assert put(tmp_path, f"u,a,view,{T},,e1", f"u,b,view,{T},,", head=HEAD + ",event_id") == first
    assert put(tmp_path, f"u,a,view,{T + 3},,e1", f"u,b,view,{T},,", f"u,b,view,{T + 1},,", head=HEAD + ",event_id") != first
    log = installed_logs(shop(*ITEMS), tmp_path)
    assert [e[:2] for e in events(log)].count(("u", "a")) == 1  # by its id, whenever it came
    assert [e[3] for e in events(log) if e[1] == "b"] == [T, T + 1]


def test_a_log_outlives_a_changed_catalogue(tmp_path: Path) -> None:
    put(tmp_path, f"u,a,view,{T},", f"v,b,view,{T},")
    said: list[str] = []
    log = installed_logs(shop("new", "b"), tmp_path, warn=said.append)
    assert events(log) == [("v", "b", "view", T)]
    assert "1 of 2" in said[0]


def test_no_imports_are_an_empty_log(tmp_path: Path) -> None:
    assert len(installed_logs(shop("a"), tmp_path)) == 0


def test_a_damaged_log_is_named(tmp_path: Path) -> None:
    path = put(tmp_path, f"u,a,view,{T},")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UnreadableFile, match=r"clicks-.*damaged"):
        installed_logs(shop("a"), tmp_path)
    assert not list(path.parent.glob("*.part"))


# --- zhiyin import events ---


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs `zhiyin import events` over phones in a folder of its own; status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZHIYIN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path / "cache"))

    def go(*lines: str, options: tuple[str, ...] = (), head: str = HEAD) -> tuple[int, str, str]:
        (tmp_path / "shop.csv").write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
        status = run(["import", "events", "shop.csv", "--domain", "phones", *options])
        return status, *capsys.readouterr()

    return go


def test_importing_a_log_to_train_only_keeps_it_as_a_file_and_names_the_next_step(command, tmp_path: Path) -> None:
    status, out, _ = command(f"u,iphone-12,view,{T},", f"u,iphone-11,add-to-cart,{T + 1},", options=("--train-only",))
    assert status == 0
    assert "2 rows: 2 events of 1 users on 2 items, 0 rejected" in out
    assert "zhiyin train --domain phones" in out
    (path,) = (tmp_path / "data" / "logs" / "phones").glob("shop-*.npz")
    assert str(path) in out
    assert events(installed_logs(shop("iphone-11", "iphone-12", name="phones"), tmp_path / "data"))[0] == ("u", "iphone-12", "view", T)
    assert not (tmp_path / "data" / "conversations.db").exists()


def test_importing_a_log_with_bad_rows_sets_them_apart(command, tmp_path: Path) -> None:
    rows = (f"u,iphone-12,view,{T},", f"u,iphone-99,view,{T},", "u,iphone-11,view,soon,", f"u,x,view,{T},,,,,,")
    status, out, _ = command(*rows, options=("--errors", "bad.jsonl"))
    assert status == 3
    assert "first: line 3 of shop.csv" in out
    rejected = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [r["line"] for r in rejected] == [3, 4, 5]
    assert rejected[0]["reason"] == "the catalogue has no such item"
    assert json.loads(rejected[1]["row"])["time"] == "soon"


def test_a_dry_run_writes_nothing(command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(tmp_path.iterdir())
    status, out, _ = command(f"u,iphone-12,view,{T},", "u,iphone-11,view,soon,", options=("--dry-run",))
    assert status == 3
    assert "1 rejected" in out
    assert {p.name for p in set(tmp_path.iterdir()) - before} <= {"shop.csv", "cache", "data"}
    assert run(["users", "list"]) == 0  # the store is opened, to know the items put in since, and stays empty
    assert "no user" in capsys.readouterr().out
    assert not (tmp_path / "data" / "logs").exists()


def test_an_import_that_stores_nothing_fails_and_says_why(command, tmp_path: Path) -> None:
    status, _, complaint = command(f"u,nothing,view,{T},")
    assert status == 1
    assert "nothing was stored" in complaint
    assert "the catalogue's ids look like" in complaint
    status, _, complaint = command()
    assert status == 1
    assert "shop.csv holds no rows" in complaint
    assert not (tmp_path / "data" / "logs").exists()


def test_stopping_at_a_bad_row_and_a_missing_column_are_clear_errors(command, tmp_path: Path) -> None:
    status, _, complaint = command(f"u,iphone-12,view,{T},", "u,iphone-11,view,soon,", options=("--on-error", "stop"))
    assert status == 4
    assert "line 3" in complaint
    status, _, complaint = command("1,2", head="colour,price")
    assert status == 4
    assert "no column for the user" in complaint
    assert not (tmp_path / "data" / "logs").exists()
