"""Step 4, load: rows that were judged go to a staging table by COPY, and from there into the layer, all or nothing."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
import shapely
from geopandas import GeoDataFrame
from sqlalchemy import Connection, text

from gis_service.database.locks import take_turns
from gis_service.features import DECIMALS
from gis_service.ingest.columns import Columns
from gis_service.ingest.judge import Refusal
from gis_service.ingest.shapes import Geometries, multi
from layers import STORED_SRID, UNKNOWN, Label, Layer, Subjected

_CHUNK = 100_000
_STAGED = "gis_staged"


@dataclass(frozen=True)
class Counts:
    """What became, or would become, of the rows that were fit."""

    inserted: int
    updated: int
    unchanged: int


def copy(connection: Connection, table: str, rows: pa.Table) -> None:
    """Append rows to a table; the columns have the table's names."""
    sink = io.BytesIO()
    pyarrow.csv.write_csv(rows, sink, pyarrow.csv.WriteOptions(include_header=False))
    sink.seek(0)
    columns = ", ".join(f'"{name}"' for name in rows.column_names)
    with closing(connection.connection.cursor()) as cursor:
        cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN WITH (FORMAT csv)", sink)


def in_bulk(connection: Connection) -> None:
    """Let the triggers keep their plans for this transaction: 200,000 rows in 5 s instead of 8."""
    connection.execute(text("SET LOCAL plan_cache_mode = auto"))


def next_code(connection: Connection, layer: type[Layer]) -> str:
    """Return the layer's prefix with the number after the highest that is used; whoever asks next waits for this."""
    take_turns(connection, layer)
    number = text("SELECT gis_code(:prefix, number + 1, digits) FROM gis_highest(:layer, :prefix)")
    given = {"prefix": layer.prefix, "layer": layer.__tablename__}
    return str(connection.execute(number, given).scalar_one())


class Staging:
    """A temporary table with the rows of one file, until the transaction ends."""

    def __init__(self, connection: Connection, layer: type[Layer], columns: Columns) -> None:
        self._connection, self._layer = connection, layer
        self._table, self._prefix = layer.__tablename__, layer.prefix
        self._carried = [name for name in columns.fields if name != "code"]
        self._extra = columns.extra
        names = ", ".join(f'"{name}"' for name in (*layer.writable(), "extra", "geom"))
        in_bulk(connection)
        connection.execute(text(f"DROP TABLE IF EXISTS {_STAGED}"))
        connection.execute(
            text(
                f"CREATE TEMPORARY TABLE {_STAGED} ON COMMIT DROP AS "
                f"SELECT {names}, 0 AS _row, CAST(NULL AS bigint) AS _target, CAST(NULL AS boolean) AS _changed "
                f"FROM {self._table} WITH NO DATA"
            )
        )

    def add(self, rows: pa.Table) -> None:
        """Append rows that were judged."""
        copy(self._connection, _STAGED, rows)

    def refuse_homeless(self) -> list[Refusal]:
        """Take out the rows of what has to lie somewhere that have neither a place nor a subject that is there."""
        if not (self._layer.placed and issubclass(self._layer, Subjected)):
            return []
        gone = self._connection.execute(
            text(
                f"DELETE FROM {_STAGED} s WHERE geom IS NULL AND NOT gis_sees(subject_layer, subject_code) AND NOT "
                f"EXISTS (SELECT FROM {self._table} t WHERE t.code = s.code) RETURNING _row AS number, subject_code"
            )
        )
        why = Label(
            "没有几何图形，也没有现有的对象（subject_layer、subject_code）",
            "has no geometry, and no subject that is there (subject_layer, subject_code)",
        )
        return [Refusal(row.number, "geom", row.subject_code or "", why) for row in gone]

    def load(self, *, dry_run: bool) -> Counts:
        """Insert what is new and update what has changed; a dry run counts only.

        A row is the stored record of the same code; a row without a code is the stored record of the same name and
        the same geometry, or of what needs no place the one that says all the same; of several alike the first that
        no other row is. What then still has no code gets the next. A row without a place leaves the stored one.
        """
        take_turns(self._connection, self._layer)
        self._run(f"ANALYZE {_STAGED}")
        self._run(f"UPDATE {_STAGED} s SET _target = t.id FROM {self._table} t WHERE s.code = t.code")
        if self._layer.placed:
            self._match_by_place()
        if issubclass(self._layer, Subjected):
            self._match_by_all()
        self._run(f"UPDATE {_STAGED} s SET geom = t.geom FROM {self._table} t WHERE t.id = _target AND s.geom IS NULL")
        self._number()
        self._run(
            f"UPDATE {_STAGED} s SET _changed = true FROM {self._table} t "
            f"WHERE t.id = s._target AND ({self._differences()})"
        )
        counts = self._connection.execute(
            text(
                "SELECT count(*) FILTER (WHERE _target IS NULL), count(*) FILTER (WHERE _changed), "
                f"count(*) FILTER (WHERE _target IS NOT NULL AND _changed IS NULL) FROM {_STAGED}"
            )
        ).one()
        if not dry_run:
            self._write()
        return Counts(*counts)

    def _match_by_place(self) -> None:
        same = "t.geom = s.geom" + (" AND t.name IS NOT DISTINCT FROM s.name" if "name" in self._carried else "")
        alike = "name, geom" if "name" in self._carried else "geom"
        self._run(f"""
            WITH s AS (
                SELECT _row, name, geom, row_number() OVER (PARTITION BY {alike} ORDER BY _row) AS nth
                FROM {_STAGED} WHERE code IS NULL
            ), t AS (
                SELECT id, name, geom, row_number() OVER (PARTITION BY {alike} ORDER BY id) AS nth
                FROM {self._table} t
                WHERE geom IN (SELECT geom FROM s)
                    AND NOT EXISTS (SELECT FROM {_STAGED} taken WHERE taken._target = t.id)
            )
            UPDATE {_STAGED} found SET _target = t.id
            FROM s JOIN t ON {same} AND t.nth = s.nth
            WHERE found._row = s._row
        """)

    def _match_by_all(self) -> None:
        """Match what needs no place, or is given none, by everything that its row says."""
        carried = ", ".join(f'"{name}"' for name in self._carried)
        said = f"CAST(ROW({carried}) AS text) AS said"
        without_place = " AND geom IS NULL" if self._layer.placed else ""
        self._run(f"""
            WITH s AS (
                SELECT _row, said, row_number() OVER (PARTITION BY said ORDER BY _row) AS nth
                FROM (SELECT _row, {said} FROM {_STAGED} WHERE code IS NULL{without_place}) r
            ), t AS (
                SELECT id, said, row_number() OVER (PARTITION BY said ORDER BY id) AS nth
                FROM (
                    SELECT id, {said} FROM {self._table} t
                    WHERE NOT EXISTS (SELECT FROM {_STAGED} taken WHERE taken._target = t.id)
                ) r
            )
            UPDATE {_STAGED} found SET _target = t.id FROM s JOIN t USING (said, nth) WHERE found._row = s._row
        """)

    def _number(self) -> None:
        """Give the new rows without a code the layer's prefix and the numbers after the highest that is used."""
        self._run(
            f"""
            WITH highest AS (
                SELECT greatest(h.number, (SELECT max(gis_number(:prefix, code)) FROM {_STAGED})) AS number, h.digits
                FROM gis_highest(:layer, :prefix) h
            ), next AS (
                SELECT _row, h.digits, h.number + row_number() OVER (ORDER BY _row) AS number
                FROM {_STAGED} CROSS JOIN highest h WHERE code IS NULL AND _target IS NULL
            )
            UPDATE {_STAGED} s
            SET code = gis_code(:prefix, next.number, next.digits)
            FROM next WHERE s._row = next._row
            """,
            layer=self._table,
            prefix=self._prefix,
        )

    def _differences(self) -> str:
        compared = [f't."{name}" IS DISTINCT FROM s."{name}"' for name in (*self._carried, "geom")]
        if self._extra:
            compared.append(f"t.extra IS DISTINCT FROM {self._new_extra()}")
        return " OR ".join(compared)

    def _new_extra(self) -> str:
        """Keep what is stored under names that the file does not carry."""
        if "extra" in self._extra:
            return "s.extra"
        return "(t.extra - CAST(:carried AS text[])) || s.extra"

    def _write(self) -> None:
        names = ", ".join(f'"{name}"' for name in ("code", *self._carried, "geom"))
        extra = (", extra", ", extra") if self._extra else ("", "")
        self._run(
            f"INSERT INTO {self._table} ({names}{extra[0]}) "
            f"SELECT {names}{extra[1]} FROM {_STAGED} WHERE _target IS NULL ORDER BY _row"
        )
        settings = [f'"{name}" = s."{name}"' for name in (*self._carried, "geom")]
        if self._extra:
            settings.append(f"extra = {self._new_extra()}")
        self._run(
            f"UPDATE {self._table} t SET {', '.join(settings)} FROM {_STAGED} s WHERE t.id = s._target AND s._changed"
        )

    def _run(self, statement: str, **values: object) -> None:
        if ":carried" in statement:
            values["carried"] = list(self._extra)
        self._connection.execute(text(statement), values)


def load_frame(connection: Connection, layer: type[Layer], frame: GeoDataFrame) -> None:
    """Append trusted rows straight to the layer, in the caller's transaction.

    `frame` is in EPSG:4490, longitude first; its columns are writable fields of the layer (`code` among them) and
    perhaps `extra` (dicts). Nothing is judged: the CHECKs of the table stand guard. Memory is a chunk at a time.
    """
    in_bulk(connection)
    for start in range(0, len(frame), _CHUNK):
        copy(connection, layer.__tablename__, _columns(layer, frame.iloc[start : start + _CHUNK]))


def change_frame(connection: Connection, layer: type[Layer], frame: GeoDataFrame) -> None:
    """Put trusted rows, as of `load_frame`, in the place of the stored ones of the same code; append the others."""
    table, rows = layer.__tablename__, _columns(layer, frame)
    names = [f'"{name}"' for name in rows.column_names]
    in_bulk(connection)
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS gis_changed_{table} ON COMMIT DROP AS "
        f"SELECT {', '.join(names)} FROM {table} WITH NO DATA"
    )
    connection.exec_driver_sql(f"TRUNCATE gis_changed_{table}")
    copy(connection, f"gis_changed_{table}", rows)
    settings = ", ".join(f"{name} = c.{name}" for name in names if name != '"code"')
    connection.exec_driver_sql(f"UPDATE {table} t SET {settings} FROM gis_changed_{table} c WHERE t.code = c.code")
    connection.exec_driver_sql(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(names)} FROM gis_changed_{table} c "
        f"WHERE NOT EXISTS (SELECT FROM {table} t WHERE t.code = c.code)"
    )


def _columns(layer: type[Layer], frame: GeoDataFrame) -> pa.Table:
    """Return trusted rows as COPY takes them."""
    fields = layer.writable()
    columns = {}
    for name in (name for name in (*fields, "extra") if name in frame.columns):
        values = frame[name]
        if name == "extra":
            values = [orjson.dumps(value).decode() for value in values]
        elif fields[name].kind == "term":
            values = values.fillna(UNKNOWN)
        elif fields[name].kind == "money":
            values = [None if value is None or value != value else str(value) for value in values]  # noqa: PLR0124 - NaN
        columns[name] = pa.array(values, from_pandas=True)
    return pa.table({**columns, "geom": to_hex(frame.geometry.to_numpy())})


def to_hex(shapes: Geometries) -> pa.Array:
    """Return geometries as COPY takes them: multi-part where lines or polygons, 2D, rounded, hex EWKB in EPSG:4490."""
    flat = multi(shapely.force_2d(shapes))
    rounded = shapely.transform(flat, lambda c: np.round(c, DECIMALS))
    return pa.array(shapely.to_wkb(shapely.set_srid(rounded, STORED_SRID), hex=True, include_srid=True), pa.string())
