"""QGIS, as Debian ships it: it shows every layer as the database has it. Run by `make test-clients`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import shapely
from people import signed_in
from PIL import Image
from serving import running
from sqlalchemy import text

from gis_service.api.app import create_app
from gis_service.database import Database
from gis_service.exports import Export, export_file
from gis_service.settings import Settings
from layers import registry

IN_QGIS = Path(__file__).with_name("in_qgis.py")
BOX = (119.25, 26.0, 119.3, 26.06)

Service = tuple[str, list[str]]
Qgis = Callable[..., Any]


def served(database: Database, **settings: Any) -> Iterator[Service]:
    """Serve a district; give the address, and the list that every request is written to."""
    app, asked = create_app(database, Settings(**settings)), list[str]()

    async def listening(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            asked.append(f"{scope['path']}?{scope['query_string'].decode()}")
        await app(scope, receive, send)

    with running(listening) as address:
        yield address, asked


@pytest.fixture(scope="module")
def service(sample_district: Database) -> Iterator[Service]:
    """The sample district in small pages, so that QGIS has to follow them."""
    yield from served(sample_district, page_size=20, page_limit=40)


@pytest.fixture
def qgis(tmp_path: Path) -> Qgis:
    """Ask QGIS, which has a home of its own, for something."""

    def ask(what: str, layers: Mapping[str, str], **asked: Any) -> Any:
        answer = tmp_path / "answer.json"
        given = json.dumps({"layers": layers, "provider": "OAPIF", "answer": str(answer), **asked})
        environment = {"HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen", "LANG": "C.UTF-8"}
        command = ["/usr/bin/python3", IN_QGIS, what, given]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(answer.read_text("utf-8"))

    return ask


def collection(address: str, name: str) -> str:
    return f"url='{address}/ogc' typename='{name}'"


def rows(database: Database, sql: str) -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(text(sql)).mappings()]


def same(found: Any, expected: Any) -> bool:
    """Say whether QGIS holds a value.

    It keeps a moment's seconds as a number of few digits; and 3.22 takes for text what is null in the first ten.
    """
    if isinstance(expected, datetime):
        return abs(datetime.fromisoformat(found + "+00:00") - expected) < timedelta(milliseconds=2)
    if isinstance(expected, float | Decimal):
        return float(found) == float(expected)
    return bool(found == (expected.isoformat() if isinstance(expected, date) else expected))


def codes(read: Mapping[str, Any]) -> list[str]:
    return sorted(one["properties"]["code"] for one in read["features"])


def test_every_layer_comes_whole_with_its_texts_numbers_and_places(
    qgis: Qgis, service: Service, sample_district: Database
) -> None:
    address, _ = service
    read = qgis("read", {name: collection(address, name) for name in registry()})
    for name, layer in registry().items():
        fields = [*layer.fields(), "version", "updated_at"]
        expected = rows(sample_district, f"SELECT {', '.join(fields)}, ST_AsBinary(geom) AS geom FROM {name}")
        found = {one["properties"]["code"]: one for one in read[name]["features"]}
        assert read[name]["count"] == len(found) == len(expected) > 0, name
        for row in expected:
            one = found[row["code"]]
            for field in fields:
                assert same(one["properties"][field], row[field]), (name, row["code"], field, one["properties"][field])
            same_place(one["place"], row["geom"])


def test_a_decimal_is_kept_where_the_first_features_have_whole_numbers(qgis: Qgis, own_sample: Database) -> None:
    with own_sample.transaction() as connection:
        connection.execute(text("UPDATE bridges SET span_m = 16"))
        connection.execute(text("UPDATE bridges SET span_m = 12.5 WHERE id = (SELECT max(id) FROM bridges)"))
    for address, _ in served(own_sample):
        read = qgis("read", {"bridges": collection(address, "bridges")})
    lengths = [one["properties"]["span_m"] for one in read["bridges"]["features"]]
    assert sorted(lengths) == [12.5, *[16] * (len(lengths) - 1)]


def same_place(found: str | None, expected: bytes | None) -> None:
    if expected is None:
        assert found is None
    else:
        assert found is not None
        pairs = (shapely.get_coordinates(shapely.from_wkb(wkb)) for wkb in (found, bytes(expected)))
        np.testing.assert_allclose(*pairs, atol=1e-8, rtol=0)


@pytest.mark.parametrize("name", ["bridges", "rivers", "areas"])
def test_what_lies_in_a_box_is_chosen_by_the_service(
    qgis: Qgis, service: Service, sample_district: Database, name: str
) -> None:
    address, asked = service
    asked.clear()
    read = qgis("read", {name: f"{collection(address, name)} restrictToRequestBBOX='1'"}, box=BOX)
    inside = f"ST_Intersects(geom, ST_MakeEnvelope({', '.join(map(str, BOX))}, 4490))"
    expected = rows(sample_district, f"SELECT code FROM {name} WHERE {inside} ORDER BY code")
    whole = rows(sample_district, f"SELECT code FROM {name}")
    assert codes(read[name]) == [row["code"] for row in expected]
    assert 0 < len(expected) < len(whole)
    pages = [request for request in asked if request.startswith(f"/ogc/collections/{name}/items?limit=40")]
    assert pages
    assert all("bbox=119.25" in request for request in pages)


def test_an_expression_finds_chinese_words(qgis: Qgis, service: Service, sample_district: Database) -> None:
    address, _ = service
    read = qgis("read", {"hazards": collection(address, "hazards")}, expression="level = '重大'")
    expected = rows(sample_district, "SELECT code FROM hazards WHERE level = '重大' ORDER BY code")
    assert codes(read["hazards"]) == [row["code"] for row in expected] != []


def test_with_a_token_as_password_she_sees_her_areas_and_without_one_nothing(qgis: Qgis, own_sample: Database) -> None:
    token = signed_in(own_sample, "wang", "inspector", areas=["350104101"])
    expected = rows(own_sample, "SELECT code FROM bridges WHERE area_code = '350104101' ORDER BY code")
    for address, _ in served(own_sample, anonymous=False):
        layers = {"bridges": collection(address, "bridges")}
        assert qgis("read", layers)["bridges"] is None
        hers = {"bridges": f"{layers['bridges']} username='wang' password='{token}'"}
        assert codes(qgis("read", hers)["bridges"]) == [row["code"] for row in expected] != []


@pytest.mark.parametrize("name", ["bridges", "rivers", "areas"])
def test_vector_tiles_are_drawn_where_the_features_are(
    qgis: Qgis, service: Service, sample_district: Database, tmp_path: Path, name: str
) -> None:
    address, asked = service
    found = rows(
        sample_district,
        f"SELECT ST_X(p) AS x, ST_Y(p) AS y FROM (SELECT ST_Transform(ST_PointOnSurface(geom), 3857) AS p"
        f" FROM {name} ORDER BY code LIMIT 1) AS one",
    )
    ((x, y),) = [(row["x"], row["y"]) for row in found]
    picture = tmp_path / "tiles.png"
    scheme = f"/ogc/collections/{name}/tiles/WebMercatorQuad/"
    tiles = f"type=xyz&url={quote(f'{address}{scheme}', safe='')}{{z}}/{{y}}/{{x}}&zmin=8&zmax=18"
    box = (x - 400, y - 400, x + 400, y + 400)
    drawn = qgis("draw", {name: tiles}, box=box, size=[200, 200], picture=str(picture))
    assert drawn == {"saved": True, "errors": []}
    assert any(request.startswith(scheme) for request in asked)
    with Image.open(picture) as image:
        assert image.convert("RGB").getpixel((100, 100)) == (255, 0, 0)


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "geojsonl", "fgb", "kml", "zip"])
def test_exported_files_open(qgis: Qgis, sample_district: Database, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rivers.{suffix}"
    export_file(Export(sample_district, registry()["rivers"]), path)
    address = f"/vsizip/{path}" if suffix == "zip" else str(path)
    read = qgis("read", {"rivers": address}, provider="ogr")["rivers"]
    expected = rows(sample_district, "SELECT name, ST_AsBinary(geom) AS geom FROM rivers ORDER BY name, code")
    assert read["count"] == len(expected)
    names = [row["name"] for row in expected]
    for one in read["features"]:
        assert set(names) & {value for value in one["properties"].values() if isinstance(value, str)}
    assert total(bytes.fromhex(one["place"]) for one in read["features"]) == pytest.approx(
        total(bytes(row["geom"]) for row in expected), abs=1e-5
    )


def total(shapes: Iterable[bytes]) -> float:
    """Return the length of all lines together, in degrees."""
    return float(shapely.length(shapely.from_wkb(list(shapes))).sum())
