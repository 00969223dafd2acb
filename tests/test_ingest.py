"""A file goes into the database as a whole: what is new, what has changed, what stays, what is refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from shapely import LineString, Point, box

import sample
from gis_service import extents
from gis_service.database import Database
from gis_service.database.upgrade import upgrade
from gis_service.errors import CrsError, FieldError, GeometryTypeError, SourceError
from gis_service.ingest import Summary, import_file, load_frame
from gis_service.ingest.sample import load_sample
from gis_service.settings import Settings
from layers import Label, Layer, registry

BRIDGES, RIVERS, AREAS = (registry()[name] for name in ("bridges", "rivers", "areas"))
INVALID = sorted((Path(__file__).parents[2] / "shared" / "data" / "geojson-invalid").rglob("*.geojson"))
FORMATS = Path(__file__).parents[2] / "shared" / "data" / "formats"


@pytest.fixture(scope="module")
def upgraded(database_url: sa.URL) -> Iterator[Database]:
    database = Database(database_url.render_as_string(hide_password=False), Settings())
    upgrade(database)
    yield database
    database.engine.dispose()


@pytest.fixture
def database(upgraded: Database) -> Iterator[Database]:
    yield upgraded
    empty(upgraded)


def empty(database: Database) -> None:
    with database.transaction() as connection:
        for name in registry():
            connection.exec_driver_sql(f"DELETE FROM {name}")
            connection.exec_driver_sql(f"DELETE FROM {name}_history")


def geojson(path: Path, *rows: dict[str, Any], shapes: list[Any] | None = None) -> Path:
    places = shapes or [Point(119.3 + i / 1000, 26.0) for i in range(len(rows))]
    features = [
        {"type": "Feature", "geometry": shape and shape.__geo_interface__, "properties": row}
        for row, shape in zip(rows, places, strict=True)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, default=str), encoding="utf-8")
    return path


def stored(database: Database, columns: str, table: str = "bridges") -> list[Any]:
    with database.reading() as connection:
        found = connection.exec_driver_sql(f"SELECT {columns} FROM {table} ORDER BY code").all()
    return [tuple(row) if len(row) > 1 else row[0] for row in found]


def counts(summary: Summary) -> tuple[int, int, int, int]:
    return summary.inserted, summary.updated, summary.unchanged, len(summary.refused)


def attempt(database: Database, path: Path, layer: type[Layer]) -> Summary | SourceError:
    try:
        return import_file(database, path, layer)
    except SourceError as error:
        return error


def test_rows_are_stored_with_their_values(database: Database, tmp_path: Path) -> None:
    file = geojson(
        tmp_path / "桥.geojson",
        {
            "编号": "QL-7",
            "名称": "洪塘桥",
            "等级": "b 良好",
            "检测日期": "2023年5月1日",
            "整治投资": "1,200.5",
            "bci": 85,
        },
    )
    assert counts(import_file(database, file, BRIDGES)) == (1, 0, 0, 0)
    columns = "code, name, grade, assessed_on::text, cost::text, bci, status, work_end, version"
    assert stored(database, columns) == [("QL-7", "洪塘桥", "B", "2023-05-01", "1200.5000", 85, "未知", None, 1)]
    assert stored(database, "ST_SRID(geom), ST_AsText(geom)") == [(4490, "POINT(119.3 26)")]


def test_the_same_file_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    file = geojson(tmp_path / "a.geojson", {"code": "QL-7", "note": 1}, {"name": "无编号"}, {})
    assert counts(import_file(database, file, BRIDGES)) == (3, 0, 0, 0)
    before = stored(database, "code, version, updated_at")
    assert counts(import_file(database, file, BRIDGES)) == (0, 0, 3, 0)
    assert stored(database, "code, version, updated_at") == before


def test_only_what_has_changed_is_touched(database: Database, tmp_path: Path) -> None:
    import_file(database, geojson(tmp_path / "a.geojson", {"code": "1", "bci": 80}, {"code": "2", "bci": 80}), BRIDGES)
    again = geojson(tmp_path / "b.geojson", {"code": "1", "bci": 80}, {"code": "2", "bci": 70}, {"code": "3"})
    assert counts(import_file(database, again, BRIDGES)) == (1, 1, 1, 0)
    assert stored(database, "code, bci, version") == [("1", 80, 1), ("2", 70, 2), ("3", None, 1)]


def test_a_moved_feature_is_updated(database: Database, tmp_path: Path) -> None:
    import_file(database, geojson(tmp_path / "a.geojson", {"code": "1"}), BRIDGES)
    moved = geojson(tmp_path / "b.geojson", {"code": "1"}, shapes=[Point(119.5, 26.1)])
    assert counts(import_file(database, moved, BRIDGES)) == (0, 1, 0, 0)
    assert stored(database, "ST_AsText(geom)") == ["POINT(119.5 26.1)"]


def test_what_the_file_does_not_carry_keeps_its_value(database: Database, tmp_path: Path) -> None:
    import_file(database, geojson(tmp_path / "a.geojson", {"code": "1", "grade": "D", "a": 1, "b": 2}), BRIDGES)
    import_file(database, geojson(tmp_path / "b.geojson", {"code": "1", "name": "桥", "b": 3}), BRIDGES)
    assert stored(database, "name, grade, extra") == [("桥", "D", {"a": 1, "b": 3})]


def test_what_the_file_carries_empty_is_emptied(database: Database, tmp_path: Path) -> None:
    import_file(database, geojson(tmp_path / "a.geojson", {"code": "1", "grade": "D", "bci": 60, "b": 2}), BRIDGES)
    import_file(
        database, geojson(tmp_path / "b.geojson", {"code": "1", "grade": None, "bci": None, "b": None}), BRIDGES
    )
    assert stored(database, "grade, bci, extra") == [("未知", None, {})]


def test_a_record_without_a_number_gets_the_next(database: Database, tmp_path: Path) -> None:
    import_file(database, geojson(tmp_path / "a.geojson", {"code": "QL-000041"}, {"code": "QL-7a"}), BRIDGES)
    file = geojson(tmp_path / "b.geojson", {"name": "x"}, {"name": "y"}, {"code": "QL-000050"}, {"code": " "})
    import_file(database, file, BRIDGES)
    assert stored(database, "code, name")[1:5] == [
        ("QL-000050", None),
        ("QL-000051", "x"),
        ("QL-000052", "y"),
        ("QL-000053", None),
    ]


def test_the_next_number_is_written_as_the_bureau_writes_its_numbers(database: Database, tmp_path: Path) -> None:
    import_file(database, geojson(tmp_path / "a.geojson", {"code": "QL-7"}, {"code": "QL-041"}), BRIDGES)
    import_file(database, geojson(tmp_path / "b.geojson", {"name": "x"}), BRIDGES)
    assert stored(database, "code") == ["QL-041", "QL-042", "QL-7"]


def test_alike_records_without_numbers_are_matched_one_to_one(database: Database, tmp_path: Path) -> None:
    here = Point(119.3, 26)
    file = geojson(tmp_path / "a.geojson", {"n": 1}, {"n": 2}, shapes=[here, here])
    assert counts(import_file(database, file, BRIDGES)) == (2, 0, 0, 0)
    assert counts(import_file(database, file, BRIDGES)) == (0, 0, 2, 0)
    three = geojson(tmp_path / "b.geojson", {"n": 1}, {"n": 2}, {"n": 3}, shapes=[here] * 3)
    assert counts(import_file(database, three, BRIDGES)) == (1, 0, 2, 0)
    assert stored(database, "extra") == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_the_number_of_a_deleted_record_is_not_given_again(database: Database, tmp_path: Path) -> None:
    import_file(database, geojson(tmp_path / "a.geojson", {"name": "x"}, {"name": "y"}), BRIDGES)
    with database.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM bridges WHERE code = 'QL-000002'")
    import_file(database, geojson(tmp_path / "b.geojson", {"name": "z"}), BRIDGES)
    assert stored(database, "code") == ["QL-000001", "QL-000003"]


def test_a_record_that_has_a_number_is_not_taken_by_one_that_has_none(database: Database, tmp_path: Path) -> None:
    here = Point(119.3, 26)
    import_file(database, geojson(tmp_path / "a.geojson", {"code": "1", "name": "桥"}, shapes=[here]), BRIDGES)
    both = geojson(tmp_path / "b.geojson", {"name": "桥"}, {"code": "1", "name": "桥"}, shapes=[here, here])
    assert counts(import_file(database, both, BRIDGES)) == (1, 0, 1, 0)
    assert stored(database, "code") == ["1", "QL-000001"]


def test_refused_rows_do_not_hold_up_the_others(database: Database, tmp_path: Path) -> None:
    shapes = [Point(119.3, 26), Point(26, 119.3), None, box(119, 26, 120, 27), Point(119.4, 26), Point(119.5, 26)]
    rows = [{"code": str(i), "grade": g} for i, g in enumerate(["A", "A", "A", "A", "F", "A"])]
    summary = import_file(database, geojson(tmp_path / "a.geojson", *rows, shapes=shapes), BRIDGES)
    assert (summary.read, *counts(summary)) == (6, 2, 0, 0, 4)
    assert [(r.row, r.field, r.value) for r in summary.refused] == [
        (2, "geom", "26, 119.3"),
        (3, "geom", ""),
        (4, "geom", "Polygon"),
        (5, "grade", "F"),
    ]
    assert stored(database, "code") == ["0", "5"]


def test_a_dry_run_counts_the_same_and_writes_nothing(database: Database, tmp_path: Path) -> None:
    import_file(database, geojson(tmp_path / "a.geojson", {"code": "1"}), BRIDGES)
    file = geojson(tmp_path / "b.geojson", {"code": "1", "bci": 5}, {"code": "2"}, {"code": "3", "grade": "F"})
    dry = import_file(database, file, BRIDGES, dry_run=True)
    assert stored(database, "code, bci") == [("1", None)]
    wet = import_file(database, file, BRIDGES)
    assert counts(dry) == counts(wet) == (1, 1, 0, 1)


def test_a_file_of_the_wrong_geometry_is_refused_as_a_whole(database: Database, tmp_path: Path) -> None:
    file = geojson(tmp_path / "points.geojson", {"name": "a"}, {"name": "b"})
    with pytest.raises(GeometryTypeError, match=r"points\.geojson .* Rivers holds \(LineString\)"):
        import_file(database, file, RIVERS)
    assert stored(database, "code", "rivers") == []


def test_a_file_without_a_crs_is_taken_only_with_one_given(database: Database, tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"code": ["1"]}, geometry=[Point(430000, 2880000)])
    with pytest.warns(UserWarning, match="crs"):
        pyogrio.write_dataframe(frame, tmp_path / "a.gpkg")
    with pytest.raises(CrsError, match="--crs"):
        import_file(database, tmp_path / "a.gpkg", BRIDGES)
    assert counts(import_file(database, tmp_path / "a.gpkg", BRIDGES, crs="4549")) == (1, 0, 0, 0)
    expected = gpd.GeoSeries([Point(430000, 2880000)], crs=4549).to_crs(4490)[0]
    ((x, y),) = stored(database, "ST_X(geom), ST_Y(geom)")
    assert Point(x, y).distance(expected) < 1e-8


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("urn:ogc:def:crs:EPSG::99999", False),
        ("nowhere", False),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", True),
        ("EPSG:4549", True),
    ],
)
def test_a_geojson_that_names_an_unknown_crs_is_refused(
    name: str, known: bool, database: Database, tmp_path: Path
) -> None:
    place = [430000.0, 2880000.0] if name == "EPSG:4549" else [119.3, 26.0]
    feature = {"type": "Feature", "properties": {"code": "1"}, "geometry": {"type": "Point", "coordinates": place}}
    crs = {"type": "name", "properties": {"name": name}}
    document = {"type": "FeatureCollection", "crs": crs, "features": [feature]}
    (tmp_path / "a.geojson").write_text(json.dumps(document), encoding="utf-8")
    if known:
        assert counts(import_file(database, tmp_path / "a.geojson", BRIDGES)) == (1, 0, 0, 0)
    else:
        with pytest.raises(CrsError, match=name):
            import_file(database, tmp_path / "a.geojson", BRIDGES)


def test_an_undefined_crs_of_a_geopackage_is_none(database: Database, tmp_path: Path) -> None:
    pyogrio.write_dataframe(gpd.GeoDataFrame({"code": ["1"]}, geometry=[Point(1, 2)], crs=4326), tmp_path / "a.gpkg")
    with sa.create_engine(f"sqlite:///{tmp_path / 'a.gpkg'}").begin() as connection:
        for table in ("gpkg_contents", "gpkg_geometry_columns"):
            connection.exec_driver_sql(f"UPDATE {table} SET srs_id = -1")
    with pytest.raises(CrsError, match="--crs"):
        import_file(database, tmp_path / "a.gpkg", BRIDGES)


def test_unknown_names_are_refused_before_anything_is_written(database: Database, tmp_path: Path) -> None:
    file = geojson(tmp_path / "a.geojson", {"code": "1"})
    with pytest.raises(FieldError) as refused:
        import_file(database, file, BRIDGES, fields={"name": "桥名"})
    assert refused.value.allowed == ("code",)
    assert stored(database, "code") == []


def test_progress_is_told(database: Database, tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"code": ["1", "2"]}, geometry=[Point(119, 26), Point(119, 27)], crs=4490)
    pyogrio.write_dataframe(frame, tmp_path / "a.gpkg")
    told: list[tuple[int, int | None]] = []
    import_file(database, tmp_path / "a.gpkg", BRIDGES, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (2, 2)


def test_who_imported_is_kept(database: Database, tmp_path: Path) -> None:
    import_file(database, geojson(tmp_path / "a.geojson", {"code": "1"}), BRIDGES, user="陈工")
    assert stored(database, "updated_by") == ["陈工"]


def test_areas_of_several_levels_may_come_in_one_file(database: Database, tmp_path: Path) -> None:
    shapes = [box(119, 26, 119.2, 26.2), box(119, 26, 119.1, 26.2), box(119.1, 26, 119.2, 26.2)]
    file = geojson(tmp_path / "a.geojson", {"code": "1"}, {"code": "1a"}, {"code": "1b"}, shapes=shapes)
    import_file(database, file, AREAS)
    assert stored(database, "code, parent_code, leaf", "areas") == [
        ("1", None, False),
        ("1a", "1", True),
        ("1b", "1", True),
    ]


def test_a_real_file_in_another_countrys_grid_comes_to_its_place(database: Database) -> None:
    path = FORMATS / "pygeoapi_dutch_addresses_28992.gpkg"
    if not path.exists():
        pytest.skip("needs the shared data")
    summary = import_file(database, path, BRIDGES)
    frame = gpd.read_file(path).to_crs(4326)
    assert (summary.inserted, len(summary.refused)) == (len(frame), 0)
    places = stored(database, "ST_X(geom), ST_Y(geom)")
    x, y = (sum(numbers) / len(places) for numbers in zip(*places, strict=True))
    assert abs(x - frame.geometry.x.mean()) < 1e-7
    assert abs(y - frame.geometry.y.mean()) < 1e-7


@pytest.mark.skipif(not INVALID, reason="needs the shared data")
@pytest.mark.parametrize("path", INVALID, ids=lambda path: f"{path.parent.name}/{path.stem}")
@pytest.mark.parametrize("name", ["areas", "rivers", "bridges"])
def test_a_bad_file_is_refused_or_its_rows_are_judged(database: Database, path: Path, name: str) -> None:
    summary = attempt(database, path, registry()[name])
    if isinstance(summary, SourceError):
        assert path.name in summary.message.zh
        assert path.name in summary.message.en
        assert stored(database, "code", name) == []
    else:
        assert summary.read == sum(counts(summary))
        assert len(stored(database, "code", name)) == summary.inserted


ROW = st.fixed_dictionaries(
    {},
    optional={
        "code": st.none() | st.sampled_from(["QL-000001", "QL-2", " ", "x"]) | st.text(max_size=5),
        "name": st.none() | st.text(max_size=5),
        "grade": st.none() | st.sampled_from(["A", "1", "F", ""]),
        "bci": st.none() | st.floats(-10, 110) | st.integers(-10, 110) | st.text(max_size=3),
        "cost": st.none() | st.floats(-1, 1e13) | st.just("1,234.5"),
        "work_end": st.none() | st.dates().map(str) | st.text(max_size=3),
        "其他": st.none() | st.text(max_size=3) | st.integers() | st.lists(st.integers(0, 9), max_size=2),
        "extra": st.dictionaries(st.text(max_size=3), st.none() | st.booleans() | st.text(max_size=3), max_size=2),
    },
)
PLACE = st.none() | st.builds(Point, st.floats(-190, 190), st.floats(-95, 95)) | st.just(LineString([(1, 2), (3, 4)]))


@hypothesis_settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(ROW, PLACE), min_size=1, max_size=6))
def test_whatever_the_file_every_row_is_accounted_for(
    database: Database, tmp_path: Path, rows: list[tuple[dict[str, Any], Any]]
) -> None:
    empty(database)
    file = geojson(tmp_path / "any.geojson", *(row for row, _ in rows), shapes=[place for _, place in rows])
    summary = attempt(database, file, BRIDGES)
    if isinstance(summary, SourceError):
        assert stored(database, "code") == []
        return
    assert summary.read == len(rows) == sum(counts(summary))
    assert len(stored(database, "code")) == summary.inserted
    again = import_file(database, file, BRIDGES)
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, summary.inserted)


def test_a_trusted_frame_is_copied_with_what_it_lacks_left_open(database: Database) -> None:
    frame = gpd.GeoDataFrame(
        {
            "code": ["1", "2"],
            "grade": ["A", None],
            "bci": [90.5, None],
            "cost": [12.3456, None],
            "assessed_on": [pd.Timestamp("2023-10-31").date(), None],
            "extra": [{"来源": "示意"}, {}],
        },
        geometry=[Point(119.123456789, 26, 5), LineString([(119, 26), (119.1, 26)])],
        crs=4490,
    )
    with database.transaction() as connection:
        load_frame(connection, BRIDGES, frame)
    assert stored(database, "code, grade, status, bci, cost::text, assessed_on::text, extra, GeometryType(geom)") == [
        ("1", "A", "未知", 90.5, "12.3456", "2023-10-31", {"来源": "示意"}, "POINT"),
        ("2", "未知", "未知", None, None, None, {}, "MULTILINESTRING"),
    ]


def test_a_summary_says_what_became_of_each_column(database: Database, tmp_path: Path) -> None:
    summary = import_file(database, geojson(tmp_path / "a.geojson", {"编号": "1", "桥型": "拱", "version": 3}), BRIDGES)
    assert (summary.fields, summary.extra, summary.ignored) == ({"code": "编号"}, ("桥型",), ("version",))


def test_a_refusal_speaks_both_languages(database: Database, tmp_path: Path) -> None:
    (refusal,) = import_file(database, geojson(tmp_path / "a.geojson", {"bci": 101}), BRIDGES).refused
    assert refusal.reason == Label("应在 0 至 100 之间", "must be between 0 and 100")


def test_an_import_waits_for_areas_that_are_being_changed(own_sample: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    feature = {"type": "Feature", "properties": {"code": "NEW"}, "geometry": {"type": "Point"}}
    with own_sample.reading() as connection:
        place = "SELECT ST_X(p), ST_Y(p), code FROM areas, ST_PointOnSurface(geom) p WHERE leaf ORDER BY code LIMIT 1"
        x, y, code = connection.exec_driver_sql(place).one()
    feature["geometry"] = {"type": "Point", "coordinates": [x, y]}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    with ThreadPoolExecutor() as pool:
        with own_sample.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM areas WHERE code = %s", (code,))
            imported = pool.submit(import_file, own_sample, path, BRIDGES)
            wait([imported], timeout=1)
            assert not imported.done()
        assert imported.result(timeout=30).inserted == 1
    with own_sample.reading() as connection:
        found = connection.exec_driver_sql("SELECT area_code FROM bridges WHERE code = 'NEW'").scalar_one()
    assert found != code


def test_the_dense_sample_is_loaded_whole(empty_district: Database) -> None:
    load_sample(empty_district, scale=2)
    held: Counter[str] = Counter()
    for name, frame in sample.records(2):
        held[name] += len(frame)
    with empty_district.reading() as connection:
        assert extents.counts(connection) == held
        # who reads it first finds nothing that is still to be folded
        assert connection.exec_driver_sql("SELECT count(*) FROM hazards_grid WHERE fresh").scalar_one() == 0
