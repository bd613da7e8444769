"""The records' database: one engine a process, one writer at a time, safe to fork."""

import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from operators.errors import RecordError
from operators.home import home
from operators.records.record import GENESIS
from operators.records.tables import HEAD, METADATA

#: How long a writer waits for the others; a write takes milliseconds.
BUSY_TIMEOUT_S = 30.0
#: Any number: the Postgres advisory lock under which tables are created.
_CREATION_LOCK = 0x67656E6E

_open_databases: "weakref.WeakSet[Database]" = weakref.WeakSet()


class Database:
    """Transactions on the records database.

    Args:
        url: any SQLAlchemy URL; by default `GENNAKER_RECORDS_URL`, or `records.db` in the state folder.
    """

    def __init__(self, url: str | None = None) -> None:
        self.url = _url(url)
        self.lock = threading.RLock()
        self._engine = _engine(self.url)
        _open_databases.add(self)
        with _as_record_error(self.url):
            _create_tables(self._engine)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database from its first statement on."""
        with self.lock, _as_record_error(self.url), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that runs alone among all writers of all processes; commits at the end."""
        with self.lock, _as_record_error(self.url), self._engine.connect() as connection:
            connection.execution_options(gennaker_writes=True)
            with connection.begin():
                connection.execute(select(HEAD.c.id).with_for_update())
                yield connection

    def close(self) -> None:
        """Closes the connections; the next transaction opens them again."""
        self._engine.dispose()


def _url(given: str | None) -> URL:
    given = given or os.environ.get("GENNAKER_RECORDS_URL")
    if not given:
        return URL.create("sqlite", database=str(home() / "records.db"))
    try:
        url = make_url(given)
    except ArgumentError:
        url = URL.create("unreadable")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise RecordError(
            "the records cannot be kept there",
            why=f"expected a URL of sqlite or postgresql, found {url.get_backend_name()}",
            mend="set GENNAKER_RECORDS_URL to something like sqlite:////folder/records.db",
        )
    return url


def _engine(url: URL) -> Engine:
    """One connection is enough: threads of a process take turns (`Database.lock`)."""
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    try:
        engine = create_engine(url, poolclass=QueuePool, pool_size=1, max_overflow=0, pool_pre_ping=not is_sqlite)
    except ModuleNotFoundError as error:
        mend = 'install it, for Postgres: pip install "psycopg[binary]"'
        raise RecordError(f"no driver for {url.drivername}", why=str(error), mend=mend) from error
    if is_sqlite:
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
    connection.execute("PRAGMA synchronous = FULL")  # a confirmed operation survives a power cut
    _switch_to_wal(connection)


def _switch_to_wal(connection: Any) -> None:
    """WAL stays set; while several processes set it at first, SQLite does not wait by itself."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except connection.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("gennaker_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _create_tables(engine: Engine) -> None:
    """Creates what is missing; several processes may do so at once."""
    if METADATA.tables.keys() <= set(inspect(engine).get_table_names()):
        return
    with engine.connect() as connection:
        connection.execution_options(gennaker_writes=True)
        with connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_CREATION_LOCK})"))
            METADATA.create_all(connection)
            if connection.execute(select(HEAD.c.id)).first() is None:
                connection.execute(insert(HEAD).values(id=1, seq=0, digest=GENESIS, fence=0))


@contextmanager
def _as_record_error(url: URL) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip()
        raise RecordError(f"the records at {url.render_as_string()} could not be used", why=reason) from error


_closed_for_fork: list[Database] = []


def _before_fork() -> None:
    """Closes every connection between two transactions: none may live on in a child."""
    for database in list(_open_databases):
        database.lock.acquire()
        _closed_for_fork.append(database)
        database.close()


def _after_fork() -> None:
    while _closed_for_fork:
        _closed_for_fork.pop().lock.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
