"""`zhiyin init` and `zhiyin config`: their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zhiyin.cli.options import JsonOption

config_app = typer.Typer(help="Settings: what holds now and where it comes from, what can be set.", no_args_is_help=True)


def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="a folder, made if it is not there; no file in it is overwritten")]) -> None:
    """Make a folder to begin with: its settings explained, and five books that can be talked about at once."""
    from zhiyin.cli.starting import begin

    begin(folder)


@config_app.command("show")
def config_show(json_: JsonOption = False) -> None:
    """Every setting, its value (keys and passwords left out), where it came from and what it does."""
    from zhiyin.cli.checks import show_settings

    show_settings(as_json=json_)


@config_app.command("schema")
def config_schema() -> None:
    """The JSON Schema of zhiyin.toml."""
    from zhiyin.cli.checks import show_schema

    show_schema()


def register(app: typer.Typer) -> None:
    """Put the commands into the program."""
    app.command()(init)
    app.add_typer(config_app, name="config")
