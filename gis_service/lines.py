"""A line feature, cut into parts that each have a chainage of their own: main stem, branches, separate pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import shapely
from shapely import LineString, MultiLineString
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import InternalError

from gis_service.errors import UsageError
from gis_service.features import unknown_feature
from layers import Layer, registry

_SNAP = 0.05
"""Ends of lines this near (metres) meet."""
_TOLERANCE = 0.05
"""How far metres of the metric CRS may be from true ones; they are where a line lies many zones away."""


@dataclass(frozen=True)
class Line:
    """One line feature, cut into parts that each have a chainage of their own.

    `parts` are in the metric CRS `srid`: the main stem first, then branches and separate pieces by length. `scale`
    turns their planar metres into geodesic ones.
    """

    layer: type[Layer]
    code: str
    name: str | None
    length_m: float
    srid: int
    scale: float
    parts: tuple[LineString, ...]


def outside_metric(code: str, srid: int) -> UsageError:
    """Return the error that says that a line, or what is linked to it, lies too far away for the metric CRS."""
    return UsageError(
        f"{code} 或与其关联的记录超出米制坐标系 EPSG:{srid} 的范围；请检查其位置，或设置 GIS_METRIC_SRID。",
        f"{code}, or a record linked to it, lies outside the metric CRS EPSG:{srid}; check where it lies, "
        "or set GIS_METRIC_SRID.",
    )


def find_line(connection: Connection, layer: type[Layer], code: str, srid: int) -> Line:
    """Read a line feature and cut it into parts.

    Raises
    ------
    UnknownName
        Where there is no such feature.
    UsageError
        Where the layer, or this feature, is no line, or it lies outside the metric CRS.
    """
    lines = [name for name, other in registry().items() if "MultiLineString" in other.geometry]
    if layer.__tablename__ not in lines:
        raise UsageError(f"{layer.title.zh}不是线图层。", f"{layer.title.en} are no lines.", allowed=lines)
    table = layer.__table__
    query = select(
        table.c.name,
        func.ST_AsBinary(func.ST_Transform(table.c.geom, srid)).label("shape"),
        func.ST_Length(func.geography(table.c.geom)).label("length"),
    ).where(table.c.code == code)
    try:
        row = connection.execute(query).first()
    except InternalError as error:  # PostGIS cannot bring it there
        raise outside_metric(code, srid) from error
    if row is None:
        raise unknown_feature(connection, layer, code)
    shape = shapely.from_wkb(bytes(row.shape))
    if not isinstance(shape, MultiLineString) or shape.length == 0:
        raise UsageError(f"{code} 不是线，没有桩号。", f"{code} is no line and has no chainage.")
    scale = row.length / shape.length
    if abs(scale - 1) > _TOLERANCE:
        raise outside_metric(code, srid)
    return Line(layer, code, row.name, row.length, srid, scale, _parts(shape))


def _parts(shape: MultiLineString) -> tuple[LineString, ...]:
    """Cut a line into the main stem, the longest way downstream, and then the longest ways that remain."""
    merged = shapely.line_merge(shape, directed=True)
    edges = list(merged.geoms) if isinstance(merged, MultiLineString) else [merged]
    parts = []
    while edges:
        way = _longest_way(edges)
        points = [p for index, edge in enumerate(way) for p in edge.coords[1 if index else 0 :]]
        parts.append(LineString(points))
        edges = [edge for edge in edges if edge not in way]
    return tuple(parts)


def _longest_way(edges: Sequence[LineString]) -> list[LineString]:
    """Return the longest chain of edges, each beginning where the one before ends; the longest edge in a cycle."""
    starts: dict[tuple[int, int], list[int]] = {}
    for index, edge in enumerate(edges):
        starts.setdefault(_node(edge.coords[0]), []).append(index)
    following = {index: starts.get(_node(edge.coords[-1]), []) for index, edge in enumerate(edges)}
    ways: dict[int, tuple[float, list[LineString]]] = {}
    try:
        for index in TopologicalSorter(following).static_order():  # an edge comes after all that follow it
            length, way = max((ways[i] for i in following[index]), key=lambda w: w[0], default=(0.0, []))
            ways[index] = (length + edges[index].length, [edges[index], *way])
    except CycleError:
        return [max(edges, key=lambda edge: edge.length)]
    return max(ways.values(), key=lambda w: w[0])[1]


def _node(point: Sequence[float]) -> tuple[int, int]:
    return round(point[0] / _SNAP), round(point[1] / _SNAP)
