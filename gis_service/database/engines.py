"""The connections of a district's database: how they are opened, what they are told first, how they are given back."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from psycopg2 import ProgrammingError
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from gis_service.database.known import KNOWN, forget, keep
from gis_service.database.prepared import driver
from gis_service.database.waiting import in_loop
from gis_service.settings import Settings

# Measured on two million points: a generic plan does not know the size of a box (253 ms instead of 1.4), and starting
# parallel workers costs a small request more than it saves.
_SERVING = "-c plan_cache_mode=force_custom_plan -c max_parallel_workers_per_gather=0 -c jit=off"
PATIENCE = 5.0
"""Seconds that a request waits for a connection while others have them all; then it is told to come again."""


def engine_of(url: URL, settings: Settings, size: int) -> Engine:
    """Return what lends at most so many connections to a database."""
    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=PATIENCE,
        connect_args={
            "options": f'-c search_path="{settings.district}",public {_SERVING}',
            "application_name": "gis_service",
            "connect_timeout": 10,
        },
    )
    event.listen(engine, "connect", _warm)
    event.listen(engine, "checkin", _as_it_came)
    return engine


def say(connection: Connection, first: str, *, knows: bool, bare: bool) -> None:
    """Say the first words on a connection, past SQLAlchemy, which would make a result of each."""
    there = driver(connection)
    if bare:
        there.autocommit = True
    if knows and in_loop():
        there.first = first  # it goes with whatever is asked first
        return
    with there.cursor() as cursor:
        cursor.execute(f"{first}; {KNOWN.executed(connection, cursor)}" if knows else first)
        if cursor.description:
            keep(connection, cursor.description, cursor.fetchone())


def _as_it_came(there: Any, record: ConnectionPoolEntry) -> None:  # noqa: ANN401 - psycopg2 publishes no types
    """Leave a connection to whoever is lent it next as if it were new."""
    forget(record.info)
    if there and there.closed:
        record.invalidate()
    elif there:
        there.autocommit = False


def _warm(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Load PROJ and GEOS once, at connect: the first transform of a fresh connection takes 0.2 s."""
    # a database without PostGIS yet is about to be given it
    with suppress(ProgrammingError):
        connection.cursor().execute("SELECT ST_Transform(ST_SetSRID(ST_MakePoint(119, 26), 4490), 4549)")
    connection.rollback()
