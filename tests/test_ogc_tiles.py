"""OGC API Tiles: the standard's abstract tests; the tiles as GDAL reads them hold what the database holds."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pyogrio
import pytest
import shapely
from people import bearing, signed_in
from pyproj import Transformer
from serving import serving
from sqlalchemy import text

from gis_service.database import Database
from layers import registry

LAYERS = list(registry())
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
MVT, TILEJSON = "application/vnd.mapbox-vector-tile", "application/vnd.mapbox.tile+json"
TO_DEGREES = Transformer.from_crs(3857, 4326, always_xy=True).transform


@pytest.fixture(scope="module")
def service(sample_district: Database) -> Iterator[httpx.Client]:
    with serving(sample_district) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def _get(service: httpx.Client, address: str, **query: str) -> Any:
    answer = service.get(address, params=query or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _tileset(layer: str) -> str:
    return f"/ogc/collections/{layer}/tiles/WebMercatorQuad"


def _link(document: Any, rel: str, kind: str | None = None) -> str:
    return str(next(one["href"] for one in document["links"] if one["rel"] == rel and kind in (None, one["type"])))


def _place(z: int, longitude: float, latitude: float) -> tuple[int, int]:
    """Return row and column of the tile that holds a point."""
    sine = math.sin(math.radians(latitude))
    return (
        int((0.5 - math.log((1 + sine) / (1 - sine)) / (4 * math.pi)) * 2**z),
        int((longitude + 180) / 360 * 2**z),
    )


def _around(service: httpx.Client, layer: str, z: int) -> list[tuple[int, int]]:
    """Return row and column of every tile that a collection's extent touches."""
    west, south, east, north = _get(service, f"/ogc/collections/{layer}")["extent"]["spatial"]["bbox"][0]
    (top, left), (bottom, right) = _place(z, west, north), _place(z, east, south)
    return list(product(range(top, bottom + 1), range(left, right + 1)))


# --- what there is ---------------------------------------------------------------------------------------------------


def test_the_landing_page_and_every_collection_lead_to_the_tiles(service: httpx.Client) -> None:
    # /req/geodata-tilesets/desc-links, /rec/tileset/tmxslink
    schemes = _get(service, _link(_get(service, "/ogc"), f"{REL}tiling-schemes"))["tileMatrixSets"]
    assert [one["id"] for one in schemes] == ["WebMercatorQuad"]
    for layer in LAYERS:
        listed = _get(service, _link(_get(service, f"/ogc/collections/{layer}"), f"{REL}tilesets-vector"))
        (one,) = listed["tilesets"]
        assert {"dataType": "vector", "crs": "http://www.opengis.net/def/crs/EPSG/0/3857"}.items() <= one.items()
        assert _link(one, "self").endswith(_tileset(layer))
        assert _link(one, f"{REL}tiling-scheme") == _link(schemes[0], "self")


def test_the_tile_matrix_set_is_the_registered_one(service: httpx.Client) -> None:
    scheme = _get(service, "/ogc/tileMatrixSets/WebMercatorQuad")
    assert scheme["uri"] == "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
    matrices = scheme["tileMatrices"]
    assert [one["id"] for one in matrices] == [str(z) for z in range(25)]
    # some rows of the register (OGC 17-083r4, annex D.1)
    for z, scale, cell in ((0, 559082264.028717, 156543.033928041), (12, 136494.693366386, 38.2185141425881)):
        assert matrices[z]["scaleDenominator"] == pytest.approx(scale, rel=1e-13)
        assert matrices[z]["cellSize"] == pytest.approx(cell, rel=1e-13)
        assert matrices[z]["matrixWidth"] == matrices[z]["matrixHeight"] == 2**z
        assert matrices[z]["pointOfOrigin"] == pytest.approx([-20037508.3427892, 20037508.3427892])


@pytest.mark.parametrize("layer", LAYERS)
def test_a_tileset_says_how_its_tiles_are_read(service: httpx.Client, layer: str) -> None:
    # /req/tileset/description
    found = _get(service, _tileset(layer))
    assert found["tileMatrixSetURI"].endswith("/WebMercatorQuad")
    (held,) = found["layers"]
    assert held["id"] == layer
    assert registry()[layer].symbol.field in held["propertiesSchema"]["properties"]
    (item,) = (one for one in found["links"] if one["rel"] == "item")
    assert (item["type"], item["templated"]) == (MVT, True)
    row, col = _around(service, layer, 10)[0]
    address = item["href"].replace("{tileMatrix}", "10").replace("{tileRow}", str(row)).replace("{tileCol}", str(col))
    answer = service.get(address)
    assert (answer.status_code, answer.headers.get("content-type")) in ((200, MVT), (204, None))


def test_tilejson_leads_to_the_same_tiles_and_keeps_the_filter(service: httpx.Client) -> None:
    found = service.get(_tileset("bridges"), params={"f": "tilejson", "filter": "grade = 'B'", "lang": "en"})
    assert found.headers["content-type"] == TILEJSON
    described = found.json()
    assert (described["tilejson"], described["name"]) == ("3.0.0", "Bridges")
    fields = described["vector_layers"][0]["fields"]
    assert list(fields)[:4] == ["code", "name", "grade", "count"]
    assert fields["E"] == "Count: E dangerous"
    longitude, latitude, _ = described["center"]
    row, col = _place(9, longitude, latitude)
    address = described["tiles"][0].format(z=9, x=col, y=row)
    filtered, whole = service.get(address), service.get(f"{_tileset('bridges')}/9/{row}/{col}")
    assert filtered.content == service.get(f"{_tileset('bridges')}/9/{row}/{col}?filter=grade%3D'B'").content
    assert 0 < len(filtered.content) < len(whole.content)


# --- tiles -----------------------------------------------------------------------------------------------------------


def _read(tile: bytes, z: int, row: int, col: int, folder: Path) -> dict[str, shapely.Geometry]:
    """Return the features of a tile by code as GDAL reads them, in degrees."""
    path = folder / f"{z}-{row}-{col}.mvt"
    path.write_bytes(tile)
    about, _, shapes, columns = pyogrio.raw.read(path, X=col, Y=row, Z=z, CLIP="NO")
    codes = columns[list(about["fields"]).index("code")]
    degrees = [shapely.transform(shape, TO_DEGREES, interleaved=False) for shape in shapely.from_wkb(shapes)]
    return dict(zip(codes, degrees, strict=True))


@pytest.mark.parametrize("layer", LAYERS)
def test_the_tiles_hold_every_feature_in_its_place(
    service: httpx.Client, sample_district: Database, tmp_path: Path, layer: str
) -> None:
    z, grid = 13, 360 / 2**13 / 4096
    with sample_district.reading() as connection:
        rows = connection.execute(text(f"SELECT code, ST_AsBinary(geom) AS geom FROM {layer} WHERE geom IS NOT NULL"))
        expected = {row.code: shapely.from_wkb(bytes(row.geom)) for row in rows}
    seen: set[str] = set()
    for row, col in _around(service, layer, z):
        answer = service.get(f"{_tileset(layer)}/{z}/{row}/{col}")
        assert answer.status_code == (200 if answer.content else 204)
        if answer.content:
            for code, shape in _read(answer.content, z, row, col, tmp_path).items():
                seen.add(code)
                # a line or an outline lies on the grid, at most simplified by a cell; corners of cut areas are new
                near = expected[code].buffer(2 * grid)
                assert near.covers(shape) if shape.geom_type != "Point" else near.intersects(shape), code
    assert seen == set(expected)


def test_gdal_finds_and_reads_tiles_by_the_standard(service: httpx.Client, sample_district: Database) -> None:
    # the whole world: of closer scales GDAL 3.12 takes the extent's degrees for metres, and asks for tiles off Africa
    with sample_district.reading() as connection:
        codes = set(connection.scalars(text("SELECT code FROM hazards WHERE geom IS NOT NULL")))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as gdal:
        address = f"OGCAPI:{service.base_url}/ogc/collections/hazards"
        reading = gdal.submit(pyogrio.raw.read, address, layer="Zoom level 0", API="TILES")
        about, _, _, columns = reading.result(timeout=60)
    assert about["crs"] == "EPSG:3857"
    assert set(columns[list(about["fields"]).index("code")]) == codes


def test_the_row_comes_before_the_column(service: httpx.Client) -> None:
    row, col = _place(8, 119.33, 26.03)
    assert (row, col) == (108, 212)
    there, swapped = (service.get(f"{_tileset('bridges')}/8/{place}") for place in ("108/212", "212/108"))
    assert (there.status_code, swapped.status_code) == (200, 204)
    assert there.content == service.get("/api/tiles/bridges/8/212/108.mvt").content


@pytest.mark.parametrize("place", ["25/0/0", "8/256/0", "8/0/256", "8/-1/0", "-1/0/0"])
def test_a_tile_outside_of_the_scheme_is_not_there(service: httpx.Client, place: str) -> None:
    # /req/core/tc-error, A
    answer = service.get(f"{_tileset('bridges')}/{place}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("address", ["tileMatrixSets/WorldCRS84Quad", "collections/bridges/tiles/WorldCRS84Quad"])
def test_a_scheme_that_is_not_offered_is_not_there(service: httpx.Client, address: str) -> None:
    answer = service.get(f"/ogc/{address}")
    assert (answer.status_code, answer.json()["allowed"]) == (404, ["WebMercatorQuad"])


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"filter": "grde = 'B'"}, "grde"),
        ({"grde": "B"}, "grde"),
        ({"f": "png"}, "png"),
        ({"datetime": "soon"}, "soon"),
        ({"limit": "3"}, "limit"),
    ],
)
def test_a_wrong_parameter_of_a_tile_is_refused(service: httpx.Client, query: dict[str, str], named: str) -> None:
    answer = service.get(f"{_tileset('bridges')}/8/108/212", params=query)
    assert answer.status_code == 400
    assert named in answer.text


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "bci > 90"},
        {"grade": "B"},
        {"bbox": "119.25,26.0,119.3,26.06"},
        {"filter": '{"op":"=","args":[{"property":"grade"},"C"]}', "filter-lang": "cql2-json"},
        {"as_of": "2999-01-01"},
    ],
)
def test_what_filters_features_filters_tiles(service: httpx.Client, tmp_path: Path, query: dict[str, str]) -> None:
    expected = _get(service, "/ogc/collections/bridges/items", limit="1000", **query)["features"]
    tile = service.get(f"{_tileset('bridges')}/8/108/212", params=query).content
    assert set(_read(tile, 8, 108, 212, tmp_path)) == {one["id"] for one in expected}


# --- caching, and who may see -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [f"{_tileset('bridges')}/8/108/212", "/api/tiles/bridges/8/212/108.mvt"])
def test_a_tile_that_the_client_has_is_not_sent_again(service: httpx.Client, address: str) -> None:
    first = service.get(address)
    again = service.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert first.headers["cache-control"] == "no-cache"


def test_a_tile_holds_what_she_may_see_and_only_her_browser_keeps_it(own_sample: Database, tmp_path: Path) -> None:
    with own_sample.reading() as connection:
        area = connection.scalar(text("SELECT area_code FROM bridges WHERE area_code <> '' LIMIT 1"))
    secret = signed_in(own_sample, "she", "viewer", areas=[area])
    with (
        serving(own_sample) as root,
        httpx.Client(base_url=root, timeout=60) as anyone,
        httpx.Client(base_url=root, headers=bearing(secret), timeout=60) as client,
    ):
        address = f"{_tileset('bridges')}/8/108/212"
        tile, whole = client.get(address), anyone.get(address)
        hers = {one["id"] for one in _get(client, "/ogc/collections/bridges/items", limit="1000")["features"]}
        assert set(_read(tile.content, 8, 108, 212, tmp_path)) == hers
        assert 0 < len(hers) < len(_read(whole.content, 8, 108, 212, tmp_path))
        assert tile.headers["cache-control"] == "private, no-cache"
        assert "Authorization" in tile.headers["vary"]
        assert tile.headers["etag"] != whole.headers["etag"]


def test_a_tile_that_changed_is_sent_anew(own_sample: Database) -> None:
    with serving(own_sample) as root, httpx.Client(base_url=root, timeout=60) as client:
        address = f"{_tileset('bridges')}/8/108/212"
        had = {"If-None-Match": client.get(address).headers["etag"]}
        assert client.get(address, headers=had).status_code == 304
        with own_sample.transaction() as connection:
            connection.execute(text("UPDATE bridges SET name = name || '甲' WHERE code = 'QL-001'"))
        answer = client.get(address, headers=had)
        assert answer.status_code == 200
        assert "甲" in answer.text
