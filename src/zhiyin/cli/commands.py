"""The commands of `zhiyin`, one function each; exit status 0 ok, 1 failure, 2 usage, 3 some rows rejected, 4 not ready."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Optional

import click
import typer

from zhiyin.errors import CatalogError, ControlError, ZhiyinError

app = typer.Typer(name="zhiyin", help="Zhiyin 知音: a conversational recommender in Chinese and English.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

DomainOption = Annotated[Optional[str], typer.Option("--domain", help="domain pack: a built-in name (movies, phones) or a folder")]
ItemsOption = Annotated[Optional[Path], typer.Option("--items", help="talk about this CSV, JSON, JSONL or Parquet file instead")]
StoreOption = Annotated[Optional[str], typer.Option("--store", help="where conversations are kept: memory: or sqlite:///PATH")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON")]


def run(arguments: list[str]) -> int:
    """Run one command; the exit status."""
    try:
        result = app(args=arguments, standalone_mode=False)
    except click.UsageError as error:
        print(f"error: {error.format_message()}\nTry: zhiyin --help", file=sys.stderr)
        return 2
    except click.Abort:
        return 1
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except ZhiyinError as error:
        print(f"error: {error}" + (f"\n{error.hint}" if error.hint else ""), file=sys.stderr)
        return 4 if isinstance(error, CatalogError) else 1
    except BrokenPipeError:
        return 0
    return result if isinstance(result, int) else 0


@app.command()
def chat(
    domain: DomainOption = None,
    items: ItemsOption = None,
    store: StoreOption = None,
    user: Annotated[str, typer.Option(help="go on as this user, whose taste is remembered")] = "",
    json_: JsonOption = False,
) -> None:
    """Talk to the recommender; with --json, one message a line in and one object a line out."""
    from zhiyin.bootstrap import build
    from zhiyin.settings import read_settings

    application = build(read_settings(domain=domain, store=store), items=items, warn=_warn)
    if json_:
        from zhiyin.cli.jsonl import serve_lines

        asyncio.run(serve_lines(application, user))
    else:
        from zhiyin.cli.terminal import converse

        asyncio.run(converse(application, user))


@app.command()
def recommend(
    wish: Annotated[str, typer.Argument(help='what you want, in your own words: "a comedy from the 90s"')],
    domain: DomainOption = None,
    items: ItemsOption = None,
    limit: Annotated[int, typer.Option(min=1, max=20, help="how many")] = 5,
    json_: JsonOption = False,
) -> None:
    """One answer to one wish, without a conversation."""
    from zhiyin.assistant import Assistant

    with Assistant(domain=domain or "", items=items, warn=_warn) if domain else Assistant(items=items, warn=_warn) as assistant:
        reply = assistant.say(wish)
        cards = reply["items"]
        if isinstance(cards, list):
            reply["items"] = cards[:limit]
        if json_:
            print(json.dumps(reply, ensure_ascii=False))
        else:
            from zhiyin.cli.terminal import print_reply

            print_reply(reply, assistant.wording)


def _warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


_ = ControlError
