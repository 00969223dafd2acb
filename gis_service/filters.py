"""CQL2 text to SQL: the one filter language of requests, exports, figures and risk rules.

Parsed by the `cql2` library; compiled here to SQLAlchemy, with every value bound and every name taken from the layer's
own fields. Geometries in a filter are longitude and latitude (CRS84).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import cql2
import orjson
import shapely
from sqlalchemy import ColumnElement, and_, cast, false, func, literal, not_, or_, true
from sqlalchemy import types as sqltypes

from gis_service.derived import derived, derived_fields
from gis_service.errors import FilterError
from layers import STORED_SRID, Field, Label, Layer

_COMPARISONS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "t_equals": operator.eq,
    "t_before": operator.lt,
    "t_after": operator.gt,
}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], ColumnElement[Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda over, under: over / func.nullif(under, 0),
}
_SPATIAL = {
    f"s_{name}": f"ST_{name.capitalize()}"
    for name in ("intersects", "contains", "within", "crosses", "disjoint", "equals", "overlaps", "touches")
}
_FAMILIES = {
    **dict.fromkeys(("text", "term", "layer"), "text"),
    **dict.fromkeys(("number", "money"), "number"),
    "date": "date",
    "flag": "flag",
}
"""Fields of one family can be compared."""
_WORDS = {
    "text": Label("文字", "text"),
    "number": Label("数字", "a number"),
    "date": Label("日期（如 2023-10-31）", "a date (such as 2023-10-31)"),
    "flag": Label("是/否", "true or false"),
}


_QUOTED = re.compile(r"'[^']*'" + r'|"[^"]*"')
_DEEPEST = 12
"""Brackets within brackets that a filter may have: the parser takes twice as long for each more that does not close."""
_TALLEST = 100
"""Operations within operations; a chain of AND or OR is one."""


def filterable(layer: type[Layer]) -> Mapping[str, Field]:
    """Return every property that a filter may name, derived ones included; the geometry is `geom`."""
    return {**layer.fields(), **derived_fields(layer), "version": Field("number", Label("版本", "Version"))}


def where(layer: type[Layer], text: str, today: date) -> ColumnElement[bool]:
    """Compile a filter to a WHERE clause on the layer; empty text selects everything.

    Raises
    ------
    FilterError
        Where the text does not parse, or names a property or function that is not there, or compares unlike things,
        or is nested too deeply.
    """
    if not text.strip():
        return true()
    _require_shallow(_bracketed(text), _DEEPEST)
    try:
        expression = cql2.parse_text(text).to_json()
    except cql2.ParseError as error:
        line = str(error).splitlines()
        raise FilterError(
            f"筛选条件无法解析：{text}（{line[0].strip(' ->')}，CQL2 语法，例：status = '正常'）",
            f"The filter does not parse: {text} (at {line[0].strip(' ->')}; CQL2, e.g. status = '正常')",
        ) from error
    _require_shallow(_height(expression), _TALLEST)
    return _Compiler(layer, today).condition(expression)


def _bracketed(text: str) -> int:
    """Return how deep the brackets of a filter go, those in texts and quoted names left out."""
    depth = deepest = 0
    for character in _QUOTED.sub("", text):
        depth = max(depth + (character in "([") - (character in ")]"), 0)
        deepest = max(deepest, depth)
    return deepest


def _height(node: Any) -> int:  # noqa: ANN401 - a JSON tree
    """Return how many operations lie within each other, without recursion."""
    level, height = [node], 0
    while level:
        parents = [n for n in level if isinstance(n, dict | list)]
        level = [child for n in parents for child in (n.get("args", ()) if isinstance(n, dict) else n)]
        height += any(isinstance(n, dict) for n in parents)
    return height


def _require_shallow(depth: int, most: int) -> None:
    if depth > most:
        raise _bad(f"筛选条件嵌套过深：最多 {most} 层。", f"The filter is nested too deeply: {most} levels at most.")


class _Compiler:
    """Compiles one expression tree for one layer."""

    def __init__(self, layer: type[Layer], today: date) -> None:
        self.layer, self.today = layer, today
        self.fields = filterable(layer)
        self.derived = derived(layer, today)

    def condition(self, node: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a JSON tree
        if isinstance(node, bool):
            return true() if node else false()
        if not isinstance(node, dict) or ("op" not in node and "property" not in node):
            raise _bad(f"“{node}”不是条件。", f"{node!r} is no condition.")
        if "property" in node:
            return self._boolean(node)
        op, args = node["op"].lower(), node["args"]
        if op in ("and", "or"):
            return (and_ if op == "and" else or_)(*(self.condition(a) for a in args))
        if op == "not":
            return not_(self.condition(args[0]))
        if op in _SPATIAL:
            return self._spatial(op, args)
        if op == "isnull":
            return self.value(args[0], None).is_(None)
        operands = [args[0], *args[1]] if op == "in" else args
        kind = self._common_kind(operands)
        if op in _COMPARISONS:
            return _COMPARISONS[op](*(self.value(a, kind) for a in args))
        if op == "like":
            if kind != "text":
                raise _bad("LIKE 只能用于文字。", "LIKE takes text only.")
            return self.value(args[0], kind).like(self.value(args[1], kind))
        if op == "between":
            return self.value(args[0], kind).between(self.value(args[1], kind), self.value(args[2], kind))
        if op == "in":
            return self.value(args[0], kind).in_([self.value(a, kind) for a in args[1]])
        raise _bad(f"不支持运算 {op}。", f"The operator {op} is not supported.")

    def value(self, node: Any, kind: str | None) -> ColumnElement[Any]:  # noqa: ANN401 - a JSON tree
        """Compile an operand; a literal takes the type of what it is compared with."""
        if not isinstance(node, dict):
            return _literal(node, kind)
        if "property" in node:
            return self._property(node["property"])
        if "date" in node or "timestamp" in node:
            return _literal(node.get("date") or node["timestamp"], "date")
        op, args = node["op"].lower(), node["args"]
        if op == "casei" or op in _ARITHMETIC:
            taken = "text" if op == "casei" else "number"
            if {self._kind(a) for a in args} - {None, taken}:
                word = _WORDS[taken]
                raise _bad(f"{op} 只能用于{word.zh}。", f"{op} takes {word.en} only.")
            operands = [self.value(a, taken) for a in args]
            return func.lower(*operands) if op == "casei" else _ARITHMETIC[op](*operands)
        if op == "today" and not args:
            return literal(self.today)
        if op == "year_start" and not args:
            return literal(self.today.replace(month=1, day=1))
        raise _bad(
            f"没有函数 {op}。", f"There is no function {op}.", ("casei", "today", "year_start", *sorted(_SPATIAL))
        )

    def _property(self, name: str) -> ColumnElement[Any]:
        if name in self.derived:
            return self.derived[name]
        if name not in self.fields:
            title = self.layer.title
            raise _bad(f"{title.zh}没有字段“{name}”。", f"{title.en} have no field {name!r}.", self.fields)
        column: ColumnElement[Any] = self.layer.__table__.c[name]
        return column

    def _boolean(self, node: Mapping[str, Any]) -> ColumnElement[bool]:
        column = self._property(node["property"])
        if self.fields[node["property"]].kind != "flag":
            raise _bad(f"字段“{node['property']}”不是是/否字段。", f"{node['property']!r} is no yes-or-no field.")
        return column

    def _common_kind(self, operands: Sequence[Any]) -> str:
        """Return the kind in which operands are compared: that of the fields and functions, else of the literals.

        Raises
        ------
        FilterError
            Where the operands are of different kinds.
        """
        kinds = {self._kind(node) for node in operands} - {None} or {_kind_of_literal(node) for node in operands}
        if len(kinds) != 1:
            words = sorted(_WORDS[kind or "text"].zh for kind in kinds), sorted(_WORDS[k or "text"].en for k in kinds)
            raise _bad(f"不能比较：{'、'.join(words[0])}。", f"These cannot be compared: {', '.join(words[1])}.")
        return kinds.pop() or "text"

    def _kind(self, node: Any) -> str | None:  # noqa: ANN401 - a JSON tree
        """Return the kind of a field or function; None for a literal, which takes the kind of the others."""
        if not isinstance(node, dict):
            return None
        if "property" in node:
            self._property(node["property"])  # refuses an unknown one
            return _FAMILIES[self.fields[node["property"]].kind]
        op = str(node.get("op", "")).lower()
        return "text" if op == "casei" else "number" if op in _ARITHMETIC else "date"

    def _spatial(self, op: str, args: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a JSON tree
        shapes = [self.layer.geom if a in ({"property": "geom"}, {"property": "geometry"}) else _shape(a) for a in args]
        return getattr(func, _SPATIAL[op])(*shapes)  # type: ignore[no-any-return]


def _shape(node: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a JSON tree
    """Bind a given shape: GeoJSON, or a box of west, south, east, north."""
    box = node.get("bbox") if isinstance(node, dict) else None
    if box is None and isinstance(node, dict) and str(node.get("op", "")).lower() in ("bbox", "envelope"):
        box = node["args"]
    if box is None and (not isinstance(node, dict) or "type" not in node):
        raise _bad("空间条件只比较 geom 与给定的图形。", "A spatial condition compares geom with a shape.", ("geom",))
    try:
        shape = shapely.box(*map(float, box)) if box is not None else shapely.from_geojson(orjson.dumps(node))
    except (shapely.errors.ShapelyError, TypeError, ValueError) as error:
        raise _bad("图形的坐标有误。", "The coordinates of the shape are wrong.") from error
    return func.ST_GeomFromWKB(shapely.to_wkb(shape), STORED_SRID)


def _literal(value: Any, kind: str | None) -> ColumnElement[Any]:  # noqa: ANN401 - whatever the filter says
    """Bind a value as the kind that it is compared with."""
    if isinstance(value, str) and "\0" in value:
        raise _bad("文字中不能有空字符。", "A text cannot hold the character NUL.")
    try:
        if kind == "number":
            if isinstance(value, bool | str):
                raise ValueError(value)
            return literal(float(value))
        if kind == "date":
            return literal(datetime.fromisoformat(value).date())
        if kind == "flag":
            if not isinstance(value, bool):
                raise ValueError(value)
            return literal(value)
    except (TypeError, ValueError) as error:
        word = _WORDS[kind or "text"]
        raise _bad(f"“{value}”应为{word.zh}。", f"{value!r} should be {word.en}.") from error
    return cast(f"{value:g}" if isinstance(value, float) else str(value), sqltypes.Text)


def _kind_of_literal(value: Any) -> str | None:  # noqa: ANN401 - whatever the filter says
    return "flag" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "text"


def _bad(zh: str, en: str, allowed: Any = ()) -> FilterError:  # noqa: ANN401 - any iterable of names
    return FilterError(zh, en, allowed=allowed)
