"""A Redis of a test's own: started on a free port, killed, paused, started again, with or without what it held."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class PrivateRedis:
    """One server process at a time, always on the same port."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.folder, self.url = folder, f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Come back, with what was saved."""
        if self._process is None:
            line = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder), "--daemonize", "no"]
            self._process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 10
            while self._said(b"PING\r\n") != b"+PONG\r\n":
                assert time.monotonic() < deadline, "redis-server does not start"
                time.sleep(0.005)

    def kill(self) -> None:
        """Die at once, and lose everything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Save and go."""
        if self._process is not None:
            self._said(b"SAVE\r\n")
            self.kill()

    def pause(self) -> None:
        """Keep the connections and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def say(self, *words: str) -> bytes:
        """What it answers to a command, as it comes over the wire."""
        return self._said(" ".join(words).encode() + b"\r\n")

    def _said(self, line: bytes) -> bytes:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as client:
                client.sendall(line)
                return client.recv(65536)
        except OSError:
            return b""


@contextmanager
def private_redis_in(folder: Path) -> Iterator[PrivateRedis]:
    """A started server; gone afterwards."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed here: apt-get install redis-server")
    server = PrivateRedis(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
