"""What comes in bulk is what row by row would be: in areas, versions, history, events and tallies, by whatever door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import geopandas as gpd
import pyarrow as pa
import pytest
import shapely
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import signed_in

from gis_service.database import Database
from gis_service.database.kept import Wrong, wrong
from gis_service.database.objects import kept_of
from gis_service.database.upgrade import upgrade
from gis_service.errors import OutOfOrder
from gis_service.ingest import insert as bulk
from gis_service.ingest import load_frame
from gis_service.ingest.load import next_code
from gis_service.ingest.values import convert, stored
from gis_service.settings import Settings
from layers import Layer, Role, ledger, registry, with_role

BRIDGES = registry()["bridges"]
_GRID = st.integers(-2, 12).map(lambda n: n / 10)  # corners, sides, inside and outside of the areas alike
_BESIDE = st.sampled_from([0.0, 1e-8, -1e-8])
_PLACES = st.builds(lambda x, y, dx, dy: (119 + x + dx, 26 + y + dy), _GRID, _GRID, _BESIDE, _BESIDE)
_SHAPES = st.one_of(
    _PLACES.map(shapely.Point), st.lists(_PLACES, min_size=2, max_size=3, unique=True).map(shapely.LineString)
)
_AREAS = {
    "a": "POLYGON((119 26, 119.5 26, 119.7 27, 119 27, 119 26))",
    "b": "POLYGON((119.5 26, 120 26, 120 27, 119.7 27, 119.5 26), (119.8 26.1, 119.9 26.1, 119.9 26.2, 119.8 26.1))",
    "c": "POLYGON((119.9 26.5, 120.1 26.5, 120.1 26.7, 119.9 26.7, 119.9 26.5))",
}
"""Two beside each other, on a slant, one with a hole; the third lies across the second."""
_KEPT = "code, area_code, shares, version, valid_from = gis_moment(), updated_by, reason, change > 0, ST_AsEWKT(geom)"


@pytest.fixture(scope="module")
def three_areas(database_url: sa.URL) -> Iterator[Database]:
    database = Database(database_url.render_as_string(hide_password=False), Settings())
    upgrade(database)
    with database.transaction() as connection:
        for code, shape in _AREAS.items():
            place = f"ST_Multi(ST_GeomFromText('{shape}', 4490))"
            connection.exec_driver_sql(f"INSERT INTO areas (code, geom) VALUES ('{code}', {place})")
    yield database
    database.engine.dispose()


def frame(shapes: list[shapely.Geometry]) -> gpd.GeoDataFrame:
    codes = [f"QL-{n}" for n in range(1, len(shapes) + 1)]
    return gpd.GeoDataFrame({"code": codes, "grade": "A", "cost": 1.5}, geometry=shapes, crs=4490)


def recounted(connection: sa.Connection, layer: type[Layer]) -> list[Wrong]:
    return [cell for kept in kept_of(layer) for cell in wrong(connection, kept)]


def held(connection: sa.Connection) -> list[tuple[object, ...]]:
    assert recounted(connection, BRIDGES) == []
    return [tuple(row) for row in connection.exec_driver_sql(f"SELECT {_KEPT} FROM bridges ORDER BY id")]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shapes=st.lists(_SHAPES, min_size=1, max_size=12))
def test_rows_in_bulk_are_what_rows_one_by_one_are(
    three_areas: Database, monkeypatch: pytest.MonkeyPatch, shapes: list[shapely.Geometry]
) -> None:
    monkeypatch.setattr(bulk, "_MANY", 1)
    with three_areas.engine.connect() as connection:
        load_frame(connection, BRIDGES, frame(shapes))
        in_bulk = held(connection)
        connection.rollback()
        for code, shape in zip(frame(shapes)["code"], shapes, strict=True):
            rounded = shapely.transform(shape, lambda c: c.round(8))
            place = rounded if shape.geom_type == "Point" else shapely.multilinestrings([rounded])
            connection.exec_driver_sql(
                f"INSERT INTO bridges (code, grade, cost, geom) VALUES ('{code}', 'A', 1.5, "
                f"ST_GeomFromText('{place.wkt}', 4490))"
            )
        assert in_bulk == held(connection)
        connection.rollback()


def test_a_load_of_many_chunks_equals_one(own_sample: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = list(shapely.points([[119.2 + n / 1000, 26.0 + n / 2000] for n in range(200)]))
    with own_sample.engine.connect() as connection:
        connection.exec_driver_sql("DELETE FROM bridges")
        connection.commit()
        found = []
        for many, chunk in ((50_000, 50_000), (1, 50_000), (1, 7)):
            monkeypatch.setattr(bulk, "_MANY", many)
            monkeypatch.setattr(bulk, "_CHUNK", chunk)
            load_frame(connection, BRIDGES, frame(shapes))
            found.append(held(connection))
            connection.rollback()
    assert found[0] == found[1] == found[2]
    assert len({row[1] for row in found[0]}) > 3


def test_areas_in_bulk_place_themselves(empty_district: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_MANY", 1)
    whole = shapely.box(119, 26, 120, 27)
    shapes = [shapely.box(119, 26, 119.4, 27), shapely.box(119.4, 26, 120, 27), whole]
    areas = with_role(Role.AREAS)
    with empty_district.engine.connect() as connection:
        load_frame(connection, areas, gpd.GeoDataFrame({"code": ["a", "b", "c"]}, geometry=shapes, crs=4490))
        stands = (
            "SELECT code, parent_code, area_code, shares ? code, shares ? '', shares - code - '' FROM areas ORDER BY 1"
        )
        found = [tuple(row) for row in connection.exec_driver_sql(stands)]
        assert recounted(connection, areas) == []
        connection.rollback()
    assert found == [
        ("a", "c", "a", True, False, {}),
        ("b", "c", "b", True, False, {}),
        ("c", None, None, False, True, {}),
    ]


@pytest.mark.parametrize("many", [1, 5_000])
def test_the_ledger_tells_events_of_what_came_in_bulk(
    own_sample: Database, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(bulk, "_MANY", many)
    hazards = ledger()
    shapes = [shapely.Point(119.3, 26.05), None]
    subject = {"subject_layer": [None, "bridges"], "subject_code": [None, "QL-001"]}
    rows = gpd.GeoDataFrame({"code": ["X1", "X2"], "status": "交办", **subject}, geometry=shapes, crs=4490)
    with own_sample.transaction("ann", reason="批量") as connection:
        load_frame(connection, hazards, rows)
        events = connection.exec_driver_sql(
            "SELECT e.code, to_status, recorded_by, note, e.change = t.change, held_from = t.valid_from "
            "FROM events e JOIN hazards t USING (code) WHERE code LIKE 'X%%' ORDER BY e.id"
        ).all()
        at = "SELECT ST_Equals(geom, gis_point_on('bridges', 'QL-001')) FROM hazards WHERE code = 'X2'"
        assert connection.exec_driver_sql(at).scalar_one()
        areas = "SELECT bool_and(area_code = (gis_place(geom)).area) FROM hazards WHERE code LIKE 'X%%'"
        assert connection.exec_driver_sql(areas).scalar_one()
        assert recounted(connection, hazards) == []
    assert [tuple(row) for row in events] == [(code, "交办", "ann", "批量", True, True) for code in ("X1", "X2")]


def test_what_was_deleted_does_not_come_back_in_bulk_from_before(own_sample: Database) -> None:
    again = gpd.GeoDataFrame({"code": ["QL-001"]}, geometry=[shapely.Point(119.3, 26.05)], crs=4490)
    with own_sample.transaction(valid_from=date(2023, 9, 1)) as connection:
        connection.exec_driver_sql("DELETE FROM bridges WHERE code = 'QL-001'")
    with pytest.raises(OutOfOrder), own_sample.transaction(valid_from=date(2023, 8, 1)) as connection:
        load_frame(connection, BRIDGES, again)


def test_triggers_are_turned_off_for_a_load_and_stand_after_it(
    own_sample: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only by the owner, and only within her transaction: for everybody else they stand throughout."""
    signed_in(own_sample, "ann", "editor")
    monkeypatch.setattr(bulk, "_MANY", 1)
    rows = gpd.GeoDataFrame({"code": ["N-1"]}, geometry=[shapely.Point(119.2, 26.05)], crs=4490)
    off = "SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O' AND NOT tgisinternal"
    with own_sample.engine.connect() as reader:
        with own_sample.transaction() as connection:
            load_frame(connection, BRIDGES, rows)
            assert reader.exec_driver_sql(off).scalar_one() == 0
        reader.rollback()
        assert reader.exec_driver_sql(off).scalar_one() == 0
    row = "INSERT INTO bridges (code, geom, area_code, version, updated_by, change) VALUES "
    row += "('NEW', ST_GeomFromText('POINT(119.3 26.05)', 4490), 'nowhere', 0, 'bob', 1)"
    with own_sample.for_service().acting("ann").transaction() as connection:
        with pytest.raises(sa.exc.ProgrammingError, match="must be owner"), connection.begin_nested():
            connection.exec_driver_sql("ALTER TABLE bridges DISABLE TRIGGER gis_1_place")
        connection.exec_driver_sql(row)
    stands = (
        "SELECT area_code = (gis_place(geom)).area, version, updated_by, change > 1 FROM bridges WHERE code = 'NEW'"
    )
    with own_sample.reading() as connection:
        assert connection.exec_driver_sql(stands).one() == (True, 1, "ann", True)


@pytest.mark.parametrize("read_meanwhile", [False, True])
@pytest.mark.parametrize("layer", [BRIDGES, ledger()])
@pytest.mark.parametrize("empty", [False, True])
def test_the_indexes_stand_after_a_load(
    empty_district: Database, monkeypatch: pytest.MonkeyPatch, layer: type[Layer], *, read_meanwhile: bool, empty: bool
) -> None:
    """Where nobody is at a table they are built anew; who reads is not waited for, and never sees a table without."""
    monkeypatch.setattr(bulk, "_MANY", 100)
    grown = bulk.grown_by(layer)
    assert len(grown) == (1 if layer is BRIDGES else 2)
    shapes = list(shapely.points([[119.2 + n / 1000, 26.05] for n in range(150)]))
    rows = gpd.GeoDataFrame({"code": [f"N-{n}" for n in range(150)]}, geometry=shapes, crs=4490)
    query = "SELECT pg_get_indexdef(indexrelid), indexrelid, coalesce(pg_get_constraintdef(c.oid), '') FROM pg_index i "
    query += "LEFT JOIN pg_constraint c ON conindid = indexrelid AND contype IN ('p', 'u') "
    query += f"WHERE indrelid = ANY ('{{{','.join(grown)}}}'::regclass[]) ORDER BY 1"
    with empty_district.engine.connect() as reader, empty_district.engine.connect() as connection:
        if not empty:
            load_frame(connection, layer, rows.assign(code=[f"M-{n}" for n in range(150)]).iloc[:9])
            connection.commit()
        before = reader.exec_driver_sql(query).all()
        if read_meanwhile:
            for table in grown:
                reader.exec_driver_sql(f"SELECT count(*) FROM {table}")
        else:
            reader.rollback()
        with bulk.index_afterwards(connection, grown, len(shapes)):
            load_frame(connection, layer, rows)
        after = connection.exec_driver_sql(query).all()
        assert recounted(connection, layer) == []
    assert [(row[0], row[2]) for row in after] == [(row[0], row[2]) for row in before]
    kept = [row[2] for row in after if row in before]
    assert len(kept) == len(before) if read_meanwhile else kept == ["UNIQUE (code)"] * (not empty)


def test_the_next_number_is_found_by_an_index(own_sample: Database) -> None:
    with own_sample.engine.connect() as connection:
        load_frame(
            connection,
            BRIDGES,
            frame(list(shapely.points([[119.3, 26.05]] * 3000))).assign(code=[f"QL-{n}" for n in range(1000, 4000)]),
        )
        connection.exec_driver_sql("DELETE FROM bridges WHERE code = 'QL-3999'")
        connection.exec_driver_sql("INSERT INTO bridges (code, geom) VALUES ('QL-9999x', ST_Point(119.3, 26.05, 4490))")
        connection.exec_driver_sql("ANALYZE bridges")
        connection.exec_driver_sql("ANALYZE bridges_history")
        scans = (
            "SELECT pg_stat_get_xact_numscans('bridges'::regclass), "
            "pg_stat_get_xact_numscans('ix_bridges_number'::regclass)"
        )
        table, index = connection.exec_driver_sql(scans).one()
        assert next_code(connection, BRIDGES) == "QL-4000"
        assert connection.exec_driver_sql(scans).one() == (table, index + 1)


@given(texts=st.lists(st.none() | st.text(max_size=5)))
def test_text_is_converted_in_columns_as_it_is_one_by_one(texts: list[str | None]) -> None:
    field = BRIDGES.fields()["name"]
    column, refused = convert(field, pa.array(texts, pa.string()))
    assert set(refused) == {i for i, text in enumerate(texts) if text and "\0" in text.strip()}
    assert column.to_pylist() == [None if i in refused else stored(field, text) for i, text in enumerate(texts)]
