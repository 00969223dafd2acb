"""GET /maps/{name}: the maps."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from gis_service.api.deps import AreaQuery, AsOfDep, ConnectionDep, LanguageDep, SettingsDep
from gis_service.api.pages import account, page, page_token_of
from gis_service.errors import UsageError
from gis_service.publish import Reader, find_map
from gis_service.publish import page as draw

router = APIRouter(tags=["maps"])

_COMMON = {"area", "as_of", "lang"}


@router.get("/maps/{name}", response_class=HTMLResponse)
def get_map(
    request: Request,
    connection: ConnectionDep,
    name: str,
    today: AsOfDep,
    language: LanguageDep,
    settings: SettingsDep,
    area: AreaQuery = "",
) -> HTMLResponse:
    """Return a map as a page. Beside area, as_of and lang it takes the map's own parameters."""
    map_ = find_map(name)
    own = [p.name for p in map_.parameters]
    for given in request.query_params:
        if given not in {*_COMMON, *own}:
            raise UsageError(
                f"没有名为“{given}”的参数。",
                f"There is no parameter {given!r}.",
                allowed=[*sorted(_COMMON), *own],
            )
    parameters = {key: request.query_params[key] for key in own if key in request.query_params}
    reader = Reader(language, area, today, account(request), page_token_of(request))
    return page(request, draw(connection, map_, reader, parameters, settings))
