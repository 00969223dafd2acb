"""/hazards: the ledger as pages. The list, the daily list, a form to record a hazard, and one hazard with its steps."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from gis_service.api.deps import (
    AreaQuery,
    AsOfDep,
    AsOfGiven,
    ConnectionDep,
    DistrictDep,
    LanguageDep,
    SettingsDep,
    UserDep,
)
from gis_service.api.hazards import CodePath, WantedDep, with_files
from gis_service.api.pages import render
from gis_service.features import names
from gis_service.ledger import daily, page, rates, record
from layers import UNKNOWN, Language, Role, Subjected, ledger, registry, with_role

router = APIRouter(tags=["pages"])

_ROWS = 50
_MOST_AREAS = 500


def _shared(
    connection: ConnectionDep, district: DistrictDep, today: AsOfDep, language: Language, user: UserDep
) -> dict[str, Any]:
    """Return what every page of the ledger knows: the district, its areas, the words of the vocabularies."""
    hazards = ledger()
    fields = hazards.fields()
    vocabularies = {name: field.vocabulary for name, field in fields.items() if field.vocabulary}
    return {
        "district": district.name.in_(language),
        "illustrative": district.illustrative,
        "as_of": today,
        "ledger": hazards.__tablename__,
        "major": hazards.major,
        "labels": {name: field.label.in_(language) for name, field in fields.items()},
        "words": {name: {t.code: t.label.in_(language) for t in terms} for name, terms in vocabularies.items()},
        "colours": {t.code: t.colour for t in vocabularies["status"]},
        "titles": {name: layer.title.in_(language) for name, layer in registry().items()},
        "subjects": [
            name
            for name, layer in registry().items()
            if layer.role is not Role.AREAS and not issubclass(layer, Subjected)
        ],
        "areas": names(connection, with_role(Role.AREAS), _MOST_AREAS),
        "may_record": user.may_create(hazards),
    }


@router.get("/hazards", response_class=HTMLResponse)
def ledger_page(
    request: Request,
    connection: ConnectionDep,
    district: DistrictDep,
    wanted: WantedDep,
    today: AsOfDep,
    as_of: AsOfGiven,
    language: LanguageDep,
    user: UserDep,
    after: Annotated[str, Query(description="Key of the page, from the link to it.")] = "",
) -> HTMLResponse:
    """Return the ledger as a page: filters, rates, and the hazards, the most urgent first."""
    found = page(connection, wanted, today, limit=_ROWS, after=after)
    period = {"found_from": wanted.found_from, "found_to": wanted.found_to}
    query = {name: value for name, value in request.query_params.items() if name != "after"}
    context = {
        **_shared(connection, district, today, language, user),
        "day": as_of,
        "wanted": wanted,
        "asked": dict(request.query_params),
        "rates": rates(connection, today, language, area=wanted.area, by="area", **period),
        "hazards": [f["properties"] for f in orjson.loads(b"[" + found.features + b"]")],
        "matched": found.matched,
        "first": f"/hazards?{urlencode(query)}" if after else "",
        "following": f"/hazards?{urlencode(query | {'after': found.following})}" if found.following else "",
    }
    return render(request, "hazards.html", context)


@router.get("/hazards/daily", response_class=HTMLResponse)
def daily_page(
    request: Request,
    connection: ConnectionDep,
    district: DistrictDep,
    today: AsOfDep,
    language: LanguageDep,
    user: UserDep,
    area: AreaQuery = "",
) -> HTMLResponse:
    """Return the daily list as a page to be printed: what each sub-district has to do."""
    found = daily(connection, today, language, area)
    shared = _shared(connection, district, today, language, user)
    return render(request, "hazards_daily.html", {**shared, "found": found, "area": area})


@router.get("/hazards/new", response_class=HTMLResponse)
def new_page(
    request: Request,
    connection: ConnectionDep,
    district: DistrictDep,
    today: AsOfDep,
    language: LanguageDep,
    user: UserDep,
    settings: SettingsDep,
    subject: Annotated[str, Query(description="What it is about: `layer/code`.", examples=["rivers/HD-001"])] = "",
) -> HTMLResponse:
    """Return the form to record a hazard; who may not is refused, or led to sign in."""
    hazards = ledger()
    if not user.may_create(hazards):
        raise user.refusal()
    layer, _, code = subject.partition("/")
    context = {
        **_shared(connection, district, today, language, user),
        "subject": {"layer": layer, "code": code},
        "place": _place(settings.base_map_url),
        "unknown": UNKNOWN,
    }
    return render(request, "hazards_new.html", context)


@router.get("/hazards/{code:path}", response_class=HTMLResponse)
def hazard_page(
    request: Request,
    connection: ConnectionDep,
    district: DistrictDep,
    code: CodePath,
    today: AsOfDep,
    as_of: AsOfGiven,
    language: LanguageDep,
    user: UserDep,
    settings: SettingsDep,
) -> HTMLResponse:
    """Return one hazard as a page: its facts, its place, its photos, its events, and the steps to take now."""
    found = with_files(record(connection, code, today, user, language, as_of=as_of))
    context = {
        **_shared(connection, district, today, language, user),
        "day": as_of,
        "hazard": found["properties"],
        "point": found["geometry"]["coordinates"],
        "events": found["events"],
        "files": found["attachments"],
        "transitions": found["transitions"],
        "place": _place(settings.base_map_url),
        "may_backdate": user.may("backdate"),
    }
    return render(request, "hazard.html", context)


def _place(base_map: str) -> dict[str, Any]:
    """Return what the script draws a small map of: the areas, the lines, and the base map that the operator has set."""
    lines = [name for name, layer in registry().items() if layer.geometry == ("MultiLineString",)]
    exports = "/api/exports/{}.geojson"
    return {
        "areas": exports.format(with_role(Role.AREAS).__tablename__),
        "lines": ",".join(exports.format(name) for name in lines),
        "base": base_map,
    }
