"""What lies within 200 m of a river, in the order of chainage: as a list like for like, and with whole records.

The list has codes, distances and chainages, of the service also side and reason; with records the service alone gives
them, and the others ids and distances.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely

from benchmarks.ask import answer, call, query
from benchmarks.libraries import METRIC, loaded
from benchmarks.measure import Work
from benchmarks.servers import serving
from benchmarks.stand import LAYER, Stand

_RIVER, _WITHIN = "HD-007", 200
_STATEMENT = f"""
WITH river AS MATERIALIZED (
    SELECT ST_Transform((ST_Dump(geom)).geom, {METRIC}) AS shape, ST_Expand(geom, 0.0025) AS near
    FROM rivers WHERE code = '{_RIVER}'
), found AS MATERIALIZED (
    SELECT DISTINCT h.id, ST_Transform(h.geom, {METRIC}) AS shape FROM {LAYER} h JOIN river ON h.geom && river.near
)
SELECT found.id, min(ST_LineLocatePoint(river.shape, found.shape) * ST_Length(river.shape))
FROM found JOIN river ON ST_DWithin(river.shape, found.shape, {_WITHIN}) GROUP BY 1 ORDER BY 2"""
_SQL = f"""
SELECT p.id, ST_Distance(r.shape, p.shape) AS distance FROM points p JOIN river r
ON ST_DWithin(r.shape, p.shape, {_WITHIN}) ORDER BY 2"""
_LISTED = f"""
SELECT code, min(distance) AS distance, {{first}} AS chainage FROM (
    SELECT p.code, ST_Distance(r.shape, p.shape) AS distance,
        ST_LineLocatePoint(r.shape, p.shape) * ST_Length(r.shape) AS chainage
    FROM points p JOIN parts r ON ST_DWithin(r.shape, p.shape, {_WITHIN})
) hits GROUP BY code ORDER BY chainage"""
_DUCK = _LISTED.format(first="arg_min(chainage, distance)")
_SEDONA = _LISTED.format(first="first_value(chainage ORDER BY distance)")


def works(stand: Stand, _seconds: float) -> Iterator[Work]:
    """Yield two kinds of work."""
    data = loaded(stand, _RIVER, metric=True)
    river, index = data.river.union_all(), data.points.sindex

    def frames() -> int:
        hits = data.points.iloc[index.query(river, predicate="dwithin", distance=_WITHIN)]
        parts = shapely.get_parts(river)
        return len(hits.assign(chainage=shapely.line_locate_point(parts[0], hits.geometry)).sort_values("chainage"))

    def listed() -> int:
        hits = data.points.iloc[index.query(river, predicate="dwithin", distance=_WITHIN)]
        distances = np.stack([shapely.distance(part, hits.geometry) for part in data.parts.geometry])
        chainages = [shapely.line_locate_point(part, hits.geometry) for part in data.parts.geometry]
        found = hits.assign(distance=distances.min(0), chainage=np.choose(distances.argmin(0), chainages))
        return len(found[["code", "distance", "chainage"]].sort_values("chainage"))

    with serving(stand, "gis") as servers:
        hits = f"/api/along/rivers/{_RIVER}?within={_WITHIN}&layers={LAYER}"
        yield Work(
            f"list within {_WITHIN} m of a river",
            "s",
            {
                "statement": query(stand, _STATEMENT),
                "gis": answer(servers["gis"], f"{hits}&properties=code&skipGeometry=true"),
                "GeoPandas": call(listed),
                "DuckDB": call(lambda: len(data.duck.execute(_DUCK).fetchall())),
                "SedonaDB": call(lambda: len(data.sedona.sql(_SEDONA).to_pandas())),
            },
        )
        targets = {
            "statement": query(stand, _STATEMENT),
            "gis": answer(servers["gis"], hits),
            "GeoPandas": call(frames),
            "DuckDB": call(lambda: len(data.duck.execute(_SQL).fetchall())),
            "SedonaDB": call(lambda: len(data.sedona.sql(_SQL).to_pandas())),
        }
        yield Work(f"within {_WITHIN} m of a river", "s", targets)
