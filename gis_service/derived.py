"""What is derived from records and the district's day, and never stored: overdue, days open, open hazards.

Derived properties can be filtered by and are scored, like columns; `derived` gives their SQL for one layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, select

from layers import Field, Label, Layer, ledger


def derived(layer: type[Layer], today: date) -> Mapping[str, ColumnElement[Any]]:
    """Return the derived properties of a layer as SQL expressions.

    On the ledger: `open`, `overdue`, `days_open`, and `days_overdue`, null where it is not. On every other layer:
    `open_hazards` and `overdue_hazards`, the hazards whose subject the feature is.
    """
    hazards = ledger()
    if layer is hazards:
        return {
            "open": is_open(),
            "overdue": is_overdue(today),
            "days_open": literal(today) - hazards.found_on,
            "days_overdue": case((is_overdue(today), literal(today) - hazards.deadline)),
        }
    its = and_(hazards.subject_layer == layer.__tablename__, hazards.subject_code == layer.code)
    count = select(func.count()).select_from(hazards).where(its).correlate(layer)
    return {
        "open_hazards": count.where(is_open()).scalar_subquery(),
        "overdue_hazards": count.where(is_overdue(today)).scalar_subquery(),
    }


def derived_fields(layer: type[Layer]) -> Mapping[str, Field]:
    """Return what people must know of the derived properties."""
    if layer is ledger():
        return {
            "open": Field("flag", Label("未闭环", "Open")),
            "overdue": Field("flag", Label("逾期", "Overdue")),
            "days_open": Field("number", Label("发现天数", "Days since found"), unit="d"),
            "days_overdue": Field("number", Label("逾期天数", "Days overdue"), unit="d"),
        }
    return {
        "open_hazards": Field("number", Label("未闭环隐患", "Open hazards")),
        "overdue_hazards": Field("number", Label("逾期隐患", "Overdue hazards")),
    }


def is_open() -> ColumnElement[bool]:
    """Select the hazards that are not closed."""
    hazards = ledger()
    return hazards.status.in_(hazards.open_terms)


def is_overdue(today: date) -> ColumnElement[bool]:
    """Select the open hazards whose deadline has passed without rectification by `today`."""
    hazards = ledger()
    late = and_(hazards.deadline < today, hazards.rectified_on.is_(None))
    return and_(is_open(), func.coalesce(late, literal(False)))  # noqa: FBT003 - an SQL literal
