"""Records as Arrow batches, and GDAL's writers that take them: memory holds one batch, whatever the size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio
import shapely
from pyogrio.errors import CRSError, DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from sqlalchemy import ColumnElement

from gis_service.errors import GisError
from gis_service.exports.source import Source

_BROKEN = (DataSourceError, DataLayerError, FieldError, FeatureError, GeometryError, CRSError, RuntimeError)
Change = Callable[[int, list[Any]], list[Any]]


def batches(
    source: Source,
    schema: pa.Schema,
    *where: ColumnElement[bool],
    change: Change = lambda _index, column: column,
) -> Iterator[pa.RecordBatch]:
    """Yield the records as `schema` has them, the geometry last; `change` may make another column of one."""
    for part in source.rows(source.records().where(*where)):
        *columns, shapes = (list(column) for column in zip(*part, strict=True))
        arrays = [pa.array(change(i, c), schema.field(i).type) for i, c in enumerate(columns)]
        if source.place.shift:
            shapes = shapely.to_wkb(source.place.shifted(shapes)).tolist()
        yield pa.record_batch([*arrays, pa.array(shapes, pa.binary())], schema=schema)


def write(path: Path, schema: pa.Schema, rows: Iterator[pa.RecordBatch], **options: Any) -> None:  # noqa: ANN401 - GDAL's
    """Let GDAL write the batches to a file, as it asks for them.

    Raises
    ------
    OSError
        Where GDAL cannot.
    GisError
        Where the rows break off.
    """
    failed: list[GisError] = []

    def passed_on() -> Iterator[pa.RecordBatch]:
        try:
            yield from rows
        except GisError as error:  # GDAL would tell of it as a failure of its own
            failed.append(error)
            raise

    reader = pa.RecordBatchReader.from_batches(schema, passed_on())
    try:
        pyogrio.raw.write_arrow(reader, path, **options)
    except _BROKEN as error:
        if failed:
            raise failed[0] from error
        raise OSError(str(error)) from error


def spatial(source: Source) -> Mapping[str, Any]:
    """Return what GDAL must know of the geometry."""
    kinds = source.layer.geometry
    return {
        "geometry_name": "geom",
        "geometry_type": kinds[0] if len(kinds) == 1 else "Unknown",
        "crs": source.place.definition,
    }
