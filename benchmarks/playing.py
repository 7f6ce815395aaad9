"""One catalogue's turns, played and timed in a process of its own, so that its peak memory is its own."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from grown import SEED, Drawn, grow, random_vectors
from zhiyin.backends import open_embedder
from zhiyin.bootstrap import build
from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Domain
from zhiyin.catalog.load import item_text, load_catalog
from zhiyin.catalog.pack import find_pack, read_pack
from zhiyin.embedders.cached import CachedEmbedder
from zhiyin.engine import Engine
from zhiyin.living import Finder
from zhiyin.ports import Embedder
from zhiyin.rank.slate import Ranker
from zhiyin.reply.presenter import Presenter
from zhiyin.reply.speaker import TemplateSpeaker
from zhiyin.reply.wording import Wording
from zhiyin.retrieve.fuse import Retriever
from zhiyin.retrieve.keyword import KeywordIndex
from zhiyin.settings import read_settings
from zhiyin.stores.memory import MemoryStore
from zhiyin.types import NUMERIC_OPS, Item, Op, SessionId, Turn, UserId, Value, Wish
from zhiyin.understand.rules import RuleReader, load_classifier
from zhiyin.wire import gather

CONVERSATIONS = Path(__file__).parent.parent / "tests" / "conversations"
WARM_UP = ("hello", "recommend me some thrillers", "来几部爱情片")  # loads the sentence model; not counted
TURNS_WITHIN = 150.0  # seconds; then no further session is begun
KEYWORDS_WITHIN = 120.0  # seconds; a keyword index that would take longer is left empty
_SAMPLE = 20_000  # items from which that time is estimated
_TIME = datetime(2025, 6, 1, 12, tzinfo=UTC)
_PROGRESS = Console(stderr=True)
_REPEATS = 7  # of each mask; the Python loop runs once


class TimedEmbedder(CachedEmbedder):
    """The application's embedder, which also adds up the milliseconds of its questions."""

    ms = 0.0

    def query(self, text: str, /) -> NDArray[np.float32]:
        """The vector of a question, its time added."""
        start = time.perf_counter()
        vector = super().query(text)
        self.ms += (time.perf_counter() - start) * 1000
        return vector


@dataclass(kw_only=True)
class Played:
    """What one catalogue's turns cost. Times are in milliseconds a turn, in the order played, unless named seconds."""

    items: int
    stages: dict[str, list[float]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    embed: list[float] = field(default_factory=list)  # of each message, alone and uncached
    masks: list[float] = field(default_factory=list)  # `Catalog.mask` of each distinct set of hard wishes
    loops: list[float] = field(default_factory=list)  # the same by a Python loop over the items
    build_s: dict[str, float] = field(default_factory=dict)
    peak_mb: float = 0.0
    missing: int = 0  # films without a vector when the turns began
    notes: list[str] = field(default_factory=list)


def read_conversations(turns: int) -> list[list[str]]:
    """Whole sessions of the films' test conversations, in a seeded order, until so many different messages are together."""
    cases = [json.loads(line) for file in sorted(CONVERSATIONS.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    sessions = [[t["say"] for t in case["turns"] if not t["say"].startswith("/")] for case in cases if case["domain"] == "movies"]
    random.Random(SEED).shuffle(sessions)
    chosen: list[list[str]] = []
    while sessions and len({m for s in chosen for m in s}) < turns:
        chosen.append(sessions.pop())
    return chosen


def play_films(turns: int) -> Played:
    """The turns over the default films as `build` sets them up, the embedding alone, and the filter against a loop."""
    settings = read_settings(domain="movies", store="memory:")
    start = time.perf_counter()
    app = build(settings)
    played = Played(items=len(app.catalog), build_s={"total": time.perf_counter() - start}, missing=len(app.catalog) - app.embedded)
    inner, _ = open_embedder(settings)
    embedder = TimedEmbedder(inner)
    reader, finder = app.engine.understand, app.engine.find
    if not isinstance(reader, RuleReader) or not isinstance(finder, Finder):
        raise TypeError("bootstrap.build no longer makes a RuleReader and a Finder")
    reader.embed, finder.retriever.embedder = embedder.query, embedder
    wishes = _play(app.engine, embedder, turns, played, "films")
    played.peak_mb = _peak_mb()
    _time_embedding(inner, played)
    _time_filters(app.catalog, wishes, played)
    return played


def play_grown(size: int, turns: int, name: str) -> Played:
    """The turns over made-up items."""
    settings = read_settings(domain="movies", store="memory:")
    domain = read_pack(find_pack(settings.domain))
    films, _ = load_catalog(domain, settings.cache)
    items = grow(films.items, size)
    played = Played(items=size)
    embedder = TimedEmbedder(open_embedder(settings)[0])
    engine = _assemble(domain, items, embedder, played)
    _play(engine, embedder, turns, played, name)
    played.peak_mb = _peak_mb()
    return played


def _assemble(domain: Domain, items: Sequence[Item], embedder: Embedder, played: Played) -> Engine:
    """An engine like `bootstrap.build`'s over these items, each part's making timed; garbage collection as there."""
    gc.disable()
    with _timed(played, "making items"):
        for _ in items:
            pass
    with _timed(played, "columns"):
        catalog = Catalog(domain, items)
    with _timed(played, "words"):
        reader = RuleReader(catalog, load_classifier(domain, embedder.name), embedder.query)
    with _timed(played, "vectors"):
        vectors = random_vectors(len(items), embedder.dim)
    with _timed(played, "keywords"):
        keywords = _keywords(catalog, played)
    played.build_s["total"] = sum(played.build_s.values()) - played.build_s["making items"]  # which the columns' time has in it
    gc.freeze()
    gc.enable()
    wording = Wording(catalog)
    speaker = TemplateSpeaker(catalog, wording)
    return Engine(
        understand=reader,
        find=Finder(catalog, Retriever(catalog, embedder, vectors, keywords), Ranker(catalog, vectors)),
        speak=speaker,
        present=Presenter(speaker, wording),
        store=MemoryStore(),
        clock=lambda: _TIME,
    )


def _keywords(catalog: Catalog, played: Played) -> KeywordIndex:
    """The keyword index, or an empty one where a sample says that it would take too long."""
    size = len(catalog)

    def texts(count: int) -> Drawn[str]:
        return Drawn(count, lambda row: item_text(catalog.items[size - count + row], catalog.domain))  # the last `count` items: made-up ones

    KeywordIndex.open(lambda: texts(1))  # loads the segmenter's dictionary, which the sample should not pay for
    start = time.perf_counter()
    KeywordIndex.open(lambda: texts(min(_SAMPLE, size)))
    expected = (time.perf_counter() - start) * size / min(_SAMPLE, size)
    if expected <= KEYWORDS_WITHIN:
        return KeywordIndex.open(lambda: texts(size))
    played.notes.append(f"no keyword index: it would take about {expected:.0f} s")
    return KeywordIndex.open(list)


# --- playing and timing ---


def _play(engine: Engine, embedder: TimedEmbedder, turns: int, played: Played, name: str) -> list[tuple[Wish, ...]]:
    """Play the sessions; the different sets of hard wishes that came up."""
    sessions = read_conversations(turns)
    wishes: dict[tuple[Wish, ...], None] = {}

    async def play() -> None:
        with Progress(console=_PROGRESS) as progress:
            bar = progress.add_task(f"turns over {name}", total=sum(map(len, sessions)))
            start = time.perf_counter()
            for number, session in enumerate([WARM_UP, *sessions]):
                if time.perf_counter() - start > TURNS_WITHIN:
                    played.notes.append(f"the first {len(played.messages)} of {sum(map(len, sessions))} turns were played in {TURNS_WITHIN:.0f} s, the others left out")
                    break
                for text in session:
                    turn = Turn(session=SessionId(str(number)), user=UserId(f"user-{number}"), text=text, time=_TIME)
                    embedder.ms = 0.0
                    reply = await gather(engine.answer(turn))
                    if number == 0:
                        continue
                    state = reply.understood.state
                    played.messages.append(text)
                    played.acts.append(reply.understood.act.kind)
                    for stage, taken in {**reply.done.latency_ms, "embedding": embedder.ms}.items():
                        played.stages.setdefault(stage, []).append(taken)
                    if hard := tuple(w for w in state.wishes if w.hard and w.op is not Op.LIKE):
                        wishes[hard] = None
                    progress.advance(bar)

    asyncio.run(play())
    return list(wishes)


def _time_embedding(embedder: Embedder, played: Played) -> None:
    for text in played.messages:
        start = time.perf_counter()
        embedder.query(text)
        played.embed.append((time.perf_counter() - start) * 1000)


def _time_filters(catalog: Catalog, wishes: Sequence[tuple[Wish, ...]], played: Played) -> None:
    """Masks against the loop, on the same wishes; both must find the same rows."""
    with Progress(console=_PROGRESS) as progress:
        for hard in progress.track(wishes, description="filters"):
            taken = []
            for _ in range(_REPEATS):
                start = time.perf_counter()
                mask = catalog.mask(hard)
                taken.append((time.perf_counter() - start) * 1000)
            start = time.perf_counter()
            rows = [row for row, item in enumerate(catalog.items) if all(_meets(item.attributes.get(w.field), w) for w in hard)]
            played.loops.append((time.perf_counter() - start) * 1000)
            played.masks.append(float(np.median(taken)))
            if rows != np.flatnonzero(mask).tolist():
                raise RuntimeError(f"the mask and the loop disagree on {hard}")


def _meets(value: Value | None, wish: Wish) -> bool:
    """Whether one item's value meets one wish: `Catalog.satisfies` in plain Python."""
    if value is None:
        return wish.op is Op.NONE_OF or (wish.negated and wish.op in NUMERIC_OPS)
    wanted = wish.value if isinstance(wish.value, tuple) else (wish.value,)
    if wish.op in NUMERIC_OPS:
        return isinstance(value, int | float) and _in_bounds(value, wish.op, [float(w) for w in wanted])
    has = value if isinstance(value, tuple) else (value,)
    match wish.op:
        case Op.ALL_OF:
            return all(w in has for w in wanted)
        case Op.NONE_OF:
            return not any(w in has for w in wanted)
        case _:
            return any(w in has for w in wanted)


def _in_bounds(number: float, op: Op, bounds: Sequence[float]) -> bool:
    match op:
        case Op.LT:
            return number < bounds[0]
        case Op.LE:
            return number <= bounds[0]
        case Op.GT:
            return number > bounds[0]
        case Op.GE:
            return number >= bounds[0]
        case Op.BETWEEN:
            return bounds[0] <= number <= bounds[-1]
        case _:
            return number == bounds[0]


@contextmanager
def _timed(played: Played, part: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    played.build_s[part] = time.perf_counter() - start
    _PROGRESS.print(f"{played.items:,} items: {part} took {played.build_s[part]:.1f} s")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def packed(played: Played) -> str:
    """As one line of JSON."""
    return json.dumps(asdict(played), ensure_ascii=False)


def unpacked(line: str) -> Played:
    """From that line."""
    given: Mapping[str, object] = json.loads(line)
    return Played(**given)  # type: ignore[arg-type]  # written by `packed` of the same file
