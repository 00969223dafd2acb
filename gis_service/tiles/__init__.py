"""Vector tiles of a layer, written by PostgreSQL: MVT with no more than the map draws, and never more than 50 KB.

What maps draw by marks is counted in cells where a tile holds many; lines and outlines are simplified, and dropped
below a pixel. A tile that was written is kept on disk until something in it changes.
"""

from __future__ import annotations

from sqlalchemy import Connection, true

from gis_service.database.grid import is_marked
from gis_service.tiles.asked import Asked, State, properties, state, terms
from gis_service.tiles.cache import Cache
from gis_service.tiles.marks import SINGLE, Marked, can_be_kept, counted, singles
from gis_service.tiles.place import MOST_ZOOM, Place
from gis_service.tiles.shapes import MOST_BYTES, outlines
from layers import LEVELS, Layer

__all__ = ["MOST_BYTES", "MOST_ZOOM", "Asked", "Cache", "Place", "counts", "properties", "tile", "written"]


def counts(layer: type[Layer]) -> tuple[str, ...]:
    """Return the names of the properties that cells of many features bear, beside the symbol's field."""
    return ("count", *terms(layer)) if is_marked(layer) else ()


def tile(connection: Connection, asked: Asked, place: Place, cache: Cache) -> bytes:
    """Return one tile with code, name and the symbol's field of each feature, or with marks counted in cells.

    The MVT layer bears the layer's name. It comes from the cache where nothing that it shows has changed.
    """
    now = state(connection, asked, place)
    if now.key is None:
        return written(connection, asked, place, now)
    return cache.get(now.key, lambda: written(connection, asked, place, now))


def written(connection: Connection, asked: Asked, place: Place, now: State) -> bytes:
    """Write a tile."""
    layer = asked.layer
    columns = (*(layer.__table__.c[name] for name in properties(layer)), *asked.extra)
    clause = true() if asked.plain else asked.clause  # one and the same, for which statements are built once
    if not is_marked(layer):
        return outlines(connection, layer, clause, place, columns)
    level = next((column for column in asked.extra if column.key == "level"), None)
    marked = (
        Marked(layer, clause, columns, layer.__table__.c[layer.symbol.field], terms(layer))
        if level is None
        else Marked(layer, clause, columns, level, LEVELS.codes, asked.beside)
    )
    if now.number is None or now.number <= SINGLE:
        content = singles(connection, marked, place)
        if content is not None and len(content) <= MOST_BYTES:
            return content
    return counted(connection, marked, place, kept=now.everything and asked.plain and can_be_kept(place))
