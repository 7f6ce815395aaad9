"""Why an item was shown, or would be: reasons with their evidence, what each source gave, and the taste that had a say."""

from __future__ import annotations

from zhiyin.bootstrap import App
from zhiyin.history import exchanges
from zhiyin.ports import Store
from zhiyin.reply.speaker import TemplateSpeaker
from zhiyin.types import Act, Candidate, Card, Item, ItemId, Language, Profile, Query, Said, SessionId, State
from zhiyin.web.known import weights_json
from zhiyin.web.views import candidate_of
from zhiyin.wire import Json, candidate_json

_LOOKED_AT = 50  # candidates among which an item's scores are looked for
_WEIGHTS = 10  # of a profile that are told


async def last_shown(store: Store, session: SessionId, item: ItemId, recommendation: str | None = None) -> Card | None:
    """The item as it was last shown in a session, or on one slate of it."""
    events = await store.events(session)
    if recommendation is not None:  # of a turn, undone or not, or of a list without one
        said = (e for e in events if isinstance(e, Said) and e.recommendation == recommendation)
    else:
        said = (e.said for e in reversed(exchanges(events)) if e.said is not None and not e.undone)
    return next((card for one in said for card in one.cards if card.item == item), None)


def explained(app: App, item: Item, state: State, profile: Profile, shown: Card | None = None) -> Json:
    """What speaks for an item: as it was shown, else as it would be found now under a session's wishes and with this taste."""
    candidate = _as_shown(app, shown, state) if shown is not None else None
    candidate = candidate or _as_found(app, item, state, profile)
    act = Act(kind="explain", items=(item.id,), reasons=candidate.reasons)
    card = candidate_json(candidate)
    return {
        "item": card,
        "reasons": card["reasons"],
        "sources": dict(candidate.sources),
        "profile": [row for row, _ in weights_json(profile, app.wording)[:_WEIGHTS]],
        "text": spoken(app, act, state),
    }


def spoken(app: App, act: Act, state: State) -> str:
    """What the templates say of an act; no model is asked beside a conversation."""
    sentences = TemplateSpeaker(app.wording.catalog, app.wording).script(act, (), state).sentences
    return ("" if state.language is Language.ZH else " ").join(sentences).replace(" \n", "\n")


def _as_found(app: App, item: Item, state: State, profile: Profile) -> Candidate:
    """An item as it would be found now: with its scores, where it is among the best."""
    look = Query(wishes=state.wishes, topic=state.topic, basis=state.basis, profile=profile, limit=_LOOKED_AT)
    found = next((c for c in app.engine.find.slate(look) if c.item.id == item.id), None)
    if found is None:
        reasons = app.engine.find.reasons(item.id, look)
        found = Candidate(item=item, score=0.0, attributes=app.catalog.attributes(app.catalog.row[item.id], state.wishes), reasons=reasons)
    return app.engine.present.slate((found,), state)[0]


def _as_shown(app: App, card: Card, state: State) -> Candidate | None:
    candidate = candidate_of(card, app.wording)
    return None if candidate is None else app.engine.present.slate((candidate,), state)[0]
