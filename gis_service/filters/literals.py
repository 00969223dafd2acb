"""Values that a filter gives, bound as the kind of what they are compared with."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, literal

from gis_service.errors import FilterError
from layers import Label

WORDS = {
    "text": Label("文字", "text"),
    "number": Label("数字", "a number"),
    "date": Label("日期（如 2023-10-31）", "a date (such as 2023-10-31)"),
    "flag": Label("是/否", "true or false"),
}


def literal_of(value: Any, kind: str | None) -> ColumnElement[Any]:  # noqa: ANN401 - whatever the filter says
    """Bind a value as the kind that it is compared with.

    Raises
    ------
    FilterError
        Where it is of another.
    """
    if isinstance(value, str) and "\0" in value:
        raise FilterError("文字中不能有空字符。", "A text cannot hold the character NUL.")
    try:
        if isinstance(value, dict | list) or value is None:
            raise TypeError(value)
        if kind == "number":
            if isinstance(value, bool | str) or not math.isfinite(value):
                raise ValueError(value)
            return literal(float(value))
        if kind == "date":
            return literal(datetime.fromisoformat(value).date())
        if kind == "flag":
            if not isinstance(value, bool):
                raise ValueError(value)
            return literal(value)
    except (TypeError, ValueError, OverflowError) as error:
        word = WORDS[kind or "text"]
        raise FilterError(f"“{value}”应为{word.zh}。", f"{value!r} should be {word.en}.") from error
    return cast(f"{value:g}" if isinstance(value, float) else str(value), Text)


def kind_of(value: Any) -> str:  # noqa: ANN401 - whatever the filter says
    """Return the kind of a literal that is compared with none but literals."""
    return "flag" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "text"
