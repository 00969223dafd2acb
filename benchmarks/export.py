"""A whole layer as one GeoJSON file: seconds, when the first byte came, the peak of memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.ask import download, program
from benchmarks.measure import Work
from benchmarks.servers import serving
from benchmarks.stand import HERE, LAYER, Stand

_ONE_PAGE = 200_000
"""Features that the others can give on one page before their memory ends."""


def works(stand: Stand, _seconds: float) -> Iterator[Work]:
    """Yield the one kind of work."""
    file, columns = HERE / "export.geojson", ", ".join(stand.columns())
    rows = f"SELECT {columns}, ST_SetSRID(geom, 4326) AS geom FROM {LAYER}"
    # the text format would double the backslashes of JSON
    form = r"(FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"
    copy = f"COPY (SELECT ST_AsGeoJSON(t.*, 'geom', 8) FROM ({rows}) t) TO STDOUT {form}"
    gdal = ["ogr2ogr", "-f", "GeoJSON", "-lco", "COORDINATE_PRECISION=8", "-lco", "ID_FIELD=code"]
    select = ["-select", ",".join(stand.columns()), f"PG:schemas={stand.schema}", LAYER]
    environment = stand.environment()
    frames = [sys.executable, "-m", "benchmarks.frames", "export", str(file), stand.schema]
    with serving(stand, "floor", "gis", "TiPg", "pygeoapi") as servers:
        all_ = f"limit={stand.features * 2}"
        targets = {
            "COPY": program(["psql", "-qc", copy, "-o", str(file)], file, **environment),
            "floor": download(servers["floor"], "/export", file),
            "gis": download(servers["gis"], f"/api/exports/{LAYER}.geojson", file),
            "ogr2ogr": program([*gdal, str(file), *select], file, **environment),
            "GeoPandas": program(frames, file, **environment),
        }
        if stand.features <= _ONE_PAGE:
            tipg = f"/collections/{stand.schema}.{LAYER}/items?f=geojson&{all_}"
            targets |= {
                "TiPg": download(servers["TiPg"], tipg, file),
                "pygeoapi": download(servers["pygeoapi"], f"/collections/{LAYER}/items?f=json&{all_}", file),
            }
        yield Work("layer as GeoJSON", "s", targets)
