"""/api/layers/{layer}/features/{code}/history and /restore: who changed what, when, and why; and back again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from gis_service.access import who_acts
from gis_service.api.deps import ConnectionDep, DatabaseDep, LanguageDep, LayerDep
from gis_service.api.problems import answering
from gis_service.errors import UsageError
from gis_service.history import difference, history, restore

router = APIRouter(tags=["history"])

_EXAMPLE = {
    "layer": "bridges",
    "code": "QL-001",
    "versions": [
        {
            "version": 4,
            "valid_from": "2023-09-20T00:00:00+08:00",
            "valid_to": None,
            "recorded_at": "2023-09-21T09:12:44+08:00",
            "by": "王工",
            "reason": "桥梁定期检测",
            "changes": [{"field": "grade", "label": "技术状况等级", "from": "D 不合格", "to": "B 良好", "unit": ""}],
            "deleted": None,
        }
    ],
}
_RESTORED = {"layer": "bridges", "code": "QL-001", "restored": 2, "version": 5}
_MOST = 2**31 - 1

Reason = Annotated[str, Query(min_length=1, max_length=1000, description="Why: the history tells.", examples=["误改"])]


@router.get(
    "/api/layers/{layer}/features/{code:path}/history",
    responses={200: {"content": {"application/json": {"example": _EXAMPLE}}}},
)
def get_history(
    connection: ConnectionDep,
    layer: LayerDep,
    code: str,
    language: LanguageDep,
    since: Annotated[
        int | None, Query(alias="from", ge=1, le=_MOST, description="With `to`: a version to compare.", examples=[2])
    ] = None,
    until: Annotated[
        int | None, Query(alias="to", ge=1, le=_MOST, description="The version to compare it with.", examples=[5])
    ] = None,
) -> dict[str, Any]:
    """Return every version of a feature, the newest first, each with what changed, who did it, why, and two times.

    `valid_from` is the day from which the version holds, `recorded_at` the moment when it was written down. With `from`
    and `to` only the `changes` between these two versions are returned.
    """
    subject = {"layer": layer.__tablename__, "code": code}
    if since is None and until is None:
        return {**subject, "versions": history(connection, layer, code, language)}
    if since is None or until is None:
        raise UsageError("from 与 to 须同时给出。", "Give both `from` and `to`.", allowed=["from", "to"])
    found = difference(connection, layer, code, (since, until), language)
    return {**subject, "from": since, "to": until, "changes": found}


@router.post(
    "/api/layers/{layer}/features/{code:path}/restore",
    responses={200: {"content": {"application/json": {"example": _RESTORED}}}, **answering(409, 422)},
)
def post_restore(
    database: DatabaseDep,
    layer: LayerDep,
    code: str,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    version: Annotated[int, Query(ge=1, le=_MOST, description="The version to return to.", examples=[2])],
    reason: Reason,
) -> dict[str, Any]:
    """Make a feature what it was in one of its versions; one that was deleted is there again.

    That is a change like any other, with a version and a history of its own; it needs the duty to restore.
    """
    with database.transaction(reason=reason, transition="restore") as connection:
        who_acts(connection).require("restore", layer)
        made = restore(connection, layer, code, version)
    return {"layer": layer.__tablename__, "code": code, "restored": version, "version": made}
