"""What of a model's prose reaches the user, and whether any of it is untrue: said, withheld and why, checked again by a checker of its own.

    .venv/bin/python benchmarks/grounded.py [--model URL ...] [--replies 300] [--json FILE] [--show 20]

Films and phones, half of the replies in Chinese. The second checker shares nothing with the grounding check: it knows titles, digits and names only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

from platformdirs import user_cache_path
from rich.box import MARKDOWN
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from zhiyin.bootstrap import App, build
from zhiyin.llm import Trace
from zhiyin.ports import Speak
from zhiyin.settings import read_settings
from zhiyin.types import Act, Item, ItemId, SessionId, Slate, State, Turn, UserId, Words

SEED = 7
DOMAINS = ("movies", "phones")
LANGUAGES = ("en", "zh")
HERE = Path(__file__).parent
FILES = (*sorted((HERE.parent / "tests" / "conversations").glob("*.jsonl")), *sorted(HERE.glob("*.jsonl")))
AFTERWARDS = {"en": ("why the first one?", "compare the first two", "thanks, you are good at this"), "zh": ("为什么推荐第一个？", "比较一下前两个", "谢谢，你真懂我")}
_TIME = datetime(2025, 6, 1, 12, tzinfo=UTC)
_LEAST = 3  # sentences in which a reason must be met to be listed first
_REASONS = 12


@dataclass(kw_only=True)
class Spoken:
    """What one model said in one language."""

    replies: int = 0
    said: list[str] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)  # each with its reasons in brackets
    outcomes: Counter[str] = field(default_factory=Counter)
    untrue: list[tuple[str, str]] = field(default_factory=list)  # what, in which sentence

    @property
    def asked(self) -> int:
        """Sentences that the model gave."""
        return len(self.said) + len(self.withheld)

    def reasons(self) -> Counter[str]:
        """How often each word or claim was a reason to withhold."""
        return Counter(reason for line in self.withheld for reason in line.rpartition(" [")[2].rstrip("]").split("; "))


class Listening:
    """The `Speak` port, listened to: which words were the model's, about which items, and what was withheld."""

    def __init__(self, speak: Speak) -> None:
        self.speak = speak
        self.heard: list[tuple[list[str], tuple[str, ...], Trace]] = []

    async def __call__(self, act: Act, slate: Slate, state: State, trace: Trace, /) -> AsyncGenerator[Words, None]:
        """The same words."""
        said: list[str] = []
        self.heard.append((said, tuple(c.item.id for c in slate) or act.items, trace))
        async with aclosing(self.speak(act, slate, state, trace)) as words:
            async for piece in words:
                if piece.by == "model":
                    said.append(piece.text.strip())
                yield piece


# --- the second checker ---

_DIGITS = re.compile(r"\d+(?:[,.]\d+)*")
_IN_WORDS = {w: n for n, w in enumerate("three four five six seven eight nine ten eleven twelve".split(), 3)} | {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_CHINESE = re.compile(r"[零〇一二两三四五六七八九十百千万亿]{2,}|[三四五六七八九十](?=[部款个位项座次年元块分小])")
_CAPITAL = re.compile(r"(?<=[a-z0-9,;'’\"] )([A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*)")
_MARKED = re.compile(r"《([^》]+)》")
_FREE = frozenset("I I'm I'd I'll I've Zhiyin English Chinese GB MP RAM".split())
_TIMES = (1.0, 1 / 60, 1e-4, 1e-6, 1e-8, 100.0, 1 / 1024)  # minutes as hours, 万, millions, 亿, MB


class Checker:
    """Knows the catalogue's titles and people, and an item's own numbers and words, as text."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.titles = {title: item.id for item in app.catalog.items for title in item.titles.values() if len(title.split()) > 1 or (len(title) > 3 and not title.isascii())}
        self.people = {name: person for person, names in app.domain.people.items() for name in names if len(name) > 2}
        self._longest = max((len(t) for t in self.titles), default=0)

    def untrue(self, sentence: str, items: Sequence[Item], user: str) -> Iterator[str]:
        """Titles, numbers and names in the sentence that the items it may be about do not have."""
        sentence = unicodedata.normalize("NFKC", sentence)
        told = [i for i in items if any(t in sentence for t in (*i.titles.values(), *i.aliases))] or list(items)
        bare = sentence
        for title in sorted((unicodedata.normalize("NFKC", t) for i in items for t in (*i.titles.values(), *i.aliases)), key=len, reverse=True):
            bare = bare.replace(title, " _ ")
        words = " ".join(self._words(told)) + " " + user
        yield from (f"title {m[1]}" for m in _MARKED.finditer(bare) if m[1].strip() != "_")
        yield from (f"title {t}" for t in self._known_titles(bare) if t not in words)
        yield from (f"number {n}" for n in self._numbers(bare) if not self._has(n, told, words))
        yield from (f"name {m[1]}" for m in _CAPITAL.finditer(bare) if m[1] not in _FREE and m[1].removesuffix("'s").lower() not in words.lower())
        yield from (f"name {n}" for n, person in self.people.items() if n in bare and person not in words and n not in user)

    def _known_titles(self, text: str) -> Iterator[str]:
        for start in range(len(text)):
            for end in range(start + 2, min(len(text), start + self._longest) + 1):
                if text[start:end] in self.titles and (not text[start].isascii() or text[start].isupper()):
                    yield text[start:end]

    @staticmethod
    def _words(items: Iterable[Item]) -> Iterator[str]:
        for item in items:
            yield from (*item.titles.values(), *item.aliases, *item.texts.values())
            for value in item.attributes.values():
                yield from map(str, value if isinstance(value, tuple) else (value,))

    @staticmethod
    def _numbers(text: str) -> Iterator[float]:
        yield from (float(m[0].replace(",", "")) if m[0].count(".") < 2 else -1.0 for m in _DIGITS.finditer(text))
        yield from (float(_IN_WORDS[w]) for w in re.findall(r"[a-z]+", text.lower()) if w in _IN_WORDS)
        yield from (_chinese(m[0]) for m in _CHINESE.finditer(text))

    def _has(self, number: float, items: Sequence[Item], words: str) -> bool:
        own = [float(v) for i in items for name in self.app.domain.fields if self.app.domain.fields[name].numeric for v in i.values(name) if isinstance(v, int | float)]
        own += [float(v) for i in items for variant in i.variants for v in variant.values()]
        own += [float(m[0].replace(",", "")) for m in _DIGITS.finditer(words) if m[0].count(".") < 2]
        own += [n * factor for n in self._numbers(words) for factor in (1.0, 1e3, 1e4, 60.0)]  # 三千, 3k, 1.5万, three hours
        own += [float(len(items)), *(v // 10 * 10 for v in own if 1900 <= v <= 2100), *(v // 10 * 10 % 100 for v in own if 1900 <= v <= 2100)]  # the nineties
        return any(abs(number - v * factor) <= 0.005 * abs(number) for v in own for factor in _TIMES)


def _chinese(run: str) -> float:
    """The value of a Chinese number: 两千一百九十九, 二零一零."""
    digits = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
    if all(c in digits for c in run):
        return float("".join(str(digits[c]) for c in run))
    total = section = digit = 0
    for c in run:
        if c in digits:
            digit = digits[c]
        elif c in "万亿":
            total, section, digit = (total + section + digit) * (10_000 if c == "万" else 100_000_000), 0, 0
        else:
            section, digit = section + (digit or 1) * {"十": 10, "百": 100, "千": 1000}[c], 0
    return float(total + section + digit)


# --- playing ---


def sessions(domain: str, language: str) -> list[list[str]]:
    """What users say to a domain in a language, session by session, in a seeded order; each ends with a question about what was shown."""
    found: list[list[str]] = []
    for file in FILES:
        for line in file.read_text(encoding="utf-8").splitlines():
            case = json.loads(line) if line.strip() else {}
            said = [t["say"] for t in case.get("turns", [case] if "say" in case else []) if not t["say"].startswith("/")]
            if case.get("domain") == domain and said and all(bool(re.search("[\u4e00-\u9fff]", s)) == (language == "zh") for s in said):
                found.append(said)
    random.Random(SEED).shuffle(found)
    return [[*said, more] for said, more in zip(found, cycle(AFTERWARDS[language]), strict=False)]


async def play(app: App, language: str, replies: int, spoken: Spoken, tick: Progress) -> None:
    """Turns until so many replies had a model's prose in them, each sentence checked again."""
    listening, checker = Listening(app.engine.speak), Checker(app)
    app.engine.speak = listening
    task = tick.add_task(f"{app.domain.name} {language}", total=replies)
    heard: list[str] = []
    for number, messages in enumerate(sessions(app.domain.name, language)):
        user = ""
        for text in messages:
            user += f" {text}"
            async for _ in app.engine.answer(Turn(session=SessionId(f"s{number}"), user=UserId(f"u{number}"), text=text, time=_TIME)):
                pass
            said, about, trace = listening.heard.pop()
            spoken.outcomes.update(c.outcome for c in trace.calls if c.purpose == "speak")
            if not said and not trace.withheld:
                continue
            items = [item for i in about if (item := app.catalog.item(ItemId(i)))]
            spoken.said += said
            spoken.withheld += trace.withheld
            spoken.untrue += [(what, sentence) for sentence in said for what in checker.untrue(sentence, items, user)]
            heard.append(text)
            tick.advance(task)
            spoken.replies += 1
            if not sys.stderr.isatty() and spoken.replies % 10 == 0:
                print(f"{app.domain.name} {language}: {spoken.replies} replies", file=sys.stderr, flush=True)
            if len(heard) >= replies:
                break
        if len(heard) >= replies:
            break
    app.engine.speak = listening.speak


async def measure(url: str, replies: int) -> dict[str, Spoken]:
    """What a model said by language, over both domains."""
    spoken = {language: Spoken() for language in LANGUAGES}
    llm = {"url": url, "stages": "speak", "frame": "strict", "first_word": 600.0, "turn_tokens": 0, "session_tokens": 0}
    with Progress(console=Console(stderr=True)) as tick:
        for domain in DOMAINS:
            app = build(read_settings(domain=domain, store="memory:", llm=llm))
            for n, language in enumerate(LANGUAGES):
                share = replies // 4 + (1 if replies % 4 > 2 * DOMAINS.index(domain) + n else 0)
                try:
                    await play(app, language, share, spoken[language], tick)
                except asyncio.CancelledError:  # Ctrl-C: what there is so far
                    return spoken
            await app.engine.close()
    return spoken


def show(measured: dict[str, dict[str, Spoken]], samples: int) -> None:
    """The table, the commonest reasons, and every sentence that should not have been said."""
    console = Console(width=140)
    table = Table("model", "language", "replies", "sentences", "said", "withheld", "share withheld", "untrue", box=MARKDOWN)
    for url, by_language in measured.items():
        for language, s in by_language.items():
            share = f"{len(s.withheld) / s.asked:.0%}" if s.asked else "-"
            table.add_row(_name(url), language, str(s.replies), str(s.asked), str(len(s.said)), str(len(s.withheld)), share, str(len(s.untrue)))
    console.print(table)
    for url, by_language in measured.items():
        for language, s in by_language.items():
            print(f"\n{_name(url)} {language}: calls {dict(s.outcomes)}")
            print("commonest reasons:", ", ".join(f"{reason} ({n})" for reason, n in s.reasons().most_common(_REASONS)))
            print(*(f"  withheld: {line}" for line in s.withheld[:samples]), sep="\n")
            print(*(f"  said: {line}" for line in s.said[:samples]), sep="\n")
            print(*(f"  UNTRUE {what}: {sentence}" for what, sentence in s.untrue), sep="\n")


def _name(url: str) -> str:
    return Path(url.rpartition(":")[2]).stem if url.startswith("llamacpp:") else url


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", help="a model's URL; again for another (default: the files on the shelf)")
    parser.add_argument("--replies", type=int, default=300, help="replies with a model's prose, of each model")
    parser.add_argument("--show", type=int, default=0, help="sentences said and withheld that are listed")
    parser.add_argument("--json", type=Path, help="keep everything said and withheld in this file")
    given = parser.parse_args()
    models = given.model or [f"llamacpp:{path}" for path in sorted((user_cache_path("zhiyin") / "models").glob("*.gguf"))]
    if not models:
        parser.error("no model: name one with --model")
    measured = {url: asyncio.run(measure(url, given.replies)) for url in models}
    show(measured, given.show)
    if given.json:
        kept = {_name(url): {language: asdict(s) for language, s in by.items()} for url, by in measured.items()}
        given.json.write_text(json.dumps(kept, ensure_ascii=False, indent=1), encoding="utf-8")
    return int(any(s.untrue for by in measured.values() for s in by.values()))


if __name__ == "__main__":
    sys.exit(main())
