"""The law of a living catalogue: after any changes it answers as one that was made of the same rows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.house import embedded, lamps_with_designers, living_app
from zhiyin.bootstrap import App
from zhiyin.catalog.columns import Catalog
from zhiyin.profile import read_profile
from zhiyin.retrieve.facets import read_facets
from zhiyin.state import advance
from zhiyin.testing import NOON, tiny_items
from zhiyin.types import Fed, Heard, Item, ItemId, Op, Profile, Query, SessionId, State, Turn, UserId, Value, Wish

laws = settings(max_examples=40, deadline=None, derandomize=True)
DOMAIN = lamps_with_designers()
TITLES = ("Ember", "Ember Pro", "Moon 2", "The Halo", "Halo: Light of the North", "Pharos", "Zanzibar Lantern", "Copperfield Lantern")
CHINESE = ("余烬", "月光二号", "光环", "桑给巴尔灯笼")
IDS = tuple(ItemId(i) for i in ("moon-1", "ember", "glow", "eclipse", "halo", "pharos", "lantern"))
PEOPLE = ("Ada Winterbourne", "Bo Winterbourne", "Kjell Östergård", "Pharos", "Mei Lin")


@st.composite
def items(draw: st.DrawFn) -> Item:
    known: dict[str, Value] = {"currency": "CNY"}
    for name, values in {"weight": (120, 400), "rating": (6.5, 8.1, 9.9), "year": (2015, 2025), "brand": ("Guangming", "Hearth", "Lumenor"), "line": ("Moon",)}.items():
        if draw(st.booleans()):
            known[name] = draw(st.sampled_from(values))
    for name, several in {"colours": ("red", "blue", "amber"), "uses": ("reading", "desk"), "designers": PEOPLE}.items():
        if draw(st.booleans()):
            known[name] = tuple(draw(st.lists(st.sampled_from(several), min_size=1, max_size=2, unique=True)))
    if draw(st.booleans()):
        known["dimmable"] = draw(st.booleans())
    texts = {"en": draw(st.sampled_from(("A soft light for late readers.", "Walnut and brass.", "For workshops and barns.")))} if draw(st.booleans()) else {}
    sizes = draw(st.sampled_from(((), ({"price": 79, "storage": 4},), ({"price": 99, "storage": 4}, {"price": 199, "storage": 32}))))
    titles = {"en": draw(st.sampled_from(TITLES)), "zh": draw(st.sampled_from(CHINESE))}
    aliases = draw(st.sampled_from(((), ("Old Faithful",))))
    return Item(id=draw(st.sampled_from(IDS)), titles=titles, attributes=known, aliases=aliases, texts=texts, variants=sizes)


changes = st.lists(st.tuples(st.lists(items(), max_size=3), st.lists(st.sampled_from((*IDS, ItemId("nobody"))), max_size=2)), min_size=1, max_size=5)
WISHES = (
    Wish(field="price", op=Op.LE, value=200),
    Wish(field="price", op=Op.GT, value=100, negated=True),
    Wish(field="storage", op=Op.BETWEEN, value=(4, 8)),
    Wish(field="weight", op=Op.LT, value=500),
    Wish(field="rating", op=Op.GE, value=8),
    Wish(field="brand", op=Op.ANY_OF, value=("Hearth", "Lumenor")),
    Wish(field="colours", op=Op.ALL_OF, value=("red", "amber")),
    Wish(field="uses", op=Op.NONE_OF, value=("reading",), negated=True),
    Wish(field="designers", op=Op.ANY_OF, value=("Bo Winterbourne",)),
    Wish(field="dimmable", op=Op.EQ, value=True),
    Wish(field="uses", op=Op.ANY_OF, value=("mood",), hard=False),
    Wish(field="price", op=Op.LIKE, value="lowest", hard=False),
)
MESSAGES = (
    "how heavy is the Ember?", "something like Moon 2 under 300", "I love Halo", "Zanzibar Lantren please", "a lamp by Winterbourne", "designed by Kjell Östergård", "《光环》怎么样",
    "类似桑给巴尔灯笼的", "amber lamps", "a lumenor lamp", "not from Hearth", "cosy, red, below 200", "《Old Faithful》", "a light by Pharos", "the north", "32 gb", "Copperfeild Lantern",
)  # fmt: skip
TOPICS = ("walnut brass", "workshops", "soft light for readers", "lantern")


async def changed(app: App, steps: Sequence[tuple[Sequence[Item], Sequence[ItemId]]]) -> None:
    assert app.living is not None
    for put, delete in steps:
        await app.living.change(put, delete)


def rows_of(catalog: Catalog) -> list[Item]:
    """What is in the catalogue, in the order of its rows."""
    return [catalog.items[row] for row in sorted(catalog.row.values())]


def expected(steps: Sequence[tuple[Sequence[Item], Sequence[ItemId]]]) -> dict[ItemId, Item]:
    held = {item.id: item for item in tiny_items()}
    for put, delete in steps:
        held = {i: item for i, item in held.items() if i not in delete} | {item.id: item for item in put}
    return held


def masks(catalog: Catalog) -> Mapping[str, object]:
    found: dict[str, object] = {}
    for wish in WISHES:
        for name, mask in (("mask", catalog.mask([wish])), ("one", catalog.satisfies(wish)), ("two", catalog.mask([wish, WISHES[0]]))):
            found[f"{name} {wish.field} {wish.op}"] = {catalog.items[row].id for row in mask.nonzero()[0]}
    for name in DOMAIN.fields:
        found[f"known {name}"] = {catalog.items[row].id for row in catalog.has(name).nonzero()[0]} if DOMAIN.fields[name].kind not in {"text", "date"} else ()
        found[f"counts {name}"] = catalog.counts(name, catalog.there)
    return {**found, "size": len(catalog), "ids": catalog.ids}


def slates(app: App, liked: Sequence[ItemId]) -> list[object]:
    """Who is shown for each query, in order, with scores and reasons; for a topic only who is found: BM25 counts what was deleted until segments are merged."""
    profile = read_profile([Fed(user=UserId("ann"), kind="like", item=i, time=NOON) for i in liked], NOON)
    queries = [
        Query(limit=30),
        Query(limit=3, profile=profile),
        *(Query(wishes=(wish,), limit=30, profile=profile) for wish in WISHES),
        *(Query(basis=(i,), limit=30) for i in liked),
    ]
    found: list[object] = [[(c.item, c.reasons, c.attributes) for c in app.engine.find.slate(q)] for q in queries]
    found += [[round(c.score, 2) for c in app.engine.find.slate(q)] for q in queries]
    return [*found, *({c.item.id for c in app.engine.find.slate(Query(topic=topic, limit=30))} for topic in TOPICS)]


def heard(app: App) -> list[object]:
    return [app.engine.understand(Turn(session=SessionId("s"), user=UserId("u"), text=text, time=NOON), State()) for text in MESSAGES]


def names(app: App) -> dict[str, object]:
    """The tables that names are looked up in, those for misspelt words too."""
    tables = app.living.view.reader.linker.tables  # type: ignore[union-attr]
    lists = {
        "words of titles": tables.by_word,
        "by first letter": tables.buckets,
        "surnames by first letter": tables.surname_buckets,
        "surnames": tables.surnames,
        "fields": tables.fields,
    }
    return {
        "titles": {phrase: [app.catalog.items[row].id for row in rows] for phrase, rows in tables.titles.meanings.items()},
        "people": tables.people.meanings,
        "words": dict(tables.words),
        "chinese": tables.chinese_titles,
        **{name: {key: set(values) for key, values in table.items()} for name, table in lists.items()},
    }


def words_found(app: App) -> list[set[ItemId]]:
    finder, catalog = app.living.view.finder, app.catalog  # type: ignore[union-attr]
    return [{catalog.items[row].id for row in finder.retriever.keywords.search(topic, 30)[0]} for topic in TOPICS]


def facets(app: App, liked: Sequence[ItemId]) -> list[object]:
    queries = [Query(), *(Query(wishes=(wish,), exclude=frozenset(liked)) for wish in WISHES), Query(wishes=(WISHES[0], WISHES[6], WISHES[4]))]
    return [read_facets(app.catalog, query) for query in queries]


def told(app: App) -> list[str]:
    """Replies about items by name, from the templates."""
    found = []
    for text in MESSAGES:
        turn = Turn(session=SessionId("s"), user=UserId("u"), text=text, time=NOON)
        state = advance(State(), Heard(turn=turn, understanding=app.engine.understand(turn, State())))
        found.append(app.wording.titles(state.focus, "en"))
    return found


@laws
@given(steps=changes)
def test_a_changed_catalogue_answers_as_one_made_of_the_same_rows(steps: list[tuple[list[Item], list[ItemId]]]) -> None:
    with TemporaryDirectory() as folder:
        app = living_app(Path(folder) / "living", domain=DOMAIN)
        asyncio.run(changed(app, steps))
        embedded(app)
        rows = rows_of(app.catalog)
        assert {item.id: item for item in rows} == expected(steps)
        fresh = embedded(living_app(Path(folder) / "fresh", rows, domain=DOMAIN))
        liked = [item.id for item in rows[:3]]
        assert masks(app.catalog) == masks(fresh.catalog)
        assert words_found(app) == words_found(fresh)
        assert names(app) == names(fresh)
        assert heard(app) == heard(fresh)
        assert told(app) == told(fresh)
        assert facets(app, liked) == facets(fresh, liked)
        assert slates(app, liked) == slates(fresh, liked)


@laws
@given(steps=changes)
def test_what_is_not_in_the_catalogue_is_neither_shown_nor_admitted_nor_explained(steps: list[tuple[list[Item], list[ItemId]]]) -> None:
    with TemporaryDirectory() as folder:
        app = living_app(Path(folder), domain=DOMAIN)
        before = app.engine.find.slate(Query(limit=30))
        asyncio.run(changed(app, steps))
        there = set(expected(steps))
        query = Query(limit=30, profile=Profile(weights={c.item.id: 1.0 for c in before}), basis=tuple(c.item.id for c in before), guesses=tuple(c.item.id for c in before))
        assert {c.item.id for c in app.engine.find.slate(query)} == there
        assert {c.item.id for c in app.engine.find.admitted(Query(), before)} == there & {c.item.id for c in before}
        for candidate in before:
            if candidate.item.id not in there:
                assert app.engine.find.reasons(candidate.item.id, query) == ()
                assert app.catalog.item(candidate.item.id) is None
        linked = {i for understanding in heard(app) for i in understanding.about}  # type: ignore[attr-defined]
        assert linked <= there


@laws
@given(steps=changes)
def test_the_same_changes_again_change_nothing(steps: list[tuple[list[Item], list[ItemId]]]) -> None:
    with TemporaryDirectory() as folder:
        app = living_app(Path(folder), domain=DOMAIN)
        put, delete = steps[0]
        put = list({item.id: item for item in put}.values())
        asyncio.run(changed(app, [(put, delete)]))
        assert app.living is not None
        view = app.living.view
        asyncio.run(changed(app, [(put, delete), ([replace(item) for item in put], ())]))
        assert app.living.view is view
