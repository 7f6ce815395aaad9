"""What stands between a request and a server: a schema in words, prompts that tell it, and thoughts that are not part of an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from zhiyin.llm import Message

_WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true | false", "null": "null"}
_LIMITS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum", "pattern"})
_OPENED, _CLOSED = ("<think>", "<thinking>"), re.compile(r"</think(?:ing)?>")
_LONGEST = len("</thinking>")


def told(schema: Mapping[str, object]) -> str:
    """A schema in words short enough for a small model: `{"year": whole number, "mood": "calm" | "tense"}`."""
    if "const" in schema:
        return _json(schema["const"])
    if isinstance(values := schema.get("enum"), list):
        return " | ".join(_json(value) for value in values)
    if isinstance(kinds := schema.get("anyOf"), list):
        return " | ".join(dict.fromkeys(told(kind) for kind in kinds))
    if isinstance(properties := schema.get("properties"), dict):
        return "{" + ", ".join(f"{_json(key)}: {told(value)}" for key, value in properties.items()) + "}"
    if schema.get("type") == "array":
        items = schema.get("items")
        most = f" at most {schema['maxItems']}" if "maxItems" in schema else ""
        return f"[{told(items) if isinstance(items, dict) else 'anything'}, ...{most}]"
    return _WORDS.get(str(schema.get("type")), "anything")


def tell(messages: tuple[Message, ...], schema: Mapping[str, object]) -> tuple[Message, ...]:
    """The messages with the schema told at the end of the last one of the user, where a prompt cache loses least."""
    words = f"Answer with JSON of this form and nothing else: {told(schema)}"
    last = max((place for place, message in enumerate(messages) if message.role == "user"), default=None)
    if last is None:
        return (*messages, Message(role="user", text=words))
    changed = replace(messages[last], text=f"{messages[last].text}\n\n{words}")
    return (*messages[:last], changed, *messages[last + 1 :])


def plain(schema: Mapping[str, object]) -> dict[str, object]:
    """The schema without lengths, ranges and patterns, for servers that take the shape only."""

    def thin(value: object) -> object:
        if isinstance(value, Mapping):
            return plain(value)
        return [thin(each) for each in value] if isinstance(value, list) else value

    kept = {key: value for key, value in schema.items() if key not in _LIMITS}
    if isinstance(properties := kept.get("properties"), Mapping):  # names of properties are not keywords
        kept["properties"] = {name: thin(value) for name, value in properties.items()}
    return {key: value if key in {"properties", "enum", "const", "required"} else thin(value) for key, value in kept.items()}


class Spoken:
    """An answer without the thoughts that some models write down in front of it: `<think>…</think>`."""

    def __init__(self) -> None:
        self._held = ""
        self._thinks = False
        self._began = False

    def add(self, piece: str) -> str:
        """What may be said after this piece; what might be the beginning of a tag waits for the next."""
        self._held += piece
        said: list[str] = []
        while self._step(said):
            pass
        return "".join(said)

    def end(self) -> str:
        """What is left when nothing more comes; a thought that never ended is none of it."""
        rest, self._held = "" if self._thinks else self._held, ""
        return rest

    def _step(self, said: list[str]) -> bool:
        """One move; whether another may follow."""
        if self._thinks:
            if found := _CLOSED.search(self._held):
                self._held, self._thinks = self._held[found.end() :], False
                return True
            self._held = self._held[-_LONGEST:]
            return False
        if not self._began:
            self._held = self._held.lstrip()
        opened = [(place, tag) for tag in _OPENED if (place := self._held.find(tag)) >= 0]
        if opened:
            place, tag = min(opened)
            self._say(self._held[:place], said)
            self._held, self._thinks = self._held[place + len(tag) :], True
            return True
        keep = next((n for n in range(min(len(self._held), _LONGEST), 0, -1) if any(tag.startswith(self._held[-n:]) for tag in _OPENED)), 0)
        cut = len(self._held) - keep
        self._say(self._held[:cut], said)
        self._held = self._held[cut:]
        return False

    def _say(self, text: str, said: list[str]) -> None:
        if text:
            self._began = True
            said.append(text)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
