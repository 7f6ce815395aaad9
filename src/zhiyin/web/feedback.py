"""`POST /v1/feedback`: what somebody thinks of an item that was shown, or of a whole slate, joined to what was shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from zhiyin.types import Fed, ItemId, Scalar, SessionId, State, UserId
from zhiyin.web.belonging import owner_of
from zhiyin.web.bodies import Body, Id, Text
from zhiyin.web.callers import Caller, Who
from zhiyin.web.idempotency import Once
from zhiyin.web.problems import invalid, missing
from zhiyin.web.service import Here, Service
from zhiyin.web.slates import Shown, Slates
from zhiyin.web.views import OPINIONS, Standing
from zhiyin.wire import Json

router = APIRouter(tags=["feedback"], route_class=Once)
Verdict = Literal["like", "dislike", "skip", "favourite", "unfavourite", "none"]
Why = Literal[
    "price_sensitivity", "shipping_cost", "shipping_speed", "product_fit", "trust_security", "returns_policy", "payment_options", "comparison", "timing_deferred", "other"
]  # fmt: skip
OF_A_SLATE = "comment"
"""How the log has what is said of a whole slate: a comment, which says nothing of any one item, with the verdict among its properties."""


class FeedbackBody(Body):
    """What is thought of what was shown."""

    recommendation_id: Id
    item_id: Id | None = Field(None, description="the item; without one it is about the whole slate")
    turn_id: Id | None = Field(None, description="of the caller's own; kept with the feedback")
    value: Verdict = Field(description="none takes a like, dislike or skip back")
    reason: Why | None = Field(None, description="for a dislike")
    comment: Text = ""
    session_id: Id | None = Field(None, description="the session of the recommendation; without it the user's latest are searched")
    user: Id | None = Field(None, description="whom a server acts for")


@router.post("/v1/feedback")
async def give_feedback(*, service: Here, who: Who, slates: Shown, body: FeedbackBody) -> Json:
    """Say what you think of it; saying the same twice counts once."""
    if body.reason is not None and body.value != "dislike":
        raise invalid("reason", "only a dislike has one")
    session, user = await _place(service, who, slates, body)
    items = await slates.items(service, session, body.recommendation_id)
    if items is None:
        raise missing("recommendation")
    if body.item_id is not None and body.item_id not in items:
        raise invalid("item_id", f"it was not on this slate; there were {', '.join(items)}")
    fed = _news(_fed(body, user, service), await service.app.engine.state(session, user))
    if fed is not None:
        await service.app.engine.take(session, user, fed)
        service.metrics.feedback.labels(body.value).inc()
        await service.changes.tasted(user)
    return {"accepted": True, "session_id": session, "item_id": body.item_id}


async def _place(service: Service, who: Caller, slates: Slates, body: FeedbackBody) -> tuple[SessionId, UserId]:
    """The session that the recommendation is of, and its user. Raises a 404 where the caller has no such session."""
    if body.session_id is not None:
        return SessionId(body.session_id), await owner_of(service, who, body.session_id, body.user)
    if who.kind != "browser" and body.user is None and who.user is None:
        raise invalid("session_id", "name the session of the recommendation, or the user")
    user = who.acting_as(body.user)
    session = await slates.session_of(service, user, body.recommendation_id)
    if session is None:
        raise missing("recommendation")
    return session, user


def _fed(body: FeedbackBody, user: UserId, service: Service) -> Fed:
    properties: dict[str, Scalar] = {}
    if body.turn_id is not None:
        properties["turn_id"] = body.turn_id
    if body.item_id is None:
        properties["value"] = body.value
    return Fed(
        user=user,
        kind=body.value if body.item_id is not None else OF_A_SLATE,
        item=ItemId(body.item_id or ""),
        recommendation=body.recommendation_id,
        reason=body.reason or "",
        comment=body.comment,
        properties=properties,
        time=service.clock(),
    )


def _news(fed: Fed, state: State) -> Fed | None:
    """The feedback as it is kept; None where it is what stands already, so that a repeated tap or request changes nothing."""
    earlier = [f for f in state.feedback if f.item == fed.item]
    here = [f for f in earlier if f.recommendation == fed.recommendation]
    opinion = next((f for f in reversed(earlier) if f.kind in OPINIONS), None)
    standing = Standing.of(earlier)
    match fed.kind:
        case "none":  # what is taken back may have been said of the item on another slate
            return replace(fed, recommendation=opinion.recommendation or fed.recommendation) if opinion is not None and standing.opinions else None
        case "favourite" | "unfavourite":
            return fed if bool(standing.favourites) is (fed.kind == "unfavourite") or (fed.comment and not _alike(fed, here)) else None
        case _ if fed.kind in OPINIONS:
            return None if standing.opinions and opinion in here and _alike(fed, [opinion]) else fed
        case _:
            return None if _alike(fed, here[-1:]) else fed


def _alike(fed: Fed, others: Sequence[Fed]) -> bool:
    """Whether one of the others says the same."""
    return any((f.kind, f.reason, f.comment, f.properties.get("value")) == (fed.kind, fed.reason, fed.comment, fed.properties.get("value")) for f in others)
