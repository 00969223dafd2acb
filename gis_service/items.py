"""Pages of a layer in any order, CRS and choice of properties, by key; and how many records are on all of them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    asc,
    cast,
    desc,
    false,
    func,
    literal,
    or_,
    select,
    true,
)

from gis_service.crs import CRS84, Crs
from gis_service.derived import derived
from gis_service.errors import UnknownValue
from gis_service.features import features
from gis_service.filters import filterable
from layers import Layer

MOST_COUNTED = 100_000
"""How far records that a filter chooses are counted; where there are more their number is not said."""


_GUESSED_FROM = 10
"""QGIS before 3.34 takes the type of a column from a page of so many, and keeps no decimal where all are whole."""


@dataclass(frozen=True)
class Key:
    """One property that records are put in order by."""

    column: ColumnElement[Any]
    descending: bool

    def order(self) -> ColumnElement[Any]:
        """Return the ORDER BY: what has no value comes last, or first where the order goes down."""
        ordered: ColumnElement[Any] = desc(self.column) if self.descending else asc(self.column)
        return ordered

    def behind(self, value: str | None) -> ColumnElement[bool]:
        """Select what comes behind a value."""
        if value is None:
            return self.column.is_not(None) if self.descending else false()
        there = cast(literal(value), self.column.type)
        if self.descending:
            return self.column < there
        # what always has a value is not asked whether it has none: its index would not be used
        always = isinstance(self.column, Column) and not self.column.nullable
        return self.column > there if always else or_(self.column > there, self.column.is_(None))

    def at(self, value: str | None) -> ColumnElement[bool]:
        """Select what has this value."""
        return self.column.is_(None) if value is None else self.column == cast(literal(value), self.column.type)


def order(layer: type[Layer], names: Iterable[str], today: Any) -> tuple[Key, ...]:  # noqa: ANN401 - a date
    """Return the order that names ask for, each with `-` before it to go down, or `+`.

    Raises
    ------
    UnknownValue
        Where there is no such property, or it is named twice.
    """
    given = list(names)
    columns = {**{c.name: c for c in layer.__table__.columns}, **derived(layer, today)} if given else {}
    keys: list[Key] = []
    for name in given:
        bare = name.lstrip("+-") if name[:1] in "+-" and name[1:2] not in ("+", "-") else name
        if bare not in filterable(layer):
            raise UnknownValue("sortby", name, filterable(layer))
        if any(key.column is columns[bare] for key in keys):
            raise UnknownValue("sortby", name, [other for other in filterable(layer) if other != bare])
        keys.append(Key(columns[bare], name.startswith("-")))
    return tuple(keys)


@dataclass(frozen=True)
class Turn:
    """Which page: `limit` features from behind the place that the token `after` names, or from `offset` on.

    Paging by key costs the same at any depth; an `offset` reads all that it skips.
    """

    limit: int
    after: str = ""
    offset: int = 0
    keys: tuple[Key, ...] = ()

    def rows(
        self, connection: Connection, layer: type[Layer], query: Select[Any]
    ) -> tuple[Sequence[Row[Any]], str | None]:
        """Return the rows of a query that are on the page, and the token of the next, if any.

        Raises
        ------
        UnknownValue
            Where the token is none of this order.
        """
        ordered = (*self.keys, Key(layer.__table__.c.id, descending=False))
        query = query.where(_behind(ordered, self.after)).order_by(*(key.order() for key in ordered))
        query = query.add_columns(*(cast(key.column, Text).label(f"key_{at}") for at, key in enumerate(ordered)))
        rows = connection.execute(query.limit(self.limit + 1).offset(self.offset)).all()
        if len(rows) <= self.limit:
            return rows, None
        return rows[: self.limit], _token(list(rows[self.limit - 1][-len(ordered) :]))


@dataclass(frozen=True)
class Page:
    """The features on a page: their ids, the token to ask the next page with, if any, and what was asked of them."""

    ids: tuple[int, ...]
    following: str | None
    features: bytes = b""
    """A comma-separated run of GeoJSON texts."""


def page(
    connection: Connection,
    layer: type[Layer],
    clause: ColumnElement[bool],
    turn: Turn,
    *,
    properties: tuple[str, ...] | None = None,
    crs: Crs = CRS84,
) -> Page:
    """Return the features on a page; raises as `Turn.rows` does."""
    written = features(layer, properties, crs, pointed=turn.limit <= _GUESSED_FROM)
    rows, following = turn.rows(connection, layer, written.where(clause))
    return Page(tuple(row.id for row in rows), following, ",\n".join(row.feature for row in rows).encode())


def bare(connection: Connection, layer: type[Layer], clause: ColumnElement[bool], turn: Turn) -> Page:
    """Return which features are on a page, without them; raises as `Turn.rows` does."""
    rows, following = turn.rows(connection, layer, select(layer.id).where(clause))
    return Page(tuple(row.id for row in rows), following)


def _behind(keys: Sequence[Key], after: str) -> ColumnElement[bool]:
    """Select what comes behind a token: equal in the first keys, and behind in the next."""
    if not after:
        return true()
    values = _place(after)
    if len(values) != len(keys) or not all(isinstance(value, str | None) for value in values) or values[-1] is None:
        raise _no_token(after)
    pairs = list(zip(keys, values, strict=True))
    return or_(
        *(
            and_(*(key.at(value) for key, value in pairs[:at]), key.behind(value))
            for at, (key, value) in enumerate(pairs)
        )
    )


def _token(values: list[str | None]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def _place(token: str) -> list[Any]:
    try:
        values = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, orjson.JSONDecodeError, ValueError) as error:
        raise _no_token(token) from error
    if not isinstance(values, list):
        raise _no_token(token)
    return values


def _no_token(token: str) -> UnknownValue:
    return UnknownValue("after", token, ["the link next of the page before"])


def counted(connection: Connection, layer: type[Layer], clause: ColumnElement[bool]) -> int | None:
    """Return how many records a clause selects; None where there are more than are worth counting."""
    some = select(literal(1)).select_from(layer.__table__).where(clause).limit(MOST_COUNTED + 1).subquery()
    number = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return number if number <= MOST_COUNTED else None
