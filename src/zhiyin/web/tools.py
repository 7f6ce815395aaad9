"""What each MCP tool does: the same as the HTTP interface, for the same callers, told briefly enough for a language model."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Literal, ParamSpec, TypeAlias

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field, ValidationError
from starlette.requests import Request

from zhiyin.catalog.rows import item_json
from zhiyin.errors import ZhiyinError
from zhiyin.types import Candidate, Item, ItemId, Language, UserId
from zhiyin.web.answering import say
from zhiyin.web.asides import CompareBody, ExplainBody, compare, explain
from zhiyin.web.asked import ChatBody
from zhiyin.web.belonging import place_of
from zhiyin.web.callers import Caller
from zhiyin.web.feedback import FeedbackBody, Verdict, Why, give_feedback
from zhiyin.web.filters import read_filters
from zhiyin.web.listing import Titles, found_by
from zhiyin.web.problems import problem_of
from zhiyin.web.recommend import RecommendBody, recommend
from zhiyin.web.service import Service
from zhiyin.web.slates import Slates
from zhiyin.wire import Json, candidate_json

P = ParamSpec("P")
Found: TypeAlias = dict[str, Any]
Filters = Annotated[
    dict[str, Any] | None,
    Field(
        description='conditions that must hold: {FIELD: VALUE}, {FIELD: [VALUES]} or {FIELD: {"op": OP, "value": VALUE}} with op <, <=, >, >=, =, between, any_of, all_of, none_of'
    ),
]
Many = Annotated[int, Field(ge=1, le=20, description="how many items at most")]
Session = Annotated[str | None, Field(max_length=128, description="session_id that an earlier call gave")]
Shopper = Annotated[str | None, Field(max_length=128, description="id of the person who is advised, so that their taste counts; leave out if unknown")]
ItemName = Annotated[str, Field(max_length=255, description="the item's id, from an earlier result")]
Words = Annotated[str, Field(max_length=4000)]
Tongue = Annotated[Literal["en", "zh"] | None, Field(description="language of the answer; otherwise the person's own")]
_CARD = ("id", "title", "titles", "attributes", "variants", "reasons")
_REPLY = ("session_id", "user", "language", "act", "reply", "recommendation_id", "constraints", "question", "relaxed", "total", "notices", "suggestions")


def told(tool: Callable[P, Awaitable[Found]]) -> Callable[P, Awaitable[Found]]:
    """The tool with what it raises told in a sentence that a model can act on."""

    @functools.wraps(tool)
    async def answered(*args: P.args, **kwargs: P.kwargs) -> Found:
        try:
            return await tool(*args, **kwargs)
        except (ZhiyinError, ValidationError) as error:
            problem = problem_of(error)
            if problem.retry_after is not None:
                raise ToolError(f"{problem.detail} (again in {problem.retry_after:.0f} s)") from None
            raise ToolError(problem.detail) from None

    return answered


class Tools:
    """The tools over a service. Each acts for the caller whose request it came with, or for `local` where there is none.

    Their first sentences are what a model reads; NOUNS stands for what the catalogue is of.
    """

    def __init__(self, service: Service, *, local: Caller | None = None, user: UserId | None = None) -> None:
        self._service, self._local, self._user = service, local, user
        self._titles, self._slates = Titles(), Slates()

    @told
    async def search_catalog(self, ctx: Context, *, query: Words = "", filters: Filters = None, limit: Many = 10) -> Found:
        """Find NOUNS by words of their titles and descriptions, by exact conditions, or both. Nothing is personalised; for advice use recommend or converse."""
        self._who(ctx)
        catalog = self._service.app.catalog
        wishes = read_filters(filters or {}, catalog)
        if query.strip():
            ids: Sequence[ItemId] = found_by(self._service.items.living.view, query.strip(), wishes)
        else:
            allowed = catalog.mask(wishes) & catalog.there
            order = (-catalog.prior).argsort(kind="stable")
            ids = [catalog.items[row].id for row in order.tolist() if allowed[row]]
        return {"total": len(ids), "items": [self._told(item) for i in ids[:limit] if (item := catalog.item(i)) is not None]}

    @told
    async def lookup_catalog(self, ctx: Context, name: Annotated[str, Field(min_length=1, max_length=500, description="a title or an id, as the person wrote it")]) -> Found:
        """Which of the NOUNS a name means: those called exactly so, else the nearest titles. Use it to turn a title into the id that other tools take."""
        self._who(ctx)
        catalog = self._service.app.catalog
        exact = [item for i in (ItemId(name), *self._service.items.living.view.reader.linker.titled(name)) if (item := catalog.item(i)) is not None]
        if exact:
            return {"exact": True, "items": [self._told(item) for item in exact[:5]]}
        return {"exact": False, "items": [self._told(item) for item in self._titles.nearest(catalog, name, 5)]}

    @told
    async def get_product(self, ctx: Context, item_id: ItemName) -> Found:
        """Everything the catalogue knows of one item: titles, attributes, sizes, description. What is not there is not known."""
        self._who(ctx)
        return item_json(self._item(item_id))

    @told
    async def recommend(
        self,
        ctx: Context,
        *,
        query: Annotated[str, Field(max_length=4000, description="what is wanted, in the person's own words, English or Chinese")] = "",
        filters: Filters = None,
        limit: Many = 5,
        user: Shopper = None,
        session_id: Session = None,
    ) -> Found:
        """The best NOUNS for a wish, each with reasons that are true of it. One list without a dialogue; if nothing fits, what to give way on. Keep recommendation_id for send_feedback."""
        who = self._who(ctx)
        asked = {"query": query, "filters": filters, "limit": limit, "session_id": session_id}
        body = RecommendBody.model_validate({**asked, "user": self._named(who, user, session_id)})
        found = await recommend(self._service, who, body)
        return {**found, "items": _brief(found["items"])}

    @told
    async def converse(
        self,
        ctx: Context,
        *,
        message: Annotated[str, Field(max_length=4000, description="what the person says, word for word")],
        session_id: Session = None,
        user: Shopper = None,
        locale: Tongue = None,
        filters: Filters = None,
        limit: Annotated[int | None, Field(ge=1, le=20, description="how many items at most, unless the words say")] = None,
    ) -> Found:
        """Say something to the recommender and get its reply, items and perhaps one question back.

        It remembers the wishes of a session: give back the session_id of its last answer.
        Pass on what the person says as it is, "cheaper" or "the second one, why?" included.
        """
        who = self._who(ctx)
        asked = {"message": {"text": message}, "session_id": session_id, "locale": locale, "filters": filters, "limit": limit}
        body = ChatBody.model_validate({**asked, "user": self._named(who, user, session_id)})
        conditions = read_filters(body.filters or {}, self._service.app.catalog)
        session, whose = await place_of(self._service, who, body.session_id, body.user)
        running = await say(self._service, session, whose, body.text, limit=body.limit, filters=conditions, language=Language(locale) if locale else None)
        reply = await running.whole()
        return {**{name: reply[name] for name in _REPLY}, "items": _brief(reply["items"]), "about": reply["about"]}

    @told
    async def compare_items(
        self,
        ctx: Context,
        *,
        item_ids: Annotated[list[str], Field(min_length=2, max_length=4, description="ids of 2 to 4 items")],
        session_id: Session = None,
        user: Shopper = None,
        locale: Tongue = None,
    ) -> Found:
        """Two to four NOUNS side by side: a row a field with which one is ahead, in a session also which of the person's wishes each keeps, and a summary in words."""
        who = self._who(ctx)
        body = CompareBody(items=[self._item(i).id for i in item_ids], session_id=session_id, user=self._named(who, user, session_id), locale=locale)
        found = await compare(service=self._service, who=who, body=body, request=_NOBODYS)
        return {"text": found["text"], "rows": found["rows"], "verdicts": found["verdicts"], "items": _brief(found["items"])}

    @told
    async def explain_recommendation(
        self,
        ctx: Context,
        *,
        item_id: ItemName,
        session_id: Session = None,
        user: Shopper = None,
        recommendation_id: Annotated[str | None, Field(max_length=128, description="the list it was on: the reasons of then")] = None,
        locale: Tongue = None,
    ) -> Found:
        """Why an item was recommended, or would be: reasons with the evidence they rest on, what each source gave, and which likes had a say. Name the session or the user."""
        who = self._who(ctx)
        named = self._named(who, user, session_id)
        body = ExplainBody(item_id=self._item(item_id).id, session_id=session_id, user=named, recommendation_id=recommendation_id, locale=locale)
        found = await explain(service=self._service, who=who, slates=self._slates, body=body, request=_NOBODYS)
        return {"text": found["text"], "reasons": found["reasons"], "sources": found["sources"], "profile": found["profile"], "item": _brief([found["item"]])[0]}

    @told
    async def send_feedback(
        self,
        ctx: Context,
        *,
        recommendation_id: Annotated[str, Field(max_length=128, description="the list it is about, from recommend or converse")],
        value: Annotated[Verdict, Field(description="what the person thinks; none takes a like, dislike or skip back")],
        item_id: Annotated[str | None, Field(max_length=255, description="the item of that list; leave out for the whole list")] = None,
        reason: Annotated[Why | None, Field(description="for a dislike")] = None,
        comment: Words = "",
        session_id: Session = None,
        user: Shopper = None,
    ) -> Found:
        """Tell the recommender what the person thinks of an item, so that later lists are better. Only what the person said, never a guess. Name the session or the user."""
        who = self._who(ctx)
        given = {"recommendation_id": recommendation_id, "value": value, "item_id": item_id, "reason": reason, "comment": comment, "session_id": session_id}
        body = FeedbackBody.model_validate({**given, "user": self._named(who, user, session_id)})
        return await give_feedback(service=self._service, who=who, slates=self._slates, body=body)

    def _who(self, ctx: Context) -> Caller:
        """Who calls: over HTTP whom the door let in."""
        request = ctx.request_context.request
        found = request.scope["state"].get("caller") if isinstance(request, Request) else self._local
        if not isinstance(found, Caller):
            raise TypeError("a call without a caller")
        return found

    def _named(self, who: Caller, user: str | None, session_id: str | None) -> str | None:
        """The user that a call is for: the one it names, else the one this server was started for; a session knows its own."""
        return user if user is not None or session_id is not None or who is not self._local else self._user

    def _item(self, identity: str) -> Item:
        """The item of an id. Raises an error that names the nearest ones."""
        catalog = self._service.app.catalog
        item = catalog.item(ItemId(identity))
        if item is not None:
            return item
        near = self._titles.nearest(catalog, identity)
        meant = "; did you mean " + " or ".join(f"{i.id!r} ({i.title('en')})" for i in near) + "?" if near else "; lookup_catalog finds ids by title"
        raise ToolError(f"item_id: the catalogue has no {identity[:100]!r}{meant}")

    def _told(self, item: Item) -> Json:
        """An item in brief, not for anybody in particular."""
        catalog = self._service.app.catalog
        card = candidate_json(Candidate(item=item, score=0.0, attributes=catalog.attributes(catalog.row[item.id])))
        return {name: card[name] for name in _CARD if name in card and name != "reasons"}


_NOBODYS = Request({"type": "http", "headers": []})
"""The request of an endpoint that is not called over HTTP: no headers, so no language of a browser."""


def _brief(cards: object) -> list[Json]:
    """Cards without scores and texts."""
    return [{name: card[name] for name in _CARD if name in card} for card in cards] if isinstance(cards, list) else []
