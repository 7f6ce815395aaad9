"""Events to fill a log with, and a clock moved by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from zhiyin.types import (
    Call,
    Card,
    Edited,
    Event,
    Fed,
    Heard,
    ItemId,
    Judgement,
    Language,
    Lift,
    Notice,
    Offer,
    Op,
    Opinion,
    Option,
    Put,
    Question,
    Reason,
    Said,
    Sentiment,
    SessionId,
    Signal,
    Turn,
    Understanding,
    Undone,
    Usage,
    UserId,
    Wish,
)

NOON = datetime(2026, 5, 17, 12, tzinfo=UTC)
ANN, BO = UserId("ann"), UserId("bo 波")
MORNING, EVENING, NIGHT = SessionId("morning"), SessionId("evening 傍晚"), SessionId("night")


class HandClock:
    """A clock that stands at noon until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        """What it shows."""
        return self.now

    def go(self, seconds: float) -> None:
        """Move on."""
        self.now += timedelta(seconds=seconds)


def clicks(*items: str, user: UserId = ANN) -> tuple[Fed, ...]:
    """A click on each item."""
    return tuple(Fed(user=user, kind="click", item=ItemId(item), time=NOON) for item in items)


def liked(identity: str, *, user: UserId = ANN, item: str = "moon-1") -> Fed:
    """A like that its sender gave an id."""
    return Fed(user=user, kind="like", item=ItemId(item), id=identity, time=NOON)


def every_event(session: SessionId = MORNING, user: UserId = ANN) -> tuple[Event, ...]:
    """One event of each type, with everything that an event can carry."""
    wishes = (
        Wish(field="price", op=Op.BETWEEN, value=(4000, 6000.5), source="五千左右", turn=1, id="c1", near=5000.0),
        Wish(field="colours", op=Op.NONE_OF, value=("red", "blue"), negated=True, source="not red or blue", turn=1, id="c2"),
        Wish(field="dimmable", op=Op.EQ, value=True, hard=False, source="ideally dimmable", turn=1, id="c3"),
        Wish(field="rating", op=Op.GE, value=8, source="8 or more", turn=1, id="c4"),
        Wish(field="rating", op=Op.LIKE, value="highest", hard=False, source="the best", turn=1, id="c5"),
    )
    understanding = Understanding(
        language=Language.ZH,
        intent={"recommend": 0.75, "refine": 0.25},
        sentiment=Sentiment(label="mixed", score=-0.125, aspects={"price": -0.5, "weight": 0.25}),
        edits=(*(Put(wish=w, how="merge") for w in wishes), Lift(field="brand", values=("Hearth", 3, True), source="any brand"), Lift(field="*")),
        about=(ItemId("moon-1"), ItemId("ember")),
        judgements=(Judgement(item=ItemId("ember"), opinion=Opinion.SEEN, source="看过了"),),
        asked=("weight",),
        asked_values=("NFC",),
        count=3,
        topic="quotes \"' and \\ and 换行\n🌙",
        signals=frozenset({Signal.OTHERS, Signal.FIRM}),
        notices=(Notice(code="unknown_title", slots={"title": "《没有》"}),),
    )
    return (
        Heard(turn=Turn(session=session, user=user, text="五千左右的灯, not red — 谢谢🙏", time=NOON), understanding=understanding),
        _said(wishes[0]),
        Fed(user=user, kind="rating", item=ItemId("moon-2"), value=4.5, time=NOON + timedelta(seconds=2, microseconds=3)),
        Fed(user=user, kind="like", item=ItemId("moon-1"), time=NOON + timedelta(seconds=3)),
        Fed(
            user=user,
            kind="dislike",
            item=ItemId("ember"),
            recommendation="a1b2",
            reason="comparison",
            comment="太红 🔥",
            properties={"position": 2, "price": 4.0, "new": True},
            time=NOON,
        ),
        Edited(removed=("c1", "c2"), changed=(wishes[2],), added=(wishes[3],), time=NOON + timedelta(seconds=4)),
        Undone(time=NOON + timedelta(seconds=5)),
        Heard(turn=Turn(session=session, user=user, text="", time=NOON), understanding=Understanding(language=Language.EN, intent={"chitchat": 1.0})),
    )


def _said(wish: Wish) -> Said:
    reason = Reason(kind="wish", field="price", value=4999, text="within your budget", source="五千左右")
    card = Card(
        item=ItemId("moon-1"), score=0.75, sources={"dense": 0.5}, reasons=(reason,), attributes={"brand": ("Guangming",), "price": 4999, "dimmable": True}, probability=0.5
    )
    return Said(
        act="recommend",
        text="好的 ok",
        items=(ItemId("moon-1"), ItemId("moon-2")),
        question="brand",
        recommendation="a1b2",
        calls=(Call(purpose="rank", prompt="lamps/rank.zh@1", slots={"said": "灯"}, usage=Usage(prompt=7, answer=1, model="tiny", seconds=0.5)),),
        cards=(card,),
        asked=Question(field="brand", options=(Option(label="光明", value="Guangming", count=3),), gain=1.5, text="哪个品牌？"),
        offers=(Offer(wish=wish, to=(3000, 7000), count=4, text="3000-7000 元"),),
        notices=(("no_model", "没有模型"),),
        withheld=("It flies.",),
        latency_ms={"total": 6.5},
        whole=False,
        time=NOON + timedelta(seconds=1),
    )
