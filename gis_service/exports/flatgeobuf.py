"""FlatGeobuf: one file with an index of places, to be read from afar piece by piece."""

from __future__ import annotations

from pathlib import Path

import orjson

from gis_service.exports.about import about, fields
from gis_service.exports.batches import batches, spatial, write
from gis_service.exports.columns import headings, schema
from gis_service.exports.format import Format
from gis_service.exports.source import Source
from layers import Label


def _write(source: Source, path: Path) -> None:
    names = headings(source.columns, source.language)
    columns = schema(source.columns, names)
    said = about(source) | {"fields": fields(source, names)}
    options = {
        "TITLE": source.layer.title.in_(source.language),
        "DESCRIPTION": orjson.dumps(said).decode(),
        "SPATIAL_INDEX": "YES" if source.layer.placed else "NO",  # the index takes no record without a place
    }
    name = source.layer.__tablename__
    write(path, columns, batches(source, columns), driver="FlatGeobuf", layer=name, **spatial(source), **options)


FORMAT = Format(
    "fgb",
    "application/flatgeobuf",
    Label("FlatGeobuf", "FlatGeobuf"),
    Label("大图层在网上按范围读取", "large layers, read by place over a network"),
    write=_write,
)
