"""Vector tiles over HTTP, each with code, name and status of its features: written anew, and as they are kept."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from urllib.request import urlopen

from benchmarks.ask import requests, statements
from benchmarks.measure import Work
from benchmarks.servers import serving
from benchmarks.stand import LAYER, Stand

_ZOOMS = (12, 14, 16)
_MOST = 200
_STATEMENT = f"""
SELECT ST_AsMVT(t, '{LAYER}', 4096, 'shape') FROM (
    SELECT code, name, status, ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope({{0}}), 4096, 64) AS shape
    FROM {LAYER} WHERE geom && ST_Transform(ST_TileEnvelope({{0}}, margin => 0.015625), 4490)
) t"""


def works(stand: Stand, seconds: float) -> Iterator[Work]:
    """Yield each zoom."""
    table = f"{stand.schema}.{LAYER}"
    with serving(stand, "floor", "gis", "TiPg", "gis, kept") as servers:
        for zoom in _ZOOMS:
            tiles = _tiles(stand, zoom)
            paths = {
                "floor": [f"/tiles/{z}/{x}/{y}" for z, x, y in tiles],
                "gis": [f"/api/tiles/{LAYER}/{z}/{x}/{y}.mvt" for z, x, y in tiles],
                "TiPg": [
                    f"/collections/{table}/tiles/WebMercatorQuad/{z}/{x}/{y}?properties=code,name,status"
                    for z, x, y in tiles
                ],
            }
            queries = [" ".join(_STATEMENT.format(f"{z}, {x}, {y}").split()) for z, x, y in tiles]
            paths["gis, kept"] = paths["gis"]
            for path in paths["gis, kept"]:
                with urlopen(servers["gis, kept"].base + path) as answer:  # noqa: S310
                    answer.read()
            turns = {target: requests(servers[target], paths[target], seconds) for target in servers}
            yield Work(
                f"tile of zoom {zoom}", "requests/s", {"statement": statements(stand, queries, seconds), **turns}
            )


def _tiles(stand: Stand, zoom: int) -> list[tuple[int, int, int]]:
    """Return tiles that hold something, in an order that is the same in each run."""
    found = stand.rows(
        f"SELECT ST_X(geom), ST_Y(geom) FROM {LAYER} WHERE id % greatest({stand.features} / 5000, 1) = 0"
    )
    tiles = sorted({(zoom, *_tile(zoom, x, y)) for x, y in found})
    return random.Random(1).sample(tiles, min(len(tiles), _MOST))  # noqa: S311 - the same in each run


def _tile(zoom: int, longitude: float, latitude: float) -> tuple[int, int]:
    """Return column and row of the WebMercatorQuad tile that holds a place."""
    north = math.asinh(math.tan(math.radians(latitude)))
    return int((longitude + 180) / 360 * 2**zoom), int((1 - north / math.pi) / 2 * 2**zoom)
