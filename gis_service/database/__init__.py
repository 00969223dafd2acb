"""The database of one district: connections, transactions, upgrades. Everything runs on a search_path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore

from psycopg2 import ProgrammingError
from psycopg2.extensions import QuotedString
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from gis_service.database import district as _district
from gis_service.database.district import District
from gis_service.errors import DatabaseError
from gis_service.settings import Settings

__all__ = ["Database", "District"]

# Measured on two million points: a generic plan does not know the size of a box (253 ms instead of 1.4), and starting
# parallel workers costs a small request more than it saves.
_SERVING = "-c plan_cache_mode=force_custom_plan -c max_parallel_workers_per_gather=0 -c jit=off"
_PATIENCE = 5.0
"""Seconds that a request waits for a connection while others have them all; then it is told to come again."""


class Database:
    """One district's schema in one PostgreSQL.

    `url` is a SQLAlchemy URL (`postgresql+psycopg2://`); `settings` name the district and size the pool.
    """

    def __init__(self, url: str, settings: Settings) -> None:
        self.settings = settings
        self.schema = settings.district
        self.engine = create_engine(
            url,
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_pre_ping=True,
            pool_timeout=_PATIENCE,
            connect_args={
                "options": f'-c search_path="{self.schema}",public {_SERVING}',
                "application_name": "gis_service",
                "connect_timeout": 10,
            },
        )
        event.listen(self.engine, "connect", _warm)
        self._streams = BoundedSemaphore(max(1, settings.pool_size // 2))

    @contextmanager
    def transaction(self, user: str = "") -> Iterator[Connection]:
        """Yield a connection in one transaction: all of it is kept, or nothing. `user` is who does it."""
        with self._connected() as connection, connection.begin():
            if user:
                # SET LOCAL and not set_config(): only the former is passed on to the nodes of a spread cluster
                connection.exec_driver_sql(f"SET LOCAL gis.user_name = {_quoted(user)}")
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection in a read-only transaction that sees one state throughout."""
        with self._connected() as connection, connection.begin():
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield connection

    @contextmanager
    def streaming(self) -> Iterator[Connection]:
        """Yield a connection as `reading` does, to be held as long as somebody reads; half of all stay for the rest.

        Raises
        ------
        DatabaseError
            Where too many are held so already.
        """
        if not self._streams.acquire(timeout=_PATIENCE):
            raise DatabaseError(
                "正在进行的导出过多，请稍后重试。", "Too many exports are under way. Try again shortly."
            )
        try:
            with self.reading() as connection:
                yield connection
        finally:
            self._streams.release()

    def district(self, connection: Connection) -> District:
        """Return the district's name, clock and metric CRS."""
        return _district.read(connection, self.settings)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            connection = self.engine.connect()
        except OperationalError as error:
            raise DatabaseError(
                "无法连接数据库，请检查数据库是否已启动（gis db status）以及 GIS_DATABASE_URL。",
                "The database cannot be reached. Check that it runs (gis db status), and GIS_DATABASE_URL.",
            ) from error
        with connection:
            yield connection


def _quoted(value: str) -> str:
    quoted = QuotedString(value)
    quoted.encoding = "utf-8"
    return str(quoted.getquoted(), "utf-8").replace("%", "%%")


def _warm(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Load PROJ and GEOS once, at connect: the first transform of a fresh connection takes 0.2 s."""
    # a database without PostGIS yet is about to be given it
    with suppress(ProgrammingError):
        connection.cursor().execute("SELECT ST_Transform(ST_SetSRID(ST_MakePoint(119, 26), 4490), 4549)")
    connection.rollback()
