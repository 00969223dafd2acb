"""The ledger's rates 整改率, 按期整改率, 复查率, 闭环率: each with numerator, denominator, and its base in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Connection, and_, func, select

from gis_service.derived import is_overdue
from gis_service.errors import UnknownValue
from gis_service.features import area_codes
from gis_service.ledger.rows import Wanted
from layers import Label, Language, Role, ledger, registry, with_role

By = Literal["area", "level", "kind", "subject_layer"]
BY: tuple[By, ...] = get_args(By)
OUTSIDE, WITHOUT = Label("各区域之外", "outside every area"), Label("无对象", "no subject")


@dataclass(frozen=True)
class _Rate:
    """A rate in percent: one count over another, its base."""

    name: str
    label: Label
    numerator: str
    denominator: str
    base: Label


_FOUND = Label("期间内发现的隐患", "hazards found in the period")
_RECTIFIED = Label("期间内发现且已整改的隐患", "hazards found in the period that are rectified")
RATES = (
    _Rate("rectified", Label("整改率", "Rectified"), "rectified", "found", _FOUND),
    _Rate(
        "on_time",
        Label("按期整改率", "Rectified on time"),
        "on_time",
        "rectified",
        Label(
            f"{_RECTIFIED.zh}；无期限或整改日期的不算按期",
            f"{_RECTIFIED.en}; without a deadline or a day of rectification it is not on time",
        ),
    ),
    _Rate("verified", Label("复查率", "Verified"), "verified", "rectified", _RECTIFIED),
    _Rate("closed", Label("闭环率", "Closed"), "closed", "found", _FOUND),
)
"""安监总局令16号 and the bureau's own ledger (domain reference 2.9)."""


def rates(
    connection: Connection,
    today: date,
    language: Language,
    *,
    area: str = "",
    by: str = "",
    found_from: date | None = None,
    found_to: date | None = None,
) -> dict[str, Any]:
    """Return the rates of the hazards found in a period, in total and by area, level, kind or subject's layer.

    A hazard counts as it stands: rectified, verified or closed by its state; on time where the day of its
    rectification is not after its deadline. A rate is in percent, null where its base is 0. Rows add up to the total.

    Raises
    ------
    UnknownName, UnknownValue
        Where the area is not there, or nothing can be told apart by `by`.
    """
    if by and by not in BY:
        raise UnknownValue("by", by, BY)
    clause = Wanted(area=area, found_from=found_from, found_to=found_to).clause(connection, today)
    counts = _counts(today)
    key = [ledger().__table__.c["area_code" if by == "area" else by]] if by else []
    found = connection.execute(select(*key, *counts.values()).where(clause).group_by(*key)).all()
    groups = {row[0] if by else None: dict(zip(counts, row[len(key) :], strict=True)) for row in found}
    nothing = dict.fromkeys(counts, 0)
    total = {name: sum(group[name] for group in groups.values()) for name in counts}
    named = _NAMED[by](connection, area, groups, language) if by else {}
    return {
        "as_of": today,
        "from": found_from,
        "to": found_to,
        "area": area or None,
        "by": by or None,
        "rows": [{"key": k, "label": label, **_told(groups.get(k, nothing), language)} for k, label in named.items()],
        "total": _told(total, language),
    }


def _counts(today: date) -> dict[str, ColumnElement[int]]:
    hazards = ledger()
    rectified = hazards.status.in_(hazards.rectified_terms)
    clauses = {
        "rectified": rectified,
        "on_time": and_(rectified, hazards.rectified_on <= hazards.deadline),
        "verified": hazards.status.in_(hazards.verified_terms),
        "closed": hazards.status.in_(hazards.closed_terms),
        "overdue": is_overdue(today),
    }
    return {"found": func.count()} | {name: func.count().filter(clause) for name, clause in clauses.items()}


def _told(counts: Mapping[str, int], language: Language) -> dict[str, Any]:
    return {
        **counts,
        "rates": [
            {
                "name": rate.name,
                "label": rate.label.in_(language),
                "numerator": counts[rate.numerator],
                "denominator": counts[rate.denominator],
                "base": rate.base.in_(language),
                "percent": _percent(counts[rate.numerator], counts[rate.denominator]),
            }
            for rate in RATES
        ],
    }


def _percent(part: int, base: int) -> float | None:
    return round(100 * part / base, 2) if base else None


Groups = Mapping[str | None, Mapping[str, int]]
Named = dict[str | None, str]


def _areas(connection: Connection, area: str, groups: Groups, language: Language) -> Named:
    """Name every lowest area, also where nothing was found, and what lies outside all."""
    areas = with_role(Role.AREAS).__table__
    lowest = select(areas.c.code, areas.c.name).where(areas.c.leaf).order_by(areas.c.code)
    if area:
        lowest = lowest.where(areas.c.code.in_(area_codes(connection, area)))
    named: Named = {row.code: row.name or row.code for row in connection.execute(lowest)}
    missing = {key: key or OUTSIDE.in_(language) for key in groups if key not in named}
    return named | missing


def _terms(field: str) -> Callable[[Connection, str, Groups, Language], Named]:
    def named(_connection: Connection, _area: str, groups: Groups, language: Language) -> Named:
        vocabulary = ledger().fields()[field].vocabulary
        return {term.code: term.label.in_(language) for term in vocabulary or () if term.code in groups}

    return named


def _layers(_connection: Connection, _area: str, groups: Groups, language: Language) -> Named:
    titles: Named = {name: layer.title.in_(language) for name, layer in registry().items() if name in groups}
    rest: Sequence[str | None] = [key for key in groups if key not in titles]
    return titles | {key: key or WITHOUT.in_(language) for key in rest}


_NAMED: Mapping[str, Callable[[Connection, str, Groups, Language], Named]] = {
    "area": _areas,
    "level": _terms("level"),
    "kind": _terms("kind"),
    "subject_layer": _layers,
}
