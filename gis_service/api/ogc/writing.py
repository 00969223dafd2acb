"""The operations of the API definition that write, as OGC API Features, part 4, has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gis_service.api.editing import PATCH_TYPES, RECORD_TYPES
from gis_service.api.ogc.answers import GEOJSON
from gis_service.api.problems import WRITING

_STRING = {"type": "string"}
_RECORD: dict[str, Any] = {
    "type": "object",
    "description": "A GeoJSON Feature; `properties` are those of the collection's schema, what is `readOnly` there is "
    "passed over, and so is `id`.",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "enum": ["Feature"]},
        "geometry": {"type": "object", "nullable": True},
        "properties": {"type": "object", "nullable": True},
    },
}
_PATCH: dict[str, Any] = {
    "type": "object",
    "description": "A merge patch (RFC 7396) of the feature: only what is given changes, null empties.",
    "properties": {name: _RECORD["properties"][name] for name in ("geometry", "properties")},
}
SCHEMAS: Mapping[str, Any] = {"featureToStore": _RECORD, "featurePatch": _PATCH}
PROBLEMS: Mapping[str, str] = {str(status): answer["description"] for status, answer in WRITING.items()}


def parameters(crs: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that operations which write share; `crs` are the CRSs that a body may be in."""
    day = {"type": "string", "format": "date"}
    uri = f"URI of the CRS of the body's geometry, bare or in angle brackets; {crs[0]} by default."
    read = {
        "If-Match": "The ETag of the version that was read: what is no longer the present one is answered 412.",
        "If-Unmodified-Since": "The Last-Modified that was read, in the place of an ETag.",
    }
    form = {"style": "form", "explode": False}
    return {
        "reason": {"name": "reason", "in": "query", "schema": _STRING, "description": "Why.", **form},
        "valid_from": {"name": "valid_from", "in": "query", "schema": day, "description": "Holds from.", **form},
        "Content-Crs": {"name": "Content-Crs", "in": "header", "schema": _STRING, "description": uri},
        **{name: {"name": name, "in": "header", "schema": _STRING, "description": why} for name, why in read.items()},
    }


def of_items(name: str, title: str) -> dict[str, Any]:
    """Return what may be written to a collection."""
    shared = ["reason", "valid_from", "Content-Crs", "lang"]
    done = {"201": _done("Created; Location is its address.", "Location")}
    return {
        "post": _operation(f"{title}: create", f"{name}.create", shared, done, _body("featureToStore", RECORD_TYPES))
    }


def of_an_item(name: str, title: str) -> dict[str, Any]:
    """Return what may be written to a feature."""
    held = ["featureId", "reason", "valid_from", "If-Match", "If-Unmodified-Since", "lang"]
    done = {"200": _done("As it stands now.", "Content-Location")}
    record, patch = _body("featureToStore", RECORD_TYPES), _body("featurePatch", PATCH_TYPES)
    gone = {"204": {"description": "Deleted; its history stays."}}
    return {
        "put": _operation(f"{title}: replace", f"{name}.replace", [*held, "Content-Crs"], done, record),
        "patch": _operation(f"{title}: change", f"{name}.update", [*held, "Content-Crs"], done, patch),
        "delete": _operation(f"{title}: delete", f"{name}.delete", held, gone),
    }


def _operation(
    summary: str, id_: str, given: Sequence[str], done: Mapping[str, Any], body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    problems = sorted({"400", "401", "403", "404", "503", *PROBLEMS})
    return {
        "summary": summary,
        "operationId": id_,
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in given],
        **({"requestBody": body} if body else {}),
        "responses": {**done, **{status: {"$ref": f"#/components/responses/problem{status}"} for status in problems}},
    }


def _body(schema: str, types: Sequence[str]) -> dict[str, Any]:
    content = {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"}} for kind in types}
    return {"required": True, "content": content}


def _done(description: str, *headers: str) -> dict[str, Any]:
    told = {name: {"schema": _STRING} for name in (*headers, "ETag", "Last-Modified", "Content-Crs")}
    content = {GEOJSON: {"schema": {"$ref": "#/components/schemas/featureGeoJSON"}}}
    return {"description": description, "headers": told, "content": content}
