"""Where a tile of WebMercatorQuad lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Double, Integer, bindparam, func

from gis_service.errors import UnknownValue
from layers import STORED_SRID

MOST_ZOOM = 24
"""The last of the scales that WebMercatorQuad has."""
EXTENT, BUFFER = 4096, 64
"""The grid of a tile, and the margin around it in which lines and outlines are drawn on."""
_AROUND = 40_075_016.69
Z, X, Y = (bindparam(f"tile_{name}", type_=Integer()) for name in "zxy")
"""The tile that a statement is asked for: statements are built once, and take their place by `Place.values`."""
BOX = func.ST_MakeEnvelope(
    *(bindparam(f"tile_{edge}", type_=Double()) for edge in ("west", "south", "east", "north")), STORED_SRID
)
"""Its box of stored degrees, by which the index finds what may lie in it."""
PIXEL: ColumnElement[float] = bindparam("tile_pixel", type_=Double())
SIDE: ColumnElement[float] = bindparam("tile_side", type_=Double())
STEPS: ColumnElement[float] = bindparam("tile_steps", type_=Double())
"""How wide a pixel is in degrees of longitude, where the tile is drawn 512 pixels wide; how many metres of web Mercator
its side has; how many steps of its grid the world has."""


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

    def values(self, margin: int = 0) -> dict[str, Any]:
        """Return what the parameters stand for; the box with a margin in steps of the tile's grid."""
        west, north, east, south = self.edges(margin + 1)  # more, so that rounding loses nothing
        box = {"west": _longitude(west), "south": _latitude(south), "east": _longitude(east), "north": _latitude(north)}
        tiles = 2.0**self.z
        sizes = {"pixel": 360 / tiles / 512, "side": _AROUND / tiles, "steps": EXTENT * tiles}
        values = {"z": self.z, "x": self.x, "y": self.y, **box, **sizes}
        return {f"tile_{name}": value for name, value in values.items()}


def _longitude(u: float) -> float:
    return u * 360 - 180


def _latitude(v: float) -> float:
    """Return the latitude; the poles themselves beyond the square's edges, which places there are put on."""
    if v in (0.0, 1.0):
        return 90 - 180 * v
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * v))))
