"""`zhiyin init`: a folder to begin with, its settings explained and five books to talk about at once."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from textwrap import wrap

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from zhiyin.errors import SettingError
from zhiyin.settings import Settings

SETTINGS, CATALOGUE = "zhiyin.toml", "books.csv"
_GIVEN = {"items": CATALOGUE, "store": "sqlite:///zhiyin.db"}  # what a folder of its own needs; all else is as it was
_WIDTH = 110
_HEAD = """\
# Settings of Zhiyin, read by every command that is run in this folder.
# A line such as "# port = 8000" shows a default: take the # away and change the value. What begins with ## says what it does.
# A variable is stronger than this file (ZHIYIN_STORE, ZHIYIN_HTTP__PORT), and an option of the command line is stronger than both.
# What holds now, and where it comes from: zhiyin config show
"""
_NEXT = """\
Next:
  cd {folder}
  zhiyin demo                     a web chat about the five books of {catalogue}
  zhiyin chat                     the same in this terminal
  zhiyin serve                    the page and the HTTP interface
  zhiyin validate {catalogue}       how the file is read; put your own rows into it, or name another in {settings}
"""


def begin(folder: Path) -> None:
    """Write the settings and the example. Raises `SettingError` where one of them is there already: nothing is overwritten."""
    there = [name for name in (SETTINGS, CATALOGUE) if (folder / name).exists()]
    if there:
        raise SettingError(f"{folder / there[0]} is there already; nothing was written", hint="Name another folder: zhiyin init DIR")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CATALOGUE).write_text((files("zhiyin.cli") / CATALOGUE).read_text(encoding="utf-8"), encoding="utf-8")
    (folder / SETTINGS).write_text(settings_text(_GIVEN), encoding="utf-8")
    print(f"Wrote {folder / SETTINGS} and {folder / CATALOGUE}.")
    print(_NEXT.format(folder=shlex.quote(str(folder)), catalogue=CATALOGUE, settings=SETTINGS), end="")


def settings_text(given: Mapping[str, str]) -> str:
    """A zhiyin.toml: every setting with what it does and its default, commented out but for those that are given."""
    plain: list[str] = []
    parts: list[str] = []
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            parts += ["", *_comment(_told(field)), f"[{name}]"]
            for inner, one in field.annotation.model_fields.items():
                parts += _setting(inner, one, None)
        else:
            plain += _setting(name, field, given.get(name))
    return "\n".join([_HEAD.rstrip(), *plain, *parts]) + "\n"


def _setting(name: str, field: FieldInfo, given: str | None) -> Iterator[str]:
    yield ""
    yield from _comment(_told(field))
    value = given if given is not None else field.get_default(call_default_factory=True, validated_data={})
    yield f"{'' if given is not None else '# '}{name} = {_toml(value)}"


def _told(field: FieldInfo) -> str:
    return field.description or ""


def _comment(text: str) -> list[str]:
    return wrap(text, _WIDTH, initial_indent="## ", subsequent_indent="## ", break_long_words=False, break_on_hyphens=False)


def _toml(value: object) -> str:
    """A value as TOML has it: what JSON writes of texts, numbers and yes or no is TOML too."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)
