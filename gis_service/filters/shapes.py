"""Shapes that a filter gives, bound as values; what PostGIS cannot compare is refused before it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import shapely
from sqlalchemy import ColumnElement, func

from gis_service.crs import Crs
from gis_service.errors import FilterError, UsageError
from layers import STORED_SRID

PREDICATES: Mapping[str, str] = {
    f"s_{name}": f"ST_{name.capitalize()}"
    for name in ("intersects", "contains", "within", "crosses", "disjoint", "equals", "overlaps", "touches")
}
_OF_MIXED = ("s_intersects", "s_disjoint")
"""What can be asked of a collection of shapes of several dimensions."""
_TYPES = {
    *("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection"),
}


def shape(op: str, node: Any, crs: Crs) -> ColumnElement[Any]:  # noqa: ANN401 - a JSON tree
    """Bind a given shape, in the stored CRS: GeoJSON, or a box of lower and upper corner.

    Raises
    ------
    FilterError
        Where it is none, or none that `op` can take.
    """
    found = crs.stored(read) if (read := _of_geojson(node)) is not None else _of_box(node, crs)
    if found is None:
        raise FilterError(
            "空间条件只比较 geom 与给定的图形。", "A spatial condition compares geom with a shape.", allowed=("geom",)
        )
    if not shapely.is_valid(found):
        why = shapely.is_valid_reason(found)
        raise FilterError(f"图形无效：{why}。", f"The shape is not valid: {why}.")
    if found.geom_type == "GeometryCollection":
        found = shapely.union_all(found)  # one dimension makes a plain shape
        if found.geom_type == "GeometryCollection" and op == "s_equals":
            found = shapely.Point()  # no layer holds shapes of several dimensions: what has a place is none of these
        if found.geom_type == "GeometryCollection" and op not in _OF_MIXED:
            raise FilterError(
                f"{op} 不支持混合维度的图形集合。", f"{op} takes no collection of shapes of several dimensions."
            )
    return func.ST_GeomFromWKB(shapely.to_wkb(shapely.force_2d(found)), STORED_SRID)


def _of_geojson(node: Any) -> shapely.Geometry | None:  # noqa: ANN401 - a JSON tree
    if not isinstance(node, dict) or node.get("type") not in _TYPES:
        return None
    try:
        found = shapely.from_geojson(orjson.dumps({key: node[key] for key in node if key != "crs"}))
    except (shapely.errors.ShapelyError, TypeError, ValueError) as error:
        raise _wrong() from error
    if found is None:
        raise _wrong()
    return found


def _of_box(node: Any, crs: Crs) -> shapely.Geometry | None:  # noqa: ANN401 - a JSON tree
    numbers = node.get("bbox") if isinstance(node, dict) else None
    if numbers is None and isinstance(node, dict) and str(node.get("op", "")).lower() in ("bbox", "envelope"):
        numbers = node.get("args")
    if not isinstance(numbers, list):
        return None
    try:
        return crs.box([float(number) for number in numbers])
    except (TypeError, ValueError) as error:
        raise _wrong() from error
    except UsageError as error:
        raise FilterError(error.message.zh, error.message.en) from error


def _wrong() -> FilterError:
    return FilterError("图形的坐标有误。", "The coordinates of the shape are wrong.")
