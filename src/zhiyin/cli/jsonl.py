"""`zhiyin chat --json`: one message a line in, one JSON object a line out."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime

from zhiyin.bootstrap import App
from zhiyin.cli.controls import Talk, control
from zhiyin.errors import ControlError, ZhiyinError
from zhiyin.types import Turn
from zhiyin.wire import gather, reply_json


async def serve_lines(app: App, user: str = "") -> None:
    """Answer standard input to its end."""
    talk = Talk.fresh(user)
    loop = asyncio.get_running_loop()
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
        try:
            answer = reply_json(await gather(app.engine.answer(turn)), app.catalog)
        except ZhiyinError as error:  # the log failed: the line still gets its object
            print(error, file=sys.stderr, flush=True)
            answer = {"error": str(error), "items": [], "reply": str(error)}
        sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", errors="replace") + b"\n")
        sys.stdout.buffer.flush()
    await app.engine.close()
