"""The layer's points, the areas and a river in GeoPandas, DuckDB and SedonaDB; loading them is not measured."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import duckdb
import geopandas as gpd
import pandas as pd
import sedonadb
import sqlalchemy as sa

from benchmarks.stand import HERE, LAYER, Stand

METRIC = 4549
"""The district's metric CRS."""


@dataclass(frozen=True)
class Loaded:
    """Tables `points` (id, code, status, shape), `areas` (code, shape), `river` (shape) and its `parts` (shape).

    As frames, and in two databases.
    """

    points: gpd.GeoDataFrame
    areas: gpd.GeoDataFrame
    river: gpd.GeoDataFrame
    parts: gpd.GeoDataFrame
    duck: Any
    sedona: Any


def loaded(stand: Stand, river: str, *, metric: bool = False) -> Loaded:
    """Load them all, in degrees or in the metric CRS."""
    engine = sa.create_engine(stand.engine_url)
    duck, sedona = duckdb.connect(), sedonadb.connect()
    duck.execute(f"SET threads = 2; LOAD '{_spatial()}'")
    frames = {}
    queries = {
        "points": f"SELECT id, code, status, geom AS shape FROM {LAYER}",
        "areas": "SELECT code, geom AS shape FROM areas WHERE parent_code IS NOT NULL",
        "river": f"SELECT code, geom AS shape FROM rivers WHERE code = '{river}'",
        "parts": f"SELECT code, (ST_Dump(geom)).geom AS shape FROM rivers WHERE code = '{river}'",
    }
    for name, query in queries.items():
        frame = gpd.read_postgis(query, engine, geom_col="shape")
        frames[name] = frame.to_crs(METRIC) if metric else frame
        file = HERE / f"{name}.parquet"
        plain = pd.DataFrame(frames[name].drop(columns="shape"))
        plain["wkb"] = frames[name]["shape"].to_wkb()
        plain.to_parquet(file)
        columns = ", ".join(plain.columns.drop("wkb"))
        select = f"SELECT {columns}, ST_GeomFromWKB(wkb) AS shape FROM '{file}'"
        duck.execute(f"CREATE TABLE {name} AS {select}")
        sedona.sql(select).to_memtable().to_view(name)
    engine.dispose()
    return Loaded(frames["points"], frames["areas"], frames["river"], frames["parts"], duck, sedona)


def _spatial() -> str:
    """Return the file of DuckDB's extension, which its package brings for this machine."""
    folder = files("duckdb_extension_spatial") / "extensions"
    inside = (file for version in folder.iterdir() for file in version.iterdir())
    return next(str(file) for file in inside if file.name.endswith(".duckdb_extension"))
