"""The built pages and the page of the interface."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.testclient import TestClient

from conftest import HERE, House
from zhiyin.web.pages import page_routes

CODE = b"console.log('zhiyin')" * 20


@pytest.fixture
def built(tmp_path: Path) -> TestClient:
    """A client of the pages of a folder like the one that `make page` fills."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>知音</title>", encoding="utf-8")
    (tmp_path / "embed.js").write_bytes(CODE)
    (tmp_path / "assets" / "app-4f3a.js").write_bytes(CODE)
    (tmp_path / "assets" / "app-4f3a.js.gz").write_bytes(gzip.compress(CODE))
    (tmp_path / "assets" / "app-4f3a.js.br").write_bytes(b"as brotli would have it")
    (tmp_path / "assets" / "app-4f3a.css").write_text("body{}")
    (tmp_path / "assets" / "notes.gz").write_bytes(b"not the squeezed form of anything")
    return TestClient(Starlette(routes=page_routes(tmp_path)), base_url=HERE)


def test_pages_are_found_under_their_names_with_their_types(built: TestClient) -> None:
    found = {path: built.get(path).headers["content-type"] for path in ("/", "/embed.js", "/assets/app-4f3a.js", "/assets/app-4f3a.css")}
    assert found == {
        "/": "text/html; charset=utf-8",
        "/embed.js": "text/javascript; charset=utf-8",
        "/assets/app-4f3a.js": "text/javascript; charset=utf-8",
        "/assets/app-4f3a.css": "text/css; charset=utf-8",
    }
    assert "知音" in built.get("/").text
    assert built.get("/assets/nothing.js").status_code == 404
    assert built.get("/assets/../index.html").status_code in {200, 404}
    assert built.get("/assets/%2e%2e/%2e%2e/etc/passwd").status_code == 404


def test_names_with_a_hash_are_kept_for_ever_and_others_are_asked_for(built: TestClient) -> None:
    assert "immutable" in built.get("/assets/app-4f3a.js").headers["cache-control"]
    page = built.get("/")
    assert page.headers["cache-control"] == "no-cache"
    for tag in (page.headers["etag"], f"W/{page.headers['etag']}", f'"old", {page.headers["etag"]}'):
        again = built.get("/", headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
    assert built.get("/", headers={"if-none-match": '"old"'}).status_code == 200


@pytest.mark.parametrize(("accepted", "coding"), [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("identity", ""), ("", ""), ("br;q=0, gzip;q=0.5", "gzip")])
def test_the_best_encoding_that_is_taken_is_sent(built: TestClient, accepted: str, coding: str) -> None:
    with built.stream("GET", "/assets/app-4f3a.js", headers={"accept-encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding", "") == coding
    assert answer.headers["vary"] == "accept-encoding"
    assert coding == "gzip" or raw == {"br": b"as brotli would have it", "": CODE}[coding]
    if coding == "gzip":
        assert gzip.decompress(raw) == CODE


def test_other_websites_may_load_the_widget_and_not_the_page(built: TestClient) -> None:
    assert built.get("/embed.js").headers["cross-origin-resource-policy"] == "cross-origin"
    assert "access-control-allow-origin" not in built.get("/").headers


def test_a_page_that_was_not_built_says_how(tmp_path: Path) -> None:
    client = TestClient(Starlette(routes=page_routes(tmp_path / "nothing")))
    for path in ("/", "/admin"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "make page" in answer.text


def test_the_page_of_the_interface_lists_every_operation_and_loads_nothing_from_elsewhere(house: House) -> None:
    page = house.client().get("/docs").text
    schema = house.client().get("/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    operations = [(method.upper(), path) for path, methods in schema["paths"].items() for method in methods]
    assert len(operations) >= 4
    for method, path in operations:
        assert f"<b>{method}</b> {path}<" in page
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == ["/docs/style.css", "/openapi.json"]
    assert "style=" not in page
    assert "<script" not in page
    assert house.client().get("/docs/style.css").headers["content-type"].startswith("text/css")


def test_every_operation_is_described(house: House) -> None:
    app: FastAPI = house.app
    bare = [f"{method} {path}" for path, methods in app.openapi()["paths"].items() for method, spec in methods.items() if not spec.get("description")]
    assert bare == []
