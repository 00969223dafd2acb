"""What the database refuses by its own rules, in the reader's words. Its triggers say by SQLSTATE which rule it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from gis_service.errors import BadRecord, Fault, Forbidden, GisError, NotNow, OutOfOrder
from layers import Label


@contextmanager
def refusals() -> Iterator[None]:
    """Turn refusals of the triggers and the row policies into errors of ours.

    Raises
    ------
    OutOfOrder
        A change would hold from before the version that it follows.
    Forbidden
        The row, the column or the earlier day is not hers.
    NotNow
        The loop of the ledger does not go so.
    BadRecord
        What has to lie somewhere has neither a place nor a subject that is there.
    """
    try:
        yield
    except DBAPIError as error:
        word = _WORDS.get(getattr(error.orig, "pgcode", ""))
        if word is None:
            raise
        diagnosis = getattr(error.orig, "diag", None)
        named, detail = (getattr(diagnosis, name, None) or "" for name in ("column_name", "message_detail"))
        raise word(named, detail) from error


def _out_of_order(code: str, since: str) -> GisError:
    return OutOfOrder(
        f"{code} 的上一版本到 {since} 才生效或结束，更改不能早于这一天。",
        f"What was of {code} began or ended on {since}; a change cannot hold from before.",
    )


def _not_her_row(_column: str, _detail: str) -> GisError:
    return Forbidden(
        "您无权更改这里的记录：它（或其对象）不全在您的辖区或图层内，或您的角色不含此项职责。",
        "You may not change this: it, or its subject, does not lie wholly in your areas and layers, or your role does "
        "not have the duty.",
    )


def _not_her_column(column: str, _detail: str) -> GisError:
    if column == "valid_from":
        return Forbidden(
            "您无权指定更早的生效日期（valid_from）。", "You may not give an earlier day to hold from (valid_from)."
        )
    return Forbidden(f"您无权更改字段 {column}。", f"You may not change the field {column}.", field=column)


def _not_so(code: str, _detail: str) -> GisError:
    return NotNow(
        f"{code} 的状态不能这样更改，请按台账流程办理。",
        f"The state of {code} cannot change so; follow the loop of the ledger.",
    )


def _nowhere(code: str, _detail: str) -> GisError:
    why = Label(
        "没有几何图形，也没有现有的对象（subject_layer、subject_code）",
        "has no geometry, and no subject that is there (subject_layer, subject_code)",
    )
    return BadRecord.of([Fault("geom", code, why)])


_WORDS: Mapping[str, Callable[[str, str], GisError]] = {
    "GIS01": _out_of_order,
    "GIS02": _not_her_column,
    "GIS03": _not_so,
    "GIS04": _nowhere,
    "42501": _not_her_row,
}
