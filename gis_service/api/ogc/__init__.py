"""OGC API Features and Tiles under /ogc: what QGIS, ArcGIS, GDAL and others read. A collection is a layer."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from gis_service.api.deps import known_parameters
from gis_service.api.identity import identity
from gis_service.api.ogc import collections, editing, items, landing, matrix_sets, schemas, tiles

router = APIRouter(dependencies=[Depends(identity)])  # who may not read, may not even read what there is
for _part in (landing, collections, schemas, editing, matrix_sets):
    router.include_router(_part.router, dependencies=[Depends(known_parameters)])
for _part in (items, tiles):
    router.include_router(_part.router)  # a parameter may be a property, too: they judge them themselves
router.include_router(editing.leftover)
