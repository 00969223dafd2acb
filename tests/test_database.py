"""The database of a district: upgrades, its clock and CRS, and what it keeps by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from gis_service.database import Database
from gis_service.database.cluster import Cluster
from gis_service.database.district import metric_srid_at
from gis_service.database.upgrade import require, upgrade
from gis_service.errors import NotUpgraded, UsageError
from gis_service.settings import Settings
from layers import registry


@pytest.fixture
def bare(cluster: Cluster, empty_template: str) -> Iterator[str]:
    """The address of a database with PostGIS and no district."""
    cluster.create_database("bare", template=empty_template)
    yield cluster.url("bare").render_as_string(hide_password=False)
    cluster.drop_database("bare")


def _tables(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(sa.inspect(connection).get_table_names(schema=database.schema))


@pytest.mark.parametrize("district", ["sample", "user", "order"])
def test_an_upgrade_makes_every_layer_and_can_be_repeated(district: str, bare: str) -> None:
    database = Database(bare, Settings(district=district))
    upgrade(database)
    upgrade(database)
    assert set(registry()) <= _tables(database)
    with database.reading() as connection:
        require(connection)
    database.engine.dispose()


def test_two_upgrades_at_once_wait_for_each_other(bare: str) -> None:
    databases = [Database(bare, Settings()) for _ in range(2)]
    errors: list[BaseException] = []

    def run(database: Database) -> None:
        try:
            upgrade(database)
        except BaseException as error:  # noqa: BLE001 - a thread's error would be lost
            errors.append(error)

    threads = [threading.Thread(target=run, args=[database]) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert set(registry()) <= _tables(databases[0])
    for database in databases:
        database.engine.dispose()


def test_two_districts_in_one_database_know_nothing_of_each_other(bare: str) -> None:
    first, second = (Database(bare, Settings(district=name)) for name in ("first", "second"))
    for database in (first, second):
        upgrade(database)
    with first.transaction() as connection:
        connection.exec_driver_sql(
            "INSERT INTO gas_stations (code, geom) VALUES ('g', ST_SetSRID(ST_MakePoint(119.3, 26), 4490))"
        )
    with second.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM gas_stations").scalar_one() == 0
        assert second.district(connection).key == "second"
    for database in (first, second):
        database.engine.dispose()


def test_the_migrations_make_what_the_declarations_say(own_sample: Database) -> None:
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - heavy, and only here
    from alembic.migration import MigrationContext  # noqa: PLC0415
    from geoalchemy2 import alembic_helpers  # noqa: PLC0415

    from layers import Base  # noqa: PLC0415

    with own_sample.reading() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": alembic_helpers.include_object})
        differences = compare_metadata(context, Base.metadata)
    # histories, tallies, grids, the risk of the day and the indexes of numbers follow their layers by themselves
    follow = ("_history", "_tallies", "_grid", "_number", "risk_scored", "risk_unscored", "risk_basis", "_major_open")
    assert all(any(kind in str(d[1].name) for kind in follow) for d in differences)


def test_an_upgrade_makes_the_index_of_points_anew_where_it_holds_less_than_it_should_and_only_then(
    own_sample: Database,
) -> None:
    def held() -> tuple[int, str]:
        with own_sample.transaction() as connection:
            found = connection.exec_driver_sql(
                "SELECT i.oid, pg_get_indexdef(i.oid) FROM (SELECT CAST('idx_hazards_geom' AS regclass)) i (oid)"
            )
            return tuple(found.one())

    as_made = held()
    upgrade(own_sample)
    assert held() == as_made
    with own_sample.transaction() as connection:
        connection.exec_driver_sql("DROP INDEX idx_hazards_geom")
        connection.exec_driver_sql("CREATE INDEX idx_hazards_geom ON hazards USING gist (geom)")
    upgrade(own_sample)
    assert held()[1] == as_made[1]
    assert "INCLUDE (id, geom, status, area_code, shares, subject_layer)" in as_made[1]


def test_records_that_break_a_rule_of_the_declarations_stop_the_upgrade_and_are_named(own_sample: Database) -> None:
    with own_sample.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE bridges DROP CONSTRAINT ck_bridges_grade")
        connection.exec_driver_sql("UPDATE bridges SET grade = 'Q' WHERE code = 'QL-001'")
    with pytest.raises(NotUpgraded, match="grade"):
        upgrade(own_sample)


@pytest.mark.parametrize(
    ("column", "value"),
    [("grade", "'Q'"), ("bci", "101"), ("cost", "-1"), ("geom", "ST_GeomFromText('POLYGON EMPTY', 4490)")],
)
def test_the_table_itself_refuses_what_breaks_a_rule(column: str, value: str, own_sample: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError, match=f"ck_bridges_{column}"), own_sample.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE bridges SET {column} = {value} WHERE code = 'QL-001'")


def test_a_polygon_that_crosses_itself_is_refused_by_the_table(own_sample: Database) -> None:
    bow = "ST_GeomFromText('MULTIPOLYGON(((119.3 26, 119.31 26.01, 119.31 26, 119.3 26.01, 119.3 26)))', 4490)"
    with pytest.raises(sa.exc.DBAPIError), own_sample.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE heritage_buildings SET geom = {bow} WHERE code = 'GC-001'")


def test_a_change_counts_the_version_up_and_says_who_and_when(own_sample: Database) -> None:
    with own_sample.transaction('王工\'s \\ "name" % 1') as connection:
        query = "SELECT version, updated_by, updated_at FROM bridges WHERE code = 'QL-001'"
        before = connection.exec_driver_sql(query).one().version
        connection.exec_driver_sql("UPDATE bridges SET bci = 81.5 WHERE code = 'QL-001'")
        version, who, when = connection.exec_driver_sql(query).one()
    assert (version, who) == (before + 1, '王工\'s \\ "name" % 1')
    assert datetime.now(UTC) - when < timedelta(minutes=1)


def test_a_failure_leaves_nothing_half_written(own_sample: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="division"), own_sample.transaction() as connection:
        connection.execute(
            sa.text("WITH gone AS (DELETE FROM hazards RETURNING id) SELECT 1 / (count(*) - 260) FROM gone")
        )
    with own_sample.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM hazards").scalar_one() == 260


def test_reading_cannot_write(own_sample: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="read-only"), own_sample.reading() as connection:
        connection.exec_driver_sql("DELETE FROM hazards")


def test_the_samples_clock_stands_and_a_real_districts_is_the_clock(
    sample_district: Database, empty_district: Database
) -> None:
    with sample_district.reading() as connection:
        district = sample_district.district(connection)
        assert (district.today, district.illustrative, district.metres()) == (date(2023, 10, 31), True, 4549)
    with empty_district.reading() as connection:
        district = empty_district.district(connection)
        assert (district.today, district.illustrative) == (date.today(), False)  # noqa: DTZ011 - a local day
        with pytest.raises(UsageError, match="GIS_METRIC_SRID"):
            district.metres()


@pytest.mark.parametrize(
    ("longitude", "latitude", "srid"),
    [(119.3, 26.04, 4549), (117.4, 26, 4548), (121.5, 31.2, 4549), (75.1, 39, 4534), (9.55, 47.15, 32632)],
)  # fmt: skip
def test_the_metric_crs_follows_from_where_the_district_lies(longitude: float, latitude: float, srid: int) -> None:
    assert metric_srid_at(longitude, latitude) == srid


@given(st.floats(-180, 179.99), st.floats(-79, 83))
def test_wherever_a_district_lies_its_metric_crs_is_made_for_the_place(longitude: float, latitude: float) -> None:
    crs = CRS.from_epsg(metric_srid_at(longitude, latitude))
    assert crs.is_projected
    assert crs.axis_info[0].unit_conversion_factor == 1
    central = next(p.value for p in crs.coordinate_operation.params if "Longitude of natural origin" in p.name)
    assert abs(longitude - central) <= 3.01


def test_connections_are_there_before_somebody_asks(sample_district: Database) -> None:
    service = sample_district.for_service()
    service.fill(2)
    assert "Connections in pool: 2" in service.engine.pool.status()
    with service.reading() as one, service.reading() as other:
        assert one.exec_driver_sql("SELECT 1").scalar_one() == other.exec_driver_sql("SELECT 1").scalar_one() == 1
        assert "Connections in pool: 0" in service.engine.pool.status()
    service.engine.dispose()
