"""How many features of each status there are in each area."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.ask import answer, call, query
from benchmarks.libraries import loaded
from benchmarks.measure import Work
from benchmarks.servers import serving
from benchmarks.stand import LAYER, Stand

_STORED = f"SELECT area_code, status, count(*) FROM {LAYER} GROUP BY 1, 2"
_JOINED = f"""
SELECT a.code, h.status, count(*) FROM areas a JOIN {LAYER} h ON ST_Intersects(a.geom, h.geom)
WHERE a.parent_code IS NOT NULL GROUP BY 1, 2"""
_SQL = "SELECT a.code, p.status, count(*) FROM areas a JOIN points p ON ST_Intersects(a.shape, p.shape) GROUP BY 1, 2"


def works(stand: Stand, _seconds: float) -> Iterator[Work]:
    """Yield the one kind of work."""
    data = loaded(stand, "HD-007")

    def frames() -> int:
        joined = data.points[["status", "shape"]].sjoin(data.areas, predicate="intersects")
        return len(joined.groupby(["code", "status"]).size())

    with serving(stand, "gis") as servers:
        targets = {
            "stored area": query(stand, _STORED),
            "gis": answer(servers["gis"], f"/api/statistics/{LAYER}?group=status", times=21),
            "PostGIS join": query(stand, _JOINED),
            "GeoPandas": call(frames),
            "DuckDB": call(lambda: len(data.duck.execute(_SQL).fetchall())),
            "SedonaDB": call(lambda: len(data.sedona.sql(_SQL).to_pandas())),
        }
        yield Work("count by area and status", "s", targets)
