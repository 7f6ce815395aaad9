"""What holds for every test: no network, and in CI no silent skips."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from zhiyin.settings import Settings

pytest_plugins = ("servers",)
CI = bool(os.environ.get("CI"))  # not a setting of ours: the name every CI service sets
MUST_RUN_IN_CI = {"shared", "films", "model", "llm", "servers", "browser"}


class NetworkClosed(RuntimeError):
    """A test tried to leave this machine."""


def _stays_here(host: object) -> bool:
    if host in {None, "", "localhost", b"localhost"}:
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Sockets connect to this machine only; names of other machines are not even looked up."""
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def checked(sock: socket.socket, address: object) -> None:
        if sock.family in {socket.AF_INET, socket.AF_INET6} and not (isinstance(address, tuple) and _stays_here(address[0])):
            raise NetworkClosed(f"tests stay on this machine: {address!r}")

    def guarded_connect(sock, address):
        checked(sock, address)
        return connect(sock, address)

    def guarded_connect_ex(sock, address):
        checked(sock, address)
        return connect_ex(sock, address)

    def guarded_look_up(host, *args, **kwargs):
        if not _stays_here(host):
            raise NetworkClosed(f"tests stay on this machine: {host!r}")
        return look_up(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


@pytest.fixture(scope="session")
def small_model() -> Path:
    """A small real language model on disk, Qwen2.5-Coder-Instruct 0.5B."""
    path = user_cache_path("zhiyin") / "models" / "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
    if not path.is_file():
        pytest.skip(f"no small language model at {path}; the team's shared folder has a tool that puts it there")
    pytest.importorskip("xllamacpp")
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose cache and data folders are this test's own."""
    return Settings(cache=tmp_path / "cache", data=tmp_path / "data")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, a test that needs the shared data, the films, the model, a server or a browser fails where it would be skipped."""
    report = yield
    marks = sorted({mark.name for mark in item.iter_markers()} & MUST_RUN_IN_CI)
    if CI and report.skipped and marks and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} is marked {', '.join(marks)} and may not be skipped in CI: {reason}"
    return report
