"""A prompt file to its parts: TOML between +++ lines, then the sections system, example (any number) and user."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from zhiyin.errors import PromptError

Output = Literal["text", "json", "choice"]
SLOT = re.compile(r"\{([a-z_][a-z0-9_]*)\}")  # JSON in a prompt has quotes or spaces after its braces
_FRONT = re.compile(r"\+\+\+[ \t]*\n(.*?)^\+\+\+[ \t]*$\n?(.*)", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^## +(.*?)[ \t]*$", re.MULTILINE)
_EXAMPLE = re.compile(r"user:[ \t]*\n?(.*?)^assistant:[ \t]*\n?(.*)", re.DOTALL | re.MULTILINE)
_KEYS = {"task": (str, "a text"), "output": (str, "a text"), "slots": (list, "a list"), "max_tokens": (int, "a whole number")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A message and the answer it should get."""

    user: str
    assistant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """What a prompt file says."""

    task: str
    output: Output
    slots: tuple[str, ...]
    max_tokens: int
    system: str
    user: str
    examples: tuple[Example, ...] = ()

    @property
    def body(self) -> str:
        """Everything under the front matter, as one text."""
        return "\n".join((self.system, *(part for e in self.examples for part in (e.user, e.assistant)), self.user))


def read_sections(path: Path) -> Sections:
    """The parts of a prompt file. Raises `PromptError` with the file and what is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"{path}: cannot be read: {error}") from error
    found = _FRONT.fullmatch(text.lstrip())
    if found is None:
        raise PromptError(f"{path}: should begin with TOML between two lines of +++")
    front = _front(path, found[1])
    system, user, examples = _body(path, found[2])
    return Sections(task=front["task"], output=front["output"], slots=tuple(front["slots"]), max_tokens=front["max_tokens"], system=system, user=user, examples=examples)


def _front(path: Path, text: str) -> Mapping[str, Any]:
    try:
        front = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PromptError(f"{path}: between the +++ lines: {error}") from error
    if set(front) != set(_KEYS):
        odd = ", ".join(sorted(set(front) ^ set(_KEYS)))
        raise PromptError(f"{path}: between the +++ lines stand {', '.join(_KEYS)} and nothing else; see {odd}")
    for key, (kind, called) in _KEYS.items():
        if not isinstance(front[key], kind) or isinstance(front[key], bool):
            raise PromptError(f"{path}: {key} should be {called}, not {front[key]!r}")
    if front["output"] not in get_args(Output):
        raise PromptError(f"{path}: output is one of {', '.join(get_args(Output))}, not {front['output']!r}")
    if not all(isinstance(slot, str) and SLOT.fullmatch(f"{{{slot}}}") for slot in front["slots"]) or len(set(front["slots"])) < len(front["slots"]):
        raise PromptError(f"{path}: slots should be different names of small letters, not {front['slots']!r}")
    if front["max_tokens"] < 1:
        raise PromptError(f"{path}: max_tokens should be at least 1")
    return front


def _body(path: Path, text: str) -> tuple[str, str, tuple[Example, ...]]:
    before, *parts = _HEADING.split(text)
    if before.strip():
        raise PromptError(f"{path}: text before the first section: {before.strip()[:40]!r}")
    found: dict[str, list[str]] = {"system": [], "user": [], "example": []}
    for name, part in zip(parts[::2], parts[1::2], strict=True):
        if name not in found:
            raise PromptError(f"{path}: no section is called {name!r}; sections are {', '.join(found)}")
        found[name].append(part.strip())
    for name in ("system", "user"):
        if len(found[name]) != 1 or not found[name][0]:
            raise PromptError(f"{path}: needs one section {name} with a text, has {len(found[name])}")
    return found["system"][0], found["user"][0], tuple(_example(path, part) for part in found["example"])


def _example(path: Path, text: str) -> Example:
    found = _EXAMPLE.fullmatch(text)
    if found is None or not found[1].strip() or not found[2].strip():
        raise PromptError(f"{path}: an example is a line user: with a text under it, then a line assistant: with the answer under it")
    return Example(user=found[1].strip(), assistant=found[2].strip())
