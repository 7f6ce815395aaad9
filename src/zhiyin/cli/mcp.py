"""`zhiyin mcp`: the recommender as tools of an MCP client."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from zhiyin.cli.options import DomainOption, ItemsOption, ModelOption, StoreOption, llm_setting, warn
from zhiyin.errors import SettingError


def mcp(
    domain: DomainOption = None,
    items: ItemsOption = None,
    store: StoreOption = None,
    model: ModelOption = None,
    user: Annotated[str, typer.Option(help="whom the tools advise where a call names nobody; their taste is remembered")] = "",
) -> None:
    """Serve the tools of the Model Context Protocol on standard input and output, for an MCP client to start. Needs the extra mcp."""
    from zhiyin.settings import read_settings

    settings = read_settings(domain=domain, store=store, llm=llm_setting(model))
    try:
        from zhiyin.web.mcp import serve_stdio
    except ModuleNotFoundError as error:
        raise SettingError(f"MCP is not installed here: {error.name} is missing", hint="Install it with: pip install 'zhiyin[mcp]'") from None
    from zhiyin.web.logs import configure_logs

    configure_logs(terminal=False)
    asyncio.run(serve_stdio(settings, items, user=user, warn=warn))
