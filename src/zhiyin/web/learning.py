"""Live learning from events beside the requests that brought them: they are acknowledged as soon as the log has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from zhiyin.engine import feedback_of
from zhiyin.errors import ZhiyinError
from zhiyin.living import Living
from zhiyin.ports import Store
from zhiyin.profile import read_profile
from zhiyin.types import UserId

_MOST = 10_000  # users that wait; more learn at the next training

_log = structlog.get_logger("zhiyin.learning")


class Learner:
    """Tells the behaviour models of users' newest events, one user after the other. What it misses, as when the process dies, the next training has from the log."""

    def __init__(self, living: Living, store: Store, clock: Callable[[], datetime]) -> None:
        self._living, self._store, self._clock = living, store, clock
        self._waiting: dict[UserId, None] = {}
        self._task: asyncio.Task[None] | None = None

    def learn(self, users: Iterable[UserId]) -> None:
        """Take in the newest event of each of these users, soon. Where no model was trained there is nothing to do."""
        if self._living.view.behaviour is None:
            return
        for user in users:
            if len(self._waiting) < _MOST:
                self._waiting[user] = None
        if self._waiting and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._learn(), name="learning")

    async def stop(self) -> None:
        """Learn no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _learn(self) -> None:
        while self._waiting:
            user = next(iter(self._waiting))
            del self._waiting[user]
            try:
                past = await feedback_of(self._store, user)
            except ZhiyinError as error:
                _log.warning("a user's events could not be learned from", error=type(error).__name__)
                continue
            profile = read_profile(sorted(past, key=lambda f: f.time), self._clock())
            self._living.view.finder.learn(profile)
            await asyncio.sleep(0)  # requests go first
