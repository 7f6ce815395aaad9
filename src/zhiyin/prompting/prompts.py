"""Prompt files in layers: which one is in force, which ones were, and the messages that one makes with its slots filled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zhiyin.errors import PromptError
from zhiyin.llm import Message
from zhiyin.prompting.parse import SLOT, Output, Sections, read_sections
from zhiyin.prompting.untrusted import FENCE

if TYPE_CHECKING:
    from zhiyin.catalog.domain import Domain, Field

BUILT_IN = Path(__file__).parent / "files"
LANGUAGES = {"en": "English", "zh": "中文"}
STANDING = frozenset({"noun", "nouns", "label", "language", "fields"})  # the same for every turn: `standing_of`
_ID = re.compile(r"(?P<domain>.*)/(?P<name>[a-z][a-z0-9_-]*)\.(?P<language>en|zh)@(?P<version>\d+)")
_FILE = re.compile(r"(?P<name>[a-z][a-z0-9_-]*)\.(?P<version>[1-9]\d*)\.md")
_VALUES = 30  # of a field, in the vocabulary
_UNFENCED = str.maketrans("", "", "".join(FENCE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One version of a prompt file."""

    domain: str
    name: str
    language: str
    version: int
    layer: int  # place of its folder: higher ones win
    path: Path
    sections: Sections

    @property
    def id(self) -> str:
        """What the log calls it: "movies/speak.en@1"."""
        return f"{self.domain}/{self.name}.{self.language}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A prompt with its slots filled: what stays the same first, the user's message last."""

    messages: tuple[Message, ...]
    id: str
    max_tokens: int
    output: Output


class Prompts:
    """The prompts of one domain: the built-in ones under those of `folders`, lowest first.

    The highest folder that has a name decides; in it the highest version is active. `standing` are slots by language that never change.
    """

    def __init__(self, domain_name: str, folders: Sequence[Path], standing: Mapping[str, Mapping[str, str]]) -> None:
        self.domain, self.standing = domain_name, standing
        found = [prompt for layer, folder in enumerate((BUILT_IN, *folders)) for prompt in _read_folder(domain_name, folder, layer)]
        self._all = tuple(sorted(found, key=lambda p: (p.name, p.language, p.layer, p.version)))

    def all(self) -> tuple[Prompt, ...]:
        """Every prompt of every layer and version, in the order name, language, layer, version."""
        return self._all

    def versions(self, name: str, language: str) -> tuple[Prompt, ...]:
        """What there is of a prompt; the last is active. Raises `PromptError` where there is none."""
        found = tuple(p for p in self._all if (p.name, p.language) == (name, language))
        if not found:
            known = ", ".join(sorted({p.name for p in self._all if p.language == language}))
            raise PromptError(f"no prompt {name!r} in {language}; there are {known or 'none'}", hint="See: zhiyin prompts list")
        return found

    def active(self, name: str, language: str) -> Prompt:
        """The version in force."""
        return self.versions(name, language)[-1]

    def named(self, id: str) -> Prompt:  # noqa: A002  # what it is called everywhere else
        """The prompt that an id of the log names, of the highest layer that has this version."""
        found = _ID.fullmatch(id)
        if found is None or found["domain"] != self.domain:
            raise PromptError(f"{id!r} names no prompt of {self.domain}", hint=f"An id reads {self.domain}/NAME.LANGUAGE@VERSION, as in: zhiyin prompts list")
        versions = self.versions(found["name"], found["language"])
        for prompt in reversed(versions):
            if prompt.version == int(found["version"]):
                return prompt
        known = ", ".join(sorted({str(p.version) for p in versions}, key=int))
        raise PromptError(f"{id}: there is no version {found['version']} any more; there are {known}", hint="Keep old files: stored turns are printed with them")

    def render(self, name: str, language: str, slots: Mapping[str, str]) -> Rendered:
        """The active prompt with its slots filled."""
        return self._filled(self.active(name, language), slots)

    def render_id(self, id: str, slots: Mapping[str, str]) -> Rendered:  # noqa: A002
        """The prompt of an id, an old one too, with its slots filled."""
        return self._filled(self.named(id), slots)

    def _filled(self, prompt: Prompt, slots: Mapping[str, str]) -> Rendered:
        sections = prompt.sections
        standing = self.standing.get(prompt.language, {})
        values = {**{k: v for k, v in standing.items() if k in sections.slots}, **{k: v.translate(_UNFENCED) for k, v in slots.items()}}
        if missing := sorted(set(sections.slots) - set(values)):
            raise PromptError(f"{prompt.id}: nothing given for the slot {', '.join(missing)}")
        if unknown := sorted(set(values) - set(sections.slots)):
            raise PromptError(f"{prompt.id}: no slot {', '.join(unknown)}; there are {', '.join(sections.slots)}")
        messages = [Message(role="system", text=_fill(sections.system, values))]
        for example in sections.examples:
            messages += [Message(role="user", text=_fill(example.user, values)), Message(role="assistant", text=_fill(example.assistant, values))]
        messages.append(Message(role="user", text=_fill(sections.user, values)))
        return Rendered(messages=tuple(messages), id=prompt.id, max_tokens=sections.max_tokens, output=sections.output)


def prompt_folders(domain_name: str, pack: str, data: Path) -> tuple[Path, ...]:
    """Where prompts of a domain may lie besides the built-in ones, lowest first: in the pack's folder (if it has one), then in the operator's."""
    own = (Path(pack) / "prompts",) if pack else ()
    return (*own, data / "prompts" / domain_name)


def standing_of(domain: Domain) -> Mapping[str, Mapping[str, str]]:
    """The slots by language that are the same for every turn over a domain."""
    return {
        language: {
            "noun": domain.noun.get(language) or domain.name,
            "nouns": domain.nouns.get(language) or domain.noun.get(language) or domain.name,
            "label": domain.label.get(language) or domain.name,
            "language": spoken,
            "fields": "\n".join(_vocabulary(field) for field in domain.fields.values() if field.wish and field.kind not in {"text", "date"}),
        }
        for language, spoken in LANGUAGES.items()
    }


def _vocabulary(field: Field) -> str:
    """A field on one line: its name, then its values, or what kind of value it takes."""
    if field.numeric:
        unit = field.unit.get("en", "")
        return f"{field.name}: number" + (f", {unit}" if unit else "")
    if field.values:
        more = ", ..." if len(field.values) > _VALUES else ""
        return f"{field.name}: {', '.join(list(field.values)[:_VALUES])}{more}"
    return f"{field.name}: " + ("name of a person" if field.people else "true or false" if field.kind == "flag" else "words")


def _fill(text: str, values: Mapping[str, str]) -> str:
    """In one pass: what a slot brings is never looked at again."""
    return SLOT.sub(lambda m: values[m[1]], text)


def _read_folder(domain: str, folder: Path, layer: int) -> Iterator[Prompt]:
    """The prompts of one layer; a folder that is not there has none."""
    for language in LANGUAGES:
        for path in sorted((folder / language).glob("*.md")):
            found = _FILE.fullmatch(path.name)
            if found is None:
                raise PromptError(f"{path}: a prompt file is called NAME.VERSION.md, such as speak.2.md")
            yield Prompt(domain=domain, name=found["name"], language=language, version=int(found["version"]), layer=layer, path=path, sections=read_sections(path))
