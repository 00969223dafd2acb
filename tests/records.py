"""Records to write, drawn from what a layer declares: as a client gives them, and as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import shapely
from hypothesis import strategies as st

from layers import UNKNOWN, Field, Layer, Ledger

_WEST, _SOUTH = 119.25, 26.0
_TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)
_FINITE = {"allow_nan": False, "allow_infinity": False}
JSON = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9, **_FINITE) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def records(
    draw: st.DrawFn, layer: type[Layer], codes: Mapping[str, list[str]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw a Feature, and the properties that are stored of it; `codes` are those that may be referred to, by layer."""
    given: dict[str, Any] = {}
    expected: dict[str, Any] = {"extra": {}}
    for name, field in layer.writable().items():
        if name.startswith("subject_") or (issubclass(layer, Ledger) and name in layer.of_the_loop()):
            continue
        written, stored = draw(_value(field, codes))
        if name == "code":
            written, stored = None, None
        if name == "found_on" and stored is None:
            stored = "2023-10-31"
        expected[name] = stored
        if written is not None or draw(st.booleans()):
            given[name] = written
    if draw(st.booleans()):
        given["extra"] = expected["extra"] = draw(st.dictionaries(_TEXTS, JSON, max_size=3))
    geometry = draw(st.sampled_from(layer.geometry).flatmap(_SHAPES.__getitem__))
    return {"type": "Feature", "geometry": shapely.geometry.mapping(geometry), "properties": given}, expected


def _value(field: Field, codes: Mapping[str, list[str]]) -> st.SearchStrategy[tuple[Any, Any]]:
    """Return values as clients write them, each with what is stored."""
    nothing = st.sampled_from([(None, UNKNOWN if field.vocabulary else None)])
    if field.references:
        return nothing | st.sampled_from([(code, code) for code in codes[field.references]] or [(None, None)])
    if field.vocabulary:
        words = field.vocabulary
        spelled = [(s, t.code) for t in words for s in (t.code, t.en, t.label.zh) if words.find(s) is t]
        return nothing | st.sampled_from(spelled)
    low, high = -1e12 if field.minimum is None else field.minimum, 1e12 if field.maximum is None else field.maximum
    kinds = {
        "text": _TEXTS.map(lambda text: (text, text.strip() or None)),
        "number": st.floats(low, high, **_FINITE).map(lambda number: (number, number)),
        "money": st.integers(0, 10**13).map(lambda yuan: (yuan / 10_000, yuan / 10_000)),
        "date": st.dates().map(lambda day: (day.isoformat(), day.isoformat())),
        "flag": st.sampled_from([(True, True), ("是", True), (False, False), ("no", False)]),
    }
    return nothing | kinds[field.kind]


_NUMBERS = st.integers(0, 10**7).map(lambda n: n / 10**8)
_PLACES = st.tuples(_NUMBERS.map(lambda x: round(_WEST + x, 8)), _NUMBERS.map(lambda y: round(_SOUTH + y, 8)))
_LINES = st.lists(_PLACES, min_size=2, max_size=5, unique=True).map(shapely.LineString)
_BOXES = st.tuples(_PLACES, st.integers(1, 10**6), st.integers(1, 10**6)).map(
    lambda drawn: shapely.transform(
        shapely.box(*drawn[0], drawn[0][0] + drawn[1] / 10**8, drawn[0][1] + drawn[2] / 10**8), lambda c: c.round(8)
    )
)
_SHAPES = {
    "Point": _PLACES.map(shapely.Point),
    "MultiLineString": _LINES | st.lists(_LINES, min_size=1, max_size=3).map(shapely.MultiLineString),
    "MultiPolygon": _BOXES | _BOXES.map(lambda box: shapely.MultiPolygon([box])),
}
