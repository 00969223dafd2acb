"""Every row of a file is fit, or refused once with the first thing that is wrong with it."""

from __future__ import annotations

import struct
from typing import Any

import orjson
import pyarrow as pa
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from shapely import LineString, Point

from gis_service.ingest.binary import JSONB
from gis_service.ingest.columns import match
from gis_service.ingest.judge import Judge, Judged
from gis_service.ingest.place import Place
from layers import registry

BRIDGES = registry()["bridges"]
HERE = Point(119.3, 26.0)


def judged(columns: dict[str, Any], shapes: list[Any] | None = None, first: int = 1) -> Judged:
    number = len(next(iter(columns.values())))
    geometry = [shape and shapely.to_wkb(shape) for shape in shapes or [HERE] * number]
    batch = pa.record_batch({**columns, "wkb": pa.array(geometry, pa.binary())})
    return Judge(BRIDGES, match(BRIDGES, list(columns)), Place(CRS(4490)))(batch, "wkb", first)


def test_a_refusal_names_row_field_value_and_reason() -> None:
    found = judged({"name": ["a", "b", "c"], "技术状况等级": ["A", "F", "C"]}, first=41)
    assert found.table["_row"].to_pylist() == [41, 43]
    (refusal,) = found.refused
    assert (refusal.row, refusal.field, refusal.value) == (42, "grade", "F")
    assert "A, B, C, D, E" in refusal.reason.en


def test_a_row_is_refused_once_for_the_first_fault() -> None:
    found = judged({"grade": ["F"], "bci": [101]}, [LineString([(0, 0), (0, 0)])])
    assert [r.field for r in found.refused] == ["geom"]


def test_the_second_row_of_a_code_is_refused_even_in_a_later_batch() -> None:
    judge = Judge(BRIDGES, match(BRIDGES, ["code"]), Place(CRS(4490)))
    wkb = [shapely.to_wkb(HERE)] * 2
    batch = pa.record_batch({"code": ["QL-1", "QL-2"], "wkb": wkb})
    assert judge(batch, "wkb", 1).refused == []
    assert [(r.row, r.value) for r in judge(batch, "wkb", 3).refused] == [(3, "QL-1"), (4, "QL-2")]


def test_a_refused_row_claims_no_code() -> None:
    found = judged({"code": ["QL-1", "QL-1"], "grade": ["F", "A"]})
    assert [r.row for r in found.refused] == [1]
    assert found.table["code"].to_pylist() == ["QL-1"]


def test_what_has_no_column_is_kept_with_its_type() -> None:
    found = judged({"n": [5, None], "x": [1.5, 2.0], "yes": [True, False], "words": [["a"], None], "t": ["文", None]})
    first, second = (orjson.loads(text.removeprefix(JSONB)) for text in found.table["extra"].to_pylist())
    assert first == {"n": 5, "x": 1.5, "yes": True, "words": ["a"], "t": "文"}
    assert second == {"x": 2.0, "yes": False}


def test_extra_of_our_own_exports_is_opened_up_again() -> None:
    found = judged({"code": ["QL-1"], "id": ["QL-1"], "extra": ['{"a": {"b": [1, null]}}']})
    assert orjson.loads(found.table["extra"][0].as_py().removeprefix(JSONB)) == {"a": {"b": [1, None]}}


def test_broken_geometry_is_told_from_missing_geometry() -> None:
    unclosed = shapely.to_wkb(shapely.Polygon([(0, 0), (1, 0), (1, 1), (0, 0)]))[:-8] + struct.pack("<d", 5)
    batch = pa.record_batch({"wkb": pa.array([unclosed, None], pa.binary()), "name": ["a", "b"]})
    areas = registry()["areas"]
    found = Judge(areas, match(areas, ["name"]), Place(CRS(4490)))(batch, "wkb", 1)
    assert [r.reason.en.split(":")[0] for r in found.refused] == ["broken geometry", "has no geometry"]
    assert found.shaped == 0


def test_the_geometries_that_could_fit_are_counted() -> None:
    found = judged({"name": ["a", "b", "c"]}, [HERE, shapely.box(0, 0, 1, 1), None])
    assert (found.fitting, found.shaped) == (1, 2)


VALUES = st.none() | st.text(max_size=8) | st.sampled_from(["A", "D", "1类", "2023-10-31", "12", "是", "QL-1"])
ROWS = st.lists(st.tuples(*[VALUES] * 6), min_size=1, max_size=12)


@given(ROWS)
def test_whatever_the_values_every_row_is_fit_or_refused(rows: list[tuple[str | None, ...]]) -> None:
    names = ["code", "name", "grade", "bci", "assessed_on", "cost"]
    found = judged({n: pa.array(column, pa.string()) for n, column in zip(names, zip(*rows, strict=True), strict=True)})
    taken = found.table["_row"].to_pylist()
    assert sorted(taken + [r.row for r in found.refused]) == list(range(1, len(rows) + 1))
    vocabulary = BRIDGES.fields()["grade"].vocabulary
    assert vocabulary is not None
    for row in found.table.to_pylist():
        assert row["grade"] in vocabulary.codes
        assert row["bci"] is None or 0 <= row["bci"] <= 100
    codes = [code for code in found.table["code"].to_pylist() if code is not None]
    assert len(codes) == len(set(codes))
