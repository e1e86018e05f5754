"""What people allowed, by purpose, under hashes of their identifiers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("identifier", sa.String(32), primary_key=True),
        sa.Column("purpose", sa.String(60), primary_key=True),
        sa.Column("time", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("given", sa.Boolean, nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("recorded", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_consents_recorded", "consents", ["recorded"])


def downgrade() -> None:
    op.drop_index("ix_consents_recorded", "consents")
    op.drop_table("consents")
