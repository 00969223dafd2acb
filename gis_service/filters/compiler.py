"""One expression tree to SQL, for one layer: every value bound, every name taken from the layer's own fields."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Numeric, and_, cast, collate, false, func, literal, not_, or_, true

from gis_service.crs import Crs
from gis_service.derived import derived, derived_fields
from gis_service.errors import FilterError
from gis_service.filters.literals import WORDS, kind_of, literal_of
from gis_service.filters.shapes import PREDICATES, shape
from gis_service.filters.temporal import RELATIONS, Span, unbounded
from layers import Field, Label, Layer

_COMPARISONS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], ColumnElement[Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda over, under: over / func.nullif(under, 0),
    "%": lambda over, under: func.mod(cast(over, Numeric), func.nullif(cast(under, Numeric), 0)),
    "div": lambda over, under: func.div(cast(over, Numeric), func.nullif(cast(under, Numeric), 0)),
    "^": func.power,
}
_FOLDED: Mapping[str, Callable[[Any], ColumnElement[Any]]] = {
    # capitals, not small letters: only there one letter may become two (ß), and no letter has a final form (ς)
    "casei": lambda text: func.upper(collate(text, "und-x-icu")),
    # letters and their accents are taken apart (with its schema, for the bare name is a keyword), and accents left out
    "accenti": lambda text: func.regexp_replace(func.pg_catalog.normalize(text, "NFD"), "[\u0300-\u036f]", "", "g"),
}
FUNCTIONS: Mapping[str, tuple[Label, Callable[[date], date]]] = {
    "today": (Label("本区的当天", "The district's day"), lambda today: today),
    "year_start": (Label("当年 1 月 1 日", "The first day of its year"), lambda today: today.replace(month=1, day=1)),
}
"""The engine's own functions, each of the district's day."""

_FAMILIES = {
    **dict.fromkeys(("text", "term", "layer"), "text"),
    **dict.fromkeys(("number", "money"), "number"),
    "date": "date",
    "flag": "flag",
}
"""Fields of one family can be compared."""
_GEOMETRIES = ("geom", "geometry")
_OPERANDS = {
    **dict.fromkeys(("not", "isnull", *_FOLDED), 1),
    **dict.fromkeys(("like", "in", *_COMPARISONS, *_ARITHMETIC, *PREDICATES, *RELATIONS), 2),
    "between": 3,
}
_FUNCTIONS = (*_FOLDED, *FUNCTIONS, *sorted(PREDICATES), *sorted(RELATIONS))


def filterable(layer: type[Layer]) -> Mapping[str, Field]:
    """Return every property that a filter may name, derived ones included; the geometry is `geom`."""
    return {**layer.fields(), **derived_fields(layer), "version": Field("number", Label("版本", "Version"))}


class Compiler:
    """Compiles one expression tree for one layer; `text` is what the filter was written as, to say where it errs."""

    def __init__(self, layer: type[Layer], today: date, crs: Crs, text: str) -> None:
        self.layer, self.today, self.crs, self.text = layer, today, crs, text
        self.fields = filterable(layer)
        self.derived = derived(layer, today)

    def condition(self, node: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a JSON tree
        """Compile what is true or false.

        Raises
        ------
        FilterError
            Where it is no condition, names what is not there, or compares unlike things.
        """
        if isinstance(node, bool):
            return true() if node else false()
        if not isinstance(node, dict) or ("op" not in node and "property" not in node):
            raise _bad(f"“{node}”不是条件。", f"{node!r} is no condition.")
        if "property" in node:
            return self._boolean(node)
        op, args = self._operation(node)
        if op in ("and", "or"):
            return (and_ if op == "and" else or_)(*(self.condition(a) for a in args))
        if op == "not":
            return not_(self.condition(args[0]))
        if op in PREDICATES:
            return self._spatial(op, args)
        if op in RELATIONS:
            return RELATIONS[op](self._span(args[0]), self._span(args[1]))
        if op == "isnull":
            return (self.layer.geom if _is_geometry(args[0]) else self.value(args[0], None)).is_(None)
        return self._comparison(op, args)

    def _comparison(self, op: str, args: list[Any]) -> ColumnElement[bool]:
        if op == "in" and not isinstance(args[1], list):
            raise _bad("IN 之后应为值的列表。", "IN is followed by a list of values.")
        if op not in (*_COMPARISONS, "like", "between", "in"):
            self._kind({"op": op})  # a function that is not there
            raise _bad(f"{op} 不是条件。", f"{op} is no condition.")
        kind = self._common_kind([args[0], *args[1]] if op == "in" else args)
        if op == "like" and kind != "text":
            raise _bad("LIKE 只能用于文字。", "LIKE takes text only.")
        first = self.value(args[0], kind)
        if op == "in":
            return first.in_([self.value(a, kind) for a in args[1]])
        others = [self.value(a, kind) for a in args[1:]]
        if op == "between":
            return first.between(others[0], others[1])
        if op in _COMPARISONS:
            return _COMPARISONS[op](first, *others)
        _require_whole(args[1])
        return first.op("LIKE", is_comparison=True)(others[0])

    def value(self, node: Any, kind: str | None) -> ColumnElement[Any]:  # noqa: ANN401 - a JSON tree
        """Compile an operand; a literal takes the type of what it is compared with."""
        if not isinstance(node, dict):
            return literal_of(node, kind)
        if "property" in node:
            return self._property(node["property"])
        if "date" in node or "timestamp" in node:
            return literal_of(node.get("date") or node.get("timestamp"), "date")
        op, args = self._operation(node)
        self._kind(node)
        if op in FUNCTIONS:
            return literal(FUNCTIONS[op][1](self.today))
        taken = "text" if op in _FOLDED else "number"
        if {self._kind(a) for a in args} - {None, taken}:
            raise _bad(f"{op} 只能用于{WORDS[taken].zh}。", f"{op} takes {WORDS[taken].en} only.")
        operands = [self.value(a, taken) for a in args]
        return _FOLDED[op](*operands) if op in _FOLDED else _ARITHMETIC[op](*operands)

    def _operation(self, node: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """Return an operation's name and its operands, as many as it takes."""
        op, args = str(node.get("op", "")).lower(), node.get("args")
        most = 0 if op in FUNCTIONS else _OPERANDS.get(op)
        if (
            not op
            or not isinstance(args, list)
            or (most is not None and len(args) != most)
            or (most is None and not args)
        ):
            raise _bad(
                f"“{op or node}”的参数个数有误。",
                f"{op or node!r} has not as many operands as it takes.",
                **self._at(op),
            )
        return op, args

    def _property(self, name: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a JSON tree
        if not isinstance(name, str) or name not in self.fields:
            title = self.layer.title
            raise _bad(
                f"{title.zh}没有字段“{name}”。", f"{title.en} have no field {name!r}.", self.fields, **self._at(name)
            )
        column: ColumnElement[Any] = self.derived[name] if name in self.derived else self.layer.__table__.c[name]
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
        kinds = {self._kind(node) for node in operands} - {None} or {kind_of(node) for node in operands}
        if len(kinds) != 1:
            words = sorted(WORDS[kind or "text"].zh for kind in kinds), sorted(WORDS[k or "text"].en for k in kinds)
            raise _bad(f"不能比较：{'、'.join(words[0])}。", f"These cannot be compared: {', '.join(words[1])}.")
        return kinds.pop() or "text"

    def _kind(self, node: Any) -> str | None:  # noqa: ANN401 - a JSON tree
        """Return the kind of a field or function; None for a literal, which takes the kind of the others."""
        if not isinstance(node, dict):
            return None
        if "property" in node:
            self._property(node["property"])  # refuses an unknown one
            return _FAMILIES[self.fields[node["property"]].kind]
        if "date" in node or "timestamp" in node:
            return "date"
        op = str(node.get("op", "")).lower()
        kinds = dict.fromkeys(_FOLDED, "text") | dict.fromkeys(_ARITHMETIC, "number") | dict.fromkeys(FUNCTIONS, "date")
        if op not in kinds:
            raise _bad(f"没有函数 {op}。", f"There is no function {op}.", _FUNCTIONS, **self._at(op))
        return kinds[op]

    def _spatial(self, op: str, args: list[Any]) -> ColumnElement[bool]:
        one, other = (self.layer.geom if _is_geometry(a) else shape(op, a, self.crs) for a in args)
        relates: ColumnElement[bool] = getattr(func, PREDICATES[op])(one, other)
        # the boxes are compared first: only this may use the index where row policies hold who asks
        return relates if op == "s_disjoint" else and_(one.op("&&", is_comparison=True)(other), relates)

    def _span(self, node: Any) -> Span:  # noqa: ANN401 - a JSON tree
        """Return first and last day of an interval; those of a day are the same."""
        if not isinstance(node, dict) or "interval" not in node:
            day = self._day(node)
            return day, day
        ends = node["interval"]
        if not isinstance(ends, list) or len(ends) != 2:  # noqa: PLR2004 - a beginning and an end
            raise _bad("INTERVAL 应有起止两端。", "INTERVAL has two ends.")
        first, last = (unbounded(end=at == 1) if end == ".." else self._day(end) for at, end in enumerate(ends))
        return first, last

    def _day(self, node: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a JSON tree
        if self._kind(node) not in (None, "date"):
            raise _bad("时间条件只能用于日期。", "Temporal conditions take dates only.")
        return self.value(node, "date")

    def _at(self, word: Any) -> dict[str, int]:  # noqa: ANN401 - whatever the filter says
        """Return where in the filter a word first stands, counted from 1."""
        found = self.text.casefold().find(word.casefold()) if isinstance(word, str) and word else -1
        return {"position": found + 1} if found >= 0 else {}


def _is_geometry(node: Any) -> bool:  # noqa: ANN401 - a JSON tree
    return isinstance(node, dict) and node.get("property") in _GEOMETRIES


def _require_whole(pattern: Any) -> None:  # noqa: ANN401 - a JSON tree
    """Refuse a pattern whose last character is an escape of nothing."""
    while isinstance(pattern, dict) and pattern.get("args"):
        pattern = pattern["args"][0]
    if isinstance(pattern, str) and (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise _bad("LIKE 的样式不能以单个反斜杠结尾。", "A pattern of LIKE cannot end with a single backslash.")


def _bad(zh: str, en: str, allowed: Any = (), **members: Any) -> FilterError:  # noqa: ANN401 - any iterable of names
    return FilterError(zh, en, allowed=allowed, **members)
