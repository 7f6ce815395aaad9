"""The conversation at a terminal: cards, chips, reasons; colours where there are any, readable without."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from zhiyin.bootstrap import App
from zhiyin.cli.border import Trouble, guarded
from zhiyin.cli.controls import HELP, Talk, control
from zhiyin.errors import ControlError
from zhiyin.reply.wording import Wording
from zhiyin.types import Candidate, Done, Language, Shown, Turn, Understood, Words

_HISTORY = 500


async def converse(app: App, user: str = "") -> None:
    """Talk until /quit, Ctrl-D or the end of the input."""
    console = Console(highlight=False)
    talk = Talk.fresh(user)
    _greet(console, app)
    remember = _history(app)
    warming = asyncio.create_task(app.ready())
    while not talk.quit:
        line = await asyncio.to_thread(_ask, console)
        if line is None:
            break
        try:
            if line.strip() == "/help":
                language = str((await app.engine.state(talk.session, talk.user)).language)
                console.print(HELP[language], style="dim", markup=False)
            elif line.strip() == "/wishes":
                await _wishes(console, app, talk)
            elif line.startswith("/"):
                console.print(await control(line, app, talk), style="dim", markup=False)
            else:
                trouble = await guarded(_answer(console, app, talk, line))
                if isinstance(trouble, Trouble):
                    console.print(trouble.text, style="yellow", markup=False)
        except ControlError as error:
            console.print(str(error), style="yellow", markup=False)
        except asyncio.CancelledError:  # Ctrl-C in the middle of an answer stops the answer only
            console.print("…", style="dim")
    remember()
    warming.cancel()
    await app.engine.close()


def _ask(console: Console) -> str | None:
    """A line from the user; None at the end. Ctrl-C on an empty line leaves, as people expect."""
    try:
        if sys.stdin.isatty():
            return console.input("[bold cyan]› [/]")
        line = sys.stdin.readline()
        return line.rstrip("\n") if line else None
    except (EOFError, KeyboardInterrupt):
        console.print()
        return None


def _greet(console: Console, app: App) -> None:
    name = app.domain.label.get("en", app.domain.name)
    zh = app.domain.label.get("zh", "")
    console.print(Text.assemble(("知音 Zhiyin", "bold"), f" · {len(app.catalog):,} {name} {zh} · {_mode(app)}"))
    for credit in app.report.credits:
        console.print(Text(f"  {credit}", style="dim"))
    for missing in app.report.missing_layers:
        console.print(Text(f"  {missing}", style="yellow"))
    console.print(Text("Say what you feel like, in Chinese or English. 想要什么，直接说。", style="dim"))
    openers = [*app.openers.get("en", ())[:2], *app.openers.get("zh", ())[:2]]
    for opener in openers:
        console.print(Text(f"  “{opener}”", style="dim italic"))
    console.print(Text("/help  /quit", style="dim"))


def _mode(app: App) -> str:
    return f"with the language model 语言模型：{app.engine.model.name}" if app.engine.model else "rule mode, no language model 规则模式"


async def _answer(console: Console, app: App, talk: Talk, line: str) -> None:
    """One turn, printed as its parts arrive."""
    turn = Turn(session=talk.session, user=talk.user, text=line, time=datetime.now(UTC))
    language = Language.EN
    spoken, shown = False, False
    async with aclosing(app.engine.answer(turn)) as parts:
        async for part in parts:
            match part:
                case Understood():
                    language = part.state.language
                    _chips(console, [(w.id, app.wording.wish(w, language)) for w in part.state.wishes])
                case Shown():
                    if shown:  # a model's second look: the cards as they stand from here on
                        console.print(Text("  ⟳ " + ("再看一眼之后：" if language == "zh" else "on second thoughts:"), style="dim"))
                    shown = bool(part.slate)
                    for number, card in enumerate(part.slate, 1):
                        console.print(_card(number, card, app.wording, str(language)))
                case Words():
                    console.print(Text(part.text), end="")
                    spoken = True
                case Done():
                    if spoken:
                        console.print()
                    _closing(console, part, str(language))


def _chips(console: Console, chips: Sequence[tuple[str, str]]) -> None:
    if chips:
        line = Text("  ")
        for _, label in chips:
            line.append(f"[{label}]", style="black on cyan" if console.is_terminal else "")
            line.append(" ")
        console.print(line)


def _card(number: int, card: Candidate, wording: Wording, language: str) -> Padding:
    """Number, title and facts; then the description; then why."""
    head = Text.assemble((f"{number}. ", "bold cyan"), (wording.title(card.item, language), "bold"))
    other = card.item.titles.get("zh" if language == "en" else "en", "")
    if other and other != wording.title(card.item, language):
        head.append(f"  {other}", style="dim")
    table = Table.grid(padding=(0, 0))
    table.add_column(overflow="fold")
    table.add_row(head)
    table.add_row(Text("   " + " · ".join(wording.facts(card, language))))
    if text := card.item.texts.get(language):
        table.add_row(Text("   " + text, style="italic"))
    elif card.blurb:
        table.add_row(Text(f"   {card.blurb}" + ("（由模型生成）" if language == "zh" else " (written by a model)"), style="italic dim"))
    for reason in card.reasons[:3]:
        table.add_row(Text("   ✓ " + reason.text, style="green"))
    return Padding(table, (0, 0, 0, 1))


def _closing(console: Console, done: Done, language: str) -> None:
    """The question's options and the notices worth repeating."""
    for code, text in done.notices:
        if code.startswith("model_"):  # the others are in the reply, or in the greeting
            console.print(Text(f"  {text}", style="dim"))
    if done.question:
        options = "  ".join(f"{o.label} ({o.count})" for o in done.question.options)
        console.print(Text(f"  {options}  · " + ("随便都行" if language == "zh" else "skip"), style="cyan"))
    console.print()


async def _wishes(console: Console, app: App, talk: Talk) -> None:
    state = await app.engine.state(talk.session, talk.user)
    if not state.wishes:
        console.print("No wishes so far. 还没有要求。", style="dim")
    for wish in state.wishes:
        strength = "must" if wish.hard else "nice to have"
        console.print(Text(f"  {wish.id}  {app.wording.wish(wish, str(state.language))}  ({strength}; you said “{wish.source}”)"))


def print_reply(reply: dict[str, object], width: int | None = None) -> None:
    """A finished reply as plain text, for one-shot commands."""
    console = Console(highlight=False, width=width)
    console.print(Text(str(reply["reply"])))
    items = reply["items"]
    for number, item in enumerate(items if isinstance(items, list) else (), 1):
        titles = item["titles"]
        console.print(Text.assemble((f"{number}. ", "bold cyan"), (titles.get(reply["language"]) or item["title"], "bold")))
        for reason in item["reasons"][:3]:
            console.print(Text(f"   ✓ {reason['text']}", style="green"))


def _history(app: App) -> Callable[[], None]:
    """Input history over sessions, where the terminal has line editing; the function that keeps it."""
    try:
        import readline
    except ImportError:
        return lambda: None
    path = Path(app.history) if app.history else None
    if path is None or not sys.stdin.isatty():
        return lambda: None
    with suppress(OSError):
        readline.read_history_file(path)
    readline.set_history_length(_HISTORY)

    def keep() -> None:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(path)

    return keep
