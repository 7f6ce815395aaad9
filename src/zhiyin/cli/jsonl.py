"""`zhiyin chat --json`: one message a line in, one JSON object a line out."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime

from zhiyin.bootstrap import App
from zhiyin.cli.border import Trouble, guarded
from zhiyin.cli.controls import Talk, control
from zhiyin.errors import ControlError
from zhiyin.types import Turn
from zhiyin.wire import Json, gather, reply_json, wish_json


async def _answer(app: App, turn: Turn) -> Json:
    """The reply to a line: whatever goes wrong, the line gets its object."""
    reply = await guarded(gather(app.engine.answer(turn)))
    if not isinstance(reply, Trouble):
        return reply_json(reply, app.catalog)
    state = await app.engine.state(turn.session, turn.user)
    return {
        "turn": state.turn + 1, "language": str(state.language), "intent": {"chitchat": 1.0}, "act": "refuse", "sentiment": {"label": "neutral", "score": 0.0},
        "constraints": [wish_json(w) for w in state.wishes], "about": [], "items": [], "relaxed": [], "question": None, "chips": [],
        "reply": reply.text, "model": None, "notices": [{"code": "internal_error", "text": reply.text}], "latency_ms": {},
    }  # fmt: skip


async def serve_lines(app: App, user: str = "") -> None:
    """Answer standard input to its end."""
    talk = Talk.fresh(user)
    loop = asyncio.get_running_loop()
    warming = asyncio.create_task(app.ready())
    while not talk.quit:
        raw = await loop.run_in_executor(None, sys.stdin.buffer.readline)
        if not raw:
            break
        line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
        if line.startswith("/"):
            try:
                await control(line, app, talk)
            except ControlError as error:
                print(error, file=sys.stderr, flush=True)
            continue
        turn = Turn(session=talk.session, user=talk.user, text=line, time=datetime.now(UTC))
        answer = await _answer(app, turn)
        sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", errors="replace") + b"\n")
        sys.stdout.buffer.flush()
    warming.cancel()
    await app.engine.close()
