"""What a user did, from the log: the feedback that stands, and the items that the user is done with."""

from __future__ import annotations

from dataclasses import dataclass

from zhiyin.ports import Store
from zhiyin.state import replay
from zhiyin.types import DONE_EVENTS, Fed, ItemId, UserId

_SESSIONS = 40  # of a user, the latest: as many as the engine reads for taste


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A user's feedback by control and by word, without what was undone, in the order of the sessions."""

    feedback: tuple[Fed, ...]

    @property
    def done(self) -> frozenset[ItemId]:
        """What the user has seen, bought or refused."""
        return frozenset(f.item for f in self.feedback if f.kind in DONE_EVENTS)


async def past_of(store: Store, user: UserId) -> Past:
    """A user's past, as far back as taste goes."""
    sessions = await store.sessions(user)
    states = [replay(await store.events(session)) for session in sessions[-_SESSIONS:]]
    return Past(feedback=tuple(f for state in states for f in state.feedback))
