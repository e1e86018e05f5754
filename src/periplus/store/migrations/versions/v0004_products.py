"""Products of the catalogue, and their changes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "products",
        sa.Column("source", sa.String(200), primary_key=True),
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("parent", sa.String(200)),
        sa.Column("sku", sa.String(200)),
        sa.Column("title", sa.Text),
        sa.Column("variant", sa.Text),
        sa.Column("price", sa.BigInteger),
        sa.Column("sale_price", sa.BigInteger),
        sa.Column("currency", sa.String(3)),
        sa.Column("stock", sa.BigInteger),
        sa.Column("availability", sa.String(20)),
        sa.Column("category", sa.Text),
        sa.Column("brand", sa.Text),
        sa.Column("image", sa.Text),
        sa.Column("link", sa.Text),
        sa.Column("attributes", sa.Text, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("gone", sa.BigInteger),
    )
    op.create_table(
        "product_changes",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("field", sa.String(40), nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
    )
    op.create_index("product_changes_of", "product_changes", ["source", "id"])


def downgrade() -> None:
    op.drop_table("product_changes")
    op.drop_table("products")
