"""Wires the service: database, errors, routers, assets. Nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from threading import Thread

from fastapi import Depends, FastAPI
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.staticfiles import StaticFiles

from gis_service.api import (
    accounts,
    along,
    attachments,
    changes,
    docs,
    editing,
    exports,
    features,
    hazard_pages,
    hazards,
    health,
    history,
    layers,
    login,
    maps,
    me,
    ogc,
    problems,
    risk,
    sign_on,
    start,
    statistics,
    tiles,
    users,
)
from gis_service.api.deps import known_parameters, well_formed
from gis_service.api.direct import Direct
from gis_service.api.head import Head
from gis_service.api.headers import Headers
from gis_service.api.openapi import Documented
from gis_service.attachments import Store
from gis_service.attachments.kinds import NOT_PICTURES
from gis_service.database import Database
from gis_service.database.waiting import run_in_loop
from gis_service.exports import FORMATS
from gis_service.risk import Keeper
from gis_service.sessions import Tries
from gis_service.settings import Settings
from gis_service.sign_on import SignOn
from gis_service.tiles import Cache

DESCRIPTION = """
Rivers, bridges, LPG stations, heritage buildings, project sites and hazards of one district: features, statistics per
area, what lies along a river, risk with its trace, maps, exports. Coordinates are longitude, latitude in CGCS2000
(EPSG:4490), which differs from WGS 84 by less than a metre. Errors are problem documents (RFC 9457) in Chinese or, with
`lang=en`, in English.
"""

HOT = (
    ogc.items.get_item,
    ogc.items.list_items,
    features.get_feature,
    features.list_features,
    statistics.get_statistics,
    along.get_along,
    tiles.get_tile,
    ogc.tiles.get_tile,
)
"""What is asked for most often, and should cost least."""
_PACKED = 5  # a page of 80 KB in 0.5 ms to 10.1 KB; 9, which is common, takes 2.7 ms to 9.3 KB


def create_app(database: Database, settings: Settings) -> FastAPI:
    """Return the service for one district's database; it works as the role that the row policies hold."""
    served, keeper = database.for_service(), Keeper(database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        keeper.start()
        Thread(target=served.fill, daemon=True).start()
        filling = asyncio.create_task(run_in_loop(served.fill))
        yield
        await filling
        keeper.stop()
        served.dispose()

    app = Documented(
        title="GIS service",
        description=DESCRIPTION,
        version=version("gis-service"),
        telemetry={"tracing": False, "metrics": False, "logs": False},  # looked up for each request
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        dependencies=[Depends(well_formed)],
        responses=problems.RESPONSES,
    )
    app.state.database, app.state.settings, app.state.tries = served, settings, Tries()
    app.state.sign_on = SignOn(settings)
    app.state.attachments = Store(settings)
    app.state.tiles = Cache(settings.home / "tiles" / settings.district, settings.tile_cache_mb * 1_000_000)
    problems.install(app)
    checked = [Depends(known_parameters)]
    # a code may hold slashes, so what follows a code comes before it
    asked = (layers, attachments, history, changes, hazards, statistics, along, risk, exports, tiles)
    people = (start, hazard_pages, login, me, users, accounts)
    for resource in (*asked, *people, features, editing):
        app.include_router(resource.router, dependencies=checked)
    for resource in (maps, health, docs, sign_on, ogc):
        app.include_router(resource.router)
    app.include_router(editing.leftover)
    web = files("gis_service") / "web"
    app.mount("/assets/vendor", StaticFiles(directory=str(web / "vendor"), check_dir=False), name="vendor")
    app.mount("/assets", StaticFiles(directory=str(web / "static")), name="assets")
    binary = (found.media_type for found in FORMATS.values() if found.write)
    packed = (*(kind.media_type for kind in NOT_PICTURES), *binary)
    as_they_are = (*DEFAULT_EXCLUDED_CONTENT_TYPES, *packed)
    packing = partial(GZipMiddleware, minimum_size=1000, compresslevel=_PACKED, exclude_content_types=as_they_are)
    app.add_middleware(packing)
    app.add_middleware(Head)
    app.add_middleware(Direct, service=app, endpoints=HOT, packing=packing)
    app.add_middleware(Headers)
    return app
