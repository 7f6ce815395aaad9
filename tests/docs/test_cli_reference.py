"""Every command and option is documented: on the reference page as the program tells it, in the README's table by name."""

from __future__ import annotations

import re

import pytest
from cli_reference import PAGE, commands, page

from zhiyin.cli.commands import run

README = (PAGE.parents[2] / "README.md").read_text(encoding="utf-8")
NAMES = [name for name, _ in commands()]


def test_the_page_is_what_the_program_tells() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python tests/docs/cli_reference.py writes it anew"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_and_each_of_its_options_says_what_it_does(name: str) -> None:
    command = dict(commands())[name]
    assert command.help
    assert [p.name for p in command.params if p.name != "help" and not getattr(p, "help", "")] == []


def test_the_readme_names_every_command() -> None:
    cells = [line.split(" | ")[0] for line in README.splitlines() if line.startswith("| `zhiyin ")]

    def told(name: str) -> bool:
        first, *rest = name.split()[1:]
        return any(cell.startswith(f"| `zhiyin {first}") and all(re.search(rf"\b{word}\b", cell) for word in rest) for cell in cells)

    assert [name for name in NAMES if not told(name)] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Usage: zhiyin"),
        (["config"], "Usage: zhiyin config"),
        (["nonsense"], "No such command 'nonsense'.\nTry: zhiyin --help"),
        (["init"], "Missing argument 'DIR'.\nTry: zhiyin init --help"),
        (["users", "list", "--limit", "0"], "Invalid value for '--limit'"),
        (["chat", "--nonsense"], "Try: zhiyin chat --help"),
    ],
)
def test_what_is_no_command_says_so_and_where_to_read_on(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    printed = capsys.readouterr()
    assert told in printed.out + printed.err
    assert "error: \n" not in printed.err


def test_a_file_that_is_not_there_is_not_taken_for_a_pack(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", "no-such-file.csv"]) == 4
    assert "no-such-file.csv: there is no such file" in capsys.readouterr().err


def test_commands_that_read_speak_json() -> None:
    silent = {name for name, command in commands() if not any("--json" in p.opts for p in command.params)}
    acting = {"zhiyin serve", "zhiyin demo", "zhiyin mcp", "zhiyin init", "zhiyin import", "zhiyin data add", "zhiyin data remove"}
    acting |= {"zhiyin model add", "zhiyin model remove", "zhiyin model write"}
    text = {"zhiyin config schema", "zhiyin prompts show", "zhiyin prompts diff"}  # a schema is JSON already; a prompt is a text
    assert silent == acting | text
