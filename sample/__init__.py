"""The sample district: made-up records (示意) whose figures are those of the customer's report. Pure: no I/O.

Its outline, rivers and places only look like a district between two arms of a river; every shape is drawn here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import geopandas as gpd
import pandas as pd

from layers import Label, registry
from sample import areas, bridges, density, gas_stations, hazards, heritage, projects, rivers
from sample.days import CLOCK
from sample.plane import METRIC_SRID, STORED_SRID

__all__ = ["DISTRICT", "District", "records"]


@dataclass(frozen=True)
class District:
    """What a district is: its key, name, clock (today where None), metric CRS, and whether its shapes are made up."""

    key: str
    name: Label
    clock: date | None
    metric_srid: int
    illustrative: bool


DISTRICT = District("sample", Label("仓山区", "Cangshan District"), CLOCK, METRIC_SRID, illustrative=True)


def records(scale: int = 1) -> Iterator[tuple[str, gpd.GeoDataFrame]]:
    """Yield the layers' names and records: areas first, hazards last; with a scale, several frames per layer.

    The frames have the writable columns of their layer and "geom" in EPSG:4490, longitude first. What is missing is
    None, in numeric columns NaN. `scale=N` makes the district N times as dense (its areas stay); from 2 on the
    report's figures do not hold.

    Raises
    ------
    ValueError
        Where the scale is less than 1.
    """
    if scale < 1:
        raise ValueError(f"the sample's scale is a whole number of at least 1, not {scale}")
    frames = _frames()
    for layer, frame in frames.items():
        yield layer, frame.copy()
        if scale > 1:
            yield from ((layer, copied) for copied in density.copies(layer, frames, scale))


@cache
def _frames() -> dict[str, gpd.GeoDataFrame]:
    rows: dict[str, list[dict[str, Any]]] = {
        "areas": areas.records(),
        "rivers": rivers.records(),
        "bridges": bridges.records(),
        "gas_stations": gas_stations.records(),
        "heritage_buildings": heritage.records(),
        "project_sites": projects.records(),
    }
    rows["hazards"] = hazards.records(rows)
    return {layer: _frame(layer, records) for layer, records in rows.items()}


def _frame(layer: str, rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    fields = registry()[layer].writable()
    unknown = {column for row in rows for column in row} - {*fields, "geom"}
    if unknown:
        raise KeyError(f"the layer {layer} has no columns {sorted(unknown)}")
    columns: dict[str, Any] = {
        name: pd.Series([row.get(name) for row in rows], dtype=float if field.kind in ("number", "money") else object)
        for name, field in fields.items()
    }
    columns["geom"] = gpd.GeoSeries([row["geom"] for row in rows], crs=STORED_SRID)
    return gpd.GeoDataFrame(columns, geometry="geom")
