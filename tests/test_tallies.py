"""Tallies equal a recount, whatever was written, however it was undone, and by however many at once."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import signed_in
from typer.testing import CliRunner

from gis_service.cli import app
from gis_service.database import Database
from gis_service.database.kept import Wrong, wrong
from gis_service.database.objects import kept_of
from gis_service.database.upgrade import upgrade
from gis_service.features import selection
from gis_service.filters import where
from gis_service.settings import Settings
from gis_service.statistics import Question, statistics, terms
from layers import registry

SECONDS = float(os.environ.get("GIS_TEST_SECONDS", "4"))
"""How long writers write at once; longer where somebody has the time."""
BRIDGES, DAY = registry()["bridges"], date(2023, 10, 31)
EVERY = "code IS NOT NULL"
"""A filter that holds for all records: what is asked with it is counted from the rows."""


def recounted(database: Database) -> list[Wrong]:
    with database.reading() as connection:
        return [cell for layer in registry().values() for kept in kept_of(layer) for cell in wrong(connection, kept)]


_CODES = st.integers(1, 6)
_PLACES = st.tuples(st.integers(0, 40), st.integers(0, 10)).map(lambda at: (119 + at[0] / 100, 26 + at[1] / 100))
_GRADES = st.sampled_from(["A", "B", "E", "未知"])
_BRIDGE = "INSERT INTO bridges (code, grade, cost, geom) VALUES ('{0}', '{1}', {2}, ST_GeomFromText('{3}', 4490))"
_BOX = "ST_Multi(ST_MakeEnvelope({}, 26, {}, 26.1, 4490))"
_EDGES = st.integers(1, 19).map(lambda n: 119 + n / 100)
_POINTS = _PLACES.map(lambda p: f"POINT({p[0]} {p[1]})")
_LINES = st.lists(_PLACES, min_size=2, max_size=3, unique=True).map(
    lambda points: f"MULTILINESTRING(({', '.join(f'{x} {y}' for x, y in points)}))"
)
_STATEMENTS = st.one_of(
    st.builds(
        lambda code, grade, cost, shape: (
            _BRIDGE.format(code, grade, cost, shape)
            + " ON CONFLICT (code) DO UPDATE SET grade = excluded.grade, cost = excluded.cost, geom = excluded.geom"
        ),
        *(_CODES, _GRADES, st.sampled_from(["NULL", "0.1", "123456.7891"]), _POINTS | _LINES),
    ),
    st.builds("UPDATE bridges SET grade = '{}' WHERE code <= '{}'".format, _GRADES, _CODES),
    st.builds("UPDATE bridges SET name = 'x' || id WHERE code >= '{}'".format, _CODES),
    st.builds("DELETE FROM bridges WHERE code = '{}'".format, _CODES),
    st.builds(f"UPDATE areas SET geom = {_BOX} WHERE code = 'west'".format, st.just(119), _EDGES),
    st.just("DELETE FROM areas WHERE code = 'east'"),
    st.just(f"INSERT INTO areas (code, geom) VALUES ('east', {_BOX}) ON CONFLICT DO NOTHING".format(119.2, 119.4)),
    st.sampled_from(["SELECT gis_fold_bridges_tallies()", "SELECT gis_fold_bridges_grid()"]),
)


@pytest.fixture(scope="module")
def two_areas(database_url: sa.URL) -> Iterator[Database]:
    database = Database(database_url.render_as_string(hide_password=False), Settings())
    upgrade(database)
    yield database
    database.engine.dispose()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(transactions=st.lists(st.tuples(st.lists(_STATEMENTS, min_size=1, max_size=4), st.booleans()), max_size=6))
def test_after_any_edits_the_tallies_equal_a_recount_and_statistics_those_of_the_rows(
    two_areas: Database, transactions: list[tuple[list[str], bool]]
) -> None:
    with two_areas.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM bridges")
        connection.exec_driver_sql("DELETE FROM areas")
        for code, west, east in (("west", 119.0, 119.2), ("east", 119.2, 119.4)):
            connection.exec_driver_sql(f"INSERT INTO areas (code, geom) VALUES ('{code}', {_BOX.format(west, east)})")
    for statements, kept in transactions:
        with two_areas.engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
            if kept:
                connection.commit()
    assert recounted(two_areas) == []
    assert told(two_areas, "bridges", "") == told(two_areas, "bridges", EVERY)
    with two_areas.reading() as connection:
        for chosen in (
            "grade = 'A'",
            "grade IN ('A', 'B') AND kind <> '城市'",
            "NOT grade = 'E' OR area_code = 'west'",
        ):
            for group in ((), ("kind",)):
                kept, counted = (
                    statistics(connection, Question(BRIDGES, group, BRIDGES.measure_names(), asked), DAY)
                    for asked in (chosen, f"({chosen}) AND {EVERY}")
                )
                assert kept == counted


@pytest.mark.parametrize("name", registry())
def test_a_legends_numbers_are_those_of_the_rows(sample_district: Database, name: str) -> None:
    layer = registry()[name]
    with sample_district.reading() as connection:
        today = sample_district.district(connection).today
        for field in layer.categories():
            for asked in ("", f"{field} IS NOT NULL", "area_code = '350104104'", EVERY):
                clause = selection(connection, layer, today, filter=asked, area="350104104")
                for chosen in (clause, where(layer, asked, today)):
                    counted = Counter(connection.scalars(sa.select(layer.__table__.c[field]).where(chosen)))
                    assert terms(connection, layer, field, chosen) == counted


def told(database: Database, name: str, filter: str) -> list[object]:
    """Everything that statistics say of a layer."""
    layer = registry()[name]
    with database.reading() as connection:
        today = database.district(connection).today
        groups = [(), *((field,) for field in layer.categories()), layer.categories()[:2]]
        return [
            statistics(connection, Question(layer, group, measures, filter=filter), today)
            for group in groups
            for measures in (layer.measure_names(), ("count",))
        ]


@pytest.mark.parametrize("name", registry())
def test_kept_statistics_are_those_of_the_rows(sample_district: Database, name: str) -> None:
    assert told(sample_district, name, "") == told(sample_district, name, EVERY)
    assert recounted(sample_district) == []


def test_a_past_day_is_told_of_as_it_was(sample_district: Database) -> None:
    layer, day = registry()["hazards"], date(2023, 6, 30)
    with sample_district.reading(day) as connection:
        kept = statistics(connection, Question(layer, ("status",)), day)
        counted = statistics(connection, Question(layer, ("status",), filter=EVERY), day)
    with sample_district.reading() as connection:
        assert kept == counted != statistics(connection, Question(layer, ("status",)), day)


def test_who_sees_some_areas_is_told_of_those_from_the_rows(own_sample: Database) -> None:
    signed_in(own_sample, "lin", "viewer", areas=["350104001"])
    hers = own_sample.for_service().acting("lin")
    with hers.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM bridges_tallies").scalar_one() == 0
    assert told(hers, "bridges", "") == told(hers, "bridges", EVERY) != told(own_sample, "bridges", "")
    hers.engine.dispose()


def test_writers_at_once_wait_for_nobody_and_lose_nothing(own_sample: Database) -> None:
    with own_sample.transaction() as connection:
        codes = list(connection.exec_driver_sql("SELECT code FROM areas WHERE leaf ORDER BY code").scalars())
        connection.exec_driver_sql(
            "INSERT INTO gas_stations (code, geom) SELECT 'T' || i, ST_PointOnSurface(a.geom) "
            "FROM generate_series(1, 400) i JOIN areas a ON a.code = %s",
            (codes[0],),
        )
    until, done = time.monotonic() + SECONDS, []
    lock = threading.Lock()

    def write(number: int) -> None:
        chance = random.Random(number)
        place = "(SELECT ST_GeneratePoints(geom, 1, {}) FROM areas WHERE code = '{}')"
        for round_ in range(10_000):
            if time.monotonic() > until:
                break
            some = ", ".join(f"'T{chance.randint(1, 400)}'" for _ in range(5))
            held = f"SELECT id FROM gas_stations WHERE code IN ({some}) ORDER BY id FOR UPDATE"
            there = place.format(chance.randint(1, 1000), chance.choice(codes))
            statement = chance.choice(
                [
                    f"UPDATE gas_stations SET geom = ST_GeometryN({there}, 1) WHERE code = 'W{number}-{round_ - 1}'",
                    f"INSERT INTO gas_stations (code, geom) VALUES ('W{number}-{round_}', ST_GeometryN({there}, 1))",
                    f"DELETE FROM gas_stations WHERE code ~ '^W{number}-' AND mod(id, 3) = {chance.randint(0, 2)}",
                    f"UPDATE gas_stations SET status = '{chance.choice(['正常', '关停'])}' WHERE id IN ({held})",
                ]
            )
            with own_sample.transaction("tests") as connection:
                connection.exec_driver_sql(statement)
            with lock:
                done.append(statement)

    with ThreadPoolExecutor(8) as pool:
        for result in [pool.submit(write, number) for number in range(8)]:
            result.result()
    assert len(done) > 50
    assert recounted(own_sample) == []


def test_check_finds_what_is_wrong_and_rebuild_mends_it(own_sample: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIS_DATABASE_URL", own_sample.engine.url.render_as_string(hide_password=False))
    run = CliRunner().invoke
    assert run(app, ["db", "check"]).exit_code == 0
    with own_sample.transaction() as connection:
        connection.exec_driver_sql("UPDATE rivers_tallies SET number = number + 1 WHERE area_code IS NULL")
        connection.exec_driver_sql("DELETE FROM hazards_tallies")
    found = run(app, ["db", "check"])
    assert found.exit_code == 1
    assert "rivers" in found.output
    assert "hazards" in found.output
    assert "notices" not in found.output
    assert run(app, ["db", "rebuild"]).exit_code == 0
    assert recounted(own_sample) == []
    assert run(app, ["db", "check"]).exit_code == 0
