"""Give layers out: GeoJSON as a stream that PostgreSQL writes, GeoPackage as a file.

Coordinates are those stored, EPSG:4490 longitude first, to a millimetre. A file appears whole or not at all.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
import psycopg2
import pyarrow as pa
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from sqlalchemy import ColumnElement, Connection, Double, LargeBinary, Row, Select, Text, cast, func, select, true
from sqlalchemy.exc import DBAPIError

from gis_service.database import Database
from gis_service.errors import DatabaseError, FilterError, GisError, TargetError
from gis_service.features import as_geojson
from layers import STORED_SRID, Layer

# The text format of COPY would double the backslashes of JSON; these two characters never stand in JSON as they are.
_COPY = "COPY ({}) TO STDOUT WITH (FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01')"
_BYTES = 1 << 18
_ROWS = 20_000
_CRS_NOTE = "CGCS2000 (EPSG:4490), longitude first; it differs from WGS 84 by less than a metre."
_WKB = {"ARROW:extension:name": "geoarrow.wkb"}
_ARROW = {
    "text": pa.string(),
    "term": pa.string(),
    "layer": pa.string(),
    "number": pa.float64(),
    "money": pa.float64(),
    "date": pa.date32(),
    "flag": pa.bool_(),
}


def export_geojson(
    database: Database,
    layer: type[Layer],
    *,
    where: ColumnElement[bool] | None = None,
    as_of: date | None = None,
) -> Generator[bytes]:
    """Stream the layer as a GeoJSON FeatureCollection, one feature a line, in the order of ids.

    Memory does not grow with the layer. When the reader stops, so does the query. The collection says its name, title,
    day, source and CRS, and at the end how many features it has. `as_of` asks for the layer as it stood on a day.

    Raises
    ------
    FilterError
        Where `where` cannot be computed, e.g. divides by zero.
    """
    with database.streaming(as_of) as connection:
        head = _about(database, connection, layer, as_of)
        text = as_geojson(layer).where(true() if where is None else where).order_by(layer.id)
        query = text.with_only_columns(text.selected_columns.feature, maintain_column_froms=True)
        number, end = 0, b""
        with closing(_copied(connection, query)) as chunks:
            first = next(chunks, b"")  # a query that fails at once fails before anything is sent
            yield b'{"type": "FeatureCollection", ' + orjson.dumps(head)[1:-1] + b', "features": [\n'
            for chunk in chain((first,), chunks):
                # the end of a line becomes a comma once it is known that another line follows
                number += chunk.count(b"\n")
                lines = end + chunk
                end = b"\n" if lines.endswith(b"\n") else b""
                yield lines.removesuffix(b"\n").replace(b"\n", b",\n")
        yield end + b'], "numberReturned": %d}' % number


def export_file(
    database: Database,
    layer: type[Layer],
    path: Path | str,
    *,
    where: ColumnElement[bool] | None = None,
    as_of: date | None = None,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write the layer to a `.geojson` or `.gpkg` file and return how many features it holds.

    What was at `path` is replaced only when the new file is complete. `progress` is called with the features so far.

    Raises
    ------
    TargetError
        Where the file cannot be written, or its suffix names no format.
    FilterError
        Where `where` cannot be computed, e.g. divides by zero.
    """
    path = Path(path)
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise TargetError(
            f"无法由文件名“{path.name}”得知格式。",
            f"The name {path.name!r} does not say a format.",
            allowed=_WRITERS,
        )
    with replacing(path) as unfinished:
        number = 0
        for more in write(database, layer, unfinished, where, as_of):
            number += more
            if progress:
                progress(number)
    return number


def _about(database: Database, connection: Connection, layer: type[Layer], as_of: date | None) -> dict[str, Any]:
    district = database.district(connection)
    return {
        "name": layer.__tablename__,
        "title": f"{layer.title.zh} {layer.title.en}",
        "as_of": as_of or district.today,
        "source": f"{district.name.zh} {district.name.en}",
        "illustrative": district.illustrative,
        "crs_note": _CRS_NOTE,
    }


def _copied(connection: Connection, query: Select[Any]) -> Generator[bytes]:
    """Stream what COPY writes for a query; a reader that stops early cancels it.

    psycopg2 pushes COPY into a file while we want to pull: a thread pushes into a pipe, whose size bounds the memory.
    """
    driver: Any = connection.connection.driver_connection
    statement = _COPY.format(_literal_sql(connection, query))
    reading, writing = os.pipe()
    failed: list[Exception] = []

    def push() -> None:
        try:
            with os.fdopen(writing, "wb", _BYTES) as sink, driver.cursor() as cursor:
                cursor.copy_expert(statement, sink)
        except (psycopg2.Error, OSError) as error:
            failed.append(error)

    pusher = threading.Thread(target=push, name="export", daemon=True)
    pusher.start()
    finished = False
    try:
        with os.fdopen(reading, "rb", 0) as source:
            while chunk := source.read(_BYTES):
                yield chunk
        finished = True
    finally:
        if not finished:
            with suppress(psycopg2.Error):  # the database may be gone
                driver.cancel()
        pusher.join()
        if not finished or failed:
            connection.invalidate()  # it stands in the middle of a COPY
    if failed:
        raise _broken_off(failed[0]) from failed[0]


def _broken_off(error: BaseException | None) -> GisError:
    """Return what to say of a query that failed; the database's own words are in its log."""
    if isinstance(error, psycopg2.DataError):
        return FilterError(
            "筛选条件无法计算（如除以零或超出范围）。",
            "The filter cannot be computed (e.g. division by zero, out of range).",
        )
    return DatabaseError("导出中断，请重试；详见日志。", "The export broke off. Try again; see the log.")


def _literal_sql(connection: Connection, query: Select[Any]) -> str:
    """Return a query as SQL with its values quoted by the driver: COPY takes no parameters."""
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    with closing(connection.connection.cursor()) as cursor:
        return str(cursor.mogrify(str(compiled), compiled.params).decode())


def _write_geojson(
    database: Database, layer: type[Layer], path: Path, where: ColumnElement[bool] | None, as_of: date | None
) -> Iterator[int]:
    with path.open("wb") as file, closing(export_geojson(database, layer, where=where, as_of=as_of)) as chunks:
        file.write(next(chunks))
        for chunk in chunks:
            yield chunk.count(b"\n")
            file.write(chunk)


def _write_geopackage(
    database: Database, layer: type[Layer], path: Path, where: ColumnElement[bool] | None, as_of: date | None
) -> Iterator[int]:
    """Write chunk by chunk; the columns bear the fields' Chinese names, the layer its own."""
    schema, columns = _schema(layer)
    query = select(*columns).where(true() if where is None else where).order_by(layer.id)
    with database.reading(as_of) as connection:
        about = _about(database, connection, layer, as_of)
        options: dict[str, Any] = {
            "driver": "GPKG",
            "layer": layer.__tablename__,
            "geometry_name": "geom",
            "geometry_type": layer.geometry[0] if len(layer.geometry) == 1 else "Unknown",
            "crs": f"EPSG:{STORED_SRID}",
        }
        described = {"IDENTIFIER": layer.title.zh, "DESCRIPTION": orjson.dumps(about).decode()}
        _append(path, schema.empty_table(), options | described)
        for part in _parts(connection, query):
            arrays = [pa.array(c, f.type) for c, f in zip(zip(*part, strict=True), schema, strict=True)]
            _append(path, pa.table(arrays, schema=schema), options | {"append": True})
            yield len(part)


def _parts(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    try:
        yield from connection.execution_options(yield_per=_ROWS).execute(query).partitions()
    except DBAPIError as error:
        raise _broken_off(error.orig) from error


def _append(path: Path, rows: pa.Table, options: Mapping[str, Any]) -> None:
    try:
        pyogrio.raw.write_arrow(rows, path, **options)
    except (DataSourceError, DataLayerError, FieldError, FeatureError, GeometryError, RuntimeError) as error:
        raise OSError(str(error)) from error


def _schema(layer: type[Layer]) -> tuple[pa.Schema, list[ColumnElement[Any]]]:
    """Return the columns of a file and the SQL that fills them."""
    table = layer.__table__
    labels = [field.label.zh.casefold() for field in layer.fields().values()]
    fields: list[pa.Field] = []
    columns: list[ColumnElement[Any]] = []
    for name, field in layer.fields().items():
        label = field.label.zh if labels.count(field.label.zh.casefold()) == 1 else name
        fields.append(pa.field(label, _ARROW[field.kind]))
        columns.append(cast(table.c[name], Double) if field.kind == "money" else table.c[name])
    fields += [pa.field("extra", pa.string()), pa.field("version", pa.int32())]
    fields += [pa.field("updated_at", pa.timestamp("ms", "UTC")), pa.field("geom", pa.binary(), metadata=_WKB)]
    columns += [cast(table.c.extra, Text), table.c.version, table.c.updated_at]
    columns.append(func.ST_AsBinary(table.c.geom, type_=LargeBinary))
    return pa.schema(fields), columns


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a sibling to write to, and put it in the place of `path` when all went well."""
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise TargetError(
            f"无法写入 {path}：{error.strerror or error}。",
            f"{path} cannot be written: {error.strerror or error}.",
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


_WRITERS: Mapping[str, Callable[..., Iterator[int]]] = {".geojson": _write_geojson, ".gpkg": _write_geopackage}
