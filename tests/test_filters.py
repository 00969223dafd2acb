"""CQL2 filters: what they choose, and how they refuse."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from gis_service.database import Database
from gis_service.errors import FilterError
from gis_service.filters import filterable, where
from layers import registry

DAY = date(2023, 10, 31)
BRIDGES, HAZARDS = registry()["bridges"], registry()["hazards"]


def _count(database: Database, text: str, layer: str = "bridges") -> int:
    chosen = registry()[layer]
    with database.reading() as connection:
        query = select(func.count()).select_from(chosen.__table__).where(where(chosen, text, DAY))
        return connection.execute(query).scalar_one()


@pytest.mark.parametrize(
    ("cql2", "sql"),
    [
        ("", "true"),
        ("grade = 'B'", "grade = 'B'"),
        ("grade <> 'B' AND kind = '城市'", "grade <> 'B' AND kind = '城市'"),
        ("grade IN ('C', 'D') OR NOT kind = '城市'", "grade IN ('C', 'D') OR NOT kind = '城市'"),
        ("bci BETWEEN 80 AND 90", "bci BETWEEN 80 AND 90"),
        ("bci / 2 > 40 + 5", "bci / 2 > 45"),
        ("name LIKE '%路桥'", "name LIKE '%路桥'"),
        ("CASEI(code) = CASEI('ql-001')", "code = 'QL-001'"),
        ("agency IS NULL", "agency IS NULL"),
        ("assessed_on IS NOT NULL AND assessed_on < DATE('2023-06-01')", "assessed_on < '2023-06-01'"),
        ("assessed_on >= '2023-06-01'", "assessed_on >= '2023-06-01'"),
        ("work_end >= YEAR_START() AND work_end <= TODAY()", "work_end BETWEEN '2023-01-01' AND '2023-10-31'"),
        ("S_INTERSECTS(geom, BBOX(119.25, 26, 119.3, 26.1))", "geom && ST_MakeEnvelope(119.25, 26, 119.3, 26.1, 4490)"),
        (
            "S_WITHIN(geom, POLYGON((119.25 26, 119.3 26, 119.3 26.1, 119.25 26.1, 119.25 26)))",
            "geom && ST_MakeEnvelope(119.25, 26.0, 119.3, 26.1, 4490)",
        ),
        (
            "open_hazards > 0",
            "code IN (SELECT subject_code FROM hazards WHERE subject_layer = 'bridges' AND verified_on IS NULL)",
        ),
    ],
)  # fmt: skip
def test_a_filter_chooses_what_sql_would(cql2: str, sql: str, sample_district: Database) -> None:
    with sample_district.reading() as connection:
        expected = connection.exec_driver_sql(f"SELECT count(*) FROM bridges t WHERE {sql}".replace("%", "%%"))
        assert _count(sample_district, cql2) == expected.scalar_one()


def test_overdue_is_derived_from_the_deadline_and_the_districts_day(sample_district: Database) -> None:
    sql = (
        "SELECT count(*) FROM hazards WHERE deadline < '2023-10-31' AND rectified_on IS NULL "
        "AND status IN ('登记', '交办', '整改中', '整改完成')"
    )
    with sample_district.reading() as connection:
        expected = connection.exec_driver_sql(sql).scalar_one()
    assert expected > 0
    assert _count(sample_district, "overdue = true", "hazards") == expected
    assert _count(sample_district, "overdue", "hazards") == expected
    assert _count(sample_district, "overdue AND days_open > 0", "hazards") == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour = 'red'", "colour"),
        ("grade = ", "does not parse"),
        ("grade = 'B' AND", "does not parse"),
        ("assessed_on > 'soon'", "soon"),
        ("bci > 'high'", "high"),
        ("NEAR(geom, 3) = 1", "near"),
        ("grade", "no yes-or-no"),
        ("open_hazards", "no yes-or-no"),
        ("bci LIKE '9%'", "text only"),
        ("S_INTERSECTS(geom, name)", "compares geom"),
        ("S_INTERSECTS(geom, POLYGON((1 1, 2 2, 3 3)))", "coordinates"),
        ("'; DROP TABLE bridges; --", "does not parse"),
    ],
)
def test_a_wrong_filter_is_named_in_one_sentence(text: str, named: str, sample_district: Database) -> None:
    with pytest.raises(FilterError) as error:
        _count(sample_district, text)
    assert named in error.value.sentence("en")
    assert "\n" not in error.value.sentence("zh")


def test_an_unknown_field_is_answered_with_the_fields_that_there_are() -> None:
    with pytest.raises(FilterError) as error:
        where(BRIDGES, "gradee = 'B'", DAY)
    assert set(error.value.allowed) == set(filterable(BRIDGES))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40))
def test_whatever_text_is_compared_it_is_a_value_and_never_sql(sample_district: Database, text: str) -> None:
    quoted = text.replace("'", "''")
    if "\0" in text:
        with pytest.raises(FilterError, match="NUL"):
            _count(sample_district, f"name = '{quoted}'")
    else:
        assert _count(sample_district, f"name = '{quoted}'") in (0, 1)


names = st.sampled_from(["status", "overdue", "deadline", "geom", "nothing", "days_open"])
values = st.sampled_from(
    ["'x'", "1", "-1e308", "NULL", "TRUE", "DATE('2023-01-01')", "TODAY()", "CASEI(name)", "(1/0)"]
)
shapes = st.sampled_from(["POINT(1 2)", "BBOX(1,2,3,4)", "BBOX(1,2)", "POLYGON((1 1,2 2,3 3))", "status", "geom"])
operators = st.sampled_from(["=", "<>", "<", ">=", "LIKE", "+", "/", "AND", "OR", "IS", "T_AFTER"])
comparisons = st.builds("{} {} {}".format, names | values, operators, names | values)
spatial = st.builds("S_{}(geom, {})".format, st.sampled_from(["INTERSECTS", "WITHIN", "NEAR"]), shapes)
others = st.builds("{0} BETWEEN {1} AND {1} OR {0} IN ({1}, {1}) OR NOT {0} IS NULL".format, names, values)
filters = st.recursive(
    comparisons | spatial | others, lambda inner: st.builds("NOT ({} AND ({}))".format, inner, inner), max_leaves=4
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filters | st.text(max_size=40))
def test_whatever_is_written_is_answered_or_refused_as_a_filter(sample_district: Database, text: str) -> None:
    try:
        number = _count(sample_district, text, "hazards")
    except FilterError:
        return
    assert 0 <= number <= 260


@pytest.mark.parametrize(
    "text",
    [
        "(" * 40,  # the parser would take years
        "(" * 3000 + "true" + ")" * 3000,  # and here it would take the whole process with it
        ")" * 40 + "(" * 40,
        '"\'" = 1 AND ' + "(" * 40 + ' "\'"',
        "(" * 12 + "name = '" + ")" * 12 + "' AND " + "(" * 12,
        "NOT " * 3000 + "true",
        "bci > " + "1 + " * 3000 + "1",
        "S_INTERSECTS(geom, " + "GEOMETRYCOLLECTION(" * 3000,
    ],
)
def test_a_filter_that_is_nested_too_deeply_is_refused_at_once(text: str) -> None:
    with pytest.raises(FilterError, match="nested too deeply"):
        where(BRIDGES, text, DAY)


def test_a_long_filter_is_no_deep_one(sample_district: Database) -> None:
    with sample_district.reading() as connection:
        codes = list(connection.scalars(select(BRIDGES.code)))
    assert _count(sample_district, " OR ".join(f"(code = '{code}')" for code in codes * 20)) == len(codes)
    assert _count(sample_district, f"name <> '{'(' * 20}'") > 0
    assert _count(sample_district, "((((((((bci + 1) * 2) - 2) / 2)))))" + " > 0") > 0
