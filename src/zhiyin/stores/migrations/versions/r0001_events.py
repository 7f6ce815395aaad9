"""The log of events; a log of the first release (one table of session, user and event) is taken over row by row.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import sqlalchemy as sa
from alembic import op

from zhiyin.errors import StoreError
from zhiyin.stores.codec import feedback_key, from_json, micros
from zhiyin.stores.schema import Body, Counting, Id
from zhiyin.types import Heard, UserId

revision = "0001"
down_revision = None
_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}
_AT_ONCE = 1000


def upgrade() -> None:
    """Make the tables, and bring an old log over."""
    connection = op.get_bind()
    inspector = sa.inspect(connection)
    old = inspector.has_table("events") and {column["name"] for column in inspector.get_columns("events")} == {"id", "session", "user", "event"}
    if old:
        op.rename_table("events", "events_of_old")
    op.create_table(
        "events",
        sa.Column("id", Counting, primary_key=True, autoincrement=True),
        sa.Column("session", Id, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("user", Id, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.String(64)),
        sa.Column("kept", sa.BigInteger, nullable=False),
        sa.Column("body", Body, nullable=False),
        sa.UniqueConstraint("session", "seq", name="events_session_seq"),
        sa.UniqueConstraint("key", name="events_key"),
        sqlite_autoincrement=True,
        **_MYSQL,
    )
    if old:
        _take_over(connection)
        op.drop_table("events_of_old")
    op.create_index("events_user", "events", ["user", "id"])
    op.create_index("events_kept", "events", ["kept"])
    counters = op.create_table("counters", sa.Column("name", sa.String(16), primary_key=True), sa.Column("value", sa.BigInteger, nullable=False), **_MYSQL)
    op.bulk_insert(counters, [{"name": "events", "value": 0}])


def _take_over(connection: sa.Connection) -> None:
    """Every row keeps its place and its text, readable or not."""
    seqs: Counter[str] = Counter()
    keys: set[str] = set()
    kept, last = 0, 0
    insert = sa.text('insert into events (id, session, seq, "user", kind, key, kept, body) values (:id, :session, :seq, :user, :kind, :key, :kept, :body)')
    select = sa.text('select id, session, "user", event from events_of_old where id > :last order by id limit :many')
    while rows := connection.execute(select, {"last": last, "many": _AT_ONCE}).all():
        new = []
        for place, session, user, body in rows:
            kind, key, moment = _read(UserId(user), body)
            kept = moment or kept
            seqs[session] += 1
            fresh = key is not None and key not in keys  # what was kept twice before ids counted stays
            keys |= {key} if key else set()
            new.append({"id": place, "session": session, "seq": seqs[session], "user": user, "kind": kind, "key": key if fresh else None, "kept": kept, "body": body})
        connection.execute(insert, new)
        last = rows[-1].id


def _read(user: UserId, body: str) -> tuple[str, str | None, int]:
    """An old event's type, its key and its time in microseconds; 0 where it cannot be read."""
    try:
        event = from_json(body)
    except StoreError:
        return _type(body), None, 0
    time = event.turn.time if isinstance(event, Heard) else event.time
    return event.type, feedback_key(user, event), micros(time)


def _type(body: str) -> str:
    try:
        found = json.loads(body)
    except ValueError:
        return "unknown"
    return str(found.get("type", "unknown"))[:16] if isinstance(found, dict) else "unknown"
