"""Group commit: whatever waits is written in one transaction, so that a thousand appends a second share a few syncs to disk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from zhiyin.errors import StoreError

Work = TypeVar("Work")
Result = TypeVar("Result")
_MOST = 1000  # pieces of work in one transaction


class NotCommitted(Exception):
    """A transaction that failed. `alone` says that nothing of it is kept and that its parts may fare better one by one."""

    def __init__(self, cause: StoreError, *, alone: bool) -> None:
        super().__init__(str(cause))
        self.cause, self.alone = cause, alone


class Writer(Generic[Work, Result]):
    """One writer of a process. `commit` does many pieces of work in one transaction, or raises `NotCommitted`."""

    def __init__(self, commit: Callable[[Sequence[Work]], Awaitable[Sequence[Result]]]) -> None:
        self._commit = commit
        self._waiting: deque[tuple[Work, asyncio.Future[Result]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def do(self, work: Work) -> Result:
        """The result, once it is committed. A caller that goes away does not take its work with it."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), name="zhiyin store writer")
        return await done

    async def drained(self) -> None:
        """Comes back when nothing waits any more."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _drain(self) -> None:
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
            try:
                await self._write(group)
            finally:  # whatever happens, a cancelled loop included, nobody waits for ever
                for _, done in group:
                    _fail(done, StoreError("the event log was closed before this was kept"))

    async def _write(self, group: Sequence[tuple[Work, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._commit([work for work, _ in group])
        except NotCommitted as failed:
            if failed.alone and len(group) > 1:  # one that cannot be kept must not harm the others
                await self._write_alone(group)
                return
            for _, done in group:
                _fail(done, failed.cause)
        else:
            for (_, done), result in zip(group, results, strict=True):
                if not done.done():
                    done.set_result(result)

    async def _write_alone(self, group: Sequence[tuple[Work, asyncio.Future[Result]]]) -> None:
        for at, (work, done) in enumerate(group):
            try:
                (result,) = await self._commit([work])
            except NotCommitted as failed:
                _fail(done, failed.cause)
                if not failed.alone:  # the server is gone or the disk is full: the rest would only wait longer
                    for _, other in group[at + 1 :]:
                        _fail(other, failed.cause)
                    return
            else:
                if not done.done():
                    done.set_result(result)


def _fail(done: asyncio.Future[Result], cause: StoreError) -> None:
    if not done.done():
        error = type(cause)(str(cause), hint=cause.hint)  # each its own: a traceback grows with every raise
        error.__cause__ = cause.__cause__
        done.set_exception(error)
