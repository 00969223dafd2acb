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
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from gis_service.database.objects import kept_of
from gis_service.ingest.shapes import Geometries
from gis_service.ingest.within import Areas
from layers import Layer

STAGED = "gis_staged"
_CHUNK = 50_000
_MANY = 5_000
"""From how many rows on an index is quicker built than kept."""


def in_bulk(connection: Connection) -> None:
    """Let the triggers keep their plans for this transaction: 200,000 rows in 5 s instead of 8."""
    connection.exec_driver_sql("SET LOCAL plan_cache_mode = auto")
    connection.exec_driver_sql("SET LOCAL work_mem = '64MB'")


def stage(connection: Connection, layer: type[Layer], names: Sequence[str]) -> Areas:
    """Make the staging table of a layer, with these of its columns; return the areas to place its rows in.

    Beside them it has `_row` (a number by which rows are inserted), `_area` and `_certain`.
    """
    areas = Areas(connection, layer)
    in_bulk(connection)
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {STAGED}")
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {STAGED} ON COMMIT DROP AS SELECT {quoted(names)}, CAST(NULL AS integer) AS _row, "
        "CAST(NULL AS text) AS _area, CAST(NULL AS boolean) AS _certain, CAST(NULL AS bigint) AS _target, "
        f"CAST(NULL AS boolean) AS _changed FROM {layer.__tablename__} WITH NO DATA"
    )
    return areas


def add(connection: Connection, areas: Areas, rows: pa.Table, shapes: Geometries) -> None:
    """Append rows to the staging table; `shapes` are their geometries, in EPSG:4490."""
    codes, certain = areas(shapes)
    rows = rows.append_column("_area", pa.array(codes, pa.string())).append_column("_certain", pa.array(certain))
    sink = io.BytesIO()
    pyarrow.csv.write_csv(rows, sink, pyarrow.csv.WriteOptions(include_header=False))
    sink.seek(0)
    with closing(connection.connection.cursor()) as cursor:
        cursor.copy_expert(f"COPY {STAGED} ({quoted(rows.column_names)}) FROM STDIN WITH (FORMAT csv)", sink)


def insert(connection: Connection, layer: type[Layer], names: Sequence[str], where: str = "true") -> None:
    """Insert the staged rows of which `where` is true, in the order of their numbers, into these columns."""
    table = layer.__tablename__
    first, last = connection.exec_driver_sql(f"SELECT min(_row), max(_row) FROM {STAGED} WHERE {where}").one()
    if first is None:
        return
    statement = text(
        f"INSERT INTO {table} ({quoted(names)}, area_code, valid_from, updated_at, updated_by, reason, change) "
        f"SELECT {quoted(names)}, _area, (SELECT gis_moment()), clock_timestamp(), "
        "nullif(current_setting('gis.user_name', true), ''), nullif(current_setting('gis.reason', true), ''), "
        f"CASE WHEN _certain THEN (SELECT gis_change()) END FROM {STAGED} "
        f"WHERE _row BETWEEN :first AND :last AND {where} ORDER BY _row"
    )
    connection.exec_driver_sql(f"SET LOCAL gis.placed = '{table}'")
    for start in range(first, last + 1, _CHUNK):
        connection.execute(statement, {"first": start, "last": start + _CHUNK - 1})
    connection.exec_driver_sql("SET LOCAL gis.placed = ''")
    if last - first >= _CHUNK:
        for kept in kept_of(layer):
            connection.exec_driver_sql(f"SELECT gis_fold_{kept.table}()")


@contextmanager
def index_afterwards(connection: Connection, layer: type[Layer], coming: int) -> Iterator[None]:
    """Build the index of geometries after the rows that are `coming`, where they are the most of a layer.

    Readers of the layer wait meanwhile; so where anybody is at it, the index stays and is kept row by row.
    """
    table, index = layer.__tablename__, f"idx_{layer.__tablename__}_geom"
    some = connection.exec_driver_sql(f"SELECT count(*) FROM (SELECT FROM {table} LIMIT {coming}) t").scalar_one()
    if coming < _MANY or some == coming or not _alone(connection, table):
        yield
        return
    made = connection.exec_driver_sql("SELECT pg_get_indexdef(%s::regclass)", (index,)).scalar_one()
    connection.exec_driver_sql(f"DROP INDEX {index}")
    yield
    connection.exec_driver_sql(made)


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
