"""Options that several commands take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

DomainOption = Annotated[str | None, typer.Option("--domain", help="domain pack: a built-in name (movies, phones) or a folder")]
ItemsOption = Annotated[Path | None, typer.Option("--items", help="talk about this CSV, JSON, JSONL or Parquet file instead")]
StoreOption = Annotated[str | None, typer.Option("--store", help="where conversations are kept: memory:, sqlite:///PATH, postgresql://USER:PASSWORD@HOST/DATABASE or mysql://...")]
ModelOption = Annotated[str | None, typer.Option("--model", help="the language model: openai:MODEL@BASE_URL, llamacpp:NAME or llamacpp:PATH, off:")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON")]
LanguageOption = Annotated[str, typer.Option("--language", help="en or zh")]


def llm_setting(model: str | None) -> dict[str, str] | None:
    """The setting that `--model` stands for."""
    return None if model is None else {"url": model}


def warn(text: str) -> None:
    """A line on standard error."""
    print(text, file=sys.stderr, flush=True)
