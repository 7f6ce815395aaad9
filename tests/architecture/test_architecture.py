"""What the design promises of the source itself: size, layers that stay light, honest errors, documented names, settings that are read."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import pytest
from pydantic import BaseModel

import zhiyin
from zhiyin import errors, ports
from zhiyin.settings import Settings, names

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "zhiyin"
SHARED = ROOT.parent / "shared" / "conversations"
MODULES = sorted(SOURCE.rglob("*.py"))
NAMES = [str(path.relative_to(SOURCE)) for path in MODULES]

MODULE_LINES, FUNCTION_LINES, PORT_METHODS = 400, 50, 5
RAISED = {"types.py": 520}  # limits an ADR raised, by module
HEAVY = {"numpy", "scipy", "pydantic", "openai"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(maxsize=256)
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def nodes(kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> Iterator[tuple[str, ast.AST]]:
    """Every node of a kind in the source, with where it stands."""
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, kind):
                yield f"{path.relative_to(SOURCE)}:{getattr(node, 'lineno', 0)}", node


# --- errors ---


def drawn_errors() -> dict[str, str]:
    """Error -> its base, as the drawing in errors.py has them."""
    bases: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if m := re.match(r"([│├└─\s]*)([A-Z]\w+)\b", line):
            depth = len(m[1])
            while above and above[-1][0] >= depth:
                above.pop()
            if m[1].strip(" ") or m[2] == "ZhiyinError":
                bases[m[2]] = above[-1][1] if above else "Exception"
                above.append((depth, m[2]))
    return bases


def test_the_drawing_of_the_errors_is_their_class_tree() -> None:
    classes = {name: value for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    assert drawn_errors() == {name: value.__base__.__name__ for name, value in classes.items()}


def test_bases_of_errors_end_in_error_and_each_says_what_it_is() -> None:
    drawing = drawn_errors()
    assert len(drawing) >= 10
    for name, base in drawing.items():
        assert base == "Exception" or base.endswith("Error"), name
        assert getattr(errors, name).__doc__


def test_an_error_carries_its_hint_as_a_note() -> None:
    error = errors.StoreError("the log cannot be opened", hint="Move the file aside")
    assert error.hint == "Move the file aside"
    assert error.__notes__ == ["Move the file aside"]
    assert error.retryable
    assert not hasattr(errors.PackError("x"), "__notes__")


def test_only_the_outermost_border_catches_everything() -> None:
    def caught(node: ast.AST) -> set[str]:
        assert isinstance(node, ast.ExceptHandler)
        if isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None:
            return set()  # it cleans up and raises again
        if node.type is None:
            return {"everything"}
        return {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}

    wide = [place.split(":")[0] for place, node in nodes(ast.ExceptHandler) if caught(node) & {"everything", "Exception", "BaseException"}]
    assert wide == ["cli/border.py", "web/border.py"]


# --- size ---


@pytest.mark.parametrize("name", NAMES)
def test_no_module_outgrows_its_limit(name: str) -> None:
    lines = len((SOURCE / name).read_text(encoding="utf-8").splitlines())
    assert lines <= RAISED.get(name, MODULE_LINES)


def test_a_raised_limit_is_needed() -> None:
    for name in RAISED:
        assert len((SOURCE / name).read_text(encoding="utf-8").splitlines()) > MODULE_LINES, f"{name} is small enough again"


def test_no_function_outgrows_its_limit() -> None:
    long = [f"{place} {node.name}" for place, node in nodes((ast.FunctionDef, ast.AsyncFunctionDef)) if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES]
    assert long == []


def test_ports_stay_small() -> None:
    found = {name: value for name, value in vars(ports).items() if inspect.isclass(value) and Protocol in value.__bases__}
    assert len(found) >= 6
    for name, port in found.items():
        methods = [m for m, value in vars(port).items() if (inspect.isfunction(value) or isinstance(value, property)) and (m == "__call__" or not m.startswith("_"))]
        assert 1 <= len(methods) <= PORT_METHODS, name


# --- imports ---


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_importing_zhiyin_loads_nothing_heavy() -> None:
    code = "import sys, zhiyin; zhiyin.__version__; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert "zhiyin" in loaded
    assert loaded & (HEAVY | {"pytest", "rich", "typer", "tantivy"}) == set()


def test_torch_is_never_imported() -> None:
    assert [place for place, node in nodes((ast.Import, ast.ImportFrom)) if any(name.partition(".")[0] in {"torch", "transformers", "tensorflow"} for name in imported(node))] == []


def test_pytest_is_imported_by_the_contracts_only() -> None:
    places = [place for place, node in nodes((ast.Import, ast.ImportFrom)) if any(name.partition(".")[0] in {"pytest", "pytest_asyncio", "hypothesis"} for name in imported(node))]
    assert {place.split("/")[0].split("\\")[0] for place in places} == {"testing"}


def test_types_imports_nothing_of_ours() -> None:
    for name in ("types.py", "errors.py", "text.py"):
        ours = [m for node in ast.walk(tree_of(SOURCE / name)) for m in imported(node) if m.partition(".")[0] == "zhiyin"]
        assert ours == [], name


def test_every_module_can_be_imported() -> None:
    for module in pkgutil.walk_packages(zhiyin.__path__, "zhiyin."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def test_every_public_name_of_the_package_is_there() -> None:
    for name in zhiyin.__all__:
        assert getattr(zhiyin, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = zhiyin.nonsense


# --- names ---


def undocumented(node: ast.AST, path: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
            if not ast.get_docstring(child):
                yield f"{path}:{child.lineno} {child.name}"
            if isinstance(child, ast.ClassDef):
                yield from undocumented(child, path)


def test_everything_public_says_what_it_gives() -> None:
    assert [place for path in MODULES for place in undocumented(tree_of(path), str(path.relative_to(SOURCE)))] == []


def test_every_module_says_what_it_is() -> None:
    assert [name for name, path in zip(NAMES, MODULES, strict=True) if not ast.get_docstring(tree_of(path))] == []


def test_no_name_says_nothing() -> None:
    empty = {"manager", "helper", "helpers", "utils", "util", "misc", "common", "handler", "processor"}
    assert [name for name in NAMES if set(re.split(r"[/_.]", name)) & empty] == []
    assert [f"{place} {node.name}" for place, node in nodes(ast.ClassDef) if set(re.findall(r"[A-Z][a-z]+", node.name)) & {word.title() for word in empty}] == []


# --- settings, packs, shared files ---


def holds_settings(node: ast.expr, part: str) -> bool:
    """Whether an expression is the settings (part "") or a part of them: `settings`, `self.settings`; `settings.llm`, `llm_settings`."""
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    if not part:
        return name.endswith("settings")
    return name.endswith(f"{part}_settings") or (name == part and isinstance(node, ast.Attribute) and holds_settings(node.value, ""))


PARTS = {name: field.annotation for name, field in Settings.model_fields.items() if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)}


@lru_cache(maxsize=256)
def settings_read(path: Path) -> frozenset[str]:
    """The settings a module reads, those of a part as `llm.NAME`, also by a name of its own (`own = settings.llm`)."""
    tree = tree_of(path)
    assigned = [(a.targets[0].id, a.value) for a in ast.walk(tree) if isinstance(a, ast.Assign) and isinstance(a.targets[0], ast.Name)]
    own = {name: part for name, value in assigned for part in PARTS if holds_settings(value, part)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if holds_settings(node.value, ""):
                found.add(node.attr)
            found |= {f"{part}.{node.attr}" for part in PARTS if holds_settings(node.value, part)}
            if isinstance(node.value, ast.Name) and node.value.id in own:
                found.add(f"{own[node.value.id]}.{node.attr}")
    return frozenset(found)


@pytest.mark.parametrize("setting", names())
def test_every_setting_is_read_somewhere(setting: str) -> None:
    assert any(setting in settings_read(path) for path in MODULES if path.name != "settings.py")


@pytest.mark.parametrize("setting", names())
def test_every_setting_is_described(setting: str) -> None:
    part, _, name = setting.rpartition(".")
    fields = PARTS[part].model_fields if part else Settings.model_fields
    assert fields[name].description


def test_a_domain_is_a_folder_of_data() -> None:
    packs = [path.parent for path in (SOURCE / "domains").glob("*/domain.toml")]
    assert len(packs) >= 2
    assert [path for pack in packs for path in pack.rglob("*.py")] == []


@pytest.mark.shared
@pytest.mark.parametrize("name", ["run.py", "dev.jsonl"])
def test_the_shared_conversations_are_ours(name: str) -> None:
    if not SHARED.is_dir() and not os.environ.get("CI"):  # not a setting of ours: the name every CI service sets
        pytest.skip("the team's shared folder is not here")
    assert (ROOT / "tests" / "conversations" / name).read_bytes() == (SHARED / name).read_bytes()


# --- the tests themselves ---


def test_no_test_can_leave_this_machine() -> None:
    with socket.socket() as sock, pytest.raises(RuntimeError, match="stay on this machine"):
        sock.connect(("192.0.2.1", 80))
    with pytest.raises(RuntimeError, match="stay on this machine"):
        socket.create_connection(("example.org", 443), timeout=1)


def test_tests_may_talk_to_themselves() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5) as client:
        assert client.getpeername() == server.getsockname()
