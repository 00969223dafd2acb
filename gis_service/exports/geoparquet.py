"""GeoParquet 1.1: columns for analysis (DuckDB, GeoPandas, Spark), amounts of money exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from gis_service.exports.about import about, fields
from gis_service.exports.batches import batches
from gis_service.exports.columns import headings, schema
from gis_service.exports.format import Format
from gis_service.exports.source import Source
from layers import Label


def _write(source: Source, path: Path) -> None:
    names = headings(source.columns, source.language)
    shaped = schema(source.columns, names, "geometry")
    for index, column in enumerate(source.columns):
        told = {"label_zh": column.label.zh, "label_en": column.label.en, "unit": column.unit}
        shaped = shaped.set(index, shaped.field(index).with_metadata({k: v for k, v in told.items() if v}))
    shaped = shaped.set(len(names), pa.field("geometry", pa.binary()))
    kinds: set[str] = set()
    box = np.full(4, np.nan)
    with pq.ParquetWriter(path, shaped, compression="zstd") as file:
        for batch in batches(source, shaped):
            file.write_batch(batch)
            shapes = shapely.from_wkb(batch["geometry"].to_numpy(zero_copy_only=False))
            kinds |= {shape.geom_type for shape in shapes if shape is not None}
            bounds = shapely.total_bounds(shapes)
            box = np.concatenate([np.fmin(box[:2], bounds[:2]), np.fmax(box[2:], bounds[2:])])
        said = about(source) | {"fields": fields(source, names)}
        geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": _geometry(source, kinds, box)}}
        file.add_key_value_metadata({"geo": orjson.dumps(geo).decode(), "about": orjson.dumps(said).decode()})


def _geometry(source: Source, kinds: set[str], box: Any) -> dict[str, Any]:  # noqa: ANN401 - a NumPy array
    crs = source.place.crs  # null says that nobody knows: an offset has none
    said = {"encoding": "WKB", "geometry_types": sorted(kinds), "crs": crs.to_json_dict() if crs else None}
    return said | ({} if np.isnan(box).any() else {"bbox": box.tolist()})


FORMAT = Format(
    "parquet",
    "application/vnd.apache.parquet",
    Label("GeoParquet", "GeoParquet"),
    Label("数据分析（GeoPandas、DuckDB）", "for analysis (GeoPandas, DuckDB)"),
    write=_write,
)
