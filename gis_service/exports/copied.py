"""What PostgreSQL writes itself, streamed: COPY pushes, we pull."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import closing, suppress
from typing import Any

import psycopg2
from sqlalchemy import Connection, Select

from gis_service.exports.source import broken_off

# The text format of COPY would double the backslashes of JSON; these two characters never stand in JSON as they are.
JSON = r"FORMAT csv, DELIMITER E'\x02', QUOTE E'\x01'"
CSV = "FORMAT csv"
_BYTES = 1 << 18


def copied(connection: Connection, query: Select[Any], options: str) -> Generator[bytes]:
    """Stream what COPY writes for a query; a reader that stops early cancels it.

    psycopg2 pushes COPY into a file while we want to pull: a thread pushes into a pipe, whose size bounds the memory.

    Raises
    ------
    FilterError, UsageError, DatabaseError
        Where it breaks off.
    """
    driver: Any = connection.connection.driver_connection
    statement = f"COPY ({_literal_sql(connection, query)}) TO STDOUT WITH ({options})"
    reading, writing = os.pipe()
    failed: list[Exception] = []

    def push() -> None:
        try:
            with os.fdopen(writing, "wb", _BYTES) as sink, driver.cursor() as cursor:
                cursor.copy_expert(statement, sink)
        except (psycopg2.Error, OSError) as error:
            failed.append(error)

    pusher = threading.Thread(target=push, name="export", daemon=True)
    pusher.start()
    finished = False
    try:
        with os.fdopen(reading, "rb", 0) as source:
            while chunk := source.read(_BYTES):
                yield chunk
        finished = True
    finally:
        if not finished:
            with suppress(psycopg2.Error):  # the database may be gone
                driver.cancel()
        pusher.join()
        if not finished or failed:
            connection.invalidate()  # it stands in the middle of a COPY
    if failed:
        raise broken_off(failed[0]) from failed[0]


def _literal_sql(connection: Connection, query: Select[Any]) -> str:
    """Return a query as SQL with its values quoted by the driver: COPY takes no parameters."""
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    with closing(connection.connection.cursor()) as cursor:
        return str(cursor.mogrify(str(compiled), compiled.params).decode())
