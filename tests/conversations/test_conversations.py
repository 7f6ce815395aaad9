"""The scripted conversations, played through the real program."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PLAYER = HERE / "run.py"


def play(cases: str, least: float, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    program = f"{sys.executable} -m zhiyin chat --json --domain {{domain}} --store memory:"
    return subprocess.run(
        [sys.executable, str(PLAYER), str(HERE / cases), "--command", program, "--min", str(least), "--show-failures"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=tmp_path,
    )


@pytest.mark.slow
@pytest.mark.films
@pytest.mark.model
@pytest.mark.parametrize(("cases", "least"), [("dev.jsonl", 0.97), ("movies.jsonl", 0.97), ("phones.jsonl", 0.97)])
def test_the_expectations_of_scripted_conversations_hold(cases: str, least: float, tmp_path: Path) -> None:
    played = play(cases, least, tmp_path)
    assert played.returncode == 0, played.stdout[-6000:] + played.stderr[-2000:]
