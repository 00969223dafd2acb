"""OGC API Features as it is asked by programs that err, and by people who mean ill."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pyproj
import pytest
import shapely
from people import bearing, signed_in
from serving import serving
from sqlalchemy import text

from gis_service.crs import epsg
from gis_service.database import Database

BRIDGES = "/ogc/collections/bridges/items"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
ADDRESSES = [
    "/ogc",
    "/ogc/conformance",
    "/ogc/api",
    "/ogc/functions",
    "/ogc/collections",
    "/ogc/collections/bridges",
    "/ogc/collections/bridges/schema",
    "/ogc/collections/bridges/queryables",
    "/ogc/collections/bridges/sortables",
    "/ogc/collections/bridges/schema/feature",
    BRIDGES,
    f"{BRIDGES}/QL-001",
]


@pytest.fixture(scope="module")
def service(sample_district: Database) -> Iterator[httpx.Client]:
    with serving(sample_district) as root, httpx.Client(base_url=root, timeout=30) as client:
        yield client


def _matched(service: httpx.Client, **query: str) -> int:
    answer = service.get(BRIDGES, params={"limit": "1", **query})
    assert answer.status_code == 200, answer.text
    return int(answer.headers["ogc-numbermatched"])


@pytest.mark.parametrize(
    ("box", "crs"),
    [
        ("-20037508.34,-20037508.34,20037508.34,20037508.34", 3857),
        ("-3e7,-3e7,3e7,3e7", 3857),
        ("0,0,3e7,3e7", 3857),
        ("-1e9,-1e9,1e9,1e9", 3857),
        ("2e6,0,4e6,1e6", 4549),
        ("-1e7,-1e7,1e7,1e7", 4549),
        ("-1e9,-1e9,1e9,1e9", 4549),
        ("-90,-180,90,180", 4326),
        ("-1000,-1000,1000,1000", 4490),
    ],
)
def test_a_box_larger_than_the_world_of_its_projection_holds_everything(
    service: httpx.Client, box: str, crs: int
) -> None:
    assert _matched(service, bbox=box, **{"bbox-crs": f"{EPSG}{crs}"}) == _matched(service) > 0


@pytest.mark.parametrize(
    ("box", "crs"), [("2.1e7,0,3e7,1e6", 3857), ("-3e7,0,-2.1e7,9e6", 3857), ("9e6,9e6,1e7,1e7", 4549)]
)
def test_a_box_that_lies_beyond_its_projection_holds_nothing(service: httpx.Client, box: str, crs: int) -> None:
    assert _matched(service, bbox=box, **{"bbox-crs": f"{EPSG}{crs}"}) == 0


@pytest.mark.parametrize("crs", [3857, 4549, 32650])
def test_the_edge_of_a_large_projected_box_is_where_it_is_in_its_projection(crs: int) -> None:
    plane, east, north = epsg(crs), 0 if crs != 4549 else 1, 1 if crs != 4549 else 0
    at = shapely.transform(shapely.Point(119.3, 26.05), lambda pairs: _projected(crs, pairs))
    for far in (1e4, 1e5, 1e6):
        for axis, sign in ((east, 1), (north, 1), (east, -1), (north, -1)):
            middle = [at.x, at.y] if east == 0 else [at.y, at.x]
            low, high = [c - far for c in middle], [c + far for c in middle]
            for metres in (-2, 2):  # the place lies two metres inside or outside of one edge
                moved_low, moved_high = low.copy(), high.copy()
                if sign > 0:
                    moved_high[axis] = middle[axis] - metres
                else:
                    moved_low[axis] = middle[axis] + metres
                box = plane.box([*moved_low, *moved_high])
                assert box.covers(shapely.Point(119.3, 26.05)) == (metres < 0), (crs, far, axis, sign)


def _projected(crs: int, pairs: Any) -> Any:
    x, y = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(pairs[:, 0], pairs[:, 1])
    return [[x[0], y[0]]]


@pytest.mark.parametrize(
    "query",
    [
        "bbox=1_19,25,120,27",
        "bbox=119,25,120,27,",
        "bbox=infinity,25,120,27",
        "bbox=119;25;120;27",
        "bbox=%D9%A1,25,120,27",
        "bbox=-1e308,-1e308,1e308,1e308",
        "bbox=4e16,-1.8e308,0.03,1.8e308",
        "bbox=4e16,-1e300,0.03,1e300",
        "bbox=" + "1," * 5000 + "1",
        "limit=5&limit=6",
        "limit=",
        "limit=1e3",
        "offset=99999999999999999999",
        "offset=",
        "sortby=name,name",
        "sortby=name,-name",
        "sortby=" + "name," * 3000,
        "datetime=10000-01-01",
        "datetime=-0001-01-01",
        "datetime=2023-01-01T00:00:00%2B99:99",
        "filter=%FF%FE",
        "filter=%00",
        "%00=1",
        "%FF=1",
        "=1",
        "after=" + "A" * 7000,
        "bci=1e400",
        "name=%00",
        "filter-lang=ecql",
    ],
    ids=lambda query: query[:40],
)
def test_an_odd_parameter_is_refused_in_words(service: httpx.Client, query: str) -> None:
    answer = service.get(f"{BRIDGES}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["detail"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_takes_head_and_says_what_it_takes(service: httpx.Client, address: str) -> None:
    got, head, options = service.get(address), service.head(address), service.options(address)
    assert (head.status_code, head.content) == (200, b"")
    passing = {"date", "content-length", "etag"}  # a page of features bears its moment
    assert {k: v for k, v in head.headers.items() if k not in passing} == {
        k: v for k, v in got.headers.items() if k not in passing
    }
    assert options.status_code in (200, 204)
    assert {"GET", "HEAD", "OPTIONS"} <= set(options.headers["allow"].split(", "))
    refused = service.request("PUT", address)
    assert refused.status_code in (401, 405, 415) if address.startswith(f"{BRIDGES}/") else refused.status_code == 405


@pytest.mark.parametrize(
    "header",
    [
        ("Accept", ""),
        ("Accept", "*"),
        ("Accept", ";;;,,,"),
        ("Accept", "text/html;q=1e400"),
        ("Accept", "text/html;q=-1"),
        ("Accept", "text/html;q=\u0663"),
        ("Accept", "a/b," * 10_000),
        ("Accept", "image/png"),
        ("Accept-Language", "\u00ff"),
        ("Accept-Language", "en;q=0"),
        ("Accept-Encoding", "br"),
        ("If-None-Match", '"x", W/"y", z'),
        ("If-Modified-Since", "yesterday"),
        ("Range", "bytes=0-10"),
        ("Host", "[::1"),
        ("Host", 'x"><script>'),
        ("Host", "x:99999999"),
        ("Cookie", "gis_session=x; gis_session=y; lang=fr"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Forwarded-Host", "elsewhere"),
        ("Forwarded", "host=elsewhere;proto=https"),
    ],
    ids=str,
)
def test_odd_headers_change_nothing(service: httpx.Client, header: tuple[str, str]) -> None:
    name, value = header
    answer = service.get(BRIDGES, params={"limit": "3"}, headers=[(name, value.encode())])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json")
    assert answer.json()["numberReturned"] == 3
    if name != "Host" or "script" in value:
        assert "elsewhere" not in answer.text
        assert "script" not in answer.text


def test_links_are_built_for_the_address_that_a_proxy_tells(service: httpx.Client) -> None:
    told = {"Host": "gis.example", "X-Forwarded-Proto": "https"}
    answer = service.get(BRIDGES, params={"limit": "1"}, headers=told)
    hrefs = [link["href"] for link in answer.json()["links"]]
    assert all(href.startswith("https://gis.example/ogc/") for href in hrefs)
    assert "<https://gis.example/ogc/" in answer.headers["link"]
    definition = service.get("/ogc/api", headers=told).json()
    assert definition["servers"] == [{"url": "https://gis.example/ogc"}]


@pytest.mark.parametrize("path", ["collections/%62ridges", "collections/bridges/items/QL%2D001"])
def test_an_address_may_be_written_in_percents(service: httpx.Client, path: str) -> None:
    plain = re.sub("%(..)", lambda found: chr(int(found[1], 16)), path)
    written, expected = service.get(f"/ogc/{path}"), service.get(f"/ogc/{plain}")
    assert written.status_code == expected.status_code == 200
    assert written.json()["id"] == expected.json()["id"]


@pytest.mark.parametrize(
    "path", ["BRIDGES", "users", "alembic_version", "bridges_history", "%FF", "..%2F..%2Fetc", "bridges;", "pg_class"]
)
def test_what_is_no_layer_is_no_collection(service: httpx.Client, path: str) -> None:
    for below in ("", "/items", "/schema", "/queryables"):
        answer = service.get(f"/ogc/collections/{path}{below}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_tag_is_heard_in_a_list_and_as_any(service: httpx.Client) -> None:
    for address in ("/ogc", "/ogc/collections/bridges", BRIDGES):
        tag = service.get(address).headers["etag"]
        for known in (tag, f'"other", {tag}', f"{tag.removeprefix('W/')}", "*"):
            answer = service.get(address, headers={"If-None-Match": known})
            assert (answer.status_code, answer.content) == (304, b""), (address, known)
            assert "cache-control" in answer.headers
            assert {"Accept", "Authorization", "Cookie"} <= set(answer.headers["vary"].split(", "))
        assert service.get(address, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_tag_of_hers_is_no_key_to_what_others_see(own_sample: Database) -> None:
    with own_sample.reading() as connection:
        area = connection.execute(text("SELECT area_code FROM bridges WHERE code = 'QL-001'")).scalar_one()
    everything = bearing(signed_in(own_sample, "all", "viewer"))
    narrow = bearing(signed_in(own_sample, "narrow", "viewer", areas=[area]))
    with serving(own_sample) as root, httpx.Client(base_url=root, timeout=30) as client:
        for address in (BRIDGES, "/ogc/collections/bridges", "/ogc/collections", f"{BRIDGES}?limit=5"):
            whole = client.get(address, headers=everything)
            hers = client.get(address, headers=narrow | {"If-None-Match": whole.headers["etag"]})
            assert hers.status_code == 200, address
            assert hers.headers["etag"] != whole.headers["etag"]
            assert hers.headers["cache-control"].startswith("private")
            assert len(hers.content) < len(whole.content) or hers.json() != whole.json()
