"""What PostgreSQL writes itself, streamed: COPY pushes, we pull."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing, suppress
from queue import Queue
from typing import Any

import psycopg2
from sqlalchemy import Connection, Select

from gis_service.exports.source import broken_off

_BYTES = 1 << 18
_WAITING = 2
"""Pieces that wait at most until they are read: PostgreSQL waits as long."""
_HEADER = 19
_LENGTHS = 6  # 2 bytes for the number of columns, 4 for the length of the only one


def texts(connection: Connection, query: Select[Any], between: bytes) -> Generator[bytes]:
    """Stream the one text that each row of a query has, none of them null, put together; a piece holds whole rows.

    COPY's binary format gives them as they are: its text format would double the backslashes of JSON, and looks at
    every byte for what it has to quote.
    """
    skipped = _HEADER
    with closing(_copied(connection, query, "FORMAT binary")) as parts:
        for rows in parts:
            rows[0] = rows[0][skipped:]
            skipped = 0
            if len(rows[-1]) < _LENGTHS:  # the end has no row
                rows.pop()
            if rows:
                yield between.join([row[_LENGTHS:] for row in rows])


def csv(connection: Connection, query: Select[Any]) -> Generator[bytes]:
    """Stream a query as CSV; a piece holds whole rows."""
    with closing(_copied(connection, query, "FORMAT csv")) as parts:
        for rows in parts:
            yield b"".join(rows)


def _copied(connection: Connection, query: Select[Any], options: str) -> Generator[list[bytes]]:
    """Yield what COPY writes for a query, some rows at a time; a reader that stops early cancels it.

    psycopg2 pushes COPY into a file while we want to pull: a thread pushes into a queue, whose size bounds the memory.

    Raises
    ------
    FilterError, UsageError, DatabaseError
        Where it breaks off.
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

    pusher = threading.Thread(target=push, name="export", daemon=True)
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
        if not finished or failed:
            connection.invalidate()  # it stands in the middle of a COPY
    if failed:
        raise broken_off(failed[0]) from failed[0]


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


def _literal_sql(connection: Connection, query: Select[Any]) -> str:
    """Return a query as SQL with its values quoted by the driver: COPY takes no parameters."""
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    with closing(connection.connection.cursor()) as cursor:
        return str(cursor.mogrify(str(compiled), compiled.params).decode())
