"""GET /api/layers/{layer}/features/{code}/history: who changed what, when, and why."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from gis_service.api.deps import ConnectionDep, LanguageDep, LayerDep
from gis_service.history import history

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


@router.get(
    "/api/layers/{layer}/features/{code:path}/history",
    responses={200: {"content": {"application/json": {"example": _EXAMPLE}}}},
)
def get_history(connection: ConnectionDep, layer: LayerDep, code: str, language: LanguageDep) -> dict[str, Any]:
    """Return every version of a feature, the newest first, each with what changed, who did it, why, and two times.

    `valid_from` is the day from which the version holds, `recorded_at` the moment when it was written down.
    """
    return {"layer": layer.__tablename__, "code": code, "versions": history(connection, layer, code, language)}
