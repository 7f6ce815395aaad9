"""Does a model's rewriting find told stories? `stories.py [--model URL ...]`: recall@5, recall@10 and MRR@10 over `stories.jsonl`, without a model and with each.

A story tells of a film without naming it. For each model the whole rewriting is measured, and its two halves apart: other words to search by, and guessed titles.
Differences come with a 95 % interval of the paired bootstrap over stories.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from zhiyin.bootstrap import App, build
from zhiyin.llm import Trace
from zhiyin.policy import plan
from zhiyin.settings import read_settings
from zhiyin.state import advance
from zhiyin.types import Heard, Profile, Query, SessionId, State, Turn, UserId

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
DEEP = 10


@dataclass(frozen=True)
class Story:
    """One request and the titles that answer it, with years."""

    language: str
    say: str
    answers: tuple[str, ...]


@dataclass
class Tally:
    """Places of the answers, story by story; 0 where it was not among the first ten."""

    places: list[int] = field(default_factory=list)

    def recall(self, k: int) -> float:
        """The share of stories whose answer is among the first k."""
        return float(np.mean([0 < p <= k for p in self.places]))

    def mrr(self) -> float:
        """Mean reciprocal rank, 0 beyond ten."""
        return float(np.mean([1.0 / p if p else 0.0 for p in self.places]))


def read_stories(path: Path) -> list[Story]:
    """The stories of a file."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [Story(row["language"], row["say"], tuple(row["answers"])) for row in rows]


def place_of(app: App, query: Query, story: Story) -> int:
    """Where the answer stands, from 1; 0 if it does not."""
    wanted = set(story.answers)
    for n, candidate in enumerate(app.engine.find.slate(replace(query, limit=DEEP)), 1):
        if f"{candidate.item.titles.get('en', '')} ({candidate.item.attributes.get('year')})" in wanted:
            return n
    return 0


def asked_for(app: App, story: Story) -> tuple[Turn, Query]:
    """The turn, and the query that the rules make of it."""
    turn = Turn(session=SessionId(story.say), user=UserId("reader"), text=story.say, time=NOW)
    understood = app.engine.understand(turn, State())
    return turn, plan(advance(State(), Heard(turn=turn, understanding=understood)), Profile())


async def measure(app: App, stories: Sequence[Story]) -> tuple[dict[str, Tally], float, int]:
    """The tallies of a model's rewriting and of its halves, the seconds a call took, and for how many stories it was asked."""
    found = {name: Tally() for name in ("words", "titles", "both")}
    seconds, asked = 0.0, 0
    rewrite = app.engine.advice.rewrite if app.engine.advice else None
    for story in stories:
        turn, query = asked_for(app, story)
        began, trace = time.perf_counter(), Trace()
        other = await rewrite(turn, query, trace) if rewrite else query
        seconds, asked = seconds + time.perf_counter() - began, asked + bool(trace.calls)
        for name, tried in (("words", replace(other, guesses=())), ("titles", replace(other, rewritten="")), ("both", other)):
            found[name].places.append(place_of(app, tried, story))
    await app.engine.close()
    return found, seconds / max(1, asked), asked


def interval(first: Tally, second: Tally, rng: np.random.Generator) -> tuple[float, float]:
    """95 % of the difference in recall@5, second less first."""
    gain = np.array([(0 < b <= 5) - (0 < a <= 5) for a, b in zip(first.places, second.places, strict=True)], dtype=float)
    means = [float(rng.choice(gain, len(gain)).mean()) for _ in range(2000)]
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def row(name: str, tally: Tally, stories: Sequence[Story], gain: str = "") -> str:
    """A line of the table."""
    by = {code: Tally([p for p, s in zip(tally.places, stories, strict=True) if s.language == code]) for code in ("en", "zh")}
    return f"| {name:42} | {tally.recall(5):.3f} | {tally.recall(10):.3f} | {tally.mrr():.3f} | {by['en'].recall(5):.3f} | {by['zh'].recall(5):.3f} | {gain:18} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stories", type=Path, default=Path(__file__).parent / "stories.jsonl")
    parser.add_argument("--model", action="append", default=[], help="a model's URL; may be given more than once")
    args = parser.parse_args()
    stories = read_stories(args.stories)
    settings = read_settings(domain="movies", store="memory:")
    plain = build(settings, warn=lambda text: print(text, file=sys.stderr))
    without = Tally([place_of(plain, asked_for(plain, story)[1], story) for story in stories])
    print("| rewriting | recall@5 | recall@10 | MRR@10 | en @5 | zh @5 | gain in recall@5, 95 % |\n|---|---|---|---|---|---|---|")
    print(row("none", without, stories))
    for url in args.model:
        app = build(read_settings(domain="movies", store="memory:", llm={"url": url, "second_look": 120.0, "stages": "rewrite"}))
        found, seconds, asked = asyncio.run(measure(app, stories))
        for name, tally in found.items():
            low, high = interval(without, tally, np.random.default_rng(0))
            print(row(f"{Path(url).stem[-34:]}: {name}", tally, stories, f"{low:+.3f} to {high:+.3f}"), flush=True)
        print(f"{asked} of {len(stories)} stories were asked about, {seconds:.2f} s each")


if __name__ == "__main__":
    main()
