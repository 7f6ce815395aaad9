"""The widget on a page of another origin: a key, a strict policy of the host, styles that stay apart, two of them in two languages."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fakes.running_server import STATIC, Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# A host page that is as rude as host pages are; it comes from a file, for its policy allows nothing inline.
RUDE = """* { color: rgb(255, 0, 0) !important; font-size: 40px !important; letter-spacing: 9px !important; text-transform: uppercase !important; }
body { margin: 33px; line-height: 3; text-align: center; visibility: visible; cursor: wait; } button, textarea { display: none !important; } h1 { border: 7px solid blue; }"""
HOST_LOOKS = """() => ['h1', 'p', 'body'].map(name => { const s = getComputedStyle(document.querySelector(name)); return [s.color, s.fontSize, s.fontFamily, s.margin, s.border, s.display, s.background, s.boxSizing]; })"""


class Website:
    """Another origin of this machine, with its own style sheet and policy."""

    def __init__(self) -> None:
        self.body, self.policy = "", ""
        site = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                styles = self.path.endswith(".css")
                text = (
                    RUDE
                    if styles
                    else f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/rude.css"></head><body><h1>Shop</h1><p>Words of the shop.</p>{site.body}</body></html>'
                )
                self.send_response(200)
                self.send_header("content-type", "text/css" if styles else "text/html; charset=utf-8")
                self.send_header("content-security-policy", site.policy)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def website() -> Iterator[Website]:
    site = Website()
    yield site
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, website: Website) -> Iterator[tuple[Server, str]]:
    """A server that a website may call with a browser key, and the key."""
    if not (STATIC / "embed.js").is_file():
        pytest.skip("the pages are not built: make page")
    folder = tmp_path_factory.mktemp("shop")
    made = subprocess.run([sys.executable, "-m", "zhiyin", "keys", "add", "shop", "--scope", "browser", "--store", f"sqlite:///{folder / 'log.db'}", "--json"], check=True, capture_output=True, text=True)  # fmt: skip
    key = json.loads(made.stdout)["key"]
    running = Server(folder, ZHIYIN_HTTP__ORIGINS=website.origin)
    website.policy = f"default-src 'none'; img-src data:; style-src 'self'; script-src {running.address}; connect-src {running.address}"
    yield running, key
    running.kill()


@pytest.fixture
def open_shop(chromium, website, shop) -> Iterator:
    """Opens the website with this body, in which KEY and SERVER stand for themselves; anything in the console fails the test, a breach of the policy too."""
    server, key = shop
    complaints, contexts = [], []

    def open_page(body: str, locale: str = "en-US", width: int = 1200):
        website.body = body.replace("KEY", key).replace("SERVER", server.address)
        contexts.append(chromium.new_context(locale=locale, viewport={"width": width, "height": 860}))
        page = contexts[-1].new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.goto(website.origin)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def ask(box, text: str) -> None:
    box.locator("textarea").fill(text)
    box.locator("textarea").press("Enter")
    box.locator(".card").first.wait_for()
    box.locator(".composer button[type=submit]").wait_for()


@pytest.mark.parametrize(("lang", "text", "said"), [("zh", "三千元以内的小米手机", "你说"), ("en", "Xiaomi phones under 3000 yuan", "you said")])
def test_one_script_tag_brings_a_chat_that_works_under_a_strict_policy(open_shop, lang: str, text: str, said: str) -> None:
    page = open_shop(f'<script src="SERVER/embed.js" data-launcher data-key="KEY" data-lang="{lang}" data-theme="light"></script>', width=900)
    page.locator(".launcher").click()
    box = page.locator("zhiyin-chat")
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.tagName") == "TEXTAREA"
    ask(box, text)
    assert box.locator(".card").count() == 5
    assert said in box.locator(".wishes").inner_text()
    box.locator(".card .act").first.click()
    page.wait_for_function("() => !Object.keys(localStorage).some(k => k.startsWith('zhiyin.feedback.'))")
    assert page.url.count("#") == 0  # the address is the host's
    box.locator("textarea").press("Escape")
    box.locator(".window").wait_for(state="detached")
    page.locator(".launcher").click()
    assert box.locator(".turn").count() == 1
    page.reload()
    page.locator(".launcher").click()
    box.locator(".card").first.wait_for()
    assert box.locator(".card .act").first.get_attribute("aria-pressed") == "true"


def test_neither_pages_styles_reach_the_other(open_shop) -> None:
    page = open_shop("")
    alone = page.evaluate(HOST_LOOKS)
    page = open_shop('<script src="SERVER/embed.js"></script><zhiyin-chat key="KEY" lang="en" theme="light"></zhiyin-chat>')
    box = page.locator("zhiyin-chat")
    ask(box, "Xiaomi phones")
    assert page.evaluate(HOST_LOOKS) == alone
    assert page.evaluate("[document.styleSheets.length, document.adoptedStyleSheets.length, document.head.querySelectorAll('style').length]") == [1, 0, 0]
    look = """element => { const s = getComputedStyle(element); return [s.color, s.fontSize, s.letterSpacing, s.textTransform, s.textAlign, s.cursor]; }"""
    assert box.locator(".reply").evaluate(look) == ["rgb(42, 36, 32)", "17.92px", "normal", "none", "start", "auto"]
    assert box.locator("textarea").evaluate("element => getComputedStyle(element).display") != "none"


def test_two_widgets_of_two_languages_stand_on_one_page(open_shop) -> None:
    page = open_shop('<script src="SERVER/embed.js"></script><zhiyin-chat id="one" key="KEY" lang="zh"></zhiyin-chat><zhiyin-chat id="two" key="KEY" lang="en"></zhiyin-chat>')
    one, two = page.locator("#one"), page.locator("#two")
    assert one.locator("h1").inner_text() == "今天想找点什么？"
    assert two.locator("h1").inner_text() == "What do you feel like?"
    ask(one, "华为手机")
    assert two.locator(".turn").count() == 0
    ask(two, "Samsung phones")
    assert language_of(one) == "zh-CN"
    assert language_of(two) == "en"
    assert one.locator(".card").first.get_attribute("data-item") != two.locator(".card").first.get_attribute("data-item")


def language_of(box) -> str:
    """The language that the last reply is marked as."""
    return box.locator(".reply").last.get_attribute("lang")
