"""/api/hazards: the ledger, one hazard with its events, the steps of its loop, the rates, and the daily list."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gis_service.api.attachments import described
from gis_service.api.deps import (
    AreaQuery,
    AsOfDep,
    AsOfGiven,
    ConnectionDep,
    DatabaseDep,
    LanguageDep,
    SettingsDep,
    UserDep,
    features_on_page,
)
from gis_service.api.features import GEOJSON, one_page
from gis_service.api.problems import answering
from gis_service.ledger import Asked, Wanted, daily, page, rates, record, take

router = APIRouter(tags=["hazards"])

_RATE = {
    "name": "rectified",
    "label": "整改率",
    "numerator": 215,
    "denominator": 260,
    "base": "期间内发现的隐患",
    "percent": 82.69,
}
_EVENT = {
    "id": 812,
    "transition": "rectify",
    "label": "整改完成",
    "from": "整改中",
    "to": "整改完成",
    "by": "陈工",
    "held_from": "2023-10-31T00:00:00+08:00",
    "recorded_at": "2023-10-31T15:02:11+08:00",
    "note": "已更换支座",
    "deadline": "2023-11-05",
    "deadline_before": "2023-11-05",
    "attachments": [{"id": 7, "name": "支座.jpg", "url": "/api/attachments/7"}],
}
_HAZARD = {
    "type": "Feature",
    "id": "YH-012",
    "geometry": {"type": "Point", "coordinates": [119.31, 26.03]},
    "properties": {
        "code": "YH-012",
        "status": "整改完成",
        "level": "重大",
        "overdue": False,
        "subject_name": "百花洲路桥",
    },
}
_RECORD = {
    **_HAZARD,
    "events": [_EVENT],
    "attachments": [],
    "transitions": [{"transition": "verify", "label": "复查合格", "to": "复查", "to_label": "复查", "needs": []}],
}
_LIST = {"type": "FeatureCollection", "numberMatched": 1, "numberReturned": 1, "links": [], "features": [_HAZARD]}
_RATES: dict[str, Any] = {
    "as_of": "2023-10-31",
    "by": None,
    "rows": [],
    "total": {"found": 260, "rectified": 215, "rates": [_RATE]},
}
_ITEM = {"code": "YH-012", "name": "百花洲路桥支座脱空", "level": "重大", "deadline": "2023-10-20", "days": 11}
_DAILY = {
    "as_of": "2023-10-31",
    "sections": {"overdue": "已逾期", "due_soon": "3 日内到期", "found": "新发现待交办", "to_verify": "待复查"},
    "counts": {"overdue": 1, "due_soon": 0, "found": 0, "to_verify": 0},
    "areas": [{"area_code": "350104101", "area": "城门镇", "overdue": [_ITEM]}],
}


def _example(media_type: str, example: Any) -> dict[int | str, dict[str, Any]]:  # noqa: ANN401 - any document
    return {200: {"content": {media_type: {"example": example}}}}


def wanted(
    area: AreaQuery = "",
    level: Annotated[str, Query(description="Levels, comma-separated.", examples=["重大"])] = "",
    status: Annotated[str, Query(description="States, comma-separated.", examples=["交办,整改中"])] = "",
    kind: Annotated[str, Query(description="Kinds, comma-separated.", examples=["消防"])] = "",
    subject: Annotated[
        str, Query(description="A layer, or one of its features, as `layer/code`.", examples=["rivers/HD-001"])
    ] = "",
    open: Annotated[bool | None, Query(description="Not yet verified, or the others.")] = None,
    overdue: Annotated[bool | None, Query(description="Past the deadline and not rectified, or the others.")] = None,
    supervised: Annotated[bool | None, Query(description="Under special supervision, or the others.")] = None,
    found_from: Annotated[date | None, Query(description="Found on this day or later.")] = None,
    found_to: Annotated[date | None, Query(description="Found on this day or before.")] = None,
) -> Wanted:
    """Return what is asked of the ledger."""
    return Wanted(area, level, status, kind, subject, open, overdue, supervised, found_from, found_to)


WantedDep = Annotated[Wanted, Depends(wanted)]
CodePath = Annotated[str, Path(description="The hazard's code.", examples=["YH-012"])]
ByQuery = Annotated[
    str, Query(description="Rows per area, level, kind or subject_layer; none by default.", examples=["area"])
]
FromQuery = Annotated[date | None, Query(alias="from", description="Of the hazards found on this day or later.")]
ToQuery = Annotated[date | None, Query(alias="to", description="Of the hazards found on this day or before.")]


class StepBody(BaseModel):
    """A step of the loop that is to be taken."""

    model_config = ConfigDict(extra="forbid")

    transition: str = Field(description="The step (see `transitions` of the hazard).", examples=["rectify"])
    note: str = Field("", max_length=4000, description="What is to be said of it.", examples=["已更换支座"])
    deadline: date | None = Field(None, description="The deadline that it sets.", examples=["2023-11-30"])
    attachments: list[int] = Field([], max_length=50, description="Ids of attachments of this hazard.", examples=[[7]])
    valid_from: date | None = Field(None, description="The earlier day it was taken on, given by who may backdate.")


@router.get("/api/hazards", response_class=Response, responses=_example(GEOJSON, _LIST))
def list_hazards(
    request: Request,
    connection: ConnectionDep,
    wanted: WantedDep,
    today: AsOfDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    settings: SettingsDep,
    limit: Annotated[
        int | None, Query(ge=1, description="Hazards on the page; more than the most is the most.")
    ] = None,
    after: Annotated[str, Query(description="Key of the page, from the link `next` of the one before.")] = "",
) -> Response:
    """Return a page of the ledger as GeoJSON, with a link to the next.

    First what is to be rectified, the earliest deadline before; then what is not yet issued, what waits for
    verification, and what is done. Beside its fields each hazard has `open`, `overdue`, `days_open`, `days_overdue`,
    and the names of its subject and its area.
    """
    found = page(connection, wanted, today, limit=features_on_page(settings, limit), after=after)
    said = {"as_of": today, "numberMatched": found.matched, "numberReturned": found.number}
    return one_page(request, found.features, found.following, **said)


@router.get("/api/hazards/rates", responses=_example("application/json", _RATES))
def get_rates(
    connection: ConnectionDep,
    today: AsOfDep,
    language: LanguageDep,
    area: AreaQuery = "",
    by: ByQuery = "",
    found_from: FromQuery = None,
    found_to: ToQuery = None,
) -> dict[str, Any]:
    """Return the rates of the hazards found in a period: rectified, rectified on time, verified, closed.

    Each has its numerator, its denominator and its base in words; it is in percent, null where its base is 0. A hazard
    counts as it stands, or with `as_of` as it stood. Rows add up to the total.
    """
    return rates(connection, today, language, area=area, by=by, found_from=found_from, found_to=found_to)


@router.get("/api/hazards/daily", responses=_example("application/json", _DAILY))
def get_daily(connection: ConnectionDep, today: AsOfDep, language: LanguageDep, area: AreaQuery = "") -> dict[str, Any]:
    """Return what each sub-district has to do on the day: overdue, due soon, found, to verify; the major first."""
    return daily(connection, today, language, area)


@router.post("/api/hazards/{code:path}/transitions", responses=_example(GEOJSON, _RECORD) | answering(409, 422))
def take_step(database: DatabaseDep, user: UserDep, code: CodePath, body: StepBody, language: LanguageDep) -> Response:
    """Take a step of a hazard's loop, and return the hazard as it is then.

    The steps: issue (with a deadline), start, rectify (with a note or photos as evidence), verify, return (with a
    note), close, extend (with a later deadline and a note), supervise (with a note). Who verifies or returns is not
    the one who rectified. A step that the state does not allow is refused with those that it does.
    """
    take(database, user, code, Asked(**body.model_dump()))
    with database.reading() as connection:
        today = database.district(connection).today
        return _written(record(connection, code, today, user, language))


@router.get("/api/hazards/{code:path}", response_class=Response, responses=_example(GEOJSON, _RECORD))
def get_hazard(
    connection: ConnectionDep, code: CodePath, today: AsOfDep, as_of: AsOfGiven, user: UserDep, language: LanguageDep
) -> Response:
    """Return a hazard as a GeoJSON Feature with its `events` and the `transitions` that the user may take now."""
    return _written(record(connection, code, today, user, language, as_of=as_of))


def _written(found: dict[str, Any]) -> Response:
    return Response(orjson.dumps(with_files(found)), media_type=GEOJSON)


def with_files(found: dict[str, Any]) -> dict[str, Any]:
    """Return a hazard's record whose attachments, those of its events too, are as clients read them."""
    events = [event | {"attachments": list(map(described, event["attachments"]))} for event in found["events"]]
    return found | {"events": events, "attachments": list(map(described, found["attachments"]))}
