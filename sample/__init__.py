"""The sample district: made-up records (示意) whose figures are those of the customer's report. Pure: no I/O.

Its outline, rivers and places only look like a district between two arms of a river; every shape is drawn here.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

import geopandas as gpd

from layers import Label
from sample import density, frames
from sample.days import CLOCK
from sample.history import Change, year
from sample.plane import METRIC_SRID

__all__ = ["DISTRICT", "Change", "District", "records", "year"]


@dataclass(frozen=True)
class District:
    """What a district is: its key, name, clock (today where None), metric CRS, and whether its shapes are made up."""

    key: str
    name: Label
    clock: date | None
    metric_srid: int
    illustrative: bool


DISTRICT = District("sample", Label("仓山区", "Cangshan District"), CLOCK, METRIC_SRID, illustrative=True)


def records(scale: int = 1, only: Collection[str] = ()) -> Iterator[tuple[str, gpd.GeoDataFrame]]:
    """Yield the layers' names and records: areas first, what is about others last; with a scale, several frames each.

    The frames have the writable columns of their layer and "geom" in EPSG:4490, longitude first. What is missing is
    None, in numeric columns NaN. `scale=N` makes the district N times as dense (its areas stay), or `only` some of its
    layers; from 2 on the report's figures do not hold.

    Raises
    ------
    ValueError
        Where the scale is less than 1.
    """
    if scale < 1:
        raise ValueError(f"the sample's scale is a whole number of at least 1, not {scale}")
    originals = {layer: frames.frame(layer, rows) for layer, rows in frames.rows().items()}
    for layer, original in originals.items():
        yield layer, original.copy()
        if scale > 1:
            yield from ((layer, copied) for copied in density.copies(layer, originals, scale, only or density.NAMES))
