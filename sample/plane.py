"""The drawing board: a plane in metres on which the sample district is drawn, and the curves it is drawn with.

The plane is EPSG:4549 (CGCS2000, 3-degree zone, 120 E) counted from `ORIGIN`: x to the east, y to the north.
Coordinates leave it in EPSG:4490, longitude first, rounded to 7 decimals (1 cm), so that every run and platform draws
the same bytes.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod, Transformer

METRIC_SRID = 4549
STORED_SRID = 4490
ORIGIN = (421_700.0, 2_872_600.0)
DECIMALS = 7

Array = NDArray[np.float64]
Random = np.random.Generator

GEOD = Geod(a=6378137.0, rf=298.257222101)
"""The ellipsoid of CGCS2000."""


@cache
def _transformer() -> Transformer:
    return Transformer.from_crs(METRIC_SRID, STORED_SRID, always_xy=True)


def to_degrees(points: Array) -> Array:
    """Turn points of the plane (n x 2, metres) into EPSG:4490 (n x 2, longitude first)."""
    lon, lat = _transformer().transform(points[:, 0] + ORIGIN[0], points[:, 1] + ORIGIN[1])
    return np.round(np.column_stack([lon, lat]), DECIMALS)


def stored(geometries: Any) -> Any:  # noqa: ANN401 - one geometry or an array of them, as shapely has it
    """Turn geometries of the plane into EPSG:4490."""
    return shapely.transform(geometries, to_degrees)


def on_plane(geometries: Any) -> Any:  # noqa: ANN401 - one geometry or an array of them, as shapely has it
    """Turn geometries in EPSG:4490 into those of the plane."""

    def to_metres(points: Array) -> Array:
        x, y = _transformer().transform(points[:, 0], points[:, 1], direction="INVERSE")
        return np.column_stack([x - ORIGIN[0], y - ORIGIN[1]])

    return shapely.transform(geometries, to_metres)


def seeded(subject: str) -> Random:
    """Return the random numbers of one subject: its own stream, so that subjects do not disturb each other."""
    return np.random.default_rng(list(subject.encode()))


def smooth(points: Array, step: float, before: Array | None = None, after: Array | None = None) -> list[Array]:
    """Draw a curve through points: one array (m x 2) for each stretch between two of them.

    A centripetal Catmull-Rom spline: it has no loops and no cusps. `before` and `after` are where it comes from and
    goes to outside its ends. `step` is the distance of the vertices in metres.
    """
    first = 2 * points[0] - points[1] if before is None else before
    last = 2 * points[-1] - points[-2] if after is None else after
    p = np.vstack([first, points, last])
    gap = np.sqrt(np.maximum(np.hypot(*np.diff(p, axis=0).T), 1e-9))
    tangent = (
        np.diff(p, axis=0)[:-1] / gap[:-1, None]
        + np.diff(p, axis=0)[1:] / gap[1:, None]
        - (p[2:] - p[:-2]) / (gap[:-1] + gap[1:])[:, None]
    )
    stretches = []
    for i in range(len(points) - 1):
        count = max(int(np.hypot(*(points[i + 1] - points[i])) / step), 2)
        t = np.linspace(0, 1, count + 1)[:, None]
        start, end = tangent[i] * gap[i + 1], tangent[i + 1] * gap[i + 1]
        stretch = (
            (2 * t**3 - 3 * t**2 + 1) * points[i]
            + (t**3 - 2 * t**2 + t) * start
            + (3 * t**2 - 2 * t**3) * points[i + 1]
            + (t**3 - t**2) * end
        )
        stretch[[0, -1]] = points[[i, i + 1]]
        stretches.append(stretch)
    return stretches


def wind(stretch: Array, amplitude: float, wavelength: float, phase: float) -> Array:
    """Let a stretch swing to both sides, by `amplitude` and per `wavelength` metres; its ends stay."""
    along = np.gradient(stretch, axis=0)
    across = np.column_stack([-along[:, 1], along[:, 0]]) / np.hypot(*along.T)[:, None]
    t = np.linspace(0, 1, len(stretch))
    length = np.hypot(*np.diff(stretch, axis=0).T).sum()
    swing = np.sin(2 * np.pi * t * length / wavelength + phase) * np.sin(np.pi * t)
    swing += 0.35 * np.sin(4.3 * np.pi * t * length / wavelength + 2 * phase) * np.sin(np.pi * t)
    swung = stretch + amplitude * swing[:, None] * across
    swung[[0, -1]] = stretch[[0, -1]]
    return np.asarray(swung)


def joined(stretches: Sequence[Array]) -> Array:
    """Join stretches that follow each other into one line (n x 2)."""
    return np.vstack([stretches[0], *(s[1:] for s in stretches[1:])])


def scatter(within: Any, count: int, rng: Random, apart: float, avoid: Any = None) -> Array:  # noqa: ANN401 - shapely
    """Return `count` points (n x 2) of a polygon, `apart` metres from each other and from `avoid`.

    Where there is no room for so many, they move closer together, never into `avoid`.
    """
    shapely.prepare(within)
    forbidden = None if avoid is None else shapely.buffer(avoid, min(apart, 60))
    west, south, east, north = within.bounds
    kept: list[Array] = []
    tries = 0
    while len(kept) < count:
        tries += 1
        x, y = west + rng.random() * (east - west), south + rng.random() * (north - south)
        distance = apart * 0.98 ** (tries // 200)
        near = kept and np.hypot(*(np.array(kept) - (x, y)).T).min() < distance
        if near or not shapely.contains_xy(within, x, y):
            continue
        if forbidden is None or not shapely.intersects_xy(forbidden, x, y):
            kept.append(np.array([x, y]))
    return np.array(kept).reshape(-1, 2)
