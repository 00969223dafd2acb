"""Exports as streams and as files. A file appears whole or not at all, and what was written on the way is removed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from gis_service.errors import TargetError, UnknownName
from gis_service.exports import (
    comma,
    description,
    excel,
    flatgeobuf,
    geojson,
    geojson_lines,
    geopackage,
    geoparquet,
    kml,
    shapefile,
)
from gis_service.exports.format import Format
from gis_service.exports.source import Export
from layers import Label

_MODULES = (geojson, excel, shapefile, geopackage, comma, kml, flatgeobuf, geoparquet, geojson_lines, description)
FORMATS: Mapping[str, Format] = {module.FORMAT.suffix: module.FORMAT for module in _MODULES}
"""The formats by suffix, those that most people want first."""
_BYTES = 1 << 18


def find_format(suffix: str) -> Format:
    """Return the format of this suffix.

    Raises
    ------
    UnknownName
        With those that there are.
    """
    if suffix not in FORMATS:
        raise UnknownName(Label("格式", "format"), suffix, FORMATS)
    return FORMATS[suffix]


def stream(export: Export, format: Format) -> Generator[bytes]:
    """Stream a layer in a format. When the reader stops, so does the query; nothing is left behind.

    Text comes as PostgreSQL finds it, in memory that does not grow with the layer; a binary file is written to the disk
    first. What fails at once, fails before the first piece.

    Raises
    ------
    UnknownValue
        Where the format does not allow the coordinates.
    FilterError, UsageError
        Where the filter, or the coordinates, cannot be computed.
    """
    format.check(export)
    if format.pieces:
        with export.opened() as source, closing(format.pieces(source)) as pieces:
            yield from pieces
        return
    with tempfile.TemporaryDirectory(prefix="gis-export-") as folder:
        path = Path(folder) / f"{export.stem}.{format.suffix}"
        _write(export, format, path)
        with path.open("rb") as file:
            while chunk := file.read(_BYTES):
                yield chunk


def export_file(export: Export, path: Path | str) -> int:
    """Write a layer to a file, in the format that its suffix names, and return how many features it holds.

    What was at `path` is replaced only when the new file is complete. Beside a format that has no place for it the
    metadata is put, in `<file>.json`.

    Raises
    ------
    TargetError
        Where the file cannot be written, or its suffix names no format.
    UnknownValue
        Where the format does not allow the coordinates.
    FilterError, UsageError
        Where the filter, or the coordinates, cannot be computed.
    """
    path = Path(path)
    found = FORMATS.get(path.suffix.lower().removeprefix("."))
    if found is None:
        raise TargetError(
            f"无法由文件名“{path.name}”得知格式。",
            f"The name {path.name!r} does not say a format.",
            allowed=[f".{suffix}" for suffix in FORMATS],
        )
    found.check(export)
    with replacing(path) as unfinished:
        number = _write(export, found, unfinished)
    if found.plain:
        with replacing(path.with_name(f"{path.name}.json")) as beside:
            _write(replace(export, progress=None), description.FORMAT, beside)
    return number


def _write(export: Export, format: Format, path: Path) -> int:
    with export.opened() as source:
        if format.pieces:
            with path.open("wb") as file, closing(format.pieces(source)) as pieces:
                file.writelines(pieces)
        elif format.write:
            format.write(source, path)
    return source.number


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
