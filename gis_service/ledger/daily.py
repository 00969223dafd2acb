"""The daily list: what each sub-district has to do today, the major hazards first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, SQLColumnExpression, and_, case, literal, select

from gis_service.derived import is_open, is_overdue
from gis_service.features import area_codes, in_area
from gis_service.ledger.rates import OUTSIDE
from gis_service.ledger.rows import read_with
from layers import Label, Language, Role, ledger, with_role

SOON = timedelta(days=3)
SECTIONS: Mapping[str, Label] = {
    "overdue": Label("已逾期", "Overdue"),
    "due_soon": Label(f"{SOON.days} 日内到期", f"Due within {SOON.days} days"),
    "found": Label("新发现待交办", "Found, not yet issued"),
    "to_verify": Label("待复查", "Waiting for verification"),
}


def daily(connection: Connection, today: date, language: Language, area: str = "") -> dict[str, Any]:
    """Return for each lowest area, and for what lies outside, the hazards of each of the SECTIONS.

    A hazard is in one section at most; the major come first, then those whose day (deadline, finding, rectification)
    is the earliest. `days` are those overdue, left, since it was found, or since it was rectified.

    Raises
    ------
    UnknownName
        Where the area is not there.
    """
    hazards, table = ledger(), ledger().__table__
    sections = _sections(today)
    section = case(*((clause, name) for name, (clause, _) in sections.items())).label("section")
    since = case(*((clause, day) for clause, day in sections.values()))
    codes = area_codes(connection, area) if area else []
    clause = in_area(hazards, codes) if area else literal(value=True)
    columns = (*(table.c[name] for name in hazards.fields()), *read_with(today), section, since.label("since"))
    order = (hazards.level != hazards.major, since, table.c.id)
    rows = connection.execute(select(*columns).where(clause, section.is_not(None)).order_by(*order)).mappings()
    found: dict[str | None, dict[str, list[Any]]] = {}
    for row in rows:
        item = {**row, "days": abs((today - row["since"]).days) if row["since"] else None}
        found.setdefault(row["area_code"], {name: [] for name in SECTIONS})[row["section"]].append(item)
    areas = with_role(Role.AREAS).__table__
    named = select(areas.c.code, areas.c.name).where(areas.c.code.in_([code for code in found if code]))
    names = {row.code: row.name or row.code for row in connection.execute(named.order_by(areas.c.code))}
    listed = [{"area_code": code, "area": name, **found[code]} for code, name in names.items()]
    if None in found:
        listed.append({"area_code": None, "area": OUTSIDE.in_(language), **found[None]})
    counts = {name: sum(len(one[name]) for one in found.values()) for name in SECTIONS}
    labels = {name: label.in_(language) for name, label in SECTIONS.items()}
    return {"as_of": today, "sections": labels, "counts": counts, "areas": listed}


def _sections(today: date) -> dict[str, tuple[ColumnElement[bool], SQLColumnExpression[date | None]]]:
    """Return which hazards each section holds, and the day that counts for it."""
    hazards = ledger()
    rectified = hazards.status.in_(hazards.rectified_terms)
    soon = and_(is_open(), ~rectified, hazards.deadline.between(today, today + SOON))
    waiting = and_(rectified, hazards.status.not_in(hazards.verified_terms))
    return {
        "overdue": (is_overdue(today), hazards.deadline),
        "due_soon": (soon, hazards.deadline),
        "found": (hazards.status == hazards.first, hazards.found_on),
        "to_verify": (waiting, hazards.rectified_on),
    }
