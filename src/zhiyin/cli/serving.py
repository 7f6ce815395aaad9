"""`zhiyin serve`, `zhiyin demo` and `zhiyin keys`: their options."""

from __future__ import annotations

from typing import Annotated

import typer

from zhiyin.cli.options import DomainOption, ItemsOption, JsonOption, ModelOption, StoreOption, llm_setting

HostOption = Annotated[str | None, typer.Option("--host", help="address to listen at; any other than this machine's own needs a key first")]
PortOption = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="port to listen at; 0 takes a free one")]
keys_app = typer.Typer(help="Keys of those who may call the HTTP service: made once, kept as a hash.", no_args_is_help=True)


def serve(
    host: HostOption = None,
    port: PortOption = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, max=64, help="processes; more than one need a store that they can share")] = None,
    domain: DomainOption = None,
    items: ItemsOption = None,
    store: StoreOption = None,
    model: ModelOption = None,
) -> int:
    """Serve the chat page and the HTTP interface."""
    from zhiyin.cli.server import serve as run_server
    from zhiyin.settings import read_settings

    return run_server(read_settings(domain=domain, store=store, llm=llm_setting(model), http=_given(host=host, port=port, workers=workers)), items)


def demo(
    port: PortOption = None,
    domain: DomainOption = None,
    items: ItemsOption = None,
    store: StoreOption = None,
    model: ModelOption = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="only print the address")] = False,
) -> int:
    """A web chat on this machine, over the default data; opens the browser."""
    from zhiyin.cli.server import demo as run_demo
    from zhiyin.settings import read_settings

    return run_demo(read_settings(domain=domain, store=store, llm=llm_setting(model), http=_given(port=port, workers=1)), items, browser=not no_browser)


@keys_app.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="whose key it is")],
    scope: Annotated[str, typer.Option("--scope", help="browser (chat, events and feedback of its own visitor), server, or admin")] = "server",
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Make a key and print it, this once."""
    from zhiyin.cli.server import add_key
    from zhiyin.settings import read_settings

    match scope:
        case "browser" | "server" | "admin":
            add_key(read_settings(store=store), name, scope, as_json=json_)
        case _:
            raise typer.BadParameter(f"--scope is browser, server or admin, not {scope!r}")


@keys_app.command("list")
def keys_list(store: StoreOption = None, json_: JsonOption = False) -> None:
    """Every key there ever was, without its text."""
    from zhiyin.cli.server import list_keys
    from zhiyin.settings import read_settings

    list_keys(read_settings(store=store), as_json=json_)


@keys_app.command("revoke")
def keys_revoke(key: Annotated[str, typer.Argument(help="its id or its name, from: zhiyin keys list")], store: StoreOption = None, json_: JsonOption = False) -> None:
    """Make a key useless for good."""
    from zhiyin.cli.server import revoke_key
    from zhiyin.settings import read_settings

    revoke_key(read_settings(store=store), key, as_json=json_)


def register(app: typer.Typer) -> None:
    """Put the commands into the program."""
    app.command()(serve)
    app.command()(demo)
    app.add_typer(keys_app, name="keys")


def _given(**options: str | int | None) -> dict[str, str | int] | None:
    """The options that were given, as settings of `http`."""
    return {name: value for name, value in options.items() if value is not None} or None
