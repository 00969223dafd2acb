"""POST, PUT, PATCH and DELETE of features: records changed one by one, each with a reason."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response
from sqlalchemy import text
from starlette.exceptions import HTTPException

from gis_service.api.bodies import json_of
from gis_service.api.deps import ConnectionDep, DatabaseDep, LanguageDep, LayerDep, UserDep, WritingDep
from gis_service.api.features import ETAG, FEATURE, GEOJSON
from gis_service.api.identity import identity
from gis_service.api.problems import WRITING
from gis_service.editing import Given, change, create, patch_of, read_of, record_of, remove
from gis_service.features import Found

router = APIRouter(tags=["editing"], responses=WRITING)
leftover = APIRouter(include_in_schema=False)
"""What no other route takes at the addresses of features: it says which methods there are for who asks."""

_ALL, _ONE = "/api/layers/{layer}/features", "/api/layers/{layer}/features/{code:path}"
RECORD_TYPES = (GEOJSON, "application/json")
PATCH_TYPES = ("application/merge-patch+json", "application/json", GEOJSON)
_RECORD: dict[str, Any] = {
    "type": "object",
    "description": "A GeoJSON Feature. `properties` are the layer's writable fields (see /api/layers) and `extra`; "
    "what the database keeps itself is passed over.",
    "required": ["type"],
    "properties": {
        "type": {"const": "Feature"},
        "geometry": {"type": ["object", "null"], "description": "A GeoJSON geometry of a type that the layer holds."},
        "properties": {"type": ["object", "null"]},
    },
}
_PATCH = _RECORD | {"description": "A merge patch (RFC 7396): only what is given changes.", "required": []}
_NEW = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [119.25, 26.05]},
    "properties": {"name": "首山路桥", "kind": "城市", "span_m": 42.5, "extra": {"图号": "QL-2023-17"}},
}
_CHANGED = {"properties": {"name": "首山路桥", "version": 3}}
_STORED: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG, "content": {GEOJSON: {"example": FEATURE}}}}


def _asking(schema: dict[str, Any], example: dict[str, Any], *types: str) -> dict[str, Any]:
    content = {kind: {"schema": schema, "example": example} for kind in types}
    return {"requestBody": {"required": True, "content": content}}


CREATING = _asking(_RECORD, _NEW, *RECORD_TYPES)
REPLACING = _asking(_RECORD, FEATURE, *RECORD_TYPES)
PATCHING = _asking(_PATCH, _CHANGED, *PATCH_TYPES)
"""What the documentation says of the bodies."""


def _record(
    _: Annotated[str, Depends(identity)],
    document: Annotated[object, Depends(json_of(*RECORD_TYPES))],
) -> Given:
    return record_of(document)


def _patch(
    _: Annotated[str, Depends(identity)],
    document: Annotated[object, Depends(json_of(*PATCH_TYPES))],
) -> Given:
    return patch_of(document)


# the body stands before the connection in every route: who sends slowly holds none
RecordDep = Annotated[Given, Depends(_record)]
PatchDep = Annotated[Given, Depends(_patch)]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The ETag of the version that was read; else 412.", examples=['"12-3"']),
]


@router.post(
    _ALL,
    status_code=201,
    response_class=Response,
    responses={201: _STORED[200]},
    openapi_extra=CREATING,
)
def create_feature(
    layer: LayerDep,
    given: RecordDep,
    connection: WritingDep,
    database: DatabaseDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
) -> Response:
    """Create a feature and return it; without a code it gets the layer's prefix and the next number."""
    made = create(connection, layer, given, database.district(connection).today)
    address = f"/api/layers/{layer.__tablename__}/features/{quote(made.code, safe='')}"
    return _answer(made, status=201, Location=address)


@router.put(_ONE, response_class=Response, responses=_STORED, openapi_extra=REPLACING)
def replace_feature(
    layer: LayerDep,
    code: str,
    given: RecordDep,
    connection: WritingDep,
    database: DatabaseDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    if_match: IfMatch = None,
) -> Response:
    """Replace a feature: fields that are not given become empty, or 未知. What only the ledger's steps set stays.

    With `If-Match`, or the `version` that was read among the properties, nothing is written over what somebody has
    changed since.
    """
    read = read_of(if_match, given.properties.get("version"))
    today = database.district(connection).today
    return _answer(change(connection, layer, code, given, read=read, today=today, whole=True))


@router.patch(_ONE, response_class=Response, responses=_STORED, openapi_extra=PATCHING)
def patch_feature(
    layer: LayerDep,
    code: str,
    given: PatchDep,
    connection: WritingDep,
    database: DatabaseDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    if_match: IfMatch = None,
) -> Response:
    """Change only what is given of a feature: `properties`, `geometry`, or both; null empties.

    With the `version` that was read among the properties, a field that somebody has changed since is refused, and
    others are merged. With `If-Match` any change since is refused.
    """
    read = read_of(if_match, given.properties.get("version"))
    today = database.district(connection).today
    return _answer(change(connection, layer, code, given, read=read, today=today, whole=False))


@router.delete(_ONE, status_code=204, response_class=Response)
def delete_feature(
    layer: LayerDep,
    code: str,
    connection: WritingDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    if_match: IfMatch = None,
    version: Annotated[
        int | None, Query(ge=1, description="The version that was read: a change since is refused.", examples=[3])
    ] = None,
) -> Response:
    """Delete a feature. Its history stays, and any version of it can be restored."""
    remove(connection, layer, code, read_of(if_match, version))
    return Response(status_code=204)


# no methods are all methods
@leftover.api_route(_ALL, methods=[], operation_id="methods_of_features")
def methods_of_features(request: Request, user: UserDep, layer: LayerDep) -> Response:
    """Say which methods the features of a layer take from who asks."""
    return _allowing(request, ["POST"] if user.may_create(layer) else [])


@leftover.api_route(_ONE, methods=[], operation_id="methods_of_a_feature")
def methods_of_a_feature(
    request: Request, connection: ConnectionDep, user: UserDep, layer: LayerDep, code: str
) -> Response:
    """Say which methods a feature takes from who asks; where there is none, as if it were hers."""
    methods = ["PUT", "PATCH"] if user.may_write(layer) else []
    methods += ["DELETE"] if user.may_create(layer) else []
    shown = text("SELECT gis_sees(:layer, :code) AND NOT gis_reaches(:layer, :code)")
    if connection.execute(shown, {"layer": layer.__tablename__, "code": code}).scalar_one():
        methods = []
    return _allowing(request, methods)


def _allowing(request: Request, methods: list[str]) -> Response:
    headers = {"Allow": ", ".join(["GET", "HEAD", "OPTIONS", *methods])}
    if "POST" in methods:
        headers["Accept-Post"] = ", ".join(RECORD_TYPES)
    if "PATCH" in methods:
        headers["Accept-Patch"] = ", ".join(PATCH_TYPES)
    if request.method != "OPTIONS":
        raise HTTPException(405, headers=headers)
    return Response(headers=headers)


def _answer(found: Found, status: int = 200, **headers: str) -> Response:
    return Response(found.feature, status, {"ETag": found.etag, **headers}, GEOJSON)
