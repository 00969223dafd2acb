"""Judge geometries: of a type that the layer holds, not empty, valid. Harmless faults are repaired, others refused."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from shapely import GeometryType
from shapely.errors import GEOSException

from gis_service.ingest.binary import fixed
from layers import STORED_SRID, Label

Geometries = NDArray[np.object_]

_HAIR = 1e-6  # how much of its area a repair may change
_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("srid", "<u4"), ("at", "<f8", 2)])  # EWKB of a point with SRID
_TYPES = {
    "Point": (GeometryType.POINT, GeometryType.MULTIPOINT),
    "MultiLineString": (GeometryType.LINESTRING, GeometryType.MULTILINESTRING),
    "MultiPolygon": (GeometryType.POLYGON, GeometryType.MULTIPOLYGON),
}
_NAMES = {
    "Point": Label("点", "Point"),
    "MultiLineString": Label("线", "LineString"),
    "MultiPolygon": Label("面", "Polygon"),
}
_REASONS = {
    "Self-intersection": "自相交",
    "Ring Self-intersection": "环自相交",
    "Hole lies outside shell": "内环在外环之外",
    "Holes are nested": "内环互相嵌套",
    "Nested shells": "外环互相嵌套",
    "Duplicate Rings": "环重复",
    "Interior is disconnected": "内部不连通",
    "Too few points in geometry component": "点数过少",
}


def accepted(types: Collection[str]) -> set[int]:
    """Return Shapely's numbers of the geometry types that a layer of these types takes."""
    return {int(kind) for name in types for kind in _TYPES[name]}


def named(types: Collection[str]) -> Label:
    """Name geometry types for people."""
    return Label("或".join(_NAMES[t].zh for t in types), " or ".join(_NAMES[t].en for t in types))


def fit(
    shapes: Geometries, types: Collection[str], *, needed: bool = True
) -> tuple[Geometries, dict[int, tuple[str, Label]]]:
    """Return the geometries as the layer stores them, None where refused; and why, with the type, by index.

    Single parts become multi-parts; a MultiPoint of one point becomes that point. An invalid polygon is repaired
    where that leaves its type and area as they are. Where none is `needed`, what is missing or empty stays None.
    """
    shapes = shapes.copy()
    nothing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if not needed:
        shapes[nothing] = None
    lone = (shapely.get_type_id(shapes) == GeometryType.MULTIPOINT) & (shapely.get_num_geometries(shapes) == 1)
    shapes[lone] = shapely.get_geometry(shapes[lone], 0)
    kinds = shapely.get_type_id(shapes)
    refused: dict[int, tuple[str, Label]] = {}
    for i in np.flatnonzero(nothing & needed):
        refused[int(i)] = "", Label("没有几何图形", "has no geometry")
    unfit = ~np.isin(kinds, [k for k in accepted(types) if k != GeometryType.MULTIPOINT]) & (needed | ~nothing)
    for i in np.flatnonzero(unfit):
        allowed = named(types)
        why = Label(f"几何类型不符，本图层只收{allowed.zh}", f"wrong geometry type; the layer holds {allowed.en}")
        refused.setdefault(int(i), (shapes[i].geom_type if shapes[i] else "", why))
    shapes[list(refused)] = None
    for i in np.flatnonzero(~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)):
        shapes[i], why_not = _repaired(shapes[i])
        if why_not is not None:
            refused[int(i)] = why_not
    return multi(shapes), refused


def _repaired(shape: shapely.Geometry) -> tuple[shapely.Geometry | None, tuple[str, Label] | None]:
    with suppress(GEOSException):  # some shapes are beyond repair
        fixed = shapely.make_valid(shape)
        same_type = shape.area > 0 and fixed.geom_type in ("Polygon", "MultiPolygon")
        if same_type and abs(fixed.area - shape.area) <= _HAIR * shape.area:
            return fixed, None
    reason, _, place = shapely.is_valid_reason(shape).partition("[")
    place = place.rstrip("]").replace(" ", ", ")
    return None, (place, Label(f"图形无效：{_REASONS.get(reason, reason)}", f"invalid geometry: {reason}"))


def multi(shapes: Geometries) -> Geometries:
    """Return lines and polygons as multi-parts, everything else as it is."""
    shapes = shapes.copy()
    kinds = shapely.get_type_id(shapes)
    for single, gather in (
        (GeometryType.LINESTRING, shapely.multilinestrings),
        (GeometryType.POLYGON, shapely.multipolygons),
    ):
        where = kinds == single
        if where.any():
            shapes[where] = gather(shapes[where], indices=np.arange(where.sum()))
    return shapes


def ewkb(shapes: Geometries) -> pa.Array:
    """Return 2D geometries in EPSG:4490 as COPY takes them: EWKB, null where there is none."""
    at = shapely.get_coordinates(shapes)
    if (shapely.get_type_id(shapes) != GeometryType.POINT).any() or len(at) != len(shapes):
        marked = shapely.set_srid(shapes, STORED_SRID)
        return pa.array(shapely.to_wkb(marked, include_srid=True), pa.binary())
    # points are all of one length, and so written at once: twenty times as fast
    rows = np.empty(len(at), dtype=_POINT)
    rows["order"], rows["kind"], rows["srid"], rows["at"] = 1, 0x20000001, STORED_SRID, at
    return fixed(rows)
