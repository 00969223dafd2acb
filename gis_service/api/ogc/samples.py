"""Requests to begin with, for one collection: they fit its own fields and terms, and answer as they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from gis_service.api.ogc.answers import SCHEME, address, of_layer
from gis_service.filters import filterable
from layers import Label, Language, Layer

_MEASURED = ("number", "money")
_ROUGHLY = 4
"""Decimals of a degree in a sample: ten metres."""


@dataclass(frozen=True)
class Sample:
    """What is asked for, the lines to type, and the address that they ask, where it is one."""

    title: str
    code: str
    href: str = ""


@dataclass(frozen=True)
class Seen:
    """A feature of the collection to make samples from: its properties, and a box that it lies in."""

    properties: Mapping[str, Any]
    box: tuple[float, float, float, float]


def requests(request: Request, layer: type[Layer], seen: Seen, language: Language) -> list[Sample]:
    """Return requests as curl makes them."""
    here = of_layer(request, layer, "items")
    return [
        Sample(label.in_(language), _curl(here, query), f"{here}?{urlencode({'f': 'json'} | query)}")
        for label, query in _queries(layer, seen)
    ]


def programs(request: Request, layer: type[Layer], seen: Seen, language: Language) -> list[Sample]:
    """Return what to type in programs: GDAL, Python, QGIS."""
    root, name = address(request), layer.__tablename__
    chosen = of_terms(layer, seen)
    tiles = f"{of_layer(request, layer, 'tiles', SCHEME)}?f=tilejson"
    told, converted = f'ogrinfo -ro -so "OAPIF:{root}" {name}', f'ogr2ogr {name}.gpkg "OAPIF:{root}" {name}'
    python = (
        f'import geopandas\n\n{name} = geopandas.read_file(\n    "OAPIF:{root}", layer="{name}", where="{chosen}"\n)'
    )
    filled = Label("连接后选图层", "Connect, and choose the layer").in_(language)
    return [
        Sample("GDAL", f'{told}\n{converted} -where "{chosen}"'),
        Sample("Python (GeoPandas)", python),
        Sample("QGIS", f"{_connect(root, language)}\n{filled} {name}"),
        Sample(Label("矢量瓦片 (TileJSON)", "Vector tiles (TileJSON)").in_(language), tiles, tiles),
    ]


def beginnings(request: Request, language: Language) -> list[Sample]:
    """Return how programs are told of the whole service."""
    root = address(request)
    return [
        Sample("QGIS", _connect(root, language)),
        Sample("GDAL", f'ogrinfo -ro "OAPIF:{root}"'),
        Sample(
            "Python (OWSLib)",
            f'from owslib.ogcapi.features import Features\n\nFeatures("{root}").feature_collections()',
        ),
        Sample("curl", f"curl {root}/collections", f"{root}/collections?f=json"),
    ]


def _connect(root: str, language: Language) -> str:
    steps = Label(
        "图层 → 添加图层 → 添加 WFS / OGC API - Features 图层 → 新建，地址填",
        "Layer → Add Layer → Add WFS / OGC API - Features Layer → New, with the address",
    )
    return f"{steps.in_(language)}\n{root}"


def of_terms(layer: type[Layer], seen: Seen) -> str:
    """Return a filter by a term of the layer's vocabulary, one that a feature has where there is one."""
    fields = {name: field for name, field in layer.fields().items() if field.vocabulary}
    name = layer.symbol.field if layer.symbol.field in fields else next(iter(fields))
    vocabulary = fields[name].vocabulary
    assert vocabulary is not None
    return f"{name} = {_quoted(seen.properties.get(name) or vocabulary.codes[0])}"


def _queries(layer: type[Layer], seen: Seen) -> Iterator[tuple[Label, dict[str, str]]]:
    """Yield what may be asked of items, from the plain to the particular."""
    yield Label("前十条", "The first ten"), {"limit": "10"}
    yield Label("按取值筛选", "By a term"), {"filter": of_terms(layer, seen)}
    measured = _of_measure(layer, seen)
    if measured:
        yield Label("按数值或日期筛选", "By a number or a day"), {"filter": measured}
    if "overdue" in filterable(layer):
        yield Label("逾期的", "What is overdue"), {"filter": "overdue = TRUE"}
    elif "open_hazards" in filterable(layer):
        yield Label("有未销号隐患的", "With hazards that are open"), {"filter": "open_hazards > 0"}
    yield Label("一个范围内", "Within a box"), {"bbox": ",".join(f"{edge:.{_ROUGHLY}f}" for edge in seen.box)}
    shown = ",".join(dict.fromkeys(("code", "name", layer.symbol.field)))
    yield Label("排序，只取几个字段", "Sorted, some properties only"), {"sortby": "-name", "properties": shown}


def _of_measure(layer: type[Layer], seen: Seen) -> str:
    """Return a filter by a number, else by a day, that the feature has; empty where it has neither."""
    fields = {name: field for name, field in layer.fields().items() if seen.properties.get(name) is not None}
    for name, field in fields.items():
        if field.kind in _MEASURED:
            return f"{name} >= {seen.properties[name]}"
    for name, field in fields.items():
        if field.kind == "date":
            return f"{name} >= DATE({_quoted(seen.properties[name])})"
    return ""


def _curl(address: str, query: Mapping[str, str]) -> str:
    """Return the request as it is typed into a shell; what is not plain is encoded by curl."""
    lines = [f"curl -G {address}", *(f'--data-urlencode "{name}={_typed(value)}"' for name, value in query.items())]
    return " \\\n  ".join(lines)


def _typed(text: str) -> str:
    """Return a text that means itself between double quotes."""
    for sign in '\\"$`':
        text = text.replace(sign, f"\\{sign}")
    return text


def _quoted(value: object) -> str:
    doubled = str(value).replace("'", "''")
    return f"'{doubled}'"
