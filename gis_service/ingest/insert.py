"""Rows in bulk: staged by COPY, placed for many at once, inserted in chunks.

The triggers of a layer would find place and version of each row alone (30 microseconds a row), and do so for few; for
many they are turned off meanwhile, within the transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from types import SimpleNamespace

import pyarrow as pa
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from gis_service.database.events import EventRow
from gis_service.database.objects import kept_of
from gis_service.ingest.binary import copied
from gis_service.ingest.shapes import Geometries
from gis_service.ingest.within import Areas
from layers import Layer, Ledger, Role, Subjected, content_columns

STAGED = "gis_staged"
_CHUNK = 200_000
_MANY = 5_000
"""From how many rows on it is quicker to do something for all of them than for each."""
_INDEXES = """
    SELECT coalesce('ALTER TABLE ' || t || ' DROP CONSTRAINT ' || name, 'DROP INDEX ' || index),
        coalesce('ALTER TABLE ' || t || ' ADD CONSTRAINT ' || name || ' ' || key, pg_get_indexdef(index))
    FROM (
        SELECT i.indrelid::regclass::text AS t, i.indexrelid::regclass AS index, quote_ident(c.conname) AS name,
            pg_get_constraintdef(c.oid) AS key
        FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
        WHERE i.indrelid = %s::regclass AND (%s OR c.contype = 'p' OR NOT i.indisunique)
    ) found
"""
"""How indexes are dropped and made again; where rows are there, all but the one by which codes are found."""


def in_bulk(connection: Connection) -> None:
    """Let the triggers keep their plans for this transaction: 200,000 rows in 5 s instead of 8."""
    connection.exec_driver_sql("SET LOCAL plan_cache_mode = auto")
    connection.exec_driver_sql("SET LOCAL work_mem = '64MB'")


def stage(connection: Connection, layer: type[Layer], staged: str = STAGED) -> Areas:
    """Make a staging table for a layer, with what people set of it; return the areas to place its rows in.

    Beside them it has `_row` (a number by which rows are inserted), `_area`, `_shares` and `_certain`.
    """
    areas = Areas(connection, layer)
    in_bulk(connection)
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {staged}")
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {staged} ON COMMIT DROP AS SELECT {quoted(content_columns(layer))}, "
        "CAST(NULL AS integer) AS _row, "
        "CAST(NULL AS text) AS _area, CAST(NULL AS jsonb) AS _shares, CAST(NULL AS boolean) AS _certain, "
        f"CAST(NULL AS bigint) AS _target, CAST(NULL AS boolean) AS _changed FROM {layer.__tablename__} WITH NO DATA"
    )
    return areas


def add(connection: Connection, areas: Areas, rows: pa.Table, shapes: Geometries, staged: str = STAGED) -> None:
    """Append rows to the staging table; `shapes` are their geometries, in EPSG:4490."""
    codes, certain = areas(shapes)
    rows = rows.append_column("_area", pa.array(codes, pa.string())).append_column("_certain", pa.array(certain))
    pieces = copied(rows)
    source = SimpleNamespace(read=lambda _size: next(pieces, b""))
    with closing(connection.connection.cursor()) as cursor:
        cursor.copy_expert(f"COPY {staged} ({quoted(rows.column_names)}) FROM STDIN WITH (FORMAT binary)", source)


def insert(
    connection: Connection,
    layer: type[Layer],
    names: Sequence[str],
    last: int,
    where: str = "true",
    *,
    moved: bool = False,
) -> None:
    """Insert the staged rows of which `where` is true in the order of their numbers, 1 to `last`.

    `moved` says that they no longer lie in the order in which they were staged; sorting them costs a fourteenth of all.
    """
    if last < _MANY or layer.role is Role.AREAS:  # areas place themselves
        insert_some(connection, layer, names, where)
        return
    moved = _place(connection, layer, where) or moved
    columns = quoted(names)
    with _placed(connection, layer):
        for start in range(1, last + 1, _CHUNK):
            connection.exec_driver_sql(
                f"INSERT INTO {layer.__tablename__} ({columns}, "
                "area_code, shares, valid_from, updated_at, updated_by, reason, change) "
                f"SELECT {columns}, _area, _shares, (SELECT gis_moment()), clock_timestamp(), "
                "nullif(current_setting('gis.user_name', true), ''), nullif(current_setting('gis.reason', true), ''), "
                f"(SELECT gis_change()) FROM {STAGED} s "
                f"WHERE _row >= {start} AND _row < {start + _CHUNK} AND {where}{' ORDER BY _row' * moved}"
            )
    if last > _CHUNK:
        for kept in kept_of(layer):
            connection.exec_driver_sql(f"SELECT gis_fold_{kept.table}()")


def insert_some(
    connection: Connection, layer: type[Layer], names: Sequence[str], where: str, staged: str = STAGED
) -> None:
    """Insert staged rows as `insert` does, and leave their places and versions to the triggers."""
    columns = quoted(names)
    connection.exec_driver_sql(
        f"INSERT INTO {layer.__tablename__} ({columns}) SELECT {columns} FROM {staged} s WHERE {where} ORDER BY _row"
    )


def _place(connection: Connection, layer: type[Layer], where: str) -> bool:
    """Let the database find the places of staged rows that are not certain, as the triggers would; say if any was."""
    geom = "s.geom"
    if issubclass(layer, Subjected):
        geom = f"coalesce({geom}, gis_point_on(s.subject_layer, s.subject_code))"
    found = connection.exec_driver_sql(
        f"UPDATE {STAGED} s SET (geom, _area, _shares) = ("
        f"SELECT g.geom, p.area, p.shares FROM (SELECT {geom} AS geom) g CROSS JOIN LATERAL gis_place(g.geom) p"
        f") WHERE NOT _certain AND {where}"
    )
    return found.rowcount > 0


@contextmanager
def _placed(connection: Connection, layer: type[Layer]) -> Iterator[None]:
    """Turn off the triggers that find place and version of each row, or hold others than the owner, who alone can."""
    names = ["gis_1_place", "gis_2_version", *["gis_0_taken"] * issubclass(layer, Subjected)]
    names += ["gis_0_looped"] * issubclass(layer, Ledger)
    for turn in ("DISABLE", "ENABLE"):
        if turn == "ENABLE":
            yield
        turned = ", ".join(f"{turn} TRIGGER {name}" for name in names)
        connection.exec_driver_sql(f"ALTER TABLE {layer.__tablename__} {turned}")


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
    found = connection.exec_driver_sql(_INDEXES, (table, some == 0)).all()
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
