"""Where a tile of WebMercatorQuad lies."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func

from gis_service.errors import UnknownValue
from layers import STORED_SRID

MOST_ZOOM = 24
"""The last of the scales that WebMercatorQuad has."""
EXTENT, BUFFER = 4096, 64
"""The grid of a tile, and the margin around it in which lines and outlines are drawn on."""


@dataclass(frozen=True)
class Place:
    """A tile: zoom, column from the west, row from the north; its edges in the unit square of web Mercator.

    Raises
    ------
    UnknownValue
        Where there is no such tile.
    """

    z: int
    x: int
    y: int

    def __post_init__(self) -> None:
        if not (0 <= self.z <= MOST_ZOOM and 0 <= self.x < 2**self.z and 0 <= self.y < 2**self.z):
            raise UnknownValue("tile", f"{self.z}/{self.x}/{self.y}", [f"z 0–{MOST_ZOOM}, x, y < 2^z"])

    def edges(self, margin: int = 0) -> tuple[float, float, float, float]:
        """Return west, north, east, south in the unit square, with a margin in steps of the tile's grid."""
        side, more = 2.0**-self.z, margin / EXTENT
        return (
            max(0.0, (self.x - more) * side),
            max(0.0, (self.y - more) * side),
            min(1.0, (self.x + 1 + more) * side),
            min(1.0, (self.y + 1 + more) * side),
        )

    def box(self, margin: int = 0) -> ColumnElement[bool]:
        """Return the tile as a box of stored degrees, by which the index finds what may lie in it."""
        west, north, east, south = self.edges(margin + 1)  # more, so that rounding loses nothing
        return func.ST_MakeEnvelope(_longitude(west), _latitude(south), _longitude(east), _latitude(north), STORED_SRID)

    def pixel(self) -> float:
        """Return in degrees of longitude how wide a pixel is, where a tile is drawn 512 pixels wide."""
        return 360 / 2.0**self.z / 512


def _longitude(u: float) -> float:
    return u * 360 - 180


def _latitude(v: float) -> float:
    """Return the latitude; the poles themselves beyond the square's edges, which places there are put on."""
    if v in (0.0, 1.0):
        return 90 - 180 * v
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * v))))
