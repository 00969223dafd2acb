"""Inspections, works, notices and scores: what is done about features takes their place, and is theirs who have it."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import orjson
import pyarrow as pa
import pyogrio
import pytest
import sqlalchemy as sa
from people import bearing, signed_in
from serving import serving
from sqlalchemy import Connection

from gis_service.along import along, find_targets
from gis_service.database import Database
from gis_service.errors import BadRecord, Forbidden, GeometryTypeError
from gis_service.exports import Export, export_file, find_format, stream
from gis_service.features import one
from gis_service.history import history
from gis_service.ingest import Summary, import_file
from gis_service.lines import find_line
from gis_service.statistics import Question, statistics
from layers import Record, registry

LAYERS = registry()
INSPECTIONS, HAZARDS, BRIDGES = LAYERS["inspections"], LAYERS["hazards"], LAYERS["bridges"]
RECORDS = [name for name, layer in LAYERS.items() if issubclass(layer, Record)]
STATUS = {"方案已定": "计划", "施工中": "进场施工", "完工": "完工"}
NEAR, FAR = (119.301, 26.051), (119.401, 26.051)


def insert(
    connection: Connection, table: str, code: str, place: tuple[float, float] | None = None, **values: Any
) -> None:
    shape = "NULL" if place is None else f"ST_Point({place[0]}, {place[1]}, 4490)"
    names = ["code", *values]
    connection.execute(
        sa.text(f"INSERT INTO {table} ({', '.join(names)}, geom) VALUES (:{', :'.join(names)}, {shape})"),
        {"code": code, **values},
    )


def about(code: str, layer: str = "bridges") -> dict[str, str]:
    return {"subject_layer": layer, "subject_code": code}


def where(connection: Connection, table: str, code: str) -> tuple[Any, ...]:
    """The record's longitude, latitude and area."""
    statement = f"SELECT ST_X(geom), ST_Y(geom), area_code FROM {table} WHERE code = '{code}'"
    return tuple(connection.exec_driver_sql(statement).one())


@pytest.fixture
def district(empty_district: Database) -> Database:
    """Two areas side by side, A with the bridge B1, B with B2; and a site as a polygon."""
    with empty_district.transaction("创建者") as connection:
        for code, west in (("A", 119.3), ("B", 119.4)):
            box = f"ST_Multi(ST_MakeEnvelope({west}, 26, {west} + 0.1, 26.1, 4490))"
            connection.exec_driver_sql(
                f"INSERT INTO areas (code, name, level, geom) VALUES ('{code}', '{code}', '镇', {box})"
            )
        insert(connection, "bridges", "B1", NEAR)
        insert(connection, "bridges", "B2", FAR)
        connection.exec_driver_sql(
            "INSERT INTO project_sites (code, geom) VALUES "
            "('S1', ST_Multi(ST_Buffer(ST_Point(119.35, 26.05, 4490), 0.00123)))"
        )
    return empty_district


def rows(path: Path, *records: dict[str, Any]) -> Path:
    """Write records as a CSV table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for record in records for name in record)))
        writer.writeheader()
        writer.writerows(records)
    return path


def counted(summary: Summary) -> tuple[int, int, int]:
    return summary.inserted, summary.updated, summary.unchanged


# a place of its own, its subject's, or none


@pytest.mark.parametrize("table", [*RECORDS, "hazards"])
def test_what_is_given_no_place_has_its_subjects(district: Database, table: str) -> None:
    with district.transaction() as connection:
        insert(connection, table, "R", **about("B2"))
        assert where(connection, table, "R") == (*FAR, "B")


def test_a_place_of_its_own_is_kept(district: Database) -> None:
    with district.transaction() as connection:
        insert(connection, "inspections", "R", NEAR, **about("B2"))
        assert where(connection, "inspections", "R") == (*NEAR, "A")


def test_the_place_on_a_polygon_lies_on_it_and_comes_back_from_an_export_as_it_is(
    district: Database, tmp_path: Path
) -> None:
    with district.transaction() as connection:
        insert(connection, "inspections", "R", **about("S1", "project_sites"))
        on_it = "SELECT ST_Covers(s.geom, i.geom) FROM inspections i JOIN project_sites s ON s.code = i.subject_code"
        assert connection.exec_driver_sql(on_it).scalar_one()
    export_file(Export(district, INSPECTIONS), tmp_path / "again.geojson")
    assert counted(import_file(district, tmp_path / "again.geojson", INSPECTIONS)) == (0, 0, 1)


def test_it_follows_when_another_subject_is_named(district: Database) -> None:
    with district.transaction() as connection:
        insert(connection, "works", "R", **about("B1"))
        connection.exec_driver_sql("UPDATE works SET subject_code = 'B2'")
        assert where(connection, "works", "R") == (*FAR, "B")


def test_a_place_of_its_own_does_not_follow(district: Database) -> None:
    with district.transaction() as connection:
        insert(connection, "works", "R", (119.31, 26.06), **about("B1"))
        connection.exec_driver_sql("UPDATE works SET subject_code = 'B2'")
        assert where(connection, "works", "R") == (119.31, 26.06, "A")


@pytest.mark.parametrize("subject", [{}, about("B9"), about("B1", "bridges") | {"subject_layer": None}])
def test_a_record_may_lie_nowhere_and_then_counts_outside_every_area(
    district: Database, subject: dict[str, Any]
) -> None:
    with district.transaction() as connection:
        insert(connection, "scores", "R", points=2.5, **subject)
        assert where(connection, "scores", "R") == (None, None, None)
        found = statistics(connection, Question(LAYERS["scores"], measures=("count", "points")), date(2023, 10, 31))
    assert found["outside"] == [{"group": {}, "count": 1, "points": 2.5}]
    assert found["total"] == {"count": 1, "points": 2.5}


@pytest.mark.parametrize("subject", [{}, about("B9")])
def test_a_hazard_lies_somewhere(district: Database, subject: dict[str, Any]) -> None:
    with pytest.raises(BadRecord, match="no subject that is there"), district.transaction() as connection:
        insert(connection, "hazards", "R", **subject)


def test_a_subject_is_on_one_of_the_layers(district: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="ck_notices_subject_layer"), district.transaction() as connection:
        insert(connection, "notices", "R", **about("anonymous", "users"))


def test_a_record_is_placed_anew_when_areas_change_and_its_version_stays(district: Database) -> None:
    with district.transaction() as connection:
        insert(connection, "inspections", "R", **about("B1"))
        insert(connection, "inspections", "NOWHERE")
        connection.exec_driver_sql("UPDATE areas SET code = 'C' WHERE code = 'A'")
        found = connection.exec_driver_sql("SELECT area_code, version FROM inspections ORDER BY code DESC")
        assert [tuple(row) for row in found] == [("C", 1), (None, 1)]


# as every layer


def test_a_record_without_a_place_is_read_exported_and_has_a_history(district: Database, tmp_path: Path) -> None:
    trap = {"geometry": {"type": None}}
    with district.transaction("甲") as connection:
        connection.execute(
            sa.text("INSERT INTO notices (code, number, extra) VALUES ('N', '1号', CAST(:extra AS jsonb))"),
            {"extra": json.dumps(trap)},
        )
        connection.exec_driver_sql("UPDATE notices SET subject_layer = 'bridges', subject_code = 'B1'")
        connection.exec_driver_sql("UPDATE notices SET subject_layer = NULL, subject_code = NULL")
        feature = orjson.loads(one(connection, LAYERS["notices"], "N").feature)
        versions = history(connection, LAYERS["notices"], "N", "en")
    assert feature["geometry"] is None
    assert feature["properties"]["extra"] == trap
    assert [[c["field"] for c in version["changes"]] for version in versions] == [
        ["subject_layer", "subject_code", "geom"],
        ["subject_layer", "subject_code", "geom"],
        [],
    ]
    document = orjson.loads(b"".join(stream(Export(district, LAYERS["notices"]), find_format("geojson"))))
    assert [f["geometry"] for f in document["features"]] == [None]
    for suffix in (".geojson", ".gpkg"):
        export_file(Export(district, LAYERS["notices"]), tmp_path / f"n{suffix}")
        assert counted(import_file(district, tmp_path / f"n{suffix}", LAYERS["notices"])) == (0, 0, 1)


def test_as_of_a_day_it_is_where_its_subject_of_that_day_was(district: Database) -> None:
    with district.transaction(valid_from=date(2023, 3, 1)) as connection:
        connection.exec_driver_sql("UPDATE district SET clock = '2023-10-31'")
        insert(connection, "works", "R", **about("B1"))
    with district.transaction(valid_from=date(2023, 6, 1)) as connection:
        connection.exec_driver_sql("UPDATE works SET subject_code = 'B2'")
    for day, area in ((date(2023, 4, 1), "A"), (date(2023, 7, 1), "B")):
        with district.reading(as_of=day) as connection:
            assert where(connection, "works", "R")[2] == area
    with district.reading(as_of=date(2023, 2, 1)) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM works").scalar_one() == 0


def test_along_a_line_hazards_are_found_and_records_only_where_they_are_asked_for(sample_district: Database) -> None:
    rivers = LAYERS["rivers"]
    assert HAZARDS in find_targets((), rivers)
    assert not {layer for layer in find_targets((), rivers) if issubclass(layer, Record)}
    with sample_district.reading() as connection:
        river = connection.exec_driver_sql(
            "SELECT river_code FROM bridges b JOIN inspections ON (subject_layer, subject_code) = ('bridges', b.code)"
        ).scalars()
        line = find_line(connection, rivers, str(river.first()), sample_district.district(connection).metres())
        found = orjson.loads(along(connection, line, find_targets(("inspections",), rivers), 30).document())
    assert "subject_reference" in {why for f in found["features"] for why in f["properties"]["why"]}


def test_inspections_are_counted_by_business_and_their_areas_add_up(sample_district: Database) -> None:
    question = Question(INSPECTIONS, ("business",), ("count", "person_times", "visits"))
    with sample_district.reading() as connection:
        found = statistics(connection, question, date(2023, 10, 31))
    sent = {row["group"]["business"]: row["person_times"] for row in found["groups"]}
    assert (sent["夜景"], sent["燃气"], sent["快递"]) == (305, 586, 82)
    everywhere = [*found["rows"], *found["outside"]]
    assert sum(row["person_times"] for row in everywhere) == found["total"]["person_times"]


@pytest.mark.parametrize("day", [date(2023, 1, 31), date(2023, 6, 30), date(2023, 10, 31)])
def test_on_any_day_the_works_are_what_their_houses_say(sample_district: Database, day: date) -> None:
    with sample_district.reading(as_of=day) as connection:
        for kind, column in (("修缮", "repair"), ("活化利用", "revival")):
            its = f"FROM works WHERE subject_layer = 'heritage_buildings' AND kind = '{kind}' GROUP BY status"
            works = dict(map(tuple, connection.exec_driver_sql(f"SELECT status, count(*) {its}")))
            said = f"FROM heritage_buildings WHERE {column} <> '无' GROUP BY {column}"
            houses = dict(map(tuple, connection.exec_driver_sql(f"SELECT {column}, count(*) {said}")))
            assert works == {STATUS[word]: count for word, count in houses.items()}


# import


def test_a_table_without_geometry_is_taken_and_says_its_subjects_layer_in_words(
    district: Database, tmp_path: Path
) -> None:
    path = rows(
        tmp_path / "检查.csv",
        {"编号": "JC-1", "对象图层": "桥梁", "对象编号": "B1", "业务领域": "桥梁", "检查日期": "2023/5/8", "人次": "3"},
        {
            "编号": "JC-2",
            "对象图层": "Project sites",
            "对象编号": "S1",
            "业务领域": "在建工地",
            "检查日期": "",
            "人次": "",
        },
        {"编号": "JC-3", "对象图层": "", "对象编号": "", "业务领域": "消防", "检查日期": "20230601", "人次": "2"},
        {"编号": "JC-4", "对象图层": "路灯", "对象编号": "L1", "业务领域": "夜景", "检查日期": "", "人次": "2"},
    )
    summary = import_file(district, path, INSPECTIONS)
    (refusal,) = summary.refused
    assert (refusal.row, refusal.field, refusal.value) == (4, "subject_layer", "路灯")
    assert "bridges (桥梁)" in refusal.reason.zh
    with district.reading() as connection:
        found = connection.exec_driver_sql("SELECT code, subject_layer, area_code, inspected_on FROM inspections")
        assert [tuple(row) for row in found] == [
            ("JC-1", "bridges", "A", date(2023, 5, 8)),
            ("JC-2", "project_sites", "A", None),
            ("JC-3", None, None, date(2023, 6, 1)),
        ]
    assert counted(import_file(district, path, INSPECTIONS)) == (0, 0, 3)


def test_a_geopackage_table_and_a_geojson_with_null_geometry_are_taken(district: Database, tmp_path: Path) -> None:
    table = pa.table({"code": ["N1"], "subject_layer": ["bridges"], "subject_code": ["B2"]})
    pyogrio.raw.write_arrow(table, tmp_path / "n.gpkg", driver="GPKG", layer="notices", geometry_type=None)
    properties = {"code": "N2", "subject_layer": "桥梁", "subject_code": "B1"}
    feature = {"type": "Feature", "geometry": None, "properties": properties}
    document = json.dumps({"type": "FeatureCollection", "features": [feature]})
    (tmp_path / "n.geojson").write_text(document, encoding="utf-8")
    for name in ("n.gpkg", "n.geojson"):
        assert counted(import_file(district, tmp_path / name, LAYERS["notices"])) == (1, 0, 0)
    with district.reading() as connection:
        assert where(connection, "notices", "N1")[2] == "B"
        assert where(connection, "notices", "N2")[2] == "A"


def test_what_has_to_lie_somewhere_is_not_taken_from_a_table(district: Database, tmp_path: Path) -> None:
    with pytest.raises(GeometryTypeError):
        import_file(district, rows(tmp_path / "b.csv", {"code": "B3"}), BRIDGES)


def test_a_hazard_without_a_place_is_taken_at_its_subject_or_refused_with_its_row(
    district: Database, tmp_path: Path
) -> None:
    path = rows(
        tmp_path / "h.csv",
        {"code": "H1", "subject_layer": "bridges", "subject_code": "B1"},
        {"code": "H2", "subject_layer": "bridges", "subject_code": "B9"},
        {"code": "H3", "subject_layer": "", "subject_code": ""},
    )
    summary = import_file(district, path, HAZARDS)
    assert [(r.row, r.field, r.value) for r in summary.refused] == [(2, "geom", "B9"), (3, "geom", "")]
    assert counted(summary) == (1, 0, 0)


def test_records_without_numbers_are_known_again_by_all_that_they_say(district: Database, tmp_path: Path) -> None:
    may, june = ({"name": "桥检查", "检查日期": f"2023-0{m}-01", **about("B1")} for m in (5, 6))
    path = tmp_path / "i.csv"
    assert counted(import_file(district, rows(path, may, may), INSPECTIONS)) == (2, 0, 0)
    assert counted(import_file(district, rows(path, may, may, june), INSPECTIONS)) == (1, 0, 2)


def test_a_row_without_a_place_leaves_the_stored_one(district: Database, tmp_path: Path) -> None:
    with district.transaction() as connection:
        insert(connection, "inspections", "R", (119.31, 26.06), **about("B1"))
    changed = rows(tmp_path / "i.csv", {"code": "R", "note": "补充", **about("B1")})
    assert counted(import_file(district, changed, INSPECTIONS)) == (0, 1, 0)
    with district.reading() as connection:
        assert where(connection, "inspections", "R") == (119.31, 26.06, "A")


def test_an_import_that_names_another_subject_moves_the_record_there(district: Database, tmp_path: Path) -> None:
    with district.transaction() as connection:
        insert(connection, "inspections", "R", **about("B1"))
    import_file(district, rows(tmp_path / "i.csv", {"code": "R", **about("B2")}), INSPECTIONS)
    with district.reading() as connection:
        assert where(connection, "inspections", "R") == (*FAR, "B")


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg"])
@pytest.mark.parametrize("name", [*RECORDS, "hazards"])
def test_what_the_sample_holds_comes_in_again_unchanged(
    sample_district: Database, tmp_path: Path, name: str, suffix: str
) -> None:
    path = tmp_path / f"{name}{suffix}"
    number = export_file(Export(sample_district, LAYERS[name]), path)
    assert counted(import_file(sample_district, path, LAYERS[name], dry_run=True)) == (0, 0, number)


# whose they are


@pytest.fixture
def hers(district: Database) -> Database:
    """The district with a record in each area and one nowhere, as an inspector of A sees it."""
    with district.transaction() as connection:
        for table in RECORDS:
            insert(connection, table, f"{table}-A", **about("B1"))
            insert(connection, table, f"{table}-B", **about("B2"))
            insert(connection, table, f"{table}-nowhere")
    signed_in(district, "ann", "inspector", areas=["A"])
    return district.for_service().acting("ann")


@pytest.mark.parametrize("table", RECORDS)
def test_she_sees_what_is_about_features_of_hers_and_nothing_else(hers: Database, table: str) -> None:
    with hers.reading() as connection:
        found = connection.exec_driver_sql(f"SELECT code FROM {table}").scalars().all()
        total = statistics(connection, Question(LAYERS[table]), date(2023, 10, 31))["total"]
    hers.engine.dispose()
    assert (found, total) == ([f"{table}-A"], {"count": 1})


@pytest.mark.parametrize("subject", [about("B2"), {}])
def test_she_records_nothing_elsewhere_and_nothing_nowhere(hers: Database, subject: dict[str, str]) -> None:
    with pytest.raises(Forbidden), hers.transaction() as connection:
        insert(connection, "inspections", "NEW", **subject)
    hers.engine.dispose()


def test_she_records_an_inspection_of_a_feature_of_hers_and_cannot_move_it_away(hers: Database) -> None:
    with hers.transaction() as connection:
        insert(connection, "inspections", "NEW", **about("B1"))
        assert where(connection, "inspections", "NEW")[2] == "A"
    with pytest.raises(Forbidden), hers.transaction() as connection:
        connection.exec_driver_sql("UPDATE inspections SET subject_code = 'B2' WHERE code = 'NEW'")
    hers.engine.dispose()


def test_a_record_is_written_and_read_through_the_api_with_a_place_or_without(district: Database) -> None:
    headers = bearing(signed_in(district, "mia", "manager"))
    with serving(district) as root, httpx.Client(base_url=root, headers=headers, timeout=30) as client:
        address = "/api/layers/notices/features"
        notice = {"type": "Feature", "geometry": None, "properties": {"code": "N", "kind": "约谈"}}
        created = client.post(address, json=notice)
        assert (created.status_code, created.json()["geometry"]) == (201, None)
        patch = {"properties": {"subject_layer": "桥梁", "subject_code": "B2"}, "reason": "补对象"}
        moved = client.patch(f"{address}/N", json=patch)
        assert moved.json()["geometry"]["coordinates"] == list(FAR)
        assert moved.json()["properties"]["area_code"] == "B"
        unknown = client.patch(f"{address}/N", json={"properties": {"subject_layer": "路灯"}})
        assert [error["field"] for error in unknown.json()["errors"]] == ["subject_layer"]
        assert client.get("/api/tiles/notices/12/3406/1741.mvt").is_success
        assert client.get(f"{address}/N/history").json()["versions"][0]["changes"][-1]["field"] == "geom"


def test_the_trigger_asks_as_the_owner_but_nobody_else_can(hers: Database) -> None:
    with hers.reading() as connection:
        elsewhere = connection.exec_driver_sql("SELECT gis_point_on('bridges', 'B2'), gis_point_on('bridges', 'B1')")
        assert [value is None for value in elsewhere.one()] == [True, False]
        assert connection.exec_driver_sql("SELECT gis_point_on('users', 'ann')").scalar_one() is None
    hers.engine.dispose()
