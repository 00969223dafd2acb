"""What is done with GeoPandas, in a process of its own, so that its memory is its own: python -m benchmarks.frames."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping

import geopandas as gpd
from sqlalchemy import create_engine

from benchmarks.stand import LAYER


def export(path: str, schema: str) -> None:
    """Write the layer as GeoJSON."""
    frame = gpd.read_postgis(f'SELECT * FROM "{schema}".{LAYER}', create_engine("postgresql+psycopg2://"))
    frame = frame.drop(columns=["shares", "extra", "change", "reason", "updated_by"])
    frame.to_file(path, driver="GeoJSON", COORDINATE_PRECISION=8)


def import_(path: str, schema: str, table: str) -> None:
    """Read a file into a table of its own."""
    gpd.read_file(path).to_postgis(table, create_engine("postgresql+psycopg2://"), schema=schema, if_exists="replace")


_WORK: Mapping[str, Callable[..., None]] = {"export": export, "import": import_}

if __name__ == "__main__":
    begun = time.perf_counter()
    _WORK[sys.argv[1]](*sys.argv[2:])
    print(json.dumps({"seconds": time.perf_counter() - begun}))
