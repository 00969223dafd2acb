"""Tiles of a layer that maps draw by its lines or outlines: coarser, and without the small, until the tile is small."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, literal_column, or_, select

from gis_service.tiles.place import BUFFER, EXTENT, Place
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
        statement = _written(layer, clause, place, columns, pixels)
        content = bytes(connection.execute(statement).scalar_one())
        if len(content) <= MOST_BYTES:
            break
    return content


def _written(
    layer: type[Layer],
    clause: ColumnElement[bool],
    place: Place,
    columns: tuple[ColumnElement[Any], ...],
    pixels: int,
) -> Select[Any]:
    table, least = layer.__table__, pixels * place.pixel()
    geom, extent = table.c.geom, max(_SMOOTH * 32, EXTENT // pixels)
    rows = (
        select(*columns, drawn(place, geom, extent).label("shape"))
        .where(geom.op("&&")(place.box(BUFFER)), clause)
        .where(
            or_(
                func.ST_XMax(geom) - func.ST_XMin(geom) >= least,
                func.ST_YMax(geom) - func.ST_YMin(geom) >= least,
            )
        )
        .order_by(table.c.id)
        .subquery("tile")
    )
    whole = func.ST_AsMVT(literal_column("tile"), layer.__tablename__, extent, "shape")
    return select(whole).select_from(rows).where(rows.c.shape.is_not(None))


def drawn(place: Place, geom: ColumnElement[Any], extent: int) -> ColumnElement[Any]:
    """Return a line or outline in the tile's grid of `extent` steps, simplified by one of them."""
    square, step = func.ST_TileEnvelope(place.z, place.x, place.y), 40_075_016.69 / 2**place.z / extent
    simple = func.ST_Simplify(func.ST_Transform(geom, 3857), step, literal(value=True))
    return func.ST_AsMVTGeom(simple, square, extent, BUFFER * extent // EXTENT, literal(value=True))
