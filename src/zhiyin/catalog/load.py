"""A domain's catalogue from its layers, cleaned, merged and cached on disk by content hash."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from zhiyin.catalog.clean import Report, clean_rows, merge_layers
from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import DataPack, Domain, Layer
from zhiyin.catalog.packs import installed_layers, join_layers, list_packs
from zhiyin.catalog.read import read_rows
from zhiyin.errors import EmptyCatalog
from zhiyin.types import Item, ItemId

_FORMAT = "1"  # raise when the cached form or the cleaning changes


def load_catalog(domain: Domain, cache: Path | None = None, *, data: Path | None = None, warn: Callable[[str], None] = lambda _: None) -> tuple[Catalog, Report]:
    """The domain's items, with the texts of the data packs installed in `data`.

    Layers whose package is not installed are reported, not an error; a damaged cache is built again.
    """
    report = Report()
    paths = [(layer, path) for layer in domain.layers if (path := _layer_path(domain, layer, report))]
    packs = [state.pack for state in list_packs(domain, data) if state.installed] if data else []
    kept = cache / f"catalog-{domain.name}-{_key(domain, paths, packs)}.json" if cache else None
    items = _cached(kept, warn) if kept else None
    report.credits = [*(layer.credit for layer, _ in paths if layer.credit), *(pack.attribution for pack in packs)]
    if items is None:
        layers = [clean_rows(read_rows(path, query=layer.query), domain, report, layer) for layer, path in paths]
        items = merge_items(layers, domain, report)
        if data and packs:
            items = join_layers(items, installed_layers(domain, data), domain)
        if kept and items:
            _keep(kept, items)
    report.items = len(items)
    if not items:
        raise EmptyCatalog(f"the {domain.name} catalogue has no items ({report.rows} rows read)", hint=f"Check the pack with: zhiyin validate {domain.folder}")
    return Catalog(domain, items), report


def merge_items(layers: Sequence[Sequence[Item]], domain: Domain, report: Report) -> list[Item]:
    """The layers' items as one list, by the domain's year and pooled fields."""
    year = next((f.name for f in domain.fields.values() if f.kind == "year"), "")
    pooled = frozenset(f.name for f in domain.fields.values() if f.pooled)
    return merge_layers(layers, report, year=year, pooled=pooled)


def item_text(item: Item, domain: Domain) -> str:
    """The text an item is embedded and searched by: titles, described values, descriptions."""
    parts = [" / ".join(dict.fromkeys(item.titles.values()))]
    for field in domain.fields.values():
        if field.kind in {"list", "category"} and field.wish:
            values = item.values(field.name)[:4]
            if values:
                parts.append(", ".join(str(v) for v in values))
        elif field.kind in {"year", "text"} and field.name in item.attributes:
            parts.append(str(item.attributes[field.name]))
    return ". ".join([*parts, *item.texts.values()])


def _layer_path(domain: Domain, layer: Layer, report: Report) -> Path | None:
    if not layer.package:
        return Path(domain.folder) / layer.path
    spec = importlib.util.find_spec(layer.package)  # located, never imported
    if spec is None or not spec.submodule_search_locations:
        report.missing_layers.append(f"{layer.credit} is not installed; run: pip install 'zhiyin[{layer.extra}]'")
        return None
    return Path(next(iter(spec.submodule_search_locations))) / layer.member


def _key(domain: Domain, paths: Sequence[tuple[Layer, Path]], packs: Sequence[DataPack]) -> str:
    digest = hashlib.sha256(_FORMAT.encode())
    digest.update("".join(pack.sha256 for pack in packs if pack.kind == "texts").encode())  # ratings change no item
    digest.update((Path(domain.folder) / "domain.toml").read_bytes())
    for layer, path in paths:
        if layer.package and path.is_file():
            stat = path.stat()
            digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}".encode())
        elif path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cached(path: Path, warn: Callable[[str], None]) -> list[Item] | None:
    if not path.is_file():
        return None
    try:
        rows = json.loads(path.read_bytes())
        return [_thaw(row) for row in rows]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        warn(f"the cache {path} was damaged; it is built again (nothing is lost)")
        path.unlink(missing_ok=True)
        return None


def _keep(path: Path, items: Sequence[Item]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [[i.id, i.titles, i.attributes, i.aliases, i.texts, i.variants] for i in items]
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps(rows, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    scratch.replace(path)


def _thaw(row: list) -> Item:  # type: ignore[type-arg]  # JSON as it comes; a wrong shape raises and is caught above
    identity, titles, attributes, aliases, texts, variants = row
    return Item(
        id=ItemId(str(identity)),
        titles=titles,
        attributes={k: tuple(v) if isinstance(v, list) else v for k, v in attributes.items()},
        aliases=tuple(aliases),
        texts=texts,
        variants=tuple(variants),
    )


def catalog_key(catalog: Catalog, texts: Sequence[str]) -> str:
    """A short hash of the items' texts, for files derived from them."""
    digest = hashlib.sha256(_FORMAT.encode())
    for item, text in zip(catalog.items, texts, strict=True):
        digest.update(f"{item.id}\0{text}\0".encode())
    return f"{catalog.domain.name}-{digest.hexdigest()[:16]}"
