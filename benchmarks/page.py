"""How quick the chat page is in a real browser: first cards, long tasks in a long conversation, and what is loaded.

    .venv/bin/python benchmarks/page.py [--domain movies] [--messages 60] [--turns 200]

Needs the built pages (make page) and a Chromium. Starts a server of its own, in memory. Tables go to standard output, progress to standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

STATIC = Path(__file__).parents[1] / "src" / "zhiyin" / "web" / "static"
AIM_MS, LIMIT_KB, AROUND = 300, 70, 10
SAY = {
    "movies": (("comedies", "thrillers", "sci-fi films", "dramas", "animated films", "喜剧片", "科幻片", "悬疑片"), ("from the 90s", "under two hours", "九十年代的", "两小时以内的", "with a high rating", "近几年的", "from France", "法国的")),
    "phones": (("a Xiaomi phone", "a Samsung phone", "an Apple phone", "an Android phone", "小米手机", "华为手机", "手机", "OPPO 手机"), ("under 4000 yuan", "四千元以内", "with a good camera", "拍照好的", "with a big battery", "续航久的", "for games", "打游戏用")),
}  # fmt: skip
ON = ("show me others", "newer ones", "thanks", "the second one is nice")
# From the key press to the frame in which the first new card is drawn, by the browser's own clock; long tasks are those of 50 ms and more.
WATCH = """() => { window.tasks = []; new PerformanceObserver(list => window.tasks.push(...list.getEntries().map(e => e.duration))).observe({type: 'longtask'}); }"""
TURN = """text => new Promise(done => {
  const area = document.querySelector('textarea'), before = document.querySelectorAll('.turn').length; let first = null, start = 0; window.tasks.length = 0;
  area.value = text; area.dispatchEvent(new InputEvent('input', {bubbles: true}));
  const look = () => { const turn = document.querySelectorAll('.turn')[before];
    if (turn?.querySelector('.card:not(.skeleton)') && first === null) { first = 0; requestAnimationFrame(() => { first = performance.now() - start; }); }
    if (turn && document.querySelector('.composer button[type=submit]')) { watch.disconnect(); setTimeout(() => done([first, window.tasks.length, window.tasks.reduce((a, b) => a + b, 0)]), 120); } };
  const watch = new MutationObserver(look); watch.observe(document.body, {childList: true, subtree: true, attributes: true});
  setTimeout(() => { start = performance.now(); area.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true})); }, 30); })"""

Row = tuple[float | None, float, float, float]  # ms to the first card, long tasks, their ms, ms of the main thread's own processor time


def main() -> None:
    """Measure and print."""
    args = _arguments()
    tell, out = Console(stderr=True), Console(width=180)
    with _serving(args.domain) as address, _browser() as page:
        page.goto(address)
        page.locator(".openers button").first.wait_for()
        page.evaluate(WATCH)
        turns = Turns(page)
        fresh = _fresh(turns, _messages(args.domain, args.messages + 3), tell)[3:]
        long = _long(turns, args.domain, args.turns, tell)
    load = os.getloadavg()[0]
    rows = {f"{len(fresh)} first messages": fresh} | {f"turns {at} to {at + len(rows) - 1}": rows for at, rows in long.items()}
    out.print(_times(rows))
    out.print(f"The 1-minute load at the end was {load:.1f}; the aim is a first card in {AIM_MS} ms.")
    out.print(_sizes())


class Turns:
    """Says things on the page and times what comes of them."""

    def __init__(self, page: Page) -> None:
        self.page, self.inside = page, page.context.new_cdp_session(page)
        self.inside.send("Performance.enable", {"timeDomain": "threadTicks"})  # processor time, which other programs do not lengthen

    def fresh(self) -> None:
        """Begin a new conversation."""
        self.page.keyboard.press("Control+k")
        self.page.locator(".openers button").first.wait_for()

    def say(self, text: str) -> Row:
        """Say it, and wait until the answer is whole and drawn."""
        before = self._spent()
        first, tasks, spent = self.page.evaluate(TURN, text)
        return first, tasks, spent, self._spent() - before

    def _spent(self) -> float:
        return next(1000 * float(m["value"]) for m in self.inside.send("Performance.getMetrics")["metrics"] if m["name"] == "TaskDuration")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", choices=SAY, default="movies")
    parser.add_argument("--messages", type=int, default=60, help="first messages of conversations of their own")
    parser.add_argument("--turns", type=int, default=200, help="turns of the long conversation")
    return parser.parse_args()


def _messages(domain: str, count: int) -> list[str]:
    whats, hows = SAY[domain]
    pairs = [(what, how) for what, how in product(whats, hows) if what.isascii() == how.isascii()]
    texts = [f"{what} {how}" if what.isascii() else f"{how}{what}" for what, how in pairs]
    return [texts[n % len(texts)] for n in range(count)]


def _fresh(turns: Turns, texts: Sequence[str], tell: Console) -> list[Row]:
    rows: list[Row] = []
    for n, text in enumerate(texts):
        if n % 20 == 0:
            tell.print(f"first messages: {n} of {len(texts)}")
        turns.fresh()
        rows.append(turns.say(text))
    return rows


def _long(on: Turns, domain: str, turns: int, tell: Console) -> Mapping[int, list[Row]]:
    """The first ten turns, ten around the middle, the last ten."""
    on.fresh()
    texts = _messages(domain, turns)
    rows: list[Row] = []
    for n in range(turns):
        if n % 40 == 0:
            tell.print(f"long conversation: {n} of {turns}")
        text = f"{'start over, ' if texts[n].isascii() else '重新开始，'}{texts[n]}" if n % 5 == 0 else ON[n % len(ON)]
        rows.append(on.say(text))
    middle = max(0, turns // 2 - AROUND // 2)
    return {1: rows[:AROUND], middle + 1: rows[middle : middle + AROUND], turns - AROUND + 1: rows[-AROUND:]}


def _times(rows: Mapping[str, Sequence[Row]]) -> Table:
    table = Table(box=MARKDOWN)
    for name in (
        "in the browser",
        "with cards",
        "first card p50, ms",
        "p95, ms",
        "most, ms",
        "long tasks a turn",
        "their p50, ms",
        "their p95, ms",
        "processor p50, ms",
        "p95, ms",
    ):
        table.add_column(name, justify="left" if name == "in the browser" else "right")
    for name, found in rows.items():
        cards = [first for first, *_ in found if first]
        tasks, busy = [spent for _, _, spent, _ in found], [own for *_, own in found]
        table.add_row(
            name, f"{len(cards)}", *(f"{q:.0f}" for q in (*np.percentile(cards, (50, 95)), max(cards))), f"{np.mean([n for _, n, *_ in found]):.1f}", *(f"{q:.0f}" for q in (*np.percentile(tasks, (50, 95)), *np.percentile(busy, (50, 95)))),
        )  # fmt: skip
    return table


def _sizes() -> Table:
    table = Table(box=MARKDOWN)
    for name in ("what is loaded", "KB by gzip", "limit"):
        table.add_column(name, justify="left" if name == "what is loaded" else "right")
    for page in sorted([*STATIC.glob("*.html"), STATIC / "embed.js"]):
        files = [page] if page.suffix == ".js" else [page, *(STATIC / found for found in re.findall(r'(?:src|href)="/(assets/[^"]+)"', page.read_text(encoding="utf-8")))]
        table.add_row(page.name, f"{sum(len(gzip.compress(f.read_bytes(), 9)) for f in files) / 1024:.1f}", f"{LIMIT_KB}")
    return table


@contextlib.contextmanager
def _serving(domain: str) -> Iterator[str]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = int(sock.getsockname()[1])
    unhurried = {**os.environ, "ZHIYIN_HTTP__TURNS": "0", "ZHIYIN_HTTP__REQUESTS": "0"}  # noqa: TID251  # handed on to the server, not read
    command = [sys.executable, "-m", "zhiyin", "serve", "--domain", domain, "--port", str(port), "--store", "memory:"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=unhurried)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/readyz", timeout=2).close()
                break
            if server.poll() is not None:
                sys.exit(f"zhiyin serve ended with {server.returncode}; run it by hand to see why")
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def _browser() -> Iterator[Page]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        sys.exit("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1280, "height": 860}, locale="en-US")
        browser.close()


if __name__ == "__main__":
    main()
