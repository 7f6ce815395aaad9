"""The container's files: they name what is there, their secrets come from outside, and the linters have nothing to say."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from zhiyin.settings import names

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
VARIABLES = {f"ZHIYIN_{name.replace('.', '__')}".upper() for name in names()}


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile with its arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def compose() -> dict[str, Any]:
    from ruamel.yaml import YAML

    return YAML(typ="safe").load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is of the group dev: pip install --group dev"
    return found


@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="hadolint comes for Linux on x86_64")
def test_the_linter_has_nothing_to_say_of_the_dockerfile() -> None:
    done = subprocess.run([tool("hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_compose_keeps_its_schema() -> None:
    done = subprocess.run(
        [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(ROOT / "compose.yaml")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout


def test_what_is_copied_is_there_and_not_ignored() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")]
    copied = [source for name, rest in instructions() if name == "COPY" and "--from=" not in rest for source in rest.split()[:-1]]
    assert len(copied) > 5
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(source.rstrip("/") == kept or source.startswith(f"{kept}/") for kept in allowed), source
    assert all((ROOT / kept).exists() for kept in allowed)


def test_the_extras_are_those_of_the_package() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    (asked,) = re.findall(r"'\.\[([\w,]+)\]'", DOCKERFILE)
    assert set(asked.split(",")) <= set(known)
    assert {"postgres", "redis"} <= set(asked.split(","))


def test_variables_are_settings_and_secrets_are_not_in_the_files() -> None:
    named = set(re.findall(r"ZHIYIN_\w+", DOCKERFILE + (ROOT / "compose.yaml").read_text(encoding="utf-8"))) - {"ZHIYIN_PORT"}  # of compose: the port outside
    assert named <= VARIABLES
    services = compose()["services"]
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "KEY" in name or "STORE" in name:
                assert "${" in str(value), name


def test_it_runs_without_rights_keeps_its_data_and_tells_its_health() -> None:
    final = instructions()[max(place for place, (name, _) in enumerate(instructions()) if name == "FROM") :]
    steps = dict(final)
    assert steps["USER"] == "10001:10001"
    assert "/healthz" in steps["HEALTHCHECK"]
    (volume,) = re.findall(r'"([^"]+)"', steps["VOLUME"])
    kept = dict(re.findall(r"(ZHIYIN_(?:DATA|CACHE))=(\S+)", steps["ENV"]))
    assert set(kept) == {"ZHIYIN_DATA", "ZHIYIN_CACHE"}
    assert all(place.startswith(f"{volume}/") for place in kept.values())
    zhiyin = compose()["services"]["zhiyin"]
    assert [mount.split(":")[1] for mount in zhiyin["volumes"]] == [volume]
    assert all(port.startswith("127.0.0.1:") for port in zhiyin["ports"])  # a proxy stands before it
