"""`zhiyin init` and `zhiyin config`: a folder that serves at once, settings that explain themselves."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from zhiyin.cli.commands import run
from zhiyin.cli.starting import settings_text
from zhiyin.settings import Settings, described, names, read_settings, value_of

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def zhiyin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in a folder of its own; status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZHIYIN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path / "cache"))

    def go(*arguments: str) -> tuple[int, str, str]:
        return run(list(arguments)), *capsys.readouterr()

    return go


@pytest.mark.slow
def test_a_folder_that_was_begun_serves_its_books_in_both_languages(tmp_path: Path) -> None:
    environment = {**os.environ, "ZHIYIN_CACHE": str(tmp_path / "cache"), "ZHIYIN_DATA": str(tmp_path / "data"), "ZHIYIN_EMBEDDER": "hashing:"}
    begun = subprocess.run([sys.executable, "-m", "zhiyin", "init", "shop"], capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path, env=environment)
    assert "cd shop" in begun.stdout
    assert "zhiyin serve" in begun.stdout
    server = subprocess.Popen([sys.executable, "-m", "zhiyin", "serve", "--port", "0"], stderr=subprocess.PIPE, text=True, cwd=tmp_path / "shop", env=environment)
    try:
        assert server.stderr is not None
        port = next(int(m[1]) for line in server.stderr if (m := re.search(r"serves at http://127\.0\.0\.1:(\d+)/", line)))
        english, chinese = ask(port, "a book by Jane Austen"), ask(port, "曹雪芹写的书")
        assert [i["title"] for i in english["items"]] == ["Pride and Prejudice"]
        assert [i["titles"]["zh"] for i in chinese["items"]] == ["红楼梦"]
        assert "Pride and Prejudice" in english["reply"]
        assert "红楼梦" in chinese["reply"]
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=40)
    assert (tmp_path / "shop" / "zhiyin.db").is_file()


def ask(port: int, text: str) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/chat", json.dumps({"message": {"text": text}}), {"content-type": "application/json"})
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    assert answer.status == 200, found
    return found


def test_nothing_is_overwritten_and_the_next_step_is_named(zhiyin: Command, tmp_path: Path) -> None:
    assert zhiyin("init", "a")[0] == 0
    (tmp_path / "a" / "books.csv").unlink()
    written = (tmp_path / "a" / "zhiyin.toml").read_text(encoding="utf-8")
    status, _, complaint = zhiyin("init", "a")
    assert status == 1
    assert "zhiyin.toml is there already; nothing was written" in complaint
    assert "zhiyin init DIR" in complaint
    assert not (tmp_path / "a" / "books.csv").exists()
    assert (tmp_path / "a" / "zhiyin.toml").read_text(encoding="utf-8") == written
    assert zhiyin("init")[0] == 2


def test_the_file_holds_every_setting_with_its_default_and_what_it_does() -> None:
    text = settings_text({"items": "books.csv"})
    assert tomllib.loads(text) == {"items": "books.csv", "llm": {}, "http": {}}
    found = tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE))
    settings = Settings(**found)
    assert {name for name in names() if str(value_of(settings, name)) != str(value_of(Settings(), name))} == {"items"}
    told = {f"{part}.{name}" for part in ("llm", "http") for name in found[part]} | {name for name in found if name not in {"llm", "http"}}
    assert told == set(names())
    unwrapped = re.sub(r"\n## ", " ", text)
    assert all(described(name) in unwrapped for name in names())


def test_a_domain_on_the_command_line_is_stronger_than_the_file_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zhiyin.toml").write_text('items = "books.csv"\n', encoding="utf-8")
    assert read_settings().items == "books.csv"
    assert read_settings(domain="phones").items == ""


def test_config_show_tells_where_each_value_came_from_and_keeps_secrets(zhiyin: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zhiyin.toml").write_text('store = "postgresql://ann:hush@db/zhiyin"\n[http]\nport = 9000\n', encoding="utf-8")
    monkeypatch.setenv("ZHIYIN_LLM__KEY", "sesame")
    status, out, _ = zhiyin("config", "show", "--json")
    assert status == 0
    assert "hush" not in out
    assert "sesame" not in out
    shown = {row["name"]: row for row in json.loads(out)["settings"]}
    assert set(shown) == set(names())
    assert (shown["http.port"]["value"], shown["http.port"]["from"]) == ("9000", "zhiyin.toml")
    assert (shown["llm.key"]["from"], shown["store"]["from"], shown["domain"]["from"]) == ("environment", "zhiyin.toml", "default")
    status, out, _ = zhiyin("config", "show")
    assert status == 0
    assert "postgresql://ann:***@db" in out


def test_config_schema_accepts_what_the_settings_accept(zhiyin: Command) -> None:
    import jsonschema

    status, out, _ = zhiyin("config", "schema")
    assert status == 0
    schema = json.loads(out)
    jsonschema.validate(tomllib.loads(settings_text({"items": "books.csv"})), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"http": {"port": 99_999}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"nonsense": 1}, schema)


def test_a_setting_that_does_not_exist_is_a_clear_error(zhiyin: Command, tmp_path: Path) -> None:
    (tmp_path / "zhiyin.toml").write_text("[http]\nprot = 1\n", encoding="utf-8")
    status, _, complaint = zhiyin("config", "show")
    assert status == 1
    assert "http.prot" in complaint
    assert "zhiyin config schema" in complaint  # which is told whatever the settings are
    assert "http.port" in complaint
