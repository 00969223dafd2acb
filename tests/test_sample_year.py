"""The sample's year: what stood on any day must look true, and its end must be the sample's records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import groupby, pairwise
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest

import sample
from layers import registry
from sample import Change, frames

FEATURES = ("areas", "rivers", "bridges", "gas_stations", "heritage_buildings", "project_sites")
LAYERS = (*FEATURES, "hazards", "inspections", "works", "notices", "scores")
FIRST, JUNE, CLOCK = date(2023, 1, 1), date(2023, 6, 30), date(2023, 10, 31)

# what may lie ahead: what somebody plans, allows or demands
AHEAD = {"deadline", "planned_start", "start_planned", "end_planned", "licence_until"}
INSPECTED = {
    "rivers": ("sampled_on", 90),
    "bridges": ("assessed_on", 365),
    "gas_stations": ("checked_on", 30),
    "heritage_buildings": ("patrolled_on", 30),
    "project_sites": ("checked_on", 30),
}
# the words that a record may only follow from left to right
FORWARD = {
    ("hazards", "status"): ("登记", "交办", "整改中", "整改完成", "复查", "销号"),
    ("project_sites", "status"): ("前期", "在建", "停工", "完工"),
    ("bridges", "work"): ("无", "计划", "进场施工", "完工"),
    ("rivers", "status"): ("整治中", "建成开放"),
    ("rivers", "interception"): ("未截污", "临时截污", "已完成"),
    ("rivers", "water_grade"): ("劣Ⅴ", "Ⅴ", "Ⅳ", "Ⅲ", "Ⅱ", "Ⅰ"),
    ("rivers", "black_odour"): ("重度", "轻度", "正常"),
    ("gas_stations", "status"): ("正常", "停业整顿", "关停"),
    ("gas_stations", "licence"): ("有效", "过期"),
    ("heritage_buildings", "repair"): ("无", "方案已定", "施工中", "完工"),
    ("heritage_buildings", "revival"): ("无", "方案已定", "施工中", "完工"),
    ("heritage_buildings", "announcement"): ("普查登记", "推荐", "公示", "公布"),
    ("works", "status"): ("计划", "进场施工", "完工"),
}
RISING = ("done_investment", "done_to_date", "progress")
FIXED = {
    "areas": (),
    "rivers": ("importance", "catchment", "width_m", "chief"),
    "bridges": ("grade_at_start", "road", "river_code", "built_year"),
    "gas_stations": ("station_class", "operator", "licence_until", "required_m"),
    "heritage_buildings": ("level", "structure", "era", "floor_area_m2"),
    "project_sites": ("programme", "total_investment", "planned_investment", "start_planned", "end_planned"),
    "hazards": ("kind", "level", "subject_layer", "subject_code", "found_on"),
    "inspections": ("business", "result", "inspected_on", "subject_code"),
    "works": ("kind", "subject_layer", "subject_code", "approved_on", "planned_start", "cost"),
    "notices": ("kind", "party", "number", "subject_code", "issued_on", "deadline"),
    "scores": ("party", "points", "subject_code", "scored_on"),
}

Row = dict[str, Any]
State = dict[str, dict[str, Row]]
Lives = dict[str, dict[str, list[tuple[date, Row]]]]


def rows_of(frame: gpd.GeoDataFrame) -> Iterator[Row]:
    """The rows of a frame, what is missing as None, so that two of them can be compared."""
    for row in frame.to_dict("records"):
        yield {column: None if value is None or value != value else value for column, value in row.items()}  # noqa: PLR0124


@pytest.fixture(scope="module")
def changes() -> list[Change]:
    return list(sample.year())


@pytest.fixture(scope="module")
def lives(changes: list[Change]) -> Lives:
    """Of each layer and code: the days on which it changed, and its row from then on."""
    found: Lives = {layer: {} for layer in LAYERS}
    for change in changes:
        for row in rows_of(change.rows):
            found[change.layer].setdefault(row["code"], []).append((change.on, row))
    return found


@pytest.fixture(scope="module")
def state_on(lives: Lives) -> Callable[[date], State]:
    """The district as it stood on a day."""

    def on(day: date) -> State:
        return {
            layer: {
                code: life[known - 1][1] for code, life in some.items() if (known := sum(d <= day for d, _ in life))
            }
            for layer, some in lives.items()
        }

    return on


def count(state: State, layer: str, **wanted: Any) -> int:
    return sum(all(row[column] == value for column, value in wanted.items()) for row in state[layer].values())


# the form of the changes


def test_after_the_last_change_every_record_is_what_the_sample_says(changes: list[Change]) -> None:
    for layer, expected in sample.records():
        rows = pd.concat([change.rows for change in changes if change.layer == layer], ignore_index=True)
        last = rows.drop_duplicates("code", keep="last").sort_values("code", ignore_index=True)
        wanted = expected.sort_values("code", ignore_index=True)
        pd.testing.assert_frame_equal(last.drop(columns="geom"), wanted.drop(columns="geom"))
        assert list(last.geom.to_wkb()) == list(wanted.geom.to_wkb())


def test_changes_come_in_the_order_of_their_days_and_of_the_layers(changes: list[Change]) -> None:
    order = [(change.on, LAYERS.index(change.layer)) for change in changes]
    assert order == sorted(order)
    assert order[0] == (FIRST, 0)
    assert order[-1][0] <= CLOCK
    assert len(changes) < 2_500


def test_the_year_opens_with_everything_that_existed(changes: list[Change]) -> None:
    opening = {change.layer: len(change.rows) for change in changes if change.on == FIRST}
    whole = {layer: len(frame) for layer, frame in sample.records()}
    assert {change.reason for change in changes if change.on == FIRST} == {"年初建账"}
    assert all(opening[layer] == whole[layer] for layer in LAYERS[:5])
    assert 90 < opening["project_sites"] < whole["project_sites"]


def test_the_sub_districts_stay_as_they_are(changes: list[Change]) -> None:
    assert [change.on for change in changes if change.layer == "areas"] == [FIRST]


def test_rows_have_the_columns_types_and_crs_of_the_records(changes: list[Change]) -> None:
    expected = dict(sample.records())
    for change in changes:
        assert change.rows.dtypes.equals(expected[change.layer].dtypes), change
        assert change.rows.crs == expected[change.layer].crs
        assert list(change.rows.index) == list(range(len(change.rows)))
        assert len(change.rows) > 0
        assert change.reason


def test_no_record_changes_twice_on_a_day(lives: Lives) -> None:
    for some in lives.values():
        for code, life in some.items():
            assert all(day < later for (day, _), (later, _) in pairwise(life)), code


def test_every_change_changes_something(lives: Lives) -> None:
    for some in lives.values():
        for life in some.values():
            for (_, before), (day, after) in pairwise(life):
                assert before != after, (day, after["code"])


def test_the_year_is_the_same_at_every_run(changes: list[Change]) -> None:
    frames.rows.cache_clear()  # what is kept in memory would prove nothing
    again = list(sample.year())
    assert [(c.on, c.layer, c.reason) for c in again] == [(c.on, c.layer, c.reason) for c in changes]
    for one, other in zip(changes, again, strict=True):
        assert list(rows_of(one.rows.drop(columns="geom"))) == list(rows_of(other.rows.drop(columns="geom")))
        assert list(one.rows.geom.to_wkb()) == list(other.rows.geom.to_wkb())


# what holds at every moment


@pytest.mark.parametrize("layer", LAYERS)
def test_every_value_of_every_moment_is_one_that_the_layer_allows(changes: list[Change], layer: str) -> None:
    rows = pd.concat([change.rows for change in changes if change.layer == layer], ignore_index=True)
    for name, field in registry()[layer].writable().items():
        values = rows[name].dropna()
        if field.vocabulary:
            assert set(values) <= set(field.vocabulary.codes), name
            assert len(values) == len(rows), name
        if field.kind in ("number", "money"):
            assert field.minimum is None or (values >= field.minimum).all(), name
            assert field.maximum is None or (values <= field.maximum).all(), name
        if field.kind == "date":
            assert {type(value) for value in values} <= {date}, name


def test_no_row_knows_a_day_that_has_not_come(changes: list[Change]) -> None:
    for change in changes:
        for row in rows_of(change.rows):
            planned = AHEAD | ({"work_start"} if row.get("work") == "计划" else set())
            early = {c: v for c, v in row.items() if isinstance(v, date) and v > change.on and c not in planned}
            assert not early, (change.on, row["code"], early)


@pytest.mark.parametrize(("layer", "column"), FORWARD)
def test_states_only_move_forward(lives: Lives, layer: str, column: str) -> None:
    words = FORWARD[layer, column]
    moved = 0
    for code, life in lives[layer].items():
        places = [words.index(row[column]) for _, row in life]
        assert places == sorted(places), code
        moved += places[0] < places[-1]
    assert moved, f"no {column} of {layer} moves at all"


@pytest.mark.parametrize("layer", LAYERS)
def test_what_nobody_changes_stays(lives: Lives, layer: str) -> None:
    for life in lives[layer].values():
        for column in ("name", "geom", *FIXED[layer]):
            assert all(row[column] == life[0][1][column] for _, row in life), column


@pytest.mark.parametrize(("layer", "column", "every"), [(layer, *of) for layer, of in INSPECTED.items()])
def test_inspections_follow_each_other_at_the_required_interval(
    lives: Lives, layer: str, column: str, every: int
) -> None:
    late = 0
    for code, life in lives[layer].items():
        days = [day for day, _ in groupby(row[column] for _, row in life) if day]
        assert days == sorted(set(days)), code
        late += sum(later - day > timedelta(days=1.5 * every) for day, later in pairwise(days))
        assert not days or len(days) > 1 or layer == "project_sites", code
    assert late < 0.03 * sum(map(len, lives[layer].values()))


def test_money_and_progress_only_grow_and_never_exceed_what_there_is(
    lives: Lives,
) -> None:
    for code, life in lives["project_sites"].items():
        assert life[0][1]["done_investment"] == 0, code
        before_the_year = life[0][1]["done_to_date"]
        for (_, row), (_, later) in pairwise(life):
            assert all(row[column] <= later[column] for column in RISING), code
        for _, row in life:
            assert row["done_to_date"] == before_the_year + row["done_investment"], code
            assert row["done_to_date"] <= row["total_investment"], code


def test_a_project_is_what_its_days_say(lives: Lives) -> None:
    for code, life in lives["project_sites"].items():
        for day, row in life:
            assert (row["status"] == "前期") == (row["start_actual"] is None), (day, code)
            assert (row["status"] == "完工") == (row["end_actual"] is not None), (day, code)
            assert (row["progress"] == 100) == (row["status"] == "完工"), (day, code)
            assert row["start_actual"] or row["rating"] == "未知", (day, code)


def test_open_projects_report_every_month(lives: Lives) -> None:
    for code, life in lives["project_sites"].items():
        started = next((day for day, row in life if row["status"] == "在建"), CLOCK)
        ended = next((day for day, row in life if row["status"] in ("完工", "停工")), CLOCK)
        months = {
            day.month for (_, row), (day, later) in pairwise(life) if row["done_investment"] < later["done_investment"]
        }
        missed = set(range(started.month + 1, ended.month)) - months
        assert not missed, code


def test_the_days_of_a_hazard_are_those_on_which_it_moved(lives: Lives) -> None:
    reached = {"登记": 1, "交办": 2, "整改中": 2, "整改完成": 3, "复查": 4, "销号": 5}
    columns = ("found_on", "issued_on", "rectified_on", "verified_on", "closed_on")
    for code, life in lives["hazards"].items():
        assert life[0][0] == life[0][1]["found_on"], code
        for day, row in life:
            days = [row[column] for column in columns]
            known = reached[row["status"]]
            assert all(days[:known]), (day, code)
            assert not any(days[known:]), (day, code)
            assert row["status"] == "整改中" or day == days[known - 1], (day, code)
            assert (row["deadline"] is None) == (row["issued_on"] is None), (day, code)


def test_nothing_is_about_a_feature_that_is_not_on_record_yet(changes: list[Change]) -> None:
    known: dict[str | None, set[str]] = {layer: set() for layer in LAYERS}
    for change in changes:
        known[change.layer] |= set(change.rows["code"])
        if change.layer not in FEATURES:
            for row in rows_of(change.rows):
                assert row["subject_layer"] is None or row["subject_code"] in known[row["subject_layer"]]


def test_works_move_on_the_same_days_as_their_features(lives: Lives) -> None:
    words = {"方案已定": "计划", "施工中": "进场施工"}
    columns = {("bridges", "整治"): "work", ("heritage_buildings", "修缮"): "repair"}
    columns[("heritage_buildings", "活化利用")] = "revival"
    for life in lives["works"].values():
        work = life[0][1]
        column = columns.get((work["subject_layer"], work["kind"]))
        if column:
            feature = lives[work["subject_layer"]][work["subject_code"]]
            said = [(day, words.get(row[column], row[column])) for day, row in feature if row[column] != "无"]
            moved = [next(group) for _, group in groupby(said, key=lambda moment: moment[1])]
            assert moved == [(day, row["status"]) for day, row in life], work["code"]


def test_records_are_written_on_their_days(lives: Lives) -> None:
    for layer, column in (("inspections", "inspected_on"), ("notices", "issued_on"), ("scores", "scored_on")):
        for code, life in lives[layer].items():
            assert life[0][0] == life[0][1][column], code


# another district


def test_at_the_start_of_the_year_the_five_bridges_were_of_grade_d_and_nothing_was_done(
    state_on: Callable[[date], State],
) -> None:
    bridges = state_on(FIRST)["bridges"].values()
    assert sum(row["grade"] == "D" for row in bridges) == 5
    assert {row["work"] for row in bridges} == {"无"}
    assert all(row["grade"] == row["grade_at_start"] for row in bridges)


def test_a_bridge_is_graded_repaired_and_graded_again(
    lives: Lives,
) -> None:
    life = next(life for life in lives["bridges"].values() if life[0][1]["name"] == "高仕路桥")
    assert [(row["grade"], row["work"], row["status"]) for _, row in life] == [
        ("D", "无", "限载"),
        ("D", "计划", "限载"),
        ("D", "进场施工", "封闭"),
        ("D", "完工", "封闭"),
        ("B", "完工", "通行"),
    ]
    assert [life[2][0], life[3][0]] == [date(2023, 3, 6), date(2023, 8, 25)]


def test_a_station_operates_until_it_is_closed_down(lives: Lives) -> None:
    closed = [life for life in lives["gas_stations"].values() if life[-1][1]["status"] == "关停"]
    assert len(closed) == 2
    for life in closed:
        assert life[0][1]["status"] == "正常"
        low, high = {"Ⅰ类": (6, 20), "Ⅱ类": (1, 6), "Ⅲ类": (0, 1)}[life[0][1]["station_class"]]
        assert all(low < row["volume_m3"] <= high for _, row in life[:-1])
        assert all((row["status"] == "关停") == (row["closed_on"] is not None) for _, row in life)
        assert all((row["licence"] == "过期") == (row["licence_until"] < day) for day, row in life)
        assert life[-1][0] == life[-1][1]["closed_on"]


def test_a_river_is_opened_when_its_water_is_good(lives: Lives) -> None:
    openings = [
        later
        for life in lives["rivers"].values()
        for (_, row), (_, later) in pairwise(life)
        if row["status"] != later["status"]
    ]
    assert len(openings) == 6
    assert {row["black_odour"] for row in openings} == {"正常"}


def test_the_middle_of_the_year_shows_another_district_than_its_end(state_on: Callable[[date], State]) -> None:
    start, june, end = (state_on(day) for day in (FIRST, JUNE, CLOCK))
    for layer, wanted in (
        ("rivers", {"status": "建成开放"}),
        ("project_sites", {"status": "完工"}),
        ("gas_stations", {"status": "关停"}),
        ("heritage_buildings", {"repair": "完工"}),
        ("hazards", {"status": "销号"}),
    ):
        assert count(start, layer, **wanted) < count(june, layer, **wanted), layer
        assert count(june, layer, **wanted) <= count(end, layer, **wanted), layer
    assert [count(state, "rivers", status="建成开放") for state in (start, june, end)] == [47, 49, 53]
    assert [count(state, "bridges", grade="D") for state in (start, june, end)] == [5, 5, 3]
    assert [count(state, "bridges", work="进场施工") for state in (start, june, end)] == [0, 2, 2]
    assert [count(state, "heritage_buildings", announcement="推荐", level="历史建筑") for state in (june, end)] == [
        0,
        6,
    ]
    assert count(june, "heritage_buildings", use="租养") == 0
    assert 5 <= count(june, "project_sites", status="完工") <= count(end, "project_sites", status="完工") - 10
    spent = [sum(row["done_investment"] for row in state["project_sites"].values()) for state in (june, end)]
    assert 0.45 < spent[0] / spent[1] < 0.75


def test_the_middle_of_the_year_has_open_hazards_too(state_on: Callable[[date], State]) -> None:
    june = state_on(JUNE)
    open_now = [row for row in june["hazards"].values() if row["status"] not in ("复查", "销号")]
    assert 5 <= len(open_now) < len(june["hazards"]) < 200
