"""Notes that people write about customers."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "notes",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("identifier", sa.String(32), nullable=False, index=True),
        sa.Column("about", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("written", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger),
    )


def downgrade() -> None:
    op.drop_table("notes")
