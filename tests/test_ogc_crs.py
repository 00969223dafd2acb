"""OGC API Features, part 2: every CRS in and out, with the axes in the order of its authority."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from serving import serving

from gis_service.crs import CRS84, epsg, offered
from gis_service.database import Database
from gis_service.errors import UsageError
from layers import registry

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
URIS = [CRS84.uri, *(f"{EPSG}{code}" for code in (4326, 4490, 3857, 4549))]
LAYERS = ["bridges", "rivers", "areas", "works"]


@pytest.fixture(scope="module")
def service(sample_district: Database) -> Iterator[httpx.Client]:
    with serving(sample_district) as root, httpx.Client(base_url=root, timeout=30) as client:
        yield client


def _features(service: httpx.Client, layer: str, **query: str) -> dict[str, Any]:
    answer = service.get(f"/ogc/collections/{layer}/items", params={"limit": "1000", **query}).raise_for_status()
    return {f["id"]: shapely.geometry.shape(f["geometry"]) for f in answer.json()["features"] if f["geometry"]}


def _by_authority(uri: str, shape: Any) -> Any:
    """Move a shape of CRS84 into a CRS, with the axes in the order of the authority, by PROJ."""
    if uri == CRS84.uri:
        return shape
    crs = pyproj.CRS.from_user_input(uri)
    plane = pyproj.Transformer.from_crs("OGC:CRS84" if crs.to_epsg() in (4326, 3857) else 4490, crs, always_xy=True)
    moved = shapely.transform(shape, plane.transform, interleaved=False) if crs.is_projected else shape
    north_first = crs.axis_info[0].direction == "north"
    return shapely.transform(moved, lambda pairs: pairs[:, ::-1]) if north_first else moved


@pytest.mark.parametrize("layer", registry())
def test_every_collection_offers_crs84_and_the_stored_crs_among_others(service: httpx.Client, layer: str) -> None:
    # DiscoveryCollectionCrsUri, DiscoveryCollectionDefaultCrs, DiscoveryCollectionStorageCrs; and of all collections
    # DiscoveryCollectionsCrsUri, DiscoveryCollectionsDefaultCrs, DiscoveryCollectionsStorageCrs
    one = service.get(f"/ogc/collections/{layer}").json()
    everything = service.get("/ogc/collections").json()
    listed = next(each for each in everything["collections"] if each["id"] == layer)
    assert one["crs"] == listed["crs"] == everything["crs"] == URIS
    assert one["storageCrs"] == listed["storageCrs"]
    assert one["storageCrs"] == f"{EPSG}4490"
    assert one["storageCrs"] in one["crs"]


@pytest.mark.parametrize("uri", URIS)
@pytest.mark.parametrize("layer", LAYERS)
def test_features_come_in_the_crs_that_was_asked_for(service: httpx.Client, layer: str, uri: str) -> None:
    # FeaturesCrsParameter, FeaturesCrsParameterTransform, FeatureCrsParameter, FeatureCrsParameterTransform
    answer = service.get(f"/ogc/collections/{layer}/items", params={"crs": uri, "limit": "1000"})
    assert answer.headers["content-crs"] == f"<{uri}>"
    assert "crs" not in answer.json()
    moved, plain = _features(service, layer, crs=uri), _features(service, layer)
    assert moved.keys() == plain.keys()
    nearly = 2e-8 if uri in URIS[:3] else 0.002
    for code, shape in plain.items():
        expected = shapely.get_coordinates(_by_authority(uri, shape))
        np.testing.assert_allclose(shapely.get_coordinates(moved[code]), expected, atol=nearly, rtol=0)
    code = next(iter(plain))
    one = service.get(f"/ogc/collections/{layer}/items/{code}", params={"crs": uri})
    assert one.headers["content-crs"] == f"<{uri}>"
    assert shapely.geometry.shape(one.json()["geometry"]).equals(moved[code])
    assert "crs" not in one.json()["geometry"]


def test_where_no_crs_is_asked_for_it_is_crs84(service: httpx.Client) -> None:
    # FeaturesCrsParameterDefault, FeatureCrsParameterDefault, BBoxCrsParameterDefault
    assert _features(service, "bridges") == _features(service, "bridges", crs=CRS84.uri)
    for path in ("items", "items/QL-001"):
        assert service.get(f"/ogc/collections/bridges/{path}").headers["content-crs"] == f"<{CRS84.uri}>"
    box = {"bbox": "119.25,26,119.32,26.06"}
    assert _features(service, "bridges", **box) == _features(service, "bridges", **box, **{"bbox-crs": CRS84.uri})


@pytest.mark.parametrize("uri", URIS)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_box_is_read_in_its_own_crs(service: httpx.Client, layer: str, uri: str) -> None:
    # BBoxCrsParameter
    box = _by_authority(uri, shapely.box(119.25, 26, 119.32, 26.06)).bounds
    found = _features(service, layer, bbox=",".join(map(str, box)), **{"bbox-crs": uri}, crs=uri)
    moved = _features(service, layer, crs=uri)
    inside = {code for code, shape in moved.items() if shape.intersects(shapely.box(*box))}
    assert found.keys() == inside
    assert len(inside) > 0


@pytest.mark.parametrize("uri", URIS)
def test_the_shapes_of_a_filter_are_read_in_their_own_crs(service: httpx.Client, uri: str) -> None:
    shape = _by_authority(uri, shapely.Polygon([(119.2, 26), (119.35, 26), (119.3, 26.1)]))
    plain = _features(service, "bridges", filter="S_WITHIN(geom, POLYGON((119.2 26, 119.35 26, 119.3 26.1, 119.2 26)))")
    assert (
        plain.keys()
        == _features(service, "bridges", filter=f"S_WITHIN(geom, {shape.wkt})", **{"filter-crs": uri}).keys()
    )
    assert plain


@pytest.mark.parametrize("parameter", ["crs", "bbox-crs", "filter-crs"])
@pytest.mark.parametrize("uri", ["", "EPSG:4326", f"{EPSG}2154", f"{EPSG}999999", "http://www.opengis.net/def/crs/0/x"])
def test_another_crs_is_refused_with_those_that_there_are(service: httpx.Client, parameter: str, uri: str) -> None:
    # FeaturesCrsParameterInvalid, FeatureCrsParameterInvalid, BBoxCrsParameterInvalid
    paths = ["items", "items/QL-001"] if parameter == "crs" else ["items"]
    for path in paths:
        box = {"bbox": "119,26,120,27"} if path == "items" else {}
        answer = service.get(f"/ogc/collections/bridges/{path}", params={parameter: uri, **box})
        assert answer.status_code == 400
        assert answer.json()["allowed"] == URIS


@pytest.mark.parametrize("code", [4326, 4490, 4513, 4526, 4534, 4547, 4548, 4549, 3857, 32650])
def test_the_order_of_axes_is_that_of_the_authority(code: int) -> None:
    assert epsg(code).north_first == (pyproj.CRS.from_epsg(code).axis_info[0].direction == "north")


@given(st.floats(117, 122), st.floats(20, 30), st.sampled_from(offered(4549)))
def test_what_is_moved_into_a_crs_and_back_is_where_it_was(x: float, y: float, crs: Any) -> None:
    there = _by_authority(crs.uri, shapely.Point(x, y))
    assert crs.stored(there).distance(shapely.Point(x, y)) < 1e-8


def test_a_box_may_go_over_the_180th_meridian() -> None:
    found = CRS84.box([170, -10, -170, 10])
    assert found.covers(shapely.Point(175, 0))
    assert found.covers(shapely.Point(-175, 0))
    assert not found.covers(shapely.Point(0, 0))
    assert epsg(4326).box([-10, 170, 10, -170]).equals(found)


@pytest.mark.parametrize("numbers", [[1, 2, 3], [1, 5, 2, 4], [1, 2, 3, float("inf")], [0, 0, 9, 1, 1, 8], []])
def test_what_is_no_box_is_refused(numbers: list[float]) -> None:
    with pytest.raises(UsageError, match="A box is"):
        CRS84.box(numbers)


def test_what_lies_outside_of_a_crs_is_refused(service: httpx.Client) -> None:
    answer = service.get(
        "/ogc/collections/bridges/items", params={"bbox": "1e300,1e300,2e300,2e300", "bbox-crs": URIS[4]}
    )
    assert answer.status_code == 400
