"""Counts, lengths, areas and sums of a layer per area, in total, and outside every area.

For every layer and measure: the sum over the areas plus what lies outside is the total. A feature counts once, in the
area that holds it; a line or polygon is measured piece by piece in the areas it crosses. Lengths and areas are
geodesic, in kilometres and square metres; money is in 万元.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Numeric, and_, cast, column, func, literal, or_, select, true

from gis_service.database.tallies import METRES, SQUARE_METRES, Told, per, tallies, told_by
from gis_service.errors import UnknownName
from gis_service.features import area_codes, sees_everything
from gis_service.filters import where
from layers import Figure, Label, Language, Layer, Ratio, Role, Sum, registry, with_role


class _Share(NamedTuple):
    """A measure by shares: the column of tallies, the dimension of the geometry, the unit in (square) metres."""

    column: str
    dimension: int
    unit: Decimal


_SHARES = {"length_km": _Share(METRES, 1, Decimal(1000)), "area_m2": _Share(SQUARE_METRES, 2, Decimal(1))}

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Question:
    """What is asked of a layer: grouped by which vocabulary fields, which measures, of which features and area."""

    layer: type[Layer]
    group: tuple[str, ...] = ()
    measures: tuple[str, ...] = ("count",)
    filter: str = ""
    area: str = ""

    def checked(self) -> Question:
        """Return the question itself.

        Raises
        ------
        UnknownName
            Where a field cannot be grouped by, or a measure is not there; with those that can and are.
        """
        _require(Label("分组字段", "field to group by"), self.group, self.layer.categories())
        _require(Label("指标", "measure"), self.measures, self.layer.measure_names())
        return self


def statistics(connection: Connection, question: Question, today: date) -> dict[str, Any]:
    """Answer a question.

    Returns
    -------
    dict
        `rows` per area (and group), `outside` every area, `groups` (per group over all areas), and the `total`.
        Without a group every area is there, with zeros where it holds nothing.

    Raises
    ------
    FilterError, UnknownName
        Where the question names what is not there.
    """
    question = question.checked()
    cells = _cells(connection, question, today)
    areas = _areas(connection, question.area)
    if question.area or not sees_everything(connection):
        cells = _within(cells, areas)
    else:  # what lies in an area that was not there on that day lay outside
        cells = _added(cells, lambda key: (key[0] if key[0] in areas else None, *key[1:]))
    if not question.group:
        cells = {(code,): {} for code in (*areas, *([] if question.area else [None]))} | cells
    order = _order(question)
    rows = [
        {"area_code": key[0], "area": areas[key[0]], **_row(question, key, sums)}
        for key, sums in sorted(cells.items(), key=lambda cell: (cell[0][0] or "", order(cell[0])))
        if key[0] is not None
    ]
    outside = [_row(question, key, cells[key]) for key in sorted(cells, key=order) if key[0] is None]
    groups = _added(cells, lambda key: (None, *key[1:]))
    total = _added(cells, lambda _key: (None,)).get((None,), {})
    return {
        "layer": question.layer.__tablename__,
        "as_of": today,
        "rows": rows,
        "outside": outside,
        "groups": [_row(question, key, groups[key]) for key in sorted(groups, key=order)] if question.group else [],
        "total": _values(question, total),
    }


def figure(connection: Connection, layer: type[Layer], figure: Figure, today: date) -> float:
    """Compute one figure of the report, rounded to its precision."""
    kind, _, of = figure.measure.partition(":")
    if kind == "distinct":
        distinct = select(func.count(layer.__table__.c[of].distinct())).where(where(layer, figure.where, today))
        return float(connection.scalar(distinct) or 0)
    question = Question(layer, measures=(figure.measure,), filter=figure.where).checked()
    cells = _cells(connection, question, today)
    if not sees_everything(connection):
        cells = _within(cells, _areas(connection, ""))
    value = _values(question, _added(cells, lambda _key: (None,)).get((None,), {}))[figure.measure]
    return round(float(value or 0) * figure.scale, figure.precision)


def figures(connection: Connection, today: date, language: Language) -> list[dict[str, Any]]:
    """Compute every declared figure, in the report's order, each with its definition in the reader's language."""
    declared = [(f, layer) for layer in registry().values() for f in layer.figures]
    return [
        {
            "key": f.key,
            "label": f.label.in_(language),
            "value": figure(connection, layer, f, today),
            "precision": f.precision,
            "unit": f.unit.in_(language),
            "qualifier": f.qualifier,
            "layer": layer.__tablename__,
            "measure": f.measure,
            "filter": f.where,
        }
        for f, layer in sorted(declared, key=lambda pair: pair[0].key)
    ]


def _cells(connection: Connection, question: Question, today: date) -> dict[Key, dict[str, Decimal]]:
    """Return sums by (area or None, group terms...), each measure's parts under its own name.

    They are kept, unless a filter reads more of a row than its categories, or who asks sees only some.
    """
    clause = where(question.layer, question.filter, today)
    told = told_by(question.layer, clause)
    # what is measured lies in other areas than the row too
    elsewhere = told and "area_code" in told.read and _SHARES.keys() & set(question.measures)
    if told and not elsewhere and sees_everything(connection, question.layer):
        return _tallied(connection, question, told)
    return _counted(connection, question, clause)


def terms(connection: Connection, layer: type[Layer], field: str, clause: ColumnElement[bool]) -> dict[str, int]:
    """Return how many features have each term of a vocabulary field, of those that a clause chooses."""
    term: ColumnElement[Any] = layer.__table__.c[field]
    counted: ColumnElement[Any] = func.count()
    told = None if layer.role is Role.AREAS else told_by(layer, clause)  # of the areas, tallies count the lowest
    if told and sees_everything(connection, layer):
        cells = tallies(layer)
        counted, term = func.sum(cells.c.number), cells.c[field]
        clause = and_(told.clause, cells.c.per == per(layer, {field, *told.read} - {"area_code"}))
    rows = connection.execute(select(term, counted).where(clause).group_by(term).having(counted != 0))
    return {row[0]: int(row[1]) for row in rows}


def _tallied(connection: Connection, question: Question, told: Told) -> dict[Key, dict[str, Decimal]]:
    """Return cells from the tallies."""
    cells = tallies(question.layer)
    key = [cells.c.area_code, *(cells.c[name] for name in question.group)]
    shares = {m: _SHARES[m] for m in question.measures if m in _SHARES}
    parts: dict[str, ColumnElement[Any]] = {
        "count": func.sum(cells.c.number),
        **{m.name: func.sum(cells.c[m.name]) for m in _needed_sums(question)},
        **{m: func.sum(cells.c[share.column]) / share.unit for m, share in shares.items()},
    }
    there = or_(func.sum(cells.c.number) != 0, *(func.sum(cells.c[share.column]) != 0 for share in shares.values()))
    rows = select(*key, *(part.label(name) for name, part in parts.items())).group_by(*key).having(there)
    found: dict[Key, dict[str, Decimal]] = {}
    counted_by = per(question.layer, {*question.group, *told.read} - {"area_code"})
    _collect(found, connection.execute(rows.where(cells.c.per == counted_by, told.clause)), parts)
    return found


def _counted(connection: Connection, question: Question, clause: ColumnElement[bool]) -> dict[Key, dict[str, Decimal]]:
    """Return cells from the rows."""
    layer, table = question.layer, question.layer.__table__
    if layer.role is Role.AREAS:
        clause &= table.c.leaf  # an area inside another would count twice
    group = [table.c[name] for name in question.group]
    sums = {m.name: func.coalesce(func.sum(cast(table.c[m.column], Numeric)), 0) for m in _needed_sums(question)}
    parts: dict[str, ColumnElement[Any]] = {"count": func.count(), **sums}
    counted = select(table.c.area_code, *group, *(e.label(n) for n, e in parts.items()))
    cells: dict[Key, dict[str, Decimal]] = defaultdict(dict)
    _collect(cells, connection.execute(counted.where(clause).group_by(table.c.area_code, *group)), parts)
    shares = [m for m in question.measures if m in _SHARES]
    if shares:
        share = func.jsonb_each_text(table.c.shares).table_valued(column("key"), column("value")).lateral("share")
        area = func.nullif(share.c.key, "")
        value = cast(share.c.value, Numeric)
        dimension = func.ST_Dimension(table.c.geom)
        measured = {
            m: func.coalesce(func.sum(value).filter(dimension == _SHARES[m].dimension), literal(0)) / _SHARES[m].unit
            for m in shares
        }
        pieces = select(area, *group, *(e.label(n) for n, e in measured.items())).join_from(table, share, true())
        _collect(cells, connection.execute(pieces.where(clause).group_by(area, *group)), measured)
    return cells


def _within(cells: Mapping[Key, dict[str, Decimal]], areas: Container[str | None]) -> dict[Key, dict[str, Decimal]]:
    """Return the cells of these areas."""
    return {key: sums for key, sums in cells.items() if key[0] in areas}


def _needed_sums(question: Question) -> list[Sum]:
    """Return the sums that the measures asked for are made of."""
    declared = {m.name: m for m in question.layer.measures}
    wanted = set(question.measures)
    for name in question.measures:
        ratio = declared.get(name)
        if isinstance(ratio, Ratio):
            wanted |= {ratio.numerator, ratio.denominator}
    return [m for m in question.layer.measures if isinstance(m, Sum) and m.name in wanted]


def _collect(cells: dict[Key, dict[str, Decimal]], rows: Iterable[Any], names: Iterable[str]) -> None:
    names = list(names)
    for row in rows:
        key, values = tuple(row[: len(row) - len(names)]), row[len(row) - len(names) :]
        cells.setdefault(key, {}).update(zip(names, values, strict=True))


def _added(cells: Mapping[Key, Mapping[str, Decimal]], to: Any) -> dict[Key, dict[str, Decimal]]:  # noqa: ANN401
    """Add cells up under a coarser key."""
    sums: dict[Key, dict[str, Decimal]] = {}
    for key, parts in cells.items():
        coarse = sums.setdefault(to(key), {})
        for name, value in parts.items():
            coarse[name] = coarse.get(name, Decimal(0)) + value
    return sums


def _row(question: Question, key: Key, sums: Mapping[str, Decimal]) -> dict[str, Any]:
    return {"group": dict(zip(question.group, key[1:], strict=True)), **_values(question, sums)}


def _values(question: Question, sums: Mapping[str, Decimal]) -> dict[str, float | int | None]:
    declared = {m.name: m for m in question.layer.measures}
    values: dict[str, float | int | None] = {}
    for name in question.measures:
        measure = declared.get(name)
        if isinstance(measure, Ratio):
            base = sums.get(measure.denominator, Decimal(0))
            values[name] = float(100 * sums[measure.numerator] / base) if base else None
        else:
            value = sums.get(name, 0)
            values[name] = int(value) if name == "count" else float(value)
    return values


def _order(question: Question) -> Any:  # noqa: ANN401 - a key function
    """Return a sort key that puts groups in the order of their vocabularies."""
    vocabularies = [question.layer.fields()[name].vocabulary for name in question.group]

    def key(cell: Key) -> tuple[Any, ...]:
        return tuple(
            vocabulary.codes.index(term) if vocabulary else str(term)
            for vocabulary, term in zip(vocabularies, cell[1:], strict=True)
        )

    return key


def _areas(connection: Connection, area: str) -> dict[str | None, str]:
    """Return the names of the lowest areas, of all or of those inside one, in the order of codes."""
    areas = with_role(Role.AREAS).__table__
    lowest = select(areas.c.code, areas.c.name).where(areas.c.leaf).order_by(areas.c.code)
    if area:
        lowest = lowest.where(areas.c.code.in_(area_codes(connection, area)))
    return {row.code: row.name or row.code for row in connection.execute(lowest)}


def _require(what: Label, names: Sequence[str], allowed: Sequence[str]) -> None:
    for name in names:
        if name not in allowed:
            raise UnknownName(what, name, allowed)
