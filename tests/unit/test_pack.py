"""A domain pack is read from its folder, or refused with the file and the key that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zhiyin.catalog.pack import built_in, check_pack, find_pack, read_pack
from zhiyin.errors import PackError
from zhiyin.types import Op

DOMAIN = """
label = { en = "lamps", zh = "灯" }

[item]
noun = { en = "lamp", zh = "灯" }
nouns = { en = "lamps", zh = "灯" }
counter = { zh = "盏" }
currency = "CNY"
variants = ["price"]

[fields.price]
kind = "money"
label = { en = "price", zh = "价格" }
units = { "元" = 1, "yuan" = 1 }
plausible = [1, 100000]

[fields.colours]
kind = "list"
implies = { Crimson = ["Red"] }

[fields.rating]
kind = "number"

[adjectives.cosy]
conditions = [["colours", "any_of", ["Red", "Orange"]], ["price", "<=", 300]]
label = { en = "cosy", zh = "温馨" }

[[quality]]
field = "rating"
weight = 0.5
low = 5
high = 10

[[layers]]
path = "lamps.jsonl"
credit = "ours"

[openers]
en = ["a red lamp"]
zh = ["红色的灯"]
"""
ENGLISH = """
nouns = ["lamp", "light"]
[values.colours]
Red = ["red", "crimson"]
[adjectives]
cosy = ["cosy", "cozy"]
[comparatives.cheaper]
field = "price"
toward = "lower"
words = ["cheaper"]
[questions]
price = ["how much"]
[fields]
price = ["price", "cost"]
"""
CHINESE = """
nouns = ["灯"]
counters = ["盏"]
[adjectives]
cosy = ["温馨"]
"""
SAMPLES = '{"text": "a red lamp", "intent": "recommend"}\n{"text": "便宜点", "intent": "refine"}\n'


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """The folder of a sound pack."""
    folder = tmp_path / "lamps"
    folder.mkdir()
    for name, text in (("domain.toml", DOMAIN), ("lexicon.en.toml", ENGLISH), ("lexicon.zh.toml", CHINESE), ("samples.jsonl", SAMPLES)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def add(path: Path, text: str) -> None:
    path.write_text(text + "\n" + path.read_text(encoding="utf-8"), encoding="utf-8")


# --- sound packs ---


def test_the_built_in_packs_are_films_and_phones() -> None:
    assert built_in() == ("movies", "phones")


@pytest.mark.parametrize("name", built_in())
def test_every_built_in_pack_speaks_both_languages(name: str) -> None:
    domain = read_pack(find_pack(name))
    for texts in (domain.label, domain.noun, domain.nouns, *(f.label for f in domain.fields.values())):
        assert texts["en"]
        assert texts["zh"]
    assert set(domain.lexicons) == set(domain.openers) == {"en", "zh"}
    assert domain.name == name


def test_a_sound_pack_reads_and_checks(pack: Path) -> None:
    assert check_pack(pack) == []
    domain = read_pack(pack)
    assert domain.name == "lamps"
    assert domain.folder == str(pack)
    assert domain.variants == ("price",)
    assert domain.fields["price"].plausible == (1.0, 100_000.0)
    assert domain.fields["colours"].label == {"en": "colours", "zh": "colours"}
    assert domain.fields["colours"].implies == {"Crimson": ("Red",)}
    first, second = domain.adjectives["cosy"].conditions
    assert (first.field, first.op, first.value) == ("colours", Op.ANY_OF, ("Red", "Orange"))
    assert (second.field, second.op, second.value) == ("price", Op.LE, 300)
    direction, words = domain.lexicons["en"].comparatives["cheaper"]
    assert (direction.field, direction.toward, words) == ("price", "lower", ("cheaper",))
    assert domain.lexicons["zh"].counters == ("盏",)
    assert domain.layers[0].path == "lamps.jsonl"


def test_a_pack_is_found_by_name_or_by_folder(pack: Path) -> None:
    assert find_pack("movies").name == "movies"
    assert find_pack(str(pack)) == pack


def test_a_pack_that_is_nowhere_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    for name in ("toasters", str(tmp_path)):
        with pytest.raises(PackError, match=name) as caught:
            find_pack(name)
        assert "movies, phones" in str(caught.value)


def test_names_of_people_are_read_where_there_are_any(pack: Path) -> None:
    (pack / "people.json").write_text('{"Ang Lee": ["李安"]}', encoding="utf-8")
    assert read_pack(pack).people == {"Ang Lee": ("李安",)}


# --- broken packs: the file and the key are named ---

Break = Callable[[Path], object]


@pytest.mark.parametrize(
    ("broken", "file", "key"),
    [
        (lambda p: (p / "lexicon.zh.toml").unlink(), "lexicon.zh.toml", "missing"),
        (lambda p: (p / "lexicon.en.toml").unlink(), "lexicon.en.toml", "missing"),
        (lambda p: add(p / "domain.toml", "[fields\n"), "domain.toml", "not valid TOML"),
        (lambda p: add(p / "lexicon.zh.toml", "nouns = 灯"), "lexicon.zh.toml", "not valid TOML"),
        (lambda p: (p / "lexicon.zh.toml").write_bytes("nouns = ['灯']".encode("gb18030")), "lexicon.zh.toml", "not valid TOML"),
        (lambda p: change(p / "domain.toml", "plausible = [1, 100000]", "plausable = [1, 2]"), "domain.toml", "fields.price: unknown key 'plausable'"),
        (lambda p: change(p / "domain.toml", 'kind = "money"', 'kind = "cash"'), "domain.toml", "fields.price.kind: 'cash'"),
        (lambda p: change(p / "domain.toml", 'kind = "list"', ""), "domain.toml", "fields.colours.kind"),
        (lambda p: add(p / "domain.toml", "shop = 1"), "domain.toml", "unknown key 'shop'"),
        (lambda p: add(p / "domain.toml", "name = 7"), "domain.toml", "name: 7"),
        (lambda p: change(p / "domain.toml", 'currency = "CNY"', "currency = 7"), "domain.toml", "item.currency: 7"),
        (lambda p: change(p / "domain.toml", 'label = { en = "price", zh = "价格" }', "label = 5"), "domain.toml", "label: 5"),
        (lambda p: change(p / "domain.toml", '["price", "<=", 300]', '["price", "=<", 300]'), "domain.toml", "adjectives.cosy: ['price', '=<', 300]"),
        (lambda p: change(p / "domain.toml", 'conditions = [["colours", "any_of", ["Red", "Orange"]], ["price", "<=", 300]]', ""), "domain.toml", "adjectives.cosy: needs at least one condition"),
        (lambda p: (p / "domain.toml").write_text('label = "lamps"', encoding="utf-8"), "domain.toml", "fields: a pack needs at least one"),
        (lambda p: change(p / "domain.toml", "weight = 0.5", "wait = 0.5"), "domain.toml", "quality"),
        (lambda p: change(p / "domain.toml", 'credit = "ours"', 'credits = "ours"'), "domain.toml", "layers"),
        (lambda p: change(p / "lexicon.en.toml", '["how much"]', '["how (much"]'), "lexicon.en.toml", "questions.price: 'how (much' is not a regular expression"),
        (lambda p: change(p / "lexicon.en.toml", 'toward = "lower"', 'toward = "down"'), "lexicon.en.toml", "comparatives.cheaper"),
        (lambda p: add(p / "lexicon.zh.toml", 'noun = ["灯"]'), "lexicon.zh.toml", "unknown key 'noun'"),
        (lambda p: (p / "people.json").write_text("{", encoding="utf-8"), "people.json", "not valid JSON"),
    ],
)  # fmt: skip
def test_a_broken_pack_is_refused_with_file_and_key(pack: Path, broken: Break, file: str, key: str) -> None:
    broken(pack)
    with pytest.raises(PackError) as caught:
        read_pack(pack)
    assert str(pack / file) in str(caught.value)
    assert key in str(caught.value)
    assert check_pack(pack) == [str(caught.value)]


@pytest.mark.parametrize(
    ("broken", "file", "key"),
    [
        (lambda p: change(p / "domain.toml", '["price", "<=", 300]', '["prize", "<=", 300]'), "domain.toml", "adjectives.cosy: no field 'prize'"),
        (lambda p: change(p / "domain.toml", 'field = "rating"', 'field = "stars"'), "domain.toml", "quality: no field 'stars'"),
        (lambda p: change(p / "lexicon.en.toml", "[values.colours]", "[values.colors]"), "lexicon.en.toml", "no field 'colors'"),
        (lambda p: change(p / "lexicon.en.toml", 'price = ["how much"]', 'cost = ["how much"]'), "lexicon.en.toml", "no field 'cost'"),
        (lambda p: change(p / "lexicon.en.toml", 'field = "price"', 'field = "prize"'), "lexicon.en.toml", "no field 'prize'"),
        (lambda p: change(p / "lexicon.zh.toml", 'cosy = ["温馨"]', 'cozy = ["温馨"]'), "lexicon.zh.toml", "no adjective 'cozy'"),
        (lambda p: (p / "samples.jsonl").unlink(), "samples.jsonl", "missing"),
        (lambda p: add(p / "samples.jsonl", '{"text": 1}'), "samples.jsonl:1", '"intent"'),
        (lambda p: add(p / "samples.jsonl", "{"), "samples.jsonl:1", "not valid JSON"),
    ],
)  # fmt: skip
def test_what_points_nowhere_is_told_when_a_pack_is_checked(pack: Path, broken: Break, file: str, key: str) -> None:
    broken(pack)
    (complaint,) = check_pack(pack)
    assert str(pack / file) in complaint
    assert key in complaint


def test_a_pack_with_several_faults_tells_them_all(pack: Path) -> None:
    change(pack / "domain.toml", '["price", "<=", 300]', '["prize", "<=", 300]')
    change(pack / "lexicon.zh.toml", 'cosy = ["温馨"]', 'cozy = ["温馨"]')
    add(pack / "samples.jsonl", "{")
    assert len(check_pack(pack)) == 3


def test_a_refusal_says_how_to_check_the_pack(pack: Path) -> None:
    change(pack / "domain.toml", 'kind = "money"', 'kind = "cash"')
    with pytest.raises(PackError) as caught:
        read_pack(pack)
    assert f"zhiyin validate {pack}" in caught.value.hint
