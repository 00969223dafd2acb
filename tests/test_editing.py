"""Records are written through the API: judged by their layer, held to their version, hers or not, and never lost."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest
import shapely
from conftest import copied
from hypothesis import given, settings
from hypothesis import strategies as st
from people import as_, bearing, signed_in
from records import records
from serving import serving

from gis_service.database import Database
from gis_service.database.cluster import Cluster
from gis_service.editing import Read, change, create, record_of
from layers import registry

BRIDGES = "/api/layers/bridges/features"
HAZARDS = "/api/layers/hazards/features"
HERE = {"type": "Point", "coordinates": [119.3, 26.05]}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def district(cluster: Cluster, sample_template: str) -> Iterator[Database]:
    """The sample district, of this module alone."""
    for database in copied(cluster, sample_template, "editing"):
        signed_in(database, "王工", "editor")
        yield database


@pytest.fixture(scope="module")
def served(district: Database) -> Iterator[Database]:
    """The same as its service works on it for an editor."""
    service = district.for_service()
    yield service.acting("王工")
    service.engine.dispose()


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


def made(client: httpx.Client, address: str = BRIDGES, **properties: Any) -> str:
    """Create a record, and return its address."""
    answer = client.post(address, json=feature(**properties))
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def properties(client: httpx.Client, address: str) -> Any:
    return client.get(address).raise_for_status().json()["properties"]


def patch(client: httpx.Client, address: str, **properties: Any) -> httpx.Response:
    return client.patch(address, json={"properties": properties})


def errors(answer: httpx.Response) -> dict[str, str]:
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text
    return {fault["field"]: fault["rule"] for fault in answer.json()["errors"]}


@pytest.mark.parametrize("name", registry())
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_again_as_the_layer_stores_it(served: Database, name: str, data: st.DataObject) -> None:
    layer = registry()[name]
    codes = {"rivers": ["HD-001", "HD-002"], "areas": ["350104101"]}
    document, expected = data.draw(records(layer, codes))
    with suppress(_NotKept), served.transaction() as connection:
        today = served.district(connection).today
        found = create(connection, layer, record_of(document), today)
        stored = orjson.loads(found.feature)
        assert stored["id"] == found.code
        assert {name: stored["properties"][name] for name in expected} == expected | {"code": found.code}
        was, is_ = (shapely.from_geojson(orjson.dumps(d["geometry"])) for d in (document, stored))
        assert shapely.equals(was, is_)
        # what was read and is given back as it is makes no version
        again = record_of(stored)
        same = change(connection, layer, found.code, again, read=Read(), today=today, whole=True)
        assert (same.feature, same.etag) == (found.feature, found.etag)
        raise _NotKept


class _NotKept(Exception):
    pass


def test_a_record_is_created_read_replaced_changed_and_deleted(client: httpx.Client) -> None:
    created = client.post(
        BRIDGES, json=feature(name="新桥", kind="urban", extra={"图号": "1"}), params={"reason": "竣工"}
    )
    assert created.status_code == 201
    address, tag = created.headers["location"], created.headers["etag"]
    assert address.startswith(f"{BRIDGES}/QL-0")
    got = client.get(address)
    assert (got.json(), got.headers["etag"]) == (created.json(), tag)
    assert "etag" not in client.get(address, params={"as_of": "2023-10-31"}).headers
    assert created.json()["properties"]["kind"] == "城市"

    patched = client.patch(address, json={"properties": {"span_m": "1,234.5", "extra": {"图号": None, "x": 2}}})
    assert patched.headers["etag"] != tag
    assert (
        patched.json()["properties"] | {"span_m": 1234.5, "extra": {"x": 2}, "name": "新桥"}
        == patched.json()["properties"]
    )
    unchanged = client.patch(address, json={"properties": {"span_m": 1234.5}, "geometry": HERE})
    assert unchanged.headers["etag"] == patched.headers["etag"]

    replaced = client.put(address, json=feature(name="旧桥"), params={"reason": "更正"}).json()["properties"]
    assert (replaced["name"], replaced["kind"], replaced["span_m"], replaced["extra"]) == ("旧桥", "未知", None, {})
    assert client.patch(address, json={"properties": {"name": None}}).json()["properties"]["name"] is None
    assert client.delete(address, params={"reason": "拆除"}).status_code == 204
    assert client.get(address).status_code == 404
    versions = client.get(f"{address}/history").json()["versions"]
    assert [version["reason"] for version in versions] == [None, "更正", None, "竣工"]
    assert {version["by"] for version in versions} == {"王工"}
    assert versions[0]["deleted"]["reason"] == "拆除"


def test_what_was_deleted_can_be_restored(client: httpx.Client, district: Database, root: str) -> None:
    address = made(client, name="要找回的桥", span_m=12)
    was = client.get(address).json()
    client.delete(address).raise_for_status()
    with as_(district, root, "manager") as manager:
        manager.post(f"{address}/restore", params={"version": 1, "reason": "误删"}).raise_for_status()
    back = client.get(address).json()
    assert back["geometry"] == was["geometry"]
    kept = {"updated_at": None, "version": None}
    assert back["properties"] | kept == was["properties"] | kept


def test_a_code_may_hold_any_character_and_is_taken_only_once(client: httpx.Client) -> None:
    code = "闽A/0 1?#%"
    address = made(client, code=code)
    assert address == f"{BRIDGES}/{quote(code, safe='')}"
    assert properties(client, address)["code"] == code
    answer = client.post(BRIDGES, json=feature(code=code))
    assert (answer.status_code, answer.json()["type"]) == (409, "/docs/problems#already-there")


def test_all_faults_are_named_at_once_with_their_rules_in_the_readers_language(client: httpx.Client) -> None:
    wrong = feature(
        {"type": "Polygon", "coordinates": [[[119, 26], [120, 26], [120, 27], [119, 26]]]},
        grade="Z",
        bci=101,
        assessed_on="2023-02-30",
        river_code="HD-999",
        span_m="long",
        cost=-1,
        colour="red",
        extra=[1],
        name={"zh": "桥"},
    )
    english = errors(client.post(BRIDGES, json=wrong, params={"lang": "en"}))
    assert english == {
        "grade": "not in the vocabulary; allowed: A, B, C, D, E, 1类, 2类, 3类, 4类, 5类, 未知",
        "bci": "must be between 0 and 100",
        "assessed_on": "not a date such as 2023-10-31",
        "river_code": "there is no HD-999 in the layer rivers",
        "span_m": "not a number",
        "cost": "must be at least 0",
        "colour": "the layer has no such field",
        "extra": "must be a JSON object",
        "name": "must be a single value",
        "geom": "wrong geometry type; the layer holds Point or LineString",
    }
    answer = client.post(BRIDGES, json=wrong, params={"lang": "zh"})
    assert errors(answer)["bci"] == "应在 0 至 100 之间"
    assert {"field": "bci", "value": 101, "rule": "应在 0 至 100 之间"} in answer.json()["errors"]
    assert "span_m" in answer.json()["allowed"]
    assert "shares" not in answer.json()["allowed"]


SHAPES = {
    "nothing": (None, "has no geometry"),
    "empty": ({"type": "Point", "coordinates": []}, "has no geometry"),
    "an empty object": ({}, "not a GeoJSON geometry"),
    "no place": ({"type": "Point", "coordinates": [1]}, "not a GeoJSON geometry"),
    "no type": ({"coordinates": [119, 26]}, "not a GeoJSON geometry"),
    "words": ({"type": "Point", "coordinates": ["119", "26"]}, "not a GeoJSON geometry"),
    "swapped": ({"type": "Point", "coordinates": [26.05, 119.3]}, "are the two numbers swapped?"),
    "metres": ({"type": "Point", "coordinates": [431000, 2881000]}, "is the CRS right?"),
    "another CRS": (HERE | {"crs": {"type": "name", "properties": {"name": "EPSG:4549"}}}, "EPSG:4490"),
    "one point": ({"type": "LineString", "coordinates": [[119, 26], [119, 26]]}, "invalid geometry"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_place_that_cannot_be_is_refused(client: httpx.Client, shape: str) -> None:
    geometry, rule = SHAPES[shape]
    assert rule in errors(client.post(BRIDGES, json=feature(geometry), params={"lang": "en"}))["geom"]


def test_lines_and_polygons_may_come_in_one_part_and_a_harmless_fault_is_repaired(client: httpx.Client) -> None:
    line = {"type": "LineString", "coordinates": [[119.3, 26.05, 3.0], [119.31, 26.05, 3.0]]}
    stored = client.post(BRIDGES, json=feature(line)).json()["geometry"]
    assert stored == {"type": "MultiLineString", "coordinates": [[[119.3, 26.05], [119.31, 26.05]]]}
    touching = [[119.3, 26.0], [119.34, 26.0], [119.34, 26.04], [119.32, 26.0], [119.3, 26.04], [119.3, 26.0]]
    polygon = {"type": "Polygon", "coordinates": [touching]}
    stored = client.post("/api/layers/heritage_buildings/features", json=feature(polygon)).json()["geometry"]
    assert (stored["type"], len(stored["coordinates"])) == ("MultiPolygon", 2)


CODES = {"": None, "..": 422, "a\nb": 422, "x" * 201: 422, "x" * 200: 201, " QL-X ": 201}


@pytest.mark.parametrize("code", CODES, ids=range(len(CODES)))
def test_a_code_can_be_an_address(client: httpx.Client, code: str) -> None:
    answer = client.post(BRIDGES, json=feature(code=code))
    assert answer.status_code == (CODES[code] or 201)
    if answer.is_success:
        assert client.get(answer.headers["location"]).json()["id"] == (code.strip() or answer.json()["id"])


def test_the_code_of_the_body_is_that_of_the_address(client: httpx.Client) -> None:
    address = made(client, name="甲")
    for answer in (patch(client, address, code="QL-001"), client.put(address, json=feature(code="QL-001"))):
        assert list(errors(answer)) == ["code"]


def test_what_the_database_keeps_is_passed_over(client: httpx.Client) -> None:
    address = made(client, name="甲")
    kept = {"id": 7, "area_code": "9", "shares": {}, "updated_by": "x", "valid_from": 0, "reason": 1, "change": 1}
    assert patch(client, address, name="乙", **kept).json()["properties"]["name"] == "乙"
    assert client.get(f"{address}/history").json()["versions"][0]["by"] == "王工"


BODIES = {
    "no JSON": (b'{"type": ', 400),
    "not a number": (b'{"type": "Feature", "properties": {"span_m": NaN}}', 400),
    "a number beyond all": (b'{"type": "Feature", "properties": {"span_m": 1e999}}', 400),
    "half a character": (b'{"type": "Feature", "properties": {"name": "\\ud800"}}', 400),
    "deep": (b'{"type": "Feature", "properties": {"extra": ' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}}", 400),
    "abysmal": (b"[" * 100_000, 400),
    "a list": (b"[]", 400),
    "no feature": (b'{"type": "FeatureCollection", "features": []}', 400),
    "properties in a list": (b'{"type": "Feature", "properties": []}', 400),
    "a geometry of text": (b'{"type": "Feature", "geometry": "POINT (1 2)"}', 400),
    "bytes": (b"\xff\xfe", 400),
    "NUL in a text": (b'{"type": "Feature", "properties": {"name": "a\\u0000"}}', 422),
    "NUL in extra": (b'{"type": "Feature", "properties": {"extra": {"a\\u0000": 1}}}', 422),
    "NUL in a code": (b'{"type": "Feature", "properties": {"river_code": "a\\u0000"}}', 422),
    "a large number": (b'{"type": "Feature", "properties": {"cost": 1e300, "built_year": 1' + b"0" * 300 + b"}}", 422),
    "much": (b'"' + b"x" * (16 << 20) + b'"', 413),
}


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_cannot_be_taken_is_a_clear_problem(client: httpx.Client, body: str) -> None:
    content, status = BODIES[body]
    answer = client.post(BRIDGES, content=content, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text


def test_a_body_without_a_length_is_counted_while_it_comes(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(17):
            yield b" " * (1 << 20)

    assert client.post(BRIDGES, content=endless(), headers=JSON).status_code == 413


def test_a_body_of_another_type_is_told_those_that_are_taken(client: httpx.Client) -> None:
    for headers in ({"Content-Type": "text/csv"}, {}, JSON | {"Content-Encoding": "gzip"}):
        answer = client.post(BRIDGES, content=b"{}", headers=headers)
        assert (answer.status_code, bool(answer.json()["allowed"])) == (415, True)
    address, patched = made(client, name="甲"), {"Content-Type": "application/merge-patch+json; charset=utf-8"}
    assert client.patch(address, content=b'{"properties": {"name": "x"}}', headers=patched).is_success
    assert client.patch(address, json={"name": "x"}).status_code == 400


def test_a_version_that_is_not_the_present_one_is_refused_with_both(client: httpx.Client) -> None:
    address = made(client, name="甲", span_m=1)
    read = client.get(address).headers["etag"]
    present = client.patch(address, json={"properties": {"name": "乙"}}, headers={"If-Match": read})
    for method in ("PUT", "PATCH", "DELETE"):
        body = {} if method == "DELETE" else {"json": feature(name="丙")}
        answer = client.request(method, address, headers={"If-Match": read}, **body)
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (412, "/docs/problems#stale-version")
        assert (problem["yours"], problem["current"]) == (read, present.headers["etag"])
        assert problem["differing"] == [{"field": "name", "read": "甲", "current": "乙"}]
        assert problem["feature"] == client.get(address).json() == present.json()
    unknown = client.delete(address, headers={"If-Match": '"0-0"'})
    assert (unknown.status_code, unknown.json()["differing"]) == (412, [])
    assert client.delete(address, headers={"If-Match": "12-3"}).status_code == 400
    for tags in ("*", f'"0-0", {problem["current"]}', f"W/{problem['current']}"):
        assert client.patch(address, json={"properties": {"name": "乙"}}, headers={"If-Match": tags}).is_success
    assert client.delete(address, headers={"If-Match": "*"}).status_code == 204


def test_what_somebody_has_changed_since_is_not_written_over_and_the_rest_is_merged(client: httpx.Client) -> None:
    address = made(client, name="甲", span_m=1, kind="城市")
    assert patch(client, address, name="乙", version=1).is_success
    answer = patch(client, address, name="丙", version=1)
    assert (answer.status_code, answer.json()["type"]) == (409, "/docs/problems#changed-since")
    assert answer.json()["conflicts"] == [{"field": "name", "read": "甲", "current": "乙", "yours": "丙"}]
    assert patch(client, address, span_m=2, version=1).is_success  # another field
    assert patch(client, address, name="乙", version=1).is_success  # the same change
    now = properties(client, address)
    assert (now["name"], now["span_m"], now["version"]) == ("乙", 2, 3)
    assert patch(client, address, name="丁").is_success  # nothing said: the last wins, in this field
    assert properties(client, address)["span_m"] == 2
    assert list(errors(patch(client, address, name="x", version="3"))) == ["version"]


def test_a_place_that_somebody_has_moved_since_is_not_moved_back(client: httpx.Client) -> None:
    address = made(client, name="甲")
    there = {"type": "Point", "coordinates": [119.31, 26.06]}
    assert client.patch(address, json={"geometry": there}).is_success
    elsewhere = {"type": "Point", "coordinates": [119.32, 26.06]}
    answer = client.patch(address, json={"geometry": elsewhere, "properties": {"version": 1}})
    assert answer.status_code == 409
    assert answer.json()["conflicts"] == [{"field": "geom", "read": HERE, "current": there, "yours": elsewhere}]
    assert client.patch(address, json={"properties": {"name": "乙", "version": 1}}).json()["geometry"] == there


def test_a_record_that_was_read_earlier_does_not_replace_what_differs_nor_is_it_deleted(client: httpx.Client) -> None:
    address = made(client, name="甲", span_m=1)
    read = client.get(address).json()
    assert patch(client, address, name="乙").is_success
    answer = client.put(address, json=read | {"properties": read["properties"] | {"span_m": 3}})
    assert (answer.status_code, [c["field"] for c in answer.json()["conflicts"]]) == (409, ["name"])
    same = client.put(address, json=read | {"properties": read["properties"] | {"name": "乙", "span_m": 3}})
    assert same.json()["properties"]["span_m"] == 3
    answer = client.delete(address, params={"version": 1})
    assert (answer.status_code, [c["field"] for c in answer.json()["conflicts"]]) == (409, ["name", "span_m"])
    assert client.delete(address, params={"version": 3}).status_code == 204


def test_a_version_of_a_record_that_was_deleted_and_made_again_is_not_the_present_one(client: httpx.Client) -> None:
    address = made(client, code="两次", name="甲")
    assert patch(client, address, name="乙").is_success
    read = client.get(address)
    client.delete(address).raise_for_status()
    made(client, code="两次", name="丙")
    assert patch(client, address, name="丁", version=2).status_code == 409
    answer = client.patch(address, json={"properties": {"name": "丁"}}, headers={"If-Match": read.headers["etag"]})
    assert answer.status_code == 412


def test_an_earlier_day_needs_the_duty_and_is_not_before_the_version_that_it_follows(
    client: httpx.Client, district: Database, root: str
) -> None:
    address = made(client, name="甲")
    assert (
        client.patch(address, json={"properties": {"name": "乙"}}, params={"valid_from": "2023-10-30"}).status_code
        == 403
    )
    with as_(district, root, "manager") as manager:
        dated = manager.post(BRIDGES, json=feature(name="乙"), params={"valid_from": "2023-09-01"}).headers["location"]
        assert manager.get(dated, params={"as_of": "2023-08-31"}).status_code == 404
        assert manager.get(dated, params={"as_of": "2023-09-01"}).is_success
        for day, status in (("2023-09-20", 200), ("2023-09-10", 409), ("2023-11-30", 400), ("soon", 400)):
            body = {"properties": {"name": day}}
            assert manager.patch(dated, json=body, params={"valid_from": day}).status_code == status


AREA = "350104101"
"""A sub-district."""


def _lying(client: httpx.Client, layer: str, area: str) -> Any:
    query = {"filter": f"area_code = '{area}'", "limit": 1}
    return client.get(f"/api/layers/{layer}/features", params=query).json()["features"][0]


def test_she_writes_only_where_she_is_responsible(client: httpx.Client, district: Database, root: str) -> None:
    mine, theirs = (_lying(client, "bridges", area) for area in (AREA, "350104102"))
    with as_(district, root, "editor", areas=[AREA]) as narrowed:
        assert patch(narrowed, f"{BRIDGES}/{mine['id']}", name="甲").is_success
        for answer in (
            patch(narrowed, f"{BRIDGES}/{theirs['id']}", name="甲"),
            narrowed.delete(f"{BRIDGES}/{theirs['id']}"),
            narrowed.put(f"{BRIDGES}/{theirs['id']}", json=theirs),
        ):
            assert answer.status_code == 404
        out = narrowed.patch(f"{BRIDGES}/{mine['id']}", json={"geometry": theirs["geometry"]})
        assert (out.status_code, out.json()["type"]) == (403, "/docs/problems#forbidden")
        assert narrowed.post(BRIDGES, json=feature(theirs["geometry"])).status_code == 403
        assert narrowed.post(BRIDGES, json=feature(mine["geometry"])).status_code == 201
        assert narrowed.post("/api/layers/areas/features", json=feature()).status_code == 403
        subject = {"subject_layer": "bridges", "subject_code": theirs["id"]}
        assert list(errors(narrowed.post(HAZARDS, json=feature(mine["geometry"], **subject)))) == ["subject_code"]
    assert properties(client, f"{BRIDGES}/{theirs['id']}") == theirs["properties"]


def test_what_lies_only_partly_in_her_area_is_hers_to_see_and_not_to_change(
    client: httpx.Client, district: Database, root: str
) -> None:
    with district.reading() as connection:
        shared = f"shares ? '{AREA}' AND (SELECT count(*) FROM jsonb_object_keys(shares)) > 1"
        code = connection.exec_driver_sql(f"SELECT code FROM rivers WHERE {shared} LIMIT 1").scalar_one()
    crossing = f"/api/layers/rivers/features/{code}"
    with as_(district, root, "editor", areas=[AREA]) as narrowed:
        assert narrowed.get(crossing).is_success
        for answer in (patch(narrowed, crossing, name="甲"), narrowed.delete(crossing)):
            assert (answer.status_code, answer.json()["type"]) == (403, "/docs/problems#forbidden")
        assert narrowed.options(crossing).headers["allow"] == "GET, HEAD, OPTIONS"
    assert client.options(crossing).headers["allow"] == "GET, HEAD, OPTIONS, PUT, PATCH, DELETE"


def test_she_writes_only_to_her_layers_and_what_is_done_about_their_features(district: Database, root: str) -> None:
    with as_(district, root, "editor", layers=["rivers"]) as narrowed:
        assert narrowed.post(BRIDGES, json=feature()).status_code == 403
        assert narrowed.post(HAZARDS, json=feature(subject_layer="rivers", subject_code="HD-001")).status_code == 201
        assert narrowed.post(HAZARDS, json=feature()).status_code == 403
        assert "subject_code" in errors(
            narrowed.post(HAZARDS, json=feature(subject_layer="bridges", subject_code="QL-001"))
        )


def test_she_who_is_narrowed_to_columns_changes_those_and_neither_creates_nor_deletes(
    client: httpx.Client, district: Database, root: str
) -> None:
    address = made(client, name="甲", span_m=1)
    with as_(district, root, "editor", columns=["name", "people"]) as narrowed:
        assert patch(narrowed, address, name="乙", people=3, span_m=1).is_success
        moved = narrowed.patch(address, json={"geometry": {"type": "Point", "coordinates": [119.31, 26.05]}})
        assert (moved.status_code, moved.json()["field"]) == (403, "geom")
        assert patch(narrowed, address, name="丙", span_m=2).json()["field"] == "span_m"
        assert narrowed.delete(address).json()["allowed"] == ["name", "people"]
        assert narrowed.post(BRIDGES, json=feature()).status_code == 403
        assert narrowed.options(address).headers["allow"] == "GET, HEAD, OPTIONS, PUT, PATCH"
    assert properties(client, address)["name"] == "乙"


ROLES = {
    "viewer": (403, 403),
    "inspector": (403, 201),
    "verifier": (403, 403),
    "manager": (201, 201),
    "admin": (201, 201),
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_writes_what_its_duties_are(district: Database, root: str, role: str) -> None:
    with as_(district, root, role) as somebody:
        for address, status in zip((BRIDGES, HAZARDS), ROLES[role], strict=True):
            assert somebody.post(address, json=feature()).status_code == status
            allowed = somebody.options(address).headers["allow"]
            assert allowed == ("GET, HEAD, OPTIONS, POST" if status == 201 else "GET, HEAD, OPTIONS")


def test_who_has_not_signed_in_is_asked_to(root: str) -> None:
    for method, address in (("POST", BRIDGES), ("PUT", f"{BRIDGES}/QL-001"), ("PATCH", f"{BRIDGES}/QL-001")):
        answer = httpx.request(method, root + address, json=feature())
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert httpx.delete(f"{root}{BRIDGES}/QL-001").status_code == 401
    assert httpx.options(f"{root}{BRIDGES}/QL-001").headers["allow"] == "GET, HEAD, OPTIONS"


def test_a_method_that_is_not_taken_is_told_those_that_are_hers(client: httpx.Client, root: str) -> None:
    on_all, on_one = "GET, HEAD, OPTIONS, POST", "GET, HEAD, OPTIONS, PUT, PATCH, DELETE"
    for method, address, allowed in (
        ("OPTIONS", BRIDGES, on_all),
        ("OPTIONS", f"{BRIDGES}/no/such", on_one),
        ("DELETE", BRIDGES, on_all),
        ("POST", f"{BRIDGES}/QL-001", on_one),
        ("TRACE", f"{BRIDGES}/QL-001", on_one),
    ):
        answer = client.request(method, address)
        assert (answer.status_code, answer.headers["allow"]) == (200 if method == "OPTIONS" else 405, allowed)
    assert httpx.put(f"{root}{BRIDGES}").headers["allow"] == "GET, HEAD, OPTIONS"
    assert client.options("/api/layers/bridge/features").status_code == 404


def test_a_hazard_begins_its_loop_and_only_the_loop_moves_it(client: httpx.Client) -> None:
    address = made(client, HAZARDS, kind="fire", level="major", status=None)
    begun = properties(client, address)
    assert (begun["status"], begun["found_on"], begun["deadline"]) == ("登记", "2023-10-31", None)
    assert made(client, HAZARDS, status="found", found_on="2023-10-01")
    refused = errors(client.post(HAZARDS, json=feature(status="closed", deadline="2023-12-01", supervised=True)))
    assert set(refused) == {"status", "deadline", "supervised"}
    assert all("POST /api/hazards/{code}/transitions" in rule for rule in refused.values())
    assert list(errors(patch(client, address, status="销号"))) == ["status"]
    assert patch(client, address, status="登记", description="灭火器过期").is_success
    replaced = client.put(address, json=feature(kind="燃气")).json()["properties"]
    assert (replaced["status"], replaced["kind"], replaced["level"]) == ("登记", "燃气", "未知")


def test_a_subject_is_there_and_has_both_its_parts(client: httpx.Client) -> None:
    wrong = {
        "subject_layer": {"subject_layer": "bridge", "subject_code": "QL-001"},
        "subject_code": {"subject_layer": "bridges"},
    }
    for field, subject in wrong.items():
        assert list(errors(client.post(HAZARDS, json=feature(**subject)))) == [field]
    placed = client.post(HAZARDS, json=feature(None, subject_layer="bridges", subject_code="QL-001"))
    assert placed.json()["geometry"]["type"] == "Point"
    assert list(errors(client.post(HAZARDS, json=feature(None)))) == ["geom"]
    address = made(client, HAZARDS, subject_layer="bridges", subject_code="QL-001")
    assert "subject_code" in errors(patch(client, address, subject_code="QL-999"))
    assert patch(client, address, subject_code="QL-002").is_success


def test_records_without_a_code_get_numbers_of_their_own_also_at_once(client: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        addresses = list(pool.map(lambda i: made(client, name=f"同时 {i}"), range(24)))
    assert len(set(addresses)) == 24
    client.delete(max(addresses)).raise_for_status()
    assert made(client, name="之后") > max(addresses)


def test_the_answer_is_documented_for_every_way_of_writing(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for address, method in (("", "post"), ("/{code}", "put"), ("/{code}", "patch"), ("/{code}", "delete")):
        operation = paths[f"/api/layers/{{layer}}/features{address}"][method]
        assert {"401", "403", "409", "412", "422"} <= operation["responses"].keys()
        assert {"reason", "valid_from", "lang"} <= {p["name"] for p in operation["parameters"]}
        if method != "delete":
            assert all(body["schema"] and body["example"] for body in operation["requestBody"]["content"].values())
