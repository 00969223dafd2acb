"""Step 1, read: open a file, choose the layer in it, stream its rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from gis_service.errors import GeometryTypeError, UnknownName, UnreadableSource, UsageError
from layers import Label

_BROKEN = (DataSourceError, DataLayerError, FeatureError, pa.ArrowException, OSError, ValueError, RuntimeError)


@dataclass(frozen=True)
class Source:
    """One layer of a file: its name, CRS (as GDAL says it, None where it has none), columns, and size if known."""

    path: Path
    layer: str
    crs: str | None
    columns: tuple[str, ...]
    rows: int | None
    options: dict[str, str]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Stream the rows in the file's order; the geometry is the column `geometry_column` names, as WKB.

        Raises
        ------
        UnreadableSource
            Where the file breaks off, or its text is not in the encoding that it claims.
        """
        with _readable(self.path):
            opened = pyogrio.raw.open_arrow(self.path, layer=self.layer, use_pyarrow=True, **self.options)
            with opened as (_, reader):
                yield from reader


def open_source(path: Path, layer: str | None = None) -> Source:
    """Open a file of any format that GDAL reads, and choose the one layer of it that has geometry, or `layer`.

    Raises
    ------
    UnreadableSource
        Where there is no such file, or it is in no format that can be read.
    UnknownName
        Where the file has no layer of that name.
    UsageError
        Where it has several and none was chosen.
    GeometryTypeError
        Where it has tables only.
    """
    if not path.is_file():
        raise UnreadableSource(f"没有文件 {path}。", f"There is no file {path}.")
    with _readable(path):
        found = {str(name): kind for name, kind in pyogrio.list_layers(path)}
        chosen = _choose(path, found, layer)
        info = pyogrio.read_info(path, layer=chosen)
    # GDAL would turn text that looks like a date into one, and the bureau's spelling would be lost
    options = {"DATE_AS_STRING": "YES"} if info["driver"] in ("GeoJSON", "GeoJSONSeq") else {}
    columns = tuple(str(name) for name in info["fields"])
    rows = int(info["features"])
    return Source(path, chosen, info["crs"], columns, rows if rows >= 0 else None, options)


def _choose(path: Path, found: dict[str, Any], layer: str | None) -> str:
    if layer is not None:
        if layer not in found:
            raise UnknownName(Label("源图层", "source layer"), layer, found)
        if found[layer] is not None:
            return layer
    spatial = [name for name, kind in found.items() if kind is not None]
    if len(spatial) == 1 and layer is None:
        return spatial[0]
    if spatial and layer is None:
        raise UsageError(
            f"{path.name} 中有 {len(spatial)} 个图层，请用 --source-layer 指明。",
            f"{path.name} holds {len(spatial)} layers: choose one with --source-layer.",
            allowed=spatial,
        )
    raise GeometryTypeError(
        f"{path.name} 中没有带几何图形的图层{layer or ''}。",
        f"{path.name} holds no layer {layer or ''} with geometry.".replace("  ", " "),
        allowed=spatial,
    )


def geometry_column(schema: pa.Schema) -> str | None:
    """Return the name of the column that holds WKB, as GDAL marks it."""
    for field in schema:
        if b"wkb" in (field.metadata or {}).get(b"ARROW:extension:name", b""):
            return str(field.name)
    return None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what GDAL and Arrow say of a bad file into one error; what they warn of, the judge sees row by row."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnicodeDecodeError as error:
        raise UnreadableSource(
            f"{path.name} 的文字编码与其声明不符（{error.reason}）。请另存为 UTF-8 后再导入。",
            f"The text of {path.name} is not in the encoding it claims ({error.reason}). Save it as UTF-8.",
        ) from error
    except _BROKEN as error:
        detail = str(error).replace("\n", " ")
        raise UnreadableSource(
            f"无法读取 {path.name}：{detail}。可导入 GeoJSON 和 GeoPackage 文件。",
            f"{path.name} cannot be read: {detail}. GeoJSON and GeoPackage files can be imported.",
        ) from error
