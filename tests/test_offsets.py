"""The offsets of Chinese web maps are those that others have written, and go back to where they began."""

from __future__ import annotations

import eviltransform
import numpy as np
import prcoords
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.offsets import Points, bd09, from_bd09, from_gcj02, gcj02

METRE = 1 / 111_000
CHINA = st.tuples(st.floats(74, 134), st.floats(3, 53))


def grid(west: float, south: float, east: float, north: float, steps: int = 21) -> Points:
    lon, lat = np.meshgrid(np.linspace(west, east, steps), np.linspace(south, north, steps))
    return np.column_stack((lon.ravel(), lat.ravel()))


DISTRICT, COUNTRY = grid(119.15, 25.95, 119.45, 26.15), grid(75, 5, 134, 53)


@pytest.mark.parametrize("points", [DISTRICT, COUNTRY], ids=["district", "country"])
def test_gcj02_is_that_of_two_libraries(points: Points) -> None:
    ours = gcj02(points)
    evil = np.array([eviltransform.wgs2gcj(lat, lon)[::-1] for lon, lat in points.tolist()])
    pr = np.array([prcoords.wgs_gcj((lat, lon), check_china=False)[::-1] for lon, lat in points.tolist()])
    assert np.abs(ours - evil).max() < METRE  # it takes another ellipsoid
    assert np.abs(ours - pr).max() < 1e-3 * METRE


@pytest.mark.parametrize("points", [DISTRICT, COUNTRY], ids=["district", "country"])
def test_bd09_is_that_of_two_libraries(points: Points) -> None:
    ours = bd09(points)
    evil = np.array([eviltransform.wgs2bd(lat, lon)[::-1] for lon, lat in points.tolist()])
    pr = np.array([prcoords.wgs_bd((lat, lon), check_china=False)[::-1] for lon, lat in points.tolist()])
    assert np.abs(ours - evil).max() < METRE
    assert np.abs(ours - pr).max() < 1e-3 * METRE


def test_the_district_moves_by_hundreds_of_metres() -> None:
    metres = np.array([111_320 * np.cos(np.radians(26)), 110_770])
    for move, least, most in ((gcj02, 560, 600), (bd09, 1000, 1250)):
        moved = np.hypot(*((move(DISTRICT) - DISTRICT) * metres).T)
        assert least < moved.min() < moved.max() < most


@given(st.lists(CHINA, min_size=1, max_size=30))
def test_the_way_back_ends_where_it_began(places: list[tuple[float, float]]) -> None:
    points = np.array(places)
    tenth_of_a_millimetre = 1e-4 * METRE
    assert np.abs(from_gcj02(gcj02(points)) - points).max() < tenth_of_a_millimetre
    assert np.abs(from_bd09(bd09(points)) - points).max() < tenth_of_a_millimetre


def test_what_lies_abroad_stays_and_nothing_is_nothing() -> None:
    abroad = np.array([[9.5, 47.1], [-122.4, 37.8], [151.2, -33.9]])
    assert (gcj02(abroad) == abroad).all()
    assert (from_gcj02(abroad) == abroad).all()
    assert gcj02(np.empty((0, 2))).shape == from_bd09(np.empty((0, 2))).shape == (0, 2)
