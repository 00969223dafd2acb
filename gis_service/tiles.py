"""Vector tiles of a layer, written by PostgreSQL: MVT with no more than the map draws."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Subquery, func, literal, literal_column, select

from gis_service.errors import UnknownValue
from layers import STORED_SRID, Layer

MOST_ZOOM = 24
"""The last of the scales that WebMercatorQuad has."""
_EXTENT, _BUFFER = 4096, 64
_WORLD = 40_075_016.69
"""Width of the web Mercator world in its metres."""
_MOST_FEATURES = 10_000
"""A tile holds no more than this, so that none grows without bound; tiles of larger scale show the rest."""


def properties(layer: type[Layer]) -> tuple[str, ...]:
    """Return the names of the properties that features bear in a tile."""
    return tuple(dict.fromkeys(("code", "name", layer.symbol.field)))


def tile(
    connection: Connection,
    layer: type[Layer],
    clause: ColumnElement[bool],
    place: tuple[int, int, int],
    *extra: ColumnElement[object],
    beside: Subquery | None = None,
) -> bytes:
    """Return one tile (z, x, y of WebMercatorQuad) with code, name and the symbol's field of each feature.

    `extra` are further properties, from the rows of the same `id` `beside` the layer's table.

    The MVT layer bears the layer's name. Lines and polygons are simplified to the tile's grid; what falls below a
    grid cell is dropped.

    Raises
    ------
    UnknownValue
        Where there is no such tile.
    """
    z, x, y = place
    if not (0 <= z <= MOST_ZOOM and 0 <= x < 2**z and 0 <= y < 2**z):
        raise UnknownValue("tile", f"{z}/{x}/{y}", [f"z 0–{MOST_ZOOM}, x, y < 2^z"])
    table = layer.__table__
    square = func.ST_TileEnvelope(z, x, y)
    # the box is moved to the stored CRS, not every geometry to the box's: so the index is used
    box = func.ST_Transform(func.ST_Expand(square, _buffer_metres(z)), STORED_SRID)
    shape = func.ST_AsMVTGeom(func.ST_Transform(table.c.geom, 3857), square, _EXTENT, _BUFFER, literal(value=True))
    rows = (
        select(*(table.c[name] for name in properties(layer)), *extra, shape.label("shape"))
        .select_from(table if beside is None else table.join(beside, beside.c.id == table.c.id))
        .where(table.c.geom.op("&&")(box), clause)
        .order_by(table.c.id)
        .limit(_MOST_FEATURES)
        .subquery("tile")
    )
    written = func.ST_AsMVT(literal_column("tile"), layer.__tablename__, _EXTENT, "shape")
    found = connection.execute(select(written).select_from(rows).where(rows.c.shape.is_not(None))).scalar_one()
    return bytes(found)


def _buffer_metres(z: int) -> float:
    """Return the margin of a tile in metres of web Mercator."""
    return _WORLD / float(2**z) * _BUFFER / _EXTENT
