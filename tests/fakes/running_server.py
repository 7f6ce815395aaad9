"""What the browser's tests run against: a server of its own process, a wire to it that can be cut, a model that can be held in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Self

from fakes import openai_server

STATIC = Path(__file__).parents[2] / "src" / "zhiyin" / "web" / "static"
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


def say(page, text: str) -> None:
    """Say it on the chat page, and wait for the whole answer."""
    before = page.locator(".turn").count()
    page.fill("textarea", text)
    page.press("textarea", "Enter")
    page.wait_for_function("n => document.querySelectorAll('.turn').length > n && document.querySelector('.composer button[type=submit]')", arg=before)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Server:
    """`zhiyin serve`, that can be killed and started again on its port with what it has stored."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.port, self.settings = folder, free_port(), settings
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "zhiyin", "serve", "--domain", "phones", "--port", str(self.port), "--store", f"sqlite:///{self.folder / 'log.db'}"]
        self.log = (self.folder / "server.log").open("ab")
        unhurried = {**os.environ, "ZHIYIN_HTTP__TURNS": "0", "ZHIYIN_HTTP__REQUESTS": "0", **self.settings}  # nobody else says two hundred things in a minute
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


class Wire:
    """A way to a server that can be cut, with all that is on it, and mended."""

    def __init__(self, port: int) -> None:
        self.target, self.whole, self.ends = port, True, set[socket.socket]()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self.whole = False
        for end in tuple(self.ends):
            self._close(end)

    def mend(self) -> None:
        self.whole = True

    def _close(self, end: socket.socket) -> None:
        self.ends.discard(end)
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listening.accept()
                if not self.whole:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.target))
                self.ends |= {near, far}
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := one.recv(65536):
                other.sendall(piece)
        self._close(one)
        self._close(other)


class SlowModel:
    """A model that tells of every phone it is shown, true to its row; it can be held in the middle."""

    def hold(self, after: int = 1) -> None:
        """Say no more than so many sentences, until told to go on."""
        self.loop.call_soon_threadsafe(self.fake.go_on.clear)
        self.fake.held = after

    def go_on(self) -> None:
        self.fake.held = None
        self.loop.call_soon_threadsafe(self.fake.go_on.set)

    def __enter__(self) -> Self:
        self.loop, started = asyncio.new_event_loop(), threading.Event()
        self.ending = asyncio.Event()

        async def run() -> None:
            async with openai_server.serving(says=self.tell) as self.fake:
                started.set()
                await self.ending.wait()

        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(run(),), daemon=True)
        self.thread.start()
        started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.ending.set)
        self.thread.join()
        self.loop.close()

    @staticmethod
    def tell(prompt: str) -> str:
        """Sentences that the rows in the prompt bear out."""
        return " ".join(f"The {title} has a battery of {battery} mAh." for title, battery in re.findall(r"\d\. ([^:;]+): phone;.*?battery: ([\d,]+) mAh", prompt))

    @property
    def settings(self) -> dict[str, str]:
        return {
            "ZHIYIN_LLM__URL": f"openai:{openai_server.MODEL}@{self.fake.url}",
            "ZHIYIN_LLM__KEY": openai_server.KEY,
            "ZHIYIN_LLM__STAGES": "speak",
            "ZHIYIN_LLM__FRAME": "free",
            "ZHIYIN_LLM__FIRST_WORD": "900",  # a model that is held looks like a slow one, and must be asked all the same
            "ZHIYIN_HTTP__RESUME_SECONDS": "60",
        }
