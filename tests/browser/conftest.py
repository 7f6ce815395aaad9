"""A real server over the phones of the package, and a real browser, headless."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from fakes.running_server import STATIC, Server, SlowModel, Wire


@pytest.fixture(scope="session")
def slow_model() -> Iterator[SlowModel]:
    with SlowModel() as model:
        yield model


@pytest.fixture(scope="session")
def slow_server(tmp_path_factory: pytest.TempPathFactory, slow_model: SlowModel) -> Iterator[Server]:
    """A server with that model."""
    if not (STATIC / "index.html").is_file():
        pytest.skip("the pages are not built: make page")
    running = Server(tmp_path_factory.mktemp("slow"), **slow_model.settings)
    yield running
    running.kill()


@pytest.fixture
def slow(slow_server: Server, slow_model: SlowModel) -> Iterator[Server]:
    """The same, held after the first sentence of what it says: `slow_model.go_on()` lets it speak."""
    slow_model.hold()
    yield slow_server
    slow_model.go_on()


@pytest.fixture
def wire_to() -> Iterator[Callable[[int], Wire]]:
    """Lays a wire to a port of this machine."""
    laid: list[Wire] = []

    def lay(port: int) -> Wire:
        laid.append(Wire(port))
        return laid[-1]

    yield lay
    for wire in laid:
        wire.listening.close()
        wire.cut()


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

    def open_page(locale: str = "en-US", *, theme: str = "light", width: int = 1200, noisy: bool = False, at: str = "", before: str = "", **options):
        context = chromium.new_context(viewport={"width": width, "height": 860}, locale=locale, color_scheme=theme, **options)
        if before:
            context.add_init_script(before)
        contexts.append(context)
        page = context.new_page()
        if not noisy:
            page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.goto(at or server.address)
        page.locator(".openers button").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
