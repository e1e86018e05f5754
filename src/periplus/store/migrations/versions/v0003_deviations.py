"""Counts of what arrived otherwise than the tracking plan expects."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "deviations",
        sa.Column("wrong", sa.String(40), primary_key=True),
        sa.Column("event", sa.String(200), primary_key=True),
        sa.Column("property", sa.String(200), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("value", sa.String(200), nullable=False),
        sa.Column("message_id", sa.String(200), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("deviations")
