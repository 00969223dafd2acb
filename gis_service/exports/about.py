"""What a file says of itself: title, source, day, CRS, terms of use, filter, and every field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gis_service.exports.columns import KINDS, Column
from gis_service.exports.source import Source
from layers import Label, Language

ILLUSTRATIVE = Label("示意数据，并非真实情况", "Illustrative data, not the real state of things")
_HEADS = (
    *(Label("字段", "Field"), Label("列名", "Column"), Label("中文名", "Chinese"), Label("英文名", "English")),
    *(Label("类型", "Kind"), Label("单位", "Unit"), Label("取值", "Values"), Label("依据", "Source")),
)


def about(source: Source) -> dict[str, Any]:
    """Return the metadata of an export, as JSON holds it: everything but the fields."""
    layer, export, district = source.layer, source.export, source.district
    return {
        "name": layer.__tablename__,
        "title": f"{layer.title.zh} {layer.title.en}",
        "standard": layer.standard,
        "as_of": export.as_of or district.today,
        "source": f"{district.name.zh} {district.name.en}",
        "licence": export.database.settings.licence,
        "illustrative": district.illustrative,
        "crs_name": source.place.name,
        "crs_note": source.place.words.en,
        "filter": export.filter,
        "area": export.area,
    }


def fields(source: Source, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the dictionary of the fields, called `names` in the file, as JSON holds it."""
    return [_field(name, column) for name, column in zip(names, source.columns, strict=True)]


def _field(name: str, column: Column) -> dict[str, Any]:
    said = {"name": name, "column": column.name, "label": {"zh": column.label.zh, "en": column.label.en}}
    optional: dict[str, Any] = {"kind": column.kind}
    if field := column.field:
        optional |= {"unit": field.unit or None, "references": field.references or None}
        optional |= {"minimum": field.minimum, "maximum": field.maximum}
        if field.vocabulary:
            optional["source"] = field.vocabulary.source
            optional["codes"] = [{"code": t.code, "zh": t.label.zh, "en": t.en} for t in field.vocabulary]
    return said | {key: value for key, value in optional.items() if value is not None}


def lines(source: Source, language: Language) -> Iterator[tuple[str, str]]:
    """Yield the metadata for people, in one language, name by name."""
    said, zh = about(source), language == "zh"
    yield ("标题" if zh else "Title"), source.layer.title.in_(language)
    yield ("依据标准" if zh else "Standard"), said["standard"]
    yield ("数据截至" if zh else "As of"), str(said["as_of"])
    yield ("来源" if zh else "Source"), source.district.name.in_(language)
    yield ("使用许可" if zh else "Terms of use"), said["licence"]
    if said["illustrative"]:
        yield ("性质" if zh else "Nature"), ILLUSTRATIVE.in_(language)
    yield ("坐标系" if zh else "CRS"), source.place.words.in_(language)
    if said["filter"]:
        yield ("筛选条件" if zh else "Filter"), said["filter"]
    if said["area"]:
        yield ("区域" if zh else "Area"), said["area"]


def dictionary(source: Source, names: Sequence[str], language: Language) -> Iterator[tuple[str, ...]]:
    """Yield the dictionary of the fields as a table for people: a head, then a row for each."""
    yield tuple(head.in_(language) for head in _HEADS)
    for name, column in zip(names, source.columns, strict=True):
        field = column.field
        allowed = [
            f"→ {field.references}" if field and field.references else "",
            f"≥ {field.minimum:g}" if field and field.minimum is not None else "",
            f"≤ {field.maximum:g}" if field and field.maximum is not None else "",
            "; ".join(f"{t.code} ({t.en})" for t in field.vocabulary) if field and field.vocabulary else "",
        ]
        yield (
            *(name, column.name, column.label.zh, column.label.en, KINDS[column.kind].in_(language), column.unit),
            " ".join(filter(None, allowed)),
            field.vocabulary.source if field and field.vocabulary else "",
        )
