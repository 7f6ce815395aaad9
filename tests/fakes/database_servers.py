"""PostgreSQL and MariaDB of a test's own: started on a free port over a folder of their own, stopped, killed, paused, started again."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

PATIENCE = 60.0  # seconds for a server to come up on a busy machine
DRIVERS = {"postgresql": "postgresql+asyncpg", "mysql": "mysql+asyncmy"}


def sql(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Run statements on a database; the rows of the last that has any."""
    from sqlalchemy import text  # not above: this file is loaded with every run of pytest
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    async def run() -> list[tuple[object, ...]]:
        scheme, _, rest = url.partition(":")
        rows: list[tuple[object, ...]] = []
        engine = create_async_engine(f"{DRIVERS[scheme]}:{rest}", poolclass=NullPool, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            for statement in statements:
                result = await connection.execute(text(statement))
                if result.returns_rows:
                    rows = [tuple(row) for row in result]
        return rows

    with asyncio.Runner() as runner:  # asyncio.run would leave the thread without an event loop
        return runner.run(run())


def account(name: str) -> dict[str, object]:
    """Popen's arguments that make a server run as this user: as root they refuse to."""
    if os.geteuid() != 0:
        return {}
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        found = pwd.getpwnam("nobody")
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        children = []
    return [pid, *(one for child in children for one in family(int(child)))]


class DatabaseServer(ABC):
    """One server process at a time, always on the same port, over the same data."""

    user = ""  # whom it runs as where we are root

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.folder = Path(tempfile.mkdtemp(prefix="zhiyin-server-"))  # not pytest's: other users may not look in there
        self._account = account(self.user)
        if self._account:
            os.chown(self.folder, self._account["user"], self._account["group"])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Of a database on it that is always there."""

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Come up, or come back with what was kept."""
        if self._process is not None:
            return
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._line(), stdout=log, stderr=log, cwd=self.folder, start_new_session=True, **self._account)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"{self._line()[0]} does not start: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Go in good order: break off what is running, keep what is committed."""
        self._end(signal.SIGINT if self.user == "postgres" else signal.SIGTERM)

    def kill(self) -> None:
        """Die at once, with everything that belongs to it."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Keep the connections and answer nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Die, and leave nothing behind."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @abstractmethod
    def _line(self) -> list[str]: ...

    def _answers(self) -> bool:
        try:
            return sql(self.url, "select 1") == [(1,)]
        except Exception:  # noqa: BLE001  # whatever a server says that is not up yet
            return False

    def _signal(self, number: int) -> None:
        if self._process is not None:
            for pid in family(self._process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        if number == signal.SIGKILL:
            self._signal(number)  # all of them: of PostgreSQL every connection is a process
        else:
            self._process.send_signal(number)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._process = None


def postgres_program(name: str) -> str | None:
    """Where a program of PostgreSQL is: Debian keeps the servers out of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]) if path.parts[4].isdigit() else 0)
    return str(found[-1]) if found else shutil.which(name)


class PrivatePostgres(DatabaseServer):
    """A PostgreSQL that lets everybody on this machine in."""

    user = "postgres"

    def __init__(self) -> None:
        super().__init__()
        initdb = postgres_program("initdb")
        assert initdb
        line = [initdb, "-D", str(self.folder / "data"), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run(line, check=True, capture_output=True, cwd=self.folder, **self._account)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @staticmethod
    def installed() -> bool:
        return bool(postgres_program("initdb") and postgres_program("postgres"))

    def _line(self) -> list[str]:
        options = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "max_connections": 60, "shared_buffers": "32MB"}
        return [str(postgres_program("postgres")), "-D", str(self.folder / "data"), *(part for name, value in options.items() for part in ("-c", f"{name}={value}"))]


class PrivateMariadb(DatabaseServer):
    """A MariaDB whose root has no password."""

    user = "mysql"

    def __init__(self) -> None:
        super().__init__()
        line = ["mariadb-install-db", "--no-defaults", f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(line, check=True, capture_output=True, cwd=self.folder, **self._account)

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/zhiyin"

    @staticmethod
    def installed() -> bool:
        return bool(shutil.which("mariadb-install-db") and (shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")))

    def start(self) -> None:
        super().start()
        sql(self.url.removesuffix("zhiyin") + "mysql", "create database if not exists zhiyin")

    def _answers(self) -> bool:
        try:
            return sql(self.url.removesuffix("zhiyin") + "mysql", "select 1") == [(1,)]
        except Exception:  # noqa: BLE001  # whatever a server says that is not up yet
            return False

    def _line(self) -> list[str]:
        program = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
        options = {"datadir": self.folder / "data", "port": self.port, "bind-address": "127.0.0.1", "socket": self.folder / "socket", "pid-file": self.folder / "pid"}
        small = ["--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M", "--skip-log-bin", "--performance-schema=off"]
        return [program, "--no-defaults", *(f"--{name}={value}" for name, value in options.items()), *small]
