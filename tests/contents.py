"""What an answer holds, as text to compare and to search: packed and binary files opened."""

from __future__ import annotations

import io
import sqlite3
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing

import httpx
import openpyxl
import pyarrow.parquet as pq
import pyogrio

from gis_service.exports import FORMATS


def content(answer: httpx.Response) -> bytes:
    """Return all that an answer tells."""
    opened = _OPENED.get(answer.headers.get("content-type", ""))
    return opened(answer.content) if opened else answer.content


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    return "\n".join(" | ".join(str(value) for value in row) for row in rows).encode()


def _workbook(body: bytes) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(body))
    return b"\n".join(_lines(sheet.iter_rows(values_only=True)) for sheet in book)


def _zip(body: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(body)) as file:
        return b"\n".join(name.encode() + file.read(name) for name in file.namelist())


def _database(body: bytes) -> bytes:
    with closing(sqlite3.connect(":memory:")) as file:
        file.deserialize(body)
        tables = file.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")
        return b"\n".join(_lines(file.execute(f'SELECT * FROM "{name}"')) for (name,) in tables.fetchall())


def _parquet(body: bytes) -> bytes:
    metadata = pq.read_metadata(io.BytesIO(body)).metadata
    rows = _lines(row.values() for row in pq.read_table(io.BytesIO(body)).to_pylist())
    return rows + b"".join(metadata[name] for name in (b"about", b"geo"))


def _flatgeobuf(body: bytes) -> bytes:
    described, rows = pyogrio.read_info(body), pyogrio.read_arrow(body)[1]
    named = [described[name] for name in ("layer_name", "crs", "geometry_type", "layer_metadata")]
    return _lines([named, rows.column_names, *(row.values() for row in rows.to_pylist())])


_OPENED: Mapping[str, Callable[[bytes], bytes]] = {
    FORMATS[suffix].media_type: opened
    for suffix, opened in {
        "xlsx": _workbook,
        "zip": _zip,
        "gpkg": _database,
        "parquet": _parquet,
        "fgb": _flatgeobuf,  # a moment of a whole second is shorter in it than others
    }.items()
}
