"""Pages of features as files: `f=fgb` for QGIS 4 and whoever reads many, `csv` for tables, `parquet` for analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gis_service.api.exports import File
from gis_service.api.ogc.answers import FILES
from gis_service.crs import Crs
from gis_service.exports import Export, Place, find_format, place


def file(export: Export, crs: Crs, kind: str, headers: Mapping[str, str]) -> File:
    """Return features as a file of this media type in a CRS; its columns are called as in JSON."""
    suffix = next(suffix for suffix, media_type in FILES.items() if media_type == kind)
    return File(replace(export, place=_place(crs, suffix), language="en"), find_format(suffix), headers)


def _place(crs: Crs, suffix: str) -> Place:
    """Return where coordinates are. FlatGeobuf has the order of the CRS's axes: QGIS takes any answer to have it.

    GeoParquet's standard wants east first, and columns of a table say which is which.
    """
    found = place(f"EPSG:{crs.srid}")
    return replace(found, north_first=crs.north_first) if suffix == "fgb" else found
