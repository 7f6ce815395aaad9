"""The `/` controls of a conversation, the same at the terminal and in `chat --json`."""

from __future__ import annotations

import shlex
import uuid
from dataclasses import dataclass

from zhiyin.bootstrap import App
from zhiyin.errors import ControlError
from zhiyin.types import EVENT_WEIGHTS, SessionId, UserId

HELP = {
    "en": """/new            start afresh, as a new anonymous user
/user NAME      go on as this user (their taste is remembered)
/like N  /dislike N  /skip N      what you think of number N
/event TYPE N [VALUE]             click, view, favourite, cart, purchase, rating 1-5, dwell SECONDS ...
/undo           take back the latest message or feedback
/wishes         what I understood so far
/help  /quit""",
    "zh": """/new            重新开始（新的匿名用户）
/user 名字      以这个用户继续（记得其口味）
/like N  /dislike N  /skip N      对第 N 个的看法
/event 类型 N [值]                click、view、favourite、cart、purchase、rating 1-5、dwell 秒数……
/undo           撤销上一句话或上一个反馈
/wishes         到目前为止我理解的要求
/help  /quit""",
}
SAID = {
    "en": {"fresh": "A fresh start.", "hello": "Hello, {who}.", "undone": "Taken back.", "noted": "Noted: {kind} {title}."},
    "zh": {"fresh": "重新开始。", "hello": "你好，{who}。", "undone": "已撤销。", "noted": "已记下：{kind} {title}。"},
}
_KNOWN = ("/new", "/user", "/like", "/dislike", "/skip", "/event", "/undo", "/wishes", "/help", "/quit")


@dataclass
class Talk:
    """Who is talking, in which session."""

    user: UserId
    session: SessionId
    quit: bool = False

    @classmethod
    def fresh(cls, user: str = "") -> Talk:
        """A new session; of an anonymous user unless named."""
        return cls(user=UserId(user or f"anonymous-{uuid.uuid4().hex}"), session=SessionId(uuid.uuid4().hex))


async def control(line: str, app: App, talk: Talk) -> str:
    """Follow a control; what to tell the user about it. Raises `ControlError` with a clear sentence."""
    try:
        name, *words = shlex.split(line)
    except ValueError as error:
        raise ControlError(f"{line!r} cannot be read: {error}") from error
    language = str((await app.engine.state(talk.session, talk.user)).language)
    said = SAID[language]
    match name, words:
        case "/new", []:
            talk.user, talk.session = Talk.fresh().user, SessionId(uuid.uuid4().hex)
            return said["fresh"]
        case "/user", [who]:
            talk.user, talk.session = UserId(who), SessionId(uuid.uuid4().hex)
            return said["hello"].format(who=who)
        case (("/like" | "/dislike" | "/skip"), [place]):
            return await _feed(app, talk, name[1:], place, None)
        case "/event", [kind, place]:
            return await _feed(app, talk, kind, place, None)
        case "/event", [kind, place, value]:
            return await _feed(app, talk, kind, place, value)
        case "/undo", []:
            await app.engine.undo(talk.session, talk.user)
            return said["undone"]
        case "/quit", []:
            talk.quit = True
            return ""
        case _:
            usage = "see /help" if name in _KNOWN else f"known are {' '.join(_KNOWN)}"
            raise ControlError(f"{line!r} is no control I can follow; {usage}")


async def _feed(app: App, talk: Talk, kind: str, place: str, value: str | None) -> str:
    if kind not in EVENT_WEIGHTS:
        raise ControlError(f"{kind!r} is no kind of event; known are {', '.join(EVENT_WEIGHTS)}")
    try:
        number = int(place)
        amount = float(value) if value is not None else None
    except ValueError:
        raise ControlError(f"{place!r} {value or ''} should be the number of an item, then a number") from None
    if kind == "rating" and (amount is None or not 1 <= amount <= 5):
        raise ControlError(f"a rating is a number from 1 to 5, not {value!r}: /event rating {place} 4")
    if amount is not None and not 0 <= amount < 1e9:
        raise ControlError(f"{value!r} cannot be the value of an event")
    event = await app.engine.feed(talk.session, talk.user, kind, number, amount)
    item = app.catalog.item(event.item)
    language = str((await app.engine.state(talk.session, talk.user)).language)
    return SAID[language]["noted"].format(kind=kind, title=item.title(language) if item else event.item)
