"""Which area holds a point, of many at once: what `gis_place` finds in the database row by row."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import GeometryType
from sqlalchemy import Connection, text

from gis_service.database.locks import hold_places
from gis_service.ingest.shapes import Geometries
from layers import Layer, Role, with_role

_HAIR = 1e-9  # degrees, a tenth of a millimetre


class Areas:
    """The areas as they are for the rest of a transaction, which nobody changes meanwhile."""

    def __init__(self, connection: Connection, layer: type[Layer]) -> None:
        hold_places(connection, layer)
        table = with_role(Role.AREAS).__tablename__
        query = f"SELECT code, ST_AsBinary(geom) FROM {table} WHERE leaf ORDER BY code"
        # areas are not placed in areas, and only points here
        wanted = layer.role is not Role.AREAS and "Point" in layer.geometry
        found = [tuple(row) for row in connection.execute(text(query))] if wanted else []
        self._codes = np.array([code for code, _ in found], dtype=object)
        self._outlines = shapely.from_wkb([bytes(outline) for _, outline in found])
        self._sides = _sides(self._outlines)
        self._points = wanted

    def __call__(self, shapes: Geometries) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
        """Return the code of the area that holds each point (None outside), and for which rows that is certain.

        Of several areas it is the first. Not certain is what is no point, or lies so near a boundary that the
        database, which computes in another way, might find it on the other side.
        """
        codes = np.full(len(shapes), None, dtype=object)
        certain = (shapely.get_type_id(shapes) == GeometryType.POINT) & self._points
        if not certain.any() or not len(self._codes):
            return codes, certain
        points = shapes.copy()
        points[~certain] = None
        tree = shapely.STRtree(points)
        area, point = tree.query(self._outlines, predicate="intersects")
        last_first = np.argsort(-area, kind="stable")  # so that the first one stays
        codes[point[last_first]] = self._codes[area[last_first]]
        certain[tree.query(self._sides, predicate="dwithin", distance=_HAIR)[1]] = False
        return codes, certain


def _sides(outlines: Geometries) -> Geometries:
    """Cut outlines into their single sides."""
    rings = shapely.get_rings(shapely.get_parts(outlines))
    corners, ring = shapely.get_coordinates(rings, return_index=True)
    within = ring[1:] == ring[:-1]
    ends = np.stack([corners[:-1][within], corners[1:][within]], axis=1)
    return np.asarray(shapely.linestrings(ends))
