"""Pages of features over HTTP, and one feature; as GeoJSON, with the same properties from everybody."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote
from urllib.request import urlopen

from benchmarks.ask import requests, statements
from benchmarks.measure import Work
from benchmarks.servers import Server, serving
from benchmarks.stand import LAYER, Stand

_STATUS, _LEVEL = "整改中", "重大"
_TEXT = quote(f"status = '{_STATUS}' AND level = '{_LEVEL}'")
_KILOMETRE = 0.01  # of a degree, about


@dataclass(frozen=True)
class _Place:
    """A record somewhere in the layer: its id is also how many come before it, or nearly so."""

    id: int
    code: str
    x: float
    y: float

    @property
    def box(self) -> str:
        """A square around it, one kilometre wide."""
        half = _KILOMETRE / 2
        return f"{self.x - half:.6f},{self.y - half:.6f},{self.x + half:.6f},{self.y + half:.6f}"


def works(stand: Stand, seconds: float) -> Iterator[Work]:
    """Yield each kind of page, asked of everybody."""
    places = _places(stand)
    deep = [place for place in places if place.id > stand.features // 2][:20]
    with serving(stand, "floor", "gis", "TiPg", "pygeoapi") as servers:
        asked: dict[str, dict[str, list[str]]] = {
            "one feature": {
                "statement": [_statement(stand, f"code = '{p.code}'", "") for p in places],
                "floor": [f"/items/{p.code}" for p in places],
                "gis": [f"/ogc/collections/{LAYER}/items/{p.code}?f=json" for p in places],
                "TiPg": [f"/collections/{stand.schema}.{LAYER}/items/{p.id}?f=geojson" for p in places],
                "pygeoapi": [f"/collections/{LAYER}/items/{p.id}?f=json" for p in places],
            },
            "first page of 100": _pages(stand, [""], [""], [""], [""]),
            "deep page of 100": _pages(
                stand,
                [f"id > {p.id}" for p in deep],
                [f"&after={p.id}" for p in deep],
                [_behind(servers["gis"], p) for p in deep],
                [f"&offset={p.id}" for p in deep],
            ),
            "page of 100 in 1 km²": _pages(
                stand,
                [f"geom && ST_MakeEnvelope({p.box}, 4490)" for p in places],
                *[[f"&bbox={p.box}" for p in places]] * 3,
            ),
            "filtered page of 100": _pages(
                stand,
                [f"status = '{_STATUS}' AND level = '{_LEVEL}'"],
                [f"&status={quote(_STATUS)}&level={quote(_LEVEL)}"],
                [f"&filter={_TEXT}"],
                [f"&filter={_TEXT}"],
            ),
        }
        # to answer longitude first it has to be told CRS84, and then its boxes do not fit the table's CRS
        del asked["page of 100 in 1 km²"]["pygeoapi"]
        for name, paths in asked.items():
            turns = {target: requests(servers[target], paths[target], seconds) for target in servers if target in paths}
            yield Work(name, "requests/s", {"statement": statements(stand, paths["statement"], seconds), **turns})


def _pages(
    stand: Stand, clauses: Sequence[str], floor: Sequence[str], ours: Sequence[str], others: Sequence[str]
) -> dict[str, list[str]]:
    """Return how each target is asked for a page of 100, by what follows in its address."""
    tipg = f"/collections/{stand.schema}.{LAYER}/items?f=geojson&filter-lang=cql2-text&limit=100"
    pygeoapi = f"/collections/{LAYER}/items?f=json&filter-lang=cql-text&limit=100"
    return {
        "statement": [_statement(stand, clause or "true", "ORDER BY id LIMIT 100") for clause in clauses],
        "floor": [f"/items?limit=100{more}" for more in floor],
        "gis": [f"/ogc/collections/{LAYER}/items?f=json&limit=100{more}" for more in ours],
        "TiPg": [f"{tipg}{more}" for more in others],
        "pygeoapi": [f"{pygeoapi}{more}" for more in others],
    }


def _statement(stand: Stand, clause: str, end: str) -> str:
    rows = f"SELECT {', '.join(stand.columns())}, ST_SetSRID(geom, 4326) AS geom FROM {LAYER} WHERE {clause} {end}"
    return f"SELECT string_agg(ST_AsGeoJSON(t.*, 'geom', 8), ',') FROM ({rows}) t"


def _places(stand: Stand) -> list[_Place]:
    numbers = random.Random(1).sample(range(1, stand.features), 100)  # noqa: S311 - the same in each run
    chosen = ", ".join(map(str, numbers))
    found = stand.rows(f"SELECT id, code, ST_X(geom), ST_Y(geom) FROM {LAYER} WHERE id IN ({chosen})")
    return [_Place(*row) for row in found]


def _behind(server: Server, place: _Place) -> str:
    """Return how the service's own link to the next page says that it begins behind a place."""
    with urlopen(f"{server.base}/ogc/collections/{LAYER}/items?f=json&limit=1&offset={place.id - 1}") as answer:  # noqa: S310
        links = json.load(answer)["links"]
    following: str = next(link["href"] for link in links if link["rel"] == "next")
    return "&after=" + following.partition("after=")[2].partition("&")[0]
