"""CSV (RFC 4180), in UTF-8 with a mark at its beginning by which Excel and WPS know Chinese."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain
from typing import Any

import shapely
from sqlalchemy import ColumnElement, Text, literal_column, select

from gis_service import copied
from gis_service.exports.columns import binary, headings, texts
from gis_service.exports.format import Format
from gis_service.exports.source import Source, broken_off
from gis_service.exports.turns import asked
from layers import Label

_BOM = b"\xef\xbb\xbf"


def place_headings(source: Source) -> list[str]:
    """Return the names of the columns that say where a record lies: two numbers for points, WKT for all else."""
    if source.layer.geometry == ("Point",):
        return [axis.in_(source.language) for axis in source.place.axes]
    return ["WKT"]


def _place(source: Source) -> Iterator[ColumnElement[Any]]:
    shape = source.place.shape(source.layer).compile(source.connection)
    decimals = source.place.decimals
    if source.layer.geometry == ("Point",):
        for axis in "XY":
            yield literal_column(f"trim_scale(round(ST_{axis}({shape})::numeric, {decimals}))::text", Text)
    else:
        yield literal_column(f"ST_AsText({shape}, {decimals})", Text)


def _pieces(source: Source) -> Generator[bytes]:
    columns = list(texts(source.layer, source.columns, source.language))
    if source.place.shift is None:
        chunks = _counted(source, _copied(source, [*columns, *_place(source)]))
    else:
        chunks = _shifted(source, columns)
    head = _BOM + _written([[*headings(source.columns, source.language), *place_headings(source)]])
    with closing(chunks):
        first = next(chunks, b"")  # a query that fails at once fails before anything is sent
        yield from chain((head, first), chunks)


def _copied(source: Source, columns: list[ColumnElement[Any]]) -> Generator[bytes]:
    query = select(*columns).select_from(source.layer.__table__)
    with asked(source, query) as (queries, turn), closing(copied.csv(queries, broken_off, turn)) as chunks:
        yield from chunks


def _counted(source: Source, chunks: Generator[bytes]) -> Generator[bytes]:
    """Count the lines that end outside quotes; a quote in a value is doubled, and so opens and closes nothing."""
    within = 0
    with closing(chunks):
        for chunk in chunks:
            parts = chunk.split(b'"')
            source.gone(sum(part.count(b"\n") for part in parts[within::2]))
            within = (within + len(parts) - 1) % 2
            yield chunk


def _shifted(source: Source, columns: list[ColumnElement[Any]]) -> Generator[bytes]:
    for part in source.rows(source.query(*columns, binary(source.layer, source.place))):
        shapes = source.place.shifted([row[-1] for row in part])
        if source.layer.geometry == ("Point",):
            there = shapely.get_coordinates(shapes, return_index=False)
            given = iter(there.tolist())
            places = [next(given) if shape is not None else ("", "") for shape in shapes]
        else:
            texts_ = shapely.to_wkt(shapes, rounding_precision=source.place.decimals)
            places = [(text,) for text in texts_]
        yield _written([*row[:-1], *place] for row, place in zip(part, places, strict=True))


def _written(rows: Any) -> bytes:  # noqa: ANN401 - lists of texts and numbers
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


FORMAT = Format(
    "csv",
    "text/csv",
    Label("CSV", "CSV"),
    Label(
        "表格与统计软件；经纬度两列，线和面为 WKT",
        "for tables and statistics; two columns for points, WKT for all else",
    ),
    pieces=_pieces,
    plain=True,
)
