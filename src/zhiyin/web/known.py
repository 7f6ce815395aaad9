"""What is known of a user, read from the log: taste, wishes, how much there is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from zhiyin.bootstrap import App
from zhiyin.ports import Archive
from zhiyin.profile import read_profile
from zhiyin.records import Conversation
from zhiyin.reply.wording import Wording
from zhiyin.state import replay
from zhiyin.types import Fed, ItemId, Language, Profile, SessionId, UserId, Wish
from zhiyin.web.personal import personal
from zhiyin.web.views import OPINIONS
from zhiyin.wire import Json, wish_json

_PAGE = 100
_WISHES_OF, _MOST = 10, 200  # sessions whose wishes are told; likes and dislikes that are


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that is told of a user."""

    user: UserId
    personalise: bool
    profile: Profile
    wishes: tuple[tuple[Conversation, Language, Wish], ...]
    events: int
    sessions: int
    judged: Mapping[ItemId, tuple[SessionId, str]] = field(default_factory=dict)  # where an opinion that stands was given: its session and slate

    def json(self, wording: Wording) -> Json:
        """As the user reads it: strongest first."""
        weights = weights_json(self.profile, wording)
        return {
            "user": self.user,
            "personalise": self.personalise,
            "likes": [self._row(row) for row, weight in weights if weight > 0][:_MOST],
            "dislikes": [self._row(row) for row, weight in weights if weight < 0][:_MOST],
            "wishes": [{**wish_json(w), "label": wording.wish(w, str(language)), "session_id": one.session} for one, language, w in self.wishes],
            "events": self.events,
            "sessions": self.sessions,
        }

    def _row(self, row: Json) -> Json:
        """A row with the feedback that takes the opinion back; null where there is none, as after a click."""
        session, slate = self.judged.get(ItemId(str(row["item_id"])), ("", ""))
        return {**row, "retract": {"session_id": session, "recommendation_id": slate, "value": "none"} if slate else None}


def weights_json(profile: Profile, wording: Wording) -> list[tuple[Json, float]]:
    """Items with their weights, the strongest first; the title is the id where the catalogue no longer has the item."""
    found = sorted(profile.weights.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
    rows = []
    for identity, weight in found:
        item = wording.catalog.item(identity)
        rows.append(({"item_id": identity, "title": item.title("en") if item else identity, "titles": dict(item.titles) if item else {}, "weight": round(weight, 4)}, weight))
    return rows


async def conversations_of(archive: Archive, user: UserId) -> AsyncGenerator[Conversation, None]:
    """Every session of a user, the latest first."""
    before = 0
    while page := await archive.conversations(before=before, limit=_PAGE, user=user):
        for one in page:
            yield one
        before = page[-1].last_place
        if len(page) < _PAGE:
            return


async def known_of(app: App, user: UserId, *, latest: int | None = None) -> Known:
    """What the stores of an application know of a user now. It reads every session, which a page that is opened now and then may take, or so many of the latest."""
    feedback: list[Fed] = []
    wishes: list[tuple[Conversation, Language, Wish]] = []
    judged: dict[ItemId, tuple[SessionId, str]] = {}
    events = sessions = 0
    async with aclosing(conversations_of(app.stores.archive, user)) as found:
        async for one in found:
            if sessions == latest:
                break
            state = app.engine.present.known(replay(await app.stores.log.events(one.session)))
            feedback += state.feedback
            judged = {f.item: (one.session, f.recommendation) for f in state.feedback if f.kind in OPINIONS} | judged
            if sessions < _WISHES_OF:
                wishes += [(one, state.language, wish) for wish in state.wishes]
            events, sessions = events + one.events, sessions + 1
    profile = read_profile(sorted(feedback, key=lambda f: f.time), app.engine.clock())
    return Known(
        user=user, personalise=await personal(app.stores.records, user), profile=profile, wishes=tuple(wishes), events=events, sessions=sessions, judged=judged
    )  # fmt: skip
