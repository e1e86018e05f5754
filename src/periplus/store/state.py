"""Operational state: authored documents with their versions, write keys, tokens and sign-ins.

SQLite in the workspace, or PostgreSQL by URL; tables are declared once here and made by the numbered
migrations beside. Secrets are stored as SHA-256 hashes: what is lost is made anew, never read back.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from periplus.clock import iso, wall
from periplus.errors import DocumentError, StoreError
from periplus.settings import Settings
from periplus.store import inbox_file, locks

metadata = sa.MetaData()

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("kind", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
)
secrets_table = sa.Table(
    "secrets",
    metadata,
    sa.Column("kind", sa.String(40), primary_key=True),
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("expires", sa.BigInteger),
)
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("identifier", sa.String(32), primary_key=True),
    sa.Column("purpose", sa.String(60), primary_key=True),
    sa.Column("time", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("given", sa.Boolean, nullable=False),
    sa.Column("source", sa.String(200), nullable=False),
    sa.Column("recorded", sa.BigInteger, nullable=False, index=True),
    sa.Column("confirmed", sa.BigInteger),
)
deviations = sa.Table(
    "deviations",
    metadata,
    sa.Column("wrong", sa.String(40), primary_key=True),
    sa.Column("event", sa.String(200), primary_key=True),
    sa.Column("property", sa.String(200), primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("value", sa.String(200), nullable=False),
    sa.Column("message_id", sa.String(200), nullable=False),
)
products = sa.Table(
    "products",
    metadata,
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
product_changes = sa.Table(
    "product_changes",
    metadata,
    sa.Column(
        "number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("source", sa.String(200), nullable=False),
    sa.Column("id", sa.String(200), nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("field", sa.String(40), nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Index("product_changes_of", "source", "id"),
)
notes = sa.Table(
    "notes",
    metadata,
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
sightings = sa.Table(
    "sightings",
    metadata,
    sa.Column("watch", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(300), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("modified", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("outcome", sa.String(20), nullable=False),
    sa.Column("batch", sa.BigInteger),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("seen", sa.BigInteger, nullable=False),
)
turns = sa.Table(
    "turns",
    metadata,
    sa.Column("watch", sa.String(100), primary_key=True),
    sa.Column("began", sa.BigInteger, nullable=False),
    sa.Column("ended", sa.BigInteger),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("modified", sa.Text, nullable=False),
)

actions = sa.Table(
    "actions",
    metadata,
    sa.Column(
        "number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("who", sa.String(200), nullable=False),
    sa.Column("action", sa.String(40), nullable=False, index=True),
    sa.Column("subject", sa.String(32), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)


_SAVING, _MIGRATING = 0x70657269, 0x70657270
"""PostgreSQL's advisory locks under which documents are saved and tables are migrated, one after another."""


class State:
    """The operational state of one workspace."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.url = settings.state or f"sqlite:///{root / 'state.db'}"
        try:
            self.engine = sa.create_engine(_driver(self.url), pool_pre_ping=True)
        except (SQLAlchemyError, ImportError, ValueError) as problem:
            raise _plain(problem, self.url) from None
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", _durable)
        try:
            if not _is_newest(self.engine):
                with locks.held(root / "state.lock", wait=60, who="periplus"):
                    _lay_out(self.engine) if _is_new_file(self.engine) else _migrate(self.engine)
        except SQLAlchemyError as problem:
            self.close()
            raise _plain(problem, self.url) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """A connection and a transaction; what the database has against it becomes one plain sentence."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as problem:
            raise _plain(problem, self.url) from None

    # -- documents ------------------------------------------------------------------------------

    def document(self, kind: str, name: str, version: int | None = None) -> dict[str, Any] | None:
        """A version of a document, by default the newest, or None."""
        query = sa.select(documents.c.body).where(documents.c.kind == kind, documents.c.name == name)
        if version is not None:
            query = query.where(documents.c.version == version)
        with self.connected() as connection:
            body = connection.scalar(query.order_by(documents.c.version.desc()).limit(1))
        return None if body is None else dict(json.loads(body))

    def versions(self, kind: str, name: str) -> list[dict[str, Any]]:
        """The versions of a document, the newest first: number, and when it was stored."""
        query = sa.select(documents.c.version, documents.c.created)
        query = query.where(documents.c.kind == kind, documents.c.name == name)
        with self.connected() as connection:
            rows = connection.execute(query.order_by(documents.c.version.desc()))
            return [{"version": int(version), "created": iso(created)} for version, created in rows]

    def names(self, kind: str) -> list[str]:
        """Names of the stored documents of a kind, in the order in which they were first added."""
        with self.connected() as connection:
            rows = connection.execute(
                sa.select(documents.c.name, sa.func.min(documents.c.created))
                .where(documents.c.kind == kind)
                .group_by(documents.c.name)
                .order_by(sa.func.min(documents.c.created), documents.c.name)
            )
            return [name for name, _ in rows]

    def save(self, kind: str, name: str, body: Mapping[str, Any]) -> int:
        """Store a new version of a document, unless it is as it was; returns the version's number."""
        if len(name) > 200:
            raise DocumentError("A document's name has at most 200 letters.", hint="Give it a shorter id.")
        text = json.dumps(body, ensure_ascii=False, sort_keys=True)
        with self.connected() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SAVING)))
            last = connection.execute(
                sa.select(documents.c.version, documents.c.body)
                .where(documents.c.kind == kind, documents.c.name == name)
                .order_by(documents.c.version.desc())
                .limit(1)
            ).first()
            if last is not None and last.body == text:
                return int(last.version)
            version = 1 if last is None else int(last.version) + 1
            connection.execute(
                documents.insert().values(kind=kind, name=name, version=version, body=text, created=wall())
            )
        return version

    # -- secrets --------------------------------------------------------------------------------

    def issue(self, kind: str, name: str, *, seconds: int | None = None) -> str:
        """A new secret of a kind ("token", "write key", "sign-in", "session"); only its hash is kept.

        Those of all kinds that have expired go on this occasion.
        """
        secret = secrets.token_urlsafe(32)
        expires = None if seconds is None else wall() + seconds * 1_000_000
        with self.connected() as connection:
            connection.execute(secrets_table.delete().where(secrets_table.c.expires < wall()))
            connection.execute(
                secrets_table.insert().values(
                    kind=kind, hash=_hash(secret), name=name, created=wall(), expires=expires
                )
            )
        return secret

    def check(self, kind: str, secret: str, *, spend: bool = False) -> str | None:
        """The name a living secret was issued to, or None; with `spend` it is good only this once."""
        table = secrets_table
        found = (table.c.kind == kind) & (table.c.hash == _hash(secret))
        with self.connected() as connection:
            row = connection.execute(sa.select(table.c.name, table.c.expires).where(found)).first()
            if row is None or (row.expires is not None and row.expires < wall()):
                return None
            if spend and connection.execute(table.delete().where(found)).rowcount != 1:
                return None
        return str(row.name)

    def revoke(self, kind: str, secret: str) -> None:
        with self.connected() as connection:
            connection.execute(
                secrets_table.delete().where(
                    secrets_table.c.kind == kind, secrets_table.c.hash == _hash(secret)
                )
            )

    def holders(self, kind: str) -> dict[str, str]:
        """The name each living secret of a kind was issued to, by its hash (SHA-256, hexadecimal)."""
        table = secrets_table
        with self.connected() as connection:
            rows = connection.execute(
                sa.select(table.c.hash, table.c.name, table.c.expires).where(table.c.kind == kind)
            )
            return {hash_: name for hash_, name, until in rows if until is None or until >= wall()}

    def issued(self, kind: str) -> list[dict[str, str]]:
        """Names and times of the secrets of a kind; the secrets themselves are not known."""
        table = secrets_table
        with self.connected() as connection:
            rows = connection.execute(
                sa.select(table.c.name, table.c.created).where(table.c.kind == kind).order_by(table.c.created)
            )
            return [{"name": name, "created": iso(created)} for name, created in rows]


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _driver(url: str) -> str:
    """`postgresql://` means the driver we ship for it."""
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


def _durable(connection: Any, record: Any) -> None:
    del record
    connection.execute("PRAGMA busy_timeout=10000")
    inbox_file.write_ahead(connection)
    connection.execute("PRAGMA synchronous=FULL")


def _is_newest(engine: sa.Engine) -> bool:
    """Most starts find the newest form: one look costs a millisecond, loading Alembic a third of a second."""
    with engine.connect() as connection:
        known = sa.inspect(connection).has_table("alembic_version")
        return known and connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == HEAD


def _is_new_file(engine: sa.Engine) -> bool:
    return engine.dialect.name == "sqlite" and not sa.inspect(engine).get_table_names()


def _lay_out(engine: sa.Engine) -> None:
    """Make the newest form at once, in one transaction; a test holds it to be the sum of the migrations."""
    with engine.begin() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        metadata.create_all(connection)
        connection.exec_driver_sql(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (HEAD,))


def _migrate(engine: sa.Engine) -> None:
    """Bring the tables to the newest form; a state from a newer version is refused."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))
        try:
            command.upgrade(config, "head")
        except CommandError:
            raise StoreError(
                "The operational state was made by a newer version of Periplus.",
                code="newer",
                hint="Upgrade Periplus; nothing was changed.",
            ) from None


HEAD = "0008"
"""The newest migration; a test holds it against the folder."""


def _plain(problem: Exception, url: str) -> StoreError:
    try:
        place = sa.engine.make_url(_driver(url)).render_as_string(hide_password=True)
    except (SQLAlchemyError, ValueError):
        return StoreError(
            "The setting state is not the URL of a database.",
            code="state",
            hint="Write it such as postgresql://user:password@host:5432/name, or leave it empty.",
        )
    if isinstance(problem, ImportError):
        return StoreError(
            f"{place} needs a driver that is not installed.",
            code="state",
            hint="Install it: pip install 'periplus[postgres]'.",
        )
    said = str(getattr(problem, "orig", None) or problem).strip()
    hint = "Check that the server runs and the URL is right." if isinstance(problem, OperationalError) else ""
    if place.startswith("sqlite"):
        hint = "Look at the disk, and at this user's rights in its folder."
    first = said.splitlines()[0].rstrip(".") if said else type(problem).__name__
    return StoreError(f"The operational state {place} cannot be used: {first}.", code="state", hint=hint)
