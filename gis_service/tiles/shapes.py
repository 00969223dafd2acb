"""Tiles of a layer that maps draw by its lines or outlines: coarser, and without the small, until the tile is small."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, literal_column, or_, select

from gis_service.tiles.place import BOX, BUFFER, EXTENT, PIXEL, SIDE, Place, X, Y, Z
from layers import Layer

MOST_BYTES = 50_000
"""No tile is larger."""
_COARSER = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Pixels below which a line or outline is left out, and by which the rest is simplified, until the tile fits."""
_SMOOTH = 8
"""Steps of the tile's grid that are a pixel."""


def outlines(
    connection: Connection,
    layer: type[Layer],
    clause: ColumnElement[bool],
    place: Place,
    columns: tuple[ColumnElement[Any], ...],
) -> bytes:
    """Return the tile with the lines or outlines of what is chosen, without what is shorter than a pixel."""
    content = b""
    for pixels in _COARSER:
        statement = _written(layer, clause, columns, pixels)
        content = bytes(connection.execute(statement, place.values(BUFFER)).scalar_one())
        if len(content) <= MOST_BYTES:
            break
    return content


@lru_cache(maxsize=256)  # who asks chooses the clause
def _written(
    layer: type[Layer], clause: ColumnElement[bool], columns: tuple[ColumnElement[Any], ...], pixels: int
) -> Select[Any]:
    geom, extent, least = layer.__table__.c.geom, max(_SMOOTH * 32, EXTENT // pixels), pixels * PIXEL
    rows = (
        select(*columns, drawn(geom, extent).label("shape"))
        .where(geom.op("&&")(BOX), clause)
        .where(
            or_(
                func.ST_XMax(geom) - func.ST_XMin(geom) >= least,
                func.ST_YMax(geom) - func.ST_YMin(geom) >= least,
            )
        )
        .order_by(layer.__table__.c.id)
        .subquery("tile")
    )
    whole = func.ST_AsMVT(literal_column("tile"), layer.__tablename__, extent, "shape")
    return select(whole).select_from(rows).where(rows.c.shape.is_not(None))


def drawn(geom: ColumnElement[Any], extent: int) -> ColumnElement[Any]:
    """Return a line or outline in the tile's grid of `extent` steps, simplified by one of them."""
    simple = func.ST_Simplify(func.ST_Transform(geom, 3857), SIDE / float(extent), literal(value=True))
    square, margin = func.ST_TileEnvelope(Z, X, Y), BUFFER * extent // EXTENT
    return func.ST_AsMVTGeom(simple, square, extent, margin, literal(value=True))
