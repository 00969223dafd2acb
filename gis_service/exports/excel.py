"""XLSX for Excel and WPS: the records in words under headings of the reader's language, the fields, the metadata."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import shapely
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from gis_service.exports.about import dictionary, lines
from gis_service.exports.columns import Column
from gis_service.exports.comma import place_headings
from gis_service.exports.format import Format
from gis_service.exports.source import Source
from gis_service.exports.words import Words
from layers import Label, Language

_AT_ONCE = 2_000
_MOST_ROWS = 1_048_576
_MOST_CHARACTERS = 32_767
_FIRST_DAY = date(1900, 3, 1)  # Excel takes 1900 for a leap year and knows no day before it
_TOO_LONG = Label("（图形过长，见其他格式）", "(too long for Excel: see another format)")
_RECORDS, _FIELDS, _ABOUT = Label("记录", "Records"), Label("字段说明", "Fields"), Label("说明", "About")


def column_headings(source: Source) -> list[str]:
    """Return the headings of the records: labels, with the unit; one that two columns share has the name beside."""
    labels = [column.label.in_(source.language) for column in source.columns]
    pairs = zip(source.columns, labels, strict=True)
    return [_heading(column, label, twice=labels.count(label) > 1) for column, label in pairs]


def _heading(column: Column, label: str, *, twice: bool) -> str:
    beside = ", ".join([column.unit] * bool(column.unit) + [column.name] * twice)
    return f"{label} ({beside})" if beside else label


def _write(source: Source, path: Path) -> None:
    with path.open("wb") as file:
        book = Workbook(write_only=True)
        try:
            _fill(book, source)
        finally:
            book.save(file)  # what broke off, too: only so openpyxl ends its sheets and removes its own files


def _fill(book: Workbook, source: Source) -> None:
    names = column_headings(source)
    head = [*names, *place_headings(source)]
    sheet, row_number = _sheet(book, _RECORDS, source.language, head), 1
    for cells in _records(source):
        if row_number == _MOST_ROWS:
            sheet, row_number = _sheet(book, _RECORDS, source.language, head), 1
        sheet.append([_cell(sheet, value) for value in cells])
        row_number += 1
    first, *rows = dictionary(source, names, source.language)
    fields = _sheet(book, _FIELDS, source.language, first)
    for row in rows:
        fields.append([_cell(fields, value) for value in row])
    about = _sheet(book, _ABOUT, source.language, ())
    for line in lines(source, source.language):
        about.append([_cell(about, value) for value in line])


def _sheet(book: Workbook, title: Label, language: Language, head: Sequence[str]) -> Any:  # noqa: ANN401 - of openpyxl
    """Begin a sheet; of the records there are several where one is full."""
    sheet = book.create_sheet(title.in_(language))  # a title that is taken gets a number
    for index, text in enumerate(head, 1):
        sheet.column_dimensions[get_column_letter(index)].width = min(max(10, 2 * len(text) + 2), 40)
    if head:
        sheet.freeze_panes = "B2"
        sheet.append([_cell(sheet, text, bold=True) for text in head])
    else:
        sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 14, 90
    return sheet


def _records(source: Source) -> Iterator[list[Any]]:
    words = Words(source.columns, source.language)
    number = len(source.columns)
    points = source.layer.geometry == ("Point",)
    for part in source.rows(source.records(), _AT_ONCE):
        for row, shape in zip(part, source.place.shifted([row[-1] for row in part]), strict=True):
            told = [words.of(i, row[i]) for i in range(number)]
            if shape is None:
                yield told
            elif points:
                yield [*told, *(round(v, source.place.decimals) for v in (shape.x, shape.y))]
            else:
                text = shapely.to_wkt(shape, rounding_precision=source.place.decimals)
                yield [*told, text if len(text) <= _MOST_CHARACTERS else _TOO_LONG.in_(source.language)]


def _cell(sheet: Any, value: Any, *, bold: bool = False) -> Any:  # noqa: ANN401 - of openpyxl; of a record
    """Return a cell of which nothing is computed: a text is a text, whatever it begins with."""
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None, microsecond=0)  # Excel knows no time zones; UTC, as the fields say
    elif isinstance(value, date) and value < _FIRST_DAY:
        value = value.isoformat()
    if isinstance(value, str):
        value = ILLEGAL_CHARACTERS_RE.sub("", value)[:_MOST_CHARACTERS]
    computed = isinstance(value, str) and value.startswith("=")
    if not (computed or bold):
        return value  # a cell of its own takes three times as long
    cell = WriteOnlyCell(sheet, value)
    cell.data_type = "s"
    if bold:
        cell.font, cell.alignment = Font(bold=True), Alignment(vertical="top", wrap_text=True)
    return cell


FORMAT = Format(
    "xlsx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Label("Excel", "Excel"),
    Label("Excel、WPS 表格，附字段说明", "for Excel and WPS, with the fields explained"),
    write=_write,
)
