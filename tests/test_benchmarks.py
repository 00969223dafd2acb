"""The harness of `make bench`: turns, medians, ratios and tables say what was measured."""

from __future__ import annotations

import pytest

from benchmarks.measure import Result, Sample, Work, measured, ratios
from benchmarks.report import table


def test_targets_take_turns_and_the_median_of_their_rounds_remains() -> None:
    order: list[str] = []
    seconds = {"limit": iter([1.0, 3.0, 2.0]), "gis": iter([6.0, 4.0, 5.0])}

    def turn(name: str) -> Sample:
        order.append(name)
        return Sample(next(seconds[name]), {"bytes": len(order)})

    work = Work("export", "s", {name: lambda name=name: turn(name) for name in seconds})  # type: ignore[misc]
    found = measured(work, 3, lambda: order.append("settled"))
    assert order == ["settled", "limit", "settled", "gis"] * 3
    assert found["limit"] == Result(2.0, 1.0, 3.0, 3, {"bytes": 6})
    assert found["gis"] == Result(5.0, 4.0, 6.0, 3, {"bytes": 8})


def test_who_fails_sits_out_the_other_rounds_and_says_why() -> None:
    turns = 0

    def fails() -> Sample:
        nonlocal turns
        turns += 1
        raise RuntimeError("no such page")

    found = measured(Work("page", "s", {"TiPg": fails, "gis": lambda: Sample(1.0)}), 3, lambda: None)
    assert (turns, found["TiPg"].failure, found["gis"].turns) == (1, "RuntimeError: no such page", 3)


@pytest.mark.parametrize(("unit", "ours", "other"), [("requests/s", 300, 100), ("s", 2, 6)])
def test_a_ratio_says_how_many_times_as_fast_the_service_is(unit: str, ours: float, other: float) -> None:
    found = {"TiPg": Result(other), "gis": Result(ours), "pygeoapi": Result(failure="away")}
    assert dict(ratios(unit, found)) == {"TiPg": 3.0}  # type: ignore[arg-type]


def test_a_table_has_a_row_for_each_size_and_leaves_no_failure_out() -> None:
    def one(median: float, failure: str = "") -> dict[str, object]:
        return {"median": median, "low": median, "high": median, "turns": 1, "facts": {}, "failure": failure}

    sizes = {
        "200000": {"targets": {"limit": one(500), "gis": one(250), "TiPg": one(0, "RuntimeError: away")}},
        "10000": {"targets": {"limit": one(500), "gis": one(400), "TiPg": one(100)}},
    }
    head, _, small, large = table({"page": {"unit": "requests/s", "sizes": sizes}})
    assert [cell.strip() for cell in head.split("|")[3:-1]] == ["**gis**", "limit", "TiPg"]
    assert small == "| page, requests/s | 10,000 | **400** (400–400) | 500 · **0.8×** | 100 · **4×** |"
    assert large == "| page, requests/s | 200,000 | **250** (250–250) | 500 · **0.5×** | failed |"
