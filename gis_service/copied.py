"""What PostgreSQL writes itself, streamed: COPY pushes, we pull."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from queue import Queue
from threading import Lock, Thread
from typing import Any

import psycopg2
from sqlalchemy import ClauseElement, Connection

from gis_service.errors import GisError

Told = Callable[[BaseException], GisError]
"""Says in words what an error of the database means."""
_BYTES = 1 << 19
_WAITING = 2
"""Pieces that wait at most until they are read: PostgreSQL waits as long."""
_HEADER = 19
_LENGTHS = 6  # 2 bytes for the number of columns, 4 for the length of the only one


def rows(connection: Connection, query: ClauseElement, told: Told) -> Generator[list[memoryview]]:
    """Stream the one text that each row of a query has, none of them null, some rows at a time.

    COPY's binary format gives them as they are: its text format would double the backslashes of JSON, and looks at
    every byte for what it has to quote.

    Raises
    ------
    GisError
        What `told` makes of an error of the database.
    """
    skipped = _HEADER
    with closing(_copied(connection, query, "FORMAT binary", told)) as parts:
        for part in parts:
            part[0] = part[0][skipped:]
            skipped = 0
            if len(part[-1]) < _LENGTHS:  # the end has no row
                part.pop()
            if part:
                yield [memoryview(row)[_LENGTHS:] for row in part]  # no copies: they are large


def csv(connection: Connection, query: ClauseElement, told: Told) -> Generator[bytes]:
    """Stream a query as CSV, whole rows at a time; raises as `rows` does."""
    with closing(_copied(connection, query, "FORMAT csv", told)) as parts:
        for part in parts:
            yield b"".join(part)


def _copied(connection: Connection, query: ClauseElement, options: str, told: Told) -> Generator[list[bytes]]:
    """Yield what COPY writes for a query, some rows at a time; a reader that stops early cancels it.

    psycopg2 pushes COPY into a file while we want to pull: a thread pushes into a queue, whose size bounds the memory.
    """
    driver: Any = connection.connection.driver_connection
    statement = f"COPY ({_literal_sql(connection, query)}) TO STDOUT WITH ({options})"
    queue: Queue[list[bytes] | None] = Queue(_WAITING)
    failed: list[psycopg2.Error] = []

    def push() -> None:
        rows = _Rows(queue)
        try:
            with driver.cursor() as cursor:
                cursor.copy_expert(statement, rows)
            rows.pass_on()
        except psycopg2.Error as error:
            failed.append(error)
        finally:
            queue.put(None)

    pusher = Thread(target=push, name="export", daemon=True)
    pusher.start()
    part: list[bytes] | None = []
    try:
        while (part := queue.get()) is not None:
            yield part
    finally:
        finished = part is None
        if not finished:
            with suppress(psycopg2.Error):  # the database may be gone
                driver.cancel()
        while part is not None:
            part = queue.get()
        pusher.join()
        if not finished:
            connection.invalidate()  # it stands in the middle of a COPY
    if failed:
        raise told(failed[0]) from failed[0]


class Brake:
    """Stops a stream from another thread: its query is cancelled, and no further rows come."""

    def __init__(self) -> None:
        self._lock, self._driver, self.pulled = Lock(), None, False

    def pull(self) -> None:
        """Stop it, now or as soon as it begins."""
        with self._lock:
            self.pulled = True
            if self._driver is not None:
                with suppress(psycopg2.Error):  # the database may be gone
                    self._driver.cancel()

    @contextmanager
    def on(self, connection: Connection) -> Iterator[None]:
        """Act on this connection, and on it only as long as it is ours."""
        with self._lock:
            self._driver = connection.connection.driver_connection
        try:
            yield
        finally:
            with self._lock:
                self._driver = None


class _Rows:
    """A file for psycopg2, which writes row by row as PostgreSQL sends them; some go on together."""

    def __init__(self, queue: Queue[list[bytes] | None]) -> None:
        self._queue, self._rows, self._size = queue, list[bytes](), 0

    def write(self, row: bytes) -> None:
        self._rows.append(row)
        self._size += len(row)
        if self._size >= _BYTES:
            self.pass_on()

    def pass_on(self) -> None:
        if self._rows:
            self._queue.put(self._rows)
        self._rows, self._size = [], 0


def _literal_sql(connection: Connection, query: ClauseElement) -> str:
    """Return a query as SQL with its values quoted by the driver: COPY takes no parameters."""
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    with closing(connection.connection.cursor()) as cursor:
        return str(cursor.mogrify(str(compiled), compiled.params).decode())
