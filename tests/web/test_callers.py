"""Who is calling, and what they may."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from conftest import HERE, House
from zhiyin.errors import ControlError
from zhiyin.settings import HttpSettings
from zhiyin.types import Fed, ItemId, SessionId, UserId
from zhiyin.web.belonging import owner_of
from zhiyin.web.callers import Admin, Caller, Server, Who
from zhiyin.web.problems import Problem

SHOP = "https://shop.example"


@pytest.fixture
def http_settings() -> HttpSettings:
    return HttpSettings.model_validate({"access_log": False, "origins": SHOP})


@pytest.fixture
def doors(house: House) -> House:
    """The house with a door for each scope."""

    @house.app.get("/v1/who")
    async def who(caller: Who, user: str | None = None) -> dict[str, str]:
        return {"kind": caller.kind, "user": caller.acting_as(user)}

    @house.app.get("/v1/servers")
    async def servers(caller: Server) -> dict[str, str]:
        return {"kind": caller.kind}

    @house.app.get("/v1/admins")
    async def admins(caller: Admin) -> dict[str, str]:
        return {"kind": caller.kind}

    return house


def statuses(client: TestClient) -> list[int]:
    return [client.get(path).status_code for path in ("/v1/who", "/v1/servers", "/v1/admins")]


def test_without_any_key_this_machine_may_do_everything(doors: House) -> None:
    assert statuses(doors.client()) == [200, 200, 200]
    assert statuses(doors.client(base_url="http://localhost:8000")) == [200, 200, 200]
    assert statuses(doors.client(base_url="http://[::1]:8000", address="::1")) == [200, 200, 200]


def test_a_key_opens_the_doors_of_its_scope(doors: House) -> None:
    browser, server, admin = (doors.key(scope) for scope in ("browser", "server", "admin"))
    _, token = doors.visitor()
    assert [key[:3] for key in (browser, server, admin)] == ["pk_", "sk_", "ak_"]
    assert all(len(key) == 46 for key in (browser, server, admin))
    assert statuses(doors.client(key=browser, visitor=token)) == [200, 403, 403]
    assert statuses(doors.client(key=server)) == [200, 200, 403]
    assert statuses(doors.client(key=admin)) == [200, 200, 200]
    assert statuses(doors.client()) == [401, 401, 401]
    assert statuses(doors.client(headers={"x-api-key": server})) == [200, 200, 403]


@pytest.mark.parametrize("key", ["sk_wrong", "pk_" + "0" * 43, "sk_", "sk_" + "x" * 5000])
def test_a_wrong_key_is_a_401_in_local_mode_and_out_of_it(doors: House, key: str) -> None:
    header = {"authorization": f"Bearer {key}"}
    assert doors.client().get("/v1/who", headers=header).status_code == 401
    doors.key("server")
    answer = doors.client().get("/v1/who", headers=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "xxxx" not in answer.text


@pytest.mark.parametrize("word", ["nonsense", "none", "sk-proj-of-another-service", "Ω", "skunk"])
def test_what_is_no_key_of_ours_counts_for_nothing_in_local_mode_and_opens_nothing_out_of_it(doors: House, word: str) -> None:
    header = {"authorization": f"Bearer {word}".encode()}
    local = doors.client(base_url="http://localhost:8000")
    assert local.get("/v1/who", headers=header).status_code == 200
    assert doors.client(base_url="http://shop.example").get("/v1/who", headers=header).status_code == 403
    doors.key("server")
    assert local.get("/v1/who", headers=header).status_code == 401


def test_a_revoked_key_is_refused_within_a_second_and_leaves_nobody_in_local_mode(doors: House) -> None:
    text, key = doors.run(doors.service.keys.add, "shop", "server")
    client = doors.client(key=text)
    assert client.get("/v1/servers").status_code == 200
    other = type(doors.service.keys)(doors.store, doors.clock, now=doors.clock.seconds)  # another worker's view
    assert doors.run(other.find, text) is not None
    doors.run(doors.service.keys.revoke, "shop")
    assert client.get("/v1/servers").status_code == 401
    doors.clock.forward(seconds=1)
    assert doors.run(other.find, text) is None
    assert doors.client().get("/v1/who").status_code == 401
    with pytest.raises(ControlError, match="no key 'shop' in use"):
        doors.run(doors.service.keys.revoke, "shop")
    (kept,) = doors.run(doors.service.keys.every)
    assert (kept.id, kept.name, bool(kept.revoked)) == (key.id, "shop", True)


def test_two_keys_of_one_name_are_told_apart_by_id(doors: House) -> None:
    _, first = doors.run(doors.service.keys.add, "shop", "server")
    doors.run(doors.service.keys.add, "shop", "server")
    with pytest.raises(ControlError, match="2 keys are called 'shop'"):
        doors.run(doors.service.keys.revoke, "shop")
    assert doors.run(doors.service.keys.revoke, first.id).revoked


def test_the_store_holds_no_key_that_could_be_used(doors: House) -> None:
    text = doors.key("admin")
    (record,) = doors.run(lambda: doors.store.page("key"))
    assert text not in f"{record.key}{record.value}"
    assert text[3:] not in f"{record.key}{record.value}"


def test_the_day_of_the_last_use_is_kept(doors: House) -> None:
    text = doors.key("server")
    (before,) = doors.run(doors.service.keys.every)
    assert before.used == ""
    doors.client(key=text).get("/v1/who")
    (after,) = doors.run(doors.service.keys.every)
    assert after.used == doors.clock().date().isoformat()


def test_a_name_of_somebody_elses_that_leads_here_is_refused(doors: House) -> None:
    """DNS rebinding: a website's own name resolves to 127.0.0.1, and its page asks us with that name."""
    answer = doors.client(base_url="http://evil.example:8000").get("/v1/who")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "zhiyin keys add" in answer.json()["detail"]


def test_another_machine_or_a_proxy_is_refused_without_a_key(doors: House) -> None:
    assert doors.client(address="192.0.2.7").get("/v1/who").status_code == 403
    assert doors.client(headers={"x-forwarded-for": "192.0.2.7"}).get("/v1/who").status_code == 403


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:9999"}, {"sec-fetch-site": "cross-site"}])
def test_a_page_of_another_website_cannot_drive_a_local_server(doors: House, headers: dict[str, str]) -> None:
    assert doors.client(headers=headers).get("/v1/who").status_code == 403
    assert doors.client(headers=headers).post("/v1/visitors").status_code == 403


def test_our_own_page_and_the_named_websites_may_call(doors: House) -> None:
    for headers in ({"origin": HERE}, {"sec-fetch-site": "same-origin"}, {"origin": SHOP, "sec-fetch-site": "cross-site"}):
        assert doors.client(headers=headers).post("/v1/visitors").status_code == 201


def test_a_browser_key_works_on_the_named_websites_only(doors: House) -> None:
    key, (_, token) = doors.key("browser"), doors.visitor()
    assert doors.client(key=key, visitor=token, headers={"origin": SHOP}).get("/v1/who").status_code == 200
    assert doors.client(key=key, visitor=token, headers={"origin": "https://evil.example"}).get("/v1/who").status_code == 403


def test_a_named_website_gets_what_browsers_ask_first(doors: House) -> None:
    ask = {"origin": SHOP, "access-control-request-method": "POST", "access-control-request-headers": "authorization,x-zhiyin-visitor,content-type"}
    answer = doors.client().options("/v1/visitors", headers=ask)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, SHOP)
    assert doors.client().options("/v1/visitors", headers={**ask, "origin": "https://evil.example"}).status_code == 400
    real = doors.client(headers={"origin": SHOP}).post("/v1/visitors")
    assert real.headers["access-control-allow-origin"] == SHOP
    assert "x-request-id" in real.headers["access-control-expose-headers"]


def test_a_visitor_is_known_again_by_its_token(doors: House) -> None:
    key = doors.key("browser")
    made = doors.client(key=key).post("/v1/visitors").json()
    client = doors.client(key=key, visitor=made["token"])
    assert client.get("/v1/who").json()["user"] == f"visitor:{made['visitor_id']}"
    other = doors.client(key=key).post("/v1/visitors").json()
    assert other["visitor_id"] != made["visitor_id"]


def test_a_token_that_was_not_made_here_is_refused(doors: House) -> None:
    _, token = doors.visitor()
    flipped = ("A" if token[0] != "A" else "B") + token[1:]
    for wrong in (flipped, token + "AAAA", token[:10], "visitor", "é", "x" * 9999, "====", token.replace(token[5], "*")):
        answer = doors.client().get("/v1/who", headers={"x-zhiyin-visitor": wrong.encode()})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), wrong


def test_a_browser_acts_as_its_visitor_and_names_nobody(doors: House) -> None:
    key, (user, token) = doors.key("browser"), doors.visitor()
    assert doors.client(key=key, visitor=token).get("/v1/who").json()["user"] == user
    assert doors.client(key=key, visitor=token).get("/v1/who?user=boss").status_code == 403
    assert doors.client(key=key).get("/v1/who").status_code == 401


def test_a_server_names_its_user_or_gets_a_new_one(doors: House) -> None:
    client = doors.client(key=doors.key("server"))
    assert client.get("/v1/who?user=ann").json()["user"] == "ann"
    first, second = (client.get("/v1/who").json()["user"] for _ in range(2))
    assert first.startswith("anonymous-")
    assert first != second


def test_where_the_page_is_public_our_own_page_needs_no_key_and_others_do(doors: House) -> None:
    doors.key("server")
    open_house = doors.service.settings.http.model_copy(update={"public_page": True})
    object.__setattr__(doors.service, "settings", doors.service.settings.model_copy(update={"http": open_house}))
    _, token = doors.visitor()
    assert statuses(doors.client(visitor=token, headers={"sec-fetch-site": "same-origin"})) == [200, 403, 403]
    assert statuses(doors.client(visitor=token, headers={"origin": HERE})) == [200, 403, 403]
    assert statuses(doors.client(visitor=token)) == [401, 401, 401]
    assert statuses(doors.client(visitor=token, headers={"origin": "https://evil.example"})) == [401, 401, 401]


def test_a_session_belongs_to_the_user_of_its_first_event(house: House) -> None:
    async def kept() -> None:
        await house.store.append(SessionId("s"), UserId("ann"), Fed(user=UserId("ann"), kind="like", item=ItemId("glow"), time=house.clock()))

    house.run(kept)
    who = {kind: Caller(kind=kind) for kind in ("server", "admin", "local")}
    for caller in who.values():
        assert house.run(owner_of, house.service, caller, "s") == "ann"
        assert house.run(owner_of, house.service, caller, "s", "ann") == "ann"
        for session, named in (("s", "bob"), ("t", None)):
            with pytest.raises(Problem) as trouble:
                house.run(owner_of, house.service, caller, session, named)
            assert (trouble.value.status, trouble.value.code) == (404, "not_found")
    for caller in (Caller(kind="browser", visitor="ff"), Caller(kind="local", visitor="ff")):
        with pytest.raises(Problem, match="no such session"):
            house.run(owner_of, house.service, caller, "s")


class TestRates:
    @pytest.fixture
    def http_settings(self) -> HttpSettings:
        return HttpSettings.model_validate({"access_log": False, "requests": 3, "address_requests": 5, "key_requests": 4})

    def test_a_visitor_may_ask_so_often_and_is_told_when_again(self, doors: House) -> None:
        _, token = doors.visitor()
        client = doors.client(visitor=token)
        answers = [client.get("/v1/who") for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert answers[-1].json()["code"] == "rate_limited"
        wait = int(answers[-1].headers["retry-after"])
        assert 1 <= wait <= 20
        doors.clock.forward(seconds=wait)
        assert client.get("/v1/who").status_code == 200
        assert doors.client(visitor=doors.visitor()[1]).get("/v1/who").status_code == 200

    def test_new_tokens_do_not_get_a_browser_around_the_rate_of_its_address(self, doors: House) -> None:
        key = doors.key("browser")
        got = [doors.client(key=key, visitor=doors.visitor()[1]).get("/v1/who").status_code for _ in range(6)]
        assert got == [200, 200, 200, 200, 200, 429]
        assert doors.client(key=key, visitor=doors.visitor()[1], address="192.0.2.9").get("/v1/who").status_code == 200

    def test_a_server_key_has_a_rate_of_its_own(self, doors: House) -> None:
        one, two = doors.key("server", "one"), doors.key("server", "two")
        assert [doors.client(key=one).get("/v1/who").status_code for _ in range(5)] == [200, 200, 200, 200, 429]
        assert doors.client(key=two).get("/v1/who").status_code == 200

    def test_this_machine_alone_has_no_rate(self, doors: House) -> None:
        assert {doors.client().get("/v1/who").status_code for _ in range(8)} == {200}
