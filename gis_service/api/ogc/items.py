"""GET /ogc/collections/{layer}/items, and /items/{code}: the features, as bytes from PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from gis_service.api.deps import (
    AsOfGiven,
    ConnectionDep,
    DatabaseDep,
    LanguageDep,
    LayerDep,
)
from gis_service.api.ogc import pages
from gis_service.api.ogc.answers import (
    FEATURES,
    FILES,
    GEOJSON,
    HTML,
    ITEMS,
    FormatQuery,
    Links,
    asked,
    chosen,
    item_tag,
    link,
    modified,
    of_layer,
    self_links,
    tagged,
    told,
    weak_tag,
    with_links,
)
from gis_service.api.ogc.files import file
from gis_service.api.ogc.selection import Asked, AskedDep, CrsDep, PropertiesDep, TurnDep, all_of
from gis_service.crs import CRS84, Crs
from gis_service.exports import Export
from gis_service.extents import count
from gis_service.features import one
from gis_service.items import Page, Turn, bare, counted, page
from layers import Layer

router = APIRouter(tags=["ogc"])


@router.get("/ogc/collections/{layer}/items", response_class=Response, responses=told(ITEMS))
def list_items(
    request: Request,
    database: DatabaseDep,
    connection: ConnectionDep,
    layer: LayerDep,
    asked_for: AskedDep,
    properties: PropertiesDep,
    crs: CrsDep,
    as_of: AsOfGiven,
    language: LanguageDep,
    turn: TurnDep,
    f: FormatQuery = None,
) -> Response:
    """Return a page of features that match, with a link to the next. Any queryable is a parameter, too: `?status=…`."""
    kind = chosen(request, f, ITEMS)
    if kind in FILES.values():
        found = bare(connection, layer, asked_for.clauses, turn, asked_for.values)
    else:
        drawn = CRS84 if kind == HTML else crs  # a page draws them
        clauses, values = asked_for.clauses, asked_for.values
        found = page(connection, layer, clauses, turn, values=values, properties=properties, crs=drawn)
    matched = _matched(connection, layer, asked_for, found, turn)
    links = [*self_links(request, kind, ITEMS), link("collection", of_layer(request, layer), "application/json")]
    if found.following:
        links.append(link("next", asked(request, after=found.following, offset=None), kind))
    if kind == HTML:
        return pages.items(request, connection, layer, found, matched, links, language)
    headers = _headers(found, matched, links, crs)
    if kind in FILES.values():
        order = tuple(key.order() for key in turn.keys)
        export = Export(database, layer, layer.id.in_(found.ids), as_of, properties=properties, order=order)
        return file(export, crs, kind, headers)
    return _page(request, found, matched, links, headers)


def _matched(connection: Connection, layer: type[Layer], asked_for: Asked, found: Page, turn: Turn) -> int | None:
    """Return how many features match; None where counting them would take longer than it is worth."""
    if turn.after:
        return None
    if found.following is None and (found.number or not turn.offset):
        return turn.offset + found.number
    clauses = asked_for.clauses

    def read() -> int | None:
        return counted(connection, layer, clauses, asked_for.values)

    return count(connection, layer, all_of(clauses), asked_for.words, read)


def _headers(found: Page, matched: int | None, links: Links, crs: Crs) -> dict[str, str]:
    """Return what an answer of any format says in its head: how many features, in which CRS, and where the next are."""
    headers = {"Content-Crs": f"<{crs.uri}>", "OGC-NumberReturned": str(found.number)}
    if matched is not None:
        headers["OGC-NumberMatched"] = str(matched)
    following = next((other for other in links if other["rel"] == "next"), None)
    if following:
        headers["Link"] = f'<{following["href"]}>; rel="next"; type="{following["type"]}"'
    return headers


def _page(request: Request, found: Page, matched: int | None, links: Links, headers: dict[str, str]) -> Response:
    said = {"numberReturned": found.number} | ({} if matched is None else {"numberMatched": matched})
    moment = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    head = orjson.dumps({"type": "FeatureCollection", **said, "timeStamp": moment, "links": links})
    tag = weak_tag(found.features, orjson.dumps(said), orjson.dumps(links))
    return tagged(request, (head[:-1], b',"features":[\n', found.features, b"\n]}"), GEOJSON, tag, **headers)


@router.get("/ogc/collections/{layer}/items/{code:path}", response_class=Response, responses=told(FEATURES))
def get_item(
    request: Request,
    connection: ConnectionDep,
    layer: LayerDep,
    code: str,
    properties: PropertiesDep,
    crs: CrsDep,
    as_of: AsOfGiven,
    language: LanguageDep,
    f: FormatQuery = None,
) -> Response:
    """Return one feature.

    `ETag` and `Last-Modified` name its version, for `If-Match` or `If-Unmodified-Since` of a change; of a past day
    there are none, for that cannot be changed.
    """
    kind = chosen(request, f, FEATURES)
    found = one(connection, layer, code, properties=properties, crs=CRS84 if kind == HTML else crs)
    links = [*self_links(request, kind, FEATURES), link("collection", of_layer(request, layer), "application/json")]
    if kind == HTML:
        return pages.item(request, connection, layer, found, links, language)
    version = {} if as_of else {"Last_Modified": modified(found)}
    tag = "" if as_of else item_tag(found)
    return tagged(request, with_links(found, links), GEOJSON, tag, Content_Crs=f"<{crs.uri}>", **version)
