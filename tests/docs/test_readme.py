"""What the README shows is what happens."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
pytestmark = [pytest.mark.slow, pytest.mark.model]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.films
@pytest.mark.parametrize(("number", "domain"), [(0, "movies"), (1, "phones")])
def test_the_transcripts_are_true(number: int, domain: str, tmp_path: Path) -> None:
    transcript = blocks("text")[number]
    said = re.findall(r"^› (.*)$", transcript, re.MULTILINE)
    played = subprocess.run(
        [sys.executable, "-m", "zhiyin", "chat", "--domain", domain, "--store", "memory:"],
        input="\n".join(said) + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=tmp_path,
    ).stdout
    shown = [line.strip() for line in transcript.splitlines() if line.strip() and not line.startswith("›") and line.strip() != "…"]
    missing = [line for line in shown if line not in played]
    assert not missing


def test_the_python_example_runs(tmp_path: Path) -> None:
    (code,) = blocks("python")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 3


def test_every_command_of_the_table_exists(tmp_path: Path) -> None:
    named = re.findall(r"^\| `zhiyin (\w+)", README.read_text(encoding="utf-8"), re.MULTILINE)
    for name in named:
        done = subprocess.run([sys.executable, "-m", "zhiyin", name, "--help"], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
        assert done.returncode == 0, f"{name}: {done.stderr}"
