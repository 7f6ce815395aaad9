"""What a language model changes of conversations: `conversing.py [--model URL] [--cases FILE ...] [--limit N] [--json FILE]`.

Plays scripted conversations in this process, without and then with the model, and prints

- the expectations that hold, lost and gained, by kind of check (the checks are those of `tests/conversations/run.py`);
- sentences a model wrote, how many were withheld and why (`grounded.py` checks what was said a second time);
- times to the first card, to the first word, to a model's first sentence, and in all, as percentiles; tokens of prompts evaluated and cached.

Run it on a quiet machine. The cards' times with and without a model are of the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from zhiyin.bootstrap import App, build
from zhiyin.cli.controls import Talk, control
from zhiyin.errors import ControlError
from zhiyin.settings import read_settings
from zhiyin.types import Call, Done, Part, Shown, Turn, Understood, Words
from zhiyin.wire import Reply, reply_json

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "tests" / "conversations"


@dataclass
class Kept:
    """What one way of playing came to."""

    held: dict[tuple[str, int, str], bool] = field(default_factory=dict)  # (case, turn, check) -> whether it holds
    cards: list[float] = field(default_factory=list)  # milliseconds
    words: list[float] = field(default_factory=list)
    model_words: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    said: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)  # language, sentence, items of the turn
    withheld: list[str] = field(default_factory=list)
    replies: int = 0  # turns in which a model was asked to speak
    notices: Counter[str] = field(default_factory=Counter)


class Player:
    """Plays cases on one application a domain."""

    def __init__(self, url: str, checks: ModuleType) -> None:
        self.url, self.checks = url, checks
        self.apps: dict[str, App] = {}

    def app(self, domain: str) -> App:
        """The application over a domain, opened once."""
        if domain not in self.apps:
            self.apps[domain] = build(read_settings(domain=domain, store="memory:", llm={"url": self.url} if self.url else None))
        return self.apps[domain]

    async def play(self, cases: Sequence[Mapping[str, Any]], kept: Kept) -> None:
        """Every turn of every case."""
        for n, case in enumerate(cases):
            talk, past = Talk.fresh(), list[dict[str, Any]]()
            app = self.app(case["domain"])
            for place, turn in enumerate(case["turns"]):
                if turn["say"].startswith("/"):
                    try:
                        await control(turn["say"], app, talk)
                    except ControlError as error:
                        print(error, file=sys.stderr)
                    continue
                answer = await self._answer(app, talk, turn["say"], kept)
                for name, want in turn.get("expect", {}).items():
                    kept.held[case["id"], place, name] = holds(self.checks.CHECKS[name], want, answer, past)
                past.append(answer)
            if self.url and n % 10 == 9:
                print(f"{n + 1} of {len(cases)} conversations, {len(kept.said)} sentences said", file=sys.stderr, flush=True)

    async def _answer(self, app: App, talk: Talk, text: str, kept: Kept) -> dict[str, Any]:
        began, times, parts = time.perf_counter(), dict[str, float](), list[Part]()
        turn = Turn(session=talk.session, user=talk.user, text=text, time=NOW)
        async with aclosing(app.engine.answer(turn)) as stream:
            async for part in stream:
                now = (time.perf_counter() - began) * 1000
                match part:
                    case Shown():
                        times.setdefault("cards", now)
                    case Words():
                        times.setdefault("words", now)
                        if part.by == "model":
                            times.setdefault("model_words", now)
                            kept.said.append((str(_last(parts, Understood).state.language), part.text.strip(), _about(parts)))
                    case _:
                        pass
                parts.append(part)
        done = _last(parts, Done)
        for name, values in (("cards", kept.cards), ("words", kept.words), ("model_words", kept.model_words)):
            if name in times:
                values.append(times[name])
        kept.total.append((time.perf_counter() - began) * 1000)
        kept.calls += done.calls
        kept.replies += any(c.purpose == "speak" and c.outcome == "ok" for c in done.calls)
        kept.notices.update(code for code, _ in done.notices)
        kept.withheld += done.withheld
        shown = _last(parts, Shown)
        return dict(reply_json(Reply(understood=_last(parts, Understood), slate=shown.slate, recommendation=shown.recommendation, done=done), app.catalog))

    async def close(self) -> None:
        """Release the models."""
        for app in self.apps.values():
            await app.engine.close()


def holds(check: Callable[..., object], want: object, answer: Mapping[str, Any], past: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an expectation holds of an answer; one that cannot be looked up in it does not."""
    try:
        return bool(check(want, answer, past))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return False


def _last(parts: Sequence[Part], kind: type[Any]) -> Any:  # noqa: ANN401  # a part of that kind
    return next(p for p in reversed(parts) if isinstance(p, kind))


def _about(parts: Sequence[Part]) -> tuple[str, ...]:
    """The items a reply may speak of."""
    understood, shown = _last(parts, Understood), _last(parts, Shown)
    return (*(c.item.id for c in shown.slate), *understood.act.items)


def percentiles(values: Iterable[float]) -> str:
    """Median, 90 % and 99 %, in milliseconds."""
    found = np.array(list(values))
    return " | ".join(f"{np.quantile(found, q):8.0f}" for q in (0.5, 0.9, 0.99)) + f" | {len(found):5d} |" if len(found) else "- | - | - | 0 |"


def report(plain: Kept, helped: Kept, url: str) -> None:
    """Print the tables."""
    lost = [key for key, held in plain.held.items() if held and not helped.held.get(key)]
    gained = [key for key, held in helped.held.items() if held and not plain.held.get(key)]
    print(f"\n## {Path(url).stem}\n")
    print(f"checks: {sum(plain.held.values())}/{len(plain.held)} without, {sum(helped.held.values())}/{len(helped.held)} with; lost {len(lost)}, gained {len(gained)}")
    for name, keys in (("lost", lost), ("gained", gained)):
        for case, turn, check in keys:
            print(f"  {name}: {case}, turn {turn + 1}, {check}")
    asked = len(helped.said) + len(helped.withheld)
    by = Counter(language for language, _, _ in helped.said)
    print(
        f"\nreplies with a model's sentences asked for: {helped.replies}; sentences {asked}, said {len(helped.said)} ({dict(by)}), withheld {len(helped.withheld)} ({len(helped.withheld) / max(1, asked):.0%})"
    )
    why = Counter(word.strip() for w in helped.withheld for word in w.rpartition("[")[2].rstrip("]").split(";"))
    print("withheld most often for: " + ", ".join(f"{word} ({n})" for word, n in why.most_common(25)))
    print("\n| ms | p50 | p90 | p99 | turns |\n|---|---|---|---|---|")
    for name, values in (
        ("first card, without a model", plain.cards),
        ("first card, with it", helped.cards),
        ("first word", helped.words),
        ("a model's first sentence", helped.model_words),
        ("in all, without a model", plain.total),
        ("in all, with it", helped.total),
    ):
        print(f"| {name} | {percentiles(values)}")
    spoken = [c for c in helped.calls if c.outcome == "ok"]
    prompt, cached, answer = (sum(getattr(c.usage, name) for c in spoken) for name in ("prompt", "cached", "answer"))
    print(f"\ncalls {len(helped.calls)}: " + ", ".join(f"{p} {o} {n}" for (p, o), n in sorted(Counter((c.purpose, c.outcome) for c in helped.calls).items())))
    print(f"tokens of prompts: {prompt:,}, of which cached {cached:,} ({cached / max(1, prompt):.0%}); of answers that were read to their end: {answer:,}")
    print("notices: " + (", ".join(f"{code} {n}" for code, n in helped.notices.most_common()) or "none"))


def load_checks() -> ModuleType:
    """The player of the scripted conversations, for its checks."""
    spec = importlib.util.spec_from_file_location("scripted_checks", SCRIPTS / "run.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"{SCRIPTS / 'run.py'} is not there")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def run(cases: Sequence[Mapping[str, Any]], url: str) -> Kept:
    """Play without and with the model, and report; what the model did."""
    checks = load_checks()
    plain, helped = Kept(), Kept()
    await Player("", checks).play(cases, plain)
    player = Player(url, checks)
    for domain in sorted({case["domain"] for case in cases}):
        await player.app(domain).ready()
    await player.play(cases, helped)
    await player.close()
    report(plain, helped, url)
    return helped


def main() -> None:
    """Read the cases and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="llamacpp:PATH or openai:MODEL@BASE_URL")
    parser.add_argument("--cases", type=Path, nargs="+", default=[SCRIPTS / "dev.jsonl"])
    parser.add_argument("--limit", type=int, default=0, help="conversations of each file at most")
    parser.add_argument("--json", type=Path, help="where the sentences are written, for reading")
    args = parser.parse_args()
    cases = []
    for path in args.cases:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        cases += rows[: args.limit or len(rows)]
    helped = asyncio.run(run(cases, args.model))
    if args.json:
        args.json.write_text(json.dumps({"said": helped.said, "withheld": helped.withheld}, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
