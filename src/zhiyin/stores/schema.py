"""The tables, the same on SQLite, PostgreSQL and MySQL or MariaDB: events, small documents, and the counters that put writers in line."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Dialect, Index, Integer, MetaData, String, Table, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.types import TypeEngine

from zhiyin.stores.codec import LONGEST_ID


class Id(TypeDecorator[str]):
    """A text that is taken byte for byte and sorted by code point.

    MySQL's collations take "a", "A" and "a " for one, so there it is bytes; PostgreSQL sorts by its locale unless told otherwise.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column type of a database."""
        if dialect.name == "mysql":
            from sqlalchemy.dialects.mysql import VARBINARY

            return dialect.type_descriptor(VARBINARY(LONGEST_ID * 4))
        return dialect.type_descriptor(String(LONGEST_ID, collation="C" if dialect.name == "postgresql" else None))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401  # bytes or text, by database
        """As the database takes it."""
        return value.encode() if value is not None and dialect.name == "mysql" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401  # bytes or text, by database
        """As we take it."""
        return bytes(value).decode() if dialect.name == "mysql" and value is not None else value


class Body(TypeDecorator[str]):
    """A text of any length: in MySQL TEXT ends at 64 KB."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column type of a database."""
        if dialect.name == "mysql":
            from sqlalchemy.dialects.mysql import LONGTEXT

            return dialect.type_descriptor(LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin"))
        return dialect.type_descriptor(Text())


Counting = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts up by itself in SQLite
_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}

metadata = MetaData()
events = Table(
    "events",
    metadata,
    Column("id", Counting, primary_key=True, autoincrement=True),  # the place in the whole log
    Column("session", Id, nullable=False),
    Column("seq", Integer, nullable=False),  # grows within a session
    Column("user", Id, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("key", String(64)),  # tells feedback that was sent twice: codec.feedback_key
    Column("kept", BigInteger, nullable=False),  # microseconds since 1970
    Column("body", Body, nullable=False),
    UniqueConstraint("session", "seq", name="events_session_seq"),
    UniqueConstraint("key", name="events_key"),
    Index("events_user", "user", "id"),
    Index("events_kept", "kept"),
    sqlite_autoincrement=True,  # a place is never given twice, also after an erasure
    **_MYSQL,
)
records = Table(
    "records",
    metadata,
    Column("kind", Id, primary_key=True),
    Column("key", Id, primary_key=True),
    Column("value", Body),  # NULL where it was deleted
    Column("version", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("expires", BigInteger),
    UniqueConstraint("version", name="records_version"),
    Index("records_expires", "expires"),
    **_MYSQL,
)
counters = Table(
    "counters",
    metadata,
    Column("name", String(16), primary_key=True),  # events, records
    Column("value", BigInteger, nullable=False),
    **_MYSQL,
)
