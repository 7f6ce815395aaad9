"""Settings to an engine: the one place that names the concrete classes."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from zhiyin.backends import Stores, guarded, open_embedder, open_llm, open_stores, shared
from zhiyin.catalog.change import Change
from zhiyin.catalog.clean import Report
from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Domain
from zhiyin.catalog.load import catalog_key, item_text, load_catalog
from zhiyin.catalog.pack import find_pack, read_pack
from zhiyin.embedders.cached import CachedEmbedder
from zhiyin.engine import Advice, Engine
from zhiyin.errors import ModelError, SettingError
from zhiyin.following import KeptItems
from zhiyin.live.bus import LocalBus
from zhiyin.living import Living, View
from zhiyin.policy import plan
from zhiyin.ports import LLM, Embedder, Speak
from zhiyin.rank.dials import Dials
from zhiyin.reply.blurbs import Blurbs, BlurbWriter
from zhiyin.reply.presenter import Presenter
from zhiyin.reply.rows import Rows
from zhiyin.reply.speaker import TemplateSpeaker
from zhiyin.reply.wording import Wording
from zhiyin.retrieve.approximate import open_approximate
from zhiyin.retrieve.dense import DenseIndex
from zhiyin.retrieve.keyword import KeywordIndex
from zhiyin.settings import Settings
from zhiyin.state import advance
from zhiyin.trained import open_behaviour
from zhiyin.types import Heard, Notice, Profile, SessionId, State, Turn, UserId
from zhiyin.understand.classifier import IntentClassifier, read_samples, samples_key
from zhiyin.understand.rules import RuleReader, load_classifier
from zhiyin.vectors import ItemVectors

Warn = Callable[[str], None]
_PROMPTS_OF = {"speak": ("one", "explain", "compare", "chat"), "rewrite": ("rewrite",), "understand": ("understand",)}  # read ahead, in this order
_IDLE_AFTER = 1.5  # seconds after the start


@dataclass
class App:
    """An engine with what stands behind it, for entry points that show it; with `living`, of the catalogue as it is now."""

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
    helped: Helped | None = None  # where there is a model
    living: Living | None = None  # changes the catalogue

    async def load(self) -> None:
        """Takes up the items that were changed over HTTP before. A server follows them instead, see `following`."""
        if self.living is not None:
            await KeptItems(self.living, self.stores.records, LocalBus()).load()

    async def ready(self) -> None:
        """Makes the first turn as quick as the others: changed items taken up, words once read, a model in this process readied. For entry points to do while they wait for their first user."""
        await self.load()
        time = self.engine.clock()
        for openers in self.openers.values():
            for text in openers[:1]:
                turn = Turn(session=SessionId("warm"), user=UserId("warm"), text=text, time=time)
                state = advance(State(), Heard(turn=turn, understanding=await asyncio.to_thread(self.engine.understand, turn, State())))
                await asyncio.to_thread(self.engine.find.slate, plan(state, Profile()))
        if self.warm is not None:
            await self.warm()

    def settle(self, view: View, change: Change) -> Callable[[], None]:
        """What hangs on the catalogue, made over a view of it; the call it gives puts all of it in its place. Turns that run have taken theirs."""
        engine, present = self.engine, self.engine.present
        helped = self.helped.over(view, change) if self.helped else None
        if isinstance(present, Presenter):
            present = present.over(view.templates, view.wording)

        def take() -> None:
            engine.understand, engine.find, engine.present, engine.plain = view.reader, view.finder, present, view.templates
            engine.speak, engine.advice = (helped.speak, helped.advice) if helped else (view.templates, None)
            self.catalog, self.wording, self.helped = view.catalog, view.wording, helped

        return take

    @property
    def writer(self) -> BlurbWriter | None:
        """Writes item texts, where there is a model."""
        return self.helped.writer if self.helped else None

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
    catalog, report = open_catalog(settings, items=items, warn=warn)
    domain = catalog.domain
    texts = [item_text(item, domain) for item in catalog.items]
    vectors = ItemVectors(domain, texts, cached, settings.cache, warn)
    embedded = len(catalog) - vectors.waiting
    vectors.start()
    llm, missing = (guarded(settings, [(model, None)], clock), ()) if model else _language_model(settings, clock, warn)
    notices = (*missing, *((Notice(code="hashing"),) if stand_in else ()))
    index = settings.cache / f"keywords-{catalog_key(catalog, texts)}"
    keywords = KeywordIndex.open(lambda: texts, index, warn)
    behaviour = open_behaviour(catalog, vectors.array, settings, warn)
    near = _vector_index(vectors, settings, warn)
    reader = RuleReader(catalog, _classifier(domain, embedder, warn), cached.query, cache=settings.cache, warn=warn)
    view = View.over(reader, cached, vectors.array, keywords, behaviour, near=near, dials=_dials(settings))
    _later(reader.linker.warm)
    if behaviour is not None:
        _later(behaviour.warm)
    blurbs = Blurbs(settings.cache / f"blurbs-{domain.name}.jsonl", Rows(view.wording))
    helped = None if llm is None else with_model(settings, llm, reader, view.templates, blurbs)
    stores = shared(settings, open_stores(settings, clock))
    engine = Engine(
        understand=reader,
        find=view.finder,
        speak=helped.speak if helped else view.templates,
        present=Presenter(view.templates, view.wording, notices, model=llm.name if llm else "", blurbs=blurbs),
        store=stores.log,
        clock=clock,
        advice=helped.advice if helped else None,
        model=llm,
        plain=view.templates,
    )
    app = App(
        engine=engine,
        stores=stores,
        domain=domain,
        catalog=catalog,
        report=report,
        wording=view.wording,
        embedder=cached,
        embedded=embedded,
        history=str(settings.data / "history"),
        warm=helped.warm if helped and "llamacpp:" in settings.llm.url else None,
        helped=helped,
    )
    app.living = Living(view, vectors, app.settle)
    return app


@dataclass(frozen=True)
class Helped:
    """The stages that a language model has a hand in."""

    speak: Speak
    advice: Advice
    warm: Callable[[], Awaitable[None]]
    writer: BlurbWriter
    over: Callable[[View, Change], Helped]  # the same for a catalogue after a change


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
    first = [name for stage, names in _PROMPTS_OF.items() if stage in stages for name in names]

    def helped(reader: RuleReader, templates: TemplateSpeaker, blurbs: Blurbs, ground: Ground, advice: Advice) -> Helped:
        claims = ClaimReader(reader.catalog, reader.book)
        speaker = ModelSpeaker(templates, llm, prompts, ground, claims, frame=llm_settings.frame, first_word=llm_settings.first_word)

        def over(view: View, change: Change) -> Helped:
            texts, changed = blurbs.over(Rows(view.wording)), ground.changed(view.catalog, view.wording, change)
            changed.warm()
            return helped(view.reader, view.templates, texts, changed, advised(advice, view.reader, texts))

        speak = speaker if "speak" in stages else templates
        return Helped(speak=speak, advice=advice, warm=lambda: speaker.warm(first), writer=BlurbWriter(blurbs, llm, prompts, ground, claims), over=over)

    def advised(advice: Advice, reader: RuleReader, texts: Blurbs) -> Advice:
        reread, rewrite, rerank = advice.reread, advice.rewrite, advice.rerank
        return replace(
            advice,
            reread=reread.over(reader.catalog) if isinstance(reread, ModelReader) else reread,
            rewrite=rewrite.over(reader.linker.titled) if isinstance(rewrite, ModelRewriter) else rewrite,
            rerank=rerank.over(reader.catalog, texts.rows.one) if isinstance(rerank, ModelRanker) else rerank,
        )

    advice = Advice(
        reread=ModelReader(llm, prompts, catalog, ask_below=llm_settings.ask_below, seconds=llm_settings.second_look) if "understand" in stages else None,
        rewrite=ModelRewriter(llm, prompts, reader.linker.titled, seconds=llm_settings.second_look) if "rewrite" in stages else None,
        rerank=ModelRanker(llm, prompts, catalog, blurbs.rows.one, seconds=llm_settings.second_look) if "rank" in stages else None,
        seconds=llm_settings.second_look,
    )
    ground = Ground(catalog, templates.wording)
    _later(ground.warm)
    return helped(reader, templates, blurbs, ground, advice)


def _language_model(settings: Settings, clock: Callable[[], datetime], warn: Warn) -> tuple[LLM | None, tuple[Notice, ...]]:
    """The model of the settings; where there is none, or none that can be used, the notice that says so in every reply."""
    try:
        llm = open_llm(settings, clock)
    except ModelError as error:
        warn(f"{error}. {error.hint}" if error.hint else str(error))
        return None, (Notice(code=error.code),)
    return llm, () if llm else (Notice(code="no_model"),)


def _vector_index(vectors: ItemVectors, settings: Settings, warn: Warn) -> DenseIndex | None:
    """The index that the settings ask for, over a catalogue whose vectors are all there."""
    if not settings.vector_index:
        return None
    if vectors.waiting:
        size = len(vectors.array)
        warn(f"vector_index={settings.vector_index} waits until all {size} items are embedded; {size - vectors.waiting} are, and vectors are scanned this time")
        return None
    return DenseIndex(vectors.array, open_approximate(settings.vector_index, vectors.array))


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


def open_catalog(settings: Settings, *, items: Path | None = None, warn: Warn = lambda _: None) -> tuple[Catalog, Report]:
    """The catalogue that the settings name: one inferred from `items` or from the file of the settings, else the pack's own."""
    file = items or (Path(settings.items) if settings.items else None)
    if file is not None:
        from zhiyin.catalog.infer import infer_catalog  # noqa: PLC0415  # only where a file is given

        return infer_catalog(file)
    return load_catalog(read_pack(find_pack(settings.domain)), settings.cache, warn=warn, data=settings.data)
