"""GeoPackage: the metadata in the layer's description, every field in the tables of the standard's schema extension.

QGIS and GDAL show these as aliases, comments and lists of values. pyogrio cannot write them, SQLite can.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import orjson

from gis_service.exports.about import about
from gis_service.exports.batches import batches, spatial, write
from gis_service.exports.columns import KINDS, Column, headings, schema
from gis_service.exports.format import Format
from gis_service.exports.source import Source
from layers import Label, Language

# GeoPackage 1.2.1, annex F.9
_TABLES = """
CREATE TABLE gpkg_data_columns (
    table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, description TEXT, mime_type TEXT,
    constraint_name TEXT,
    CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name), CONSTRAINT gdc_tn UNIQUE (table_name, name)
);
CREATE TABLE gpkg_data_column_constraints (
    constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT, min NUMERIC, min_is_inclusive BOOLEAN,
    max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
    CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value)
);
INSERT INTO gpkg_extensions (table_name, extension_name, definition, scope)
    SELECT name, 'gpkg_schema', 'http://www.geopackage.org/spec121/#extension_schema', 'read-write'
    FROM sqlite_master WHERE name IN ('gpkg_data_columns', 'gpkg_data_column_constraints');
"""


def _write(source: Source, path: Path) -> None:
    layer, language = source.layer, source.language
    names = headings(source.columns, language)
    shaped = schema(source.columns, names)
    described = {"IDENTIFIER": layer.title.in_(language), "DESCRIPTION": orjson.dumps(about(source)).decode()}
    described["VERSION"] = "1.2"  # what older QGIS and ArcGIS read without a word
    table = layer.__tablename__
    write(path, shaped, batches(source, shaped), driver="GPKG", layer=table, **spatial(source), **described)
    with closing(sqlite3.connect(path)) as file, file:
        file.executescript(_TABLES)
        for name, column in zip(names, source.columns, strict=True):
            field = column.field
            codes = f"{table}_{column.name}" if field and field.vocabulary else None
            file.execute(
                "INSERT INTO gpkg_data_columns VALUES (?, ?, ?, ?, ?, NULL, ?)",
                (table, name, column.name, column.label.in_(language), _told(column, language), codes),
            )
            file.executemany(
                "INSERT INTO gpkg_data_column_constraints (constraint_name, constraint_type, value, description) "
                "VALUES (?, 'enum', ?, ?)",
                [(codes, term.code, term.label.in_(language)) for term in (field and field.vocabulary) or ()],
            )


def _told(column: Column, language: Language) -> str:
    field = column.field
    references = f"→ {field.references}" if field and field.references else ""
    standard = field.vocabulary.source if field and field.vocabulary else ""
    return ", ".join(filter(None, (KINDS[column.kind].in_(language), column.unit, references, standard)))


FORMAT = Format(
    "gpkg",
    "application/geopackage+sqlite3",
    Label("GeoPackage", "GeoPackage"),
    Label("QGIS、ArcGIS 等桌面软件首选", "the best choice for QGIS, ArcGIS and other desktop software"),
    write=_write,
)
