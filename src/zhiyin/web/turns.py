"""The turns that are being answered in this process."""

from __future__ import annotations

import asyncio


class Turns:
    """Running turns, as tasks: they outlive the request that began them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def finish(self, seconds: float) -> None:
        """Wait for those that run, at most so long; stop the others."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
