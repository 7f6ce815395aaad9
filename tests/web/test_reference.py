"""The page docs/reference/http.md and what is served are the same."""

from __future__ import annotations

import re
from pathlib import Path

from conftest import House
from zhiyin.settings import HttpSettings

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "http.md").read_text(encoding="utf-8")


def test_every_operation_that_is_served_is_written_down(house: House) -> None:
    written = set(re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?]*)", PAGE))
    served = {(method.upper(), re.sub(r"\{\w+\}", "{id}", path)) for path, methods in house.app.openapi()["paths"].items() for method in methods}
    assert served - written == set()


def test_what_is_said_not_to_be_served_yet_is_not(house: House) -> None:
    """Whoever serves one of them takes it off the list."""
    line = re.search(r"^Not served yet: (.*)$", PAGE, re.MULTILINE)
    coming = set(re.findall(r"`([^`]+)`", line[1])) if line else set()
    served = {re.sub(r"\{\w+\}", "{id}", path) for path in house.app.openapi()["paths"]}
    assert coming & served == set()


def test_every_setting_of_http_is_written_down_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `http\.(\w+)` \| ?(.*?) ?\|", PAGE, re.MULTILINE))
    assert set(rows) == set(HttpSettings.model_fields)
    defaults = {name: field.default for name, field in HttpSettings.model_fields.items()}
    for name, cell in rows.items():
        told = cell.strip("`").replace(",", "") if not isinstance(defaults[name], str) else cell.strip("` ")
        default = str(defaults[name]).lower() if isinstance(defaults[name], bool) else f"{defaults[name]:g}" if isinstance(defaults[name], float) else str(defaults[name])
        assert told.strip() == default, name
