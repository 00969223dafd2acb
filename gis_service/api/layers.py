"""GET /api/layers: what there is, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from gis_service.api.deps import ConnectionDep, LanguageDep
from gis_service.exports import FORMATS
from gis_service.extents import counts
from gis_service.filters import filterable
from layers import Field, Language, Layer, Ratio, registry

router = APIRouter(tags=["layers"])

_EXAMPLE = {
    "layers": [
        {
            "name": "rivers",
            "title": "内河",
            "count": 55,
            "geometry": ["MultiLineString"],
            "fields": [{"name": "status", "label": "状态", "kind": "term", "terms": [{"code": "建成开放"}]}],
            "measures": [{"name": "count", "label": "数量", "unit": ""}],
        }
    ]
}
_BUILT_IN = {"count": ("数量", "Count", ""), "length_km": ("长度", "Length", "km"), "area_m2": ("面积", "Area", "m²")}


@router.get("/api/layers", responses={200: {"content": {"application/json": {"example": _EXAMPLE}}}})
def list_layers(connection: ConnectionDep, language: LanguageDep) -> dict[str, Any]:
    """List the layers with their fields, vocabularies, measures and number of features."""
    held = counts(connection)
    return {
        "layers": [
            {
                "count": held[name],
                **describe(layer, language),
            }
            for name, layer in registry().items()
        ]
    }


def describe(layer: type[Layer], language: Language) -> dict[str, Any]:
    """Return what a client must know of a layer."""
    name = layer.__tablename__
    return {
        "name": name,
        "title": layer.title.in_(language),
        "standard": layer.standard,
        "geometry": list(layer.geometry),
        "placed": layer.placed,
        "crs": "EPSG:4490",
        "symbol_field": layer.symbol.field,
        "risk": layer.risk is not None,
        "fields": [
            {"writable": key in layer.writable(), **_field(key, field, language)}
            for key, field in filterable(layer).items()
        ],
        "groups": list(layer.categories()),
        "measures": [_measure(layer, measure, language) for measure in layer.measure_names()],
        "links": {
            "features": f"/api/layers/{name}/features",
            "statistics": f"/api/statistics/{name}",
            "geojson": f"/api/exports/{name}.geojson",
            "exports": {suffix: f"/api/exports/{name}.{suffix}" for suffix in FORMATS},
        },
    }


def _field(name: str, field: Field, language: Language) -> dict[str, Any]:
    described: dict[str, Any] = {"name": name, "label": field.label.in_(language), "kind": field.kind}
    optional: Mapping[str, Any] = {
        "unit": field.unit or None,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "references": field.references or None,
    }
    described |= {key: value for key, value in optional.items() if value is not None}
    if field.vocabulary:
        described["source"] = field.vocabulary.source
        described["terms"] = [{"code": term.code, "label": term.label.in_(language)} for term in field.vocabulary]
    if field.kind == "layer":
        described["terms"] = [{"code": key, "label": one.title.in_(language)} for key, one in registry().items()]
    return described


def _measure(layer: type[Layer], name: str, language: Language) -> dict[str, Any]:
    declared = next((m for m in layer.measures if m.name == name), None)
    if declared is None:
        zh, en, unit = _BUILT_IN[name]
        return {"name": name, "label": zh if language == "zh" else en, "unit": unit}
    base = {"base": declared.base.in_(language)} if isinstance(declared, Ratio) else {}
    return {"name": name, "label": declared.label.in_(language), "unit": declared.unit, **base}
