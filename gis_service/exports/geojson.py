"""GeoJSON (RFC 7946): one collection, a feature a line, with members that say what it is."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from itertools import chain
from typing import Any

import orjson
import shapely

from gis_service.exports.about import about, fields
from gis_service.exports.columns import binary, headings
from gis_service.exports.copied import JSON, copied
from gis_service.exports.format import Format
from gis_service.exports.source import Source
from gis_service.features import as_geojson
from layers import Label

_GEOMETRY = b'"geometry": '


def features(source: Source) -> Generator[bytes]:
    """Stream the features as GeoJSON texts, each on a line of its own."""
    text = as_geojson(source.layer, properties=source.export.properties, crs=source.place)
    if source.place.shift is None:
        query = source.chosen(text).with_only_columns(text.selected_columns.feature, maintain_column_froms=True)
        with closing(copied(source.connection, query, JSON)) as chunks:
            for chunk in chunks:
                source.gone(chunk.count(b"\n"))
                yield chunk
        return
    for part in source.rows(source.chosen(text).add_columns(binary(source.layer, source.place))):
        shapes = shapely.to_geojson(source.place.shifted([row[-1] for row in part]))
        yield b"".join(_with(row.feature.encode(), shape) for row, shape in zip(part, shapes, strict=True))


def _with(feature: bytes, shape: str | None) -> bytes:
    """Put a geometry into a feature that has none; no value can hold the name of the member, for quotes are escaped."""
    before, member, after = feature.partition(_GEOMETRY)
    rest = after.removeprefix(b'{"type": null}').removeprefix(b"null")
    return before + member + (shape or "null").encode() + rest + b"\n"


def _pieces(source: Source) -> Generator[bytes]:
    head: dict[str, Any] = {"type": "FeatureCollection", **about(source)}
    if source.place.crs is not None and not source.place.is_stored:  # as before RFC 7946, and as GDAL and QGIS read it
        head["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{source.place.srid}"}}
    head["fields"] = fields(source, headings(source.columns, "en"))
    end = b""
    with closing(features(source)) as chunks:
        first = next(chunks, b"")  # a query that fails at once fails before anything is sent
        yield orjson.dumps(head)[:-1] + b', "features": [\n'
        for chunk in chain((first,), chunks):
            # the end of a line becomes a comma once it is known that another line follows
            lines = end + chunk
            end = b"\n" if lines.endswith(b"\n") else b""
            yield lines.removesuffix(b"\n").replace(b"\n", b",\n")
    yield end + b'], "numberReturned": %d}' % source.number


FORMAT = Format(
    "geojson",
    "application/geo+json",
    Label("GeoJSON", "GeoJSON"),
    Label("网页地图与程序通用", "for web maps and programs"),
    pieces=_pieces,
)
