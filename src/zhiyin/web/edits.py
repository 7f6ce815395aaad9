"""Wishes changed by hand: the body of a chip edit, checked against where the session stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from pydantic import Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from zhiyin.catalog.domain import Field as DomainField
from zhiyin.reply.wording import Wording
from zhiyin.types import Edited, Offer, Op, Option, Question, State, Value, Wish
from zhiyin.web.asked import Limit, Yes
from zhiyin.web.bodies import Body, Id
from zhiyin.web.filters import field_of, read_condition
from zhiyin.web.problems import Problem, invalid
from zhiyin.wire import plain_value

_MOST = 50
_CLOSED = {Op.LT: Op.LE, Op.GT: Op.GE}  # "under 3000" widens to "at most 3199": the item at the edge is in


class Change(Body):
    """A wish with another value, another comparison, or another weight."""

    id: Id
    hard: Yes | None = None
    value: object = None
    op: str | None = Field(None, max_length=20)


class Answer(Body):
    """An option of a question, taken."""

    field: Id
    value: object = Field(description="as the option has it")


class ConstraintsBody(Body):
    """What is to become of a session's wishes."""

    remove: list[Id] = Field(default=[], max_length=_MOST, description="ids of wishes")
    change: list[Change] = Field(default=[], max_length=_MOST)
    accept: Annotated[int, Strict(), Field(ge=0, le=_MOST)] | None = Field(None, description="which of the last turn's offers is taken, from 0")
    answer: Answer | None = None
    clear: Yes = Field(default=False, description="every wish goes")
    limit: Limit | None = None

    @model_validator(mode="after")
    def _something(self) -> ConstraintsBody:
        if not (self.remove or self.change or self.accept is not None or self.answer or self.clear):
            raise PydanticCustomError("nothing", "one of remove, change, accept, answer, clear is needed")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where a session stands: its state, and what the last turn asked and offered."""

    state: State
    offers: tuple[Offer, ...] = ()
    question: Question | None = None


def read_edit(body: ConstraintsBody, standing: Stand, wording: Wording, now: datetime) -> Edited:
    """The edit that a body asks for. Raises a 400 that names what does not fit the session or the domain."""
    wishes = {w.id: w for w in standing.state.wishes}
    removed = dict.fromkeys(wishes if body.clear else ())
    for place, wanted in enumerate(body.remove):
        removed[_known(wanted, wishes, f"remove.{place}").id] = None
    changed = {}
    for place, change in enumerate(body.change):
        old = _known(change.id, wishes, f"change.{place}.id")
        if old.id in removed or old.id in changed:
            raise invalid(f"change.{place}.id", "it is removed or changed already in the same request")
        changed[old.id] = _changed(old, change, wording, f"change.{place}")
    if body.accept is not None:
        gone, wider = _accepted(body.accept, standing.offers, wishes)
        removed |= dict.fromkeys(gone)
        if wider is not None:
            changed[wider.id] = wider
    added = () if body.answer is None else (_answered(body.answer, standing.question, wording),)
    return Edited(removed=tuple(removed), changed=tuple(w for i, w in changed.items() if i not in removed), added=added, time=now)


def _known(wanted: str, wishes: dict[str, Wish], where: str) -> Wish:
    wish = wishes.get(wanted)
    if wish is None:
        raise invalid(where, f"there is no such constraint; there are {', '.join(wishes)}" if wishes else "the session has no constraints")
    return wish


def _changed(old: Wish, change: Change, wording: Wording, where: str) -> Wish:
    given = change.model_fields_set
    if not given & {"hard", "value", "op"}:
        raise invalid(where, "one of hard, value, op is needed")
    wish = old if change.hard is None else replace(old, hard=change.hard)
    if not given & {"value", "op"}:
        return wish
    field = field_of(old.field, wording.catalog, within=where)
    raw = change.value if "value" in given else plain_value(old.value)
    op, value = read_condition(field, change.op or str(old.op), raw, wording.catalog, within=f"{where}.value")
    return replace(wish, op=op, value=value, negated=op is Op.NONE_OF, near=None, source="")  # the user's words said something else


def _accepted(place: int, offers: Sequence[Offer], wishes: dict[str, Wish]) -> tuple[list[str], Wish | None]:
    """The ids that go, and the wish that is widened, if one is."""
    if place >= len(offers):
        raise invalid("accept", f"the last turn made {len(offers)} offers; they count from 0")
    offer = offers[place]
    if offer.wish.id not in wishes:
        raise Problem(409, "conflict", "accept: the wish that the offer widens is gone", errors=({"field": "accept", "message": "the wish is gone"},))
    also = [w.id for w in offer.also if w.id in wishes]
    if offer.to is None:
        return [offer.wish.id, *also], None
    old = wishes[offer.wish.id]
    return also, replace(old, op=_CLOSED.get(old.op, old.op), value=offer.to, near=None, source="")


def _answered(answer: Answer, question: Question | None, wording: Wording) -> Wish:
    field = field_of(answer.field, wording.catalog, within="answer")
    op, value = _condition(field, answer.value, wording)
    options = question.options if question is not None and question.field == field.name else ()
    source = next((o.label for o in options if _same(o, answer.value)), "")
    return Wish(field=field.name, op=op, value=value, hard=not field.soft, source=source)


def _condition(field: DomainField, raw: object, wording: Wording) -> tuple[Op, Value]:
    """What an option stands for, as its label says it: of numbers `[low]` is "from low on", `[0, high]` "under high", `[low, high]` between."""
    where = "answer.value"
    if not field.numeric or not isinstance(raw, list) or len(raw) not in {1, 2}:
        return read_condition(field, None, raw, wording.catalog, within=where)
    if len(raw) == 1:
        return read_condition(field, Op.GE, raw[0], wording.catalog, within=where)
    if raw[0] == 0:
        return read_condition(field, Op.LT, raw[1], wording.catalog, within=where)
    return read_condition(field, Op.BETWEEN, raw, wording.catalog, within=where)


def _same(option: Option, raw: object) -> bool:
    return raw == plain_value(option.value)
