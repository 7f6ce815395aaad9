"""A real server over the phones of the package, and a real browser, headless."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "src" / "zhiyin" / "web" / "static"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Server:
    """`zhiyin serve`, that can be killed and started again on its port with what it has stored."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "zhiyin", "serve", "--domain", "phones", "--port", str(self.port), "--store", f"sqlite:///{self.folder / 'log.db'}"]
        self.log = (self.folder / "server.log").open("ab")
        unhurried = {**os.environ, "ZHIYIN_HTTP__TURNS": "0", "ZHIYIN_HTTP__REQUESTS": "0"}  # nobody else says two hundred things in a minute
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=unhurried)
        for _ in range(400):
            try:
                urllib.request.urlopen(f"{self.address}/readyz", timeout=2).close()
            except OSError:
                assert self.process.poll() is None, (self.folder / "server.log").read_text()[-2000:]
                time.sleep(0.1)
            else:
                return
        raise AssertionError("the server did not get ready")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not (STATIC / "index.html").is_file():
        pytest.skip("the pages are not built: make page")
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    running.kill()


@pytest.fixture(scope="module")  # its event loop may not outlive these tests: others run theirs
def chromium():
    """A headless Chromium, Debian's."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, server):
    """Opens the page as a new visitor: `visit("zh-CN", theme="dark", width=390)`; anything in the console fails the test."""
    contexts, complaints = [], []

    def open_page(locale: str = "en-US", *, theme: str = "light", width: int = 1200, noisy: bool = False):
        context = chromium.new_context(viewport={"width": width, "height": 860}, locale=locale, color_scheme=theme)
        contexts.append(context)
        page = context.new_page()
        if not noisy:
            page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.goto(server.address)
        page.locator(".openers button").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
