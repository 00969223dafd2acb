"""OGC API Features, part 1: the abstract tests of the standard and of its test suite, on the live service.

The words in the comments are the tests' own names: those of ogcapi-features-1, and classes of ets-ogcapi-features10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import shapely
import yaml
from jsonschema import Draft202012Validator, ValidationError
from openapi_spec_validator import validate
from people import bearing, signed_in
from psycopg2.extensions import cursor
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from serving import serving
from sqlalchemy import text

from gis_service import items
from gis_service.api.ogc.answers import FILES
from gis_service.database import Database
from gis_service.database.prepared import driver
from layers import registry

SCHEMAS = Path(__file__).parents[2] / "shared" / "data" / "ogc" / "ogcapi-features-1" / "openapi" / "schemas"
GEOJSON, HTML, JSON = "application/geo+json", "text/html", "application/json"
LAYERS = list(registry())
VARIANTS = {
    "features": {},
    "limit": {"limit": "7"},
    "bbox": {"bbox": "119.25,26,119.32,26.06"},
    "datetime": {"datetime": "2023-01-01T00:00:00Z/2023-08-31T23:59:59Z"},
    "both": {"bbox": "119.2,25.9,119.32,26.2", "datetime": "2023-06-01/.."},
}


@pytest.fixture(scope="module")
def service(sample_district: Database) -> Iterator[httpx.Client]:
    with serving(sample_district) as root, httpx.Client(base_url=root, timeout=30) as client:
        yield client


def _get(service: httpx.Client, address: str, **query: str) -> Any:
    return service.get(address, params=query or None).raise_for_status().json()


def _items(layer: str) -> str:
    return f"/ogc/collections/{layer}/items"


def _valid(schema: str, document: Any) -> None:
    """Hold a document to a schema of the standard, where they are at hand."""
    if not SCHEMAS.exists():
        return

    def found(uri: str) -> Resource[Any]:
        content = _null_is_a_word(yaml.safe_load((SCHEMAS / uri).read_text("utf-8")))
        return Resource(contents=content, specification=DRAFT202012)

    known: Registry[Any] = Registry(retrieve=found)
    Draft202012Validator({"$ref": schema}, registry=known).validate(document)


def _null_is_a_word(schema: Any) -> Any:
    """Return a schema in which the type null, which YAML reads as nothing, is a type."""
    if isinstance(schema, dict):
        return {k: "null" if (k, v) == ("type", None) else _null_is_a_word(v) for k, v in schema.items()}
    return ["null" if one is None else _null_is_a_word(one) for one in schema] if isinstance(schema, list) else schema


def test_answers_are_held_to_the_schemas_of_the_standard() -> None:
    if not SCHEMAS.exists():
        pytest.skip("needs the shared data")
    with pytest.raises(ValidationError):
        _valid("landingPage.yaml", {"title": "without links"})
    with pytest.raises(ValidationError):
        _valid("featureCollectionGeoJSON.yaml", {"type": "FeatureCollection", "features": [{"type": "Point"}]})


def _link(document: Any, rel: str, media_type: str | None = None) -> str:
    links = [one for one in document["links"] if one["rel"] == rel and media_type in (None, one["type"])]
    assert links, rel
    return str(links[0]["href"])


# --- where clients begin ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/ogc", "/ogc/"])
def test_the_landing_page_leads_to_everything(service: httpx.Client, address: str) -> None:
    # root-op, root-success, http; LandingPage, GeneralHttp
    answer = service.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    landing = answer.json()
    _valid("landingPage.yaml", landing)
    for rel in ("self", "service-desc", "service-doc", "conformance", "data"):
        assert service.get(_link(landing, rel)).status_code == 200
    assert _link(landing, "alternate", HTML)


def test_the_api_definition_is_valid_openapi_3_0(service: httpx.Client) -> None:
    # api-definition-op, api-definition-success, definition-1 and definition-2 of oas30; ApiDefinition
    landing = _get(service, "/ogc")
    answer = service.get(_link(landing, "service-desc", "application/vnd.oai.openapi+json;version=3.0"))
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert answer.json()["openapi"].startswith("3.0")
    validate(answer.json())
    assert service.get(_link(landing, "service-doc")).headers["content-type"].startswith(HTML)


def test_the_api_definition_says_what_clients_look_for(service: httpx.Client) -> None:
    # fc-bbox-definition, fc-limit-definition, fc-time-definition; oas30/security
    definition = _get(service, "/ogc/api")
    shared = definition["components"]["parameters"]
    assert shared["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100}
    assert shared["bbox"]["schema"]["items"] == {"type": "number"}
    assert [one["minItems"] for one in shared["bbox"]["schema"]["oneOf"]] == [4, 6]
    assert shared["datetime"]["schema"] == {"type": "string"}
    for layer in LAYERS:
        given = [
            _resolved(definition, p) for p in definition["paths"][f"/collections/{layer}/items"]["get"]["parameters"]
        ]
        assert {"limit", "bbox", "datetime", "crs", "filter", *registry()[layer].fields()} <= {p["name"] for p in given}
        assert all((p["in"], p["style"], p["explode"]) == ("query", "form", False) for p in given)
    assert set(definition["components"]["securitySchemes"]) == {"token", "session"}
    assert all(
        path.startswith(("/collections", "/api", "/conformance", "/functions", "/tileMatrixSets"))
        for path in definition["paths"]
        if path != "/"
    )


def _resolved(definition: Any, parameter: Any) -> Any:
    if "$ref" not in parameter:
        return parameter
    return definition["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]


def test_every_path_of_the_definition_answers_as_it_says(service: httpx.Client) -> None:
    # oas30/oas-impl, completeness, exception-codes
    definition = _get(service, "/ogc/api")
    server = definition["servers"][0]["url"]
    for path, operations in definition["paths"].items():
        for kind in operations["get"]["responses"]["200"]["content"]:
            answer = service.get(server + _filled(service, path).rstrip("/"), params={"f": _FORMATS.get(kind, "json")})
            assert (answer.status_code, answer.headers["content-type"].removesuffix("; charset=utf-8")) == (
                200,
                kind,
            ), path
        assert {"200", "304", "400", "401", "404"} <= set(operations["get"]["responses"])


_FORMATS = {
    **{kind: f for f, kind in FILES.items()},
    HTML: "html",
    "application/vnd.mapbox-vector-tile": "mvt",
    "application/vnd.mapbox.tile+json": "tilejson",
}


def _filled(service: httpx.Client, path: str) -> str:
    """Return a path of the definition with something that is there for what it leaves open."""
    if path.endswith("/{featureId}"):
        listed = _get(service, f"/ogc{path.rpartition('/')[0]}", limit="1")
        path = path.replace("{featureId}", quote(listed["features"][0]["id"], safe=""))
    return path.format(scheme="WebMercatorQuad", tileMatrix="8", tileRow="108", tileCol="212")


def test_the_conformance_declaration_names_what_qgis_needs(service: httpx.Client) -> None:
    # the tests conformance-op, conformance-success; CrsRequirementClassPrecondition
    declared = _get(service, "/ogc/conformance")
    _valid("confClasses.yaml", declared)
    spec = "http://www.opengis.net/spec/"
    assert {
        *(
            f"{spec}ogcapi-features-1/{v}/conf/{name}"
            for v in ("1.0", "1.1")
            for name in ("core", "geojson", "html", "oas30")
        ),
        f"{spec}ogcapi-features-2/1.0/conf/crs",
        *(f"{spec}ogcapi-features-3/1.0/conf/{name}" for name in ("filter", "features-filter", "queryables")),
        *(f"{spec}cql2/1.0/conf/{name}" for name in ("cql2-text", "cql2-json", "basic-cql2")),
        f"{spec}ogcapi-features-5/1.0/conf/schemas",
    } <= set(declared["conformsTo"])


# --- collections -----------------------------------------------------------------------------------------------------


def test_the_collections_are_the_layers(service: httpx.Client) -> None:
    # fc-md-op, fc-md-success, fc-md-links, fc-md-items, fc-md-items-links; FeatureCollections
    listed = _get(service, "/ogc/collections")
    _valid("collections.yaml", listed)
    assert [one["id"] for one in listed["collections"]] == LAYERS
    assert {link["rel"] for link in listed["links"]} >= {"self", "alternate"}
    for one in listed["collections"]:
        assert {link["type"] for link in one["links"] if link["rel"] == "items"} == {GEOJSON, HTML}
        assert all("type" in link for link in one["links"])
        assert "http://www.opengis.net/def/crs/OGC/1.3/CRS84" in one["crs"]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_collection_says_the_same_as_the_list(service: httpx.Client, layer: str) -> None:
    # sfc-md-op, sfc-md-success; FeatureCollection
    one = _get(service, f"/ogc/collections/{layer}")
    _valid("collection.yaml", one)
    listed = next(c for c in _get(service, "/ogc/collections")["collections"] if c["id"] == layer)
    for key in ("id", "title", "description", "extent", "itemType", "itemCount", "crs", "storageCrs"):
        assert one[key] == listed[key]
    assert {(link["rel"], link["href"]) for link in listed["links"]} <= {
        (link["rel"], link["href"]) for link in one["links"]
    } | {("self", _link(listed, "self"))}


@pytest.mark.parametrize("layer", LAYERS)
def test_the_extent_holds_every_feature(service: httpx.Client, layer: str) -> None:
    # the tests fc-md-extent, fc-md-extent-multi
    held = _get(service, f"/ogc/collections/{layer}")
    features = _all(service, layer)
    assert held["itemCount"] == len(features)
    box = shapely.box(*held["extent"]["spatial"]["bbox"][0])
    assert all(box.covers(shapely.geometry.shape(f["geometry"])) for f in features if f["geometry"])
    first, last = map(datetime.fromisoformat, held["extent"]["temporal"]["interval"][0])
    assert all(
        first <= start and end <= last for start, end in filter(None, (_time(service, layer, f) for f in features))
    )


def _time(service: httpx.Client, layer: str, feature: Any) -> tuple[datetime, datetime] | None:
    """Return from when to when a feature is, by the property that the schema says it is by."""
    schema = _get(service, f"/ogc/collections/{layer}/schema")["properties"] if layer not in _TIMES else {}
    for name, one in schema.items():
        if one.get("x-ogc-role") == "primary-instant":
            _TIMES[layer] = name
    written = feature["properties"][_TIMES[layer]]
    if written is None:
        return None
    if len(written) == len("2023-10-31"):
        start = datetime.combine(date.fromisoformat(written), datetime.min.time(), UTC)
        return start, start + timedelta(days=1, seconds=-1)
    return datetime.fromisoformat(written), datetime.fromisoformat(written)


_TIMES: dict[str, str] = {}


def _all(service: httpx.Client, layer: str, **query: str) -> list[Any]:
    """Follow the pages of a layer to the last feature."""
    page = _get(service, _items(layer), **{"limit": "10000"} | query)
    features = list(page["features"])
    while following := [link["href"] for link in page["links"] if link["rel"] == "next"]:
        page = _get(service, following[0])
        features += page["features"]
    return features


# --- features --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_page_of_features_is_what_the_standard_says(service: httpx.Client, layer: str, variant: str) -> None:
    # fc-op, fc-response, fc-links, fc-timeStamp, fc-numberMatched, fc-numberReturned, crs84, geojson/content;
    # Features, FeaturesBBox, FeaturesLimit, FeaturesTime
    query = VARIANTS[variant]
    before = datetime.now(UTC).replace(microsecond=0)
    answer = service.get(_items(layer), params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, GEOJSON)
    page = answer.json()
    _valid("featureCollectionGeoJSON.yaml", page)
    assert page["type"] == "FeatureCollection"
    assert {link["rel"] for link in page["links"]} >= {"self", "alternate", "collection"}
    assert all({"rel", "type", "href"} <= set(link) for link in page["links"])
    assert _link(page, "self", GEOJSON) == str(answer.url)
    assert before <= datetime.fromisoformat(page["timeStamp"]) <= datetime.now(UTC)
    assert page["numberReturned"] == len(page["features"]) <= int(query.get("limit", 100))
    assert page["numberMatched"] == len(_all(service, layer, **{k: v for k, v in query.items() if k != "limit"}))
    assert answer.headers["content-crs"] == "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"
    assert answer.headers["ogc-numbermatched"] == str(page["numberMatched"])
    for feature in page["features"]:
        for x, y in shapely.get_coordinates(shapely.geometry.shape(feature["geometry"])) if feature["geometry"] else ():
            assert 115 < x < 122
            assert 23 < y < 29


@pytest.mark.parametrize("layer", LAYERS)
def test_bbox_and_datetime_choose_what_they_intersect_and_what_has_none(service: httpx.Client, layer: str) -> None:
    # the tests fc-bbox-response, fc-time-response, and fc-op of both together
    every = _all(service, layer)
    box = shapely.box(119.25, 26, 119.32, 26.06)
    near = {f["id"] for f in every if not f["geometry"] or shapely.geometry.shape(f["geometry"]).intersects(box)}
    assert {f["id"] for f in _all(service, layer, bbox="119.25,26,119.32,26.06")} == near
    assert {f["id"] for f in _all(service, layer, bbox="119.25,26,-5,119.32,26.06,900")} == near

    cut = "2023-06-15T12:00:00Z"
    at = datetime.fromisoformat(cut)
    times = {f["id"]: _time(service, layer, f) for f in every}
    until = {code for code, time in times.items() if time is None or time[0] <= at}
    since = {code for code, time in times.items() if time is None or time[1] >= at}
    for half in (f"../{cut}", f"/{cut}", f"0000-01-01T00:00:00Z/{cut}"):
        assert {f["id"] for f in _all(service, layer, datetime=half)} == until
    for half in (f"{cut}/..", f"{cut}/", f"{cut}/9999-12-31T00:00:00Z"):
        assert {f["id"] for f in _all(service, layer, datetime=half)} == since
    assert {f["id"] for f in _all(service, layer, datetime=cut)} == until & since
    assert {f["id"] for f in _all(service, layer, datetime="2023-06-15")} >= until & since
    assert len(_all(service, layer, datetime="../..")) == len(every)
    both = {f["id"] for f in _all(service, layer, datetime=f"{cut}/..", bbox="119.25,26,119.32,26.06")}
    assert both == near & since


def test_more_than_the_most_is_the_most(sample_district: Database) -> None:
    # fc-limit-response
    with serving(sample_district, page_limit=20) as root, httpx.Client(base_url=root) as client:
        assert _get(client, "/ogc/api")["components"]["parameters"]["limit"]["schema"]["maximum"] == 20
        for limit in ("20", "21", "10001", "999999999999999999999"):
            assert _get(client, _items("bridges"), limit=limit)["numberReturned"] == 20


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "many"},
        {"offset": "-1"},
        {"bbox": "1,2,3"},
        {"bbox": "1,2,3,x"},
        {"bbox": "nan,2,3,4"},
        {"bbox": "119,27,120,26"},
        {"bbox": "1,2,3,4,5"},
        {"bbox": ""},
        {"datetime": "yesterday"},
        {"datetime": ".."},
        {"datetime": ""},
        {"datetime": "2023-13-01"},
        {"datetime": "2023-10-31/2023-10-01"},
        {"datetime": "2023-01-01/2023-02-01/2023-03-01"},
        {"datetime": "2023-01-01T00:00:00"},
        {"unknown": "parameter"},
        {"bci": "good"},
        {"f": "pdf"},
        {"sortby": "nothing"},
        {"sortby": "--name"},
        {"properties": "nothing"},
        {"after": "nothing"},
        {"after": "WyIxIiwiMSJd"},
        {"after": "W251bGxd"},
        {"lang": "fr"},
    ],
    ids=str,
)
def test_a_wrong_or_unknown_parameter_is_refused(service: httpx.Client, query: dict[str, str]) -> None:
    # query-param-invalid, query-param-unknown; FeaturesErrorConditions
    answer = service.get(_items("bridges"), params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize(
    "address", ["/ogc", "/ogc/api", "/ogc/conformance", "/ogc/collections", "/ogc/collections/rivers"]
)
def test_an_unknown_parameter_is_refused_everywhere(service: httpx.Client, address: str) -> None:
    assert service.get(address, params={"unknown": "1"}).status_code == 400


@pytest.mark.parametrize("layer", LAYERS)
def test_a_feature_is_found_by_its_id(service: httpx.Client, layer: str) -> None:
    # f-op, f-success, f-links; Feature
    for listed in _get(service, _items(layer), limit="5")["features"]:
        answer = service.get(f"{_items(layer)}/{quote(listed['id'], safe='')}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, GEOJSON)
        feature = answer.json()
        _valid("featureGeoJSON.yaml", feature)
        assert {link["rel"]: link["type"] for link in feature.pop("links")} == {
            "self": GEOJSON,
            "alternate": HTML,
            "collection": JSON,
        }
        assert feature == listed
    assert service.get(f"{_items(layer)}/nothing").status_code == 404
    assert service.get("/ogc/collections/nothing/items").status_code == 404


def test_an_id_may_hold_slashes_and_chinese(own_sample: Database) -> None:
    code = "闽A/2023/7 #1?%"
    with own_sample.transaction() as connection:
        connection.execute(text("UPDATE bridges SET code = :code WHERE code = 'QL-001'"), {"code": code})
    with serving(own_sample) as root, httpx.Client(base_url=root) as client:
        feature = _get(client, f"{_items('bridges')}/{quote(code, safe='')}")
        assert feature["id"] == code
        for link in feature["links"]:
            assert link["href"].isascii()
            assert client.get(link["href"]).headers["content-type"].startswith(link["type"]), link
        page = client.get(_items("bridges"), params={"code": code}, headers={"Accept": HTML}).text
        href = re.search(r'href="([^"]*%2F[^"]*)"', page)
        assert href
        assert client.get(href[1]).status_code == 200


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sortby", ["", "name", "-bci", "+grade,-assessed_on,name", "-open_hazards,code"])
def test_pages_follow_each_other_by_key_in_any_order(service: httpx.Client, sortby: str) -> None:
    paged = [f["id"] for f in _all(service, "bridges", limit="9", sortby=sortby)]
    assert paged == [f["id"] for f in _all(service, "bridges", sortby=sortby)]
    assert len(set(paged)) == 74
    assert paged[20:40] == [
        f["id"] for f in _get(service, _items("bridges"), limit="20", offset="20", sortby=sortby)["features"]
    ]


def test_features_come_in_the_order_that_was_asked_for(service: httpx.Client) -> None:
    bci = [f["properties"]["bci"] for f in _all(service, "bridges", sortby="-bci", limit="10")]
    known = [value for value in bci if value is not None]
    assert bci == [None] * (len(bci) - len(known)) + known
    assert all(one >= other for one, other in pairwise(known))


def test_a_page_that_is_no_first_one_leaves_the_number_out_rather_than_counting_again(service: httpx.Client) -> None:
    first = _get(service, _items("bridges"), limit="50")
    last = _get(service, _link(first, "next"))
    assert (first["numberMatched"], "numberMatched" in last) == (74, False)
    assert len(last["features"]) == 24


def test_the_number_follows_the_data_and_is_never_that_of_somebody_else(own_sample: Database) -> None:
    she = bearing(signed_in(own_sample, "she", "viewer", areas=["350104101"]))
    with serving(own_sample) as root, httpx.Client(base_url=root) as client:
        for _ in range(2):
            assert _get(client, "/ogc/collections/bridges")["itemCount"] == 74
        assert _get(client, _items("bridges"), limit="1")["numberMatched"] == 74
        hers = client.get("/ogc/collections/bridges", headers=she).json()
        assert 0 < hers["itemCount"] < 74
        assert (
            client.get(_items("bridges"), params={"limit": "1"}, headers=she).json()["numberMatched"]
            == hers["itemCount"]
        )
        with own_sample.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM bridges WHERE code = 'QL-001'")
        assert _get(client, "/ogc/collections/bridges")["itemCount"] == 73
        assert _get(client, _items("bridges"), limit="1")["numberMatched"] == 73


def test_however_many_there_are_tallies_tell_their_number_and_no_other_is_counted_for_long(
    service: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = ({}, {"status": "整改中"}, {"filter": "level = '重大' OR supervised = TRUE"}, {"area_code": "350104101"})
    full = [_get(service, _items("hazards"), limit="3", **query)["numberMatched"] for query in chosen]
    assert full == [len(_all(service, "hazards", **query)) for query in chosen]
    monkeypatch.setattr(items, "MOST_COUNTED", 3)
    one_by_one = ({"bbox": "119.2,25.9,119.5,26.1"}, {"filter": "deadline > DATE('2023-06-29')"})
    capped = [_get(service, _items("hazards"), limit="4", **query) for query in (*chosen, *one_by_one)]
    assert [page.get("numberMatched") for page in capped] == [*full, None, None]


def test_properties_chooses_what_features_bear(service: httpx.Client) -> None:
    for feature in _get(service, _items("bridges"), properties="name,bci", limit="5")["features"]:
        assert set(feature["properties"]) == {"name", "bci"}
        assert feature["id"]


def test_a_property_is_a_parameter(service: httpx.Client) -> None:
    every = _all(service, "hazards")
    found = _all(service, "hazards", status="登记", level="重大")
    assert {f["id"] for f in found} == {
        f["id"] for f in every if (f["properties"]["status"], f["properties"]["level"]) == ("登记", "重大")
    }
    day = every[0]["properties"]["found_on"]
    assert {f["properties"]["found_on"] for f in _all(service, "hazards", found_on=day)} == {day}
    assert _all(service, "hazards", overdue="true")


# --- formats, caches -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/conformance",
        "/api",
        "/functions",
        "/collections",
        "/collections/{}",
        "/collections/{}/items",
        "/collections/{}/schema",
        "/collections/{}/queryables",
        "/collections/{}/sortables",
        "/collections/{}/schema/feature",
    ],
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_browser_gets_a_page_and_a_program_gets_json(service: httpx.Client, path: str, language: str) -> None:
    # html/definition, html/content
    for layer in LAYERS if "{}" in path else LAYERS[:1]:
        address = "/ogc" + path.format(layer)
        page = service.get(
            address, params={"lang": language}, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        )
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert page.text.startswith("<!DOCTYPE html>")
        assert service.get(address, params={"f": "html"}).headers["content-type"].startswith(HTML)
        assert "json" in service.get(address).headers["content-type"]
        assert "json" in service.get(address, params={"f": "json"}, headers={"Accept": HTML}).headers["content-type"]


def test_titles_come_in_the_language_of_the_reader(service: httpx.Client) -> None:
    service.cookies.clear()
    assert _get(service, "/ogc/collections/rivers")["title"] == "内河"
    assert _get(service, "/ogc/collections/rivers", lang="en")["title"] == "Rivers"
    assert service.get("/ogc/collections/rivers", headers={"Accept-Language": "en"}).json()["title"] == "Rivers"


@pytest.mark.parametrize(
    "address",
    [
        "/ogc",
        "/ogc/api",
        "/ogc/collections",
        "/ogc/collections/rivers/items?limit=5",
    ],
)
def test_what_has_not_changed_is_not_sent_again(own_sample: Database, address: str) -> None:
    with serving(own_sample) as root, httpx.Client(base_url=root) as client:
        first = client.get(address)
        assert {"Accept", "Cookie", "Authorization"} <= {name.strip() for name in first.headers["vary"].split(",")}
        again = client.get(address, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        with own_sample.transaction() as connection:
            connection.exec_driver_sql("UPDATE rivers SET name = '改' WHERE code = 'HD-001'")
            connection.exec_driver_sql("DELETE FROM works")
        changed = client.get(address, headers={"If-None-Match": first.headers["etag"]})
        assert changed.status_code == (304 if address in ("/ogc", "/ogc/api") else 200)


def test_a_feature_is_sent_again_where_its_area_has_moved_and_its_version_has_not(own_sample: Database) -> None:
    address = "/ogc/collections/bridges/items/QL-001"
    with serving(own_sample) as root, httpx.Client(base_url=root) as client:
        first = client.get(address)
        had = {"If-None-Match": first.headers["etag"]}
        assert client.get(address, headers=had).status_code == 304
        with own_sample.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM areas")
        again = client.get(address, headers=had)
    assert (again.status_code, again.headers["etag"] == first.headers["etag"]) == (200, False)
    assert again.headers["etag"].partition(".")[0] == first.headers["etag"].partition(".")[0]
    assert first.json()["properties"]["area_code"]
    assert again.json()["properties"]["area_code"] is None


def test_what_is_hers_is_kept_by_nobody_else(own_sample: Database) -> None:
    she = bearing(signed_in(own_sample, "she", "viewer", areas=["350104101"]))
    with serving(own_sample) as root, httpx.Client(base_url=root) as client:
        anybody, hers = client.get(_items("bridges")), client.get(_items("bridges"), headers=she)
        assert (anybody.headers["cache-control"], hers.headers["cache-control"]) == ("no-cache", "private, no-cache")
        assert anybody.headers["etag"] != hers.headers["etag"]
        assert (
            client.get(_items("bridges"), headers=she | {"If-None-Match": anybody.headers["etag"]}).status_code == 200
        )


def test_who_may_not_read_without_signing_in_sees_not_even_what_there_is(own_sample: Database) -> None:
    with serving(own_sample, anonymous=False) as root, httpx.Client(base_url=root) as client:
        for path in (
            "",
            "/api",
            "/conformance",
            "/functions",
            "/collections",
            "/collections/rivers/queryables",
            "/collections/rivers/items",
        ):
            assert client.get(f"/ogc{path}").status_code == 401


# --- schemas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
def test_every_feature_keeps_to_the_schema(service: httpx.Client, layer: str) -> None:
    schema = _get(service, f"/ogc/collections/{layer}/schema")
    Draft202012Validator.check_schema(schema)
    properties = {name: _or_null(one) for name, one in schema["properties"].items() if name != "geom"}
    validator = Draft202012Validator({"type": "object", "properties": properties, "additionalProperties": False})
    for feature in _all(service, layer):
        validator.validate(feature["properties"])
        assert set(feature["properties"]) == set(properties)
    roles = [one["x-ogc-role"] for one in schema["properties"].values() if "x-ogc-role" in one]
    assert {"id", "primary-geometry", "primary-instant"} <= set(roles)
    assert "type" not in schema["properties"]["geom"]


def _or_null(schema: Any) -> Any:
    return {"anyOf": [{"type": "null"}, schema]}


@pytest.mark.parametrize("layer", LAYERS)
def test_every_queryable_filters_and_every_sortable_sorts(service: httpx.Client, layer: str) -> None:
    queryables = _get(service, f"/ogc/collections/{layer}/queryables")
    assert queryables["additionalProperties"] is False
    assert queryables["properties"]["geom"]["format"].startswith("geometry-")
    for name, one in queryables["properties"].items():
        assert one["title"]
        assert _get(service, _items(layer), limit="1", filter=f"{name} IS NULL OR {name} IS NOT NULL")["features"]
        for term in one.get("enum", []):
            assert service.get(_items(layer), params={name: term, "limit": "1"}).status_code == 200
    for name in _get(service, f"/ogc/collections/{layer}/sortables")["properties"]:
        assert _get(service, _items(layer), limit="1", sortby=f"-{name}")["features"]


def test_vocabularies_are_lists_of_codes_with_titles(service: httpx.Client) -> None:
    status = _get(service, "/ogc/collections/hazards/schema", lang="en")["properties"]["status"]
    assert {"const": "登记", "title": "found"} in status["oneOf"]
    assert "登记" in _get(service, "/ogc/collections/hazards/queryables")["properties"]["status"]["enum"]
    assert _get(service, "/ogc/collections/bridges/schema")["properties"]["span_m"]["x-ogc-unit"] == "m"


def test_what_she_may_not_write_is_read_only(own_sample: Database) -> None:
    people = {
        "viewer": signed_in(own_sample, "viewer", "viewer"),
        "editor": signed_in(own_sample, "editor", "editor"),
        "clerk": signed_in(own_sample, "clerk", "editor", columns=["name", "owner"]),
        "manager": signed_in(own_sample, "manager", "manager"),
    }
    with serving(own_sample) as root, httpx.Client(base_url=root) as client:

        def writable(who: str, layer: str) -> set[str]:
            schema = client.get(f"/ogc/collections/{layer}/schema", headers=bearing(people[who])).json()
            return {name for name, one in schema["properties"].items() if not one.get("readOnly")}

        assert writable("viewer", "bridges") == set()
        assert writable("clerk", "bridges") == {"name", "owner"}
        assert {"name", "bci", "geom", "extra"} <= writable("editor", "bridges")
        assert not writable("editor", "bridges") & {"area_code", "version", "updated_at", "valid_from"}
        assert "description" in writable("manager", "hazards")
        assert not writable("manager", "hazards") & {"status", "deadline", "rectified_on"}


def test_a_page_begins_at_its_key_however_deep(sample_district: Database) -> None:
    hazards, plans = registry()["hazards"], []

    class Explained(cursor):  # type: ignore[misc]  # psycopg2 publishes no types
        def execute(self, statement: str, *values: Any) -> None:
            first, _, executed = statement.partition("; ")
            if executed.startswith("EXECUTE"):
                super().execute(f"{first}; EXPLAIN {executed}", *values)
                plans.append(b"\n".join(row[0] for row in self.fetchall()).decode())
            super().execute(statement, *values)

    with sample_district.reading() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        first = items.page(connection, hazards, (), items.Turn(5))
        driver(connection).cursor_factory = Explained
        try:
            items.page(connection, hazards, (), items.Turn(5, first.following or ""))
        finally:
            driver(connection).cursor_factory = None
    assert "Index Cond: (id > " in plans[0], plans[0]
