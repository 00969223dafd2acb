"""OGC API Features, part 4: features are written by clients of the standard, QGIS first, and nobody's change is lost.

The words in the comments are the names of the standard's abstract tests and requirements (ogcapi-features-4).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import httpx
import pyproj
import pytest
import shapely
from conftest import copied
from openapi_spec_validator import validate
from people import as_, bearing, signed_in
from qgis import CRS84, Qgis, Refused
from serving import serving

from gis_service.api.ogc.schemas import returnables
from gis_service.crs import epsg
from gis_service.database import Database
from gis_service.database.cluster import Cluster
from layers import Ledger, registry

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
URIS = [CRS84, *(f"{EPSG}{code}" for code in (4326, 4490, 3857, 4549))]
BRIDGES, HAZARDS = "/ogc/collections/bridges/items", "/ogc/collections/hazards/items"
AREA = "350104101"
HERE = {"type": "Point", "coordinates": [119.3, 26.05]}
PATCH = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture(scope="module")
def district(cluster: Cluster, sample_template: str) -> Iterator[Database]:
    """The sample district, of this module alone."""
    yield from copied(cluster, sample_template, "ogc_editing")


@pytest.fixture(scope="module")
def root(district: Database) -> Iterator[str]:
    with serving(district) as address:
        yield address


@pytest.fixture(scope="module")
def client(district: Database, root: str) -> Iterator[httpx.Client]:
    """An editor's."""
    with httpx.Client(base_url=root, headers=bearing(signed_in(district, "王工", "editor")), timeout=60) as client:
        yield client


def feature(geometry: Any = HERE, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def made(client: httpx.Client, items: str = BRIDGES, **properties: Any) -> str:
    """Create a feature, and return its address."""
    answer = client.post(items, json=feature(**properties))
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def patch(client: httpx.Client, address: str, headers: Any = None, /, **properties: Any) -> httpx.Response:
    return client.patch(address, json={"properties": properties}, headers=PATCH | (headers or {}))


def properties(client: httpx.Client, address: str) -> Any:
    return client.get(address).raise_for_status().json()["properties"]


def in_crs(uri: str, longitude: float, latitude: float) -> shapely.Point:
    """Return a place in a CRS with easting first, as QGIS keeps it."""
    crs = pyproj.CRS.from_user_input(uri)
    if crs.is_projected:
        known = 4326 if uri.endswith("3857") else 4490
        longitude, latitude = pyproj.Transformer.from_crs(known, crs, always_xy=True).transform(longitude, latitude)
    return shapely.Point(longitude, latitude)


def stored(district: Database, code: str) -> shapely.Point:
    with district.reading() as connection:
        wkb = connection.exec_driver_sql(f"SELECT ST_AsBinary(geom) FROM bridges WHERE code = '{code}'").scalar_one()
    return shapely.from_wkb(bytes(wkb))


# --- QGIS ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crs", ["", CRS84, f"{EPSG}4490", f"{EPSG}4549", f"{EPSG}3857"])
@pytest.mark.parametrize("patches", [True, False])
def test_qgis_loads_adds_changes_moves_and_deletes(
    client: httpx.Client, district: Database, crs: str, patches: bool
) -> None:
    layer = Qgis(client, "bridges", crs, patches=patches)
    assert layer.crs == (crs or f"{EPSG}4490")
    assert layer.editable == {"add", "change", "delete"}
    layer.read()
    number = len(layer.features)

    code = layer.add(in_crs(layer.crs, 119.281234, 26.042345), name="新桥", kind="城市", span_m=12.5)
    assert code.startswith("QL-")
    assert (layer.features[code]["name"], layer.features[code]["version"]) == ("新桥", 1)
    assert shapely.distance(stored(district, code), shapely.Point(119.281234, 26.042345)) < 2e-8
    layer.change(code, span_m=20.25, extra={"图号": "1"})
    layer.move(code, in_crs(layer.crs, 119.29, 26.05))
    assert shapely.distance(stored(district, code), shapely.Point(119.29, 26.05)) < 2e-8
    layer.change(code, name="改名桥", built_year=1999)

    again = Qgis(client, "bridges", crs)
    again.read("&filter=(\"name\" = '改名桥')&filter-lang=cql2-text")
    assert list(again.features) == [code]
    now = again.features[code]
    assert (now["span_m"], now["built_year"], now["extra"], now["version"]) == (20.25, 1999, {"图号": "1"}, 4)
    assert shapely.distance(again.shapes[code], layer.shapes[code]) < 2e-3
    layer.delete(code)
    again.read()
    assert len(again.features) == number
    assert code not in again.features


def test_what_qgis_writes_is_in_the_history_and_among_the_changes_with_her_name(client: httpx.Client) -> None:
    layer = Qgis(client, "bridges")
    code = layer.add(in_crs(layer.crs, 119.3, 26.05), name="甲")
    layer.change(code, name="乙")
    layer.delete(code)
    listed = client.get("/api/changes", params={"layer": "bridges", "limit": 3}).json()["changes"]
    assert [one["by"] for one in listed] == ["王工"] * 3
    versions = client.get(f"/api/layers/bridges/features/{code}/history").json()["versions"]
    assert [one["by"] for one in versions] == ["王工"] * len(versions)
    address = made(client, name="甲")
    client.put(address, json=feature(name="乙"), params={"reason": "竣工测量"})
    listed = client.get("/api/changes", params={"layer": "bridges", "limit": 1}).json()["changes"]
    assert listed[0]["reason"] == "竣工测量"


def test_two_in_qgis_change_different_attributes_and_both_are_kept(client: httpx.Client) -> None:
    hers, his = Qgis(client, "bridges"), Qgis(client, "bridges")
    code = hers.add(in_crs(hers.crs, 119.3, 26.05), name="甲", span_m=1)
    his.read()
    hers.change(code, name="乙")
    his.change(code, span_m=2)  # he still holds the old name
    his.move(code, in_crs(his.crs, 119.31, 26.05))
    now = properties(client, f"{BRIDGES}/{code}")
    assert (now["name"], now["span_m"], now["version"]) == ("乙", 2, 4)
    # in the same attribute the last wins, and the history has both
    his.change(code, name="丙")
    history = f"/api/layers/bridges/features/{code}/history"
    named = [one["changes"] for one in client.get(history).json()["versions"]]
    assert '"丙"' in str(named).replace("'", '"')
    assert '"乙"' in str(named).replace("'", '"')


def test_a_qgis_that_puts_tells_the_version_and_is_refused_where_somebody_has_changed_since(
    client: httpx.Client,
) -> None:
    hers, his = Qgis(client, "bridges"), Qgis(client, "bridges", patches=False)
    code = hers.add(in_crs(hers.crs, 119.3, 26.05), name="甲", span_m=1)
    his.read()
    hers.change(code, name="乙")
    with pytest.raises(Refused) as refused:
        his.change(code, span_m=2)
    status, problem = refused.value.args
    assert (status, problem["type"]) == (409, "/docs/problems#changed-since")
    assert problem["conflicts"] == [{"field": "name", "read": "甲", "current": "乙", "yours": "甲"}]
    his.read()
    his.change(code, span_m=2)
    his.change(code, built_year=1999)  # what he has written himself is as he has it, and no conflict
    now = properties(client, f"{BRIDGES}/{code}")
    assert (now["name"], now["span_m"], now["built_year"]) == ("乙", 2, 1999)


def test_qgis_shows_what_is_not_hers_as_read_only(district: Database, root: str) -> None:
    with as_(district, root, "viewer") as viewer, as_(district, root, "inspector") as inspector:
        assert Qgis(viewer, "bridges").editable == Qgis(viewer, "hazards").editable == set()
        assert Qgis(inspector, "bridges").editable == set()
        assert Qgis(inspector, "hazards").editable == {"add", "change", "delete"}
    with httpx.Client(base_url=root) as nobody:
        layer = Qgis(nobody, "bridges")
        assert layer.editable == set()
        layer.patches = True
        with pytest.raises(Refused) as refused:
            layer.change("QL-001", name="x")
        assert refused.value.args[0] == 401
    with as_(district, root, "editor", columns=["name"]) as narrowed:
        assert Qgis(narrowed, "bridges").editable == set()  # QGIS asks about one only who may add
        assert "PATCH" in narrowed.options(f"{BRIDGES}/QL-001").headers["allow"]
        assert patch(narrowed, f"{BRIDGES}/QL-001", span_m=7).json()["field"] == "span_m"


def test_what_may_be_done_to_a_feature_depends_on_where_it_lies(
    client: httpx.Client, district: Database, root: str
) -> None:
    with district.reading() as connection:
        shared = f"shares ? '{AREA}' AND (SELECT count(*) FROM jsonb_object_keys(shares)) > 1"
        code = connection.exec_driver_sql(f"SELECT code FROM rivers WHERE {shared} LIMIT 1").scalar_one()
        elsewhere = f"SELECT code FROM bridges WHERE area_code <> '{AREA}' LIMIT 1"
        hidden = f"{BRIDGES}/{connection.exec_driver_sql(elsewhere).scalar_one()}"
    crossing = f"/ogc/collections/rivers/items/{code}"
    with as_(district, root, "editor", areas=[AREA]) as narrowed:
        assert narrowed.options(crossing).headers["allow"] == "GET, HEAD, OPTIONS"
        for answer in (patch(narrowed, crossing, name="甲"), narrowed.delete(crossing)):
            assert (answer.status_code, answer.json()["type"]) == (403, "/docs/problems#forbidden")
        for answer in (patch(narrowed, hidden, name="甲"), narrowed.delete(hidden), narrowed.get(hidden)):
            assert answer.status_code == 404
        # what she would put where she may not write is refused, and it is not there
        number = narrowed.get(BRIDGES, params={"limit": 1}).json()["numberMatched"]
        away = stored(district, hidden.rpartition("/")[2])
        answer = narrowed.post(BRIDGES, json=feature(shapely.geometry.mapping(away), name="越界"))
        assert answer.status_code == 403
        assert narrowed.get(BRIDGES, params={"limit": 1}).json()["numberMatched"] == number
    assert {"PUT", "PATCH", "DELETE"} <= set(client.options(crossing).headers["allow"].split(", "))


def test_an_empty_collection_can_be_edited_too(empty_district: Database) -> None:
    headers = bearing(signed_in(empty_district, "王工", "editor"))
    with serving(empty_district) as root, httpx.Client(base_url=root, headers=headers) as client:
        layer = Qgis(client, "bridges")
        assert layer.editable == {"add", "change", "delete"}
        assert layer.add(in_crs(layer.crs, 119.3, 26.05), name="第一座") == "QL-000001"


# --- create-replace-delete, update -----------------------------------------------------------------------------------


def test_options_say_what_may_be_done_and_in_which_types(client: httpx.Client) -> None:
    # /conf/create-replace-delete/options, /conf/update/options
    on_all, on_one = client.options(BRIDGES), client.options(f"{BRIDGES}/QL-001")
    assert (on_all.status_code, on_one.status_code) == (200, 200)
    assert on_all.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert on_one.headers["allow"] == "GET, HEAD, OPTIONS, PUT, PATCH, DELETE"
    assert "application/geo+json" in on_all.headers["accept-post"]
    assert "application/merge-patch+json" in on_one.headers["accept-patch"]
    refused = client.delete(BRIDGES)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    assert client.options("/ogc/collections/none/items").status_code == 404


def test_a_feature_is_created_replaced_changed_and_deleted(client: httpx.Client) -> None:
    # create, create-rid, replace, replace-rid, update, delete
    created = client.post(BRIDGES, json=feature(name="甲", span_m=1) | {"id": "QL-001"})
    address = created.headers["location"]
    assert created.status_code == 201
    assert address.startswith("http")
    assert not address.endswith("QL-001")
    got = client.get(address)
    assert got.json()["properties"] == created.json()["properties"]
    assert got.headers["content-crs"] == created.headers["content-crs"] == f"<{CRS84}>"

    replaced = client.put(address, json=feature(name="乙") | {"id": "other"})
    assert (replaced.status_code, replaced.headers["content-location"]) == (200, address)
    now = client.get(address).json()
    assert (now["id"], now["geometry"]) == (address.rpartition("/")[2], HERE)
    assert (now["properties"]["name"], now["properties"]["span_m"]) == ("乙", None)

    there = {"type": "Point", "coordinates": [119.31, 26.06]}
    document = {"properties": {"span_m": 7.8, "name": None}, "geometry": there}
    assert client.patch(address, json=document, headers=PATCH).status_code == 200
    now = client.get(address).json()
    assert (now["properties"]["span_m"], now["properties"]["name"], now["geometry"]) == (7.8, None, there)
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404


def test_what_is_not_there_is_neither_replaced_nor_made(client: httpx.Client) -> None:
    # replace-exceptions: without and with a precondition
    address = f"{BRIDGES}/QL-999999"
    for headers in ({}, {"If-Match": '"xyz"'}, {"If-Match": "*"}):
        assert client.put(address, json=feature(name="x"), headers=headers).status_code == 404
        assert patch(client, address, headers, name="x").status_code == 404
        assert client.delete(address, headers=headers).status_code == 404
    assert client.get(address).status_code == 404


def test_the_code_of_a_feature_stays(client: httpx.Client) -> None:
    # update-rid, /req/features/update-json-merge-patch
    address = made(client, name="甲")
    code = address.rpartition("/")[2]
    for document in ({"id": "B.888"}, {"id": "B.888", "properties": {"name": "x"}}, {"properties": {"code": "B.888"}}):
        assert client.patch(address, json=document, headers=PATCH).status_code in (400, 422)
    assert client.patch(address, json={"id": code, "properties": {"name": "乙"}}, headers=PATCH).is_success
    assert properties(client, address)["name"] == "乙"


@pytest.mark.parametrize(
    ("document", "status", "named"),
    [
        (feature(colour="red"), 422, "colour"),
        (feature(span_m="wide"), 422, "span_m"),
        (feature({"type": "Polygon", "coordinates": []}), 422, "geom"),
        (feature({"type": "Point", "coordinates": [1190000, 26]}), 422, "geom"),
        ({"type": "FeatureCollection", "features": []}, 400, "Feature"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_its_name(
    client: httpx.Client, document: Any, status: int, named: str
) -> None:
    answer = client.post(BRIDGES, json=document, params={"lang": "en"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert named in answer.json()["detail"]


def test_a_parameter_that_there_is_not_and_a_body_of_another_type_are_refused(client: httpx.Client) -> None:
    # create-content-type, replace-content-type, update-content-type
    assert client.post(BRIDGES, json=feature(), params={"resaon": "x"}).status_code == 400
    for method, address in (("POST", BRIDGES), ("PUT", f"{BRIDGES}/QL-001"), ("PATCH", f"{BRIDGES}/QL-001")):
        for headers in ({}, {"Content-Type": "text/csv"}):
            assert client.request(method, address, content=b"{}", headers=headers).status_code == 415


def test_a_hazard_is_edited_and_moved_along_its_loop_by_its_steps_only(client: httpx.Client) -> None:
    layer = Qgis(client, "hazards")
    code = layer.add(in_crs(layer.crs, 119.3, 26.05), kind="消防", level="一般", description="通道堵塞")
    assert layer.features[code]["status"] == "登记"
    layer.change(code, description="通道堵塞，已拍照")
    with pytest.raises(Refused) as refused:
        layer.change(code, status="销号")
    status, problem = refused.value.args
    assert (status, [fault["field"] for fault in problem["errors"]]) == (422, ["status"])
    assert "transitions" in problem["errors"][0]["rule"]
    assert properties(client, f"{HAZARDS}/{code}")["status"] == "登记"


def test_a_browsers_session_writes_only_from_a_page_of_its_own(district: Database, root: str) -> None:
    with httpx.Client(base_url=root) as browser:
        _sign_in(district, browser)
        assert "POST" in browser.options(BRIDGES).headers["allow"]
        assert browser.post(BRIDGES, json=feature(name="甲")).status_code == 403
        page = browser.get("/").text
        token = {"X-CSRF-Token": page.split('name="csrf-token" content="')[1].split('"')[0]}
        assert browser.post(BRIDGES, json=feature(name="甲"), headers=token | {"Origin": "http://x"}).status_code == 403
        assert browser.post(BRIDGES, json=feature(name="甲"), headers=token).status_code == 201


def _sign_in(district: Database, browser: httpx.Client) -> None:
    with as_(district, str(browser.base_url), "admin") as admin:
        account = {"name": "lin", "role": "editor", "password": "correct horse battery"}
        assert admin.post("/api/users", json=account).is_success
    form = {"name": "lin", "password": "correct horse battery"}
    assert browser.post("/login", data=form).status_code == 303


# --- optimistic locking ----------------------------------------------------------------------------------------------


def _tried(client: httpx.Client, method: str, address: str, headers: dict[str, str]) -> httpx.Response:
    """Change a feature, or delete it, under a condition."""
    if method == "PATCH":
        return patch(client, address, headers, span_m=len(str(headers)))
    document = {} if method == "DELETE" else {"json": feature(name="丙")}
    return client.request(method, address, headers=headers, **document)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_may_be_held_to_the_tag_that_was_read(client: httpx.Client, method: str) -> None:
    # /conf/optimistic-locking-etags/get-etag, replace, update, delete
    address = made(client, name="甲")
    read = client.get(address).headers["etag"]
    refused = _tried(client, method, address, {"If-Match": '"0"'})
    assert (refused.status_code, refused.json()["type"]) == (412, "/docs/problems#stale-version")
    assert refused.json()["feature"]["properties"]["name"] == properties(client, address)["name"] == "甲"
    done = _tried(client, method, address, {"If-Match": read})
    assert done.is_success
    if method != "DELETE":
        assert done.headers["etag"] == client.get(address).headers["etag"] != read
        assert _tried(client, method, address, {"If-Match": read}).status_code == 412
        assert _tried(client, method, address, {}).is_success


def test_a_tag_holds_to_the_version_whatever_the_feature_was_read_in(client: httpx.Client) -> None:
    address = made(client, name="甲")
    code = address.rpartition("/")[2]
    tags = {client.get(address, params={"crs": uri}).headers["etag"] for uri in URIS}
    tags |= {client.get(address, params={"properties": "name"}).headers["etag"]}
    assert len(tags) == 5  # one for each answer that differs; EPSG:4326 and 4490 are the same numbers
    tags |= {client.get(f"/api/layers/bridges/features/{code}").headers["etag"]}
    for at, tag in enumerate(tags):
        address = made(client, name="甲")
        assert patch(client, address, {"If-Match": tag}, span_m=at).status_code == 412
    for tag in [client.get(address, params={"crs": uri}).headers["etag"] for uri in URIS]:
        for written in (tag, f"W/{tag}"):
            assert patch(client, address, {"If-Match": written}, name="甲").is_success
    under_api = f"/api/layers/bridges/features/{address.rpartition('/')[2]}"
    assert client.patch(under_api, json={"properties": {"name": "甲"}}, headers={"If-Match": tag}).is_success


def test_a_feature_that_has_not_changed_is_not_sent_again_in_the_same_crs(client: httpx.Client) -> None:
    address = made(client, name="甲")
    had = {"If-None-Match": client.get(address).headers["etag"]}
    assert client.get(address, headers=had).status_code == 304
    assert client.get(address, headers=had, params={"crs": f"{EPSG}4549"}).status_code == 200
    tag = patch(client, address, name="乙").headers["etag"]
    assert client.get(address, headers=had).status_code == 200
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_may_be_held_to_the_moment_that_was_read(client: httpx.Client, method: str) -> None:
    # /conf/optimistic-locking-timestamps/get-last-modified, replace, update, delete
    address = made(client, name="甲")
    read = client.get(address).headers["last-modified"]
    moment = parsedate_to_datetime(read)
    early = format_datetime(moment - timedelta(seconds=1), usegmt=True)
    refused = _tried(client, method, address, {"If-Unmodified-Since": early})
    assert (refused.status_code, refused.json()["type"]) == (412, "/docs/problems#stale-version")
    assert properties(client, address)["name"] == "甲"
    done = _tried(client, method, address, {"If-Unmodified-Since": read})
    assert done.is_success
    if method != "DELETE":
        assert parsedate_to_datetime(done.headers["last-modified"]) >= moment
        assert _tried(client, method, address, {"If-Unmodified-Since": "yesterday"}).status_code == 400


def test_of_two_changes_in_one_second_none_is_written_over(client: httpx.Client, district: Database) -> None:
    address = made(client, name="甲")
    code = address.rpartition("/")[2]
    patch(client, address, name="乙")
    with district.transaction() as connection:  # as if both had been written within the same second
        for table in ("bridges", "bridges_history"):
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            connection.exec_driver_sql(
                f"UPDATE {table} SET updated_at = '2023-10-31T08:00:00.5Z' WHERE code = '{code}'"
            )
            connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    read = client.get(address).headers
    assert read["last-modified"] == "Tue, 31 Oct 2023 08:00:00 GMT"
    held = {"If-Unmodified-Since": read["last-modified"]}
    assert patch(client, address, held, name="丙").status_code == 412
    assert patch(client, address, held | {"If-Match": read["etag"]}, name="丙").is_success


def test_the_version_among_the_properties_holds_a_change_to_what_was_read(client: httpx.Client) -> None:
    address = made(client, name="甲", span_m=1)
    assert patch(client, address, name="乙", version=1).is_success
    assert patch(client, address, name="丙", version=1).status_code == 409
    assert patch(client, address, span_m=2, version=1).is_success
    now = properties(client, address)
    assert (now["name"], now["span_m"]) == ("乙", 2)


def test_a_feature_of_the_past_has_no_tag_and_cannot_be_changed(client: httpx.Client) -> None:
    past = client.get(f"{BRIDGES}/QL-001", params={"as_of": "2023-06-30"})
    assert not {"etag", "last-modified"} & set(past.headers)
    assert client.delete(f"{BRIDGES}/QL-001", params={"as_of": "2023-06-30"}).status_code == 400


# --- features --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uri", URIS)
@pytest.mark.parametrize("written", ["{}", "<{}>"])
def test_the_place_is_read_in_the_crs_that_is_declared(client: httpx.Client, uri: str, written: str) -> None:
    # /conf/features/crs
    first = client.get(made(client, name="甲"), params={"crs": uri}).json()["geometry"]
    created = client.post(BRIDGES, json=feature(first), headers={"Content-Crs": written.format(uri)})
    assert created.json()["geometry"] == HERE
    assert client.get(created.headers["location"], params={"crs": uri}).json()["geometry"] == first
    moved = client.patch(
        created.headers["location"], json={"geometry": first}, headers={"Content-Crs": written.format(uri)}
    )
    assert moved.headers["etag"] == created.headers["etag"]


@pytest.mark.parametrize("uri", ["", "EPSG:4549", f"{EPSG}27700", f"<{EPSG}4549", "\\"])
def test_a_crs_that_is_not_offered_is_refused_with_those_that_are(client: httpx.Client, uri: str) -> None:
    answer = client.post(BRIDGES, json=feature(), headers={"Content-Crs": uri})
    if uri == f"<{EPSG}4549":  # a bracket that is lost is forgiven, a place that cannot be there is not
        assert answer.status_code == 422
        return
    assert (answer.status_code, answer.json()["parameter"]) == (400, "Content-Crs")
    assert answer.json()["allowed"] == URIS


@pytest.mark.parametrize("layer", registry())
def test_what_was_read_in_any_crs_and_is_given_back_makes_no_version(client: httpx.Client, layer: str) -> None:
    # /conf/features/geojson
    if not registry()[layer].placed:
        return
    items = f"/ogc/collections/{layer}/items"
    for uri in URIS:
        for one in client.get(items, params={"limit": 4, "crs": uri}).json()["features"]:
            address, version = f"{items}/{one['id']}", one["properties"]["version"]
            answer = client.put(address, json=one, headers={"Content-Crs": f"<{uri}>"})
            assert answer.is_success, answer.text
            assert answer.json()["properties"]["version"] == version, (uri, one["id"])


@pytest.mark.parametrize("layer", registry())
@pytest.mark.parametrize("role", ["editor", "inspector", "viewer"])
def test_the_schema_says_of_every_property_whether_she_may_set_it(
    district: Database, root: str, layer: str, role: str
) -> None:
    # /conf/features/schema
    items = f"/ogc/collections/{layer}/items"
    with as_(district, root, role) as somebody:
        schema = somebody.get(f"/ogc/collections/{layer}/schema").json()["properties"]
        address = f"{items}/{somebody.get(items, params={'limit': 1}).json()['features'][0]['id']}"
        before = properties(somebody, address)
        for name, described in schema.items():
            refers = {"x-ogc-role", "oneOf"} & set(described) or name == "subject_code"
            if name in returnables(registry()[layer]) and not refers:
                value = _another(described, before[name])
                answer = patch(somebody, address, **{name: value})
                taken = properties(somebody, address)[name] == value
                assert taken is not described.get("readOnly", False), answer.text


def _another(described: Any, present: Any) -> Any:
    """Return a value of a property that is not the one that it has."""
    if described.get("format") == "date":
        return "2023-10-30" if present != "2023-10-30" else "2023-10-29"
    if described.get("format") == "date-time":
        return "2020-01-01T00:00:00Z"
    if described["type"] == "object":  # a merge patch of it
        return present | {"甲": present.get("甲", 0) + 1}
    low = described.get("minimum", 0)
    chosen = {"number": (low, low + 1), "integer": (901, 902), "boolean": (True, False)}
    one, other = chosen.get(described["type"], ("甲", "乙"))
    return other if one == present else one


def test_the_classes_are_declared_and_the_definition_says_every_operation(client: httpx.Client) -> None:
    declared = client.get("/ogc/conformance").json()["conformsTo"]
    names = ("create-replace-delete", "update", "features", "optimistic-locking-etags", "optimistic-locking-timestamps")
    assert {f"http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/{name}" for name in names} <= set(declared)
    definition = client.get("/ogc/api").json()
    validate(definition)
    for layer in registry():
        on_all, on_one = (definition["paths"][f"/collections/{layer}/items{rest}"] for rest in ("", "/{featureId}"))
        assert {"get", "post"} <= set(on_all)
        assert {"get", "put", "patch", "delete"} <= set(on_one)
        assert "application/merge-patch+json" in on_one["patch"]["requestBody"]["content"]
        assert {"200", "400", "401", "403", "404", "409", "412", "413", "415", "422"} <= set(on_one["put"]["responses"])


def test_the_axes_of_the_tests_are_those_of_the_authorities() -> None:
    assert [epsg(code).north_first for code in (4490, 4549, 3857)] == [True, True, False]
    assert issubclass(registry()["hazards"], Ledger)
