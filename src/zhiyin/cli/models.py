"""`zhiyin model`: the shelf of model files, what to choose, and what a model can do."""

from __future__ import annotations

import asyncio
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from zhiyin import backends
from zhiyin.backends import known_capabilities, wanting
from zhiyin.llm import Capabilities, Rung
from zhiyin.llms.shelf import Progress as Tell
from zhiyin.llms.shelf import Shelved, add_address, add_file, remove, shelf
from zhiyin.settings import Settings, read_settings

_JSON = {Rung.SCHEMA: "enforced (by schema)", Rung.GRAMMAR: "enforced (by grammar)", Rung.JSON: "only accepted", Rung.NONE: "told in the prompt"}


def list_models(*, as_json: bool) -> None:
    """The shelf, and what to choose for it."""
    settings, known = read_settings(), suggestions()
    models = shelf(model_folder(settings))
    able = {model.path: _recalled(settings, model) for model in models}
    if as_json:
        rows = [{**asdict(model), "path": str(model.path), "capabilities": _plain(able[model.path])} for model in models]
        print(json.dumps({"folder": str(model_folder(settings)), "models": rows, "suggestions": known}, ensure_ascii=False))
        return
    if models:
        table = Table("model", "size", "architecture", "context", "found to be able to", title="on the shelf")
        table.columns[0].overflow = "fold"
        for model in models:
            table.add_row(*(escape(cell) for cell in _row(model, able[model.path])))
        Console(highlight=False).print(table)
    else:
        print("No model is on the shelf, and none is needed. Put one there: zhiyin model add FILE.gguf\n架上没有模型，没有也行。")
    _print_suggestions(known, {model.sha256 for model in models})


def add_model(where: str, *, sha256: str | None, name: str | None) -> None:
    """Put a file, or what is at an address, on the shelf."""
    settings, now = read_settings(), datetime.now(UTC)
    folder = model_folder(settings)
    with _bar() as progress:
        if "://" in where:
            model = add_address(folder, where, sha256, name, progress, now=now)
        else:
            model = add_file(folder, Path(where), now=now, name=name, sha256=sha256, progress=progress)
    print(f"{model.name} is on the shelf: {_size(model.size)}, {_kind(model)}, sha256 {model.sha256}")
    print(f"Talk with it: zhiyin chat --model llamacpp:{model.name}")


def remove_model(name: str) -> None:
    """Take a model off the shelf."""
    size = remove(model_folder(read_settings()), name)
    print(f"{name} removed, {_size(size)}")


def probe_model(url: str | None, *, as_json: bool) -> int:
    """Ask a model, or each of several with | between them, what it can do, and print it; 3 if something that matters is wanting."""
    settings, status = read_settings(), 0
    for one in (url or settings.llm.url).split("|"):
        print(f"asking {one.strip()}; it may take a minute or two", file=sys.stderr, flush=True)
        found = asyncio.run(backends.probe_model(settings, one.strip(), datetime.now(UTC).isoformat(timespec="seconds")))
        lacking = wanting(found)
        if as_json:
            print(json.dumps({"url": one.strip(), **asdict(found), "wanting": lacking}, ensure_ascii=False))
        else:
            print_capabilities(found, lacking)
        status = 3 if lacking else status
    return status


def write_blurbs(domain: str | None, items: Path | None, url: str | None, *, language: str, limit: int) -> int:
    """Write item texts where there are none; 4 if there is no model to do it."""
    from zhiyin.bootstrap import build

    app = build(read_settings(domain=domain, store="memory:", llm={"url": url} if url else None), items=items, warn=lambda text: print(text, file=sys.stderr))
    writer = app.writer
    if writer is None:
        print("error: no language model is connected\nName one: zhiyin model write --model llamacpp:NAME", file=sys.stderr)
        return 4
    order = (-app.catalog.prior).argsort(kind="stable")
    bare = [item for row in order if not (item := app.catalog.items[int(row)]).texts.get(language) and writer.blurbs.of(item, language) is None][:limit]
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("writing", total=len(bare))

        async def work() -> tuple[int, int]:
            try:
                return await writer.write(bare, language, lambda done, kept: bar.update(task, completed=done, description=f"kept {kept}"))
            finally:
                await app.engine.close()

        asked, kept = asyncio.run(work())
    print(f"{kept} of {asked} sentences were borne out by their rows and kept in {writer.blurbs.path}")
    return 0


def print_capabilities(found: Capabilities, lacking: list[str]) -> None:
    """What was found, as a table, and each note as a line."""
    console = Console(highlight=False)
    table = Table("", "found", title=escape(found.model))
    for row in (
        ("answers", "yes"),
        ("streams", "yes" if found.streams else "no"),
        ("JSON", _JSON[found.rung]),
        ("probabilities", "yes" if found.choices else "no"),
        ("context", f"{found.context:,} tokens" if found.context else "no limit met"),
        ("reads", _speed(found.prompt_speed)),
        ("writes", _speed(found.answer_speed)),
    ):
        table.add_row(*row)
    console.print(table)
    for note in found.notes:
        console.print(note, markup=False)
    for lack in lacking:
        console.print(f"wanting: {lack}", style="yellow", markup=False)


def suggestions() -> dict[str, list[dict[str, Any]]]:  # Any: what TOML holds
    """What to choose: `model` files whose sums we know, `class`es in words, and `advice`."""
    return tomllib.loads((files("zhiyin.llms") / "suggestions.toml").read_text(encoding="utf-8"))


def model_folder(settings: Settings) -> Path:
    """Where the shelf is."""
    return settings.data / "models"


def _recalled(settings: Settings, model: Shelved) -> Capabilities | None:
    """What the model was found to be able to, under its name or its path."""
    return known_capabilities(settings, f"llamacpp:{model.name}") or known_capabilities(settings, f"llamacpp:{model.path}")


def _plain(found: Capabilities | None) -> Mapping[str, object] | None:
    return asdict(found) if found else None


def _row(model: Shelved, found: Capabilities | None) -> tuple[str, ...]:
    if model.trouble:
        return model.name, _size(model.size), "", "", model.trouble
    able = f"writes {_speed(found.answer_speed)}, JSON {_JSON[found.rung]}" if found else "not probed yet"
    return model.name, _size(model.size), _kind(model), f"{model.header.context:,}" if model.header.context else "?", able


def _kind(model: Shelved) -> str:
    header = model.header
    return " ".join(filter(None, (header.architecture, header.label or f"{header.parameters / 1e9:.1f}B", header.quantisation)))


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _speed(tokens: float) -> str:
    return f"{tokens:.0f} tokens/s" if tokens else "unknown"


def _print_suggestions(known: Mapping[str, list[dict[str, Any]]], there: set[str]) -> None:
    """As lines, which keep sums whole on a narrow terminal."""
    print("\nWhat to choose 选什么")
    for row in known["model"]:
        print(f"  {row['name']}: {_size(row['bytes'])}, {row['memory_gb']} GB of memory, {' '.join(row['languages'])}, {row['licence']}")
        print(f"    sha256 {row['sha256']}" + (" (on the shelf)" if row["sha256"] in there else ""))
        print(f"    {row['about']['en']}\n    {row['about']['zh']}")
    for row in known["class"]:
        print(f"  {row['size']}: {row['memory']} of memory, about {row['speed']} tokens/s written on 2 cores\n    {row['about']['en']}\n    {row['about']['zh']}")
    for line in known["advice"]:
        print(f"  - {line['en']}\n    {line['zh']}")


@contextmanager
def _bar() -> Iterator[Tell]:
    """A progress bar on standard error, where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=None)

        def tell(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total or None)

        yield tell
