"""`zhiyin users` and `zhiyin explain`: their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zhiyin.cli.options import DomainOption, ItemsOption, JsonOption, StoreOption

users_app = typer.Typer(help="Users of the store: who there is, everything that is kept of one, erasing it.", no_args_is_help=True)
UserArgument = Annotated[str, typer.Argument(metavar="USER", help="a user's id, from: zhiyin users list")]


@users_app.command("list")
def users_list(
    after: Annotated[str, typer.Option("--after", help="only those whose id comes after this one")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="how many at most")] = 100,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """The users of the store by id, with how many events each has."""
    from zhiyin.cli.people import list_users
    from zhiyin.settings import read_settings

    list_users(read_settings(store=store), after=after, limit=limit, as_json=json_)


@users_app.command("export")
def users_export(
    user: UserArgument,
    out: Annotated[Path | None, typer.Option("--out", help="the file to write; default: standard output")] = None,
    form: Annotated[str, typer.Option("--format", help="json (one object, as GET /v1/users/{id}/export gives it) or jsonl (an event a line)")] = "json",
    store: StoreOption = None,
    json_: Annotated[bool, typer.Option("--json", help="the same as --format json")] = False,
) -> None:
    """Every event of a user, to take along."""
    from zhiyin.cli.people import export_user
    from zhiyin.settings import read_settings

    match "json" if json_ else form:
        case "json" | "jsonl" as known:
            export_user(read_settings(store=store), user, out=out, form=known)
        case _:
            raise typer.BadParameter(f"--format is json or jsonl, not {form!r}")


@users_app.command("forget")
def users_forget(
    user: UserArgument,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> int:
    """Erase everything of a user, for good: events, settings, what running servers hold of them. Asks first."""
    from zhiyin.cli.people import forget_user
    from zhiyin.settings import read_settings

    return forget_user(read_settings(store=store), user, yes=yes, as_json=json_)


def explain(
    user: UserArgument,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="an item's id, or its whole title")],
    domain: DomainOption = None,
    items: ItemsOption = None,
    store: StoreOption = None,
    language: Annotated[str | None, typer.Option("--language", help="en or zh; default: that of the conversation it was shown in")] = None,
    json_: JsonOption = False,
) -> None:
    """Why an item is for a user: the reasons with their evidence, what each source gave, the taste that had a say."""
    from zhiyin.cli.people import explain_item
    from zhiyin.settings import read_settings

    if language not in {None, "en", "zh"}:
        raise typer.BadParameter(f"--language is en or zh, not {language!r}")
    explain_item(read_settings(domain=domain, store=store), items, user, item, language=language, as_json=json_)


def register(app: typer.Typer) -> None:
    """Put the commands into the program."""
    app.command()(explain)
    app.add_typer(users_app, name="users")
