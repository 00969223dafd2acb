"""Rows in bulk: staged by COPY, placed for many at once, inserted in chunks.

The row triggers would do the same one by one (30 microseconds a row). They stand aside for rows that name their change,
where the owner of the table says so (`gis.placed`, sql/layer.sql); whatever is not certain is left to them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import pyarrow as pa
import pyarrow.csv
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from gis_service.database.events import EventRow
from gis_service.database.objects import kept_of
from gis_service.ingest.shapes import Geometries
from gis_service.ingest.within import Areas
from layers import Layer, Ledger

STAGED = "gis_staged"
_CHUNK = 200_000
_MANY = 5_000
"""From how many rows on an index is quicker built than kept."""
_INDEXES = """
    SELECT coalesce('ALTER TABLE ' || t || ' DROP CONSTRAINT ' || name, 'DROP INDEX ' || index),
        coalesce('ALTER TABLE ' || t || ' ADD CONSTRAINT ' || name || ' ' || key, pg_get_indexdef(index))
    FROM (
        SELECT i.indrelid::regclass::text AS t, i.indexrelid::regclass AS index, quote_ident(c.conname) AS name,
            pg_get_constraintdef(c.oid) AS key
        FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
        WHERE i.indrelid = %s::regclass AND (c.contype = 'p' OR NOT i.indisunique)
    ) found
"""
"""How indexes are dropped and made again: all but the one by which a record is found that another one is about."""


def in_bulk(connection: Connection) -> None:
    """Let the triggers keep their plans for this transaction: 200,000 rows in 5 s instead of 8."""
    connection.exec_driver_sql("SET LOCAL plan_cache_mode = auto")
    connection.exec_driver_sql("SET LOCAL work_mem = '64MB'")


def stage(connection: Connection, layer: type[Layer], names: Sequence[str], staged: str = STAGED) -> Areas:
    """Make a staging table for a layer, with these of its columns; return the areas to place its rows in.

    Beside them it has `_row` (a number by which rows are inserted), `_area` and `_certain`.
    """
    areas = Areas(connection, layer)
    in_bulk(connection)
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {staged}")
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {staged} ON COMMIT DROP AS SELECT {quoted(names)}, CAST(NULL AS integer) AS _row, "
        "CAST(NULL AS text) AS _area, CAST(NULL AS boolean) AS _certain, CAST(NULL AS bigint) AS _target, "
        f"CAST(NULL AS boolean) AS _changed FROM {layer.__tablename__} WITH NO DATA"
    )
    return areas


def add(connection: Connection, areas: Areas, rows: pa.Table, shapes: Geometries, staged: str = STAGED) -> None:
    """Append rows to the staging table; `shapes` are their geometries, in EPSG:4490."""
    codes, certain = areas(shapes)
    rows = rows.append_column("_area", pa.array(codes, pa.string())).append_column("_certain", pa.array(certain))
    sink = io.BytesIO()
    pyarrow.csv.write_csv(rows, sink, pyarrow.csv.WriteOptions(include_header=False))
    sink.seek(0)
    with closing(connection.connection.cursor()) as cursor:
        cursor.copy_expert(f"COPY {staged} ({quoted(rows.column_names)}) FROM STDIN WITH (FORMAT csv)", sink)


def insert(connection: Connection, layer: type[Layer], names: Sequence[str], where: str = "true") -> None:
    """Insert the staged rows of which `where` is true, in the order of their numbers, into these columns."""
    first, last = connection.exec_driver_sql(f"SELECT min(_row), max(_row) FROM {STAGED} WHERE {where}").one()
    if first is None:
        return
    for start in range(first, last + 1, _CHUNK):
        end = min(start + _CHUNK - 1, last)
        insert_some(connection, layer, names, f"_row BETWEEN {start} AND {end} AND {where}")
    if last - first >= _CHUNK:
        for kept in kept_of(layer):
            connection.exec_driver_sql(f"SELECT gis_fold_{kept.table}()")


def insert_some(
    connection: Connection, layer: type[Layer], names: Sequence[str], where: str, staged: str = STAGED
) -> None:
    """Insert staged rows as `insert` does, in one statement."""
    table = layer.__tablename__
    connection.exec_driver_sql(
        f"SET LOCAL gis.placed = '{table}'; "
        f"INSERT INTO {table} ({quoted(names)}, area_code, valid_from, updated_at, updated_by, reason, change) "
        f"SELECT {quoted(names)}, _area, (SELECT gis_moment()), clock_timestamp(), "
        "nullif(current_setting('gis.user_name', true), ''), nullif(current_setting('gis.reason', true), ''), "
        f"CASE WHEN _certain THEN (SELECT gis_change()) END FROM {staged} s WHERE {where} ORDER BY _row; "
        "SET LOCAL gis.placed = ''"
    )


@contextmanager
def index_afterwards(connection: Connection, tables: Sequence[str], coming: int) -> Iterator[None]:
    """Build the indexes of tables after the rows that are `coming`, where these are the most of them.

    Readers of such a table wait meanwhile; so where anybody is at it, its indexes stay and are kept row by row.
    """
    dropped = [index for table in tables for index in _drop_indexes(connection, table, coming)]
    yield
    for index in dropped:
        connection.exec_driver_sql(index)


def grown_by(layer: type[Layer]) -> tuple[str, ...]:
    """Return the tables that take a row for each record that is inserted into a layer."""
    return (layer.__tablename__, *[EventRow.__tablename__] * issubclass(layer, Ledger))


def _drop_indexes(connection: Connection, table: str, coming: int) -> list[str]:
    """Drop what is quicker built after so many rows; return how it is made again."""
    if coming < _MANY:
        return []
    some = connection.exec_driver_sql(f"SELECT count(*) FROM (SELECT FROM {table} LIMIT {coming}) t").scalar_one()
    if some == coming or not _alone(connection, table):
        return []
    found = connection.exec_driver_sql(_INDEXES, (table,)).all()
    for dropped, _ in found:
        connection.exec_driver_sql(dropped)
    return [made for _, made in found]


def _alone(connection: Connection, table: str) -> bool:
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE NOWAIT")
    except OperationalError:
        return False
    return True


def quoted(names: Sequence[str]) -> str:
    """Return names of columns as SQL lists them."""
    return ", ".join(f'"{name}"' for name in names)
