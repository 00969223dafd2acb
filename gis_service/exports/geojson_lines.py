"""GeoJSON, a feature a line and nothing else (newline-delimited, as RFC 8142 without the record separators)."""

from __future__ import annotations

from gis_service.exports.format import Format
from gis_service.exports.geojson import features
from layers import Label

FORMAT = Format(
    "geojsonl",
    "application/x-ndjson",
    Label("GeoJSON（逐行）", "GeoJSON lines"),
    Label("逐行处理的程序，不限大小", "for programs that read line by line, of any size"),
    pieces=features,
    plain=True,
)
