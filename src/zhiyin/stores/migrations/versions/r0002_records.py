"""Small documents beside the log.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from zhiyin.stores.schema import Body, Id

revision = "0002"
down_revision = "0001"
_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}


def upgrade() -> None:
    """Make the table and its counter of versions."""
    op.create_table(
        "records",
        sa.Column("kind", Id, primary_key=True),
        sa.Column("key", Id, primary_key=True),
        sa.Column("value", Body),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger),
        sa.UniqueConstraint("version", name="records_version"),
        **_MYSQL,
    )
    op.create_index("records_expires", "records", ["expires"])
    op.bulk_insert(sa.table("counters", sa.column("name", sa.String), sa.column("value", sa.BigInteger)), [{"name": "records", "value": 0}])
