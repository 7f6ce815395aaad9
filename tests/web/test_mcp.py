"""The tools of the Model Context Protocol, asked by the package's own client: over HTTP on a real port, and over standard input and output of a real process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import uvicorn
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from web.conftest import Clock, opened
from zhiyin.settings import HttpSettings, Settings
from zhiyin.stores.memory import MemoryStore
from zhiyin.types import Fed, SessionId
from zhiyin.web.app import create_app
from zhiyin.web.callers import new_visitor
from zhiyin.web.keys import Keyring
from zhiyin.web.signing import open_secret

TOOLS = {"search_catalog", "lookup_catalog", "get_product", "recommend", "converse", "compare_items", "explain_recommendation", "send_feedback"}


@dataclass(frozen=True)
class Shop:
    """A server of lamps on a port of its own, with a key of each scope."""

    url: str
    store: MemoryStore
    keys: dict[str, str]
    secret: bytes

    @asynccontextmanager
    async def client(self, scope: str = "", *, visitor: str = "", mode: str = "auto") -> AsyncGenerator[Client, None]:
        headers = {"x-api-key": self.keys[scope]} if scope else {}
        if visitor:
            headers["x-zhiyin-visitor"] = visitor
        async with httpx2.AsyncClient(headers=headers, timeout=20) as http, Client(streamable_http_client(f"{self.url}/mcp", http_client=http), mode=mode) as client:
            yield client

    def visitor(self) -> tuple[str, str]:
        identity, token = new_visitor(self.secret)
        return f"visitor:{identity}", token


async def _prepared(store: MemoryStore, clock: Clock) -> tuple[dict[str, str], bytes]:
    keys = Keyring(store, clock)
    return {scope: (await keys.add("test", scope))[0] for scope in ("browser", "server", "admin")}, await open_secret(store)


@pytest.fixture
def shop(settings: Settings) -> Iterator[Shop]:
    clock = Clock()
    store = MemoryStore(clock)
    keys, secret = asyncio.run(_prepared(store, clock))
    settings = settings.model_copy(update={"store": "memory:", "http": HttpSettings.model_validate({"access_log": False})})
    server = uvicorn.Server(uvicorn.Config(create_app(settings, lambda: opened(settings, store, clock)), port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.02)
    yield Shop(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", store, keys, secret)
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


async def ask(client: Client, tool: str, **arguments: object) -> dict:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    assert isinstance(answer.structured_content, dict)
    assert json.loads(answer.content[0].text) == answer.structured_content
    return answer.structured_content


async def refused(client: Client, tool: str, **arguments: object) -> str:
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    return answer.content[0].text


# --- over HTTP ---


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_clients_of_either_revision_find_the_tools_with_what_a_model_needs_to_know(shop: Shop, mode: str) -> None:
    async with shop.client("server", mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == TOOLS
        for tool in tools.values():
            assert len(tool.description) > 60
            assert "NOUNS" not in tool.description
            assert "ctx" not in tool.input_schema["properties"]
            assert tool.output_schema["type"] == "object"
        assert tools["get_product"].annotations.read_only_hint
        assert not tools["send_feedback"].annotations.read_only_hint
        assert "colours (text: " in client.instructions
        assert (await ask(client, "get_product", item_id="moon-1"))["titles"]["zh"] == "月光一号"


async def test_search_is_by_words_by_conditions_or_by_both(shop: Shop) -> None:
    async with shop.client("server") as client:
        assert (await ask(client, "search_catalog", query="coals of a fire"))["items"][0]["id"] == "ember"
        cheap = await ask(client, "search_catalog", filters={"price": {"op": "<", "value": 100}})
        assert {item["id"] for item in cheap["items"]} == {"firefly", "glow"}
        assert cheap["total"] == 2
        assert (await ask(client, "search_catalog", query="reading", filters={"brand": "光明"}, limit=1))["total"] == 2
        assert "colours" in await refused(client, "search_catalog", filters={"colour": "red"})


async def test_a_name_leads_to_ids_exactly_or_nearly(shop: Shop) -> None:
    async with shop.client("server") as client:
        exact = await ask(client, "lookup_catalog", name="月光二号")
        assert (exact["exact"], [item["id"] for item in exact["items"]]) == (True, ["moon-2"])
        near = await ask(client, "lookup_catalog", name="Lihgthouse")
        assert (near["exact"], near["items"][0]["id"]) == (False, "lighthouse")
        assert (await ask(client, "lookup_catalog", name="qqqqqq"))["items"] == []


async def test_an_unknown_id_is_answered_with_the_nearest_title(shop: Shop) -> None:
    async with shop.client("server") as client:
        assert "'ember' (Ember)" in await refused(client, "get_product", item_id="Embre")
        assert "'moon-max'" in await refused(client, "compare_items", item_ids=["moon-1", "Moon Mx"])
        assert "lookup_catalog" in await refused(client, "explain_recommendation", item_id="qqqqqq", user="ann")


async def test_a_conversation_goes_on_and_every_card_is_of_the_catalogue(shop: Shop) -> None:
    async with shop.client("server") as client:
        first = await ask(client, "converse", message="a reading lamp", user="ann")
        assert first["items"]
        second = await ask(client, "converse", message="两百元以下的", session_id=first["session_id"])
        assert second["session_id"] == first["session_id"]
        assert second["language"] == "zh"
        assert {c["field"] for c in second["constraints"]} == {"uses", "price"}
        for card in [*first["items"], *second["items"]]:
            row = await ask(client, "get_product", item_id=card["id"])
            assert card["titles"] == row["titles"]
        assert "session" in await refused(client, "converse", message="hello", session_id="nobody-knows-it")


async def test_recommend_explain_compare_and_feedback_belong_together(shop: Shop) -> None:
    async with shop.client("server") as client:
        found = await ask(client, "recommend", query="a reading lamp", user="ann", limit=3)
        ids = [card["id"] for card in found["items"]]
        assert found["recommendation_id"]
        assert all(card["reasons"] for card in found["items"])
        why = await ask(client, "explain_recommendation", item_id=ids[0], user="ann", recommendation_id=found["recommendation_id"])
        assert why["reasons"] == found["items"][0]["reasons"]
        assert why["text"]
        beside = await ask(client, "compare_items", item_ids=ids[:2], locale="zh")
        assert beside["rows"]
        assert any("\u4e00" <= sign <= "\u9fff" for sign in beside["text"])
        await ask(client, "send_feedback", recommendation_id=found["recommendation_id"], item_id=ids[0], value="dislike", reason="price_sensitivity", user="ann")
        assert ids[0] not in [card["id"] for card in (await ask(client, "recommend", query="a reading lamp", user="ann"))["items"]]
    kept = [e for e in await shop.store.events(SessionId(found["session_id"])) if isinstance(e, Fed)]
    assert [(e.kind, e.item, e.reason) for e in kept] == [("dislike", ids[0], "price_sensitivity")]


async def test_wrong_arguments_are_named(shop: Shop) -> None:
    async with shop.client("server") as client:
        assert "did you mean 'query'" in await refused(client, "recommend", qurey="lamp")
        assert "limit" in await refused(client, "recommend", limit=99)
        assert "query" in await refused(client, "recommend", query="x" * 100_000)
        assert "value" in await refused(client, "send_feedback", recommendation_id="r", value="adore", user="ann")
        assert "item_ids" in await refused(client, "compare_items", item_ids=["moon-1"])
        assert "recommendation" in await refused(client, "send_feedback", recommendation_id="r", value="like", item_id="moon-1", user="ann")


async def test_a_browser_key_is_good_for_its_own_visitor_only(shop: Shop) -> None:
    async with shop.client("server") as client:
        others = await ask(client, "converse", message="a reading lamp", user="ann")
    user, token = shop.visitor()
    async with shop.client("browser", visitor=token) as client:
        mine = await ask(client, "converse", message="a lamp")
        assert mine["user"] == user
        assert "session" in await refused(client, "converse", message="a lamp", session_id=others["session_id"])
        assert "session" in await refused(client, "compare_items", item_ids=["moon-1", "moon-2"], session_id=others["session_id"])
        assert "session" in await refused(client, "explain_recommendation", item_id="moon-1", session_id=others["session_id"])
        given = {"recommendation_id": others["recommendation_id"], "value": "like", "item_id": others["items"][0]["id"]}
        assert "session" in await refused(client, "send_feedback", session_id=others["session_id"], **given)
        assert "no such recommendation" in await refused(client, "send_feedback", **given)
        assert "cannot name a user" in await refused(client, "recommend", user="ann")
    async with shop.client("browser") as client:
        assert "visitor" in await refused(client, "recommend")
        assert (await ask(client, "get_product", item_id="moon-1"))["id"] == "moon-1"


async def test_without_a_key_or_with_a_wrong_one_nothing_is_told(shop: Shop) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with httpx2.AsyncClient() as http:
        for headers in ({}, {"x-api-key": "sk_wrong"}):
            answer = await http.post(f"{shop.url}/mcp", json=call, headers=headers)
            assert answer.status_code == 401
            assert answer.json()["code"] == "unauthorized"
        assert (await http.get(f"{shop.url}/mcp", headers={"x-api-key": shop.keys["server"]})).status_code == 405
        for body in ("{", "[" * 100_000, '{"jsonrpc": "2.0"}', "[]"):
            answer = await http.post(
                f"{shop.url}/mcp", content=body, headers={"x-api-key": shop.keys["server"], "content-type": "application/json", "accept": "application/json, text/event-stream"}
            )
            assert 400 <= answer.status_code < 500


async def test_many_calls_at_once_are_answered_each_for_its_own(shop: Shop) -> None:
    async with shop.client("server") as client:
        found = await asyncio.gather(*(ask(client, "converse", message="a red lamp" if n % 2 else "a blue lamp", user=f"u{n}") for n in range(12)))
    assert [f["user"] for f in found] == [f"u{n}" for n in range(12)]
    assert [f["constraints"][0]["value"] for f in found] == [["red"] if n % 2 else ["blue"] for n in range(12)]


# --- over standard input and output ---


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "ZHIYIN_CACHE": str(folder / "cache"), "ZHIYIN_DATA": str(folder / "data"), "ZHIYIN_EMBEDDER": "hashing:"}


@pytest.mark.slow
async def test_a_client_starts_the_program_and_talks_to_it(tmp_path: Path) -> None:
    program = StdioServerParameters(
        command=sys.executable, args=["-m", "zhiyin", "mcp", "--domain", "movies", "--store", "memory:", "--user", "ann"], env=environment(tmp_path), cwd=tmp_path
    )
    async with Client(program) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        found = await ask(client, "recommend", query="a comedy from the 90s", limit=3)
        assert found["user"] == "ann"
        assert all("Comedy" in card["attributes"]["genres"] and 1990 <= card["attributes"]["year"] < 2000 for card in found["items"])
        given = {"recommendation_id": found["recommendation_id"], "item_id": found["items"][0]["id"]}
        assert (await ask(client, "send_feedback", value="like", **given))["accepted"]
        talk = await ask(client, "converse", message="诺兰导演的科幻片")
        assert talk["language"] == "zh"
        assert talk["items"]
        assert "Inception" in await refused(client, "get_product", item_id="Incepton")


@pytest.mark.slow
def test_the_program_ends_with_its_input_and_says_nothing_else_on_its_output(tmp_path: Path) -> None:
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}
    done = subprocess.run(
        [sys.executable, "-m", "zhiyin", "mcp", "--store", "memory:"],
        input=json.dumps(hello) + "\n", capture_output=True, text=True, timeout=90, check=False, cwd=tmp_path, env=environment(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [json.loads(line)["result"]["serverInfo"]["name"] for line in lines] == ["zhiyin"]


@pytest.mark.slow
def test_nothing_of_mcp_is_loaded_by_a_service_that_nobody_asks_for_it() -> None:
    code = "import sys, zhiyin.web.app, zhiyin.cli.commands; print(sorted(m for m in sys.modules if m == 'mcp' or m.startswith(('mcp.', 'mcp_types'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
