"""Pages of features as files, under /ogc: what GDAL reads of them is what is stored."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import httpx
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
import sqlalchemy as sa
from people import bearing, signed_in
from serving import serving

from gis_service.crs import Crs, offered
from gis_service.database import Database
from layers import registry

MEDIA_TYPES = {"fgb": "application/flatgeobuf", "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


@pytest.fixture(scope="module")
def service(sample_district: Database) -> Iterator[httpx.Client]:
    with serving(sample_district) as root, httpx.Client(base_url=f"{root}/ogc/collections", timeout=30) as client:
        yield client


def _stored(database: Database, layer: str) -> dict[str, shapely.Geometry | None]:
    with database.reading() as connection:
        rows = connection.execute(sa.text(f"SELECT code, ST_AsBinary(geom) FROM {layer} ORDER BY id"))
        return {code: None if geom is None else shapely.from_wkb(bytes(geom)) for code, geom in rows}


def _features(body: bytes) -> dict[str, shapely.Geometry | None]:
    about, _, shapes, columns = pyogrio.raw.read(body)
    return dict(zip(columns[list(about["fields"]).index("code")], shapely.from_wkb(shapes), strict=True))


def _rows(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


@pytest.mark.parametrize("layer", registry())
def test_qgis_pages_through_a_layer_in_flatgeobuf_by_the_links_in_the_head(
    service: httpx.Client, sample_district: Database, layer: str
) -> None:
    stored, found = _stored(sample_district, layer), {}
    asked: str | None = f"/{layer}/items?f=fgb&limit={max(1, len(stored) // 3)}"
    pages = 0
    while asked:
        answer = service.get(asked).raise_for_status()
        assert answer.headers["content-type"] == MEDIA_TYPES["fgb"]
        found |= _features(answer.content)
        if not pages:
            assert answer.headers["OGC-NumberMatched"] == str(len(stored))
        following = answer.links.get("next")
        assert following is None or following["type"] == MEDIA_TYPES["fgb"]
        asked, pages = following and following["url"], pages + 1
    assert pages in (3, 4)
    assert found.keys() == stored.keys()
    assert all(
        shapely.equals_exact(found[code], shape, 1e-7, normalize=True) for code, shape in stored.items() if shape
    )


@pytest.mark.parametrize("crs", offered(4549), ids=lambda crs: crs.uri.rpartition("/")[2])
def test_a_file_has_the_axes_that_its_readers_expect(
    service: httpx.Client, sample_district: Database, crs: Crs
) -> None:
    with sample_district.reading() as connection:
        moved = f"SELECT code, ST_Transform(ST_SetSRID(geom, 4326), {crs.srid}) AS place FROM gas_stations"
        sql = f"SELECT code, ST_X(place), ST_Y(place) FROM ({moved}) AS moved"
        east_first = {code: (x, y) for code, x, y in connection.execute(sa.text(sql))}
    asked = {"crs": crs.uri, "limit": "1000"}
    answer = service.get("/gas_stations/items", params=asked | {"f": "fgb"}).raise_for_status()
    assert answer.headers["Content-Crs"] == f"<{crs.uri}>"
    for code, shape in _features(answer.content).items():
        first, second = shape.coords[0]
        assert np.allclose((second, first) if crs.north_first else (first, second), east_first[code], atol=2e-3)
    table = pq.read_table(io.BytesIO(service.get("/gas_stations/items", params=asked | {"f": "parquet"}).content))
    for code, shape in zip(table["code"].to_pylist(), shapely.from_wkb(table["geometry"].to_pylist()), strict=True):
        assert np.allclose(shape.coords[0], east_first[code], atol=2e-3)


def test_a_table_has_the_columns_the_rows_and_the_order_that_are_asked_for(service: httpx.Client) -> None:
    asked = {"f": "csv", "properties": "name,status", "sortby": "-name", "filter": "status = '完工'", "limit": "1000"}
    answer = service.get("/project_sites/items", params=asked).raise_for_status()
    rows = _rows(answer)
    assert answer.headers["content-type"].startswith("text/csv")
    assert list(rows[0])[:2] == ["name", "status"]
    assert {row["status"] for row in rows} == {"完工"}
    json = service.get("/project_sites/items", params=asked | {"f": "json"}).json()
    assert [row["name"] for row in rows] == [feature["properties"]["name"] for feature in json["features"]]


@pytest.mark.parametrize("f", MEDIA_TYPES)
def test_who_accepts_a_file_gets_it_and_every_page_links_to_it(service: httpx.Client, f: str) -> None:
    answer = service.get("/rivers/items?limit=3", headers={"Accept": MEDIA_TYPES[f]}).raise_for_status()
    assert answer.headers["content-type"].split(";")[0] == MEDIA_TYPES[f]
    links = service.get("/rivers/items?limit=3").json()["links"]
    alternate = next(link for link in links if link["type"] == MEDIA_TYPES[f])
    assert alternate["rel"] == "alternate"
    assert service.get(alternate["href"]).headers["content-type"].split(";")[0] == MEDIA_TYPES[f]


@pytest.mark.parametrize("f", MEDIA_TYPES)
def test_a_file_of_a_past_day_and_of_nothing_is_whole(service: httpx.Client, f: str) -> None:
    then = service.get("/hazards/items", params={"f": f, "as_of": "2023-06-30", "limit": "1"}).raise_for_status()
    assert then.headers["OGC-NumberMatched"] == str(
        service.get("/hazards/items?as_of=2023-06-30&limit=1").json()["numberMatched"]
    )
    nothing = service.get("/hazards/items", params={"f": f, "filter": "code = 'none'"}).raise_for_status()
    assert nothing.headers["OGC-NumberReturned"] == "0"
    assert "next" not in nothing.links


def test_one_feature_is_no_file_and_says_so(service: httpx.Client) -> None:
    code = service.get("/rivers/items?limit=1").json()["features"][0]["id"]
    answer = service.get(f"/rivers/items/{code}?f=fgb")
    assert answer.status_code == 400
    assert "json" in answer.json()["allowed"]


@pytest.mark.parametrize("f", MEDIA_TYPES)
def test_a_file_holds_what_its_reader_may_see(own_sample: Database, f: str) -> None:
    with own_sample.reading() as connection:
        area = connection.execute(
            sa.text("SELECT area_code FROM hazards WHERE area_code IS NOT NULL LIMIT 1")
        ).scalar_one()
    hers = bearing(signed_in(own_sample, "lin", "viewer", areas=[area]))
    with serving(own_sample) as root, httpx.Client(base_url=f"{root}/ogc/collections", headers=hers) as client:
        answer = client.get("/hazards/items", params={"f": f, "limit": "10000"}).raise_for_status()
        told = client.get("/hazards/items?limit=10000").json()["features"]
    assert "private" in answer.headers["Cache-Control"]
    if f == "csv":
        codes = {row["code"] for row in _rows(answer)}
    elif f == "parquet":
        codes = set(pq.read_table(io.BytesIO(answer.content))["code"].to_pylist())
    else:
        codes = set(_features(answer.content))
    assert codes == {feature["id"] for feature in told}
    assert 0 < len(codes) < len(_stored(own_sample, "hazards"))
