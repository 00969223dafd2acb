"""How /ogc answers: in the format that was asked for, with links, with a tag that says whether anything is new."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC
from email.utils import format_datetime
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import orjson
from fastapi import Query, Request
from fastapi.responses import Response

from gis_service.api.addresses import path_of, site_of
from gis_service.api.headers import HERS_TO_KEEP
from gis_service.database.waiting import away_from_loop
from gis_service.errors import UnknownValue
from gis_service.exports import FORMATS
from gis_service.features import Found
from layers import Layer

JSON, HTML = "application/json", "text/html"
GEOJSON, SCHEMA = "application/geo+json", "application/schema+json"
MVT, TILEJSON = "application/vnd.mapbox-vector-tile", "application/vnd.mapbox.tile+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
SCHEME = "WebMercatorQuad"
"""The tile matrix set of the tiles."""
_OF_PAGES = ("f", "lang", "limit", "offset", "after", "sortby", "properties", "crs")
"""Parameters that do not choose features."""
DOCUMENTS: Mapping[str, str] = {"json": JSON, "html": HTML}
"""The formats of what is no feature, by the value of `f`; the first where nothing is asked for."""
FEATURES: Mapping[str, str] = {"json": GEOJSON, "html": HTML, "geojson": GEOJSON}
FILES: Mapping[str, str] = {suffix: FORMATS[suffix].media_type for suffix in ("fgb", "csv", "parquet")}
"""The files that a page of features comes in."""
ITEMS: Mapping[str, str] = {**FEATURES, **FILES}
SCHEMAS: Mapping[str, str] = {"json": SCHEMA, "html": HTML}


def told(offered: Mapping[str, str]) -> dict[int | str, dict[str, Any]]:
    """Return what the documentation says of an answer: its formats, and that it may be known already."""
    kinds: dict[str, Any] = {kind: {} for kind in offered.values()}
    return {200: {"content": kinds}, 304: {"description": "What the client has is what there is."}}


TILE = told({"mvt": MVT}) | {204: {"description": "Nothing is in the tile."}}
"""What the documentation says of a vector tile."""
Links = list[dict[str, str]]
FormatQuery = Annotated[
    str | None,
    Query(
        alias="f",
        description="Format: json, html; of features also fgb, csv, parquet. By default what Accept asks for.",
        examples=["json"],
    ),
]


def chosen(request: Request, f: str | None, offered: Mapping[str, str]) -> str:
    """Return the media type to answer in: that of `f`, else the one that Accept likes best, else the first.

    Raises
    ------
    UnknownValue
        Where there is no such format.
    """
    kind = _chosen(request, f, offered)
    if kind == HTML:
        away_from_loop()  # pages are written in Python
    return kind


def _chosen(request: Request, f: str | None, offered: Mapping[str, str]) -> str:
    if f is not None:
        if f not in offered:
            raise UnknownValue("f", f, offered)
        return offered[f]
    accepted = [_range(part) for part in request.headers.get("accept", "*/*").split(",")]
    return max(offered.values(), key=lambda kind: max((_liking(kind, *one) for one in accepted), default=0.0))


def _range(part: str) -> tuple[str, float]:
    """Return a media range and how much it is liked."""
    kind, *parameters = (word.strip() for word in part.split(";"))
    weight = next((word[2:] for word in parameters if word.startswith("q=")), "1")
    return kind.lower(), float(weight) if weight.replace(".", "", 1).isdigit() else 0.0


def _liking(kind: str, accepted: str, weight: float) -> float:
    """Return how much a media type is liked; any JSON is JSON, and what is named goes first."""
    bare = kind.partition(";")[0]
    if accepted == bare or (accepted == JSON and bare.endswith("json")):
        return weight
    named, _, rest = accepted.partition("/")
    return weight / 1000 if rest == "*" and named in ("*", bare.partition("/")[0]) else 0.0


def address(request: Request, *path: str) -> str:
    """Return the full address of something below /ogc; the parts of its path are quoted, slashes too."""
    return "/".join((f"{site_of(request)}{request.scope.get('root_path', '')}/ogc", *map(_quoted, path)))


@lru_cache(maxsize=1024)
def _quoted(part: str) -> str:
    return quote(part, safe="")


def of_layer(request: Request, layer: type[Layer], *path: str) -> str:
    """Return the full address of a collection, or of something below it."""
    return address(request, "collections", layer.__tablename__, *path)


def tiles_of(request: Request, layer: type[Layer], place: str) -> str:
    """Return the address of a collection's tiles with variables for their place, and the filter that was asked with."""
    query = {name: value for name, value in request.query_params.items() if name not in _OF_PAGES}
    bare = f"{of_layer(request, layer, 'tiles', SCHEME)}/{place}"
    return f"{bare}?{urlencode(query)}" if query else bare


def link(rel: str, href: str, media_type: str, title: str = "") -> dict[str, str]:
    """Return a link."""
    return {"rel": rel, "href": href, "type": media_type} | ({"title": title} if title else {})


def asked(request: Request, **other: str | None) -> str:
    """Return the address that was asked, with other values for some parameters; None leaves one out."""
    query = {key: value for key, value in (dict(request.query_params) | other).items() if value is not None}
    bare = f"{site_of(request)}{path_of(request)}"
    return f"{bare}?{'&'.join(map(_pair, query, query.values()))}" if query else bare


@lru_cache(maxsize=1024)
def _pair(name: str, value: str) -> str:
    return urlencode({name: value})


def self_links(request: Request, kind: str, offered: Mapping[str, str]) -> Links:
    """Return the links to what was asked, and to the same in every other format."""
    others = {media_type: f for f, media_type in reversed(list(offered.items())) if media_type != kind}
    return [link("self", asked(request), kind)] + [
        link("alternate", asked(request, f=f), media_type) for media_type, f in others.items()
    ]


def document(request: Request, content: Any, kind: str = JSON, **headers: str) -> Response:  # noqa: ANN401 - a document
    """Return a JSON document, or that nothing of it is new."""
    body = orjson.dumps(content)
    return tagged(request, body, kind, weak_tag(body), **headers)


def weak_tag(*parts: bytes) -> str:
    """Return a tag of what an answer holds: the same while it does."""
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        digest.update(part)
    return f'W/"{digest.hexdigest()}"'


def tagged(request: Request, body: bytes | Sequence[bytes], kind: str, tag: str, **headers: str) -> Response:
    """Return an answer with its tag; 304 and no body where the client has it already, 204 where there is none."""
    signed_in = getattr(request.state, "signed_in", False)
    known = {"ETag": tag, "Cache-Control": HERS_TO_KEEP if signed_in else "no-cache"} if tag else {}
    said = {
        **known,
        "Vary": "Accept, Accept-Language",
        **{key.replace("_", "-"): text for key, text in headers.items()},
    }
    had = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag and ("*" in had or tag.removeprefix("W/") in had):
        return Response(status_code=304, headers=said)
    content = body if isinstance(body, bytes) else b"".join(body)
    return Response(content, media_type=kind, headers=said) if content else Response(status_code=204, headers=said)


def vector_tile(request: Request, content: bytes) -> Response:
    """Return a vector tile, or that nothing of it is new, or that nothing is in it."""
    return tagged(request, content, MVT, weak_tag(content))


def with_links(found: Found, links: Links) -> bytes:
    """Return a feature with its links."""
    return b"".join((found.feature[:-1], b', "links": ', orjson.dumps(links), b"}"))


def item_tag(found: Found) -> str:
    """Return the tag of one feature: its version, by which a change is held to what was read, and what it looks like.

    The latter differs by CRS and choice of properties; and where the feature lies is kept by the database, and may
    change without the version.
    """
    return f"{found.etag[:-1]}.{weak_tag(found.feature)[3:]}"


def modified(found: Found) -> str:
    """Return when the version of a feature was recorded, as HTTP writes it."""
    return format_datetime(found.recorded.astimezone(UTC), usegmt=True)
