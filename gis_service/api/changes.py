"""GET /api/changes: what was written, by whom and why; POST /api/changes/{id}/undo: and back again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from gis_service.access import who_acts
from gis_service.api.deps import ConnectionDep, DatabaseDep, LanguageDep
from gis_service.api.history import Reason
from gis_service.api.problems import answering
from gis_service.changes import Wanted, change, changes
from gis_service.features import find_layer
from gis_service.undo import undo

router = APIRouter(tags=["history"])

_EXAMPLE = {
    "id": 412,
    "recorded_at": "2023-10-20T09:12:44+08:00",
    "by": "王工",
    "reason": "导入 桥梁.gpkg",
    "valid_from": "2023-10-20T00:00:00+08:00",
    "undoes": None,
    "undone_by": None,
    "layers": {"bridges": {"inserted": 12, "updated": 3, "deleted": 0}},
}
_LIST = {"changes": [_EXAMPLE], "next": 412}
_RECORDS = {**_EXAMPLE, "records": [{"layer": "bridges", "code": "QL-001", "name": "洪塘大桥", "what": "updated"}]}
_UNDONE = {**_RECORDS, "id": 413, "reason": "导错文件", "undoes": 412}

Number = Annotated[int, Path(ge=1, lt=2**63, description="Number of a change.", examples=[412])]


@router.get("/api/changes", responses={200: {"content": {"application/json": {"example": _LIST}}}})
def list_changes(
    connection: ConnectionDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    layer: Annotated[str, Query(description="Only changes of this layer.", examples=["bridges"])] = "",
    by: Annotated[str, Query(description="Only changes of this user.", examples=["王工"])] = "",
    reason: Annotated[str, Query(description="Only changes with this in their reason.", examples=["导入"])] = "",
    limit: Annotated[int, Query(ge=1, le=500, description="Changes on the page.")] = 50,
    after: Annotated[int, Query(ge=0, lt=2**63, description="Key of the page, `next` of the one before.")] = 0,
) -> dict[str, Any]:
    """List the changes that you may see, the newest first: each is what was written in one transaction.

    Who is limited to areas sees her own. `layers` counts the records that were inserted, updated and deleted; `next`
    is the key of the next page, null on the last.
    """
    wanted = Wanted(by, reason, find_layer(layer) if layer else None, after, limit)
    found = changes(connection, wanted)
    return {"changes": found, "next": found[-1]["id"] if len(found) == limit else None}


@router.get("/api/changes/{id}", responses={200: {"content": {"application/json": {"example": _RECORDS}}}})
def get_change(
    connection: ConnectionDep,
    id: Number,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    limit: Annotated[int, Query(ge=1, le=10_000, description="Records named of each layer.")] = 1000,
) -> dict[str, Any]:
    """Return one change with the records that it inserted, updated and deleted."""
    return change(connection, id, limit=limit)


@router.post(
    "/api/changes/{id}/undo",
    responses={200: {"content": {"application/json": {"example": _UNDONE}}}, **answering(409, 422)},
)
def post_undo(
    database: DatabaseDep,
    id: Number,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    reason: Reason,
) -> dict[str, Any]:
    """Take a change back as a whole: an import, an edit, a deletion, or an undo. Return the change that does so.

    It needs the duty to restore, and that all its records are yours. Where some have been changed since, the answer is
    409 and names them in `records`.
    """
    with database.transaction(reason=reason) as connection:
        who_acts(connection).require("restore")
        made = undo(connection, id)
        return change(connection, made)
