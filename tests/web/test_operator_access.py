"""Who may operate: an admin key, or the machine itself while no key exists."""

from __future__ import annotations

import pytest

GETS = [
    "/v1/admin/overview",
    "/v1/admin/sessions",
    "/v1/admin/sessions/none",
    "/v1/admin/sessions/none/turns/1/why",
    "/v1/admin/cases",
    "/v1/admin/cases.jsonl",
    "/v1/admin/catalogue",
    "/v1/admin/users",
    "/v1/admin/imports",
    "/v1/admin/imports/none",
    "/v1/admin/imports/none/errors.csv",
    "/v1/admin/model",
    "/v1/admin/settings",
    "/v1/admin/keys",
    "/v1/admin/health",
]
CHANGES = [
    ("POST", "/v1/admin/sessions/none/case", {}),
    ("DELETE", "/v1/admin/cases/none", None),
    ("POST", "/v1/admin/imports", {"name": "x.csv", "format": "csv", "kind": "items", "text": "title\nTorch\n"}),
    ("POST", "/v1/admin/model/probe", None),
    ("POST", "/v1/admin/keys", {"name": "another", "scope": "admin"}),
    ("DELETE", "/v1/admin/keys/none", None),
]


def test_every_operation_is_among_those_that_are_tried_here(house) -> None:
    served = {(method.upper(), path) for path, methods in house.app.openapi()["paths"].items() if path.startswith("/v1/admin/") for method in methods}
    assert len(served) == len(GETS) + len(CHANGES)


@pytest.mark.parametrize("path", GETS)
def test_keys_of_browsers_and_servers_read_nothing(server_client, browser_client, path: str) -> None:
    for client in (server_client, browser_client):
        answer = client.get(path)
        assert answer.status_code == 403
        assert answer.json()["code"] == "forbidden"


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_keys_of_browsers_and_servers_change_nothing(server_client, browser_client, method: str, path: str, body: object) -> None:
    for client in (server_client, browser_client):
        assert client.request(method, path, json=body).status_code == 403


@pytest.mark.parametrize("path", GETS)
def test_an_admin_key_and_the_machine_itself_may_look(house, path: str) -> None:
    here = house.client().get(path)
    assert here.status_code in {200, 404}
    assert house.client(key=house.key("admin")).get(path).status_code == here.status_code
    assert house.client().get(path).status_code == 401  # there is a key now


@pytest.mark.parametrize("path", GETS)
def test_an_unknown_parameter_is_an_error(client, path: str) -> None:
    answer = client.get(path, params={"hour": "1"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "hour"
