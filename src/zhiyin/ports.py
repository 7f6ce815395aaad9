"""Every seam: what can be swapped, one small Protocol each. What waits is async; arithmetic is not."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from zhiyin.interactions import Histories, Interactions
    from zhiyin.llm import Claim, LLMChunk, LLMRequest, Trace
    from zhiyin.records import Conversation, Logged, Record
    from zhiyin.types import (
        Act,
        Done,
        Event,
        Facets,
        Fed,
        ItemId,
        Profile,
        Query,
        Reason,
        SessionId,
        Slate,
        State,
        Turn,
        Understanding,
        UserId,
        Words,
    )


class Understand(Protocol):
    """Reads one message in the light of the state it was said in."""

    def __call__(self, turn: Turn, state: State, /) -> Understanding:
        """What the turn means; never raises for any text."""
        ...


class Find(Protocol):
    """Looks at the catalogue through a query: never returns an item that breaks a hard wish."""

    def facets(self, query: Query, /) -> Facets:
        """Counts of what the hard wishes leave, the questions that split it, offers if nothing is left."""
        ...

    def slate(self, query: Query, /) -> Slate:
        """The best items, best first, at most `query.limit`, with sources and reasons."""
        ...

    def reasons(self, item: ItemId, query: Query, /) -> tuple[Reason, ...]:
        """What speaks for one item under a query."""
        ...

    def admitted(self, query: Query, slate: Slate, /) -> Slate:
        """Those of a slate that are in the catalogue, keep every hard wish and are not excluded: the last check before anything is shown."""
        ...

    def learn(self, profile: Profile, /) -> None:
        """Take in the newest event of a profile's history, for everybody's next slate."""
        ...


class Present(Protocol):
    """Puts slates, offers, questions and notices into the user's words."""

    def slate(self, slate: Slate, state: State, /) -> Slate:
        """The slate with its reasons worded."""
        ...

    def known(self, state: State, /) -> State:
        """The state without wishes and items that this catalogue does not have."""
        ...

    def done(self, act: Act, state: State, text: str, latency_ms: Mapping[str, float], trace: Trace, /) -> Done:
        """The closing part of a reply."""
        ...


class Speak(Protocol):
    """Says it: a stream of pieces whose concatenation is the reply."""

    def __call__(self, act: Act, slate: Slate, state: State, trace: Trace, /) -> AsyncGenerator[Words, None]:
        """The pieces of a reply, in order; what models were asked on the way goes into the trace."""
        ...


class LLM(Protocol):
    """A large language model. Streaming is the primitive; a completion is a joined stream. Raises `ModelError` and nothing else."""

    @property
    def name(self) -> str:
        """Which model answers, for people and for cache keys."""
        ...

    def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """The answer in pieces; closing the generator stops the model."""
        ...

    def seconds(self, request: LLMRequest, /) -> float:
        """How long the whole answer is expected to take; infinite where the model cannot be asked now."""
        ...

    async def close(self) -> None:
        """Release what is held."""
        ...


class Reread(Protocol):
    """A model's reading of a message that the rules were not sure of."""

    async def __call__(self, turn: Turn, state: State, understood: Understanding, trace: Trace, /) -> Understanding:
        """The rules' understanding with what the model adds and code bears out; the same object where that is nothing. Never raises."""
        ...


class Rewrite(Protocol):
    """A model's words for a mood or a story that the catalogue's own words do not tell."""

    async def __call__(self, turn: Turn, query: Query, trace: Trace, /) -> Query:
        """The query with other words and guesses; the same object where there are none. Never raises."""
        ...


class Rerank(Protocol):
    """A model's order of the best candidates."""

    async def __call__(self, turn: Turn, query: Query, slate: Slate, trace: Trace, /) -> Slate:
        """The same candidates with `probability`, each risen a bounded number of places at most; the same object where the model has no say. Never raises."""
        ...


class Claims(Protocol):
    """Reads what a sentence claims, with the words and numbers that understanding reads users by."""

    def __call__(self, sentence: str, /) -> tuple[Claim, ...]:
        """The claims in the order they stand."""
        ...


class Store(Protocol):
    """An append-only log of events by session. Raises `StoreError` where it cannot keep its word."""

    async def append(self, session: SessionId, user: UserId, /, *events: Event) -> tuple[bool, ...]:
        """Keep the events, in order, all or none; of each whether it is new: feedback whose `id` the log has already is not kept again.

        What was acknowledged survives the death of the process and of the machine. Any number of processes may append to one session.
        """
        ...

    async def events(self, session: SessionId, /, *, after: int = 0) -> Sequence[Event]:
        """Everything of one session but its first `after` events, oldest first; empty for a session nobody knows."""
        ...

    async def sessions(self, user: UserId, /) -> Sequence[SessionId]:
        """A user's sessions, oldest first."""
        ...

    async def forget(self, user: UserId, /) -> int:
        """Erase everything of a user; how many events went."""
        ...

    async def close(self) -> None:
        """Release what is held."""
        ...


class Archive(Protocol):
    """The log across sessions, for operators and for training. Raises `StoreError`."""

    async def owner(self, session: SessionId, /) -> UserId | None:
        """Whose session it is; None for one nobody knows."""
        ...

    async def tail(self, *, after: int = 0, limit: int = 1000, newest: bool = False) -> Sequence[Logged]:
        """Logged events whose place in the log is above `after`, oldest first, at most `limit`; with `newest` the latest `limit` of them."""
        ...

    async def conversations(self, *, before: int = 0, limit: int = 50, user: UserId | None = None) -> Sequence[Conversation]:
        """Sessions, the one with the latest event first; with `before` those whose latest place is below it."""
        ...

    async def users(self, *, after: str = "", limit: int = 50) -> Sequence[tuple[UserId, int]]:
        """Users by id, each with its number of events; those after an id."""
        ...

    async def drop(self, session: SessionId, /) -> int:
        """Erase one session; how many events went."""
        ...


class Records(Protocol):
    """Small documents by kind and key beside the log: items, keys, prompts, users' settings, answers kept for idempotency. Raises `StoreError`."""

    async def get(self, kind: str, key: str, /) -> Record | None:
        """The document; None where there is none or it has expired."""
        ...

    async def put(self, kind: str, key: str, value: str, /, *, expires: datetime | None = None, only_new: bool = False) -> int:
        """Keep a document, durably; its version, which grows with every change of any document. With `only_new`, 0 and nothing changed where there is one already."""
        ...

    async def delete(self, kind: str, key: str, /) -> bool:
        """Whether there was one. What is gone stays visible to `changes` as a record without a value."""
        ...

    async def page(self, kind: str, /, *, after: str = "", limit: int = 100) -> Sequence[Record]:
        """Documents of a kind by key, those after a key."""
        ...

    async def changes(self, version: int, /, *, limit: int = 1000) -> Sequence[Record]:
        """Documents changed or deleted (value None) after a version, of all kinds, oldest change first."""
        ...


class Bus(Protocol):
    """Tells every worker, here and on other machines, what has changed. Best effort: the stores hold the truth. Never raises for a lost connection."""

    async def publish(self, topic: str, message: str, /) -> None:
        """Tell everyone who listens, this worker too."""
        ...

    def listen(self, *topics: str) -> AsyncGenerator[tuple[str, str], None]:
        """(topic, message) as they come; closing the generator ends it."""
        ...

    async def close(self) -> None:
        """Release what is held."""
        ...


class Limiter(Protocol):
    """Rates by name, shared by all workers where the back end is."""

    async def take(self, name: str, /, *, rate: float, burst: int, cost: int = 1) -> float:
        """0 where it may go on now, else the seconds to wait; a token bucket of `burst` tokens that fills by `rate` a second."""
        ...


class Source(Protocol):
    """Proposes items from behaviour: fitted on a log, asked with histories, told of new events."""

    def fit(self, log: Interactions, /) -> None:
        """Learn from a log, from nothing; the same log and seed give the same scores."""
        ...

    def scores(self, histories: Histories, /) -> NDArray[np.float32]:
        """How well each item continues each history, shape (n, items); higher is better, a history nothing is known of gets zeros."""
        ...

    def update(self, history: Histories, /) -> None:
        """Take in the newest event of one history without a refit; a source that only scores histories has nothing to do."""
        ...

    def state(self) -> Mapping[str, NDArray[Any]]:
        """What was learned, as arrays to keep; `restore(state())` scores the same."""
        ...

    def restore(self, state: Mapping[str, NDArray[Any]], /) -> None:
        """Take up what `state` gave."""
        ...


class Behaviour(Protocol):
    """What people who did the same did next, by row of the catalogue; a past is the events of one user, oldest first."""

    def votes(self, past: Sequence[Fed], /) -> Mapping[str, NDArray[np.float64]]:
        """`collaborative` in [0, 1], shape (rows,), and each source's part in it; empty where nothing is known."""
        ...

    def learn(self, past: Sequence[Fed], /) -> None:
        """Take in the newest event of a past."""
        ...


class Embedder(Protocol):
    """Texts to unit vectors."""

    @property
    def name(self) -> str:
        """Identifies the vector space: vectors of different names never meet."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    def query(self, text: str, /) -> NDArray[np.float32]:
        """The vector of a question, shape (dim,), unit length."""
        ...

    def passages(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        """The vectors of item texts, shape (n, dim), unit length."""
        ...
