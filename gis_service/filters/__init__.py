"""CQL2 to SQL: the one filter language of requests, exports, figures and risk rules.

Text is parsed by the `cql2` library, JSON is the same tree written out; both are compiled here to SQLAlchemy, with
every value bound and every name taken from the layer's own fields. Geometries in a filter are longitude and latitude
(CRS84) where no other CRS is said.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from sqlalchemy import ColumnElement, true

from gis_service.crs import CRS84, Crs
from gis_service.errors import FilterError
from gis_service.filters.compiler import FUNCTIONS, Compiler, filterable
from gis_service.filters.parse import Written, parsed
from layers import Layer

__all__ = ["FUNCTIONS", "Written", "equal", "filterable", "where"]

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
"""How clients write yes and no; GDAL as numbers."""


@lru_cache(maxsize=128)
def where(
    layer: type[Layer], text: str, today: date, *, written: Written = "cql2-text", crs: Crs = CRS84
) -> ColumnElement[bool]:
    """Compile a filter to a WHERE clause on the layer, each once; empty text selects everything.

    Raises
    ------
    FilterError
        Where the text does not parse, or names a property or function that is not there, or compares unlike things,
        or is nested too deeply.
    """
    if not text.strip():
        return true()
    return Compiler(layer, today, crs, text).condition(parsed(text, written))


@lru_cache(maxsize=128)
def equal(layer: type[Layer], name: str, value: str, today: date) -> ColumnElement[bool]:
    """Select the records whose property is a value, written as text.

    Raises
    ------
    FilterError
        Where there is no such property, or the value is not of its kind.
    """
    field = filterable(layer).get(name)
    literal: str | float | bool = value
    if field and field.kind in ("number", "money"):
        literal = _number(name, value)
    elif field and field.kind == "flag":
        literal = _FLAGS.get(value, value)
    return Compiler(layer, today, CRS84, name).condition({"op": "=", "args": [{"property": name}, literal]})


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise FilterError(f"{name} 的值“{value}”应为数字。", f"{name}: {value!r} should be a number.") from error
