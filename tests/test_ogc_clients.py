"""OGC API Features with the clients that people use: GDAL, which QGIS and ArcGIS-like programs build on, and OWSLib."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pyogrio
import pytest
import shapely
from owslib.ogcapi.features import Features
from pyogrio.errors import FeatureError
from serving import serving
from sqlalchemy import text

from gis_service.database import Database
from layers import registry


@pytest.fixture(scope="module")
def root(sample_district: Database) -> Iterator[str]:
    """The address of a service whose pages are small, so that clients have to follow them."""
    with serving(sample_district, page_size=20, page_limit=40) as address:
        yield f"{address}/ogc"


def _rows(database: Database, sql: str) -> list[tuple[str, bytes | None]]:
    with database.reading() as connection:
        return [(row.code, row.geom and bytes(row.geom)) for row in connection.execute(text(sql))]


@pytest.fixture(scope="module")
def gdal() -> Iterator[ProcessPoolExecutor]:
    """GDAL in a process of its own: it keeps Python's lock while it waits for the service."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        yield process


def _read(
    gdal: ProcessPoolExecutor, root: str, layer: str, **asked: object
) -> tuple[list[str], list[shapely.Geometry | None], dict[str, object]]:
    reading = gdal.submit(pyogrio.raw.read, f"OAPIF:{root}", layer=layer, **asked)
    about, _, geometries, columns = reading.result(timeout=60)
    codes = columns[list(about["fields"]).index("code")]
    return list(codes), list(shapely.from_wkb(geometries)), about


def test_gdal_finds_every_layer(gdal: ProcessPoolExecutor, root: str) -> None:
    assert [name for name, _ in gdal.submit(pyogrio.list_layers, f"OAPIF:{root}").result(timeout=60)] == list(
        registry()
    )


@pytest.mark.parametrize("layer", registry())
def test_gdal_reads_every_feature_with_its_place(
    gdal: ProcessPoolExecutor, root: str, sample_district: Database, layer: str
) -> None:
    expected = _rows(sample_district, f"SELECT code, ST_AsBinary(geom) AS geom FROM {layer} ORDER BY id")
    codes, shapes, about = _read(gdal, root, layer)
    assert codes == [code for code, _ in expected]
    assert about["crs"] == "EPSG:4490"
    for shape, (_, wkb) in zip(shapes, expected, strict=True):
        if wkb is None:
            assert shape is None
        else:
            np.testing.assert_allclose(
                shapely.get_coordinates(shape), shapely.get_coordinates(shapely.from_wkb(wkb)), atol=1e-8, rtol=0
            )


@pytest.mark.parametrize(
    ("layer", "where"),
    [
        ("bridges", "grade = 'B'"),
        ("bridges", "bci > 90"),
        ("hazards", "status = '登记'"),
        ("hazards", "level = '重大' AND supervised"),
        ("rivers", "name LIKE '%河'"),
    ],
)
def test_gdal_filters_by_attributes(
    gdal: ProcessPoolExecutor, root: str, sample_district: Database, layer: str, where: str
) -> None:
    expected = _rows(sample_district, f"SELECT code, NULL::bytea AS geom FROM {layer} WHERE {where} ORDER BY id")
    assert expected
    assert _read(gdal, root, layer, where=where.replace("supervised", "supervised = 1"))[0] == [
        code for code, _ in expected
    ]


def test_a_date_that_gdal_takes_for_the_time_of_the_layer_is_refused_and_not_answered_wrongly(
    gdal: ProcessPoolExecutor, root: str
) -> None:
    # it writes every comparison of a date as datetime=, whichever field it is of
    with pytest.raises(FeatureError, match="datetime"):
        _read(gdal, root, "bridges", where="assessed_on >= '2023/03/01'")


@pytest.mark.parametrize("layer", ["bridges", "rivers", "areas", "hazards"])
def test_gdal_filters_by_place(gdal: ProcessPoolExecutor, root: str, sample_district: Database, layer: str) -> None:
    box = (119.25, 26.0, 119.3, 26.06)
    inside = f"ST_Intersects(geom, ST_MakeEnvelope({', '.join(map(str, box))}, 4490))"
    expected = _rows(sample_district, f"SELECT code, NULL::bytea AS geom FROM {layer} WHERE {inside} ORDER BY id")
    assert expected
    assert _read(gdal, root, layer, bbox=box)[0] == [code for code, _ in expected]


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="needs GDAL's programs")
@pytest.mark.parametrize("layer", ["bridges", "works"])
def test_ogrinfo_counts_what_there_is(root: str, sample_district: Database, layer: str) -> None:
    expected = len(_rows(sample_district, f"SELECT code, NULL::bytea AS geom FROM {layer}"))
    told = subprocess.run(["ogrinfo", "-ro", "-so", f"OAPIF:{root}", layer], capture_output=True, text=True, check=True)
    assert f"Feature Count: {expected}" in told.stdout


def test_owslib_reads_collections_and_features(root: str, sample_district: Database) -> None:
    client = Features(root)
    assert client.feature_collections() == list(registry())
    assert client.conformance()["conformsTo"]
    assert "limit" in client.api()["components"]["parameters"]
    for layer in registry():
        expected = len(_rows(sample_district, f"SELECT code, NULL::bytea AS geom FROM {layer}"))
        assert client.collection(layer)["itemCount"] == expected
        page = client.collection_items(layer, limit=40)
        assert page["numberMatched"] == expected
        assert page["numberReturned"] == min(expected, 40)
    assert set(client.collection_queryables("bridges")["properties"]) >= {"grade", "bci", "open_hazards", "geom"}
    assert client.collection_item("bridges", "QL-001")["id"] == "QL-001"


def test_owslib_filters(root: str, sample_district: Database) -> None:
    client = Features(root)
    expected = _rows(sample_district, "SELECT code, NULL::bytea AS geom FROM bridges WHERE grade = 'B' AND bci > 80")
    found = client.collection_items("bridges", filter="grade = 'B' AND bci > 80", limit=40)
    assert found["numberMatched"] == len(expected) > 0
    found = client.collection_items("hazards", bbox=[119.25, 26.0, 119.3, 26.06], datetime_="2023-06-01/..", limit=1)
    inside = "ST_Intersects(geom, ST_MakeEnvelope(119.25, 26, 119.3, 26.06, 4490)) AND found_on >= '2023-06-01'"
    expected = _rows(sample_district, f"SELECT code, NULL::bytea AS geom FROM hazards WHERE {inside}")
    assert found["numberMatched"] == len(expected) > 0


def test_gdal_knows_the_type_of_a_column_whose_first_values_are_empty_or_whole(
    gdal: ProcessPoolExecutor, root: str
) -> None:
    def types(layer: str) -> dict[str, str]:
        about = gdal.submit(pyogrio.read_info, f"OAPIF:{root}", layer=layer).result(timeout=60)
        return dict(zip(about["fields"], about["ogr_types"], strict=True))

    assert types("project_sites")["pit_depth_m"] == "OFTReal"
    assert types("rivers").items() >= {"width_m": "OFTReal", "sampled_on": "OFTDate", "name": "OFTString"}.items()
