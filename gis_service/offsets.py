"""The offsets of Chinese web maps: WGS 84 to GCJ-02 (AMap, Tencent) and on to BD-09 (Baidu), and back.

Neither is in EPSG. At 119.3 E, 26 N they lie about 590 m and 1.2 km off. The forward formulas are those of the
published implementations (eviltransform, PRCoords); what they leave unchanged outside China
stays unchanged. The inverse has no closed form and is found by iteration, to less than a tenth of a millimetre. Points
are arrays of shape (n, 2), longitude first, in degrees.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_A, _EE = 6378245.0, 0.00669342162296594323  # Krasovsky 1940: semi-major axis in metres, eccentricity squared
_WEST, _SOUTH, _EAST, _NORTH = 72.004, 0.8293, 137.8347, 55.8271
_TURN = np.pi * 3000 / 180
_CLOSE = 1e-10  # degrees: a hundredth of a millimetre
_MOST = 30


def gcj02(points: Points) -> Points:
    """Return WGS 84 points as GCJ-02."""
    lon, lat = points[:, 0], points[:, 1]
    x, y = lon - 105.0, lat - 35.0
    common = 2 / 3 * (20 * np.sin(6 * np.pi * x) + 20 * np.sin(2 * np.pi * x))
    north = (
        *(-100 + 2 * x + 3 * y + 0.2 * y**2 + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)), common),
        2 / 3 * (20 * np.sin(np.pi * y) + 40 * np.sin(np.pi * y / 3)),
        2 / 3 * (160 * np.sin(np.pi * y / 12) + 320 * np.sin(np.pi * y / 30)),
    )
    east = (
        *(300 + x + 2 * y + 0.1 * x**2 + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)), common),
        2 / 3 * (20 * np.sin(np.pi * x) + 40 * np.sin(np.pi * x / 3)),
        2 / 3 * (150 * np.sin(np.pi * x / 12) + 300 * np.sin(np.pi * x / 30)),
    )
    phi = np.radians(lat)
    w = 1 - _EE * np.sin(phi) ** 2
    d_lat = np.degrees(sum(north) / (_A * (1 - _EE) / w**1.5))
    d_lon = np.degrees(sum(east) / (_A / np.sqrt(w) * np.cos(phi)))
    inside = (lon >= _WEST) & (lon <= _EAST) & (lat >= _SOUTH) & (lat <= _NORTH)
    return np.where(inside[:, None], points + np.column_stack((d_lon, d_lat)), points)


def bd09(points: Points) -> Points:
    """Return WGS 84 points as BD-09."""
    return _baidu(gcj02(points))


def from_gcj02(points: Points) -> Points:
    """Return GCJ-02 points as WGS 84."""
    return _inverse(gcj02, points)


def from_bd09(points: Points) -> Points:
    """Return BD-09 points as WGS 84."""
    return _inverse(gcj02, _inverse(_baidu, points))


def _baidu(points: Points) -> Points:
    x, y = points[:, 0], points[:, 1]
    radius = np.hypot(x, y) + 0.00002 * np.sin(y * _TURN)
    angle = np.arctan2(y, x) + 0.000003 * np.cos(x * _TURN)
    return np.column_stack((radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006))


def _inverse(forward: Callable[[Points], Points], points: Points) -> Points:
    found = points.copy()
    for _ in range(_MOST):  # the offset changes by a hundredth over its own length, so each step gains two digits
        gap = forward(found) - points
        found -= gap
        if not gap.size or np.abs(gap).max() < _CLOSE:
            break
    return found
