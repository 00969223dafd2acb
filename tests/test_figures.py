"""The figures of the customer's report, recomputed from the sample's records."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from gis_service.database import Database
from gis_service.statistics import figures

REPORT = {
    "F02": 5, "F03": 59, "F04": 61.55, "F05": 22, "F06": 32.85, "F07": 53.37,
    "F09": 6, "F10": 36, "F11": 1103.38, "F12": 125.68, "F13": 90.76, "F14": 72.22,
    "F15": 23, "F16": 19.74, "F17": 16.19, "F18": 82, "F19": 53, "F20": 120,
    "F26": 5, "F27": 10, "F28": 6, "F29": 10, "F30": 1,
    "F52": 5, "F53": 2, "F54a": 2, "F54b": 1, "F55": 9, "F75": 18, "F77": 2,
    "F33": 305, "F62": 82, "F65a": 5, "F65b": 1, "F66": 127.27, "F67": 140.8, "F74": 586, "F84a": 44, "F84b": 82,
    "F85": 11,
}  # fmt: skip
CUSTOMER = Path(__file__).parents[2] / "shared" / "report" / "figures.csv"


@pytest.fixture(scope="module")
def computed(sample_district: Database) -> dict[str, float]:
    with sample_district.reading() as connection:
        found = figures(connection, sample_district.district(connection).today, "zh")
    return {f["key"]: f["value"] for f in found}


@pytest.mark.parametrize("key", REPORT)
def test_a_figure_is_the_reports_to_the_last_digit(key: str, computed: dict[str, float]) -> None:
    assert computed[key] == REPORT[key]


def test_no_declared_figure_is_left_unproved(computed: dict[str, float]) -> None:
    assert set(computed) == set(REPORT)


@pytest.mark.skipif(not CUSTOMER.exists(), reason="the customer's figures are not beside the project")
def test_the_expected_values_are_those_of_the_customers_file(computed: dict[str, float]) -> None:
    with CUSTOMER.open(encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert {key: float(rows[key]["value"]) for key in computed} == REPORT
    units = {key: re.sub("^项$", "个", rows[key]["unit"]) for key in computed}
    assert units["F04"] == "亿元"
    assert units["F20"] == "公里"
