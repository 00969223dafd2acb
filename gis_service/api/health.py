"""GET /healthz and /readyz: does it live, and can it answer."""

from __future__ import annotations

from fastapi import APIRouter, Request

from gis_service.database import Database
from gis_service.database.upgrade import require

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def live() -> dict[str, str]:
    """Say that the process lives, also while all its threads are busy."""
    return {"status": "ok"}


@router.get("/readyz")
def ready(request: Request) -> dict[str, str]:
    """Say that the database answers and has this version's tables; 503 where it does not."""
    database: Database = request.app.state.database
    with database.reading() as connection:
        require(connection)
        return {"status": "ok", "district": database.district(connection).key}
