"""When does asking a model to read a message pay? `confidence.py`: how sure the rules are of messages they read rightly and of messages they do not.

A message counts as read rightly where every expectation of its turn holds. The scripted conversations are messages as most users put them, `vague.jsonl`
those that say their wishes in a roundabout way. For each threshold: which share of either a model would be asked about (`llm.ask_below`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from conversing import NOW, SCRIPTS, holds, load_checks  # the benchmark beside this one
from zhiyin.bootstrap import App, build
from zhiyin.cli.controls import Talk, control
from zhiyin.errors import ControlError
from zhiyin.settings import read_settings
from zhiyin.types import Turn
from zhiyin.understand.llm import confidence
from zhiyin.wire import gather, reply_json

THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


async def sureness(cases: list[dict[str, Any]], apps: dict[str, App]) -> list[tuple[float, bool]]:
    """(confidence, whether all that was expected holds) of each turn with expectations."""
    checks, found = load_checks(), list[tuple[float, bool]]()
    for case in cases:
        app, talk, past = apps[case["domain"]], Talk.fresh(), list[dict[str, Any]]()
        for turn in case["turns"]:
            if turn["say"].startswith("/"):
                with suppress(ControlError):
                    await control(turn["say"], app, talk)
                continue
            reply = await gather(app.engine.answer(Turn(session=talk.session, user=talk.user, text=turn["say"], time=NOW)))
            answer = dict(reply_json(reply, app.catalog))
            if expected := turn.get("expect"):
                right = all(holds(checks.CHECKS[name], want, answer, past) for name, want in expected.items())
                found.append((confidence(reply.understood.understanding, turn["say"]), right))
            past.append(answer)
    return found


def read_cases(path: Path) -> list[dict[str, Any]]:
    """The conversations of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


async def run(scripted: list[dict[str, Any]], vague: list[dict[str, Any]]) -> None:
    """Print the table."""
    apps = {domain: build(read_settings(domain=domain, store="memory:")) for domain in ("movies", "phones")}
    plain, told = await sureness(scripted, apps), await sureness(vague, apps)
    groups = {
        "scripted, right": [c for c, r in plain if r],
        "scripted, wrong": [c for c, r in plain if not r],
        "vague, right": [c for c, r in told if r],
        "vague, wrong": [c for c, r in told if not r],
    }
    print("| asked below | " + " | ".join(f"{name} ({len(values)})" for name, values in groups.items()) + " |\n|---|" + "---|" * len(groups))
    for threshold in THRESHOLDS:
        print(f"| {threshold} | " + " | ".join(f"{np.mean([c < threshold for c in values]):.0%}" if values else "-" for values in groups.values()) + " |")
    for app in apps.values():
        await app.engine.close()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vague", type=Path, default=Path(__file__).parent / "vague.jsonl")
    scripted = [case for name in ("dev", "movies", "phones") for case in read_cases(SCRIPTS / f"{name}.jsonl")]
    asyncio.run(run(scripted, read_cases(parser.parse_args().vague)))


if __name__ == "__main__":
    main()
