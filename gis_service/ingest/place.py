"""Step 2, place: find the file's CRS and bring its coordinates to EPSG:4490, longitude first.

The way leads through WGS 84: PROJ knows how nearly every CRS relates to it, while straight to CGCS2000 it falls back on
equal degrees where it knows no relation, 100 m and more off outside China. From WGS 84 on, degrees are taken over as
they are: the two systems differ by less than a metre, and PROJ has no transformation between them either.

Coordinates are kept to as many decimals as exports write (a millimetre), so that an export taken in again changes
nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from gis_service.errors import CrsError
from gis_service.features import DECIMALS
from gis_service.ingest.shapes import Geometries
from layers import Label

_WORLD = (-180.0, -90.0, 180.0, 90.0)
_MARGIN = 3.0  # a projected CRS is used a little beyond its zone, where a district straddles two
_FAR = 1000.0  # in units of a projected CRS: more than datums differ by, less than a way around the earth
_EXAMPLES = ("EPSG:4490", "EPSG:4326", "EPSG:4549", "4549")


def crs_of(name: str, stated: str | None, given: str | None) -> CRS:
    """Return the CRS of the file `name`: what the user gave, else what the file states.

    Raises
    ------
    CrsError
        Where there is neither, or nothing is known of that name.
    """
    if given is not None:
        return _parse(given)
    crs = _parse(stated) if stated else None
    # GeoPackage says "undefined" with a CRS of its own
    if crs is None or crs.is_engineering or crs.name.startswith(("Undefined", "Unknown engineering")):
        raise CrsError(
            f"{name} 没有坐标系。请用 --crs 指明，例如 --crs EPSG:4490。",
            f"{name} has no coordinate reference system. Say which it is with --crs, for example --crs EPSG:4490.",
        )
    return crs


def _parse(text: str) -> CRS:
    try:
        crs = CRS.from_user_input(int(text) if text.strip().isdigit() else text)
    except CRSError as error:
        raise CrsError(
            f"没有坐标系“{text}”。", f"There is no coordinate reference system {text!r}.", allowed=_EXAMPLES
        ) from error
    if not (crs.is_geographic or crs.is_projected or crs.is_compound or crs.is_engineering):
        raise CrsError(
            f"坐标系“{text}”既不是经纬度也不是投影坐标。",
            f"{text!r} is neither geographic nor projected.",
            allowed=_EXAMPLES,
        )
    return crs


class Place:
    """Brings geometries from one CRS to EPSG:4490 and says which do not lie where that CRS is meant for."""

    def __init__(self, crs: CRS) -> None:
        self.crs = crs.to_2d()
        same = self.crs.to_epsg() in (4326, 4490)
        self._transformer = None if same else Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        use = self.crs.area_of_use
        self._domain = use.bounds if use and self.crs.is_projected else None

    def __call__(self, shapes: Geometries) -> tuple[Geometries, dict[int, tuple[str, Label]]]:
        """Return the geometries in EPSG:4490 (2D, rounded), None where refused; and why, by index."""
        flat = shapes.copy()
        deep = shapely.has_z(flat) | shapely.has_m(flat)
        flat[deep] = shapely.force_2d(flat[deep])
        source, owner = shapely.get_coordinates(flat, return_index=True)
        placed = self._to_degrees(source)
        outside = ~self._inside(placed) | ~self._comes_back(source, placed)
        if (placed != source).any() or outside.any():
            shapely.set_coordinates(flat, np.where(outside[:, None], 0.0, placed))
        refused: dict[int, tuple[str, Label]] = {}
        for position in np.flatnonzero(outside):
            refused.setdefault(int(owner[position]), self._why(source[position]))
        flat[list(refused)] = None
        return flat, refused

    def _to_degrees(self, source: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._transformer is None or not len(source):
            return np.round(source, DECIMALS)
        return np.round(np.column_stack(self._transformer.transform(source[:, 0], source[:, 1])), DECIMALS)

    def _comes_back(self, source: NDArray[np.float64], placed: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell a coordinate that a projection has taken for another, once around the earth."""
        if self._transformer is None or not len(source):
            return np.ones(len(source), dtype=bool)
        back = self._transformer.transform(placed[:, 0], placed[:, 1], direction="INVERSE")
        with np.errstate(invalid="ignore"):  # infinity less infinity
            gap = np.abs(np.column_stack(back) - source).max(axis=1)
        same: NDArray[np.bool_] = gap < _FAR
        return same

    def _inside(self, placed: NDArray[np.float64]) -> NDArray[np.bool_]:
        x, y = placed[:, 0], placed[:, 1]
        inside: NDArray[np.bool_] = _between(x, y, _WORLD)
        if self._domain is not None:
            west, south, east, north = self._domain
            inside &= _between(x, y, (west - _MARGIN, south - _MARGIN, east + _MARGIN, north + _MARGIN))
        return inside

    def _why(self, source: Any) -> tuple[str, Label]:  # noqa: ANN401 - one row of a NumPy array
        x, y = (float(v) for v in source)
        if not self._inside(self._to_degrees(np.array([[y, x]]))).all():
            hint = ("坐标系是否有误？", "is the CRS right?")
        else:
            hint = ("两个坐标值是否颠倒？", "are the two numbers swapped?")
        return f"{x:.10g}, {y:.10g}", Label(
            f"坐标超出 {self.crs.name} 的范围；{hint[0]}", f"outside the domain of {self.crs.name}: {hint[1]}"
        )


def _between(
    x: NDArray[np.float64], y: NDArray[np.float64], box: tuple[float, float, float, float]
) -> NDArray[np.bool_]:
    west, south, east, north = box
    after, before = x >= west, x <= east
    across = after & before if west <= east else after | before  # a zone may span the 180th meridian
    within: NDArray[np.bool_] = across & (y >= south) & (y <= north)
    return within
