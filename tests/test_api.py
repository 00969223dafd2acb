"""The service over HTTP, as a program uses it: a real server on a real port."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from serving import serving
from sqlalchemy import text

from gis_service.database import Database
from layers import LEVELS, registry


@pytest.fixture(scope="module")
def service(sample_district: Database) -> Iterator[httpx.Client]:
    with serving(sample_district) as root, httpx.Client(base_url=root, timeout=30) as client:
        yield client


def test_the_figures_of_the_report_come_over_the_statistics(service: httpx.Client) -> None:
    def statistics(layer: str, **query: str) -> Any:
        return service.get(f"/api/statistics/{layer}", params=query).raise_for_status().json()

    rivers = statistics("rivers", group="status", measure="count,length_km")
    opened = next(g for g in rivers["groups"] if g["group"] == {"status": "建成开放"})
    assert (opened["count"], round(opened["length_km"])) == (53, 120)
    assert rivers["as_of"] == "2023-10-31"

    measures = "count,total_investment,planned_investment,done_investment,done_to_date,plan_ratio,total_ratio"
    sites = statistics("project_sites", group="programme", measure=measures)
    renewal, contest, traffic = (g for g in sites["groups"] if g["group"]["programme"] != "其他")
    assert [p["count"] for p in (renewal, contest, traffic)] == [59, 36, 23]
    assert (renewal["planned_investment"], renewal["done_investment"]) == (615_500, 328_500)
    assert round(renewal["plan_ratio"], 2) == 53.37
    assert (contest["total_investment"], contest["planned_investment"]) == (11_033_800, 1_256_800)
    assert (contest["done_investment"], round(contest["plan_ratio"], 2)) == (907_600, 72.22)
    assert (traffic["total_investment"], traffic["done_to_date"]) == (197_400, 161_900)
    assert round(traffic["total_ratio"]) == 82

    listed = statistics("bridges", filter="grade_at_start = 'D'", group="work")
    assert {g["group"]["work"]: g["count"] for g in listed["groups"]} == {"完工": 2, "进场施工": 2, "计划": 1}


def test_every_layer_says_its_fields_its_measures_and_where_it_is(service: httpx.Client) -> None:
    layers = service.get("/api/layers").json()["layers"]
    assert [layer["name"] for layer in layers] == list(registry())
    for layer in layers:
        files = layer["links"].pop("exports")
        for address in (*layer["links"].values(), files["csv"]):
            assert service.get(address).status_code == 200
        for measure in layer["measures"]:
            assert service.get(f"/api/statistics/{layer['name']}", params={"measure": measure["name"]}).is_success
        for field in layer["groups"]:
            assert service.get(f"/api/statistics/{layer['name']}", params={"group": field}).is_success


@pytest.mark.parametrize("layer", registry())
def test_pages_follow_each_other_to_the_last_feature(layer: str, service: httpx.Client) -> None:
    address: str | None = f"/api/layers/{layer}/features?limit=17"
    codes: list[str] = []
    while address:
        page = service.get(address).raise_for_status().json()
        assert page["numberReturned"] == len(page["features"]) <= 17
        codes += [feature["id"] for feature in page["features"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    exported = service.get(f"/api/exports/{layer}.geojson").json()
    assert codes == [feature["id"] for feature in exported["features"]]
    assert len(set(codes)) == len(codes) > 0


def test_a_filter_and_an_area_choose_features_wherever_they_are_asked_for(service: httpx.Client) -> None:
    query = {"filter": "grade IN ('C', 'D')", "area": "350104102"}
    page = service.get("/api/layers/bridges/features", params=query).json()
    exported = service.get("/api/exports/bridges.geojson", params=query).json()
    counted = service.get("/api/statistics/bridges", params=query).json()["total"]["count"]
    assert {f["properties"]["area_code"] for f in page["features"]} == {"350104102"}
    assert {f["properties"]["grade"] for f in page["features"]} <= {"C", "D"}
    assert len(page["features"]) == len(exported["features"]) == counted > 0


def test_a_river_of_two_areas_is_found_in_both(service: httpx.Client) -> None:
    rows = service.get("/api/statistics/rivers", params={"measure": "length_km"}).json()["rows"]
    for row in rows:
        found = service.get("/api/layers/rivers/features", params={"area": row["area_code"]}).json()
        assert bool(found["features"]) == (row["length_km"] > 0)


def test_one_feature_is_what_its_page_holds(service: httpx.Client) -> None:
    (first,) = service.get("/api/layers/bridges/features", params={"limit": 1}).json()["features"]
    assert service.get(f"/api/layers/bridges/features/{first['id']}").json() == first
    assert "crs" not in first["geometry"]


def test_along_a_river_hits_are_in_chainage_order_with_their_reasons(service: httpx.Client) -> None:
    codes = [f["id"] for f in service.get("/api/layers/rivers/features", params={"limit": 1000}).json()["features"]]
    hits = 0
    for code in codes:
        found = service.get(f"/api/along/rivers/{code}", params={"within": 200, "layers": "hazards,bridges"}).json()
        places = [(f["properties"]["part"], f["properties"]["chainage_m"]) for f in found["features"]]
        assert places == sorted(places)
        assert all(f["properties"]["why"] for f in found["features"])
        hits += len(places)
    assert hits > 100


def test_a_score_opens_to_its_trace_in_both_languages(service: httpx.Client) -> None:
    chinese = service.get("/api/risk/bridges/QL-005").raise_for_status().json()
    english = service.get("/api/risk/bridges/QL-005", params={"lang": "en"}).json()
    assert chinese["score"] == english["score"]
    assert chinese["level"] in LEVELS.codes
    assert chinese["colour"] == LEVELS[chinese["level"]].colour
    assert english["trace"]["factors"][0]["label"] == "Condition"
    assert "法定" in chinese["note"]
    assert "legal" in english["note"]


def test_the_areas_levels_are_ranked_and_one_area_keeps_its_rank(service: httpx.Client) -> None:
    areas = service.get("/api/risk").json()["areas"]
    assert [area["rank"] for area in areas] == list(range(1, 15))
    (one,) = service.get("/api/risk", params={"area": areas[3]["area_code"]}).json()["areas"]
    assert one == areas[3]


def test_another_day_is_judged_by_that_day(service: httpx.Client) -> None:
    overdue = {"filter": "overdue = true"}
    now = service.get("/api/statistics/hazards", params=overdue).json()
    later = service.get("/api/statistics/hazards", params=overdue | {"as_of": "2024-06-30"}).json()
    assert later["as_of"] == "2024-06-30"
    assert later["total"]["count"] > now["total"]["count"] > 0


WRONG = {
    "/api/layers/river/features": (404, "river", "rivers"),
    "/api/layers/rivers/features/HD-999": (404, "HD-999", "HD-0"),
    "/api/statistics/rivers?group=colour": (404, "colour", "status"),
    "/api/statistics/rivers?measure=width": (404, "width", "length_km"),
    "/api/statistics/rivers?area=9": (404, "9", "350104"),
    "/api/statistics/rivers?filter=colour%3D1": (400, "colour", "status"),
    "/api/statistics/rivers?grup=status": (400, "grup", "group"),
    "/api/statistics/rivers?as_of=yesterday": (400, "yesterday", "YYYY-MM-DD"),
    "/api/statistics/rivers?lang=fr": (400, "fr", "zh"),
    "/api/along/rivers/HD-999": (404, "HD-999", "HD-0"),
    "/api/along/rivers/HD-001?within=99999": (400, "99999", "20000"),
    "/api/along/rivers/HD-001?within=near": (400, "within", ""),
    "/api/along/rivers/HD-001?layers=hazard": (404, "hazard", "hazards"),
    "/api/along/hazards/YH-001": (400, "", "rivers"),
    "/api/risk/areas/350104": (404, "areas", "bridges"),
    "/api/risk/bridges/QL-999": (404, "QL-999", "QL-0"),
    "/api/exports/river.geojson": (404, "river", "rivers"),
    "/api/tiles/rivers/3/9/9.mvt": (400, "3/9/9", "z"),
    "/api/layers/rivers/features?limit=0": (400, "limit", ""),
    "/api/layers/rivers/features/%00": (400, "", ""),
    "/maps/statu": (404, "statu", "status"),
    "/maps/along?code=HD-999": (404, "HD-999", ""),
    "/maps/along?within=-3": (400, "-3", "5000"),
    "/maps/status?colour=red": (400, "colour", "area"),
    "/nowhere": (404, "", ""),
}


@pytest.mark.parametrize("address", WRONG)
def test_what_is_wrong_is_named_with_what_is_allowed_in_the_readers_language(
    address: str, service: httpx.Client
) -> None:
    status, named, allowed = WRONG[address]
    chinese = service.get(address)
    english = service.get(address, headers={"Accept-Language": "en", "Cookie": "lang=en"})
    for answer in (chinese, english):
        problem = answer.json()
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert problem["status"] == status
        assert named in answer.text
        assert not allowed or any(allowed in str(name) for name in problem.get("allowed", [])), problem
        assert not re.search(r"Traceback|psycopg|sqlalchemy|SELECT|LINE \d", answer.text)
    assert re.search("[一-鿿]", chinese.json()["detail"])
    assert not address.startswith("/api") or not re.search("[一-鿿]", english.json()["detail"].replace(named, ""))


@pytest.mark.parametrize("address", ["/nowhere", "/statistics/river", "/maps/statu", "/maps/along?code=HD-999"])
def test_a_browser_gets_a_page_that_says_what_to_do(address: str, service: httpx.Client) -> None:
    answer = service.get(address, headers={"Accept": "text/html,application/xhtml+xml"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert 'href="/?lang=zh"' in answer.text


def test_a_database_that_is_away_is_said_so_and_comes_back(own_sample: Database) -> None:
    with serving(own_sample) as root, httpx.Client(base_url=root, timeout=30) as client:
        hot = ["/api/layers/rivers/features/HD-007", "/api/layers/rivers/features?limit=5"] * 5
        assert [client.get(address).status_code for address in ["/readyz", *hot]] == [200] * 11
        # who serves ends her own connections; the owner may not end another role's
        with own_sample.for_service().engine.connect() as connection:
            away = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.execute(text(f"{away} AND datname = current_database() AND usename = current_user"))
        assert [client.get(address).status_code for address in ["/api/layers", "/healthz", *hot]] == [200] * 12


def test_tables_of_another_version_are_not_ready(own_sample: Database) -> None:
    with own_sample.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'old'"))
    with serving(own_sample) as root:
        answer = httpx.get(f"{root}/readyz")
        assert (answer.status_code, answer.json()["title"]) == (503, "数据库需要升级")


def test_openapi_documents_every_address_with_an_example_or_a_schema(service: httpx.Client) -> None:
    document = service.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation.get("summary"), path
            assert operation.get("description"), path
            done = next(status for status in operation["responses"] if status < "4")
            # 204 and 303 have nothing to show
            assert operation["responses"][done].get("content") or done in ("204", "303"), path
    assert "建成开放" in json.dumps(document, ensure_ascii=False)


def test_a_tile_holds_what_lies_in_it(service: httpx.Client) -> None:
    answer = service.get("/api/tiles/hazards/11/1702/870.mvt")
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert answer.content.count(b"YH-") > 50
    risk = service.get("/api/tiles/bridges/11/1702/870.mvt", params={"risk": "true"})
    assert b"score" in risk.content


def test_a_head_is_answered_with_the_headers_of_get(service: httpx.Client) -> None:
    for address in ("/healthz", "/", "/api/layers", "/api/exports/bridges.geojson", "/assets/style.css"):
        head, got = service.head(address), service.get(address)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]


def test_a_method_that_is_not_taken_is_told_those_that_are(service: httpx.Client) -> None:
    answer = service.post("/api/layers")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_parameter_given_twice_is_refused_and_not_half_heard(service: httpx.Client) -> None:
    for address in ("/api/statistics/bridges?group=grade&group=kind", "/maps/status?area=350104&area=350104101"):
        answer = service.get(address)
        assert (answer.status_code, "逗号" in answer.json()["detail"]) == (400, True)


def test_a_code_may_hold_any_character(own_sample: Database) -> None:
    for code in ("闽A/001", "50%", "a b?c#d", "Ü'\"<b>\\"):
        with own_sample.transaction() as connection:
            connection.execute(
                text("UPDATE bridges SET code = :code WHERE id = (SELECT min(id) FROM bridges)"), {"code": code}
            )
            connection.execute(
                text("UPDATE rivers SET code = :code WHERE id = (SELECT min(id) FROM rivers)"), {"code": code}
            )
        with serving(own_sample) as root:
            quoted = quote(code, safe="")
            assert httpx.get(f"{root}/api/layers/bridges/features/{quoted}").json()["id"] == code
            assert httpx.get(f"{root}/api/risk/bridges/{quoted}").json()["code"] == code
            assert httpx.get(f"{root}/api/along/rivers/{quoted}").json()["line"]["code"] == code
            assert httpx.get(f"{root}/maps/along", params={"code": code}).is_success


def test_an_export_that_fails_at_once_is_a_problem_document(service: httpx.Client) -> None:
    answer = service.get("/api/exports/bridges.geojson", params={"filter": "built_year * 1e308 * 1e308 > 1"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_readers_that_stall_keep_nobody_from_the_service(own_sample: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gis_service.api.streams.STALLED_SECONDS", 6.0)
    with own_sample.transaction() as connection:
        connection.execute(text("UPDATE heritage_buildings SET extra = jsonb_build_object('k', repeat('好', 500000))"))
    with serving(own_sample) as root, ExitStack() as stack, httpx.Client(base_url=root, timeout=10) as client:
        address = ("127.0.0.1", int(root.rpartition(":")[2]))
        stalled = [stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(20)]
        for reader in stalled:
            reader.sendall(b"GET /api/exports/heritage_buildings.geojson HTTP/1.1\r\nHost: test\r\n\r\n")
        for _ in range(30):
            assert client.get("/healthz", timeout=1).is_success
            assert client.get("/api/layers").is_success
        assert sum(b" 503 " in reader.recv(20) for reader in stalled) == 16
        assert client.get("/api/exports/bridges.geojson").is_success  # the others are given up by now


def test_openapi_says_what_a_problem_looks_like(service: httpx.Client) -> None:
    for path, methods in service.get("/openapi.json").json()["paths"].items():
        for operation in methods.values():
            responses = operation["responses"]
            assert {"400", "404", "503"} <= responses.keys(), path
            for status in ("404", "422"):  # not FastAPI's own, which is never sent
                content = responses.get(status, {}).get("content", {"application/problem+json": {}})
                kinds = {"application/problem+json"} | (set() if path.startswith("/api") else {"text/html"})
                assert content.keys() <= kinds, path
