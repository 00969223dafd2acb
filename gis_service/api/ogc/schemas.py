"""GET /ogc/collections/{layer}/schema, /queryables, /sortables: what features hold, are found by, are sorted by."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gis_service.access import User
from gis_service.api.deps import LanguageDep, LayerDep, UserDep
from gis_service.api.ogc.answers import HTML, SCHEMA, SCHEMAS, FormatQuery, chosen, document, of_layer, told
from gis_service.api.pages import render
from gis_service.features import returned
from gis_service.filters import filterable
from gis_service.moments import moment
from layers import Field, Label, Language, Layer, Ledger, registry

router = APIRouter(tags=["ogc"])

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Mapping[str, dict[str, str]] = {
    "number": {"type": "number"},
    "money": {"type": "number"},
    "date": {"type": "string", "format": "date"},
    "flag": {"type": "boolean"},
}
_UCUM = {"m²": "m2", "m³": "m3", "m": "m", "%": "%", "t": "t", "d": "d", "km": "km"}
_SHAPES = {"Point": "point", "MultiLineString": "multilinestring", "MultiPolygon": "multipolygon"}
_KEPT: Mapping[str, tuple[dict[str, str], Label]] = {
    "extra": ({"type": "object"}, Label("其他属性", "Other properties")),
    "version": ({"type": "integer"}, Label("版本", "Version")),
    "valid_from": ({"type": "string", "format": "date-time"}, Label("生效时间", "Valid from")),
    "updated_at": ({"type": "string", "format": "date-time"}, Label("更新时间", "Updated at")),
}


@cache
def returnables(layer: type[Layer]) -> tuple[str, ...]:
    """Return the names of the properties that features of a collection bear."""
    return (*returned(layer), "valid_from")


@router.get("/ogc/collections/{layer}/schema", response_class=Response, responses=told(SCHEMAS))
def get_schema(
    request: Request, layer: LayerDep, user: UserDep, language: LanguageDep, f: FormatQuery = None
) -> Response:
    """Return what features hold, property by property (JSON Schema); what is not hers to write is `readOnly`."""
    return _answer(request, layer, language, f, "schema", described(layer, user, language))


def described(layer: type[Layer], user: User, language: Language) -> dict[str, Any]:
    """Return the schema of each property, as who asks may set it."""
    hers = _writable(layer, user)
    properties = {
        name: one | {"x-ogc-propertySeq": at} | ({} if name in hers else {"readOnly": True})
        for at, (name, one) in enumerate(_borne(layer, language).items(), 1)
    }
    properties["code"]["x-ogc-role"] = "id"
    properties["name"]["x-ogc-role"] = "title"
    properties[str(moment(layer).key)]["x-ogc-role"] = "primary-instant"
    properties["geom"] = _geometry(layer, language) | ({} if "geom" in hers else {"readOnly": True})
    return properties


@router.get("/ogc/collections/{layer}/schema/feature", response_class=Response, responses=told(SCHEMAS))
def get_feature_schema(request: Request, layer: LayerDep, language: LanguageDep, f: FormatQuery = None) -> Response:
    """Return what a feature is as GeoJSON (JSON Schema): GDAL takes the types of its columns from here."""
    if chosen(request, f, SCHEMAS) == HTML:
        return _answer(request, layer, language, f, "schema", _borne(layer, language))
    properties = {
        "type": {"type": "string", "enum": ["Feature"]},
        "id": {"type": "string"},
        "geometry": {"type": ["object", "null"]},
        "properties": {"type": "object", "properties": _borne(layer, language)},
    }
    return _answer(request, layer, language, f, "schema/feature", properties)


@router.get("/ogc/collections/{layer}/queryables", response_class=Response, responses=told(SCHEMAS))
def get_queryables(request: Request, layer: LayerDep, language: LanguageDep, f: FormatQuery = None) -> Response:
    """Return the properties that `filter` may name, derived ones included; each is a query parameter, too."""
    properties = {name: queryable(name, layer, language) for name in filterable(layer)}
    properties["geom"] = _geometry(layer, language)
    return _answer(request, layer, language, f, "queryables", properties)


@router.get("/ogc/collections/{layer}/sortables", response_class=Response, responses=told(SCHEMAS))
def get_sortables(request: Request, layer: LayerDep, language: LanguageDep, f: FormatQuery = None) -> Response:
    """Return the properties that `sortby` may name."""
    properties = {name: queryable(name, layer, language) for name in filterable(layer)}
    return _answer(request, layer, language, f, "sortables", properties)


def queryable(name: str, layer: type[Layer], language: Language) -> dict[str, Any]:
    """Return what a property is, its vocabulary as plain codes."""
    one = _field(name, layer, language)
    terms = one.pop("oneOf", None)
    return one | ({"enum": [term["const"] for term in terms]} if terms else {})


def _field(name: str, layer: type[Layer], language: Language) -> dict[str, Any]:
    field = filterable(layer)[name]
    one: dict[str, Any] = {"title": field.label.in_(language), **_TYPES.get(field.kind, {"type": "string"})}
    if name == "version":
        one["type"] = "integer"
    bounds = {"minimum": field.minimum, "maximum": field.maximum}
    one |= {key: bound for key, bound in bounds.items() if bound is not None}
    if field.unit in _UCUM:
        one["x-ogc-unit"] = _UCUM[field.unit]
    elif field.unit:
        one |= {"x-ogc-unit": field.unit, "x-ogc-unitLang": "zh"}
    if field.references:
        one |= {"x-ogc-role": "reference", "x-ogc-collectionId": field.references}
    return one | _terms(field, language)


def _terms(field: Field, language: Language) -> dict[str, Any]:
    terms: list[tuple[str, str]] = []
    if field.vocabulary:
        terms = [(term.code, term.label.in_(language)) for term in field.vocabulary]
    elif field.kind == "layer":
        terms = [(name, layer.title.in_(language)) for name, layer in registry().items()]
    source = {"description": field.vocabulary.source} if field.vocabulary else {}
    return source | {"oneOf": [{"const": code, "title": title} for code, title in terms]} if terms else {}


def _borne(layer: type[Layer], language: Language) -> dict[str, dict[str, Any]]:
    """Return what the properties of a feature are; any may be null. Each has one `type`, for GDAL reads no list."""
    return {
        name: _field(name, layer, language) if name in layer.fields() else _kept(name, language)
        for name in returnables(layer)
    }


def _kept(name: str, language: Language) -> dict[str, Any]:
    kind, label = _KEPT[name]
    return {"title": label.in_(language), **kind}


def _geometry(layer: type[Layer], language: Language) -> dict[str, Any]:
    shape = _SHAPES[layer.geometry[0]] if len(layer.geometry) == 1 else "any"
    title = Label("图形", "Geometry").in_(language)
    return {"title": title, "x-ogc-role": "primary-geometry", "format": f"geometry-{shape}"}


def _writable(layer: type[Layer], user: User) -> set[str]:
    """Return the properties that she may set: what steps of the ledger set is set by them only."""
    if not user.may_write(layer):
        return set()
    fields = {*layer.writable(), "extra", "geom"} - set(layer.of_the_loop() if issubclass(layer, Ledger) else ())
    return fields if user.columns is None else fields & set(user.columns)


def _answer(
    request: Request, layer: type[Layer], language: Language, f: str | None, name: str, properties: dict[str, Any]
) -> Response:
    kind = chosen(request, f, SCHEMAS)
    title = layer.title.in_(language)
    if kind == HTML:
        context = {"layer": {"name": layer.__tablename__, "title": title}, "which": name, "properties": properties}
        return render(request, "ogc_schema.html", context)
    content = {
        "$schema": _DRAFT,
        "$id": of_layer(request, layer, *name.split("/")),
        "type": "object",
        "title": title,
        "description": layer.standard,
        "properties": properties,
        "additionalProperties": name == "schema/feature",  # a feature has links, too
    }
    return document(request, content, SCHEMA)
