"""Template replies: the act's words in the user's last language, filled from rows. No model; every slot is a fact or the user's own words."""

from __future__ import annotations

import tomllib
import zlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Field
from zhiyin.llm import Trace
from zhiyin.prompting.untrusted import suspicious
from zhiyin.reply.wording import Wording
from zhiyin.types import Act, Candidate, Item, Notice, Op, Query, Question, Slate, State, Wish, Words

Texts = Mapping[str, Mapping[str, Sequence[str]]]
_SHOWN_FACTS = 3
_MAX_REASONS_SAID = 2
_SAID_NOTICES = frozenset({"out_of_range", "gone", "implausible", "converted", "unknown_title", "truncated", "too_many", "not_checked"})


def joined(sentence: str, language: str, *, first: bool) -> str:
    """A sentence as it follows the one before."""
    return sentence if first or sentence.startswith("\n") or language == "zh" else " " + sentence


@lru_cache(maxsize=4)
def texts(language: str) -> Texts:
    """The reply texts of a language, act -> mode -> variants."""
    return tomllib.loads((Path(__file__).parent / "texts" / f"{language}.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A reply's sentences by what may happen to them: a model's own may stand for `body` only."""

    lead: tuple[str, ...] = ()  # notices, and what must be said as it is
    body: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()  # the question that `Done` carries, and other last words

    @property
    def sentences(self) -> list[str]:
        """All of it, each once."""
        return [line for line in dict.fromkeys((*self.lead, *self.body, *self.tail)) if line]


class TemplateSpeaker:
    """The `Speak` port from templates."""

    def __init__(self, catalog: Catalog, wording: Wording) -> None:
        self.catalog, self.domain, self.wording = catalog, catalog.domain, wording

    async def __call__(self, act: Act, slate: Slate, state: State, trace: Trace, /) -> AsyncGenerator[Words, None]:
        """The reply, sentence by sentence."""
        for number, sentence in enumerate(self.script(act, slate, state).sentences):
            yield Words(text=joined(sentence, str(state.language), first=number == 0))

    def script(self, act: Act, slate: Slate, state: State) -> Script:
        """The sentences of a reply."""
        said = _Sayer(self, state)
        notices = [t for n in act.notices if n.code in _SAID_NOTICES and (t := said.notice(n))]
        script = said.script(act, slate)
        return replace(script, lead=(*notices, *script.lead))

    def notice(self, notice: Notice, language: str) -> str:
        """A notice in words."""
        template = str(texts(language)["notices"].get(notice.code, notice.code))
        slots = dict(notice.slots)
        if "field" in slots:
            slots["label"] = self.wording.label(slots["field"], language)
        return template.format_map(slots)

    def question(self, question: Question, language: str, seed: int) -> str:
        """A question in words, without its options."""
        variants = texts(language)["clarify"]["question"]
        return variants[seed % len(variants)].format(label=self.wording.label(question.field, language))


class _Sayer:
    """One reply in the making."""

    def __init__(self, speaker: TemplateSpeaker, state: State) -> None:
        self.speaker, self.state = speaker, state
        self.language = str(state.language)
        self.wording, self.catalog, self.domain = speaker.wording, speaker.catalog, speaker.domain
        self.seed = zlib.crc32(f"{state.turn}".encode())

    def pick(self, act: str, mode: str, **slots: str) -> str:
        variants = texts(self.language)[act].get(mode) or texts(self.language)["chat"]["small"]
        openers = self.domain.openers.get(self.language, ("…",))
        named = {
            "nouns": self.domain.nouns.get(self.language, ""),
            "noun": self.domain.noun.get(self.language, ""),
            "unit": self.domain.counter.get("zh", "个"),
            "opener": openers[self.seed % len(openers)],
            **slots,
        }
        text = variants[self.seed % len(variants)].format_map(named)
        begins_with_slot = any(value and text.startswith(value) for value in slots.values())
        return text if self.language == "zh" or begins_with_slot else text[:1].upper() + text[1:]  # iPhone stays iPhone

    def notice(self, notice: Notice) -> str:
        return self.speaker.notice(notice, self.language)

    # --- acts ---

    def script(self, act: Act, slate: Slate) -> Script:
        """What is said of an act, without the notices that go before."""
        match act.kind:
            case "recommend":
                return self.recommend(act, slate)
            case "clarify":
                return Script(body=(self.pick("clarify", act.mode),), tail=(self.question(act.question),) if act.question else ())
            case "answer":
                return Script(lead=tuple(self.answer(act)))
            case "compare":
                return Script(lead=tuple(self.compare(act)))
            case "explain":
                return Script(body=tuple(self.explain(act)))
            case "relax":
                return Script(lead=tuple(self.relax(act)))
            case _:
                return Script(body=(self.pick(act.kind, act.mode, titles=self.wording.titles(act.items, self.language)),))

    def recommend(self, act: Act, slate: Slate) -> Script:
        query = act.query or Query()
        wishes = self.wording.wishes(query.wishes, self.language)
        counted = self.wording.counted(len(slate), self.language)
        mode = act.mode if wishes or act.mode not in {"new", "refined", "undone"} else "new_plain"
        lead = self.pick("recommend", mode, counted=counted, wishes=wishes, basis=self.wording.titles(query.basis[:3], self.language))
        # The wishes were just named; of the first item, what else speaks for it is worth saying.
        own = [r for r in slate[0].reasons if r.kind != "wish"] or list(slate[0].reasons) if slate else []
        reasons = ("，" if self.language == "zh" else "; ").join(self.wording.reason(r, self.language) for r in own[:_MAX_REASONS_SAID])
        first = (self.pick("recommend", "first", title=self.wording.title(slate[0].item, self.language, marked=True), reason=reasons),) if reasons else ()
        few = tuple(self.notice(n) for n in act.notices if n.code == "few")
        return Script(lead=(lead,), body=first, tail=(*few, *([self.question(act.question)] if act.question else ())))

    def question(self, question: Question) -> str:
        return self.speaker.question(question, self.language, self.seed)

    def relax(self, act: Act) -> list[str]:
        query = act.query or Query()
        wishes = self.wording.wishes([w for w in query.wishes if w.hard], self.language)
        mode = act.mode if wishes or act.mode == "none" else "exhausted_plain"
        lines = [self.pick("relax", mode, wishes=wishes)]
        if act.offers:
            offers = ("；" if self.language == "zh" else "; ").join(self.wording.offer(o, self.language) for o in act.offers)
            lines.append(self.pick("relax", "offers", offers=offers))
        elif act.mode == "none":
            lines.append(self.pick("relax", "stuck"))
        return lines

    def explain(self, act: Act) -> list[str]:
        item = self.catalog.item(act.items[0])
        if item is None:
            return [self.pick("clarify", "which_item")]
        title = self.wording.title(item, self.language, marked=True)
        reasons = [self.wording.reason(r, self.language) for r in act.reasons]
        if not reasons:
            return [self.pick("explain", "nothing", title=title)]
        return [self.pick("explain", "because", title=title, reasons=("；" if self.language == "zh" else "; ").join(reasons))]

    def answer(self, act: Act) -> list[str]:
        lines: list[str] = []
        for item_id in act.items:
            item = self.catalog.item(item_id)
            if item is not None:
                lines += self.facts(item, act.fields or ("description",), act.values)
        return lines

    def facts(self, item: Item, fields: Sequence[str], values: Sequence[str]) -> list[str]:
        title = self.wording.title(item, self.language, marked=True)
        lines = []
        for name in fields:
            if name == "description" or name not in self.domain.fields:
                lines.append(self.about(item, title))
            elif values and name in {"features"} | {n for n in fields if set(values) <= {str(v) for v in self.catalog.values(n)}}:
                lines += [self.has(item, title, name, value) for value in values]
            else:
                lines.append(self.fact(item, title, self.domain.fields[name]))
        return lines

    def has(self, item: Item, title: str, name: str, value: str) -> str:
        shown = self.wording.value(name, value, self.language)
        return self.pick("answer", "yes" if value in {str(v) for v in item.values(name)} else "not_listed", title=title, value=shown)

    def fact(self, item: Item, title: str, field: Field) -> str:
        value = self.known(item, field)
        label = self.wording.label(field.name, self.language)
        if not value:
            return self.pick("answer", "unknown", title=title, label=label)
        if says := field.says.get(self.language):
            return says.format(title=item.title(self.language), value=value).replace("》》", "》").replace("《《", "《")
        return self.pick("answer", "plain", title=title, label=label, value=value)

    def known(self, item: Item, field: Field) -> str:
        """The field's value in words, of sizes all of them; empty where unknown."""
        if field.kind == "money":
            return self.wording.price(item, self.language)
        if field.name in self.domain.variants:
            sizes = sorted({v[field.name] for v in item.variants if field.name in v})
            return self.wording.joined([self.wording.value(field.name, int(s) if float(s).is_integer() else s, self.language) for s in sizes], self.language, "or")
        value = item.attributes.get(field.name)
        if value is None:
            return ""
        return self.wording.value(field.name, value[:8] if isinstance(value, tuple) else value, self.language, both=True)

    def about(self, item: Item, title: str) -> str:
        row = self.catalog.row[item.id]
        shown = Candidate(item=item, score=0.0, attributes=self.catalog.attributes(row))
        facts = ("，" if self.language == "zh" else ", ").join(self.wording.facts(shown, self.language))
        text = item.texts.get(self.language)
        if not text or suspicious(text):  # a text that gives orders is nobody's synopsis
            return self.pick("answer", "no_text", title=title, facts=facts)
        return self.pick("answer", "about", title=title, text=text, facts=facts)

    def compare(self, act: Act) -> list[str]:
        items = [item for i in act.items if (item := self.catalog.item(i))]
        names = [item.title(self.language) for item in items]
        lines = [self.pick("compare", "lead", titles=self.wording.titles(act.items, self.language))]
        for field in self.domain.fields.values():
            if (field.card or field.better or field.numeric) and field.wish:
                lines += self.difference(field, items, names)
        wishes = [w for w in self.state.wishes if w.op is not Op.LIKE]
        verdicts = [self.verdict(w, items, names) for w in wishes]
        if len(lines) == 1:
            lines.append(self.pick("compare", "same"))
        return [lines[0], *("\n" + line for line in (*lines[1:], *verdicts))]

    def difference(self, field: Field, items: Sequence[Item], names: Sequence[str]) -> list[str]:
        values = [self.known_short(item, field) for item in items]
        if len(set(values)) < 2 or not any(values):
            return []
        dash = "未知" if self.language == "zh" else "unknown"
        joined = ("，" if self.language == "zh" else "; ").join(f"{n} {v or dash}" for n, v in zip(names, values, strict=True))
        column = self.catalog.numbers(field.name) if field.numeric else None
        if column is not None and field.better:
            known = [(float(column[self.catalog.row[i.id]]), n) for i, n in zip(items, names, strict=True)]
            known = [(v, n) for v, n in known if not np.isnan(v)]
            if len(known) == len(items):
                best = (min if field.better == "lower" else max)(v for v, _ in known)
                winners = [n for v, n in known if v == best]
                if len(winners) < len(known):
                    return [self.pick("compare", "better", label=self.wording.label(field.name, self.language), values=joined, best=self.wording.joined(winners, self.language))]
        return [self.pick("compare", "line", label=self.wording.label(field.name, self.language), values=joined)]

    def known_short(self, item: Item, field: Field) -> str:
        value = self.catalog.attributes(self.catalog.row[item.id], self.state.wishes).get(field.name)
        if value is None:
            return ""
        return self.wording.value(field.name, value[:_SHOWN_FACTS] if isinstance(value, tuple) else value, self.language)

    def verdict(self, wish: Wish, items: Sequence[Item], names: Sequence[str]) -> str:
        fits = self.catalog.satisfies(wish)
        winners = [n for i, n in zip(items, names, strict=True) if fits[self.catalog.row[i.id]]]
        label = wish.source or self.wording.wish(wish, self.language)
        mode = "meets_all" if len(winners) == len(items) else "meets" if winners else "meets_none"
        return self.pick("compare", mode, wish=label, winners=self.wording.joined(winners, self.language))
