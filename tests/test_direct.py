"""The hot reads: a shorter way through the service, on which nothing is answered otherwise; and few questions asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from people import bearing, signed_in
from psycopg2.extensions import cursor
from serving import running
from sqlalchemy import event
from sqlalchemy.pool import Pool

from gis_service.api.app import HOT, create_app
from gis_service.api.direct import Direct
from gis_service.database import Database
from gis_service.settings import Settings

ITEMS, ITEM = "/ogc/collections/hazards/items", "/ogc/collections/rivers/items/HD-007"
ASKED = [
    ITEMS,
    f"{ITEMS}?limit=3&status=整改中",
    f"{ITEMS}?limit=0&offset=-1",
    f"{ITEMS}?limit=5000&properties=code",
    f"{ITEMS}?limit=many",
    f"{ITEMS}?limit=",
    f"{ITEMS}?filter-lang=sql&limit=0",
    f"{ITEMS}?filter=status",
    f"{ITEMS}?filter=status = '整改中'&sortby=-deadline&limit=5&properties=code,level",
    f"{ITEMS}?bbox=119.2,26.0,119.4,26.1&limit=2&crs=http://www.opengis.net/def/crs/EPSG/0/4549",
    f"{ITEMS}?bbox=1,2",
    f"{ITEMS}?datetime=yesterday",
    f"{ITEMS}?nothing=1",
    f"{ITEMS}?limit=1&limit=2",
    f"{ITEMS}?lang=fr",
    f"{ITEMS}?lang=en&after=no",
    f"{ITEMS}?f=html",
    f"{ITEMS}?f=csv&limit=2",
    f"{ITEMS}?as_of=2023-06-30&limit=2",
    f"{ITEMS}?as_of=June",
    "/ogc/collections/none/items?limit=0",
    ITEM,
    f"{ITEM}?f=html&lang=en",
    f"{ITEM}?crs=nowhere",
    f"{ITEM}?as_of=2023-06-30",
    "/ogc/collections/rivers/items/HD-007%00",
    "/ogc/collections/rivers/items/no/such/river",
    "/api/layers/rivers/features?limit=2&filter=length_km > 1",
    "/api/layers/rivers/features?limit=5000",
    "/api/layers/rivers/features?after=-1",
    "/api/layers/rivers/features?area=350104101&limit=2",
    "/api/layers/rivers/features/HD-007",
    "/api/layers/rivers/features/HD-007/history",
    "/api/layers/rivers/features/HD-007/attachments",
    "/api/layers/rivers/features/nothing?lang=en",
    "/api/statistics/hazards?group=status",
    "/api/statistics/project_sites?group=programme&measure=count,plan_ratio",
    "/api/statistics/hazards?group=nothing",
    "/api/statistics/hazards?as_of=2023-06-30",
    "/api/along/rivers/HD-007?within=100",
    "/api/along/rivers/HD-007?within=100&properties=code,name&skipGeometry=true",
    "/api/along/rivers/HD-007?properties=colour",
    "/api/along/rivers/HD-007?skipGeometry=perhaps",
    "/api/along/rivers/HD-007?within=far",
    "/api/along/rivers/HD-007?within=-1",
    "/api/along/bridges/QL-001",
    "/api/tiles/hazards/8/212/108.mvt",
    "/api/tiles/bridges/8/212/108.mvt?risk=true&filter=grade = 'B'",
    "/api/tiles/bridges/8/212/108.mvt?area=350104101&as_of=2023-06-30",
    "/api/tiles/bridges/8/108/212.mvt",
    "/api/tiles/bridges/8/one/108.mvt?risk=perhaps",
    "/api/tiles/bridges/8/256/108.mvt?lang=en",
    "/ogc/collections/bridges/tiles/WebMercatorQuad/8/108/212",
    "/ogc/collections/bridges/tiles/WebMercatorQuad/8/108/212?grade=B&lang=en",
    "/ogc/collections/bridges/tiles/WebMercatorQuad/8/108/212?f=png",
    "/ogc/collections/bridges/tiles/WorldCRS84Quad/8/108/212",
    "/ogc/collections/bridges/tiles/WebMercatorQuad/25/0/0?limit=2",
]


@pytest.fixture(scope="module")
def app(sample_district: Database) -> FastAPI:
    return create_app(sample_district, Settings())


@pytest.fixture(scope="module")
def both(app: FastAPI, sample_district: Database) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """The service, and the same without the shorter way; both take themselves for the same host."""
    plain = create_app(sample_district, Settings())
    plain.user_middleware = [each for each in plain.user_middleware if each.cls is not Direct]
    with ExitStack() as open_:
        roots = [open_.enter_context(running(each)) for each in (app, plain)]
        said = {"Host": "gis.example", "Accept-Encoding": "identity"}
        one, other = (open_.enter_context(httpx.Client(base_url=root, headers=said, timeout=30)) for root in roots)
        yield one, other


def _said(client: httpx.Client, address: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
    """Return an answer without what differs from one to the next: moments, and the nonces and numbers of pages.

    That small answers may be packed is said on the shorter way only.
    """
    found = client.get(address, headers=headers)
    passing = re.compile(r"""("timeStamp":"[^"]*"|'nonce-[^']*'|nonce="[^"]*"|[0-9a-f]{32})""")
    kept = {name: passing.sub("", value) for name, value in found.headers.items() if name not in ("date", "vary")}
    kept["vary"] = ", ".join(sorted(set(found.headers["vary"].split(", ")) - {"Accept-Encoding"}))
    return found.status_code, kept, passing.sub("", found.text)


@pytest.mark.parametrize("address", ASKED)
def test_the_shorter_way_answers_as_the_longer_one(both: tuple[httpx.Client, httpx.Client], address: str) -> None:
    for headers in ({}, {"Accept-Language": "en"}, {"Authorization": "Bearer nobody's"}):
        one, other = (_said(client, address, headers) for client in both)
        assert one == other


def test_it_leaves_every_other_address_to_the_routes_that_have_it(app: FastAPI) -> None:
    direct = Direct(app, app, HOT, packing=lambda inner: inner)
    routes = [r for r in iter_route_contexts(app.routes) if "GET" in (r.methods or ()) and r.path_format]
    taken = set()
    for path in (str(route.path_format).replace("{", "").replace("}", "") for route in routes):
        first = next(route for route in routes if route.path_regex.match(path))
        if found := direct.way({"type": "http", "method": "GET", "path": path}):
            assert found[0].steps[-1].call is first.endpoint, path
            taken.add(first.endpoint)
        else:
            assert first.endpoint not in HOT, path
    assert taken == set(HOT)
    assert direct.way({"type": "http", "method": "PUT", "path": ITEM}) is None


@contextmanager
def _counted() -> Iterator[list[str]]:
    """Hear every statement that is sent, those that go past SQLAlchemy too."""
    said: list[str] = []

    def heard(kind: type[cursor]) -> type[cursor]:
        class Heard(kind):  # type: ignore[misc]  # psycopg2 publishes no types
            def execute(self, statement: str, *values: Any) -> None:
                if not statement.startswith("PREPARE"):  # once for each connection
                    said.append(statement)
                super().execute(statement, *values)

        return Heard

    own: dict[Any, type[cursor] | None] = {}

    def lend(connection: Any, *_: Any) -> None:
        own[connection] = connection.cursor_factory
        connection.cursor_factory = heard(connection.cursor_factory or cursor)

    def take_back(connection: Any, *_: Any) -> None:
        connection.cursor_factory = own.pop(connection)

    event.listen(Pool, "checkout", lend)
    event.listen(Pool, "checkin", take_back)
    try:
        yield said
    finally:
        event.remove(Pool, "checkout", lend)
        event.remove(Pool, "checkin", take_back)


@pytest.mark.parametrize(
    ("address", "most"),
    [
        (ITEM, 2),
        (f"{ITEMS}?limit=10", 3),
        (f"{ITEMS}?limit=10&filter=status = '整改中'", 3),
        ("/api/layers/rivers/features?limit=10", 3),
        ("/api/layers/rivers/features/HD-007", 2),
        ("/api/statistics/hazards?group=status", 4),
        ("/api/along/rivers/HD-007?layers=hazards", 4),  # COPY and COMMIT are the driver's, and not counted
        ("/api/tiles/hazards/8/212/108.mvt", 2),
        ("/ogc/collections/bridges/tiles/WebMercatorQuad/8/108/212", 2),
    ],
)
def test_a_hot_read_asks_the_database_no_more_than_it_must(
    both: tuple[httpx.Client, httpx.Client], address: str, most: int
) -> None:
    both[0].get(address).raise_for_status()  # what is counted once for a state of the data is counted now
    with _counted() as said:
        both[0].get(address).raise_for_status()
    assert len(said) == most, said


def test_a_token_costs_one_question_more(own_sample: Database) -> None:
    app, hers = create_app(own_sample, Settings()), bearing(signed_in(own_sample, "li", "viewer"))
    with running(app) as root, httpx.Client(base_url=root, timeout=30) as client, _counted() as said:
        client.get(ITEM).raise_for_status()
        without = len(said)
        client.get(ITEM, headers=hers).raise_for_status()
    assert len(said) - without == without + 1, said
