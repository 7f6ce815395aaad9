"""What the operator sees of the installation: its health, settings, keys, catalogue and model."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from zhiyin.errors import ModelError
from zhiyin.llm import LLMRequest, Message
from zhiyin.llms.breaker import Breaker
from zhiyin.llms.fallback import Fallback
from zhiyin.llms.metered import Metered
from zhiyin.llms.scripted import Mischief, MischievousLLM, ScriptedLLM
from zhiyin.ports import LLM
from zhiyin.settings import ModelSettings, names
from zhiyin.types import Call, Heard, Language, Said, SessionId, Turn, Understanding, UserId
from zhiyin.web.admin.model import state_of


def test_the_health_tells_where_this_runs(client) -> None:
    told = client.get("/v1/admin/health").json()
    assert told["status"] == "ready"
    assert set(told["parts"].values()) == {"ok"}
    assert (told["store"], told["redis"], told["workers"], told["domain"], told["items"], told["local_mode"]) == ("memory", "off", 1, "lamps", 9, True)
    assert told["uptime_seconds"] >= 0


def test_every_setting_is_told_and_no_secret(house, client) -> None:
    secret = "hunter2-of-the-model"
    object.__setattr__(house.service.settings, "llm", ModelSettings(key=SecretStr(secret)))
    answer = client.get("/v1/admin/settings")
    rows = {row["name"]: row for row in answer.json()["settings"]}
    assert set(rows) == set(names())
    assert rows["llm.key"]["value"] == "…"
    assert secret not in answer.text
    assert rows["http.port"] == {"name": "http.port", "value": "8000", "secret": False, "from": "default", "description": rows["http.port"]["description"]}
    assert all(row["description"] and row["from"] for row in rows.values())


def test_a_key_is_made_used_and_revoked(house, client) -> None:
    made = client.post("/v1/admin/keys", json={"name": "shop", "scope": "admin"})
    assert made.status_code == 201
    assert made.json()["local_mode_ended"] is True
    admin = house.client(key=made.json()["key"])
    other = admin.post("/v1/admin/keys", json={"name": "page", "scope": "browser"}).json()
    assert other["key"].startswith("pk_")
    assert other["local_mode_ended"] is False
    rows = {row["id"]: row for row in admin.get("/v1/admin/keys").json()["keys"]}
    assert {row["name"]: row["scope"] for row in rows.values()} == {"shop": "admin", "page": "browser"}
    assert all("key" not in row for row in rows.values())
    assert admin.delete(f"/v1/admin/keys/{made.json()['id']}").status_code == 409  # the one in use
    assert admin.delete(f"/v1/admin/keys/{other['id']}").status_code == 204
    assert admin.delete(f"/v1/admin/keys/{other['id']}").status_code == 404
    assert {row["name"] for row in admin.get("/v1/admin/keys").json()["keys"] if row["revoked"]} == {"page"}


def test_a_key_is_revoked_by_its_id_only(admin_client) -> None:
    admin_client.post("/v1/admin/keys", json={"name": "shop", "scope": "server"})
    assert admin_client.delete("/v1/admin/keys/shop").status_code == 404


@pytest.mark.parametrize(
    "body", [{"name": "x"}, {"name": " ", "scope": "admin"}, {"name": "x", "scope": "root"}, {"name": "x" * 81, "scope": "admin"}, {"name": "x\n", "scope": "admin"}]
)
def test_a_body_that_is_no_key_is_refused(client, body: dict[str, str]) -> None:
    assert client.post("/v1/admin/keys", json=body).status_code == 400
    assert client.get("/v1/admin/keys").json()["keys"] == []


def test_the_catalogue_tells_its_fields_and_what_looks_wrong(client) -> None:
    told = client.get("/v1/admin/catalogue").json()
    assert (told["domain"], told["items"]) == ("lamps", 9)
    assert {"field", "kind", "label", "known", "share", "distinct", "example"} == set(told["fields"][0])
    assert told["issues"]
    client.put("/v1/items/zero", json={"titles": {"en": "Zero"}, "variants": [{"price": 0}]})
    after = client.get("/v1/admin/catalogue").json()
    assert after["items"] == 10
    assert [i["items"] for i in after["issues"] if i["code"] == "price_not_positive"] == [["zero"]]


def test_without_a_model_nothing_is_probed(client) -> None:
    told = client.get("/v1/admin/model").json()
    assert (told["model"], told["state"], told["capabilities"], told["calls"]) == (None, "off", None, {})
    answer = client.post("/v1/admin/model/probe")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_model")


async def fails(llm: LLM) -> None:
    request = LLMRequest(messages=(Message(role="user", text="?"),), purpose="speak")
    with pytest.raises(ModelError):
        _ = [piece async for piece in llm.stream(request)]


async def test_a_model_that_fails_again_and_again_is_open_unless_another_can_be_asked() -> None:
    away = Metered(Breaker(MischievousLLM(Mischief.RAISES), failures=2))
    assert (state_of(None), state_of(away)) == ("off", "ready")
    for _ in range(2):
        await fails(away)
    assert state_of(away) == "open"
    assert state_of(Fallback(away, Breaker(ScriptedLLM()))) == "ready"


def test_what_came_of_calls_is_counted_from_the_log(house, client) -> None:
    time = house.clock()
    heard = Heard(turn=Turn(session=SessionId("s"), user=UserId("u"), text="a lamp", time=time), understanding=Understanding(language=Language.EN, intent={"recommend": 1.0}))
    calls = tuple(Call(purpose="speak", prompt="", outcome=outcome) for outcome in ("ok", "ok", "model_slow"))
    house.run(house.store.append, SessionId("s"), UserId("u"), heard, Said(act="chat", text="Well.", calls=calls, time=time))
    assert client.get("/v1/admin/model").json()["calls"] == {"ok": 2, "model_slow": 1}
