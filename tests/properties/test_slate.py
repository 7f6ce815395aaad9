"""The promise that hard wishes hold, on random catalogues, against a reading of the wishes that knows nothing of columns and masks."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.load import item_text
from zhiyin.embedders.hashing import HashingEmbedder
from zhiyin.rank.slate import Ranker
from zhiyin.retrieve.facets import read_facets
from zhiyin.retrieve.fuse import Retriever
from zhiyin.retrieve.keyword import KeywordIndex
from zhiyin.testing import tiny_catalog, tiny_domain
from zhiyin.types import NUMERIC_OPS, Item, ItemId, Op, Profile, Query, Slate, Value, Wish

laws = settings(max_examples=120, deadline=None, derandomize=True)
DOMAIN = tiny_domain()
SIZES = ("price", "storage")
CHOICES: Mapping[str, Sequence[str]] = {"brand": ("Guangming", "Hearth", "Nordlys"), "colours": ("red", "blue", "white", "black"), "uses": ("reading", "desk", "mood", "travel")}
NUMBERS: Mapping[str, Sequence[float]] = {
    "price": (49, 99, 159, 299, 399.5, 899),
    "storage": (4, 8, 32, 64),
    "weight": (120, 400, 650.5, 900),
    "rating": (6.5, 7, 8.1, 9),
    "year": (2015, 2019, 2023, 2025),
}


# --- random catalogues ---


def random_items(seed: int, count: int = 14) -> list[Item]:
    """Items with gaps in what is known of them."""
    dice = random.Random(seed)
    return [random_item(dice, number) for number in range(count)]


def random_item(dice: random.Random, number: int) -> Item:
    known: dict[str, Value] = {}
    for name in ("weight", "rating", "year"):
        if dice.random() < 0.75:
            known[name] = dice.choice(NUMBERS[name])
    if dice.random() < 0.8:
        known["brand"] = dice.choice(CHOICES["brand"])
    for name in ("colours", "uses"):
        if dice.random() < 0.8:
            known[name] = tuple(dice.sample(CHOICES[name], dice.randint(1, 3)))
    if dice.random() < 0.6:
        known["dimmable"] = dice.random() < 0.5
    if dice.random() < 0.4:
        known["line"] = dice.choice(["Moon", "Ember"])
    sizes: list[dict[str, float]] = []
    match dice.randint(0, 4):
        case 0:
            pass  # nothing known of its sizes
        case 1:
            known["price"] = dice.choice(NUMBERS["price"])  # one size, told of the item itself
        case many:
            sizes = [{name: dice.choice(NUMBERS[name]) for name in SIZES if dice.random() < 0.9} for _ in range(many - 1)]
    sizes = sorted((s for s in sizes if s), key=lambda s: s.get("price", 1e9))
    return Item(
        id=ItemId(f"lamp-{number}"),
        titles={"en": f"Lamp {number}", "zh": f"灯{number}"},
        attributes=known,
        variants=tuple(sizes),
        texts={"en": dice.choice(["warm and soft", "bright for work", ""])},
    )


@lru_cache(maxsize=8)
def shop(seed: int) -> tuple[Catalog, Retriever, Ranker]:
    catalog = tiny_catalog(random_items(seed), DOMAIN)
    embedder, texts = HashingEmbedder(), [item_text(i, DOMAIN) for i in catalog.items]
    vectors = embedder.passages(texts) if seed % 2 else None  # also a catalogue nobody has embedded
    return catalog, Retriever(catalog, embedder, vectors, KeywordIndex.open(lambda: texts)), Ranker(catalog, vectors)


def slate_of(seed: int, query: Query) -> Slate:
    _, retrieve, rank = shop(seed)
    return rank(query, retrieve(query))


# --- what a wish means, one item at a time ---


def fits(item: Item, wishes: Sequence[Wish]) -> bool:
    """Whether an item meets the wishes: what is unknown passes an exclusion only; wishes on sizes meet on one size."""
    sized = [w for w in wishes if w.field in SIZES and w.op in NUMERIC_OPS]
    rest = [w for w in wishes if w not in sized and w.op is not Op.LIKE]
    sizes = item.variants or ({},)
    one_size = any(all(compares(size.get(w.field, known_number(item, w.field)), w) for w in sized) for size in sizes)
    return one_size and all(holds(item, w) for w in rest)


def known_number(item: Item, field: str) -> float | None:
    value = item.attributes.get(field)
    return value if isinstance(value, int | float) else None


def holds(item: Item, wish: Wish) -> bool:
    if wish.op in NUMERIC_OPS and wish.field in NUMBERS:
        return compares(known_number(item, wish.field), wish)
    have, wanted = set(item.values(wish.field)), set(wish.value) if isinstance(wish.value, tuple) else {wish.value}
    match wish.op:
        case Op.NONE_OF:
            return not have & wanted
        case Op.ALL_OF:
            return bool(have) and wanted <= have
        case _:
            return bool(have & wanted)


def compares(number: float | None, wish: Wish) -> bool:
    if number is None:
        return wish.negated
    value = wish.value
    if wish.op is Op.BETWEEN:
        assert isinstance(value, tuple)
        return float(value[0]) <= number <= float(value[1])
    assert isinstance(value, int | float)
    return {Op.LT: number < value, Op.LE: number <= value, Op.GT: number > value, Op.GE: number >= value, Op.EQ: number == value}[wish.op]


# --- random wishes ---


@st.composite
def number_wishes(draw: st.DrawFn, fields: Sequence[str] = tuple(NUMBERS)) -> Wish:
    field = draw(st.sampled_from(fields))
    around = st.sampled_from(NUMBERS[field]) | st.integers(1, 1000)
    op = draw(st.sampled_from([Op.LT, Op.LE, Op.GT, Op.GE, Op.EQ, Op.BETWEEN]))
    value: Value = tuple(sorted((draw(around), draw(around)))) if op is Op.BETWEEN else draw(around)
    near = sum(value) / 2 if isinstance(value, tuple) and draw(st.booleans()) else None
    return Wish(field=field, op=op, value=value, hard=draw(st.integers(0, 3)) > 0, negated=draw(st.integers(0, 4)) == 0, near=near)


@st.composite
def value_wishes(draw: st.DrawFn) -> Wish:
    field = draw(st.sampled_from(sorted(CHOICES)))
    op = draw(st.sampled_from([Op.ANY_OF, Op.ALL_OF, Op.NONE_OF]))
    values = draw(st.lists(st.sampled_from([*CHOICES[field], "unheard of"]), min_size=1, max_size=3, unique=True))
    return Wish(field=field, op=op, value=tuple(values), hard=draw(st.integers(0, 3)) > 0, negated=op is Op.NONE_OF)


year_wishes = st.lists(st.sampled_from([2015, 2016, 2019, 2023]), min_size=1, unique=True).map(lambda years: Wish(field="year", op=Op.NONE_OF, value=tuple(years), negated=True))
flag_wishes = st.builds(Wish, field=st.just("dimmable"), op=st.sampled_from([Op.EQ, Op.ANY_OF, Op.NONE_OF]), value=st.booleans().map(lambda b: (b,)))
order_wishes = st.builds(Wish, field=st.sampled_from(["price", "year", "rating"]), op=st.just(Op.LIKE), value=st.sampled_from(["lowest", "highest"]), hard=st.just(False))
mood = st.just(Wish(field="uses", op=Op.ANY_OF, value=("mood",), hard=False))
size_wishes = st.tuples(number_wishes(["price"]), number_wishes(["storage"]))  # on one size, both
others = st.lists(st.one_of(number_wishes(), value_wishes(), value_wishes(), year_wishes, flag_wishes, order_wishes, mood), max_size=3).map(tuple)
wishes = others | st.tuples(size_wishes, others).map(lambda pair: (*pair[0], *pair[1]))
seeds = st.integers(0, 5)
ids = st.sampled_from([ItemId(f"lamp-{n}") for n in range(16)])  # two of them do not exist
queries = st.builds(
    Query,
    wishes=wishes,
    topic=st.sampled_from(["", "", "warm light", "工作用的灯", "?"]),
    basis=st.lists(ids, max_size=2, unique=True).map(tuple),
    profile=st.dictionaries(ids, st.floats(-3, 3), max_size=4).map(lambda weights: Profile(weights=weights)),
    exclude=st.frozensets(ids, max_size=6),
    limit=st.integers(1, 20),
    explore=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)


# --- the promises ---


@laws
@given(seeds, queries)
def test_no_slate_breaks_a_hard_wish_or_shows_what_is_excluded(seed: int, query: Query) -> None:
    slate = slate_of(seed, query)
    hard = [w for w in query.wishes if w.hard]
    for candidate in slate:
        assert fits(candidate.item, hard)
        assert candidate.item.id not in query.exclude
    assert len({c.item.id for c in slate}) == len(slate)
    assert len(slate) <= query.limit


@laws
@given(seeds, queries)
def test_a_slate_is_short_only_where_nothing_else_fits(seed: int, query: Query) -> None:
    catalog = shop(seed)[0]
    hard = [w for w in query.wishes if w.hard]
    allowed = [item for item in catalog.items if fits(item, hard) and item.id not in query.exclude]
    assert len(slate_of(seed, query)) == min(query.limit, len(allowed))


@laws
@given(seeds, wishes)
def test_a_mask_is_what_reading_row_by_row_gives(seed: int, wished: tuple[Wish, ...]) -> None:
    catalog = shop(seed)[0]
    assert catalog.mask(wished).tolist() == [fits(item, wished) for item in catalog.items]
    for wish in wished:
        assert catalog.satisfies(wish).tolist() == [fits(item, [wish]) for item in catalog.items]


@laws
@given(seeds, st.sampled_from(NUMBERS["price"]), st.sampled_from(NUMBERS["storage"]))
def test_price_and_storage_hold_on_one_size(seed: int, price: float, storage: float) -> None:
    wished = (Wish(field="price", op=Op.LE, value=price), Wish(field="storage", op=Op.GE, value=storage))
    for candidate in slate_of(seed, Query(wishes=wished, limit=20)):
        assert any(size.get("price", 1e9) <= price and size.get("storage", 0) >= storage for size in candidate.item.variants)
        assert candidate.attributes["price"] <= price  # and the card shows that size
        assert candidate.attributes["storage"] >= storage


def test_a_small_cheap_size_and_a_large_dear_one_do_not_make_a_large_cheap_one() -> None:
    two_sizes = Item(id=ItemId("two"), titles={"en": "Two"}, attributes={}, variants=({"price": 299, "storage": 8}, {"price": 399, "storage": 32}))
    catalog = tiny_catalog([two_sizes])
    cheap, large = Wish(field="price", op=Op.LE, value=350), Wish(field="storage", op=Op.GE, value=32)
    assert catalog.mask([cheap]).all()
    assert catalog.mask([large]).all()
    assert not catalog.mask([cheap, large]).any()
    assert catalog.attributes(0, [large])["price"] == 399


@laws
@given(seeds, queries)
def test_facets_count_what_the_hard_wishes_leave(seed: int, query: Query) -> None:
    catalog = shop(seed)[0]
    hard = [w for w in query.wishes if w.hard]
    left = [item for item in catalog.items if fits(item, hard)]
    facets = read_facets(catalog, query)
    assert facets.count == len(left)
    assert facets.fresh == sum(item.id not in query.exclude for item in left)
    assert bool(facets.offers) <= (facets.fresh == 0)


@laws
@given(seeds, queries)
def test_lifting_what_an_offer_lifts_leaves_as_many_as_it_says(seed: int, query: Query) -> None:
    catalog = shop(seed)[0]
    for offer in read_facets(catalog, query).offers:
        assert offer.count > 0
        if offer.to is None:
            rest = [w for w in query.wishes if w.hard and w is not offer.wish and w not in offer.also]
            assert offer.count == sum(fits(item, rest) and item.id not in query.exclude for item in catalog.items)


@laws
@given(seeds, queries)
def test_the_same_query_gives_the_same_slate(seed: int, query: Query) -> None:
    assert [c.item.id for c in slate_of(seed, query)] == [c.item.id for c in slate_of(seed, query)]


@laws
@given(seeds, queries, st.sampled_from(["lowest", "highest"]))
def test_an_order_asked_for_is_kept(seed: int, query: Query, toward: str) -> None:
    wished = (*(w for w in query.wishes if w.op is not Op.LIKE), Wish(field="year", op=Op.LIKE, value=toward, hard=False))
    slate = slate_of(seed, replace(query, wishes=wished, topic="", basis=(), profile=Profile(), explore=False))
    years = [c.item.attributes["year"] for c in slate if "year" in c.item.attributes]
    soft = [w for w in wished if not w.hard and w.op is not Op.LIKE] or [w for w in wished if w.negated or w.near is not None]
    if not soft:
        assert years == sorted(years, reverse=toward == "highest")
        assert all("year" in c.item.attributes for c in slate[: len(years)])


@laws
@given(seeds, queries)
def test_every_reason_names_a_value_of_the_item(seed: int, query: Query) -> None:
    for candidate in slate_of(seed, query):
        for reason in candidate.reasons:
            have = candidate.attributes[reason.field]
            said = reason.value if isinstance(reason.value, tuple) else (reason.value,)
            assert set(said) <= set(have if isinstance(have, tuple) else (have,))


@laws
@given(seeds, queries)
def test_scores_are_numbers_and_best_first_where_an_order_is_asked_for(seed: int, query: Query) -> None:
    scores = [c.score for c in slate_of(seed, query)]
    assert all(np.isfinite(scores))
    if any(w.op is Op.LIKE for w in query.wishes):
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("items", [[], random_items(1, 1)])
def test_a_catalogue_of_none_or_one_is_no_trouble(items: list[Item]) -> None:
    catalog = tiny_catalog(items, DOMAIN)
    retrieve = Retriever(catalog, HashingEmbedder(), None, KeywordIndex.open(lambda: ["lamp"] * len(items)))
    query = Query(topic="lamp", profile=Profile(weights={ItemId("lamp-0"): 1.0}))
    slate = Ranker(catalog, None)(query, retrieve(query))
    assert [c.item for c in slate] == items
    assert read_facets(catalog, query).count == len(items)
