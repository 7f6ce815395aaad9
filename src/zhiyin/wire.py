"""Replies as the JSON of the `chat --json` contract (shared by every interface that speaks JSON)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from zhiyin.catalog.columns import Catalog
from zhiyin.types import Candidate, Done, Item, Part, Question, Reason, Shown, Slate, Understood, Value, Wish, Words

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply, its parts gathered."""

    understood: Understood
    slate: Slate
    recommendation: str
    done: Done


async def gather(parts: AsyncGenerator[Part, None]) -> Reply:
    """The parts of one streamed reply, together."""
    understood: Understood | None = None
    shown = Shown(slate=())
    done: Done | None = None
    async with aclosing(parts):
        async for part in parts:
            match part:
                case Understood():
                    understood = part
                case Shown():
                    shown = part
                case Done():
                    done = part
                case Words():
                    pass
    if understood is None or done is None:
        raise RuntimeError("the reply ended before its last part")
    return Reply(understood=understood, slate=shown.slate, recommendation=shown.recommendation, done=done)


def reply_json(reply: Reply, catalog: Catalog) -> Json:
    """One reply as the contract's object."""
    heard, state, act = reply.understood.understanding, reply.understood.state, reply.understood.act
    sentiment: Json = {"label": heard.sentiment.label, "score": heard.sentiment.score}
    if heard.sentiment.aspects:
        sentiment["aspects"] = dict(heard.sentiment.aspects)
    return {
        "turn": state.turn,
        "language": str(heard.language),
        "intent": {name: round(p, 4) for name, p in _whole(heard.intent).items()},
        "act": act.kind,
        "sentiment": sentiment,
        "constraints": [wish_json(w) for w in state.wishes],
        "about": [_about(item) for i in heard.about if (item := catalog.item(i))],
        "items": [candidate_json(c) for c in reply.slate],
        "recommendation_id": reply.recommendation or None,
        "relaxed": [
            {
                "constraint": o.wish.id,
                "from": plain_value(o.wish.value),
                "to": plain_value(o.to) if o.to is not None else None,
                "also": [w.id for w in o.also],
                "count": o.count,
                "text": o.text,
            }
            for o in reply.done.offers
        ],
        "question": question_json(reply.done.question),
        "chips": [{"constraint": i, "label": label, "source": source} for i, label, source in reply.done.chips],
        "reply": reply.done.text,
        "model": _model(reply.done),
        "notices": [{"code": code, "text": text} for code, text in reply.done.notices],
        "latency_ms": dict(reply.done.latency_ms),
    }


def _model(done: Done) -> Json | None:
    """What the language model did in this turn; null where none is connected."""
    if not done.model:
        return None
    calls = [
        {"purpose": c.purpose, "prompt": c.prompt, "outcome": c.outcome, "prompt_tokens": c.usage.prompt, "cached_tokens": c.usage.cached,
         "answer_tokens": c.usage.answer, "first_s": round(c.usage.first, 3), "seconds": round(c.usage.seconds, 3)}
        for c in done.calls
    ]  # fmt: skip
    return {"name": done.model, "sentences": done.said, "withheld": len(done.withheld), "calls": calls}


def wish_json(wish: Wish) -> Json:
    """A wish as a constraint."""
    return {
        "id": wish.id, "field": wish.field, "op": str(wish.op), "value": plain_value(wish.value), "hard": wish.hard,
        "negated": wish.negated, "source": wish.source, "turn": wish.turn,
    }  # fmt: skip


def candidate_json(candidate: Candidate) -> Json:
    """A card."""
    return {
        **_about(candidate.item),
        "score": candidate.score,
        "sources": dict(candidate.sources),
        **({} if candidate.probability is None else {"probability": round(candidate.probability, 4)}),
        "attributes": {name: plain_value(value) for name, value in candidate.attributes.items()},
        **({"variants": [{k: int(v) if float(v).is_integer() else v for k, v in variant.items()} for variant in candidate.item.variants]} if candidate.item.variants else {}),
        "description": dict(candidate.item.texts),
        **({"facts": {language: list(lines) for language, lines in candidate.facts.items()}} if candidate.facts else {}),
        **({"generated": {"description": candidate.blurb}} if candidate.blurb else {}),
        "reasons": [reason_json(r, {language: lines[n] for language, lines in candidate.evidence.items() if lines[n]}) for n, r in enumerate(candidate.reasons)],
    }


def reason_json(reason: Reason, worded: Mapping[str, str] | None = None) -> Json:
    """A reason with its evidence, which `worded` puts in words by language."""
    evidence: Json = {"field": reason.field, "value": plain_value(reason.value)}
    if reason.source:
        evidence["item" if reason.kind in {"similar", "behaviour"} else "source"] = reason.source
    if worded:
        evidence["text"] = dict(worded)
    return {"text": reason.text, "kind": reason.kind, "evidence": evidence}


def question_json(question: Question | None) -> Json | None:
    """A question with its options."""
    if question is None:
        return None
    options = [{"label": o.label, "value": plain_value(o.value), "count": o.count} for o in question.options]
    return {"field": question.field, "text": question.text, "gain": question.gain, "options": options}


def _about(item: Item) -> Json:
    return {"id": item.id, "title": item.title("en"), "titles": {k: v for k, v in item.titles.items() if k in {"en", "zh"}}}


def plain_value(value: Value | None) -> object:
    """A value as JSON has it: several in a list."""
    return list(value) if isinstance(value, tuple) else value


def _whole(intent: Mapping[str, float]) -> Mapping[str, float]:
    """The distribution, its rounding error given to the leader so that it sums to 1."""
    rounded = {name: round(p, 4) for name, p in intent.items()}
    leader = max(rounded, key=lambda n: rounded[n])
    rounded[leader] = round(rounded[leader] + 1.0 - sum(rounded.values()), 4)
    return rounded


__all__ = ["Reply", "candidate_json", "gather", "question_json", "reason_json", "reply_json", "wish_json"]
