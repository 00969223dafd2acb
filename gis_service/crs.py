"""Coordinate reference systems by their URIs, with the axes in the order of their authorities.

PostGIS keeps longitude or easting first, whatever the authority says; EPSG:4326, 4490 and the Gauss-Kruger zones of
CGCS2000 are north first. CRS84 and EPSG:4326 are taken to be what is stored: CGCS2000 differs from WGS 84 by less
than a metre.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyproj
import shapely
from geoalchemy2 import Geometry
from sqlalchemy import ColumnElement, func

from gis_service.errors import UnknownValue, UsageError
from layers import STORED_SRID

_WGS_84, _WEB_MERCATOR = 4326, 3857
_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
_FARTHEST = 1e9
"""A coordinate farther than anything on Earth is, in any CRS."""
_PIECES, _LONGEST_PIECE = 16, 5_000.0
"""In how many pieces the edge of a box is moved from one CRS to another, and metres of the longest: what is straight
there is not here."""
_BEYOND = 9.0
"""Degrees around a projection's area of use in which it is still one to one; farther out places come twice."""
_HIGHEST = 85.0
"""Latitude of the farthest place north and south: web Mercator has no pole."""


@dataclass(frozen=True)
class Crs:
    """A CRS: `srid` is its EPSG code, `north_first` the order of its axes; `decimals` write a millimetre."""

    uri: str
    srid: int
    north_first: bool
    in_degrees: bool

    @property
    def decimals(self) -> int:
        """Digits behind the point that are a millimetre, or less."""
        return 8 if self.in_degrees else 3

    @property
    def is_stored(self) -> bool:
        """Say whether coordinates are those stored, but for the order of the axes."""
        return self.srid in (_WGS_84, STORED_SRID)

    def given(self, geom: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return a stored geometry as GeoJSON bears it in this CRS; labelled 4326, or PostGIS would write a `crs`."""
        moved = geom if self.is_stored else func.ST_Transform(geom, self.srid)
        turned = func.ST_FlipCoordinates(moved) if self.north_first else moved
        return func.ST_SetSRID(turned, _WGS_84, type_=Geometry)

    def east_first(self, shape: shapely.Geometry) -> shapely.Geometry:
        """Return a shape that is given in the order of this CRS's axes with longitude or easting first."""
        return shapely.transform(shape, lambda pairs: pairs[:, ::-1]) if self.north_first else shape

    def stored(self, shape: shapely.Geometry) -> shapely.Geometry:
        """Return a shape that is given in this CRS in the stored one.

        Raises
        ------
        UsageError
            Where it lies outside of what this CRS can describe.
        """
        turned = self.east_first(shape)
        moved = turned if self.is_stored else shapely.transform(turned, _to_stored(self.srid), interleaved=False)
        if not all(map(math.isfinite, shapely.get_coordinates(moved).ravel())):
            raise self._out_of_range()
        return moved

    def _out_of_range(self) -> UsageError:
        return UsageError("坐标超出该坐标系的范围。", f"The coordinates are out of range for {self.uri}.")

    def box(self, numbers: Sequence[float]) -> shapely.Geometry:
        """Return a box of 4 or 6 numbers in the order of this CRS's axes as a shape in the stored CRS; heights pass.

        In degrees a box may go over the 180th meridian: its west is then larger than its east.

        Raises
        ------
        UsageError
            Where it is none.
        """
        dimensions, odd = divmod(len(numbers), 2)
        low, high = list(numbers[:dimensions]), list(numbers[dimensions:])
        if odd or dimensions not in (2, 3) or not all(map(math.isfinite, numbers)):
            raise _no_box()
        if max(map(abs, numbers)) > _FARTHEST:
            raise self._out_of_range()
        east_at = 1 if self.north_first else 0
        crosses = self.in_degrees and low[east_at] > high[east_at]
        if any(low[axis] > high[axis] for axis in range(dimensions) if not (crosses and axis == east_at)):
            raise _no_box()
        if not self.is_stored:
            return self._moved(low[:2], high[:2])
        boxes = [shapely.box(*low[:2], *high[:2])]
        if crosses:
            west_high, east_low = high.copy(), low.copy()
            west_high[east_at], east_low[east_at] = 180.0, -180.0
            boxes = [shapely.box(*low[:2], *west_high[:2]), shapely.box(*east_low[:2], *high[:2])]
        return self.stored(boxes[0] if len(boxes) == 1 else shapely.union_all(boxes))

    def _moved(self, low: Sequence[float], high: Sequence[float]) -> shapely.Geometry:
        """Return the part of a projected box that is on Earth, in the stored CRS; empty where none is."""
        least, most = _limits(self)
        low, high = [*map(max, low, least)], [*map(min, high, most)]
        if low[0] > high[0] or low[1] > high[1]:
            return shapely.Polygon()
        box, longest = shapely.box(*low, *high), max(high[0] - low[0], high[1] - low[1])
        if longest and self.srid != _WEB_MERCATOR:  # whose meridians and parallels are straight
            box = shapely.segmentize(box, min(longest / _PIECES, _LONGEST_PIECE))
        return self.stored(box)


def _no_box() -> UsageError:
    return UsageError(
        "范围应为 4 个（或含高程 6 个）数字：最小角在前，最大角在后，按坐标系的轴序。",
        "A box is 4 numbers (6 with heights): the lower corner, then the upper, in the order of the CRS's axes.",
    )


@cache
def _to_stored(srid: int) -> Any:  # noqa: ANN401 - a function of pyproj
    return pyproj.Transformer.from_crs(srid, STORED_SRID, always_xy=True).transform


@cache
def _limits(crs: Crs) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the lower and upper corner of where a projection is one to one, in the order of its axes."""
    known = pyproj.CRS.from_epsg(crs.srid)
    used = known.area_of_use
    assert used, crs.uri
    west, east = max(used.west - _BEYOND, -180.0), min(used.east + _BEYOND, 180.0)
    south, north = max(used.south - _BEYOND, -_HIGHEST), min(used.north + _BEYOND, _HIGHEST)
    mover = pyproj.Transformer.from_crs(_WGS_84, known, always_xy=True)
    left, bottom, right, top = mover.transform_bounds(west, south, east, north)
    return ((bottom, left), (top, right)) if crs.north_first else ((left, bottom), (right, top))


@cache
def epsg(srid: int) -> Crs:
    """Return a CRS of EPSG; the order of its axes is EPSG's."""
    crs = pyproj.CRS.from_epsg(srid)
    return Crs(f"{_EPSG}{srid}", srid, crs.axis_info[0].direction == "north", crs.is_geographic)


CRS84 = Crs("http://www.opengis.net/def/crs/OGC/1.3/CRS84", _WGS_84, north_first=False, in_degrees=True)
"""Longitude, latitude: the CRS where none is asked for."""
STORED = epsg(STORED_SRID)


def offered(metric_srid: int | None) -> tuple[Crs, ...]:
    """Return every CRS that features are given out in, the district's metric one among them."""
    srids = dict.fromkeys((_WGS_84, STORED_SRID, _WEB_MERCATOR, *([metric_srid] if metric_srid else [])))
    return (CRS84, *map(epsg, srids))


def find(parameter: str, uri: str | None, metric_srid: int | None) -> Crs:
    """Return the CRS of this URI, CRS84 where none is given.

    Raises
    ------
    UnknownValue
        Where it is not offered, with those that are.
    """
    known = {crs.uri: crs for crs in offered(metric_srid)}
    if uri is None:
        return CRS84
    if uri not in known:
        raise UnknownValue(parameter, uri, known)
    return known[uri]
