"""The rows of every layer at the clock, and how rows become a frame with the columns of their layer."""

from collections.abc import Callable
from functools import cache
from typing import Any

import geopandas as gpd
import pandas as pd

from layers import registry
from sample import (
    areas,
    bridges,
    gas_stations,
    hazards,
    heritage,
    inspections,
    notices,
    projects,
    rivers,
    scores,
    works,
)
from sample.plane import STORED_SRID

Row = dict[str, Any]

_FEATURES: dict[str, Callable[[], list[Row]]] = {
    "areas": areas.records,
    "rivers": rivers.records,
    "bridges": bridges.records,
    "gas_stations": gas_stations.records,
    "heritage_buildings": heritage.records,
    "project_sites": projects.records,
}
_ABOUT: dict[str, Callable[[dict[str, list[Row]]], list[Row]]] = {
    "hazards": hazards.records,
    "inspections": inspections.records,
    "works": works.records,
    "notices": notices.records,
    "scores": scores.records,
}
"""What is about the features of layers before it."""


@cache
def rows() -> dict[str, list[Row]]:
    """Return the rows of each layer by its name, in the order in which layers refer to each other; not to be changed.

    A row has every writable column of its layer and "geom"; what is missing is None.

    Raises
    ------
    KeyError
        Where a row has a column that its layer has not.
    """
    made: dict[str, list[Row]] = {}
    for layer, records in _FEATURES.items():
        made[layer] = [_whole(layer, row) for row in records()]
    for layer, records_about in _ABOUT.items():
        made[layer] = [_whole(layer, row) for row in records_about(made)]
    return made


def _whole(layer: str, row: Row) -> Row:
    columns = [*registry()[layer].writable(), "geom"]
    if unknown := set(row) - set(columns):
        raise KeyError(f"the layer {layer} has no columns {sorted(unknown)}")
    return {column: row.get(column) for column in columns}


def frame(layer: str, some: list[Row]) -> gpd.GeoDataFrame:
    """Return rows of a layer as a frame: its writable columns and "geom" in EPSG:4490; missing numbers are NaN."""
    columns: dict[str, Any] = {
        name: pd.Series([row[name] for row in some], dtype=float if field.kind in ("number", "money") else object)
        for name, field in registry()[layer].writable().items()
    }
    columns["geom"] = gpd.GeoSeries([row["geom"] for row in some], crs=STORED_SRID)
    return gpd.GeoDataFrame(columns, geometry="geom")
