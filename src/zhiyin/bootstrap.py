"""Settings to an engine: the one place that names the concrete classes."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhiyin.backends import Stores, guarded, open_embedder, open_llm, open_stores, shared
from zhiyin.catalog.clean import Report
from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Domain
from zhiyin.catalog.load import catalog_key, item_text, load_catalog
from zhiyin.catalog.pack import find_pack, read_pack
from zhiyin.embedders.cached import CachedEmbedder, VectorFile, text_key
from zhiyin.engine import Advice, Engine
from zhiyin.errors import ModelError, SettingError
from zhiyin.policy import plan
from zhiyin.ports import LLM, Embedder, Speak
from zhiyin.rank.dials import Dials
from zhiyin.rank.slate import Ranker
from zhiyin.reply.blurbs import Blurbs, BlurbWriter
from zhiyin.reply.presenter import Presenter
from zhiyin.reply.rows import Rows
from zhiyin.reply.speaker import TemplateSpeaker
from zhiyin.reply.wording import Wording
from zhiyin.retrieve.approximate import open_approximate
from zhiyin.retrieve.dense import DenseIndex
from zhiyin.retrieve.facets import read_facets
from zhiyin.retrieve.fuse import Retriever
from zhiyin.retrieve.keyword import KeywordIndex
from zhiyin.settings import Settings
from zhiyin.state import advance
from zhiyin.trained import open_behaviour
from zhiyin.types import Facets, Heard, ItemId, Notice, Profile, Query, Reason, SessionId, Slate, State, Turn, UserId
from zhiyin.understand.classifier import IntentClassifier, read_samples, samples_key
from zhiyin.understand.rules import RuleReader, load_classifier

Warn = Callable[[str], None]
_EMBED_BATCH = 64
_PROMPTS_OF = {"speak": ("one", "explain", "compare", "chat"), "rewrite": ("rewrite",), "understand": ("understand",)}  # read ahead, in this order
_IDLE_AFTER = 1.5  # seconds after the start


class Finder:
    """The `Find` port: retrieve, then rank."""

    def __init__(self, catalog: Catalog, retriever: Retriever, ranker: Ranker) -> None:
        self.catalog, self.retriever, self.ranker = catalog, retriever, ranker

    def facets(self, query: Query, /) -> Facets:
        """Counts, questions, offers."""
        return read_facets(self.catalog, query)

    def slate(self, query: Query, /) -> Slate:
        """The best items with sources and reasons."""
        pool = self.retriever(query)
        return self.ranker(query, pool, lambda rows: self.retriever.evidence(query, pool, rows))

    def reasons(self, item: ItemId, query: Query, /) -> tuple[Reason, ...]:
        """What speaks for one item under a query."""
        row = self.catalog.row.get(item)
        if row is None:
            return ()
        pool = self.retriever(replace(query, exclude=query.exclude - {item}))
        places = np.flatnonzero(pool.rows == row)
        sources = {name: float(scores[places[0]]) for name, scores in pool.sources.items()} if len(places) else {}
        liked = self.retriever.evidence(query, pool, [row])[row] if len(places) else ()
        return self.ranker.reasons(row, query, sources, liked)

    def admitted(self, query: Query, slate: Slate, /) -> Slate:
        """Those that are in the catalogue, keep every hard wish and are not excluded."""
        hard = [w for w in query.wishes if w.hard]
        mask = self.catalog.mask(hard)
        return tuple(c for c in slate if c.item.id not in query.exclude and (row := self.catalog.row.get(c.item.id)) is not None and mask[row])

    def learn(self, profile: Profile, /) -> None:
        """Tell the behaviour models of the newest event."""
        if self.retriever.behaviour is not None:
            self.retriever.behaviour.learn(profile.history)


@dataclass(frozen=True)
class App:
    """An engine with what stands behind it, for entry points that show it."""

    engine: Engine
    stores: Stores
    domain: Domain
    catalog: Catalog
    report: Report
    wording: Wording
    embedder: Embedder
    embedded: int  # items with a vector
    history: str = ""  # file of what was typed at the terminal
    warm: Callable[[], Awaitable[None]] | None = None  # see `ready`
    writer: BlurbWriter | None = None  # writes item texts, where there is a model

    async def ready(self) -> None:
        """Makes the first turn as quick as the others: words once read, a model in this process readied. For entry points to do while they wait for their first user."""
        time = self.engine.clock()
        for openers in self.openers.values():
            for text in openers[:1]:
                turn = Turn(session=SessionId("warm"), user=UserId("warm"), text=text, time=time)
                state = advance(State(), Heard(turn=turn, understanding=await asyncio.to_thread(self.engine.understand, turn, State())))
                await asyncio.to_thread(self.engine.find.slate, plan(state, Profile()))
        if self.warm is not None:
            await self.warm()

    @property
    def openers(self) -> dict[str, tuple[str, ...]]:
        """Things to say first, from the pack."""
        return dict(self.domain.openers)


def build(settings: Settings, *, items: Path | None = None, warn: Warn = lambda _: None, clock: Callable[[], datetime] | None = None, model: LLM | None = None) -> App:
    """The application that the settings describe; with `items`, over anybody's file instead of a pack's own data; with `model`, over this one instead of that of `llm.url`."""
    collecting = gc.isenabled()
    gc.disable()  # a few million objects are made and none is garbage; looking for some costs a third of the start
    try:
        return _build(settings, items, warn, clock or (lambda: datetime.now(UTC)), model)
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


def _build(settings: Settings, items: Path | None, warn: Warn, clock: Callable[[], datetime], model: LLM | None) -> App:
    embedder, stand_in = open_embedder(settings)
    cached = CachedEmbedder(embedder)
    catalog, report = _catalog(settings, items, warn)
    domain = catalog.domain
    texts = [item_text(item, domain) for item in catalog.items]
    vectors, embedded = _vectors(catalog, texts, cached, settings.cache, warn)
    wording = Wording(catalog)
    templates = TemplateSpeaker(catalog, wording)
    llm, missing = (guarded(settings, [(model, None)], clock), ()) if model else _language_model(settings, clock, warn)
    notices = (*missing, *((Notice(code="hashing"),) if stand_in else ()))
    index = settings.cache / f"keywords-{catalog_key(catalog, texts)}"
    keywords = KeywordIndex.open(lambda: texts, index, warn)
    behaviour = open_behaviour(catalog, vectors, settings, warn)
    near = _vector_index(vectors, embedded, settings, warn)
    finder = Finder(catalog, Retriever(catalog, cached, vectors, keywords, behaviour, index=near), Ranker(catalog, vectors, _dials(settings)))
    reader = RuleReader(catalog, _classifier(domain, embedder, warn), cached.query, cache=settings.cache, warn=warn)
    _later(reader.linker.warm)
    if behaviour is not None:
        _later(behaviour.warm)
    blurbs = Blurbs(settings.cache / f"blurbs-{domain.name}.jsonl", Rows(wording))
    helped = None if llm is None else with_model(settings, llm, reader, templates, blurbs)
    stores = shared(settings, open_stores(settings, clock))
    engine = Engine(
        understand=reader,
        find=finder,
        speak=helped.speak if helped else templates,
        present=Presenter(templates, wording, notices, model=llm.name if llm else "", blurbs=blurbs),
        store=stores.log,
        clock=clock,
        advice=helped.advice if helped else None,
        model=llm,
        plain=templates,
    )
    return App(
        engine=engine,
        stores=stores,
        domain=domain,
        catalog=catalog,
        report=report,
        wording=wording,
        embedder=cached,
        embedded=embedded,
        history=str(settings.data / "history"),
        warm=helped.warm if helped and "llamacpp:" in settings.llm.url else None,
        writer=helped.writer if helped else None,
    )


@dataclass(frozen=True)
class Helped:
    """The stages that a language model has a hand in."""

    speak: Speak
    advice: Advice
    warm: Callable[[], Awaitable[None]]
    writer: BlurbWriter


def with_model(settings: Settings, llm: LLM, reader: RuleReader, templates: TemplateSpeaker, blurbs: Blurbs) -> Helped:
    """The stages of `llm.stages` with a model behind them, over the rules and templates that they fall back on."""
    from zhiyin.prompting.prompts import Prompts, prompt_folders, standing_of  # noqa: PLC0415  # only where there is a model
    from zhiyin.rank.llm import ModelRanker  # noqa: PLC0415
    from zhiyin.reply.evidence import Ground  # noqa: PLC0415
    from zhiyin.reply.llm import ModelSpeaker  # noqa: PLC0415
    from zhiyin.retrieve.rewrite import ModelRewriter  # noqa: PLC0415
    from zhiyin.understand.claims import ClaimReader  # noqa: PLC0415
    from zhiyin.understand.llm import ModelReader  # noqa: PLC0415

    llm_settings, catalog, domain = settings.llm, reader.catalog, reader.domain
    stages = {name.strip() for name in llm_settings.stages.split(",") if name.strip()}
    if unknown := stages - {*_PROMPTS_OF, "rank"}:
        raise SettingError(f"setting 'llm.stages': {', '.join(sorted(unknown))} is no stage of a model", hint="Stages are understand, rewrite, rank, speak")
    prompts = Prompts(domain.name, prompt_folders(domain.name, domain.folder, settings.data), standing_of(domain))
    advice = Advice(
        reread=ModelReader(llm, prompts, catalog, ask_below=llm_settings.ask_below, seconds=llm_settings.second_look) if "understand" in stages else None,
        rewrite=ModelRewriter(llm, prompts, reader.linker.titled, seconds=llm_settings.second_look) if "rewrite" in stages else None,
        rerank=ModelRanker(llm, prompts, catalog, blurbs.rows.one, seconds=llm_settings.second_look) if "rank" in stages else None,
        seconds=llm_settings.second_look,
    )
    ground, claims = Ground(catalog, templates.wording), ClaimReader(catalog, reader.book)
    _later(ground.warm)
    speaker = ModelSpeaker(templates, llm, prompts, ground, claims, frame=llm_settings.frame, first_word=llm_settings.first_word)
    first = [name for stage, names in _PROMPTS_OF.items() if stage in stages for name in names]
    return Helped(speak=speaker if "speak" in stages else templates, advice=advice, warm=lambda: speaker.warm(first), writer=BlurbWriter(blurbs, llm, prompts, ground, claims))


def _language_model(settings: Settings, clock: Callable[[], datetime], warn: Warn) -> tuple[LLM | None, tuple[Notice, ...]]:
    """The model of the settings; where there is none, or none that can be used, the notice that says so in every reply."""
    try:
        llm = open_llm(settings, clock)
    except ModelError as error:
        warn(f"{error}. {error.hint}" if error.hint else str(error))
        return None, (Notice(code=error.code),)
    return llm, () if llm else (Notice(code="no_model"),)


def _vector_index(vectors: NDArray[np.float32] | None, embedded: int, settings: Settings, warn: Warn) -> DenseIndex | None:
    """The index that the settings ask for, over a catalogue whose vectors are all there; its copy is its own."""
    if not settings.vector_index or vectors is None:
        return None
    if embedded < len(vectors):
        warn(f"vector_index={settings.vector_index} waits until all {len(vectors)} items are embedded; {embedded} are, and vectors are scanned this time")
        return None
    return DenseIndex(vectors, open_approximate(settings.vector_index, vectors))


def _dials(settings: Settings) -> Dials:
    return Dials(diversity=settings.diversity, calibration=settings.calibration, less_popular=settings.less_popular, exposure=settings.exposure)


def _later(work: Callable[[], None]) -> None:
    """Do it beside the conversation, once the first answer is out."""
    timer = threading.Timer(_IDLE_AFTER, work)
    timer.daemon = True
    timer.start()


def _classifier(domain: Domain, embedder: Embedder, warn: Warn) -> IntentClassifier | None:
    """The fitted intent weights, if they belong to the pack's samples as they are now."""
    key = samples_key(read_samples(Path(domain.folder) / "samples.jsonl"), embedder.name) if domain.folder else None
    classifier = load_classifier(domain, embedder.name, key)
    if classifier is None:
        warn(f"the intent weights of {domain.name} do not belong to its samples; rules alone decide. Fit them with: zhiyin train --intent --domain {domain.folder}")
    return classifier


def _catalog(settings: Settings, items: Path | None, warn: Warn) -> tuple[Catalog, Report]:
    """The pack's catalogue, or one inferred from a file."""
    if items is not None:
        from zhiyin.catalog.infer import infer_catalog  # noqa: PLC0415  # only where a file is given

        return infer_catalog(items)
    return load_catalog(read_pack(find_pack(settings.domain)), settings.cache, warn=warn, data=settings.data)


def item_vectors(catalog: Catalog, settings: Settings, warn: Warn) -> NDArray[np.float32] | None:
    """The items' text vectors as far as they are known without embedding anything; None where none are."""
    embedder, _ = open_embedder(settings)
    keys = np.array([text_key(item_text(item, catalog.domain)) for item in catalog.items], dtype=np.uint64)
    vectors, found = _kept_vectors(catalog, keys, embedder, settings.cache, warn)
    return vectors if found.any() else None


def _kept_vectors(catalog: Catalog, keys: NDArray[np.uint64], embedder: Embedder, cache: Path, warn: Warn) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Vectors that were embedded before or ship with the pack, and which rows have one."""
    vectors = np.zeros((len(keys), embedder.dim), dtype=np.float32)
    found = np.zeros(len(keys), dtype=np.bool_)
    files = [VectorFile(cache / f"vectors-{catalog.domain.name}-{embedder.name}.npz")]
    if catalog.domain.folder:
        files.append(VectorFile(Path(catalog.domain.folder) / f"vectors.{embedder.name}.npz"))
    for file in files:
        if not found.all():
            more, got = file.read(keys, embedder.dim, warn)
            fresh = got & ~found
            vectors[fresh], found = more[fresh], found | got
    return vectors, found


def _vectors(catalog: Catalog, texts: Sequence[str], embedder: Embedder, cache: Path, warn: Warn) -> tuple[NDArray[np.float32] | None, int]:
    """Item vectors: those that ship with the pack, those on disk, the few others now; many are filled in the background."""
    keys = np.array([text_key(t) for t in texts], dtype=np.uint64)
    vectors, found = _kept_vectors(catalog, keys, embedder, cache, warn)
    kept = VectorFile(cache / f"vectors-{catalog.domain.name}-{embedder.name}.npz")
    missing = np.flatnonzero(~found)
    if len(missing) == 0:
        return vectors, len(keys)

    def fill() -> None:
        for start in range(0, len(missing), _EMBED_BATCH):
            part = missing[start : start + _EMBED_BATCH]
            vectors[part] = embedder.passages([texts[i] for i in part])
        kept.write(keys, vectors)

    if len(missing) <= 2 * _EMBED_BATCH:
        fill()
    else:
        warn(f"embedding {len(missing)} items in the background; answers come without waiting and get better")
        threading.Thread(target=fill, name="embed", daemon=True).start()
    return vectors, int(found.sum())
