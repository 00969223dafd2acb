"""Trusted rows: nothing is judged, the CHECKs of the table stand guard. The sample comes in so."""

from __future__ import annotations

import numpy as np
import orjson
import pyarrow as pa
import shapely
from geopandas import GeoDataFrame
from sqlalchemy import Connection

from gis_service.features import DECIMALS
from gis_service.ingest.binary import JSONB
from gis_service.ingest.insert import STAGED, add, insert, insert_some, stage
from gis_service.ingest.shapes import Geometries, ewkb, multi
from gis_service.ingest.values import ARROW
from layers import UNKNOWN, Layer

_CHUNK = 100_000


def load_frame(connection: Connection, layer: type[Layer], frame: GeoDataFrame) -> None:
    """Append trusted rows to the layer, in the caller's transaction.

    `frame` is in EPSG:4490, longitude first; its columns are writable fields of the layer (`code` among them) and
    perhaps `extra` (dicts). Memory is a chunk at a time.
    """
    for start in range(0, len(frame), _CHUNK):
        some = frame.iloc[start : start + _CHUNK]
        insert(connection, layer, _stage(connection, layer, some), len(some))


class Frame:
    """Trusted rows, as of `load_frame`, to be put into the layer some at a time: staged once for a thousand changes."""

    def __init__(self, connection: Connection, layer: type[Layer], frame: GeoDataFrame) -> None:
        self._connection, self._layer = connection, layer
        self._staged = f"{STAGED}_{layer.__tablename__}"
        self._names = _stage(connection, layer, frame, self._staged)
        self._codes = frame["code"].tolist()
        self._put = 0

    def put(self, number: int) -> None:
        """Put the next rows in the place of those of the same code that were put before; append the others."""
        table, first, end = self._layer.__tablename__, self._put, self._put + number
        self._put, codes = end, set(self._codes[first:end])
        known = codes.intersection(self._codes[:first])
        some = f"s._row > {first} AND s._row <= {end}"
        if known:
            settings = ", ".join(f'"{name}" = s."{name}"' for name in self._names if name != "code")
            self._connection.exec_driver_sql(
                f"UPDATE {table} t SET {settings} FROM {self._staged} s WHERE t.code = s.code AND {some}"
            )
        if known < codes:
            new = f"{some} AND NOT EXISTS (SELECT FROM {table} t WHERE t.code = s.code)"
            insert_some(self._connection, self._layer, self._names, new, self._staged)


def _stage(connection: Connection, layer: type[Layer], frame: GeoDataFrame, staged: str = STAGED) -> list[str]:
    """Stage trusted rows, and return the names of their columns."""
    shapes = _rounded(frame.geometry.to_numpy())
    rows = _columns(layer, frame).append_column("geom", ewkb(shapes))
    areas = stage(connection, layer, staged)
    add(
        connection,
        areas,
        rows.append_column("_row", pa.array(np.arange(1, len(rows) + 1, dtype=np.int32))),
        shapes,
        staged,
    )
    return list(rows.column_names)


def _columns(layer: type[Layer], frame: GeoDataFrame) -> pa.Table:
    """Return the fields of trusted rows as COPY takes them."""
    fields = layer.writable()
    columns = {}
    for name in (name for name in (*fields, "extra") if name in frame.columns):
        values = frame[name]
        if name == "extra":
            columns[name] = pa.array([JSONB + orjson.dumps(value) for value in values], pa.binary())
            continue
        if fields[name].kind == "term":
            values = values.fillna(UNKNOWN)
        columns[name] = pa.array(values, from_pandas=True).cast(ARROW[fields[name].kind])
    return pa.table(columns)


def _rounded(shapes: Geometries) -> Geometries:
    """Return geometries as they are stored: multi-part where lines or polygons, 2D, with so many decimals."""
    rounded = shapely.transform(multi(shapely.force_2d(shapes)), lambda c: np.round(c, DECIMALS))
    return np.asarray(rounded)
