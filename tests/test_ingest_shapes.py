"""Geometries come in as the layer stores them, or are refused with the reason and the place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import Geometry, wkt

from gis_service.ingest.shapes import ewkb, fit
from layers import STORED_SRID

POLYGON = ("MultiPolygon",)


def one(text: str | None, *types: str) -> tuple[Geometry | None, Any]:
    shapes, refused = fit(np.array([text and wkt.loads(text)], dtype=object), types)
    assert (shapes[0] is None) == (0 in refused)
    return shapes[0], refused.get(0)


@pytest.mark.parametrize(
    ("given_", "types", "stored"),
    [
        ("POINT (1 2)", ("Point",), "POINT (1 2)"),
        ("MULTIPOINT ((1 2))", ("Point",), "POINT (1 2)"),
        ("LINESTRING (0 0, 1 1)", ("MultiLineString",), "MULTILINESTRING ((0 0, 1 1))"),
        ("LINESTRING (0 0, 1 1)", ("Point", "MultiLineString"), "MULTILINESTRING ((0 0, 1 1))"),
        ("POLYGON ((0 0, 1 0, 1 1, 0 0))", POLYGON, "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))"),
    ],
)
def test_a_single_part_becomes_what_the_layer_stores(given_: str, types: tuple[str, ...], stored: str) -> None:
    shape, _ = one(given_, *types)
    assert shape is not None
    assert shape.wkt == stored


@pytest.mark.parametrize(
    "text", ["POINT (1 2)", "LINESTRING (0 0, 1 1)", "GEOMETRYCOLLECTION (POLYGON ((0 0, 1 0, 1 1, 0 0)))"]
)
def test_another_type_is_refused_with_the_types_that_fit(text: str) -> None:
    _, (value, reason) = one(text, *POLYGON)
    assert value == wkt.loads(text).geom_type
    assert "the layer holds Polygon" in reason.en
    assert "本图层只收面" in reason.zh


def test_several_points_are_not_one() -> None:
    assert one("MULTIPOINT ((1 2), (3 4))", "Point")[0] is None


@pytest.mark.parametrize("nothing", [None, "POLYGON EMPTY", "POINT EMPTY", "GEOMETRYCOLLECTION EMPTY"])
def test_no_geometry_is_refused(nothing: str | None) -> None:
    assert one(nothing, "Point", "MultiPolygon")[1][1].en == "has no geometry"


def test_a_ring_that_touches_itself_is_repaired_with_its_area() -> None:
    touching = "POLYGON ((0 0, 4 0, 4 4, 2 0, 0 4, 0 0))"
    assert not wkt.loads(touching).is_valid
    shape, _ = one(touching, *POLYGON)
    assert shape is not None
    assert shape.is_valid
    assert shape.area == pytest.approx(wkt.loads(touching).area)


def test_a_bow_tie_is_refused_with_the_place() -> None:
    _, (value, reason) = one("POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))", *POLYGON)
    assert value == "1, 1"
    assert reason.en == "invalid geometry: Self-intersection"
    assert reason.zh == "图形无效：自相交"


def test_a_hole_outside_its_shell_is_refused() -> None:
    assert one("POLYGON ((0 0, 1 0, 1 1, 0 0), (5 5, 6 5, 6 6, 5 5))", *POLYGON)[0] is None


def test_a_polygon_beyond_repair_is_refused() -> None:
    _, (value, reason) = one("POLYGON ((1 0, 1 0, 1 0, 1 0), (1 1, 0 2, 2 2, 1 1))", *POLYGON)
    assert value == "1, 0"
    assert "Too few points" in reason.en


def test_a_line_without_length_is_refused() -> None:
    _, (_, reason) = one("LINESTRING (1 1, 1 1)", "MultiLineString")
    assert "Too few points" in reason.en


NUMBERS = st.integers(-5, 5)
RINGS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=3, max_size=9)


@given(st.lists(st.lists(RINGS, min_size=1, max_size=2), max_size=4))
def test_whatever_the_polygon_it_is_valid_of_the_same_area_or_refused(polygons: list[Any]) -> None:
    given_ = np.array([shapely.Polygon(rings[0], rings[1:]) for rings in polygons], dtype=object)
    shapes, refused = fit(given_, POLYGON)
    for i, shape in enumerate(shapes):
        assert (shape is None) == (i in refused)
        if shape is not None:
            assert shape.geom_type == "MultiPolygon"
            assert shape.is_valid
            assert shape.area == pytest.approx(given_[i].area, rel=1e-5)


_DEGREES = st.floats(-180, 180)
_POINTS = st.builds(shapely.Point, _DEGREES, _DEGREES)
_ANY = st.one_of(_POINTS, st.none(), st.just(shapely.Point()), st.just(shapely.LineString([(1, 2), (3, 4)])))


@given(st.one_of(st.lists(_POINTS), st.lists(_ANY)))
def test_copy_takes_geometries_as_they_are_with_their_crs(shapes: list[Geometry | None]) -> None:
    written = ewkb(np.array(shapes, dtype=object)).to_pylist()
    for shape, text in zip(shapes, written, strict=True):
        assert (text is None) == (shape is None)
        if shape is not None:
            assert shapely.get_srid(shapely.from_wkb(text)) == STORED_SRID
            assert shapely.equals_identical(shapely.set_srid(shapely.from_wkb(text), 0), shape)
