"""A map's page, built for its reader; Folium by itself puts the features into the page."""

from __future__ import annotations

from collections.abc import Iterator

import folium
import geopandas as gpd
import sqlalchemy as sa

from benchmarks.ask import answer, call
from benchmarks.measure import Work
from benchmarks.servers import serving
from benchmarks.stand import LAYER, Stand

_MOST = 200_000
"""Features that Folium is given: a page of 2,000,000 would be 600 MB."""


def works(stand: Stand, _seconds: float) -> Iterator[Work]:
    """Yield the one kind of work."""
    with serving(stand, "gis") as servers:
        targets = {
            "Folium, no data": call(lambda: _size(folium.Map([26.03, 119.32])), "bytes"),
            "gis": answer(servers["gis"], "/maps/status", times=21),
        }
        if stand.features <= _MOST:
            engine = sa.create_engine(stand.engine_url)
            points = gpd.read_postgis(f"SELECT code, name, status, geom FROM {LAYER}", engine)
            engine.dispose()

            def whole() -> int:
                page = folium.Map([26.03, 119.32])
                folium.GeoJson(points).add_to(page)
                return _size(page)

            targets["Folium, GeoJson"] = call(whole, "bytes")
        yield Work("status map", "s", targets)


def _size(page: folium.Map) -> int:
    return len(page.get_root().render().encode())
