"""Step 1, read: open a file, choose the layer in it, stream its rows."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from pyproj import CRS
from pyproj.exceptions import CRSError

from gis_service.errors import GeometryTypeError, UnknownName, UnreadableSource, UsageError
from layers import Label

_BROKEN = (DataSourceError, DataLayerError, FeatureError, pa.ArrowException, OSError, ValueError, RuntimeError)
_JSON = (".geojson", ".json")
_HEAD = 1 << 16
_CRS_MEMBER = re.compile(rb'"crs"\s*:\s*\{[^{}]*"properties"\s*:\s*\{[^{}]*"name"\s*:\s*"([^"]+)"')
"""How GeoJSON of before RFC 7946 named its CRS; it stands near the beginning."""


@dataclass(frozen=True)
class Source:
    """An open layer of a file: its CRS as GDAL says it (None without one), its columns, its number of rows if known.

    `geometry` is the name of the column that holds WKB, None where there is none.
    """

    path: Path
    crs: str | None
    columns: tuple[str, ...]
    geometry: str | None
    rows: int | None
    _reader: pa.RecordBatchReader
    _names: list[str]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Stream the rows in the file's order, some ten thousands at a time.

        Raises
        ------
        UnreadableSource
            Where the file breaks off, or its text is not in the encoding that it claims.
        """
        while True:
            with _readable(self.path):
                try:
                    batch = self._reader.read_next_batch().rename_columns(self._names)
                    batch.validate(full=True)
                except StopIteration:
                    return
            yield batch


@contextmanager
def open_source(path: Path, layer: str | None = None, *, tables: bool = False) -> Iterator[Source]:
    """Open a file of any format that GDAL reads: the one layer in it that has geometry, or the one called `layer`.

    With `tables` a layer without geometry will do where none has one.

    Raises
    ------
    UnreadableSource
        Where there is no such file, or it is in no format that can be read.
    UnknownName
        Where the file has no layer of that name.
    UsageError
        Where it has several and none was chosen.
    GeometryTypeError
        Where it has tables only, and these will not do.
    """
    if not path.is_file():
        raise UnreadableSource(f"没有文件 {path}。", f"There is no file {path}.")
    # GDAL reads all of a JSON file to open it, so that is done once; and it must leave text that looks like a date
    json = path.suffix.lower() in _JSON
    options = {"DATE_AS_STRING": "YES"} if json else {}
    rows = None
    with ExitStack() as stack:
        with _readable(path):
            if layer is not None or not json:
                found = {str(name): kind for name, kind in pyogrio.list_layers(path)}
                layer = _choose(path, found, layer, tables=tables)
                rows = None if json else int(pyogrio.read_info(path, layer=layer)["features"])
            opened = pyogrio.raw.open_arrow(path, layer=layer, use_pyarrow=True, **options)
            about, reader = stack.enter_context(opened)
        columns = tuple(str(name) for name in about["fields"])
        known = rows if rows is not None and rows >= 0 else None
        names, at = list(reader.schema.names), _geometry_column(reader.schema)
        if at is not None:
            while names.count(names[at]) > 1:  # a column of the file bears the name that GDAL gives the geometry
                names[at] += "_"
        stated = (json and _unknown_crs(path)) or about["crs"]
        yield Source(path, stated, columns, None if at is None else names[at], known, reader, names)


def _unknown_crs(path: Path) -> str | None:
    """Return the name in a GeoJSON's `crs` member where nobody knows it: GDAL then takes WGS 84 without a word."""
    with path.open("rb") as file:
        found = _CRS_MEMBER.search(file.read(_HEAD))
    if found is None:
        return None
    name = found[1].decode("utf-8", "replace")
    try:
        CRS.from_user_input(name)
    except CRSError:
        return name
    return None


def _choose(path: Path, found: dict[str, Any], layer: str | None, *, tables: bool) -> str:
    if layer is not None and layer not in found:
        raise UnknownName(Label("源图层", "source layer"), layer, found)
    wanted = {name: kind for name, kind in found.items() if layer in (None, name)}
    spatial = [name for name, kind in wanted.items() if kind is not None] or [*wanted] * tables
    if not spatial:
        raise GeometryTypeError(
            f"{path.name} 中的 {'、'.join(found)} 没有几何图形。", f"{', '.join(found)} of {path.name} has no geometry."
        )
    if len(spatial) > 1:
        raise UsageError(
            f"{path.name} 中有 {len(spatial)} 个图层，请用 --source-layer 指明。",
            f"{path.name} holds {len(spatial)} layers: choose one with --source-layer.",
            allowed=spatial,
        )
    return spatial[0]


def _geometry_column(schema: pa.Schema) -> int | None:
    """Find the column that GDAL marks as WKB."""
    for index, field in enumerate(schema):
        if b"wkb" in (field.metadata or {}).get(b"ARROW:extension:name", b""):
            return index
    return None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what GDAL and Arrow say of a bad file into one error; what they warn of, the judge sees row by row."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except _BROKEN as error:
        detail = str(error).replace("\n", " ")
        raise UnreadableSource(
            f"无法读取 {path.name}：{detail}。可导入 GeoJSON 和 GeoPackage 文件。",
            f"{path.name} cannot be read: {detail}. GeoJSON and GeoPackage files can be imported.",
        ) from error
