"""The server as a program: what `zhiyin serve`, `zhiyin demo` and `zhiyin keys` do."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import uvicorn
from rich.console import Console
from rich.table import Table
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from zhiyin.backends import open_bus, open_limiter, open_stores
from zhiyin.bootstrap import build
from zhiyin.cli.options import warn
from zhiyin.errors import SettingError, ZhiyinError
from zhiyin.settings import Settings
from zhiyin.web.app import create_app
from zhiyin.web.callers import is_loopback
from zhiyin.web.keys import Key, Keyring, Scope
from zhiyin.web.logs import configure_logs
from zhiyin.web.service import service_over

if TYPE_CHECKING:
    from fastapi import FastAPI

T = TypeVar("T")
_BACKLOG = 2048  # connections that the system holds while we are busy
_UNHEARD = 30  # seconds without a sign of life after which a worker is replaced; loading a catalogue may starve its thread
_NOT_READY = 4  # exit status
_PATIENCE = 120.0  # seconds that a demo waits for its server before it no longer opens a browser
_COUNTS = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client reads it when it is imported, before any setting of ours is


def serve(settings: Settings, items: Path | None, *, opens: Callable[[str], None] | None = None) -> int:
    """Serve until told to stop; 0 after a graceful end, 4 where the catalogue or a back end could not be opened. `opens` is called with the address once it answers."""
    http = settings.http
    if http.workers > 1 and settings.store.partition(":")[0] == "memory":
        raise SettingError("http.workers: several workers cannot share a store in memory", hint="Name a database: --store sqlite:///PATH or postgresql://...")
    if not is_loopback(http.host) and not _with_keys(settings, Keyring.any):
        raise SettingError(f"http.host: {http.host} can be reached by others, and there is no key yet", hint="Make one: zhiyin keys add NAME --scope server")
    if http.workers > 1 and not settings.redis:
        warn("several workers and no Redis: each counts rates for itself, and hears late of what others learned of a user; name one with ZHIYIN_REDIS")
    listening = _listen(http.host, http.port)
    address = _address(http.host, listening.getsockname()[1])
    print(f"Zhiyin 知音 serves at {address}", file=sys.stderr, flush=True)
    if opens is not None:
        threading.Thread(target=_when_ready, args=(address, opens), daemon=True).start()
    for quiet in (signal.SIGTERM, signal.SIGINT):  # uvicorn ends gracefully, then raises the signal once more: that is no failure
        signal.signal(quiet, lambda *_: None)
    with _shared_counts(http.workers) as counts:
        config = uvicorn.Config(
            partial(make_app, settings, items, counts),
            factory=True,
            workers=http.workers,
            lifespan="on",
            http="httptools",
            loop="asyncio",  # uvloop accepts one connection between two turns, asyncio all that wait
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(http.proxies),
            forwarded_allow_ips=http.proxies or None,
            backlog=_BACKLOG,
            timeout_worker_healthcheck=_UNHEARD,
            timeout_graceful_shutdown=max(1, round(http.shutdown_seconds)),
        )
        if http.workers > 1:
            workers = Multiprocess(config, sockets=[listening])
            workers.run()
            return _NOT_READY if any(worker.exitcode == STARTUP_FAILURE for worker in workers.processes) else 0
        server = uvicorn.Server(config)
        try:
            server.run(sockets=[listening])
        except SystemExit:  # the application could not be made, and said why
            return _NOT_READY
    return 0 if server.started else _NOT_READY


def demo(settings: Settings, items: Path | None, *, browser: bool) -> int:
    """Serve on this machine and open the page; a taken port is no trouble, the next free one will do."""
    if not is_loopback(settings.http.host):
        raise SettingError(f"http.host: a demo is for this machine, not for {settings.http.host}", hint="Use zhiyin serve")
    if not _free(settings.http.host, settings.http.port):
        settings = settings.model_copy(update={"http": settings.http.model_copy(update={"port": 0})})

    def show(address: str) -> None:
        print(f"Open {address} in a browser. Ctrl-C ends.", file=sys.stderr, flush=True)
        if browser:
            webbrowser.open(address)

    return serve(settings, items, opens=show)


def make_app(settings: Settings, items: Path | None, counts: str) -> FastAPI:
    """The application of one worker process, its catalogue loaded. Ends the process where that cannot be: uvicorn would print a traceback and try for ever."""
    configure_logs(terminal=sys.stderr.isatty())
    try:
        built = build(settings, items=items, warn=warn)
        bus, limiter = open_bus(settings), open_limiter(settings)
    except ZhiyinError as error:
        warn(f"error: {error}" + (f"\n{error.hint}" if error.hint else ""))
        sys.exit(STARTUP_FAILURE)
    return create_app(settings, lambda: service_over(built, built.stores, bus, limiter, settings, shared_counts=Path(counts) if counts else None))


def add_key(settings: Settings, name: str, scope: Scope, *, as_json: bool) -> None:
    """Make a key and show it, this once."""
    text, key = _with_keys(settings, lambda keys: keys.add(name, scope))
    if as_json:
        print(json.dumps({**asdict(key), "key": text}, ensure_ascii=False))
    else:
        print(text)
        print(f"A {scope} key for {name}. It is kept as a hash only: copy it now, it is not shown again.", file=sys.stderr)


def list_keys(settings: Settings, *, as_json: bool) -> None:
    """Every key, without its text."""
    keys = _with_keys(settings, Keyring.every)
    if as_json:
        print(json.dumps([asdict(key) for key in keys], ensure_ascii=False))
        return
    table = Table("id", "name", "scope", "created", "last used", "revoked")
    for key in keys:
        table.add_row(key.id, key.name, key.scope, key.created, key.used or "never", key.revoked)
    Console().print(table)


def revoke_key(settings: Settings, identity: str, *, as_json: bool) -> None:
    """Make a key useless for good."""
    key: Key = _with_keys(settings, lambda keys: keys.revoke(identity))
    print(json.dumps(asdict(key), ensure_ascii=False) if as_json else f"Revoked {key.name} ({key.scope}, {key.id}); every server refuses it within a second.")


def _with_keys(settings: Settings, ask: Callable[[Keyring], Awaitable[T]]) -> T:
    async def asked() -> T:
        stores = open_stores(settings)
        try:
            return await ask(Keyring(stores.records, lambda: datetime.now(UTC)))
        finally:
            await stores.log.close()

    return asyncio.run(asked())


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, that worker processes inherit. It says that it is TCP, or asyncio leaves Nagle's delay of 40 ms on."""
    listening = socket.socket(_family(host), socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise SettingError(f"http.port: cannot listen at {host}:{port}: {error.strerror or error}", hint="Another program may use it; choose another with --port") from None
    listening.set_inheritable(True)
    return listening


def _free(host: str, port: int) -> bool:
    try:
        _listen(host, port).close()
    except SettingError:
        return False
    return True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _address(host: str, port: int) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}/"


@contextmanager
def _shared_counts(workers: int) -> Iterator[str]:
    """A folder that workers count into together; empty where there is one worker."""
    if workers == 1:
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="zhiyin-counts-") as folder:
        os.environ[_COUNTS] = folder
        yield folder


def _when_ready(address: str, opens: Callable[[str], None]) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{address}healthz", timeout=_PATIENCE):  # noqa: S310  # our own address
                opens(address)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
