"""Statistics per area: nothing is lost and nothing is counted twice."""

from __future__ import annotations

from datetime import date

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from gis_service.database import Database
from gis_service.errors import FilterError, UnknownName
from gis_service.statistics import Question, statistics
from layers import Ratio, registry

DAY = date(2023, 10, 31)
_SQUARE = "ST_Multi(ST_MakeEnvelope({west}, 26, {east}, 26.1, 4490))"


def _areas(connection: Connection, *wests: float) -> None:
    """Make areas side by side, each 0.1 degrees wide, and a district that holds them."""
    for west in wests:
        square = _SQUARE.format(west=west, east=west + 0.1)
        connection.exec_driver_sql(f"INSERT INTO areas (code, name, geom) VALUES ('{west}', '{west}', {square})")
    whole = _SQUARE.format(west=min(wests), east=max(wests) + 0.1)
    connection.exec_driver_sql(f"INSERT INTO areas (code, name, geom) VALUES ('district', 'district', {whole})")


def _line(connection: Connection, code: str, points: str) -> None:
    connection.exec_driver_sql(
        f"INSERT INTO rivers (code, geom) VALUES ('{code}', ST_Multi(ST_GeomFromText('LINESTRING({points})', 4490)))"
    )


@pytest.mark.parametrize("name", registry())
def test_areas_and_outside_add_up_to_the_total_for_every_measure(name: str, sample_district: Database) -> None:
    layer = registry()[name]
    ratios = {m.name for m in layer.measures if isinstance(m, Ratio)}
    measures = tuple(m for m in layer.measure_names() if m not in ratios)
    for group in ((), *((field,) for field in layer.categories())):
        with sample_district.reading() as connection:
            found = statistics(connection, Question(layer, group, measures), DAY)
        for measure in measures:
            parts = sum(row[measure] for row in (*found["rows"], *found["outside"]))
            assert parts == pytest.approx(found["total"][measure], abs=1e-6)


def test_every_area_is_there_with_zeros_where_no_group_is_asked_for(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _areas(connection, 119.0, 119.1)
        found = statistics(connection, Question(registry()["bridges"], measures=("count", "length_km")), DAY)
    assert [(row["area_code"], row["count"], row["length_km"]) for row in found["rows"]] == [
        ("119.0", 0, 0.0),
        ("119.1", 0, 0.0),
    ]
    assert found["outside"] == [{"group": {}, "count": 0, "length_km": 0.0}]
    assert found["total"] == {"count": 0, "length_km": 0.0}


def test_a_point_on_a_shared_boundary_counts_once(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _areas(connection, 119.0, 119.1)
        connection.exec_driver_sql(
            "INSERT INTO gas_stations (code, geom) VALUES ('g', ST_SetSRID(ST_MakePoint(119.1, 26.05), 4490))"
        )
        found = statistics(connection, Question(registry()["gas_stations"]), DAY)
    assert [row["count"] for row in found["rows"]] == [1, 0]
    assert found["total"]["count"] == 1


def test_a_line_is_measured_piece_by_piece_in_the_areas_that_it_crosses_and_outside(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _areas(connection, 119.0, 119.1)
        _line(connection, "r", "118.9 26.05, 119.2 26.05")
        found = statistics(connection, Question(registry()["rivers"], measures=("count", "length_km")), DAY)
    # 0.1 degrees of a parallel at 26.05 N on the GRS80 ellipsoid is 10.0075 km
    assert [row["length_km"] for row in found["rows"]] == pytest.approx([10.0075, 10.0075], abs=1e-3)
    assert found["outside"][0]["length_km"] == pytest.approx(10.0075, abs=1e-3)
    assert found["total"]["count"] == 1


def test_a_line_along_a_shared_boundary_is_measured_once(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _areas(connection, 119.0, 119.1)
        _line(connection, "r", "119.1 26.02, 119.1 26.08")
        found = statistics(connection, Question(registry()["rivers"], measures=("length_km",)), DAY)
        true_length = connection.exec_driver_sql("SELECT ST_Length(geom::geography) / 1000 FROM rivers").scalar_one()
    assert found["total"]["length_km"] == pytest.approx(true_length, abs=1e-5)
    assert [row["length_km"] for row in found["rows"]] == pytest.approx([true_length, 0], abs=1e-5)


def test_features_are_placed_anew_when_an_area_changes_and_their_version_stays(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _areas(connection, 119.0, 119.1)
        _line(connection, "r", "119.01 26.05, 119.03 26.05")
        connection.exec_driver_sql(
            f"UPDATE areas SET geom = {_SQUARE.format(west=119.05, east=119.1)} WHERE code = '119.0'"
        )
        found = statistics(connection, Question(registry()["rivers"]), DAY)
        version = connection.exec_driver_sql("SELECT version FROM rivers").scalar_one()
    assert found["outside"][0]["count"] == 1
    assert version == 1


def test_an_area_that_holds_others_holds_no_feature_itself(own_sample: Database) -> None:
    with own_sample.reading() as connection:
        holders = connection.exec_driver_sql("SELECT code FROM areas WHERE NOT leaf").scalars().all()
        parents = connection.exec_driver_sql("SELECT DISTINCT parent_code FROM areas WHERE leaf").scalars().all()
        held = connection.exec_driver_sql("SELECT count(*) FROM hazards WHERE area_code = '350104'").scalar_one()
    assert (holders, parents, held) == (["350104"], ["350104"], 0)


def test_statistics_of_one_area_are_its_row_of_all(sample_district: Database) -> None:
    question = Question(registry()["rivers"], measures=("count", "length_km"))
    with sample_district.reading() as connection:
        every = statistics(connection, question, DAY)["rows"]
        one = statistics(connection, Question(question.layer, (), question.measures, area="350104102"), DAY)
    assert one["rows"] == [row for row in every if row["area_code"] == "350104102"]
    assert one["total"]["count"] == one["rows"][0]["count"]
    assert one["outside"] == []


def test_a_ratio_is_taken_of_sums_and_not_of_ratios(sample_district: Database) -> None:
    measures = ("planned_investment", "done_investment", "plan_ratio")
    with sample_district.reading() as connection:
        found = statistics(connection, Question(registry()["project_sites"], ("programme",), measures), DAY)
    for row in found["groups"]:
        expected = 100 * row["done_investment"] / row["planned_investment"] if row["planned_investment"] else None
        assert row["plan_ratio"] == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("question", "named", "allowed"),
    [
        ({"group": ("grad",)}, "grad", "grade"),
        ({"group": ("name",)}, "name", "kind"),
        ({"measures": ("cots",)}, "cots", "cost"),
        ({"area": "nowhere"}, "nowhere", "350104"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    question: dict[str, tuple[str, ...]], named: str, allowed: str, sample_district: Database
) -> None:
    with sample_district.reading() as connection, pytest.raises(UnknownName) as error:
        statistics(connection, Question(registry()["bridges"], **question), DAY)  # type: ignore[arg-type]
    assert named in error.value.sentence("zh")
    assert allowed in error.value.sentence("en")


def test_a_filter_that_names_no_field_is_refused(sample_district: Database) -> None:
    with sample_district.reading() as connection, pytest.raises(FilterError, match="colour"):
        statistics(connection, Question(registry()["bridges"], filter="colour = 'red'"), DAY)


coordinates = st.tuples(st.floats(118.95, 119.25), st.floats(25.95, 26.15))


def _goes_once(points: list[tuple[float, float]]) -> bool:
    """Say whether a line covers its ground once: what it goes over again is measured once."""
    line = shapely.LineString(points)
    return bool(shapely.unary_union(line).length > (1 - 1e-9) * line.length)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(coordinates, min_size=2, max_size=6, unique=True).filter(_goes_once), min_size=1, max_size=4))
def test_whatever_the_lines_their_lengths_add_up_to_the_geodesic_total(
    empty_district: Database, lines: list[list[tuple[float, float]]]
) -> None:
    with empty_district.engine.connect() as connection, connection.begin() as transaction:
        _areas(connection, 119.0, 119.1)
        for index, points in enumerate(lines):
            _line(connection, str(index), ", ".join(f"{x!r} {y!r}" for x, y in points))
        found = statistics(connection, Question(registry()["rivers"], measures=("count", "length_km")), DAY)
        length = connection.exec_driver_sql("SELECT sum(ST_Length(geom::geography)) / 1000 FROM rivers").scalar_one()
        transaction.rollback()
    assert found["total"]["count"] == len(lines)
    assert found["total"]["length_km"] == pytest.approx(length, abs=1e-4)
