"""What of a model's prose reaches the user, and whether any of it is untrue: said, withheld and why, checked again by a checker of its own.

    .venv/bin/python benchmarks/grounded.py [--model URL ...] [--replies 300] [--json FILE] [--show 20]

Films and phones, half of the replies in Chinese. The second checker shares nothing with the grounding check: it knows titles, digits and names only.
A number that is not the item's own must be the bound of a wish, said as a bound, kept by the item's row, and come from the user's words or from a row of the session.
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
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

from platformdirs import user_cache_path
from rich.box import MARKDOWN
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from zhiyin.bootstrap import App, build
from zhiyin.catalog.columns import Catalog
from zhiyin.llm import Trace
from zhiyin.ports import Speak
from zhiyin.settings import read_settings
from zhiyin.types import Act, Item, ItemId, Op, SessionId, Slate, State, Turn, UserId, Wish, Words

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
    turns: list[tuple[str, list[str], list[str]]] = field(default_factory=list)  # the user's words so far, the items, what was said
    untrue: list[tuple[str, str]] = field(default_factory=list)  # what, in which sentence
    leaning: list[tuple[str, str]] = field(default_factory=list)  # what a number leans on where it is not the item's own, and the sentence

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
        self.heard: list[tuple[list[str], tuple[str, ...], Trace, State]] = []

    async def __call__(self, act: Act, slate: Slate, state: State, trace: Trace, /) -> AsyncGenerator[Words, None]:
        """The same words."""
        said: list[str] = []
        self.heard.append((said, tuple(c.item.id for c in slate) or act.items, trace, state))
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
_BELOW = re.compile(
    r"\b(?:under|below|(?<!no )(?:less|cheaper|lighter|older) than|(?:no|not) (?:more|longer|heavier) than|at most|up to|within|before|or less)\b"
    r"|不超过|不高于|不多于|(?<!不)(?:低于|少于|小于)|不到|以[内下前]|之[内前]|最多|至多"
)
_ABOVE = re.compile(
    r"\b(?:over|above|(?<!no )(?:more|longer|newer) than|(?:no|not) (?:less|shorter) than|at least|after|since|from|or more)\b"
    r"|不低于|不少于|不小于|(?<!不)(?:高于|超过|大于)|以[上后]|之后|至少|最少"
)
_AROUND = re.compile(r"\b(?:between|around|about|to|and)\b|左右|之间|上下|[到至~–-]")
_ADDRESSED = re.compile(r"\b(?:you|your)\b|[你您]", re.IGNORECASE)
_FREE = frozenset("I I'm I'd I'll I've Zhiyin English Chinese GB MP RAM".split())
_TIMES = (1.0, 1 / 60, 1e-4, 1e-6, 1e-8, 100.0, 1 / 1024)  # minutes as hours, 万, millions, 亿, MB


_ROW = "the item's own row"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a session came to before a sentence: the user's words, the wishes read from them, and the items that it showed or spoke of."""

    user: str = ""
    wishes: tuple[Wish, ...] = ()
    past: frozenset[ItemId] = frozenset()


class Checker:
    """Knows the catalogue's titles and people, and an item's own numbers and words, as text."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog, self.domain = catalog, catalog.domain
        self.titles = {title: item.id for item in catalog.items for title in item.titles.values() if len(title.split()) > 1 or (len(title) > 3 and not title.isascii())}
        self.people = {name: person for person, names in self.domain.people.items() for name in names if len(name) > 2}
        self._longest = max((len(t) for t in self.titles), default=0)

    def untrue(self, sentence: str, items: Sequence[Item], told: Told) -> Iterator[str]:
        """Titles, numbers and names in the sentence that neither the items it may be about nor the user's words bear out."""
        sentence, about, bare = self._read(sentence, items)
        words = " ".join(self._words(about)) + " " + told.user
        yield from (f"title {m[1]}" for m in _MARKED.finditer(bare) if m[1].strip() != "_")
        yield from (f"title {t}" for t in self._known_titles(bare) if t not in words)
        yield from (f"number {number}" for number, place in _figures(bare) if not self._support(number, place, bare, about, told))
        yield from (f"name {m[1]}" for m in _CAPITAL.finditer(bare) if m[1] not in _FREE and m[1].removesuffix("'s").lower() not in words.lower())
        yield from (f"name {n}" for n, person in self.people.items() if n in bare and person not in words and n not in told.user)

    def leaning(self, sentence: str, items: Sequence[Item], told: Told) -> Iterator[str]:
        """What the sentence's numbers lean on, where it is anything but the item's own row."""
        _, about, bare = self._read(sentence, items)
        found = ((number, self._support(number, place, bare, about, told)) for number, place in _figures(bare))
        yield from (f"{number:g}: {support}" for number, support in found if support not in {"", _ROW})

    @staticmethod
    def _read(sentence: str, items: Sequence[Item]) -> tuple[str, list[Item], str]:
        """The sentence in plain characters, the items that it may be about, and the sentence without their titles."""
        sentence = bare = unicodedata.normalize("NFKC", sentence)
        about = [i for i in items if any(t in sentence for t in (*i.titles.values(), *i.aliases))] or list(items)
        for title in sorted((unicodedata.normalize("NFKC", t) for i in items for t in (*i.titles.values(), *i.aliases)), key=len, reverse=True):
            bare = bare.replace(title, " _ ")
        return sentence, about, bare

    def _support(self, number: float, place: tuple[int, int], bare: str, about: Sequence[Item], told: Told) -> str:
        """What bears a number out; empty where nothing does."""
        if self._has(number, about, " ".join(self._words(about))):
            return _ROW
        start, end = place
        if bare[:start].endswith("/") and any(f"/{number:g}" in field.units for field in self.domain.fields.values()):
            return "the scale of a rating"
        said = [n * factor for n, _ in _figures(told.user) for factor in (1.0, 1e3, 1e4, 60.0)]  # 3k, 1.5万, three hours
        before, after = re.split(r"[\d,;。]", bare[:start][-24:])[-1], re.split(r"[\d,;。]", bare[end:][:16])[0]
        for wish in told.wishes:
            if bound := self._bound(number, before + "|" + after, wish, about):
                if wish.source in told.user and any(_close(bound, n) for n in said):
                    return f"a wish in the user's words, {wish.field} {wish.op.value} {bound:g} ({wish.source})"
                if wish.source in told.user and any(_close(bound, n) for item in self._past(told) for n in _own(item, wish.field)):
                    return f"a wish against a row of the session, {wish.field} {wish.op.value} {bound:g} ({wish.source})"
        return "the user's words, said to the user" if _ADDRESSED.search(bare) and any(_close(number, n) for n in said) else ""

    @staticmethod
    def _bound(number: float, beside: str, wish: Wish, about: Sequence[Item]) -> float:
        """The bound of the wish that the number is, if it is said as that bound and all the items keep it by their own rows; else 0."""
        ends = [float(v) for v in (*(wish.value if isinstance(wish.value, tuple) else (wish.value,)), wish.near) if isinstance(v, int | float)]
        bound = next((end for end in ends if any(_close(number, end * factor) for factor in _TIMES)), 0.0)
        low, high = (min(ends), max(ends)) if wish.op is Op.BETWEEN else (bound, bound)
        keeps, said = {
            Op.LT: (lambda v: v < bound, _BELOW.search(beside)),
            Op.LE: (lambda v: v <= bound, _BELOW.search(beside)),
            Op.GT: (lambda v: v > bound, _ABOVE.search(beside)),
            Op.GE: (lambda v: v >= bound, _ABOVE.search(beside)),
            Op.BETWEEN: (lambda v: low <= v <= high, _AROUND.search(beside) or (_BELOW.search(beside) and bound == high) or (_ABOVE.search(beside) and bound == low)),
        }.get(wish.op, (lambda _: False, None))
        return bound if said and about and all(any(keeps(v) for v in _own(item, wish.field)) for item in about) else 0.0

    def _past(self, told: Told) -> Iterator[Item]:
        """The items that the session showed or spoke of, and those that the user named."""
        user = _tight(told.user)
        for item in self.catalog.items:
            if item.id in told.past or any(len(t) > 2 and _tight(t) in user for t in (*item.titles.values(), *item.aliases)):
                yield item

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

    def _has(self, number: float, items: Sequence[Item], words: str) -> bool:
        own = [float(v) for i in items for name in self.domain.fields if self.domain.fields[name].numeric for v in i.values(name) if isinstance(v, int | float)]
        own += [float(v) for i in items for variant in i.variants for v in variant.values()]
        own += [float(m[0].replace(",", "")) for m in _DIGITS.finditer(words) if m[0].count(".") < 2]
        own += [n * factor for n, _ in _figures(words) for factor in (1.0, 1e3, 1e4, 60.0)]  # 三千, 3k, 1.5万, three hours
        own += [float(len(items)), *(v // 10 * 10 for v in own if 1900 <= v <= 2100), *(v // 10 * 10 % 100 for v in own if 1900 <= v <= 2100)]  # the nineties
        return any(_close(number, v * factor) for v in own for factor in _TIMES)


def _close(number: float, other: float) -> bool:
    return abs(number - other) <= 0.005 * abs(number)


def _tight(text: str) -> str:
    return re.sub(r"\s", "", text).lower()


def _own(item: Item, field: str) -> list[float]:
    """An item's own numbers in a field, of every size."""
    return [float(v) for v in (*item.values(field), *(variant[field] for variant in item.variants if field in variant)) if isinstance(v, int | float)]


def _figures(text: str) -> Iterator[tuple[float, tuple[int, int]]]:
    """The numbers of a text and where they stand, in digits and in words."""
    yield from (((float(m[0].replace(",", "")) if m[0].count(".") < 2 else -1.0), m.span()) for m in _DIGITS.finditer(text))
    yield from ((float(_IN_WORDS[m[0]]), m.span()) for m in re.finditer(r"[a-z]+", text.lower()) if m[0] in _IN_WORDS)
    yield from ((_chinese(m[0]), m.span()) for m in _CHINESE.finditer(text))


def _chinese(run: str) -> float:
    """The value of a Chinese number: 两千一百九十九, 二零一零, and 三千五, which is 3,500."""
    digits = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
    if all(c in digits for c in run):
        return float("".join(str(digits[c]) for c in run))
    total = section = digit = 0
    if len(run) > 2 and run[-1] in digits and run[-2] in "百千万":
        run += {"百": "十", "千": "百", "万": "千"}[run[-2]]
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
    listening, checker = Listening(app.engine.speak), Checker(app.catalog)
    app.engine.speak = listening
    task = tick.add_task(f"{app.domain.name} {language}", total=replies)
    heard: list[str] = []
    for number, messages in enumerate(sessions(app.domain.name, language)):
        user = ""
        for text in messages:
            user += f" {text}"
            turn = Turn(session=SessionId(f"{language}{number}"), user=UserId(f"{language}{number}"), text=text, time=_TIME)
            async for _ in app.engine.answer(turn):
                pass
            said, about, trace, state = listening.heard.pop()
            spoken.outcomes.update(c.outcome for c in trace.calls if c.purpose == "speak")
            if not said and not trace.withheld:
                continue
            items = [item for i in about if (item := app.catalog.item(ItemId(i)))]
            spoken.said += said
            spoken.turns.append((user, [i.id for i in items], said))
            spoken.withheld += trace.withheld
            told = Told(user=user, wishes=state.wishes, past=frozenset((*state.shown, *state.basis, *state.focus)))
            spoken.untrue += [(what, sentence) for sentence in said for what in checker.untrue(sentence, items, told)]
            spoken.leaning += [(what, sentence) for sentence in said for what in checker.leaning(sentence, items, told)]
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
    table = Table("model", "language", "replies", "sentences", "said", "withheld", "share withheld", "untrue", "leaning", box=MARKDOWN)
    for url, by_language in measured.items():
        for language, s in by_language.items():
            share = f"{len(s.withheld) / s.asked:.0%}" if s.asked else "-"
            table.add_row(_name(url), language, str(s.replies), str(s.asked), str(len(s.said)), str(len(s.withheld)), share, str(len(s.untrue)), str(len(s.leaning)))
    console.print(table)
    for url, by_language in measured.items():
        for language, s in by_language.items():
            print(f"\n{_name(url)} {language}: calls {dict(s.outcomes)}")
            print("commonest reasons:", ", ".join(f"{reason} ({n})" for reason, n in s.reasons().most_common(_REASONS)))
            print(*(f"  withheld: {line}" for line in s.withheld[:samples]), sep="\n")
            print(*(f"  said: {line}" for line in s.said[:samples]), sep="\n")
            print(*(f"  leaning on {what}: {sentence}" for what, sentence in s.leaning[:samples]), sep="\n")
            print(*(f"  UNTRUE {what}: {sentence}" for what, sentence in s.untrue), sep="\n")


def record(measured: dict[str, dict[str, Spoken]]) -> str:
    """Everything said and withheld, as JSON."""
    return json.dumps({_name(url): {language: vars(s) for language, s in by.items()} for url, by in measured.items()}, ensure_ascii=False, indent=1)


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
        given.json.write_text(record(measured), encoding="utf-8")
    return int(any(s.untrue for by in measured.values() for s in by.values()))


if __name__ == "__main__":
    sys.exit(main())
