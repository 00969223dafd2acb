"""The stretches of a line, each with what has to be looked at to find what lies nearest to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf

import numpy as np
from shapely import LineString, Polygon, STRtree, box, get_coordinates, length, linestrings
from shapely.ops import substring

from gis_service.lines import Line

_PIECE, _MOST_PIECES, _FIRST = 100, 100, 0.25
"""Metres of a stretch, at least; stretches of one part, at most; and the share of one that the first is."""


@dataclass(frozen=True)
class Stretch:
    """A piece of a part between two of its metres, and a box that holds everything near it.

    All of the part that anything near it can lie nearest to is on its `way`, which begins where so many metres of the
    part have `passed`: to measure from all of a long line takes longer.
    """

    part: int
    since: float
    until: float
    course: LineString
    near: Polygon
    way: LineString
    passed: float


def stretches(line: Line, part: int, within: float) -> Iterator[Stretch]:
    """Yield the stretches of a part downstream; what lies nearest to one lies in its box.

    The longer they are, the less often one record lies near two; but the first is short, so that its hits go out soon.
    """
    shape = line.parts[part]
    number = min(max(ceil(shape.length / (2 * within + _PIECE)), 1), _MOST_PIECES)
    ends = [0, _FIRST / number, *(at / number for at in range(1, number + 1))]
    far = within * 1.01 + 1  # a side of a box is not straight in degrees
    points = get_coordinates(shape)
    segments = linestrings(np.stack((points[:-1], points[1:]), axis=1))
    tree, passed = STRtree(segments), np.append(0, length(segments).cumsum())
    for since, until in pairwise(ends):
        course = substring(shape, since, until, normalized=True)
        there = tree.query(_around(course, 2 * far))
        first, last = there.min(), there.max()
        way, end = LineString(points[first : last + 2]), until * shape.length if until < ends[-1] else inf
        yield Stretch(part + 1, since * shape.length, end, course, _around(course, far), way, float(passed[first]))


def _around(course: LineString, far: float) -> Polygon:
    west, south, east, north = course.bounds
    return box(west - far, south - far, east + far, north + far)
