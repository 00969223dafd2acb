"""The columns of an export: what every format writes of a record, and what they are called."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Double, LargeBinary, Text, cast, func, literal_column

from gis_service.exports.places import Place
from layers import Field, Label, Language, Layer

WKB = {"ARROW:extension:name": "geoarrow.wkb"}
_ARROW = {
    "text": pa.string(),
    "term": pa.string(),
    "layer": pa.string(),
    "number": pa.float64(),
    "money": pa.float64(),
    "date": pa.date32(),
    "flag": pa.bool_(),
    "json": pa.string(),
    "whole": pa.int32(),
    "moment": pa.timestamp("ms", "UTC"),
}
KINDS = {
    "text": Label("文字", "text"),
    "term": Label("词表", "codelist"),
    "layer": Label("图层", "layer"),
    "number": Label("数", "number"),
    "money": Label("金额", "money"),
    "date": Label("日期", "date"),
    "flag": Label("是/否", "yes/no"),
    "json": Label("其他属性 (JSON)", "other properties (JSON)"),
    "whole": Label("整数", "whole number"),
    "moment": Label("时刻 (UTC)", "moment (UTC)"),
}
_KEPT = (
    ("extra", "json", Label("其他属性", "Other properties")),
    ("version", "whole", Label("版本", "Version")),
    ("updated_at", "moment", Label("更新时间", "Updated at")),
)


@dataclass(frozen=True)
class Column:
    """A column: its name in the database, what is in it, and what people call it; `field` where a layer declares it."""

    name: str
    kind: str
    label: Label
    field: Field | None = None

    @property
    def unit(self) -> str:
        """The unit of what is in it, if it has one."""
        return self.field.unit if self.field else ""

    def arrow(self) -> pa.DataType:
        """Return its type in a file."""
        return _ARROW[self.kind]


def columns(layer: type[Layer], names: Collection[str] | None = None) -> list[Column]:
    """Return the columns that an export has: the layer's fields, and what the database keeps of each record.

    `names` chooses some of them.
    """
    declared = [Column(name, field.kind, field.label, field) for name, field in layer.fields().items()]
    every = declared + [Column(name, kind, label) for name, kind, label in _KEPT]
    return every if names is None else [column for column in every if column.name in names]


def headings(found: Sequence[Column], language: Language) -> list[str]:
    """Return the names of the columns in files of programs: Chinese ones, or in English those of the database.

    A label that two fields share gives way to the name; the database's own columns keep theirs.
    """
    labels = [column.label.zh.casefold() for column in found]
    chinese = language == "zh"
    return [c.label.zh if chinese and c.field and labels.count(c.label.zh.casefold()) == 1 else c.name for c in found]


def values(layer: type[Layer], found: Sequence[Column]) -> Iterator[ColumnElement[Any]]:
    """Yield the SQL of each column, as Python and Arrow take it."""
    table = layer.__table__
    for column in found:
        own = table.c[column.name]
        yield cast(own, Double) if column.kind == "money" else cast(own, Text) if column.kind == "json" else own


def texts(layer: type[Layer], found: Sequence[Column], language: Language) -> Iterator[ColumnElement[Any]]:
    """Yield the SQL of each column as text: numbers without idle zeros, moments in UTC, nothing where it is null.

    A text that a spreadsheet would compute (`=1+1`, `+cmd|...`) gets an apostrophe before it, as OWASP advises.
    """
    table = layer.__tablename__
    yes, no = ("是", "否") if language == "zh" else ("yes", "no")
    for column in found:
        own = f'{table}."{column.name}"'
        sql = {
            "flag": f"CASE {own} WHEN true THEN '{yes}' WHEN false THEN '{no}' END",
            "money": f"trim_scale({own})::text",
            "moment": f"""to_char({own} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')""",
            "text": rf"CASE WHEN {own} ~ '^\s*([=@]|[-+].*[(!|])' THEN '''' || {own} ELSE {own} END",
        }.get(column.kind, f"{own}::text")
        yield literal_column(sql, Text)


def binary(layer: type[Layer], place: Place) -> ColumnElement[bytes]:
    """Return the SQL of the geometry as WKB."""
    return func.ST_AsBinary(place.shape(layer), type_=LargeBinary)


def schema(found: Sequence[Column], names: Sequence[str], geometry: str = "geom") -> pa.Schema:
    """Return the columns of a file, the geometry last; a format may give a column another type."""
    fields = [pa.field(name, column.arrow()) for name, column in zip(names, found, strict=True)]
    return pa.schema([*fields, pa.field(geometry, pa.binary(), metadata=WKB)])
