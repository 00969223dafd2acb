"""The sample district: what a planner sees must look true, and what a clerk adds up must be the report."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod

import sample
from layers import Figure, Layer, Ratio, Sum, registry
from sample import frames

CLOCK = date(2023, 10, 31)
FEATURES = ("areas", "rivers", "bridges", "gas_stations", "heritage_buildings", "project_sites")
RECORDS = ("inspections", "works", "notices", "scores")
LAYERS = (*FEATURES, "hazards", *RECORDS)
EDGE_M = 0.1  # what rounding to the stored centimetre may move

# what the report says, by the figures' ids
REPORT = {
    "F02": 5, "F03": 59, "F04": 61.55, "F05": 22, "F06": 32.85, "F07": 53.37, "F09": 6, "F10": 36, "F11": 1103.38,
    "F12": 125.68, "F13": 90.76, "F14": 72.22, "F15": 23, "F16": 19.74, "F17": 16.19, "F18": 82, "F19": 53, "F20": 120,
    "F26": 5, "F27": 10, "F28": 6, "F29": 10, "F30": 1, "F52": 5, "F53": 2, "F54a": 2, "F54b": 1, "F55": 9, "F75": 18,
    "F77": 2,
    "F33": 305, "F62": 82, "F65a": 5, "F65b": 1, "F66": 127.27, "F67": 140.8, "F74": 586, "F84a": 44, "F84b": 82,
    "F85": 11,
}  # fmt: skip
FIGURES_CSV = Path(__file__).parents[2] / "shared" / "report" / "figures.csv"


@pytest.fixture(scope="module")
def district() -> dict[str, gpd.GeoDataFrame]:
    return dict(sample.records())


@pytest.fixture(scope="module")
def metric(district: dict[str, gpd.GeoDataFrame]) -> dict[str, gpd.GeoDataFrame]:
    """The same records in metres."""
    return {layer: frame.to_crs(sample.DISTRICT.metric_srid) for layer, frame in district.items()}


def geodesic() -> Geod:
    return Geod(a=6378137.0, rf=298.257222101)


def test_layers_come_in_the_order_in_which_they_refer_to_each_other(district: dict[str, gpd.GeoDataFrame]) -> None:
    assert tuple(district) == LAYERS
    assert sorted(district) == sorted(registry())


@pytest.mark.parametrize("layer", LAYERS)
def test_records_have_exactly_the_writable_columns_and_the_geometry_of_their_layer(
    district: dict[str, gpd.GeoDataFrame], layer: str
) -> None:
    frame, declared = district[layer], registry()[layer]
    assert list(frame.columns) == [*declared.writable(), "geom"]
    assert frame.crs.to_epsg() == 4490
    assert set(frame.geom.geom_type.dropna()) <= set(declared.geometry)
    assert frame.geom.dropna().is_valid.all()
    assert frame.geom.notna().all() or not declared.placed
    west, south, east, north = frame.total_bounds
    if frame.geom.notna().any():
        assert 119.2 < west < east < 119.5, "longitude comes first"
        assert 25.9 < south < north < 26.2


@pytest.mark.parametrize("layer", LAYERS)
def test_every_value_is_one_that_the_layer_allows(district: dict[str, gpd.GeoDataFrame], layer: str) -> None:
    for name, field in registry()[layer].writable().items():
        values = district[layer][name].dropna()
        if field.vocabulary:
            assert set(values) <= set(field.vocabulary.codes), name
            assert len(values) == len(district[layer]), f"{name}: what is not known is 未知, never empty"
        if field.kind in ("number", "money"):
            assert field.minimum is None or (values >= field.minimum).all(), name
            assert field.maximum is None or (values <= field.maximum).all(), name
        if field.kind == "date":
            assert {type(value) for value in values} <= {date}, name


@pytest.mark.parametrize("layer", LAYERS)
def test_no_two_records_share_a_code_or_a_name(district: dict[str, gpd.GeoDataFrame], layer: str) -> None:
    assert district[layer]["code"].is_unique
    assert district[layer]["name"].is_unique
    if layer != "areas":
        assert district[layer]["code"].str.fullmatch(rf"{registry()[layer].prefix}-\d{{3,}}").all()


@pytest.mark.parametrize("layer", LAYERS)
def test_every_reference_leads_to_a_record(district: dict[str, gpd.GeoDataFrame], layer: str) -> None:
    for name, field in registry()[layer].writable().items():
        if field.references:
            assert set(district[layer][name].dropna()) <= set(district[field.references]["code"])
    if "subject_layer" in district[layer]:
        for subject_layer, rows in district[layer].dropna(subset="subject_layer").groupby("subject_layer"):
            assert set(rows["subject_code"]) <= set(district[subject_layer]["code"])


# the map


def test_the_district_has_the_size_of_the_real_one(district: dict[str, gpd.GeoDataFrame]) -> None:
    area, _ = geodesic().geometry_area_perimeter(shapely.orient_polygons(district["areas"].geom[0]))
    assert abs(area) / 1e6 == pytest.approx(145, abs=0.5)


def test_the_sub_districts_tile_the_district_without_gap_or_overlap(metric: dict[str, gpd.GeoDataFrame]) -> None:
    whole, parts = metric["areas"].geom[0], metric["areas"].geom[1:]
    assert len(parts) == 14
    assert shapely.coverage_is_valid(parts.to_numpy()), "neighbours share every vertex of their border"
    assert parts.area.sum() == pytest.approx(whole.area, abs=1)
    assert parts.union_all().symmetric_difference(whole).area == pytest.approx(0, abs=1)


def test_area_codes_follow_gb_t_10114(district: dict[str, gpd.GeoDataFrame]) -> None:
    by_level = {"区县": "350104", "街道": r"3501040\d\d", "镇": r"3501041\d\d", "其他": r"3501044\d\d"}
    assert all(re.fullmatch(by_level[a.level], a.code) for a in district["areas"].itertuples())


def test_rivers_meet_only_where_one_of_them_ends(metric: dict[str, gpd.GeoDataFrame]) -> None:
    parts = metric["rivers"].geom.explode(ignore_index=True)
    assert parts.is_simple.all(), "no river crosses itself"
    for one, other in combinations(parts, 2):
        if one.intersects(other):
            meeting = one.intersection(other)
            mouths = shapely.MultiPoint([one.coords[-1], other.coords[-1]])
            assert meeting.geom_type == "Point"
            assert meeting.distance(mouths) < EDGE_M


def test_every_tributary_ends_on_another_river_and_every_other_river_at_the_rim(
    metric: dict[str, gpd.GeoDataFrame],
) -> None:
    rivers, rim = metric["rivers"], metric["areas"].geom[0].boundary
    for i, river in enumerate(rivers.itertuples()):
        ends = [shapely.Point(part.coords[-1]) for part in river.geom.geoms]
        others = rivers.geom.drop(index=i).union_all()
        if river.importance == "支流":
            assert min(end.distance(others) for end in ends) < EDGE_M, river.name
        else:
            assert min(end.distance(rim) for end in ends) < 60, river.name


def test_lines_run_downstream_from_the_spring_to_the_rim(metric: dict[str, gpd.GeoDataFrame]) -> None:
    rim = metric["areas"].geom[0].boundary
    mains = metric["rivers"][metric["rivers"].importance == "主干"].geom.explode()
    springs, mouths = (shapely.points([line.coords[end] for line in mains]) for end in (0, -1))
    assert shapely.distance(rim, mouths).min() < 60
    assert shapely.distance(rim, springs).min() > 150


def test_some_rivers_branch_and_some_are_interrupted_by_a_culvert(metric: dict[str, gpd.GeoDataFrame]) -> None:
    rivers = metric["rivers"].geom
    several = rivers[rivers.apply(lambda line: len(line.geoms)) > 1]
    apart = several.apply(lambda line: min(b.distance(a) for a, b in combinations(line.geoms, 2)))
    assert (apart < EDGE_M).any(), "branches touch their main line"
    assert ((apart > 50) & (apart < 90)).any(), "a culvert leaves a gap"


@pytest.mark.parametrize("layer", LAYERS[1:])
def test_everything_lies_inside_the_district(metric: dict[str, gpd.GeoDataFrame], layer: str) -> None:
    assert metric[layer].geom.dropna().within(metric["areas"].geom[0]).all()


def test_every_bridge_lies_on_its_river(metric: dict[str, gpd.GeoDataFrame]) -> None:
    lines = metric["rivers"].set_index("code").geom
    bridges = metric["bridges"]
    assert (bridges.distance(lines.loc[bridges.river_code].reset_index(drop=True)) < EDGE_M).all()


def test_bridges_keep_their_distance_from_each_other(metric: dict[str, gpd.GeoDataFrame]) -> None:
    assert all(one.distance(other) > 100 for one, other in combinations(metric["bridges"].geom, 2))


def test_gas_stations_keep_their_distance_from_each_other(metric: dict[str, gpd.GeoDataFrame]) -> None:
    assert all(one.distance(other) > 1000 for one, other in combinations(metric["gas_stations"].geom, 2))


def test_old_houses_do_not_overlap_and_stand_in_clusters(metric: dict[str, gpd.GeoDataFrame]) -> None:
    houses = metric["heritage_buildings"].geom
    assert not any(one.intersects(other) for one, other in combinations(houses, 2))
    nearest = [houses.drop(index=i).distance(house).min() for i, house in houses.items()]
    assert np.quantile(nearest, 0.9) < 60


def test_hazards_lie_near_their_subject(metric: dict[str, gpd.GeoDataFrame]) -> None:
    for layer, rows in metric["hazards"].dropna(subset="subject_layer").groupby("subject_layer"):
        subjects = metric[layer].set_index("code").geom.loc[rows.subject_code]
        assert rows.geom.distance(subjects, align=False).max() < 45, layer


# the report


def _where(frame: gpd.GeoDataFrame, where: str) -> gpd.GeoDataFrame:
    """Read the few forms of CQL2 that the layers' figures use."""
    forms: dict[str, Callable[[Any], pd.Series[bool]]] = {
        r"(\w+) = '?([^']+)'?": lambda m: frame[m[1]].astype(str) == m[2],
        r"(\w+) >= year_start\(\)": lambda m: frame[m[1]].notna() & (frame[m[1]].fillna(date.min) >= date(2023, 1, 1)),
        r"(\w+) IS NOT NULL": lambda m: frame[m[1]].notna(),
    }
    for condition in where.split(" AND ") if where else []:
        (keep,) = (read(m) for form, read in forms.items() if (m := re.fullmatch(form, condition)))
        frame = frame[keep]
    return frame


def _measured(layer: type[Layer], figure: Figure, rows: gpd.GeoDataFrame) -> float:
    if figure.measure == "count":
        return len(rows)
    if figure.measure.startswith("distinct:"):
        return int(rows[figure.measure.removeprefix("distinct:")].nunique())
    if figure.measure == "length_km":
        return float(sum(geodesic().geometry_length(line) for line in rows.geom)) / 1000
    measures = {m.name: m for m in layer.measures}
    measure = measures[figure.measure]
    if isinstance(measure, Ratio):
        above, below = (measures[name] for name in (measure.numerator, measure.denominator))
        assert isinstance(above, Sum)
        assert isinstance(below, Sum)
        return float(100 * rows[above.column].sum() / rows[below.column].sum())
    return float(rows[measure.column].sum())


@pytest.fixture(scope="module")
def figures(district: dict[str, gpd.GeoDataFrame]) -> dict[str, float]:
    """Every figure that the layers declare, before rounding, computed from the records."""
    hazards = district["hazards"]
    live = hazards[(hazards.subject_layer == "bridges") & hazards.closed_on.isna()]
    bridges = district["bridges"].assign(open_hazards=district["bridges"]["code"].map(live.subject_code.value_counts()))
    frames = district | {"bridges": bridges.assign(open_hazards=bridges.open_hazards.fillna(0).astype(int))}
    return {
        figure.key: _measured(layer, figure, _where(frames[name], figure.where)) * figure.scale
        for name, layer in registry().items()
        for figure in layer.figures
    }


def test_every_figure_of_these_layers_is_the_reports(figures: dict[str, float]) -> None:
    precision = {f.key: f.precision for layer in registry().values() for f in layer.figures}
    assert {key: round(value, precision[key]) for key, value in figures.items()} == REPORT


@pytest.mark.skipif(not FIGURES_CSV.exists(), reason="the report's own table is not here")
def test_the_figures_held_here_are_those_of_the_reports_table() -> None:
    with FIGURES_CSV.open(encoding="utf-8") as table:
        said = {row["id"]: float(row["value"]) for row in csv.DictReader(table)}
    assert {key: said[key] for key in REPORT} == REPORT


def test_sums_of_money_and_length_are_right_before_rounding(figures: dict[str, float]) -> None:
    for key in ("F04", "F06", "F11", "F12", "F13", "F16", "F17"):
        assert figures[key] == pytest.approx(REPORT[key], abs=1e-9)
    assert figures["F20"] == pytest.approx(120, abs=0.005)


def test_named_things_of_the_report_are_there_with_their_state(district: dict[str, gpd.GeoDataFrame]) -> None:
    rivers, bridges, projects = (district[n].set_index("name") for n in ("rivers", "bridges", "project_sites"))
    assert set(rivers.loc[["流花溪", "浦下河"]].status) == {"建成开放"}
    assert (
        rivers.loc[["胪厦溪", "浦口河"], ["status", "interception"]].to_numpy().tolist() == [["整治中", "临时截污"]] * 2
    )
    assert bridges.loc[["高仕路桥", "榕港路桥"], ["work", "grade"]].to_numpy().tolist() == [["完工", "B"]] * 2
    assert bridges.loc[["金环路桥", "油脂路桥"], ["work", "grade"]].to_numpy().tolist() == [["进场施工", "D"]] * 2
    assert date(2023, 11, 1) <= bridges.loc["百花洲路桥"].work_start <= date(2023, 11, 10)
    assert projects.loc["XX村停车场"].status == "完工"
    assert set(projects.loc[["尤溪洲南桥头改造工程", "金山大道提升改造", "白湖亭立交改造工程"]].programme) == {
        "交通治堵"
    }


# what a clerk would notice


def test_no_rural_bridge_has_ever_had_a_hazard(district: dict[str, gpd.GeoDataFrame]) -> None:
    rural = district["bridges"][district["bridges"].kind == "农村"]
    assert len(rural) == 9
    assert set(rural.grade) <= {"1类", "2类", "3类"}
    assert not set(rural.code) & set(district["hazards"].subject_code)


def test_the_days_of_every_hazard_are_in_order_and_as_far_as_its_status_says(
    district: dict[str, gpd.GeoDataFrame],
) -> None:
    loop = ["found_on", "issued_on", "rectified_on", "verified_on", "closed_on"]
    reached = {"登记": 1, "交办": 2, "整改中": 2, "整改完成": 3, "复查": 4, "销号": 5}
    for hazard in district["hazards"].itertuples():
        days = [getattr(hazard, name) for name in loop]
        known = days[: reached[hazard.status]]
        assert all(known), hazard.code
        assert not any(days[len(known) :]), hazard.code
        assert known == sorted(known), hazard.code
        assert known[-1] <= CLOCK, hazard.code
        assert (hazard.deadline is None) == (hazard.issued_on is None)
        assert hazard.deadline is None or hazard.issued_on <= hazard.deadline


def test_most_hazards_are_closed_some_open_in_time_some_overdue_a_few_major(
    district: dict[str, gpd.GeoDataFrame],
) -> None:
    hazards = district["hazards"]
    live = hazards[hazards.rectified_on.isna() & hazards.deadline.notna()]
    overdue = live[live.deadline < CLOCK]
    assert len(hazards) == 260
    assert (hazards.status == "销号").mean() > 0.6
    assert 5 <= len(overdue) <= 20 <= len(live) - len(overdue)
    assert 3 <= (hazards.level == "重大").sum() <= 12
    assert set(hazards.subject_layer.dropna()) == set(FEATURES[1:])
    assert hazards.subject_layer.isna().any(), "some are on their own"


def test_a_record_lies_where_it_was_made_or_leaves_that_to_its_subject(district: dict[str, gpd.GeoDataFrame]) -> None:
    for layer in RECORDS:
        records = district[layer]
        assert not (records.geom.notna() & records.subject_code.notna()).any(), layer
    nowhere = pd.concat([district[layer] for layer in RECORDS]).query("subject_code.isna()")
    assert set(nowhere[nowhere.geom.isna()].kind) == {"约谈"}, "only firms that are summoned have neither"


def test_works_agree_with_what_their_features_say(district: dict[str, gpd.GeoDataFrame]) -> None:
    works, houses, bridges = (district[name].set_index("code") for name in ("works", "heritage_buildings", "bridges"))
    for kind, column, ended_on in (("修缮", "repair", "repaired_on"), ("活化利用", "revival", "revived_on")):
        its = works[(works.subject_layer == "heritage_buildings") & (works.kind == kind)].set_index("subject_code")
        under_way = houses[houses[column] != "无"]
        words = {"方案已定": "计划", "施工中": "进场施工", "完工": "完工"}
        assert its.status.to_dict() == under_way[column].map(words).to_dict()
        assert its.finished.to_dict() == under_way[ended_on].to_dict()
    on_bridges = works[works.subject_layer == "bridges"].set_index("subject_code")
    assert on_bridges.status.to_dict() == bridges.work[bridges.work != "无"].to_dict()
    assert on_bridges.cost.to_dict() == bridges.cost.dropna().to_dict()


def test_the_last_inspection_of_a_feature_is_on_the_day_that_the_feature_says(
    district: dict[str, gpd.GeoDataFrame],
) -> None:
    last = district["inspections"].groupby(["subject_layer", "subject_code"]).inspected_on.max()
    for layer, column in (("gas_stations", "checked_on"), ("bridges", "assessed_on"), ("project_sites", "checked_on")):
        said = district[layer].set_index("code")[column]
        assert (last[layer] == said[last[layer].index]).all(), layer


def test_a_firm_and_its_person_are_scored_alike(district: dict[str, gpd.GeoDataFrame]) -> None:
    points = district["scores"].groupby("party").points.sum().round(2).to_dict()
    assert points == {"施工单位": 127.27, "项目经理": 127.27, "监理单位": 140.8, "项目总监": 140.8}


def test_every_notice_about_a_hazard_has_its_days(district: dict[str, gpd.GeoDataFrame]) -> None:
    hazards = district["hazards"]
    issued = hazards[hazards.subject_layer.isin(["project_sites", "gas_stations"]) & hazards.issued_on.notna()]
    columns = ["subject_code", "issued_on", "deadline"]
    notices = district["notices"][columns].itertuples(index=False, name=None)
    assert set(issued[columns].itertuples(index=False, name=None)) <= set(notices)


def test_no_project_has_spent_more_than_it_has(district: dict[str, gpd.GeoDataFrame]) -> None:
    projects = district["project_sites"]
    assert (projects.done_to_date <= projects.total_investment).all()
    assert (projects.done_investment <= projects.done_to_date).all()
    assert (projects.planned_investment <= projects.total_investment).all()


def test_finished_projects_are_finished_this_year_and_others_are_not(district: dict[str, gpd.GeoDataFrame]) -> None:
    projects = district["project_sites"]
    finished = projects[projects.status == "完工"]
    assert (finished.progress == 100).all()
    assert finished.end_actual.between(date(2023, 1, 1), CLOCK).all()
    assert (finished.start_actual < finished.end_actual).all()
    others = projects[projects.status != "完工"]
    assert (others.progress < 100).all()
    assert others.end_actual.isna().all()


def test_gas_stores_keep_within_their_class_and_ask_for_its_separation(district: dict[str, gpd.GeoDataFrame]) -> None:
    bounds = {"Ⅰ类": (6, 20), "Ⅱ类": (1, 6), "Ⅲ类": (0, 1)}
    operating = district["gas_stations"][district["gas_stations"].status != "关停"]
    for station in operating.itertuples():
        low, high = bounds[station.station_class]
        assert low < station.volume_m3 <= high
        assert station.volume_m3 == pytest.approx(station.cylinders * 0.0355)
        above = {10: 25, 6: 20, 3: 15, 1: 12}
        asked = next((metres for volume, metres in above.items() if station.volume_m3 > volume), np.nan)
        assert station.required_m == pytest.approx(asked, nan_ok=True)


@pytest.mark.parametrize("column", ["assessed_on", "checked_on", "patrolled_on", "sampled_on"])
def test_inspections_are_of_this_year(district: dict[str, gpd.GeoDataFrame], column: str) -> None:
    days = pd.concat([frame[column] for frame in district.values() if column in frame]).dropna()
    assert days.between(date(2023, 1, 1), CLOCK).all()


# again and again


def test_the_sample_is_the_same_at_every_run(district: dict[str, gpd.GeoDataFrame]) -> None:
    frames.rows.cache_clear()  # what is kept in memory would prove nothing
    for layer, frame in sample.records():
        pd.testing.assert_frame_equal(pd.DataFrame(frame.drop(columns="geom")), district[layer].drop(columns="geom"))
        assert list(frame.geom.to_wkb()) == list(district[layer].geom.to_wkb())


def _at_scale(scale: int, *only: str) -> dict[str, gpd.GeoDataFrame]:
    found: dict[str, list[gpd.GeoDataFrame]] = {}
    for layer, frame in sample.records(scale, only):
        found.setdefault(layer, []).append(frame)
    return {layer: pd.concat(frames, ignore_index=True) for layer, frames in found.items()}


@pytest.fixture(scope="module")
def threefold() -> dict[str, gpd.GeoDataFrame]:
    return _at_scale(3)


def test_a_scale_multiplies_everything_but_the_areas(
    district: dict[str, gpd.GeoDataFrame], threefold: dict[str, gpd.GeoDataFrame]
) -> None:
    counts = {layer: len(frame) * (1 if layer == "areas" else 3) for layer, frame in district.items()}
    assert {layer: len(frame) for layer, frame in threefold.items()} == counts


@pytest.mark.parametrize("layer", LAYERS)
def test_a_denser_district_is_as_sound_as_the_sample(threefold: dict[str, gpd.GeoDataFrame], layer: str) -> None:
    test_no_two_records_share_a_code_or_a_name(threefold, layer)
    test_every_reference_leads_to_a_record(threefold, layer)
    if layer != "areas":
        test_everything_lies_inside_the_district({k: f.to_crs(4549) for k, f in threefold.items()}, layer)


def test_rivers_of_a_denser_district_do_not_cross_either(threefold: dict[str, gpd.GeoDataFrame]) -> None:
    metric = {layer: frame.to_crs(4549) for layer, frame in threefold.items()}
    test_rivers_meet_only_where_one_of_them_ends(metric)
    test_every_bridge_lies_on_its_river(metric)
    test_hazards_lie_near_their_subject(metric)


@pytest.mark.parametrize("only", ["hazards", "inspections", "bridges"])
def test_one_layer_alone_is_made_denser_and_its_copies_refer_to_nothing_else(
    district: dict[str, gpd.GeoDataFrame], only: str
) -> None:
    dense = _at_scale(3, only)
    assert {layer: len(frame) for layer, frame in dense.items()} == {
        layer: len(frame) * (3 if layer == only else 1) for layer, frame in district.items()
    }
    test_no_two_records_share_a_code_or_a_name(dense, only)
    test_every_reference_leads_to_a_record(dense, only)
    test_everything_lies_inside_the_district({k: f.to_crs(4549) for k, f in dense.items()}, only)


def test_a_dense_district_comes_in_frames_of_bounded_size() -> None:
    sizes = [len(frame) for layer, frame in sample.records(1000, ["hazards"]) if layer == "hazards"]
    assert sum(sizes) == 260_000
    assert max(sizes) <= 100_000


def test_a_scale_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        next(sample.records(0))
