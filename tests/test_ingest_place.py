"""Coordinates of any CRS come to their place, longitude first; those that lie nowhere are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer

from gis_service.errors import CrsError
from gis_service.ingest.place import Place, crs_of

GEOD = Geod(ellps="GRS80")
TO_GAUSS_KRUGER, FROM_GAUSS_KRUGER = Transformer.from_crs(4490, 4549, always_xy=True), Place(CRS(4549))


def placed(crs: Any, x: float, y: float) -> tuple[float, float]:
    shapes, refused = Place(CRS(crs))(np.array([shapely.Point(x, y)]))
    assert not refused
    return shapes[0].x, shapes[0].y


# National Mapping points: Amersfoort (RD origin), the old observatory of Bern (CH1903+ origin), and points whose
# projected coordinates follow from their definition (on a central meridian).
@pytest.mark.parametrize(
    ("crs", "x", "y", "longitude", "latitude"),
    [
        (28992, 155000, 463000, 5.38720621, 52.15517440),
        (2056, 2600000, 1200000, 7.43863242, 46.95108277),
        (3857, 13280000, 2990000, 119.29626973, 25.92665756),
        (4326, 119.3, 26.05, 119.3, 26.05),
        (4490, 119.3, 26.05, 119.3, 26.05),
    ],
)
def test_a_known_point_comes_to_its_place_within_a_metre(
    crs: int, x: float, y: float, longitude: float, latitude: float
) -> None:
    assert GEOD.inv(*placed(crs, x, y), longitude, latitude)[2] < 1


@given(longitude=st.floats(118.6, 121.4), latitude=st.floats(24.5, 53))
def test_gauss_kruger_of_cgcs2000_comes_back_to_a_millimetre(longitude: float, latitude: float) -> None:
    shapes, _ = FROM_GAUSS_KRUGER(np.array([shapely.Point(TO_GAUSS_KRUGER.transform(longitude, latitude))]))
    assert GEOD.inv(shapes[0].x, shapes[0].y, longitude, latitude)[2] < 0.002


def test_longitude_comes_first_whatever_the_crs_says_of_its_axes() -> None:
    assert placed(4326, 119.3, 26.05) == placed("OGC:CRS84", 119.3, 26.05) == (119.3, 26.05)


@pytest.mark.parametrize(
    ("crs", "x", "y"),
    [
        (4490, 26.05, 119.3),  # swapped
        (4490, 430000, 2880000),  # metres taken for degrees
        (4549, 2880000, 430000),  # swapped
        (4549, 119.3, 26.05),  # degrees taken for metres
        (4490, np.nan, 26),
        (4490, np.inf, 26),
        (3857, 1e30, 0),
    ],
)
def test_a_coordinate_that_lies_nowhere_is_refused_with_its_numbers(crs: int, x: float, y: float) -> None:
    with np.errstate(invalid="ignore"):
        lines = shapely.linestrings([[[119.3, 26.0], [x, y]]])
    shapes, refused = Place(CRS(crs))(lines)
    assert 0 in refused
    assert shapes[0] is None


def test_swapped_coordinates_are_said_to_look_swapped() -> None:
    _, refused = Place(CRS(4490))(np.array([shapely.Point(119.3, 26.05), shapely.Point(26.05, 119.3)]))
    assert list(refused) == [1]
    value, reason = refused[1]
    assert value == "26.05, 119.3"
    assert "swapped" in reason.en
    assert "颠倒" in reason.zh


def test_height_is_dropped() -> None:
    shapes, _ = Place(CRS(4490))(np.array([shapely.Point(119.3, 26, 12), shapely.LineString([(1, 2, 3), (3, 4, 5)])]))
    assert not shapely.has_z(shapes).any()


def test_a_missing_geometry_stays_missing() -> None:
    shapes, refused = Place(CRS(4549))(np.array([None, shapely.Point()], dtype=object))
    assert shapes[0] is None
    assert shapes[1].is_empty
    assert not refused


@pytest.mark.parametrize("given_", ["4549", "EPSG:4549", "epsg:4549", CRS(4549).to_wkt(), " 4549 "])
def test_a_crs_may_be_given_in_many_ways(given_: str) -> None:
    assert crs_of("f", None, given_) == CRS(4549)


def test_what_is_given_goes_before_what_the_file_states() -> None:
    assert crs_of("f", "EPSG:4326", "4549") == CRS(4549)


def test_a_file_without_a_crs_is_refused_with_what_to_do() -> None:
    with pytest.raises(CrsError, match="--crs EPSG:4490"):
        crs_of("f.gpkg", None, None)


@pytest.mark.parametrize("name", ["EPSG:999999", "here", "", "EPSG:5703"])
def test_an_unknown_crs_is_refused_with_examples(name: str) -> None:
    with pytest.raises(CrsError) as refused:
        crs_of("f.gpkg", None, name)
    assert "EPSG:4490" in refused.value.allowed
