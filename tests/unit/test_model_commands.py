"""`zhiyin model`, `--model`, and nested settings: what is printed and how it exits."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from zhiyin.backends import wanting
from zhiyin.cli.commands import run
from zhiyin.errors import SettingError
from zhiyin.llm import Capabilities, Rung
from zhiyin.settings import names, read_settings, sources, value_of

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "models.md"
SIZE = 1_200_000


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with its own data and cache, where lines are as wide as they like."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("ZHIYIN_DATA", str(tmp_path / "data")), ("ZHIYIN_CACHE", str(tmp_path / "cache")), ("no_proxy", "*"), ("COLUMNS", "300")):
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def model(here: Path) -> Path:
    """A tiny GGUF file, model.gguf."""
    name, key, value = b"token_embd.weight", b"general.architecture", b"qwen2"
    head = struct.pack("<4sI2Q", b"GGUF", 3, 1, 1) + struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, len(value)) + value
    head += struct.pack("<Q", len(name)) + name + struct.pack("<I2QIQ", 2, SIZE // 4, 1, 0, 0)
    (here / "model.gguf").write_bytes(head + b"\0" * (-len(head) % 32 + SIZE))
    return here / "model.gguf"


@dataclass
class Server:
    """An OpenAI-compatible server whose model says one thing, unless a schema it keeps to allows only another."""

    keeps_schemas: bool = True
    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)

    def answer(self, asked: dict[str, object]) -> str:
        wanted = re.search(r'"enum": \["(\w+)"\]', json.dumps(asked.get("response_format", {})))
        return json.dumps({"word": wanted[1]}) if wanted and self.keeps_schemas else "hello there"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = server.files[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            words = server.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for delta, stop in ({"role": "assistant", "content": words}, None), ({}, "stop"):
                chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "tiny", "choices": [{"index": 0, "delta": delta, "finish_reason": stop}]}
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as http:
        thread = Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        server.address = f"http://127.0.0.1:{http.server_port}"
        yield server
        http.shutdown()
        thread.join()


# --- the shelf ---


def test_without_a_model_the_list_says_that_none_is_needed_and_what_to_choose(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "list"]) == 0
    out = capsys.readouterr().out
    assert "none is needed" in out
    assert "没有也行" in out
    assert "qwen2.5-coder-0.5b-instruct-q4_k_m" in out
    assert "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32" in out
    assert "Apache-2.0" in out


def test_a_file_is_added_listed_and_removed(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "add", "model.gguf", "--name", "tiny"]) == 0
    added = capsys.readouterr().out
    assert "llamacpp:tiny" in added
    assert hashlib.sha256(model.read_bytes()).hexdigest() in added
    assert run(["model", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["models"]
    assert (row["name"], row["header"]["architecture"], row["capabilities"], row["trouble"]) == ("tiny", "qwen2", None, "")
    assert run(["model", "list"]) == 0
    assert re.search(r"tiny.*1 MB.*qwen2.*not probed yet", capsys.readouterr().out)
    assert run(["model", "remove", "tiny"]) == 0
    assert run(["model", "remove", "tiny"]) == 1
    assert "zhiyin model list" in capsys.readouterr().err


def test_a_file_is_added_from_an_address_with_its_sum(model: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.files["/tiny.gguf"] = model.read_bytes()
    assert run(["model", "add", f"{server.address}/tiny.gguf"]) == 1
    assert "--sha256" in capsys.readouterr().err
    assert run(["model", "add", f"{server.address}/tiny.gguf", "--sha256", "0" * 64]) == 1
    assert run(["model", "add", f"{server.address}/tiny.gguf", "--sha256", hashlib.sha256(model.read_bytes()).hexdigest()]) == 0
    assert sorted(path.name for path in (model.parent / "data" / "models").iterdir()) == ["tiny.gguf", "tiny.json"]


def test_a_foreign_file_is_a_failure_that_says_so(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "page.gguf").write_text("<html>", encoding="utf-8")
    assert run(["model", "add", "page.gguf"]) == 1
    assert "page.gguf is not a GGUF file" in capsys.readouterr().err
    (here / "data" / "models").mkdir(parents=True)
    (here / "page.gguf").rename(here / "data" / "models" / "page.gguf")
    assert run(["model", "list"]) == 0
    assert "page is not a GGUF file" in capsys.readouterr().out


# --- probing ---


def test_what_matters_is_told_when_it_is_wanting() -> None:
    assert wanting(Capabilities(model="m", rung=Rung.SCHEMA)) == []
    assert wanting(Capabilities(model="m", rung=Rung.JSON, context=2048)) == []
    assert len(wanting(Capabilities(model="m", rung=Rung.NONE))) == 1
    assert len(wanting(Capabilities(model="m", rung=Rung.NONE, context=2047))) == 2


def test_a_model_that_keeps_schemas_is_probed(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "probe", f"openai:tiny@{server.address}/v1"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"answers.*yes", out)
    assert re.search(r"JSON.*enforced \(by schema\)", out)
    assert re.search(r"probabilities.*no", out)
    assert "no probabilities: lists are ranked by a generated order" in out


def test_a_model_without_structure_is_wanting_and_the_exit_status_says_it(server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    server.keeps_schemas = False
    monkeypatch.setenv("ZHIYIN_LLM__URL", f"openai:tiny@{server.address}/v1")
    assert run(["model", "probe", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["model"].startswith("tiny")
    assert (found["rung"], found["choices"]) == ("none", False)
    assert "no structured output" in found["wanting"][0]


def test_probing_nothing_or_nobody_is_a_failure_with_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "probe"]) == 1
    assert "zhiyin model probe" in capsys.readouterr().err
    assert run(["model", "probe", "openai:tiny@http://127.0.0.1:9/v1"]) == 1
    assert run(["model", "probe", "llamacpp:nothing"]) == 1
    assert "zhiyin model list" in capsys.readouterr().err


# --- settings ---


def test_model_overrides_the_setting_and_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIYIN_LLM__URL", "openai:a@http://127.0.0.1/v1")
    monkeypatch.setenv("ZHIYIN_LLM__KEY", "very-secret")
    settings = read_settings(llm={"url": "llamacpp:b"})
    assert (settings.llm.url, settings.llm.key.get_secret_value()) == ("llamacpp:b", "very-secret")
    assert read_settings(llm=None).llm.url == "openai:a@http://127.0.0.1/v1"


def test_a_model_that_means_nothing_is_refused_before_the_conversation(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["recommend", "a phone", "--domain", "phones"], ["chat", "--domain", "phones", "--store", "memory:"]):
        assert run([*command, "--model", "nonsense:x"]) == 1
        assert "nonsense:x" in capsys.readouterr().err


def test_nested_settings_have_names_sources_and_values(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "zhiyin.toml").write_text("[llm]\nparallel = 3\n", encoding="utf-8")
    monkeypatch.setenv("ZHIYIN_LLM__WAITING", "4")
    settings = read_settings(llm={"url": "llamacpp:b"})
    origin = sources(settings)
    told = {name: origin[name] for name in names() if name.startswith("llm.") and origin[name] != "default"}
    assert told == {"llm.url": "set", "llm.parallel": "zhiyin.toml", "llm.waiting": "environment"}
    assert (value_of(settings, "llm.parallel"), value_of(settings, "llm.waiting"), value_of(settings, "domain")) == (3, 4, "movies")
    assert "llm" not in origin


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("ZHIYIN_LLM__URLL", "x", r"setting 'llm\.urll'"),
        ("ZHIYIN_LLM__PARALLEL", "many", r"setting 'llm\.parallel'"),
        ("ZHIYIN_LLM__PARALLEL", "0", r"setting 'llm\.parallel'"),
        ("ZHIYIN_LLM", "off:", "cannot be read"),
    ],
)
def test_a_wrong_nested_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=why) as raised:
        read_settings()
    assert "llm.url" in raised.value.hint or "ZHIYIN_" in raised.value.hint


def test_a_broken_settings_file_is_named(here: Path) -> None:
    (here / "zhiyin.toml").write_text("[llm\n", encoding="utf-8")
    with pytest.raises(SettingError, match="cannot be read") as raised:
        read_settings()
    assert "zhiyin.toml" in raised.value.hint


def test_doctor_names_nested_settings_and_hides_the_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ZHIYIN_LLM__KEY", "very-secret")
    assert run(["doctor"]) == 0
    assert run(["doctor", "--json"]) == 0
    out = capsys.readouterr().out
    assert "llm.url" in out
    assert "very-secret" not in out
    values = json.loads(out.splitlines()[-1])["settings"]
    assert values["llm.key"] == ["**********", "environment"]
    assert values["llm.url"] == ["off:", "default"]


# --- the page ---


def test_the_commands_of_the_page_work(model: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.files["/model.gguf"] = model.read_bytes()
    page = HOWTO.read_text(encoding="utf-8")
    commands = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines() if line.startswith("zhiyin model ")]
    assert len(commands) >= 6
    real = {"https://models.example/model.gguf": f"{server.address}/model.gguf", "HEX": hashlib.sha256(model.read_bytes()).hexdigest()}
    for command in commands:
        if "probe" not in command:
            words = [real.get(word, word) for word in command.split()[1:]]
            assert run(words) == 0, (command, capsys.readouterr().err)


def test_the_settings_of_the_page_exist() -> None:
    page = HOWTO.read_text(encoding="utf-8")
    named = set(re.findall(r"`(llm\.\w+)`", page)) | {f"llm.{name.lower()}" for name in re.findall(r"ZHIYIN_LLM__(\w+)", page)}
    assert len(named) >= 8
    assert named <= set(names())


@pytest.mark.slow
@pytest.mark.model
def test_the_python_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", HOWTO.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, str(HOWTO), "exec"), {})  # the page's own lines
    assert len(capsys.readouterr().out.strip()) > 20
