"""The metadata alone, as JSON: what stands beside the formats that have no place for it."""

from __future__ import annotations

from collections.abc import Generator

import orjson

from gis_service.exports.about import about, fields
from gis_service.exports.columns import headings
from gis_service.exports.format import Format
from gis_service.exports.source import Source
from layers import Label


def described(source: Source) -> bytes:
    """Return what is said of a file whose columns have the usual names."""
    said = about(source) | {"crs_note": {"zh": source.place.words.zh, "en": source.place.words.en}}
    return orjson.dumps(
        said | {"fields": fields(source, headings(source.columns, source.language))}, option=orjson.OPT_INDENT_2
    )


def _pieces(source: Source) -> Generator[bytes]:
    yield described(source)


FORMAT = Format(
    "json",
    "application/json",
    Label("说明（元数据与字段）", "Metadata and fields"),
    Label(
        "说明来源、日期、坐标系、许可和每个字段，不含记录", "source, day, CRS, terms of use and every field; no records"
    ),
    pieces=_pieces,
)
