"""The command line as a page, told by the program itself. `python tests/docs/cli_reference.py` writes docs/reference/cli.md; a test holds the page to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from zhiyin.cli.commands import app

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
HEAD = """\
# The command line

This page is written by `python tests/docs/cli_reference.py` from the commands themselves; a test holds it to them.

- `zhiyin COMMAND --help` says the same in the terminal.
- Settings come from the options, then from `ZHIYIN_*` variables, then from `zhiyin.toml` in the working folder, then from the defaults; `zhiyin config show` tells which is which.
- `--domain` names a domain's own items, so it sets aside the file that the setting `items` names; `--items` names another file.
- `--json` prints one JSON value on standard output. Tables are for terminals; progress, warnings and errors go to standard error. `NO_COLOR` is heeded.
- An error says what is wrong in a sentence and, on the next line, what to do.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | it could not be done |
| 2 | wrong usage: an option or argument means nothing |
| 3 | done in part: rows were rejected, or a model lacks something |
| 4 | not ready: a catalogue or file cannot be used, tables are of another release, too little to learn from |
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(_commands(get_command(app), "zhiyin"))


def commands(command: Any = None, name: str = "zhiyin") -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its whole name."""
    command = command or get_command(app)
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, one in inner.items():
        yield from commands(one, f"{name} {word}")


def _commands(root: Any, name: str) -> Iterator[str]:
    for whole, command in sorted(commands(root, name)):
        yield f"\n## {whole}\n\n```\n{_usage(whole, command)}\n```\n\n{_plain(command.help)}\n"
        rows = [_row(param) for param in command.params if param.name != "help"]
        if rows:
            yield "\n| | | default |\n|---|---|---|\n" + "".join(f"| {left} | {told} | {default} |\n" for left, told, default in rows)


def _usage(name: str, command: Any) -> str:
    words = [name]
    if any(p.param_type_name == "option" and p.name != "help" for p in command.params):
        words.append("[OPTIONS]")
    words += [_argument(p) for p in command.params if p.param_type_name == "argument"]
    return " ".join(words)


def _argument(param: Any) -> str:
    shown = (param.metavar or param.name.upper()) + ("..." if param.nargs == -1 else "")
    return shown if param.required else f"[{shown}]"


def _row(param: Any) -> tuple[str, str, str]:
    told = _plain(getattr(param, "help", "") or "").replace("|", "\\|")
    if param.param_type_name == "argument":
        return f"`{_argument(param).strip('[]')}`", told, "" if param.required else "none"
    value = "" if param.is_flag else " " + (param.metavar or param.opts[0].strip("-").replace("-", "_").upper())
    default = "" if param.is_flag or param.default in {None, ""} else f"`{param.default}`"
    return f"`{', '.join(param.opts)}{value}`", told, default


def _plain(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
