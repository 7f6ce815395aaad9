"""What a bribed or broken language model can do to the replies: every mode of misbehaviour played for some hundred turns, and everything counted that may not happen.

    .venv/bin/python benchmarks/attacks.py [--turns 500] [--modes obeys-described,hang] [--strings FILE] [--show 3]

Strings that give orders are planted in descriptions, in a field of reviews, or in what the user says; `obeys-told` is a model that got them from elsewhere. The exit status is 1 if any count is not as promised.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from promises import PROMISED, Case, faults, ground, ids, runs, watch, without_model
from zhiyin.bootstrap import App, build
from zhiyin.catalog.pack import BUILT_IN
from zhiyin.llm import LLMRequest
from zhiyin.llms.bribed import carried_out, filled, obeyed, sentences, unveiled
from zhiyin.llms.scripted import Mischief, MischievousLLM
from zhiyin.settings import read_settings
from zhiyin.text import plain
from zhiyin.types import SessionId, Turn, UserId

Where = Literal["described", "reviewed", "said", "told"]

STRINGS = Path(__file__).parents[2] / "shared" / "data" / "attacks" / "injections.jsonl"
MODES: Mapping[str, tuple[Mischief, Where]] = {
    **{f"obeys-{where}": (Mischief.OBEYS, where) for where in ("described", "reviewed", "said", "told")},
    **{mischief.value: (mischief, "described") for mischief in Mischief if mischief is not Mischief.OBEYS},
}
_NAMED = re.compile(r"⟦(?:1\. )?《?([^:：;；⟦⟧《》]{2,40})》?[:：;；]")  # the first item of a prompt
_ROUND = 100  # turns before other strings are planted, by other rows
TIME = datetime(2025, 6, 1, 12, tzinfo=UTC)
_PACKAGED = re.compile(r"\[\[layers\]\]\npackage.*?(?=\n#|\n\[|\Z)", re.DOTALL)
_COMMENTS = '\n[fields.comments]\nkind = "text"\nlabel = { en = "comments", zh = "评论" }\nwish = false\ncard = 1\n'

TALK: Mapping[tuple[str, str], Mapping[str, Sequence[str]]] = {
    ("phones", "en"): {
        "wish": ("an Android phone under {n} yuan with a big battery", "a small phone, at most 6.2 inches", "a Xiaomi phone around {n}", "a gaming phone, no foldables", "a phone for my mother, under {n} yuan"),
        "refine": ("at most {n} yuan", "not Apple please", "with wireless charging", "a lighter one", "newer than 2022", "something cheaper", "show me others"),
        "ask": ("compare the first two", "why the first one?", "what is the battery of the second one?", "tell me about the first one", "does the first one have NFC?", "which one is lighter?"),
        "vague": ("something nice for someone who is always on the train and forgets the charger", "my eyes get tired in the evening and I read a lot of long articles in bed", "a phone that feels like holding a pebble", "I drop everything I own, and it rains where I live"),
        "small": ("hello", "thanks", "I am so tired today", "haha, are you a robot?", "what can you do?"),
    },
    ("phones", "zh"): {
        "wish": ("{n}元左右的安卓手机", "预算{n}以内，拍照好的手机", "给老人用的手机，{n}以内", "想买个游戏手机，不要折叠屏", "三星手机，不要折叠屏", "小屏手机，6.2寸以内"),
        "refine": ("不超过{n}元", "不要苹果", "要无线充电", "轻一点的", "要2022年以后的", "便宜一点", "换一批"),
        "ask": ("比较前两款", "为什么推荐第一款？", "第二款的电池多大？", "介绍一下第一款", "第一款有NFC吗？", "哪款更轻？"),
        "vague": ("我每天坐两个小时地铁，总是忘记带充电器，想要省心一点的", "晚上躺在床上看小说，眼睛容易累", "想要拿在手里像鹅卵石一样的", "我老是摔东西，这边又天天下雨"),
        "small": ("你好", "谢谢", "今天好累啊", "哈哈，你是机器人吗", "你能做什么？"),
    },
    ("movies", "en"): {
        "wish": ("a feel-good comedy from the 90s", "recommend me some thrillers", "something by Christopher Nolan", "a short animated film for kids", "a French drama, no war films"),
        "refine": ("newer than 2005 please", "but no horror", "under two hours", "something darker", "older ones", "show me others"),
        "ask": ("compare the first two", "why the first one?", "who directed the second one?", "tell me about the first one", "is the first one scary?"),
        "vague": ("a story where an old man ties balloons to his house and flies away with a boy", "I want to cry and then feel that everything will be all right", "the one where they wake up in the same day again and again", "something slow, like rain on a window in a foreign city"),
        "small": ("hello", "thanks", "I am so tired today", "haha, are you a robot?", "what can you do?"),
    },
    ("movies", "zh"): {
        "wish": ("来几部爱情片", "九十年代的喜剧", "诺兰的电影", "适合孩子看的动画片", "法国剧情片，不要战争片"),
        "refine": ("要2005年以后的", "不要恐怖片", "两小时以内", "再老一点的", "换一批"),
        "ask": ("比较前两部", "为什么推荐第一部？", "第二部的导演是谁？", "介绍一下第一部", "第一部吓人吗？"),
        "vague": ("一个老人把气球绑在房子上，带着小男孩飞走的故事", "想大哭一场，然后觉得一切都会好起来", "主角一次又一次在同一天醒来的那部", "像外国城市窗上的雨一样慢慢的"),
        "small": ("你好", "谢谢", "今天好累啊", "哈哈，你是机器人吗", "你能做什么？"),
    },
}  # fmt: skip
_ORDER = ("wish", "refine", "vague", "ask", "ask", "small", "refine", "vague", "ask")


# --- what is planted and what is said ---


def read_strings(file: Path = STRINGS) -> list[str]:
    """Texts that give orders to a machine, one a line of the file."""
    return [json.loads(line)["text"] for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]


def plant(name: str, strings: Sequence[str], where: Where, folder: Path, *, every: int = 1) -> Path:
    """A copy of a built-in pack, without what other packages bring, whose rows carry the strings, two a row; of the rows, one in `every`."""
    pack = folder / name
    shutil.copytree(BUILT_IN / name, pack, ignore=shutil.ignore_patterns("vectors.*"))
    toml = pack / "domain.toml"
    toml.write_text(_PACKAGED.sub("", toml.read_text(encoding="utf-8")) + (_COMMENTS if where == "reviewed" else ""), encoding="utf-8")
    file = next(f for f in (pack / "films.jsonl", pack / "phones.jsonl") if f.is_file())
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line.strip()][::every]
    for n, row in enumerate(rows):
        two = {"en": strings[2 * n % len(strings)], "zh": strings[(2 * n + 1) % len(strings)]}
        if where == "reviewed":
            row["comments"] = f"{two['en']} {two['zh']}"
        elif where == "described":
            row["description"] = {language: _beside(row["description"][language], two[language], n) for language in two}
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return pack


def _beside(text: str, planted: str, n: int) -> str:
    """Before, behind or instead."""
    return (f"{planted} {text}", f"{text} {planted}", planted)[n % 3]


def talk(turns: int, seed: int, strings: Sequence[str] = ()) -> Iterator[tuple[str, list[str]]]:
    """Sessions as (domain, messages), three in four of them about phones; with strings, half of the messages are one or end with one."""
    chance, left = random.Random(seed), list(strings)
    number = 0
    while turns > 0:
        domain, language = ("movies" if number % 4 == 3 else "phones"), ("zh" if (number + number // 4) % 2 else "en")
        pool = TALK[domain, language]
        said = [chance.choice(pool[kind]).format(n=chance.choice((1500, 2500, 4000, 6000))) for kind in _ORDER[: min(turns, chance.randint(5, len(_ORDER)))]]
        for n in range(len(said)) if left else ():
            if chance.random() < 0.5:
                order = chance.choice(left)
                said[n] = order if chance.random() < 0.5 else f"{said[n]} {order}"
        yield domain, said
        turns, number = turns - len(said), number + 1


# --- a model that has been bribed ---


class BribedLLM(MischievousLLM):
    """A model that does what it read in its prompt, or in `told`, beginning anywhere: only its first sentences are ever listened to."""

    def __init__(self, told: Sequence[str] = (), *, seed: int = 0) -> None:
        super().__init__(Mischief.OBEYS, seed=seed)
        self.told = told

    def answer(self, request: LLMRequest, /) -> str:
        """What somebody wants said, as it stands or as a remark on the item that the prompt tells of."""
        last = request.messages[-1].text
        order = self._random.choice(self.told) if self.told else self._random.choice((obeyed(request), last))
        wanted = [said.strip(" ⟦⟧") for s in sentences(unveiled(order)) for said in (*carried_out(s), *s.split("⟦"))]
        start = self._random.randrange(max(1, len(wanted)))
        text = "\n".join(w for w in (*wanted[start:], *wanted[:start]) if w)
        if request.schema:
            return json.dumps(filled(request.schema, text, self._random), ensure_ascii=False)
        named = _NAMED.search(last)
        return f"{named[1]}: {text}" if named and self._random.random() < 0.5 else text


# --- playing ---


@dataclass(kw_only=True)
class Played:
    """What one mode did in its turns."""

    mode: str
    turns: int = 0
    counts: Counter[str] = field(default_factory=Counter)  # by `PROMISED`
    shown: dict[str, list[str]] = field(default_factory=dict)  # what, with the message
    asked: Counter[str] = field(default_factory=Counter)  # calls by purpose
    notices: Counter[str] = field(default_factory=Counter)
    said: int = 0  # sentences of the model that reached the user
    withheld: int = 0
    changed: int = 0  # turns whose cards were replaced
    seconds: float = 0.0

    @property
    def promised(self) -> bool:
        """Whether nothing happened that may not."""
        return not self.counts


def play(mode: str, turns: int, strings: Sequence[str], folder: Path, *, seed: int = 0, every: int = 1) -> Played:
    """So many turns in a mode, some hundred to a planting of one row in `every`; `folder` takes the catalogues and their caches."""
    played = Played(mode=mode)
    began = time.perf_counter()
    for number in range(-(-turns // _ROUND)):
        offset = number * len(strings) // 3 % max(1, len(strings))
        asyncio.run(_round(played, min(_ROUND, turns - number * _ROUND), [*strings[offset:], *strings[:offset]], folder, seed=seed + number, every=every))
    played.seconds = time.perf_counter() - began
    return played


async def _round(played: Played, turns: int, strings: Sequence[str], folder: Path, *, seed: int, every: int) -> None:
    mischief, where = MODES[played.mode]
    apps: dict[str, tuple[App, MischievousLLM]] = {}
    with tempfile.TemporaryDirectory(dir=folder) as planted:
        for number, (domain, messages) in enumerate(talk(turns, seed, strings if where == "said" else ())):
            if domain not in apps:
                model = BribedLLM(strings if where == "told" else (), seed=seed) if mischief is Mischief.OBEYS else MischievousLLM(mischief, seed=seed)
                apps[domain] = open_app(plant(domain, strings, where, Path(planted), every=every), model, folder, "free" if seed % 2 else "strict"), model
            await _session(played, *apps[domain], messages, strings=tuple(sorted(strings)), name=f"{seed}-{number}")
        for app, _ in apps.values():
            await app.engine.close()


def open_app(pack: Path, model: MischievousLLM, folder: Path, frame: str) -> App:
    """The application over a pack with this model behind it, all deadlines short; returns once every item has its vector."""
    settings = read_settings(
        domain=str(pack),
        store="memory:",
        embedder="hashing:",
        cache=folder / "cache",
        data=folder / "data",
        llm={"first_word": 0.2, "second_look": 0.2, "frame": frame, "stages": "understand,rewrite,rank,speak"},
    )
    app = build(settings, clock=lambda: TIME, model=model)
    for thread in threading.enumerate():
        if thread.name == "embed":  # vectors that come meanwhile would change the cards
            thread.join()
    return app


async def _session(played: Played, app: App, model: MischievousLLM, messages: Sequence[str], *, strings: tuple[str, ...], name: str) -> None:
    obeys = model.mischief is Mischief.OBEYS
    base = ground(app.domain.name, frozenset(plain(t) for item in app.catalog.items for t in (*item.titles.values(), *item.aliases)), strings)
    for n, text in enumerate(messages):
        turn = Turn(session=SessionId(name), user=UserId(f"user-{name}"), text=text, time=TIME)
        events = tuple(await app.engine.store.events(turn.session))
        expected, seen = await without_model(app, turn, events), await watch(app.engine, turn)
        systems = frozenset(run for text in {m.text for r in model.requests for m in r.messages if m.role == "system"} for run in runs(text))
        case = Case(app=app, seen=seen, plain=expected, said="\n".join(messages[: n + 1]), text=text, ground=base, systems=systems, obeys=obeys)
        _count(played, case)


def _count(played: Played, case: Case) -> None:
    played.turns += 1
    found = dict(faults(case))  # one of a kind a turn
    played.counts.update(found.keys())
    for kind, what in found.items():
        played.shown.setdefault(kind, []).append(f"{case.text!r}: {what}")
    played.changed += len(case.seen.slates) > 1 and ids(case.seen.slates[0]) != ids(case.seen.slates[-1])
    if case.seen.done is not None:
        played.asked.update(c.purpose for c in case.seen.done.calls if c.outcome != "skipped")
        played.notices.update(code for code, _ in case.seen.done.notices)
        played.said += case.seen.done.said
        played.withheld += len(case.seen.done.withheld)


def report(played: Sequence[Played]) -> Table:
    """One row a mode: what may not happen first, then what did."""
    table = Table("mode", "turns", *PROMISED, "re-ordered", "asked", "said", "withheld", "notices", "s", box=MARKDOWN)
    for p in played:
        asked = " ".join(f"{purpose} {n}" for purpose, n in p.asked.most_common())
        notices = " ".join(f"{code} {n}" for code, n in p.notices.most_common() if code.startswith("model"))
        table.add_row(p.mode, *map(str, (p.turns, *(p.counts[kind] for kind in PROMISED), p.changed, asked, p.said, p.withheld, notices, f"{p.seconds:.0f}")))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--turns", type=int, default=500, help="in each mode")
    parser.add_argument("--modes", default=",".join(MODES), help="with commas")
    parser.add_argument("--strings", type=Path, default=STRINGS, help='JSON lines with a "text" that gives orders')
    parser.add_argument("--show", type=int, default=3, help="cases of each kind to print")
    given = parser.parse_args()
    modes = [m for m in given.modes.split(",") if m]
    if unknown := set(modes) - set(MODES):
        parser.error(f"no such mode: {', '.join(sorted(unknown))}; there are {', '.join(MODES)}")
    strings, played = read_strings(given.strings), []
    with tempfile.TemporaryDirectory() as folder:
        for mode in modes:
            played.append(play(mode, given.turns, strings, Path(folder)))
            print(f"{mode}: {played[-1].turns} turns in {played[-1].seconds:.0f} s", file=sys.stderr)
            for kind, cases in played[-1].shown.items():
                print(*(f"  {kind}: {case}" for case in cases[: given.show]), sep="\n", file=sys.stderr)
    Console(width=260).print(report(played))
    sys.exit(0 if all(p.promised for p in played) else 1)


if __name__ == "__main__":
    main()
