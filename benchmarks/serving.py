"""`zhiyin serve` as real processes on loopback, for benchmarks: started, killed, started again; and the database servers beside it."""

from __future__ import annotations

import importlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

FAKES = Path(__file__).parent.parent / "tests"
_PATIENCE = 90.0  # seconds for a server to be ready
_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """One `zhiyin serve` at a time, always on the same port. A user may ask as often as they like; else it is set as by default."""

    def __init__(self, folder: Path, *, store: str, domain: str = "movies", workers: int = 1, **settings: str) -> None:
        self.folder, self.store, self.domain, self.workers, self.port = folder, store, domain, workers, free_port()
        self._settings = {"ZHIYIN_DATA": str(folder / "data"), "ZHIYIN_HTTP__TURNS": "1000000", "ZHIYIN_HTTP__REQUESTS": "0", "ZHIYIN_HTTP__ADDRESS_REQUESTS": "0", **settings}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Come up; the seconds until it was ready."""
        begun = time.perf_counter()
        line = [sys.executable, "-m", "zhiyin", "serve", "--port", str(self.port), "--store", self.store, "--domain", self.domain, "--workers", str(self.workers)]
        environment = {**os.environ, **self._settings}  # noqa: TID251  # a program's, to be changed
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(line, stdout=log, stderr=log, env=environment, cwd=self.folder)
        while not self._ready():
            if self._process.poll() is not None or time.perf_counter() - begun > _PATIENCE:
                raise RuntimeError(f"the server does not start: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        return time.perf_counter() - begun

    def stop(self) -> None:
        """Go in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Die at once, with every worker: `kill -9`."""
        self._end(signal.SIGKILL)

    @property
    def log(self) -> Path:
        """What it wrote on standard error."""
        return self.folder / "server.log"

    @property
    def memory(self) -> float:
        """MB that are resident, of the process and its workers."""
        return sum(_field(pid, "VmRSS") for pid in self.family) / 1024

    @property
    def seconds(self) -> float:
        """Processor seconds that it took so far, with its workers."""
        return sum(_seconds(pid) for pid in self.family)

    @property
    def family(self) -> list[int]:
        """The process and its workers."""
        return descent(self._process.pid) if self._process is not None else []

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=_PATIENCE) as answer:
                return int(answer.status) == 200
        except (urllib.error.URLError, OSError):
            return False

    def _end(self, number: int) -> None:
        process, family = self._process, self.family
        if process is None:
            return
        if number == signal.SIGKILL:
            for pid in reversed(family):
                _signal(pid, number)
        else:
            process.send_signal(number)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._process = None


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[Server]:  # noqa: ANN401  # those of Server
    """A server that is ready; gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder, **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port below those that the system gives to callers: who dials one of those while nobody listens may be put through to itself, and the port is taken."""
    for port in random.sample(range(15_000, 30_000), 100):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise RuntimeError("no port is free")


def descent(pid: int) -> list[int]:
    """A process and all that descend from it."""
    try:
        children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        children = []
    return [pid, *(one for child in children for one in descent(int(child)))]


def private(name: str, folder: Path) -> Any:  # noqa: ANN401  # a server of tests/fakes
    """A database server of our own, not started: `postgresql`, `mariadb` or `redis`; with `.url`, `.start()`, `.stop()`, `.kill()`."""
    if str(FAKES) not in sys.path:
        sys.path.append(str(FAKES))
    if name == "redis":
        folder.mkdir(parents=True, exist_ok=True)
        return importlib.import_module("fakes.redis_server").PrivateRedis(folder)
    servers = importlib.import_module("fakes.database_servers")
    return {"postgresql": servers.PrivatePostgres, "mariadb": servers.PrivateMariadb}[name]()


def _field(pid: int, name: str) -> int:
    try:
        found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _seconds(pid: int) -> float:
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(parts[11]) + int(parts[12])) / _TICKS


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
