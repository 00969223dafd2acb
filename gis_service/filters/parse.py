"""CQL2, as text or as JSON, to one tree; what is nested too deeply is refused before anything takes it apart."""

from __future__ import annotations

import re
from typing import Any, Literal

import cql2
import orjson

from gis_service.errors import FilterError

Written = Literal["cql2-text", "cql2-json"]
"""How a filter is written: the names that OGC API Features gives the two."""

_QUOTED = re.compile(r"'[^']*'" + r'|"[^"]*"')
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_DEEPEST = 12
"""Brackets within brackets that a text may have: the parser takes twice as long for each more that does not close."""
_TALLEST = 100
"""Operations within operations; a chain of AND or OR is one."""
_DEEPEST_JSON = 2 * _TALLEST + 20
"""Braces and brackets of a JSON: two for each operation, and those of a shape."""


def parsed(text: str, written: Written) -> Any:  # noqa: ANN401 - a JSON tree
    """Return the tree of a filter.

    Raises
    ------
    FilterError
        Where it does not parse, with the position; or is nested too deeply.
    """
    tree = _of_text(text) if written == "cql2-text" else _of_json(text)
    _require_shallow(_height(tree), _TALLEST)
    return tree


def _of_text(text: str) -> Any:  # noqa: ANN401 - a JSON tree
    _require_shallow(_bracketed(_QUOTED.sub("", text), "([", ")]"), _DEEPEST)
    try:
        return cql2.parse_text(text).to_json()
    except (cql2.ParseError, cql2.ValidationError, ValueError) as error:
        at = str(error).splitlines()[0].strip(" ->")
        raise FilterError(
            f"筛选条件无法解析：{text}（{at}，CQL2 语法，例：status = '正常'）",
            f"The filter does not parse: {text} (at {at}; CQL2, e.g. status = '正常')",
            position=at,
        ) from error


def _of_json(text: str) -> Any:  # noqa: ANN401 - a JSON tree
    _require_shallow(_bracketed(_JSON_STRING.sub("", text), "{[", "}]"), _DEEPEST_JSON)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        at = f"{error.lineno}:{error.colno}"
        raise FilterError(
            f"筛选条件无法解析：不是 JSON（{at}）。", f"The filter does not parse: no JSON (at {at}).", position=at
        ) from error


def _bracketed(text: str, opening: str, closing: str) -> int:
    """Return how deep the brackets of a text go."""
    depth = deepest = 0
    for character in text:
        depth = max(depth + (character in opening) - (character in closing), 0)
        deepest = max(deepest, depth)
    return deepest


def _height(node: Any) -> int:  # noqa: ANN401 - a JSON tree
    """Return how many operations lie within each other, without recursion."""
    level, height = [node], 0
    while level:
        parents = [n for n in level if isinstance(n, dict | list)]
        level = [child for n in parents for child in (n.values() if isinstance(n, dict) else n)]
        height += any(isinstance(n, dict) for n in parents)
    return height


def _require_shallow(depth: int, most: int) -> None:
    if depth > most:
        raise FilterError(
            f"筛选条件嵌套过深：最多 {most} 层。", f"The filter is nested too deeply: {most} levels at most."
        )
