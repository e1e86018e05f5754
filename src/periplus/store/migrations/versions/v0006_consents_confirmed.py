"""When a consent was last said again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("consents", sa.Column("confirmed", sa.BigInteger))


def downgrade() -> None:
    op.drop_column("consents", "confirmed")
