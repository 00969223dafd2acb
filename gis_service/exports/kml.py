"""KML 2.2 for Google Earth and 奥维: names, fields in words, the colours of the layer's symbol. Degrees only."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any
from xml.sax.saxutils import escape

import shapely

from gis_service.exports.about import lines
from gis_service.exports.columns import columns
from gis_service.exports.format import Format
from gis_service.exports.source import Source
from gis_service.exports.words import Words
from gis_service.features import DECIMALS
from layers import UNKNOWN, Label, Vocabulary

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>\n'
_NOT_XML = {code: None for code in (*range(32), 0xFFFE, 0xFFFF) if code not in (9, 10, 13)}
_AT_ONCE = 2_000
_PLAIN = "#3b6ea5"
_ELEMENTS = ("id", "name", "description", "timestamp", "begin", "end", "icon")


def _pieces(source: Source) -> Generator[bytes]:
    layer, words = source.layer, Words(columns(source.layer), source.language)
    names = list(layer.fields())
    symbol = names.index(layer.symbol.field)
    labels = [field.label.in_(source.language) for field in layer.fields().values()]
    styles = {term.code: f"s{number}" for number, term in enumerate(_vocabulary(source))}
    head = _HEAD + "".join(_opening(source))
    for part in source.rows(source.records(), _AT_ONCE):
        marks = [head]
        for row, shape in zip(part, source.place.shifted([row[-1] for row in part]), strict=True):
            told = [(i, _xml(words.of(i, row[i]))) for i in range(len(names)) if row[i] is not None]
            data = "".join(f'<SimpleData name="{_own(names[i])}">{value}</SimpleData>' for i, value in told)
            text = "\n".join(f"{labels[i]}: {value}" for i, value in told)
            marks.append(
                f"<Placemark><name>{_xml(row.name or row.code)}</name><description>{text}</description>"
                f"<styleUrl>#{styles.get(row[symbol], styles[UNKNOWN])}</styleUrl>"
                f'<ExtendedData><SchemaData schemaUrl="#fields">{data}</SchemaData></ExtendedData>'
                f"{'' if shape is None else _shape(shape)}</Placemark>\n"
            )
        yield "".join(marks).encode()
        head = ""
    yield f"{head}</Document></kml>\n".encode()


def _opening(source: Source) -> Iterator[str]:
    """Yield what stands before the records: title, metadata, fields, a style for each term of the symbol.

    Fields are known by their names of the database: GDAL and QGIS take no others.
    """
    yield f"<name>{_xml(source.layer.title.in_(source.language))}</name>\n<description>"
    yield from (_xml(f"{name}: {value}\n") for name, value in lines(source, source.language))
    yield '</description>\n<Schema id="fields" name="fields">\n'
    for name, field in source.layer.fields().items():
        kind = "double" if field.kind in ("number", "money") else "string"
        label = _xml(" ".join(filter(None, (field.label.in_(source.language), field.unit))))
        yield f'<SimpleField name="{_own(name)}" type="{kind}"><displayName>{label}</displayName></SimpleField>\n'
    yield "</Schema>\n"
    for number, term in enumerate(_vocabulary(source)):
        given = term.colour or _PLAIN
        colour = given[5:7] + given[3:5] + given[1:3]  # KML has opacity first, then blue, green, red
        yield (
            f'<Style id="s{number}"><IconStyle><color>ff{colour}</color></IconStyle><LineStyle>'
            f"<color>ff{colour}</color><width>3</width></LineStyle><PolyStyle><color>80{colour}</color></PolyStyle></Style>\n"
        )


def _own(name: str) -> str:
    """Return a name that GDAL and QGIS do not take for one of KML's own elements."""
    return f"{name}_" if name in _ELEMENTS else name


def _vocabulary(source: Source) -> Vocabulary:
    found = source.layer.fields()[source.layer.symbol.field].vocabulary
    assert found is not None
    return found


def _shape(shape: Any) -> str:  # noqa: ANN401 - shapely publishes no types
    kind = shape.geom_type
    if kind.startswith("Multi"):
        return f"<MultiGeometry>{''.join(_shape(part) for part in shape.geoms)}</MultiGeometry>"
    if kind == "Polygon":
        inner = "".join(f"<innerBoundaryIs>{_line(ring, 'LinearRing')}</innerBoundaryIs>" for ring in shape.interiors)
        return f"<Polygon><outerBoundaryIs>{_line(shape.exterior, 'LinearRing')}</outerBoundaryIs>{inner}</Polygon>"
    return _line(shape, kind)


def _line(shape: Any, element: str) -> str:  # noqa: ANN401 - as above
    places = " ".join(f"{x:.{DECIMALS}f},{y:.{DECIMALS}f}" for x, y in shapely.get_coordinates(shape).tolist())
    return f"<{element}><coordinates>{places}</coordinates></{element}>"


def _xml(value: Any) -> str:  # noqa: ANN401 - whatever a record holds
    """Return a value as XML holds it; what XML cannot hold at all is left out."""
    return escape(str(value).translate(_NOT_XML), {"\r": "&#13;"})


FORMAT = Format(
    "kml",
    "application/vnd.google-earth.kml+xml",
    Label("KML", "KML"),
    Label("奥维、谷歌地球；只有经纬度", "for 奥维 and Google Earth; degrees only"),
    pieces=_pieces,
    only=("EPSG:4490", "EPSG:4326", "GCJ-02", "BD-09"),
)
