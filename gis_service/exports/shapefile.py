"""Shapefile, as a zip with everything that others need: .prj, .cpg, a dictionary of the fields, the metadata.

A Shapefile holds one type of geometry, names of 10 bytes and texts of 254. Layers with several types become several
files; names and texts are cut between characters, never within one, and the metadata says how many texts were. In UTF-8
the columns have their names of the database, in GBK (for old ArcGIS and CAD) Chinese ones of up to five characters.
"""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, func, or_

from gis_service.exports.about import dictionary, lines
from gis_service.exports.batches import batches, write
from gis_service.exports.columns import Column, headings, schema
from gis_service.exports.format import Format
from gis_service.exports.source import Source
from layers import Label

ENCODINGS = ("UTF-8", "GBK")
_NAME_BYTES, _TEXT_BYTES = 10, 254
_PARTS = {"Point": "point", "MultiLineString": "line", "MultiPolygon": "polygon"}
_TYPES = {"money": pa.decimal128(16, 4), "moment": pa.string()}
_TEXTS = ("text", "term", "layer", "json")
_SMALLEST = Decimal("0.0001")
_CUT = Label("过长而截断的值", "Values cut because they are too long")
_LOST = Label("因过长而略去的值", "Values left out because they are too long")
_REPLACED = Label("含 GBK 没有的字（以 ? 代替）的值", "Values with characters that GBK lacks, written as ?")


def cut(text: str, most: int, encoding: str) -> str:
    """Return as much of a text as has at most so many bytes, whole characters only; what cannot be encoded is `?`."""
    given = text.encode(encoding, "replace")
    return (given if len(given) <= most else given[:most]).decode(encoding, "ignore")


def short_names(names: Iterable[str], encoding: str, most: int = _NAME_BYTES) -> list[str]:
    """Return names of at most so many bytes, each another one in any case of letters: DBF does not tell them apart."""
    taken: set[str] = set()
    found: list[str] = []
    for given in names:
        name = cut(given, most, encoding)
        number = 1
        while not name or name.casefold() in taken:
            end = f"_{number}"
            name = cut(given, most - len(end), encoding) + end
            number += 1
        taken.add(name.casefold())
        found.append(name)
    return found


class _Fitting:
    """Makes values fit, and counts by column those that had to be changed."""

    def __init__(self, kept: Sequence[Column], encoding: str) -> None:
        self._columns, self._encoding = kept, encoding
        self.counts: dict[Label, Counter[str]] = {_CUT: Counter(), _LOST: Counter(), _REPLACED: Counter()}

    def __call__(self, index: int, given: list[Any]) -> list[Any]:
        column = self._columns[index]
        fit = _FITS.get(column.kind)
        if column.kind in _TEXTS:
            return [None if value is None else self._fitted(column, value) for value in given]
        return [None if value is None else fit(value) for value in given] if fit else given

    def _fitted(self, column: Column, value: str) -> str | None:
        fitted = cut(value, _TEXT_BYTES, self._encoding)
        if fitted == value:
            return value
        whole = len(value.encode(self._encoding, "replace")) <= _TEXT_BYTES
        if column.kind == "json" and not whole:  # half an object is none
            self.counts[_LOST][column.name] += 1
            return None
        self.counts[_REPLACED if whole else _CUT][column.name] += 1
        return fitted


def _money(value: float) -> Decimal:
    return Decimal(str(value)).quantize(_SMALLEST)


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


_FITS: Mapping[str, Callable[[Any], Any]] = {"money": _money, "moment": _moment}


def _write(source: Source, path: Path) -> None:
    kept, encoding = source.columns, source.export.encoding
    names = short_names(headings(kept, "zh" if encoding == "GBK" else "en"), encoding)
    shaped = schema(kept, names)
    for index, column in enumerate(kept):
        if column.kind in _TYPES:
            shaped = shaped.set(index, pa.field(names[index], _TYPES[column.kind]))
    fitting = _Fitting(kept, encoding)
    folder = path.with_suffix(".parts")
    folder.mkdir()
    try:
        for kind, where, stem in _files(source):
            write(
                folder / f"{stem}.shp",
                shaped,
                batches(source, shaped, *where, change=fitting),
                driver="ESRI Shapefile",
                encoding=encoding,
                geometry_name="geom",
                geometry_type=kind,
                crs=source.place.definition,
                **{"2GB_LIMIT": "YES"},  # larger ones are read by few
            )
        stem = source.export.stem
        _explain(source, folder, stem, names, fitting)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for part in sorted(folder.iterdir()):
                file.write(part, part.name)
    finally:
        shutil.rmtree(folder)


def _files(source: Source) -> list[tuple[str, list[ColumnElement[bool]], str]]:
    """Return the files that it takes: type of geometry, which records, name. One at least, also of no records."""
    layer, stem = source.layer, source.export.stem
    first, *others = layer.geometry
    if not others:
        return [(first, [], stem)]
    kind = func.ST_GeometryType(layer.geom)
    files: list[tuple[str, list[ColumnElement[bool]], str]] = [
        (one, [kind == f"ST_{one}"], f"{stem}_{_PARTS[one]}") for one in layer.geometry
    ]
    if not layer.placed:
        files[0] = (first, [or_(*files[0][1], layer.geom.is_(None))], files[0][2])
    return [one for one in files if source.has(*one[1])] or files[:1]


def _explain(source: Source, folder: Path, stem: str, names: list[str], fitting: _Fitting) -> None:
    """Put the dictionary of the fields and the metadata beside; both open in a double click."""
    table = io.StringIO()
    csv.writer(table).writerows(dictionary(source, names, source.language))
    (folder / f"{stem}_fields.csv").write_text(table.getvalue(), "utf-8-sig")
    said = [*lines(source, source.language), *_changes(source, fitting)]
    text = "".join(f"{name}: {value}\r\n" for name, value in said)
    (folder / f"{stem}_about.txt").write_text(text, "utf-8-sig", newline="")


def _changes(source: Source, fitting: _Fitting) -> Iterator[tuple[str, str]]:
    for label, counts in fitting.counts.items():
        if counts:
            yield label.in_(source.language), ", ".join(f"{name} {number}" for name, number in counts.items())


FORMAT = Format(
    "zip",
    "application/zip",
    Label("Shapefile", "Shapefile"),
    Label(
        "一个 zip，附 .cpg、字段说明；字段名最多 10 字节",
        "a zip with .cpg and the fields explained; names have 10 bytes",
    ),
    write=_write,
)
