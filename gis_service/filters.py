"""CQL2 text to SQL: the one filter language of requests, exports, figures and risk rules.

Parsed by the `cql2` library; compiled here to SQLAlchemy, with every value bound and every name taken from the layer's
own fields. Geometries in a filter are longitude and latitude (CRS84).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import cql2
import orjson
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
    "/": operator.truediv,
}
_SPATIAL = {
    f"s_{name}": f"ST_{name.capitalize()}"
    for name in ("intersects", "contains", "within", "crosses", "disjoint", "equals", "overlaps", "touches")
}
_KINDS = {
    "text": sqltypes.Text,
    "term": sqltypes.Text,
    "number": sqltypes.Double,
    "money": sqltypes.Numeric,
    "date": sqltypes.Date,
    "flag": sqltypes.Boolean,
}


def filterable(layer: type[Layer]) -> Mapping[str, Field]:
    """Return every property that a filter may name, derived ones included; the geometry is `geom`."""
    return {**layer.fields(), **derived_fields(layer), "version": Field("number", Label("版本", "Version"))}


def where(layer: type[Layer], text: str, today: date) -> ColumnElement[bool]:
    """Compile a filter to a WHERE clause on the layer; empty text selects everything.

    Raises
    ------
    FilterError
        Where the text does not parse, or names a property or function that is not there, or compares unlike things.
    """
    if not text.strip():
        return true()
    try:
        expression = cql2.parse_text(text).to_json()
    except cql2.ParseError as error:
        line = str(error).splitlines()
        raise FilterError(
            f"筛选条件无法解析：{text}（{line[0].strip(' ->')}，CQL2 语法，例：status = '正常'）",
            f"The filter does not parse: {text} (at {line[0].strip(' ->')}; CQL2, e.g. status = '正常')",
        ) from error
    return _Compiler(layer, today).condition(expression)


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
        kind = self._kind(args)
        if op in _COMPARISONS:
            return _COMPARISONS[op](*(self.value(a, kind) for a in args))
        if op == "like":
            if kind not in ("text", "term"):
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
        if op == "casei":
            return func.lower(self.value(args[0], kind))
        if op in _ARITHMETIC:
            return _ARITHMETIC[op](*(self.value(a, "number") for a in args))
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

    def _kind(self, args: Any) -> str | None:  # noqa: ANN401 - a JSON tree
        """Find the kind of what is compared, from the first property or function among the operands."""
        for arg in args:
            if isinstance(arg, list):
                continue
            while isinstance(arg, dict) and arg.get("op", "").lower() == "casei":
                arg = arg["args"][0]  # noqa: PLW2901 - look through the function
            if isinstance(arg, dict) and arg.get("property") in self.fields:
                return self.fields[arg["property"]].kind
            if isinstance(arg, dict) and arg.get("op", "").lower() in _ARITHMETIC:
                return "number"
        return None

    def _spatial(self, op: str, args: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a JSON tree
        shapes = [self.layer.geom if a in ({"property": "geom"}, {"property": "geometry"}) else _shape(a) for a in args]
        return getattr(func, _SPATIAL[op])(*shapes)  # type: ignore[no-any-return]


def _shape(node: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a JSON tree
    box = node.get("bbox") if isinstance(node, dict) else None
    if box is None and isinstance(node, dict) and str(node.get("op", "")).lower() in ("bbox", "envelope"):
        box = node["args"]
    if box is not None:
        return func.ST_MakeEnvelope(*(float(v) for v in box), STORED_SRID)
    if not isinstance(node, dict) or "type" not in node:
        raise _bad("空间条件只比较 geom 与给定的图形。", "A spatial condition compares geom with a shape.", ("geom",))
    return func.ST_SetSRID(func.ST_GeomFromGeoJSON(orjson.dumps(node).decode()), STORED_SRID)


def _literal(value: Any, kind: str | None) -> ColumnElement[Any]:  # noqa: ANN401 - whatever the filter says
    """Bind a value as the kind that it is compared with."""
    try:
        if kind in ("number", "money"):
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
        words = {"date": ("日期（如 2023-10-31）", "date (such as 2023-10-31)"), "flag": ("是/否", "true or false")}
        zh, en = words.get(kind or "", ("数字", "number"))
        raise _bad(f"“{value}”应为{zh}。", f"{value!r} should be a {en}.") from error
    if kind in ("text", "term") and not isinstance(value, str):
        value = f"{value:g}" if isinstance(value, float) else str(value)
    return cast(value, _KINDS["text"]) if isinstance(value, str) else literal(value)


def _bad(zh: str, en: str, allowed: Any = ()) -> FilterError:  # noqa: ANN401 - any iterable of names
    return FilterError(zh, en, allowed=allowed)
