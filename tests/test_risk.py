"""The risk of features and areas: the worked cases of the model, and a trace that adds up."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, insert, true

from gis_service.database import Database
from gis_service.database.risk_configs import RiskConfigRow
from gis_service.errors import UnknownName
from gis_service.risk import area_risk, explain, layers_with_risk, model, risk_counts, risk_features
from layers import Layer, RiskConfig, registry

DAY = date(2023, 10, 31)
YESTERDAY, LAST_YEAR = DAY - timedelta(1), DAY - timedelta(400)
LAYERS = registry()
_PLACE = "SRID=4490;POINT(119.3 26.04)"
_RIVER = "SRID=4490;MULTILINESTRING((119.3 26.04, 119.31 26.04))"


def _put(connection: Connection, layer: str, **values: Any) -> None:
    place = _RIVER if layer == "rivers" else _PLACE
    connection.execute(insert(LAYERS[layer]).values(code="X", geom=place, **values))


def _hazards(connection: Connection, layer: str, number: int, **values: Any) -> None:
    for index in range(number):
        given = {"status": "交办", "level": "一般", "deadline": DAY + timedelta(9), **values}
        subject = {"subject_layer": layer, "subject_code": "X"}
        connection.execute(insert(LAYERS["hazards"]).values(code=f"H{index}", geom=_PLACE, **subject, **given))


def _risk(connection: Connection, layer: str) -> dict[str, Any]:
    return explain(connection, LAYERS[layer], "X", model(connection, DAY), "zh")


BRIDGE = {"assessed_on": YESTERDAY, "traffic": "较大", "importance": "主干路", "status": "通行", "people": 50}
WORKED = {
    "a D bridge not begun": ("bridges", BRIDGE | {"grade": "D", "work": "计划"}, (1, LAST_YEAR), 15.0, "橙"),
    "the same bridge under works": ("bridges", BRIDGE | {"grade": "D", "work": "进场施工"}, (1, YESTERDAY), 11.7, "黄"),
    "the bridge repaired": ("bridges", BRIDGE | {"grade": "B", "work": "完工"}, (0, None), 9.9, "黄"),
    "a clean class III station": (
        "gas_stations",
        {"check_result": "合格", "checked_on": YESTERDAY, "station_class": "Ⅲ类", "people": 200, "status": "正常",
         "licence": "有效", "separation_m": 19, "required_m": 12},
        (0, None), 6.6, "蓝",
    ),
    "a timber house in poor state, never patrolled": (
        "heritage_buildings",
        {"condition": "较差", "structure": "木", "level": "历史建筑", "people": 5},
        (0, None), 17.0, "橙",
    ),
    "a site above scale with six open hazards": (
        "project_sites",
        {"checked_on": YESTERDAY, "danger": "超规模", "people": 200, "status": "在建"},
        (6, DAY + timedelta(5)), 17.3, "橙",
    ),
    "a lightly black river with three open hazards": (
        "rivers",
        {"black_odour": "轻度", "sampled_on": DAY - timedelta(120), "importance": "次干", "people": 50},
        (3, DAY + timedelta(5)), 10.9, "黄",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WORKED)
def test_the_worked_cases_of_the_model_come_out(case: str, empty_district: Database) -> None:
    layer, values, (hazards, deadline), score, level = WORKED[case]
    with empty_district.transaction() as connection:
        _put(connection, layer, **values)
        _hazards(connection, layer, hazards, deadline=deadline)
        found = _risk(connection, layer)
    assert (found["score"], found["level"]) == (pytest.approx(score, abs=0.05), level)


@pytest.mark.parametrize("layer", [layer.__tablename__ for layer in layers_with_risk()])
def test_the_parts_of_every_trace_add_up_to_the_score(layer: str, sample_district: Database) -> None:
    with sample_district.reading() as connection:
        current = model(connection, DAY)
        codes = connection.exec_driver_sql(f"SELECT code FROM {layer}").scalars().all()
        for code in codes:
            found = explain(connection, LAYERS[layer], code, current, "en")
            trace = found["trace"]
            likelihood = sum(factor["contribution"] for factor in trace["factors"])
            controlled = 1 + trace["control"]["multiplier"] * (likelihood - 1)
            severity = max(
                (part["value"] for part in trace["severity_parts"] if part["value"]), default=RiskConfig().neutral
            )
            assert likelihood == pytest.approx(trace["likelihood"], abs=1e-3)
            assert controlled * severity == pytest.approx(found["score"], abs=1e-2)
            assert 1 <= found["score"] <= 25
    assert codes


def test_missing_data_are_marked_and_never_taken_as_safe(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _put(connection, "bridges")
        found = _risk(connection, "bridges")
    factors = {factor["factor"]: factor for factor in found["trace"]["factors"]}
    assert (factors["condition"]["score"], factors["condition"]["assumed"]) == (3.0, True)
    assert factors["time"]["score"] == 5.0, "never inspected is the worst, not the neutral"
    assert found["completeness"] == pytest.approx(0.45)
    assert found["trace"]["severity_assumed"]
    assert found["level"] != "蓝"


RULES = {
    "bridge-dangerous-open": ("bridges", {"grade": "E", "status": "通行"}, {}, "红"),
    "bridge-unqualified-untreated": ("bridges", {"grade": "4类", "work": "无"}, {}, "橙"),
    "gas-no-licence": ("gas_stations", {"licence": "无证", "status": "正常"}, {}, "红"),
    "hazard-major-open": ("heritage_buildings", {"condition": "良好"}, {"level": "重大"}, "红"),
    "hazard-long-overdue": ("rivers", {"black_odour": "正常"}, {"deadline": DAY - timedelta(31)}, "黄"),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_direct_rule_raises_the_level_and_says_so(rule: str, empty_district: Database) -> None:
    layer, values, hazard, level = RULES[rule]
    with empty_district.transaction() as connection:
        _put(connection, layer, **({"people": 1} | values))
        _hazards(connection, layer, int(bool(hazard)), **hazard)
        found = _risk(connection, layer)
    assert rule in [fired["id"] for fired in found["trace"]["rules"]]
    order = "蓝黄橙红"
    assert order.index(found["level"]) >= order.index(level)


def test_a_closed_dangerous_bridge_is_not_raised(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _put(connection, "bridges", grade="E", status="封闭", work="进场施工")
        assert _risk(connection, "bridges")["trace"]["rules"] == []


def test_a_hazard_is_overdue_only_from_the_day_after_its_deadline(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _put(connection, "bridges", grade="A")
        _hazards(connection, "bridges", 1, deadline=DAY)
        before = explain(connection, LAYERS["bridges"], "X", model(connection, DAY), "zh")
        after = explain(connection, LAYERS["bridges"], "X", model(connection, DAY + timedelta(1)), "zh")
    scores = [found["trace"]["factors"][1]["score"] for found in (before, after)]
    assert scores == [2.0, 4.0]


def test_a_rectified_or_closed_hazard_is_not_overdue(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _put(connection, "bridges", grade="A")
        _hazards(connection, "bridges", 1, deadline=LAST_YEAR, rectified_on=LAST_YEAR, status="整改完成")
        assert _risk(connection, "bridges")["trace"]["factors"][1]["score"] == 2.0
        connection.exec_driver_sql("UPDATE hazards SET status = '销号'")
        assert _risk(connection, "bridges")["trace"]["factors"][1]["score"] == 1.0


@pytest.mark.parametrize("layer", layers_with_risk())
def test_features_carry_the_same_levels_as_the_counts(layer: type[Layer], sample_district: Database) -> None:
    with sample_district.reading() as connection:
        current = model(connection, DAY)
        features, counts = risk_features(connection, layer, current, true())
        assert counts == risk_counts(connection, layer, current, true())
    levels = Counter(f["properties"]["level"] for f in orjson.loads(b"[" + features + b"]"))
    assert levels == {level: number for level, number in counts.items() if number}
    assert sum(counts.values()) == features.count(b'{"type": "Feature"')


def test_an_area_is_judged_by_its_worst_and_its_top_five(sample_district: Database) -> None:
    with sample_district.reading() as connection:
        current = model(connection, DAY)
        areas = area_risk(connection, current)
        scores: dict[str, list[float]] = {}
        for layer in layers_with_risk():
            for code, area in connection.exec_driver_sql(f"SELECT code, area_code FROM {layer.__tablename__}"):
                scores.setdefault(area, []).append(explain(connection, layer, code, current, "zh")["score"])
    for area in areas:
        top = sorted([*scores[area["area_code"]], 1, 1, 1, 1, 1], reverse=True)[:5]
        assert area["score"] == pytest.approx(0.5 * top[0] + 0.5 * sum(top) / 5, abs=1e-3)
        assert area["assets"] == len(scores[area["area_code"]])
        assert sum(area["counts"].values()) == area["assets"]
    assert [area["rank"] for area in areas] == list(range(1, 15))


def test_one_red_feature_makes_an_area_orange_and_two_make_it_red(empty_district: Database) -> None:
    square = "SRID=4490;MULTIPOLYGON(((119 26, 119.5 26, 119.5 26.5, 119 26.5, 119 26)))"
    with empty_district.transaction() as connection:
        connection.execute(insert(LAYERS["areas"]).values(code="A", geom=square))
        assert area_risk(connection, model(connection, DAY))[0]["level"] is None, "nothing known is not low"
        _put(connection, "bridges", grade="E", status="通行")
        assert area_risk(connection, model(connection, DAY))[0]["level"] == "橙"
        _put(connection, "gas_stations", licence="无证", status="正常")
        assert area_risk(connection, model(connection, DAY))[0]["level"] == "红"


def test_changing_the_configuration_is_a_new_version_that_scores_say(empty_district: Database) -> None:
    with empty_district.transaction() as connection:
        _put(connection, "bridges", grade="D", people=50)
        before = _risk(connection, "bridges")
        stricter = RiskConfig(cuts={"红": 5, "橙": 4, "黄": 3}).to_json()
        connection.execute(insert(RiskConfigRow).values(config=stricter, note="stricter"))
        after = _risk(connection, "bridges")
    assert (before["trace"]["config_version"], after["trace"]["config_version"]) == (1, 2)
    assert (before["score"], after["level"]) == (after["score"], "红")


def test_a_layer_without_a_model_and_a_code_that_is_not_there_are_named(sample_district: Database) -> None:
    with sample_district.reading() as connection:
        current = model(connection, DAY)
        with pytest.raises(UnknownName, match="areas"):
            explain(connection, LAYERS["areas"], "350104", current, "zh")
        with pytest.raises(UnknownName, match="QL-999"):
            explain(connection, LAYERS["bridges"], "QL-999", current, "zh")
