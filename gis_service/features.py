"""Features of a layer as GeoJSON, built in PostgreSQL: the service passes bytes on.

Coordinates are those stored, EPSG:4490 longitude first, written as RFC 7946 wants them (CRS84); the two differ by less
than a metre. Another CRS may be asked for. Eight decimals of a degree are a millimetre.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Double,
    Numeric,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import NullType

from gis_service.crs import CRS84, Crs
from gis_service.database.known import known
from gis_service.database.prepared import Kept, varying
from gis_service.errors import UnknownName
from gis_service.filters import where
from layers import Label, Layer, Role, registry, with_role

DECIMALS = CRS84.decimals
_NEAR = 10
"""Codes that are named where the one asked for is not there."""
_LAYER, _FEATURE, _AREA = Label("图层", "layer"), Label("记录", "feature"), Label("区域", "area")


def listed(text: str) -> tuple[str, ...]:
    """Split a comma-separated list of names."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def find_layer(name: str) -> type[Layer]:
    """Return the layer of this name.

    Raises
    ------
    UnknownName
        With the names that there are.
    """
    if name not in registry():
        raise UnknownName(_LAYER, name, registry())
    return registry()[name]


def selection(
    connection: Connection,
    layer: type[Layer],
    today: date,
    *,
    filter: str = "",
    area: str = "",
) -> ColumnElement[bool]:
    """Return the WHERE clause for a CQL2 text and an area (its code; what lies in areas inside it counts).

    Raises
    ------
    FilterError, UnknownName
        Where the filter is wrong, or the area is not there.
    """
    clause = where(layer, filter, today)
    return and_(clause, in_area(layer, area_codes(connection, area))) if area else clause


def sees_everything(connection: Connection, *layers: type[Layer]) -> bool:
    """Say whether who asks is narrowed to no areas: then what is not there is not there, and not just not hers.

    Of `layers`, whether she sees all of their records.
    """
    now = known(connection)
    whole = now.user_name is not None and now.areas is None
    return not now.held or (
        whole and (now.layers is None or all(layer.__tablename__ in now.layers for layer in layers))
    )


def area_codes(connection: Connection, area: str) -> list[str]:
    """Return the codes of an area and of all areas inside it.

    Raises
    ------
    UnknownName
        With the codes that there are.
    """
    areas = with_role(Role.AREAS).__table__
    inside = select(areas.c.code).where(areas.c.code == area).cte(recursive=True)
    inside = inside.union(select(areas.c.code).join(inside, areas.c.parent_code == inside.c.code))
    found = list(connection.scalars(select(inside.c.code)))
    if not found:
        raise UnknownName(_AREA, area, connection.scalars(select(areas.c.code).order_by(areas.c.code).limit(100)))
    return found


def in_area(layer: type[Layer], codes: list[str]) -> ColumnElement[bool]:
    """Select the features that lie in these areas, lines and polygons also where they only cross them."""
    if layer.role is Role.AREAS:
        return layer.code.in_(codes)
    if layer.geometry == ("Point",):
        return layer.area_code.in_(codes)
    return or_(layer.area_code.in_(codes), layer.__table__.c.shares.has_any(cast(codes, ARRAY(Text))))


def returned(layer: type[Layer]) -> tuple[str, ...]:
    """Return the names of the properties that features bear."""
    return (*layer.fields(), "extra", "version", "updated_at")


class Coordinates(Protocol):
    """What GeoJSON is written in: a CRS, or a place of an export."""

    @property
    def decimals(self) -> int:
        """Digits behind the point."""

    def given(self, geom: ColumnElement[Any], /) -> ColumnElement[Any]:
        """Return a stored geometry as GeoJSON bears it, labelled 4326, or PostGIS would write a `crs`."""


def as_geojson(
    layer: type[Layer],
    *extra: ColumnElement[Any],
    beside: Subquery | None = None,
    properties: Iterable[str] | None = None,
    crs: Coordinates = CRS84,
    pointed: bool = False,
) -> Select[tuple[int, str]]:
    """Return a SELECT of `id` and `feature`, the GeoJSON text of each row in `crs`, with these columns as properties.

    `extra` are further properties, from the layer's table or from the rows of the same `id` `beside` it. `pointed`
    writes whole numbers of a column that may hold others as `16.0`: old clients guess from the first they see.

    ST_AsGeoJSON of a record is the fastest JSON that PostgreSQL writes. It knows no id before PostGIS 3.5, so the id is
    put in behind the type. right() looks at what it cuts off only; substr() would count all characters.
    """
    table = layer.__table__
    # no Geometry to SQLAlchemy, which would have it written as EWKB
    shape = type_coerce(crs.given(table.c.geom), NullType()).label("geom")
    names = returned(layer) if properties is None else properties
    row = table if beside is None else table.join(beside, beside.c.id == table.c.id)
    own = (table,) if beside is None else (table, beside)
    record = (
        select(*(_written(table.c[name], pointed=pointed) for name in names), *extra, shape)
        .correlate(*own)
        .lateral("record")
    )
    written: ColumnElement[str] = literal_column(f"right(ST_AsGeoJSON(record, 'geom', {crs.decimals}), -18)", Text)
    if not layer.placed:
        # RFC 7946 writes no place as null, PostGIS before 3.5 as an object
        without = func.regexp_replace(written, r'"geometry": \{"type": null\}', '"geometry": null')
        written = case((table.c.geom.is_(None), without), else_=written)
    feature = literal('{"type": "Feature", "id": ') + cast(func.to_json(table.c.code), Text) + written
    return select(table.c.id, feature.label("feature")).join_from(row, record, true())


def _written(column: ColumnElement[Any], *, pointed: bool) -> ColumnElement[Any]:
    """Return a column as features bear it: moments to the millisecond, for programs that keep seconds in few digits."""
    if pointed and isinstance(column.type, Double):
        return (cast(cast(column, Text), Numeric) + literal_column("0.0")).label(column.key)
    if not isinstance(column.type, DateTime):
        return column
    return func.date_trunc("milliseconds", column).label(column.key)


@dataclass(frozen=True)
class Page:
    """Some features as a comma-separated run of GeoJSON texts, and the key to ask the next page with, if any."""

    features: bytes
    number: int
    following: int | None


@lru_cache(maxsize=256)  # who asks chooses the properties
def features(
    layer: type[Layer], properties: tuple[str, ...] | None = None, crs: Crs = CRS84, *, pointed: bool = False
) -> Select[tuple[int, str]]:
    """Return what `as_geojson` does, made once: building it costs more than PostgreSQL needs for one feature."""
    return as_geojson(layer, properties=properties, crs=crs, pointed=pointed)


@lru_cache(maxsize=256)  # who asks chooses the properties
def _one(layer: type[Layer], properties: tuple[str, ...] | None, crs: Crs) -> Kept:
    found = features(layer, properties, crs).add_columns(layer.version, layer.updated_at)
    return Kept(found.where(layer.code == varying("code")))


def page(
    connection: Connection, layer: type[Layer], clause: ColumnElement[bool], *, limit: int, after: int = 0
) -> Page:
    """Return at most `limit` features in the order of ids, from behind the key that the page before gave.

    Paging by key costs the same at any depth; an OFFSET reads all that it skips.
    """
    table = layer.__table__
    rows = features(layer).where(clause, table.c.id > after).order_by(table.c.id).limit(limit + 1)
    found = connection.execute(rows).all()
    written = ",".join(row.feature for row in found[:limit]).encode()
    return Page(written, min(len(found), limit), found[limit - 1].id if len(found) > limit else None)


@dataclass(frozen=True)
class Found:
    """One feature: its code, its GeoJSON text, the ETag of its version, and when that was recorded."""

    code: str
    feature: bytes
    etag: str
    recorded: datetime


def etag(id: int, version: int) -> str:
    """Return the tag that names one version of a record among all that ever were."""
    return f'"{id}-{version}"'


def one(
    connection: Connection,
    layer: type[Layer],
    code: str,
    *,
    properties: tuple[str, ...] | None = None,
    crs: Crs = CRS84,
) -> Found:
    """Return one feature as GeoJSON.

    Raises
    ------
    UnknownName
        With codes that are near.
    """
    found = _one(layer, properties, crs).row(connection, code=code)
    if found is None:
        raise unknown_feature(connection, layer, code)
    number, feature, version, recorded = found
    return Found(code, feature, etag(number, version), recorded)


def unknown_feature(connection: Connection, layer: type[Layer], code: str) -> UnknownName:
    """Return the error that says a feature is not there, with the codes that sort next to the one asked for."""
    # two walks along the index of codes: in one order they would all be sorted
    sides = (
        select(layer.code, literal(at).label("side")).where(side).order_by(layer.code).limit(_NEAR).subquery()
        for at, side in enumerate((layer.code >= code, layer.code < code))
    )
    near = union_all(*map(select, sides)).order_by("side", "code").limit(_NEAR)
    what = Label(f"{_FEATURE.zh}（{layer.title.zh}）", f"{_FEATURE.en} of {layer.title.en.lower()}")
    return UnknownName(what, code, connection.scalars(near))


def names(connection: Connection, layer: type[Layer], limit: int) -> list[dict[str, str]]:
    """Return codes and names of a layer's features to choose from, named ones first."""
    rows = select(layer.code, layer.name).order_by(layer.name.is_(None), layer.name, layer.code).limit(limit)
    return [{"code": row.code, "name": row.name or row.code} for row in connection.execute(rows)]
