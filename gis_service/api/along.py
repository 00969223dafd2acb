"""GET /api/along/{layer}/{code}: what lies along a line, in chainage order."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from gis_service.along import MOST_METRES, Shown, are_many, find_properties, find_targets, pieces
from gis_service.api.deps import AsOfGiven, DatabaseDep, LanguageDep, LayerDep
from gis_service.api.features import GEOJSON
from gis_service.api.streams import Stream
from gis_service.copied import Brake, together
from gis_service.database import Database
from gis_service.features import listed
from gis_service.lines import find_line
from layers import Layer

router = APIRouter(tags=["along"])

_EXAMPLE = {
    "type": "FeatureCollection",
    "line": {"layer": "rivers", "code": "HD-001", "name": "流花溪", "length_m": 5120.4, "parts": 1},
    "within_m": 200.0,
    "features": [
        {
            "type": "Feature",
            "id": "YH-0042",
            "geometry": {"type": "Point", "coordinates": [119.25, 26.05]},
            "properties": {
                "layer": "hazards",
                "code": "YH-0042",
                "distance_m": 17.2,
                "chainage_m": 350.4,
                "chainage": "K0+350",
                "side": "left",
                "part": 1,
                "why": ["within", "subject"],
            },
        }
    ],
    "numberReturned": 1,
    "counts": {"hazards": 1},
}


@router.get(
    "/api/along/{layer}/{code:path}",
    response_class=Response,
    responses={200: {"content": {GEOJSON: {"example": _EXAMPLE}}}},
)
def get_along(
    database: DatabaseDep,
    layer: LayerDep,
    code: str,
    as_of: AsOfGiven,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    within: Annotated[float, Query(description=f"Metres from the line, 0 to {MOST_METRES}.", examples=[200])] = 200,
    layers: Annotated[
        str, Query(description="Layers to look for, comma-separated; all by default.", examples=["hazards,bridges"])
    ] = "",
    properties: Annotated[
        str,
        Query(
            description="Properties of the records to return, comma-separated; all by default. Where a hit lies, and "
            "why it is one, is always there.",
            examples=["code,name"],
        ),
    ] = "",
    skip_geometry: Annotated[
        bool,
        Query(alias="skipGeometry", description="Whether to leave the geometry out (it is null).", examples=[True]),
    ] = False,
) -> Stream:
    """Return the features within so many metres of a line, ordered by chainage.

    Each has `distance_m`, `chainage_m` from the upstream end, `side` looking downstream (left, right, or on), `part` of
    a branching line (1 is the main stem) and `why` it matched. Records that name the line count at any distance.
    Hits are sent as they are found, one stretch of the line after another; so how many there are stands behind them.
    A list of many is there soonest with a few `properties` and `skipGeometry`.
    """
    targets, brake = find_targets(listed(layers), layer), Brake()
    shown = Shown(find_properties(listed(properties), targets), geometry=not skip_geometry)
    return Stream(_pieces(database, as_of, layer, code, targets, within, shown, brake), brake, GEOJSON)


def _pieces(
    database: Database,
    as_of: date | None,
    layer: type[Layer],
    code: str,
    targets: Sequence[type[Layer]],
    within: float,
    shown: Shown,
    brake: Brake,
) -> Generator[bytes]:
    """Yield the document on connections that see one state, held as long as somebody reads."""
    with database.streaming(as_of) as connection, brake.on(connection), ExitStack() as held:
        line = find_line(connection, layer, code, database.district(connection).metres())
        connections = [connection]
        if as_of is None and are_many(connection, targets):
            connections = held.enter_context(together(database, connection, brake))
        with closing(pieces(connections, line, targets, within, shown)) as found:
            yield from found
