"""Connections that wait in the event loop: while PostgreSQL works for one request, the loop goes on with others.

A thread for each small question costs more than the question: the way to it and back, and the interpreter's lock, for
which threads stand in line. psycopg2 can ask without blocking, too. Who asks is written as ever, and runs in a
greenlet, which is left wherever an answer is waited for.
"""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg2
from psycopg2 import extensions
from sqlalchemy import URL
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.util import await_only, greenlet_spawn
from sqlalchemy.util.concurrency import in_greenlet

__all__ = ["END", "NotHere", "away_from_loop", "in_loop", "run_in_loop", "waiting_in_loop"]

END = "COMMIT"
"""Ends a transaction that has only read."""
_CONNECTING = 10.0
"""Seconds; libpq counts them only where it blocks."""

run_in_loop = greenlet_spawn
"""Call a function that asks through such connections, from a coroutine."""
in_loop = in_greenlet
"""Say whether it is the loop that runs what asks, so that it must wait for nothing otherwise."""


class NotHere(Exception):
    """What is asked for takes its time, waits in a way of its own, or found its connection ended: it wants a thread."""


def away_from_loop() -> None:
    """Go on in a thread only.

    Raises
    ------
    NotHere
        In the loop.
    """
    if in_loop():
        raise NotHere


class _Cursor(extensions.cursor):  # type: ignore[misc]  # psycopg2 publishes no types
    def execute(self, statement: str, values: Any = None) -> None:  # noqa: ANN401 - as psycopg2 has them
        there = self.connection
        first, there.first = there.first, ""
        if first and statement == END:
            return  # nothing was asked
        try:
            if there.ending:
                there.wait()
            if first:
                statement, values = f"{first}; ".encode() + self.mogrify(statement, values), None
            super().execute(statement, values)
            there.ending = self if statement == END else None
            if not there.ending:
                there.wait()
        except psycopg2.Error:
            if first and there.closed:  # the server has ended it while it lay idle
                raise NotHere from None
            raise


class _Connection(extensions.connection):  # type: ignore[misc]  # as above
    """A connection that is used like every other, by what runs in the loop; it begins no transaction of its own."""

    first = ""
    """What is said before whatever is asked first, and with it."""
    ending: _Cursor | None = None
    """Told to end a transaction, and nobody has waited for that: who uses it next does, and finds it done."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, async_=1)
        self.cursor_factory = _Cursor
        try:
            await_only(asyncio.wait_for(_done(self), _CONNECTING))
        except TimeoutError as error:
            raise psycopg2.OperationalError(f"no connection in {_CONNECTING:g} s") from error

    @property
    def autocommit(self) -> bool:
        """Always: that is how psycopg2 does it here."""
        return True

    @autocommit.setter
    def autocommit(self, _: bool) -> None:
        pass

    def commit(self) -> None:
        """Do nothing: who has begun ends it."""

    def rollback(self) -> None:
        """Give up what was not ended, and the connection with it; SQLAlchemy asks whenever it is given back."""
        if not self.ending and self.get_transaction_status() != extensions.TRANSACTION_STATUS_IDLE:
            self.close()

    def wait(self) -> None:
        """Wait until the server has answered; raises what it says against it."""
        if self.poll() != extensions.POLL_OK:
            await_only(_done(self))


class _Dialect(PGDialect_psycopg2):
    """What SQLAlchemy knows of psycopg2, with a pool whose borrowers wait in the loop, too."""

    driver = "waiting"
    is_async, has_terminate = True, True
    supports_statement_cache = True

    def __init__(self, **named: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        super().__init__(use_native_hstore=False, **named)  # type: ignore[no-untyped-call]  # asks past our cursors

    def connect(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - psycopg2's
        return super().connect(*given, connection_factory=_Connection, **named)

    def do_terminate(self, connection: Any) -> None:  # noqa: ANN401 - as above
        connection.close()


registry.register("postgresql.waiting", __name__, _Dialect.__name__)


def waiting_in_loop(url: URL) -> URL:
    """Return the URL of the same database for an engine whose connections wait so."""
    return url.set(drivername="postgresql+waiting")


async def _done(connection: _Connection) -> None:
    """Wait until what a connection was asked is done."""
    while (state := connection.poll()) != extensions.POLL_OK:
        await _ready(connection.fileno(), reads=state == extensions.POLL_READ)


async def _ready(file: int, *, reads: bool) -> None:
    """Wait until something can be read from a file, or written to it."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def on() -> None:
        if not ready.done():
            ready.set_result(None)

    add, remove = (loop.add_reader, loop.remove_reader) if reads else (loop.add_writer, loop.remove_writer)
    add(file, on)
    try:
        await ready
    finally:
        remove(file)
