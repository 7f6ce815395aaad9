"""Every operation of the interface as it describes itself, sent what fits its description and what does not: never a fault of ours, and every no says why.

In CI a few dozen cases an operation, always the same; for longer: `ZHIYIN_FUZZ=1000 pytest tests/web/test_schema_fuzz.py`, a thousand an operation, others each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance
from starlette.testclient import TestClient

from zhiyin.settings import HttpSettings, Settings
from zhiyin.web.app import create_app
from zhiyin.web.service import open_service

LONGER = int(os.environ.get("ZHIYIN_FUZZ", "0"))
CASES = 8  # an operation and kind of cases, in CI: there are some fifty operations
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
HTTP = HttpSettings.model_validate({"access_log": False, "requests": 0, "turns": 0, "address_requests": 0, "resume_seconds": 0.1})
OPENAI = ("/v1/chat/completions", "/v1/models")
STREAM = "text/event-stream"  # an event of it is described in docs/reference/http.md: OpenAPI has no words for that
DESCRIBED = {op.ok().label: op.ok() for op in schemathesis.openapi.from_dict(create_app(Settings(http=HTTP), pytest.fail).openapi()).get_all_operations()}
KINDS = [
    pytest.param(label, mode, id=f"{label}-{mode.value}")
    for label, op in sorted(DESCRIBED.items())
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or op.query.items or op.body.items  # of a path alone nothing is wrong but an id: see test_bad_input.py
]
searched = settings(max_examples=LONGER or CASES, deadline=None, derandomize=not LONGER, database=None, suppress_health_check=list(HealthCheck))


class Served:
    """The application over the phones, with one conversation in it to ask about."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.real: dict[str, str] = {}

    def talk(self) -> None:
        """A conversation anew: operations that delete are among those that are asked."""
        told = self.client.post("/v1/chat", json={"message": {"text": "想买 5000 以内拍照好的手机"}, "user": "ann"}).json()
        self.real = {"session_id": told["session_id"], "user_id": "ann", "user": "ann", "item_id": told["items"][0]["id"], "turn_id": told["turn"]}
        self.real["recommendation_id"] = told["recommendation_id"]

    def ask(self, case: schemathesis.Case) -> Any:
        """The answer to a case: prepared as it would go over the network, sent over ASGI."""
        ready = requests.Request(**case.as_transport_kwargs(base_url="http://127.0.0.1:8000")).prepare()
        headers = {name: value for name, value in ready.headers.items() if name.lower() not in {"authorization", "x-api-key", "cookie", "x-zhiyin-visitor"}}
        return self.client.request(ready.method or "GET", ready.url or "", content=ready.body, headers=headers)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One application for all operations."""
    folder = tmp_path_factory.mktemp("fuzz")
    chosen = Settings(cache=folder / "cache", data=folder / "data", domain="phones", store="memory:", http=HTTP)
    app = create_app(chosen, lambda: open_service(chosen))
    with TestClient(app, base_url="http://127.0.0.1:8000", client=("127.0.0.1", 50000)) as client:
        assert client.portal is not None
        text, _ = client.portal.call(app.state.service.keys.add, "fuzz", "admin")
        client.headers["authorization"] = f"Bearer {text}"
        yield Served(client)


def with_real(case: schemathesis.Case, real: dict[str, str], chosen: bool) -> schemathesis.Case:
    """The case about things that are there, where `chosen`: else nearly every one ends at the first 404."""
    if chosen:
        for place in (case.path_parameters, case.query, case.body):
            if isinstance(place, dict):
                for name in place.keys() & real.keys():
                    place[name] = quote(real[name], safe="") if place is case.path_parameters else real[name]
    return case


@pytest.mark.parametrize(("label", "mode"), KINDS)
def test_no_operation_is_brought_down_and_every_no_says_why(served: Served, label: str, mode: GenerationMode) -> None:
    served.talk()

    @searched
    @given(case=DESCRIBED[label].as_strategy(generation_mode=mode), real=st.booleans())
    def send(case: schemathesis.Case, real: bool) -> None:
        answer = served.ask(with_real(case, served.real, real))
        streamed = answer.headers.get("content-type", "").startswith(STREAM)
        case.validate_response(answer, checks=[check for check in CHECKS if not (streamed and check is response_schema_conformance)])
        if answer.status_code >= 400 and not case.operation.path.startswith(OPENAI):
            problem = answer.json()
            assert answer.headers["content-type"] == "application/problem+json"
            assert problem["status"] == answer.status_code
            assert problem["detail"]
            assert problem["code"]
            if problem["code"] in {"invalid", "unknown_field"}:
                assert problem["errors"], problem

    send()
