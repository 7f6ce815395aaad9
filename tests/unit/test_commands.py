"""The commands besides chat: what they print and how they exit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow]


def zhiyin(tmp_path: Path, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ZHIYIN_CACHE": str(tmp_path / "cache"), "ZHIYIN_DATA": str(tmp_path / "data")}
    return subprocess.run([sys.executable, "-m", "zhiyin", *arguments], input=said, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path, env=environment)


def test_a_sound_pack_validates(tmp_path: Path) -> None:
    for pack in ("movies", "phones"):
        done = zhiyin(tmp_path, "validate", pack)
        assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_domain_names_the_known_ones(tmp_path: Path) -> None:
    done = zhiyin(tmp_path, "chat", "--json", "--domain", "cars")
    assert done.returncode == 1
    assert "movies" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_option_is_a_usage_error(tmp_path: Path) -> None:
    assert zhiyin(tmp_path, "chat", "--nope").returncode == 2
    assert zhiyin(tmp_path, "import", "users", "x.csv").returncode == 2


def test_a_missing_file_and_an_empty_catalogue_are_not_ready(tmp_path: Path) -> None:
    assert zhiyin(tmp_path, "chat", "--json", "--items", "no.csv").returncode == 4
    (tmp_path / "bad.csv").write_text("title,price\n,\n,\n", encoding="utf-8")
    done = zhiyin(tmp_path, "chat", "--json", "--items", "bad.csv")
    assert done.returncode == 4
    assert "bad.csv" in done.stderr


@pytest.mark.model
def test_anybodys_csv_talks(tmp_path: Path) -> None:
    rows = ["书名,作者,价格,类别"] + [f"书{n},作者{n % 7},{20 + n},{'小说' if n % 2 else '历史'}" for n in range(60)]
    (tmp_path / "books.csv").write_text("\n".join(rows), encoding="gb18030")
    done = zhiyin(tmp_path, "chat", "--json", "--items", "books.csv", "--store", "memory:", said="50元以下的小说\n不要作者3的\n")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["items"]
    assert all(i["attributes"]["价格"] <= 50 and i["attributes"]["类别"] in ("小说", ["小说"]) for i in first["items"])
    assert all("作者3" not in str(i["attributes"]["作者"]) for i in second["items"])


def test_import_cleans_and_sets_bad_rows_apart(tmp_path: Path) -> None:
    (tmp_path / "shop.jsonl").write_text(
        '{"title": "Lamp", "price": "¥1,299.00"}\nnot json\n{"title": "Lamp", "price": "¥1,299"}\n{"price": 3}\n{"title": "Chair", "price": "88元"}\n', encoding="utf-8"
    )
    done = zhiyin(tmp_path, "import", "items", "shop.jsonl")
    assert done.returncode == 3
    items = [json.loads(line) for line in (tmp_path / "shop.clean.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sorted(i["price"] for i in items) == [88, 1299]
    rejected = [json.loads(line) for line in (tmp_path / "shop.errors.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sorted(r["line"] for r in rejected) == [2, 4]
    assert zhiyin(tmp_path, "import", "items", "shop.jsonl", "--on-error", "stop").returncode == 4


def test_doctor_and_data_list_speak_json(tmp_path: Path) -> None:
    assert set(json.loads(zhiyin(tmp_path, "doctor", "--json").stdout)) == {"python", "parts", "packs", "settings"}
    packs = json.loads(zhiyin(tmp_path, "data", "list", "--json").stdout)
    assert {"ml-100k", "tmdb-5000"} <= {p["name"] for p in packs}
    assert all(p["licence"] for p in packs)
    missing = zhiyin(tmp_path, "data", "add", "nothing")
    assert missing.returncode == 1
    assert "ml-100k" in missing.stderr


@pytest.mark.model
def test_damaged_caches_are_named_and_built_again(tmp_path: Path) -> None:
    assert zhiyin(tmp_path, "chat", "--json", "--domain", "phones", said="三星手机\n").returncode == 0
    cache = tmp_path / "cache"
    damaged = [*cache.glob("catalog-*.json"), *cache.glob("keywords-*/meta.json")]
    assert damaged
    for path in damaged:
        path.write_text("{", encoding="utf-8")
    done = zhiyin(tmp_path, "chat", "--json", "--domain", "phones", said="三星手机\n")
    assert done.returncode == 0
    assert "damaged" in done.stderr
    assert json.loads(done.stdout)["items"]


def test_a_log_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_text("this is not a database, not at all, really not", encoding="utf-8")
    done = zhiyin(tmp_path, "chat", "--json", "--domain", "phones", "--store", f"sqlite:///{tmp_path / 'log.db'}")
    assert done.returncode == 1
    assert "log.db" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.model
def test_without_the_sentence_model_a_notice_says_so(tmp_path: Path) -> None:
    environment = {**os.environ, "ZHIYIN_EMBEDDER": "hashing:", "ZHIYIN_CACHE": str(tmp_path / "c"), "ZHIYIN_DATA": str(tmp_path / "d")}
    done = subprocess.run(
        [sys.executable, "-m", "zhiyin", "chat", "--json", "--domain", "phones"],
        input="三千以内的三星\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=tmp_path,
        env=environment,
    )
    reply = json.loads(done.stdout)
    assert reply["items"]
    assert {"no_model"} <= {n["code"] for n in reply["notices"]}


def test_a_log_is_imported_learned_from_and_evaluated(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "src" / "zhiyin" / "domains" / "phones"
    ids = [json.loads(line)["id"] for line in (folder / "phones.jsonl").read_text(encoding="utf-8").splitlines()[:20]]
    rows = [f"u{user},{ids[(user % 2) * 10 + (user // 2 + n) % 10]},click,{1_750_000_000 + user * 1000 + n}" for user in range(40) for n in range(5)]
    (tmp_path / "clicks.csv").write_text("\n".join(["user_id,item_id,event_type,timestamp", *rows, "u1,nosuch,click,1750000000"]), encoding="utf-8")
    assert zhiyin(tmp_path, "train", "--domain", "phones").returncode == 4
    imported = zhiyin(tmp_path, "import", "events", "clicks.csv", "--domain", "phones")
    assert imported.returncode == 3
    assert "nosuch" in imported.stdout + imported.stderr
    trained = zhiyin(tmp_path, "train", "--domain", "phones", "--json")
    assert trained.returncode == 0, trained.stderr
    learned = json.loads(trained.stdout)
    assert (learned["events"], learned["users"], learned["items"]) == (200, 40, 20)
    done = zhiyin(tmp_path, "evaluate", "--domain", "phones", "--protocol", "leave-last-out", "--json", "--out", "report")
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)
    assert {m["name"] for m in run["models"]} >= {"popularity", "ease.long", "blend"}
    assert (tmp_path / "report" / "leave-last-out" / "report.html").is_file()
    talk = zhiyin(tmp_path, "chat", "--json", "--domain", "phones", "--store", "memory:", said="手机\n/like 1\n再来几款\n")
    assert talk.returncode == 0
    assert "learning from" not in talk.stderr


def test_evaluate_names_its_protocols_and_what_is_missing(tmp_path: Path) -> None:
    unknown = zhiyin(tmp_path, "evaluate", "--protocol", "nope")
    assert unknown.returncode == 1
    assert "leave-last-out" in unknown.stderr
    missing = zhiyin(tmp_path, "evaluate")
    assert "zhiyin data add ml-100k" in missing.stderr
