"""`zhiyin prompts`: which prompts there are, what they say, whether they are sound, and what a stored turn asked a model."""

from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zhiyin.backends import open_store
from zhiyin.catalog.pack import built_in, find_pack, read_pack
from zhiyin.errors import PackError, PromptError
from zhiyin.prompting.lint import lint
from zhiyin.prompting.prompts import Prompt, Prompts, Rendered, prompt_folders, standing_of
from zhiyin.settings import Settings, read_settings
from zhiyin.types import Call, Heard, Said, SessionId, UserId

_LAYERS = ("built-in", "pack", "operator")


def list_prompts(domain: str | None, *, as_json: bool) -> None:
    """Every prompt of a domain, old versions and those that are overridden too."""
    prompts = _open(read_settings(domain=domain))
    rows = [_row(p, active=prompts.active(p.name, p.language) is p) for p in prompts.all()]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("prompt", "from", "active", "answers", "slots")
    table.columns[0].no_wrap = True
    for row, prompt in zip(rows, prompts.all(), strict=True):
        table.add_row(Text(prompt.id), str(row["from"]), "yes" if row["active"] else "", prompt.sections.output, ", ".join(prompt.sections.slots))
    Console(highlight=False).print(table)


def show_prompt(name: str, domain: str | None, language: str, version: int | None) -> None:
    """A prompt as its file has it."""
    prompts = _open(read_settings(domain=domain))
    prompt = _picked(prompts, name, language, version)
    print(f"{prompt.id} ({_layer(prompt)})\n")
    print(_file(prompt), end="")


def lint_prompts(domain: str | None, *, as_json: bool = False) -> int:
    """What is wrong with the prompts of a domain, or of all built-in ones; 1 if anything is."""
    settings = read_settings()
    names = [domain] if domain else sorted({*built_in(), settings.domain})
    flaws = [flaw for name in names for flaw in lint(_open(read_settings(domain=name)).all())]
    if as_json:
        print(json.dumps([{"prompt": flaw.prompt, "text": flaw.text, "rule": flaw.rule} for flaw in flaws], ensure_ascii=False))
        return 1 if flaws else 0
    for flaw in flaws:
        print(f"{flaw.prompt}: {flaw.text} [{flaw.rule}]")
    if not flaws:
        print(f"the prompts of {', '.join(names)} are sound")
    return 1 if flaws else 0


def diff_prompts(name: str, domain: str | None, language: str, old: int | None, new: int | None) -> None:
    """What changed from one version to another; without numbers, from what was active before to what is now."""
    prompts = _open(read_settings(domain=domain))
    versions = prompts.versions(name, language)
    if len(versions) < 2 and (old is None or new is None):
        raise PromptError(f"{versions[-1].id} is the only version of {name} in {language}: there is nothing to compare it with")
    after = versions[-1] if new is None else _picked(prompts, name, language, new)
    before = _before(versions, after) if old is None else _picked(prompts, name, language, old)
    lines = difflib.unified_diff(
        _file(before).splitlines(keepends=True), _file(after).splitlines(keepends=True), f"{before.id} ({_layer(before)})", f"{after.id} ({_layer(after)})"
    )
    print("".join(lines) or f"{before.id} and {after.id} say the same\n", end="")


def show_turn(number: int, *, session: str, user: str, name: str | None, domain: str | None, store: str | None) -> None:
    """The prompts that a stored turn put to a model, word by word."""
    settings = read_settings(domain=domain, store=store)
    found, calls = asyncio.run(_calls(settings, number, session, user))
    asked = [call for call in calls if call.prompt and name in {None, call.purpose, call.prompt.rpartition("/")[2].partition(".")[0]}]
    if not asked:
        skipped = f" ({len(calls)} calls were weighed and not made, or were of other prompts)" if calls else ""
        raise PromptError(
            f"turn {number} of session {found} asked no model{f' with {name}' if name else ''}{skipped}", hint="Turns answered by rules and templates have no prompts"
        )
    opened: dict[str, Prompts] = {}
    for call in asked:
        of = call.prompt.rpartition("/")[0]
        if of not in opened:
            opened[of] = _of_domain(settings, of)
        _print_call(call, opened[of].render_id(call.prompt, call.slots))


async def _calls(settings: Settings, number: int, session: str, user: str) -> tuple[SessionId, tuple[Call, ...]]:
    """The session meant and the calls of its n-th turn; turns count as `State.turn` does, one for each message heard."""
    store = open_store(settings)
    try:
        if not session:
            sessions = await store.sessions(UserId(user))
            if not sessions:
                raise PromptError(f"the store knows no user {user!r}", hint="A user is who was named with: zhiyin chat --user NAME")
            session = sessions[-1]
        events = await store.events(SessionId(session))
    finally:
        await store.close()
    if not events:
        raise PromptError(f"the store knows no session {session!r}", hint="Name the user instead for the latest one: --user NAME")
    turns: list[list[Call]] = []
    for event in events:
        if isinstance(event, Heard):
            turns.append([])
        elif isinstance(event, Said) and turns:
            turns[-1].extend(event.calls)
    if not 1 <= number <= len(turns):
        raise PromptError(f"session {session} has {len(turns)} turn{'' if len(turns) == 1 else 's'}, there is no turn {number}")
    return SessionId(session), tuple(turns[number - 1])


def _print_call(call: Call, rendered: Rendered) -> None:
    usage = f", {call.usage.model}" if call.usage.model else ""
    print(f"=== {rendered.id}: {call.purpose}, {call.outcome}{usage} ===")
    for message in rendered.messages:
        print(f"--- {message.role} ---\n{message.text}")
    print()


def _open(settings: Settings) -> Prompts:
    domain = read_pack(find_pack(settings.domain))
    return Prompts(domain.name, prompt_folders(domain.name, domain.folder, settings.data), standing_of(domain))


def _of_domain(settings: Settings, name: str) -> Prompts:
    """The prompts of the domain that a stored turn was about: of the pack set, or of a built-in one."""
    prompts = _open(settings)
    if prompts.domain == name:
        return prompts
    try:
        return _open(read_settings(domain=name))
    except PackError as error:
        raise PromptError(f"the turn was about {name}, whose pack is not known here", hint="Name its folder: --domain FOLDER") from error


def _picked(prompts: Prompts, name: str, language: str, version: int | None) -> Prompt:
    return prompts.active(name, language) if version is None else prompts.named(f"{prompts.domain}/{name}.{language}@{version}")


def _before(versions: Sequence[Prompt], after: Prompt) -> Prompt:
    """The version that `after` took the place of: the one under it."""
    place = next(n for n, prompt in enumerate(versions) if prompt is after)
    if place == 0:
        raise PromptError(f"there is no version of {after.name} before {after.id}")
    return versions[place - 1]


def _layer(prompt: Prompt) -> str:
    return _LAYERS[prompt.layer]


def _row(prompt: Prompt, *, active: bool) -> dict[str, object]:
    sections = prompt.sections
    return {
        "id": prompt.id,
        "name": prompt.name,
        "language": prompt.language,
        "version": prompt.version,
        "from": _layer(prompt),
        "active": active,
        "task": sections.task,
        "output": sections.output,
        "max_tokens": sections.max_tokens,
        "slots": list(sections.slots),
        "file": str(prompt.path),
    }


def _file(prompt: Prompt) -> str:
    return prompt.path.read_text(encoding="utf-8-sig")
