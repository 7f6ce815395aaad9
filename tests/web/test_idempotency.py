"""`Idempotency-Key`: the same request twice has one effect."""

from __future__ import annotations

import threading

import pytest
from fastapi import APIRouter

from conftest import House
from zhiyin.web.bodies import Body
from zhiyin.web.callers import Who
from zhiyin.web.idempotency import Once
from zhiyin.web.problems import Problem


class Order(Body):
    item: str
    fail: bool = False


@pytest.fixture
def orders(house: House) -> list[str]:
    """What was done, by a door that takes the key."""
    done: list[str] = []
    router = APIRouter(route_class=Once)

    @router.post("/v1/orders", status_code=201)
    async def order(body: Order, caller: Who) -> dict[str, int]:
        if body.fail:
            raise Problem(409, "conflict", "not now")
        done.append(body.item)
        return {"order": len(done)}

    house.app.include_router(router)
    return done


KEY = {"idempotency-key": "7f3a-0001"}


def test_the_second_time_the_first_answer_is_given_again(house: House, orders: list[str]) -> None:
    client = house.client()
    first = client.post("/v1/orders", json={"item": "ember"}, headers=KEY)
    again = client.post("/v1/orders", json={"item": "ember"}, headers=KEY)
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, {"order": 1})
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert orders == ["ember"]


def test_without_a_key_or_with_another_it_is_done_again(house: House, orders: list[str]) -> None:
    client = house.client()
    for headers in ({}, {}, KEY, {"idempotency-key": "7f3a-0002"}):
        client.post("/v1/orders", json={"item": "ember"}, headers=headers)
    assert orders == ["ember"] * 4


def test_the_same_key_with_another_body_is_a_mistake(house: House, orders: list[str]) -> None:
    client = house.client()
    client.post("/v1/orders", json={"item": "ember"}, headers=KEY)
    answer = client.post("/v1/orders", json={"item": "glow"}, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert orders == ["ember"]


def test_keys_of_others_are_not_mine(house: House, orders: list[str]) -> None:
    for _ in range(2):
        house.client(visitor=house.visitor()[1]).post("/v1/orders", json={"item": "ember"}, headers=KEY)
    assert orders == ["ember", "ember"]


def test_what_failed_can_be_tried_again(house: House, orders: list[str]) -> None:
    client = house.client()
    assert client.post("/v1/orders", json={"item": "ember", "fail": True}, headers=KEY).status_code == 409
    assert client.post("/v1/orders", json={"itm": "ember"}, headers=KEY).status_code == 400
    assert client.post("/v1/orders", json={"item": "ember"}, headers=KEY).status_code == 201
    assert orders == ["ember"]


def test_after_a_day_the_key_is_free(house: House, orders: list[str]) -> None:
    client = house.client()
    client.post("/v1/orders", json={"item": "ember"}, headers=KEY)
    house.clock.forward(hours=23, minutes=59)
    client.post("/v1/orders", json={"item": "ember"}, headers=KEY)
    assert orders == ["ember"]
    house.clock.forward(minutes=2)
    client.post("/v1/orders", json={"item": "ember"}, headers=KEY)
    assert orders == ["ember", "ember"]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_a_key_that_is_none_is_named(house: House, orders: list[str], key: str) -> None:
    answer = house.client().post("/v1/orders", json={"item": "ember"}, headers={"idempotency-key": key})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "idempotency-key"
    assert orders == []


def test_two_at_once_are_done_once(house: House) -> None:
    begun, go, done = threading.Event(), threading.Event(), []
    router = APIRouter(route_class=Once)

    @router.post("/v1/slow-orders")
    def order(body: Order) -> dict[str, int]:  # in a thread
        begun.set()
        go.wait(10)
        done.append(body.item)
        return {"order": len(done)}

    house.app.include_router(router)
    first: list[int] = []
    thread = threading.Thread(target=lambda: first.append(house.client().post("/v1/slow-orders", json={"item": "ember"}, headers=KEY).status_code))
    thread.start()
    try:
        assert begun.wait(10)
        second = house.client().post("/v1/slow-orders", json={"item": "ember"}, headers=KEY)
        assert (second.status_code, second.json()["code"], second.headers["retry-after"]) == (409, "conflict", "1")
        other = house.client().post("/v1/slow-orders", json={"item": "glow"}, headers=KEY)
        assert other.status_code == 422
    finally:
        go.set()
        thread.join()
    assert first == [200]
    third = house.client().post("/v1/slow-orders", json={"item": "ember"}, headers=KEY)
    assert (third.json(), third.headers["idempotent-replayed"], done) == ({"order": 1}, "true", ["ember"])
