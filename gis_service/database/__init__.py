"""The database of one district: connections, transactions, upgrades. Everything runs on a search_path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from copy import copy
from datetime import date, datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

import psycopg2
from psycopg2.extensions import QuotedString
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gis_service.database import district as _district
from gis_service.database.district import District
from gis_service.database.engines import PATIENCE, engine_of, say
from gis_service.database.known import known
from gis_service.database.objects import past_of
from gis_service.database.prepared import driver, wrapped
from gis_service.database.refusals import refusals
from gis_service.database.service_role import service_login
from gis_service.database.waiting import END, away_from_loop, in_loop, waiting_in_loop
from gis_service.errors import DatabaseError
from gis_service.settings import Settings

__all__ = ["Database", "District", "not_before", "note"]

# A lock that somebody else waits for already never comes to the second of two connections: that waits for the first.
_AT_ONCE = "SET LOCAL lock_timeout = '1s'"


class Database:
    """One district's schema in one PostgreSQL.

    `url` is a SQLAlchemy URL (`postgresql+psycopg2://`); `settings` name the district and size the pool. Whoever the
    URL names owns the tables and is held by no policy: that is the operator at her shell. The service works with
    `for_service()`, and for each user with `acting(user)`.
    """

    user = ""
    """Who acts; the row policies ask."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.settings = settings
        self.schema = settings.district
        half = max(1, settings.pool_size // 2)
        self.engine = engine_of(make_url(url), settings, settings.pool_size)
        self._loops = engine_of(waiting_in_loop(make_url(url)), settings, half)
        self._streams, self._second = BoundedSemaphore(half), BoundedSemaphore(settings.pool_size // 8)

    @property
    def _lending(self) -> Engine:
        """Whose connections wait as who borrows them must: in a thread, or in the loop."""
        return self._loops if in_loop() else self.engine

    def dispose(self) -> None:
        """Close the connections that are not lent."""
        self.engine.dispose()
        self._loops.dispose()

    def for_service(self) -> Database:
        """Return the same district as the role that serves requests: it owns nothing, and the policies hold it."""
        return Database(service_login(self.engine.url).render_as_string(hide_password=False), self.settings)

    def acting(self, user: str) -> Database:
        """Return the same database for one user: every transaction says that it is she who acts."""
        hers = copy(self)
        hers.user = user
        return hers

    def fill(self, number: int = 4) -> None:
        """Open some connections before somebody asks: a fresh one takes half a second until its first answer."""
        with suppress(OperationalError), ExitStack() as held:  # the database may be away, and come back
            for _ in range(min(number, max(1, self.settings.pool_size // 2))):
                held.enter_context(self._lending.connect())

    @contextmanager
    def transaction(
        self, user: str = "", *, reason: str = "", valid_from: date | None = None, transition: str = ""
    ) -> Iterator[Connection]:
        """Yield a connection in one transaction: all of it is kept, or nothing.

        `user` is who changes what (whoever acts by default), `reason` why; `valid_from` is the day that the changes
        hold from, the district's by default, and never before the versions that they follow; `transition` is the step
        of the ledger's loop that they are.

        Raises
        ------
        OutOfOrder, Forbidden, NotNow
            Where the database refuses a change.
        """
        first = _noted(user=user or self.user, reason=reason, valid_from=valid_from, transition=transition)
        with self._begun(first) as connection, refusals():
            yield connection

    @contextmanager
    def reading(self, as_of: date | None = None, *, snapshot: str = "") -> Iterator[Connection]:
        """Yield a read-only connection that sees one state throughout: of now, or as it stood at the end of a day.

        It is the state that another transaction has exported as `snapshot`, where that is given.
        """
        seen = f"SET TRANSACTION SNAPSHOT '{snapshot}'; {_AT_ONCE}; " if snapshot else ""
        first = f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; {seen}{self._reader(as_of)}"
        with self._begun(first) as connection:
            yield connection

    @contextmanager
    def answering(self, as_of: date | None = None) -> Iterator[Connection]:
        """Yield a connection as `reading` does, in fewer ways to the database; without cursors that live on the server.

        It begins and ends in words of our own, which go along with the first question; psycopg2 would send them alone.
        """
        first = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {self._reader(as_of)}"
        with self._opened(first, knows=True, bare=True) as connection:
            there = driver(connection)
            try:
                yield connection
            finally:
                with suppress(psycopg2.Error):  # it is gone, and has ended with that
                    there.cursor().execute(END)

    def _reader(self, as_of: date | None) -> str:
        """Return what is said at the beginning of a transaction that reads."""
        said = f"SET LOCAL gis.user_name = {_quoted(self.user)}"
        if as_of:
            end = as_of + timedelta(days=1) if as_of < date.max else as_of
            said += f"; SET LOCAL gis.as_of = '{end.isoformat()}'"
            said += f'; SET LOCAL search_path = "{past_of(self.schema)}", "{self.schema}", public'
        return said

    def ask(self, question: str) -> Any:  # noqa: ANN401 - a row
        """Return the row that answers a question of which it does not matter who asks, nor what else is asked."""
        with self._opened(question, bare=True) as connection:
            return known(connection)

    @contextmanager
    def streaming(self, as_of: date | None = None) -> Iterator[Connection]:
        """Yield a connection as `reading` does, to be held as long as somebody reads; half of all stay for the rest.

        Raises
        ------
        DatabaseError
            Where too many are held so already.
        """
        if not self._streams.acquire(timeout=PATIENCE):
            raise DatabaseError(
                "正在进行的导出过多，请稍后重试。", "Too many exports are under way. Try again shortly."
            )
        try:
            with self.reading(as_of) as connection:
                yield connection
        finally:
            self._streams.release()

    @contextmanager
    def beside(self, connection: Connection) -> Iterator[Connection | None]:
        """Yield a second connection that sees the state of now that a streaming one does; None where none is free.

        It is one of those that stream, and only an eighth of all are second ones: others are not to wait for them.
        """
        with ExitStack() as held:
            for slots in (self._second, self._streams):
                if not slots.acquire(blocking=False):
                    yield None
                    return
                held.callback(slots.release)
            snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
            other = None
            with suppress(PoolTimeout):  # the other half is in use
                other = held.enter_context(self.reading(snapshot=snapshot))
            yield other

    def district(self, connection: Connection) -> District:
        """Return the district's name, clock and metric CRS."""
        return _district.read(connection, self.settings)

    @contextmanager
    def _begun(self, first: str) -> Iterator[Connection]:
        """Yield a connection in a transaction whose first statements are these, sent at once."""
        away_from_loop()  # where connections begin nothing, and COPY does not wait
        with self._opened(first) as connection, connection.begin():
            yield connection

    def _opened(self, first: str, *, knows: bool = False, bare: bool = False) -> Connection:
        """Return a connection that has taken these statements, and keeps the row that the last of them gave.

        They show whether the server has ended it while it lay idle, which would cost a question otherwise: then they
        are said again to a fresh one. What it `knows` is asked last; in the loop they go with the first question then.
        If `bare`, psycopg2 begins no transaction.
        """
        try:
            for again in (True, False):
                connection = self._lending.connect()
                try:
                    say(connection, first, knows=knows, bare=bare)
                except psycopg2.Error as error:
                    if gone := bool(driver(connection).closed):
                        connection.invalidate(error)
                    connection.close()
                    if not (again and gone):
                        raise wrapped(first, error) from error
                else:
                    break
        except OperationalError as error:
            raise DatabaseError(
                "无法连接数据库，请检查数据库是否已启动（gis db status）以及 GIS_DATABASE_URL。",
                "The database cannot be reached. Check that it runs (gis db status), and GIS_DATABASE_URL.",
            ) from error
        return connection


def note(
    connection: Connection,
    *,
    user: str = "",
    reason: str = "",
    valid_from: date | None = None,
    transition: str = "",
    undoes: int | None = None,
) -> None:
    """Say who changes what follows in this transaction, why, from which day on it holds, and which step it is.

    What follows is a change of its own, also where the transaction has made one before; `undoes` is the one that it
    takes back.
    """
    given = _noted(user=user, reason=reason, valid_from=valid_from, transition=transition, undoes=undoes)
    connection.exec_driver_sql(given.replace("%", "%%"))


def _noted(
    *, user: str = "", reason: str = "", valid_from: date | None = None, transition: str = "", undoes: int | None = None
) -> str:
    said = {"user_name": user, "reason": reason, "valid_from": str(valid_from or ""), "transition": transition}
    given = {"change": "", "undoes": str(undoes or "")} | {name: value for name, value in said.items() if value}
    # SET LOCAL and not set_config(): only the former is passed on to the nodes of a spread cluster
    return "; ".join(f"SET LOCAL gis.{name} = {_quoted(value)}" for name, value in given.items())


def not_before(connection: Connection, moment: datetime | None) -> None:
    """Let what follows hold from a moment at the earliest, where nobody has said from which day on it does."""
    if moment is None:
        return
    settled = text("SELECT coalesce(current_setting('gis.valid_from', true), '') <> '' OR gis_moment() >= :moment")
    if not connection.execute(settled, {"moment": moment}).scalar_one():
        connection.exec_driver_sql(f"SET LOCAL gis.valid_from = '{moment.isoformat()}'")


def _quoted(value: str) -> str:
    quoted = QuotedString(value)
    quoted.encoding = "utf-8"
    return str(quoted.getquoted(), "utf-8")
