"""The ledger's rows: which are asked for, in which order they come, and what is read with each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)

from gis_service.derived import derived, is_open
from gis_service.errors import UnknownValue
from gis_service.features import area_codes, as_geojson, find_layer, in_area, listed
from layers import Role, ledger, registry, with_role

_DAY_ONE = date(2000, 1, 1)


@dataclass(frozen=True)
class Wanted:
    """What is asked of the ledger: words are comma-separated, a subject is a layer or `layer/code`; None is either."""

    area: str = ""
    level: str = ""
    status: str = ""
    kind: str = ""
    subject: str = ""
    open: bool | None = None
    overdue: bool | None = None
    supervised: bool | None = None
    found_from: date | None = None
    found_to: date | None = None

    def clause(self, connection: Connection, today: date) -> ColumnElement[bool]:
        """Return the WHERE clause.

        Raises
        ------
        UnknownName, UnknownValue
            Where the area, the subject's layer or a word is not there; with those that are.
        """
        hazards, derivations = ledger(), derived(ledger(), today)
        clauses = [_among(name, getattr(self, name)) for name in ("level", "status", "kind")]
        if self.area:
            clauses.append(in_area(hazards, area_codes(connection, self.area)))
        if self.subject:
            clauses.append(_about(self.subject))
        if self.found_from:
            clauses.append(hazards.found_on >= self.found_from)
        if self.found_to:
            clauses.append(hazards.found_on <= self.found_to)
        flags = {
            "open": derivations["open"],
            "overdue": derivations["overdue"],
            "supervised": func.coalesce(hazards.supervised, false()),
        }
        for name, flag in flags.items():
            if getattr(self, name) is not None:
                clauses.append(flag == getattr(self, name))
        return and_(true(), *clauses)


@dataclass(frozen=True)
class Page:
    """Some hazards as a run of GeoJSON texts, how many there are in all, and what to ask the next page with, if any."""

    features: bytes
    number: int
    matched: int
    following: str


def page(connection: Connection, wanted: Wanted, today: date, *, limit: int, after: str = "") -> Page:
    """Return at most `limit` hazards, from behind the key that the page before gave.

    First what is to be rectified, the earliest deadline before; then what is not yet issued, what waits for
    verification, and what is done, of these the newest before. Each has the derived properties, `subject_name` and
    `area_name`.

    Raises
    ------
    UnknownName, UnknownValue
        Where something named is not there, or `after` is no such key.
    """
    table = ledger().__table__
    clause, key = wanted.clause(connection, today), (*_urgency(), table.c.id)
    rows = as_geojson(ledger(), *read_with(today)).add_columns(*(part.label(f"key_{i}") for i, part in enumerate(key)))
    behind = tuple_(*key) > tuple_(*(literal(part) for part in _key(after))) if after else true()
    found = connection.execute(rows.where(clause, behind).order_by(*key).limit(limit + 1)).all()
    last = found[limit - 1] if len(found) > limit else None
    return Page(
        ",".join(row.feature for row in found[:limit]).encode(),
        min(len(found), limit),
        connection.execute(select(func.count()).select_from(table).where(clause)).scalar_one(),
        f"{last.key_0}.{last.key_1}.{last.key_2}" if last else "",
    )


def read_with(today: date) -> list[ColumnElement[Any]]:
    """Return what is read with each hazard: what is derived, and the names of its subject and its area."""
    derivations = [expression.label(name) for name, expression in derived(ledger(), today).items()]
    return [*derivations, subject_name().label("subject_name"), area_name().label("area_name")]


def subject_name() -> ColumnElement[Any]:
    """Return the name of a hazard's subject as SQL; null where it has none, or who asks does not see it."""
    hazards = ledger().__table__
    names = {layer: _name(of.__table__, hazards.c.subject_code) for layer, of in registry().items()}
    return case(*((hazards.c.subject_layer == layer, name) for layer, name in names.items()), else_=None)


def area_name() -> ColumnElement[Any]:
    """Return the name of the area that a hazard lies in as SQL."""
    return _name(with_role(Role.AREAS).__table__, ledger().__table__.c.area_code)


def _name(table: FromClause, code: ColumnElement[Any]) -> ColumnElement[Any]:
    other = table.alias()
    named = select(func.coalesce(other.c.name, other.c.code)).where(other.c.code == code)
    return named.correlate(ledger().__table__).scalar_subquery()


def _urgency() -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Return the order of the ledger: what has to be done next, and within it by which day."""
    hazards = ledger()
    unfinished = and_(is_open(), hazards.status.not_in(hazards.rectified_terms))
    ordered = (
        (and_(unfinished, hazards.deadline.is_not(None)), hazards.deadline),
        (unfinished, hazards.found_on),
        (is_open(), hazards.rectified_on),
    )
    group = case(*((clause, number) for number, (clause, _) in enumerate(ordered)), else_=len(ordered))
    days = case(*((clause, day - _DAY_ONE) for clause, day in ordered), else_=_DAY_ONE - hazards.found_on)
    return group, func.coalesce(days, 0)


def _key(after: str) -> tuple[int, int, int]:
    try:
        group, days, id_ = (int(part) for part in after.split("."))
    except ValueError as error:
        raise UnknownValue("after", after, ["links.next"]) from error
    return group, days, id_


def _among(name: str, words: str) -> ColumnElement[bool]:
    """Select the hazards with one of these terms, however they are spelt."""
    column, vocabulary = ledger().__table__.c[name], ledger().fields()[name].vocabulary
    assert vocabulary is not None
    found = {word: vocabulary.find(word) for word in listed(words)}
    for word, term in found.items():
        if term is None:
            raise UnknownValue(name, word, vocabulary.codes)
    return column.in_([term.code for term in found.values() if term]) if found else true()


def _about(subject: str) -> ColumnElement[bool]:
    hazards, (layer, _, code) = ledger(), subject.partition("/")
    about = hazards.subject_layer == find_layer(layer).__tablename__
    return and_(about, or_(hazards.subject_code == code, literal(not code)))
