"""GeoJSON, a feature a line and nothing else (newline-delimited, as RFC 8142 without the record separators)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from gis_service.exports.format import Format
from gis_service.exports.geojson import features
from gis_service.exports.source import Source
from layers import Label


def _pieces(source: Source) -> Generator[bytes]:
    with closing(features(source, b"\n")) as pieces:
        for piece in pieces:
            yield piece + b"\n"


FORMAT = Format(
    "geojsonl",
    "application/x-ndjson",
    Label("GeoJSON（逐行）", "GeoJSON lines"),
    Label("逐行处理的程序，不限大小", "for programs that read line by line, of any size"),
    pieces=_pieces,
    plain=True,
)
