"""The risk of the day that is kept equals all features scored now, whatever was written since, by however many."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import signed_in
from sqlalchemy import Connection, insert, true

from gis_service.database import Database
from gis_service.database.risk_configs import RiskConfigRow
from gis_service.database.upgrade import upgrade
from gis_service.features import selection
from gis_service.risk import Keeper, area_risk, keep, layers_with_risk, model, risk_counts, risk_features, wrong
from gis_service.risk.kept import kept
from gis_service.settings import Settings
from layers import RiskConfig, registry

DAY = date(2023, 10, 31)
LAYERS = registry()


def _told(connection: Connection, day: date = DAY, areas: tuple[str, ...] = ("",)) -> list[Any]:
    """Everything that is said of risk, for the whole district and for some areas."""
    current = model(connection, day)
    return [
        [area_risk(connection, current, area) for area in areas],
        *(
            [risk_counts(connection, layer, current, clause), risk_features(connection, layer, current, clause)]
            for layer in layers_with_risk()
            for clause in (true(), *(selection(connection, layer, day, area=area) for area in areas))
        ),
    ]


def _as_kept_and_as_scored(database: Database, **asked: Any) -> tuple[list[Any], list[Any]]:
    """What is said while something is kept, and what is said by scoring everything; nothing is written."""
    with database.engine.connect() as connection:
        assert kept(connection, model(connection, DAY)) is not None
        assert wrong(connection, model(connection, DAY)) == []
        told = _told(connection, **asked)
        connection.exec_driver_sql("DELETE FROM risk_basis")
        assert kept(connection, model(connection, DAY)) is None
        scored = _told(connection, **asked)
        connection.rollback()
    return told, scored


_BOX = "ST_Multi(ST_MakeEnvelope({}, 26, {}, 26.1, 4490))"
_POINTS = st.tuples(st.integers(0, 40), st.integers(0, 10)).map(
    lambda at: f"ST_SetSRID(ST_MakePoint({119 + at[0] / 100}, {26 + at[1] / 100}), 4490)"
)
_CODES = st.integers(1, 5)
_EDGES = st.sampled_from([119.1, 119.2])
_TABLES = st.sampled_from(["bridges", "gas_stations", "hazards"])
_LAYERS = st.sampled_from(["bridges", "gas_stations"])
_DEADLINES = st.sampled_from(["'2023-09-01'", "'2023-10-30'", "'2023-12-01'", "NULL"])
_STATEMENTS = st.one_of(
    st.builds(
        "INSERT INTO bridges (code, grade, status, people, geom) VALUES ('{}', '{}', '通行', {}, {}) "
        "ON CONFLICT (code) DO UPDATE SET grade = excluded.grade, people = excluded.people, "
        "geom = excluded.geom".format,
        *(_CODES, st.sampled_from("ABE"), st.sampled_from(["5", "50", "NULL"]), _POINTS),
    ),
    st.builds(
        "INSERT INTO gas_stations (code, licence, checked_on, geom) VALUES ('{}', '{}', {}, {}) "
        "ON CONFLICT DO NOTHING".format,
        *(_CODES, st.sampled_from(["有效", "无证"]), _DEADLINES, _POINTS),
    ),
    st.builds(
        "INSERT INTO hazards (code, level, status, deadline, subject_layer, subject_code, geom) "
        "VALUES ('{}', '{}', '{}', {}, '{}', '{}', {}) ON CONFLICT (code) DO UPDATE SET level = excluded.level, "
        "status = excluded.status, deadline = excluded.deadline, subject_layer = excluded.subject_layer, "
        "subject_code = excluded.subject_code".format,
        *(_CODES, st.sampled_from(["一般", "重大"]), st.sampled_from(["交办", "整改完成", "销号"]), _DEADLINES),
        *(_LAYERS, _CODES, _POINTS),
    ),
    st.builds("UPDATE hazards SET status = '销号' WHERE code <= '{}'".format, _CODES),
    st.builds("UPDATE bridges SET code = code || '-' || id WHERE code = '{}'".format, _CODES),
    st.builds("DELETE FROM {} WHERE code <= '{}'".format, _TABLES, _CODES),
    st.builds(f"UPDATE areas SET geom = {_BOX} WHERE code = 'west'".format, st.just(119), _EDGES),
    st.just("DELETE FROM areas WHERE code = 'east'"),
    st.just(f"INSERT INTO areas (code, geom) VALUES ('east', {_BOX}) ON CONFLICT DO NOTHING".format(119.2, 119.4)),
)  # fmt: skip


@pytest.fixture(scope="module")
def two_areas(database_url: sa.URL) -> Iterator[Database]:
    database = Database(database_url.render_as_string(hide_password=False), Settings())
    upgrade(database)
    with database.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE district SET clock = '{DAY}'")
    yield database
    database.engine.dispose()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(transactions=st.lists(st.tuples(st.lists(_STATEMENTS, min_size=1, max_size=4), st.booleans()), max_size=6))
def test_after_any_edits_what_is_kept_is_what_would_be_scored(
    two_areas: Database, transactions: list[tuple[list[str], bool]]
) -> None:
    with two_areas.transaction() as connection:
        for name in ("hazards", "bridges", "gas_stations", "areas"):
            connection.exec_driver_sql(f"DELETE FROM {name}")
        for code, west, east in (("west", 119.0, 119.2), ("east", 119.2, 119.4)):
            connection.exec_driver_sql(f"INSERT INTO areas (code, geom) VALUES ('{code}', {_BOX.format(west, east)})")
    keep(two_areas)
    for statements, scored_after in transactions:
        with two_areas.transaction() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        if scored_after:
            keep(two_areas)
    told, scored = _as_kept_and_as_scored(two_areas, areas=("", "west"))
    assert told == scored


def test_the_sample_is_kept_as_it_is_scored_for_owner_and_service(own_sample: Database) -> None:
    assert keep(own_sample)
    assert not keep(own_sample), "nothing has been touched"
    told, scored = _as_kept_and_as_scored(own_sample, areas=("", "350104104"))
    assert told == scored
    service = own_sample.for_service().acting("anonymous")
    with service.reading() as connection:
        assert kept(connection, model(connection, DAY)) is not None
        assert _told(connection, areas=("", "350104104")) == scored
    service.engine.dispose()


def test_another_day_a_past_day_and_another_configuration_are_scored_by_who_asks(own_sample: Database) -> None:
    keep(own_sample)
    with own_sample.reading() as connection:
        assert kept(connection, model(connection, DAY + timedelta(1))) is None
    with own_sample.reading(DAY) as connection:
        assert kept(connection, model(connection, DAY)) is None
    with own_sample.transaction() as connection:
        before = area_risk(connection, model(connection, DAY))
        stricter = RiskConfig(cuts={"红": 5, "橙": 4, "黄": 3}).to_json()
        connection.execute(insert(RiskConfigRow).values(config=stricter, note="stricter"))
        assert kept(connection, model(connection, DAY)) is None
        after = area_risk(connection, model(connection, DAY))
    assert before != after
    assert keep(own_sample)
    with own_sample.reading() as connection:
        assert kept(connection, model(connection, DAY)) is not None
        assert area_risk(connection, model(connection, DAY)) == after


def test_at_midnight_everything_is_scored_for_the_new_day(own_sample: Database) -> None:
    keep(own_sample)
    tomorrow = DAY + timedelta(200)
    with own_sample.transaction() as connection:
        expected = _told(connection, day=tomorrow)
        connection.exec_driver_sql(f"UPDATE district SET clock = '{tomorrow}'")
    keeper = Keeper(own_sample, seconds=0.05)
    keeper.start()
    try:
        for _ in range(200):
            with own_sample.reading() as connection:
                if kept(connection, model(connection, tomorrow)):
                    break
            time.sleep(0.05)
    finally:
        keeper.stop()
    with own_sample.reading() as connection:
        assert kept(connection, model(connection, tomorrow)) is not None
        assert _told(connection, day=tomorrow) == expected


def test_who_sees_some_areas_is_told_of_what_she_sees(own_sample: Database) -> None:
    keep(own_sample)
    signed_in(own_sample, "lin", "viewer", areas=["350104001"])
    hers = own_sample.for_service().acting("lin")
    with hers.reading() as connection:
        assert kept(connection, model(connection, DAY)) is None
        for table in ("risk_scored", "risk_unscored", "risk_tallies"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0
        seen = connection.exec_driver_sql("SELECT count(*) FROM bridges").scalar_one()
        assert sum(risk_counts(connection, LAYERS["bridges"], model(connection, DAY), true()).values()) == seen > 0
    hers.engine.dispose()


def test_what_is_touched_while_others_score_is_never_lost(own_sample: Database) -> None:
    keep(own_sample)
    ends = time.monotonic() + 3

    def write(number: int) -> None:
        chosen = random.Random(number)
        while time.monotonic() < ends:
            with own_sample.transaction() as connection:
                at, status = chosen.randint(1, 70), chosen.choice(["交办", "销号"])
                connection.exec_driver_sql(f"UPDATE hazards SET status = '{status}' WHERE id %% 71 = {at}")

    def score(_: int) -> None:
        while time.monotonic() < ends:
            keep(own_sample)
            with own_sample.reading() as connection:
                assert wrong(connection, model(connection, DAY)) == []

    with ThreadPoolExecutor(4) as pool:
        done = [*pool.map(lambda job: job[0](job[1]), [(write, 1), (write, 2), (score, 1), (score, 2)])]
    assert len(done) == 4
    told, scored = _as_kept_and_as_scored(own_sample)
    assert told == scored


def test_a_score_or_a_number_that_is_not_so_is_found_and_scored_anew(own_sample: Database) -> None:
    keep(own_sample)
    with own_sample.transaction() as connection:
        connection.exec_driver_sql("UPDATE risk_scored SET score = score + 1 WHERE code = 'QL-001'")
        connection.exec_driver_sql("UPDATE risk_tallies SET number = number + 1 WHERE layer = 'rivers'")
    with own_sample.reading() as connection:
        found = wrong(connection, model(connection, DAY))
    assert {(cell.table, cell.cell["layer"]) for cell in found} == {
        ("risk_scored", "bridges"),
        ("risk_tallies", "rivers"),
    }
    assert {cell.side for cell in found} == {"kept", "found"}
    keep(own_sample, anew=True)
    told, scored = _as_kept_and_as_scored(own_sample)
    assert told == scored
