"""`zhiyin serve`, `demo` and `keys` as programs: what they print, what they refuse, how they end."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from zhiyin.stores.sql import SqlStore
from zhiyin.types import Fed

pytestmark = [pytest.mark.slow]


@dataclass
class Running:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    port: int
    lines: list[str]

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, object]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, None if body is None else json.dumps(body), {"content-type": "application/json", **given})
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if answer.headers["content-type"].endswith("json") else {"text": text}
        finally:
            connection.close()

    def stop(self, sign: int = signal.SIGTERM) -> int:
        self.process.send_signal(sign)
        return self.process.wait(40)


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "ZHIYIN_CACHE": str(folder / "cache"), "ZHIYIN_DATA": str(folder / "data"), "ZHIYIN_EMBEDDER": "hashing:"}


def zhiyin(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "zhiyin", *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=folder, env=environment(folder))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a shop's file in it."""
    rows = [f"Lamp {n},{10 + n},{'red' if n % 2 else 'blue'}" for n in range(12)]
    (tmp_path / "lamps.csv").write_text("\n".join(["title,price,colour", *rows]), encoding="utf-8")
    return tmp_path


@pytest.fixture
def start(shop: Path) -> Iterator[Callable[..., Running]]:
    """Starts a server over the shop's file and waits until it answers; whatever is left at the end is killed."""
    begun: list[Running] = []

    def started(*arguments: str, command: str = "serve") -> Running:
        process = subprocess.Popen(
            [sys.executable, "-m", "zhiyin", command, "--items", "lamps.csv", *arguments],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            cwd=shop,
            env=environment(shop),
        )
        lines: list[str] = []
        reading = threading.Thread(target=lambda: lines.extend(iter(process.stderr.readline, "")), daemon=True)
        running = Running(process, 0, lines)
        begun.append(running)
        until = time.monotonic() + 40
        lines.append(process.stderr.readline())
        reading.start()
        while time.monotonic() < until and process.poll() is None:
            if found := re.search(r"http://\S+:(\d+)/", "".join(lines)):
                running.port = int(found[1])
                assert running.ask("GET", "/healthz")[0] == 200
                return running
            time.sleep(0.05)
        raise AssertionError("".join(lines))

    yield started
    for one in begun:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(10)
        one.process.stderr.close()


def test_a_server_starts_answers_and_ends_gracefully(start: Callable[..., Running]) -> None:
    server = start("--port", "0", "--store", "memory:")
    status, ready = server.ask("GET", "/readyz")
    assert (status, ready["status"]) == (200, "ready")
    assert server.ask("POST", "/v1/visitors")[0] == 201
    assert server.stop() == 0
    requests = [json.loads(line) for line in server.lines if line.startswith("{")]
    assert {"/healthz", "/readyz", "/v1/visitors"} <= {line.get("route") for line in requests}
    assert all(line["level"] == "info" for line in requests)


def test_a_turn_that_runs_when_the_server_is_told_to_stop_is_finished_and_kept(start: Callable[..., Running]) -> None:
    server = start("--port", "0")
    body = json.dumps({"message": {"text": "a red lamp under 20"}, "user": "ann"}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"POST /v1/chat HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body))
        connection.sendall(body[:10])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", server.port), timeout=2).close()  # nobody new is taken
        connection.sendall(body[10:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, text = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    said = json.loads(text)
    assert said["items"]
    assert server.process.wait(30) == 0
    again = start("--port", "0")
    status, session = again.ask("GET", f"/v1/sessions/{said['session_id']}?user=ann")
    assert (status, [turn["whole"] for turn in session["turns"]]) == (200, [True])
    assert again.stop() == 0


def test_what_was_acknowledged_outlives_kills_in_the_middle_of_a_load_and_counts_once(shop: Path, start: Callable[..., Running]) -> None:
    arguments = ("--store", f"sqlite:///{shop / 'log.db'}")
    server = start("--port", "0", *arguments)
    items = [item["id"] for item in server.ask("GET", "/v1/items?limit=5")[1]["items"]]
    acknowledged, cut, over, up = list[str](), list[str](), threading.Event(), threading.Event()
    up.set()

    def write(user: str) -> None:
        for batch in itertools.takewhile(lambda _: not over.is_set(), itertools.count()):
            names = [f"{user}-{batch}-{n}" for n in range(5)]
            events = [{"event_id": name, "type": "view", "user_id": user, "item_ids": [item]} for name, item in zip(names, items, strict=True)]
            while True:  # until it is acknowledged, as it is
                try:
                    status, answer = server.ask("POST", "/v1/events", {"events": events})
                except (OSError, http.client.HTTPException):
                    cut.append(user)
                    up.wait(40)  # who dials a free port again and again is put through to itself one day, and the port is taken
                else:
                    assert (status, answer["rejected"]) == (200, [])
                    acknowledged.extend(names)
                    break

    with ThreadPoolExecutor(4) as writers:
        writing = [writers.submit(write, f"user{n}") for n in range(4)]
        try:
            for _ in range(3):
                enough = len(acknowledged) + 50
                until = time.monotonic() + 30
                while len(acknowledged) < enough and time.monotonic() < until:
                    time.sleep(0.01)
                up.clear()
                server.process.kill()
                server.process.wait(10)
                server = start("--port", str(server.port), *arguments)
                up.set()
        finally:
            over.set()
            up.set()
    assert [one.exception() for one in writing] == [None] * 4
    assert len(acknowledged) >= 150
    assert cut

    async def kept() -> Counter[str]:
        store = SqlStore(f"sqlite:///{shop / 'log.db'}")
        found = Counter(logged.event.id for logged in await store.tail(limit=1_000_000) if isinstance(logged.event, Fed))
        await store.close()
        return found

    assert asyncio.run(kept()) == Counter(acknowledged)


def test_ctrl_c_is_a_graceful_end_too(start: Callable[..., Running]) -> None:
    assert start("--port", "0", "--store", "memory:").stop(signal.SIGINT) == 0


def test_without_a_key_only_this_machine_is_served(shop: Path) -> None:
    done = zhiyin(shop, "serve", "--items", "lamps.csv", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 1
    assert "zhiyin keys add" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_a_clear_error_and_no_trouble_for_a_demo(shop: Path, start: Callable[..., Running]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = zhiyin(shop, "serve", "--items", "lamps.csv", "--port", port)
        assert done.returncode == 1
        assert f"127.0.0.1:{port}" in done.stderr
        assert "--port" in done.stderr
        demo = start("--port", port, "--store", "memory:", "--no-browser", command="demo")
        assert demo.port != int(port)
        assert demo.ask("GET", "/")[0] in {200, 503}  # 503 where the page was not built
        until = time.monotonic() + 10
        while not any(line.startswith("Open http://") for line in demo.lines) and time.monotonic() < until:
            time.sleep(0.05)
        assert any(f":{demo.port}/ in a browser" in line for line in demo.lines)
        assert demo.stop(signal.SIGINT) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_cannot_be_loaded_is_one_clear_error(shop: Path, workers: str) -> None:
    (shop / "bad.csv").write_text("title,price\n,\n,\n", encoding="utf-8")
    done = zhiyin(shop, "serve", "--items", "bad.csv", "--port", "0", "--workers", workers)
    assert done.returncode == 4
    assert "bad.csv" in done.stderr
    assert "Traceback" not in done.stderr


def test_several_workers_need_a_store_that_they_can_share(shop: Path) -> None:
    done = zhiyin(shop, "serve", "--workers", "2", "--store", "memory:", "--port", "0")
    assert done.returncode == 1
    assert "cannot share" in done.stderr


def test_a_key_is_shown_once_and_works_until_it_is_revoked(shop: Path, start: Callable[..., Running]) -> None:
    server = start("--port", "0")
    assert server.ask("POST", "/v1/visitors")[0] == 201
    made = zhiyin(shop, "keys", "add", "till", "--scope", "server", "--json")
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)
    assert re.fullmatch(r"sk_[0-9A-Za-z]{43}", key["key"])
    time.sleep(1.1)  # a running server learns of the first key within a second
    assert server.ask("POST", "/v1/visitors")[0] == 401
    assert server.ask("POST", "/v1/visitors", authorization=f"Bearer {key['key']}")[0] == 201
    assert server.ask("GET", "/metrics", authorization=f"Bearer {key['key']}")[0] == 403
    listed = zhiyin(shop, "keys", "list", "--json")
    assert [(k["name"], k["scope"], k["revoked"]) for k in json.loads(listed.stdout)] == [("till", "server", "")]
    assert key["key"] not in listed.stdout
    assert key["id"] in zhiyin(shop, "keys", "list").stdout
    assert zhiyin(shop, "keys", "revoke", "till").returncode == 0
    time.sleep(1.1)
    assert server.ask("POST", "/v1/visitors", authorization=f"Bearer {key['key']}")[0] == 401
    assert zhiyin(shop, "keys", "revoke", "till").returncode == 1
    assert zhiyin(shop, "keys", "add", "x", "--scope", "boss").returncode == 2
    assert server.stop() == 0


def test_two_workers_count_together_and_share_keys_and_visitors(start: Callable[..., Running]) -> None:
    server = start("--port", "0", "--workers", "2")
    for _ in range(40):
        assert server.ask("GET", "/healthz")[0] == 200
    _, first = server.ask("POST", "/v1/visitors")
    for _ in range(20):  # a token that one worker made is good at the other
        assert server.ask("POST", "/v1/visitors", x_zhiyin_visitor=str(first["token"]))[0] == 201
    text = str(server.ask("GET", "/metrics")[1]["text"])
    counted = re.search(r'zhiyin_http_requests_total\{method="GET",route="/healthz",status="200"\} (\d+)', text)
    assert counted is not None
    assert int(counted[1]) == 41  # and the one that `start` asked with
    assert server.stop() == 0


def test_a_client_that_goes_away_at_any_byte_harms_nothing(start: Callable[..., Running]) -> None:
    server = start("--port", "0", "--store", "memory:")
    request = b'POST /v1/visitors HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{"nothing": 1}'
    for length in range(len(request) + 1):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(request[:length])
            if length % 2:  # a hard end: what is sent to it comes back as an error
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    for garbage in (b"\x16\x03\x01\x02\0", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\xff" * 200, b"GET /" + b"a" * 100_000):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(garbage)
    assert server.ask("GET", "/readyz")[0] == 200
    assert server.stop() == 0
    assert not [line for line in server.lines if '"fault"' in line or "Traceback" in line]
