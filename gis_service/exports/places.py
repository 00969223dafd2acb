"""Where coordinates of an export are: any CRS of EPSG, or the offsets of Chinese web maps, which are no CRS.

What is stored is taken as WGS 84 before it is projected, as the import does on its way in: PROJ knows how nearly every
CRS relates to WGS 84, and CGCS2000 differs from it by less than a metre.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import shapely
from geoalchemy2 import Geometry
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError
from sqlalchemy import ColumnElement, func, literal_column
from sqlalchemy.types import NullType

from gis_service import offsets
from gis_service.errors import UnknownValue
from gis_service.features import DECIMALS
from layers import STORED_SRID, Label, Layer

_WGS84 = 4326
_METRIC_DECIMALS = 4
_MARGIN = 3.0  # degrees
_DEGREES = (Label("经度", "longitude"), Label("纬度", "latitude"))
_METRES = (Label("东坐标", "easting"), Label("北坐标", "northing"))  # surveyors call the north X: no letters
EXAMPLES = ("EPSG:4490", "EPSG:4326", "EPSG:4549", "EPSG:3857", "GCJ02", "BD09")


@dataclass(frozen=True)
class Place:
    """What coordinates are given in: `srid` of EPSG and its `crs`, or a `shift` from WGS 84, which has neither.

    `decimals` are those of a millimetre or finer; `axes` name the first and the second coordinate: east, then north,
    as files have it, unless `north_first`.
    """

    name: str
    words: Label
    srid: int = _WGS84
    crs: CRS | None = None
    shift: Callable[[offsets.Points], offsets.Points] | None = None
    decimals: int = DECIMALS
    axes: tuple[Label, Label] = _DEGREES
    north_first: bool = False

    @property
    def is_stored(self) -> bool:
        """Whether coordinates go out as they are."""
        return self.shift is None and self.srid in (_WGS84, STORED_SRID)

    @property
    def definition(self) -> str:
        """What a file says its CRS is: a code, or for an offset a system of its own that nobody takes for degrees."""
        if self.crs is not None:
            return f"EPSG:{self.srid}"
        axes = 'CS[Cartesian,2],AXIS["lon",east],AXIS["lat",north],LENGTHUNIT["metre",1]'
        return f'ENGCRS["{self.name} (shifted degrees of a Chinese web map)",EDATUM["{self.name}"],{axes}]'

    def reaches(self, west: float, south: float, east: float, north: float) -> bool:
        """Say whether the CRS is meant for what lies there, as EPSG says; a zone is used a little beyond its edges."""
        use = self.crs.area_of_use if self.crs else None
        if use is None or use.west > use.east:  # across the 180th meridian
            return True
        beside = east < use.west - _MARGIN or west > use.east + _MARGIN
        return not (beside or north < use.south - _MARGIN or south > use.north + _MARGIN)

    def shape(self, layer: type[Layer]) -> ColumnElement[Any]:
        """Return the SQL of a feature's geometry: projected, where it is not shifted later."""
        return self._moved(literal_column(f"{layer.__tablename__}.geom"))

    def given(self, geom: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return a stored geometry as GeoJSON bears it, without a label of its CRS; none, where it is shifted later."""
        moved = literal_column("NULL::geometry") if self.shift else self._moved(geom)
        return func.ST_SetSRID(moved, _WGS84, type_=Geometry)

    def _moved(self, geom: ColumnElement[Any]) -> ColumnElement[Any]:
        stored = func.ST_SetSRID(geom, literal_column(str(_WGS84)), type_=NullType)
        if not (self.shift or self.is_stored):
            stored = func.ST_Transform(stored, literal_column(str(self.srid)), type_=NullType)
        return func.ST_FlipCoordinates(stored, type_=NullType) if self.north_first else stored

    def shifted(self, wkb: Sequence[bytes | None]) -> NDArray[np.object_]:
        """Return geometries of the database where the file wants them, None where there is none."""
        shapes: NDArray[np.object_] = shapely.from_wkb(wkb)
        if self.shift is None:
            return shapes
        move = self.shift
        moved: NDArray[np.object_] = shapely.transform(shapes, lambda points: np.round(move(points), self.decimals))
        return moved


_OFFSETS: Mapping[str, Place] = {
    "GCJ02": Place(
        "GCJ-02",
        Label(
            "GCJ-02（高德、腾讯等地图的偏移坐标，经度在前），与真实位置相差数百米，只用于叠加此类地图，不得用于量算",
            "GCJ-02, the shifted degrees of AMap and Tencent, longitude first: hundreds of metres off; only to be laid "
            "over such maps, not to be measured",
        ),
        shift=offsets.gcj02,
    ),
    "BD09": Place(
        "BD-09",
        Label(
            "BD-09（百度地图的偏移坐标，经度在前），与真实位置相差约一公里，只用于叠加百度地图，不得用于量算",
            "BD-09, the shifted degrees of Baidu, longitude first: about a kilometre off; only to be laid over its "
            "maps, not to be measured",
        ),
        shift=offsets.bd09,
    ),
}


def place(text: str = "") -> Place:
    """Return what is meant by `EPSG:4549`, `GCJ02` or `BD09`; the stored CRS where nothing is said.

    Raises
    ------
    UnknownValue
        Where it is none of these, or EPSG has no such plane CRS.
    """
    given = text.strip().upper().replace("-", "") or f"EPSG:{STORED_SRID}"
    if given in _OFFSETS:
        return _OFFSETS[given]
    code = given.removeprefix("EPSG:")
    if not (code.isascii() and code.isdigit() and len(code) <= 6):  # noqa: PLR2004 - EPSG has no longer ones
        raise UnknownValue("crs", text, EXAMPLES)
    try:
        return _of_epsg(int(code))
    except CRSError as error:
        raise UnknownValue("crs", text, EXAMPLES) from error


@cache
def _of_epsg(srid: int) -> Place:
    crs = CRS.from_epsg(srid)
    if len(crs.axis_info) != 2 or not (crs.is_geographic or crs.is_projected):  # noqa: PLR2004 - a plane has two
        raise CRSError(f"EPSG:{srid} is no plane")
    name = f"EPSG:{srid}"
    if srid == STORED_SRID:
        words = Label(
            "CGCS2000（EPSG:4490），经度在前；与 WGS 84 相差不到一米",
            "CGCS2000 (EPSG:4490), longitude first; it differs from WGS 84 by less than a metre.",
        )
        return Place(name, words, srid, crs)
    if crs.is_geographic:
        return Place(name, Label(f"{crs.name}（{name}），经度在前", f"{crs.name} ({name}), longitude first"), srid, crs)
    words = Label(f"{crs.name}（{name}），东坐标在前", f"{crs.name} ({name}), easting first")
    return Place(name, words, srid, crs, decimals=_METRIC_DECIMALS, axes=_METRES)
