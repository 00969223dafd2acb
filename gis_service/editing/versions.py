"""Versions of one record: what stands now, what was read, and what somebody has changed between the two."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
import shapely
from sqlalchemy import Connection, text

from gis_service.editing.given import Read
from gis_service.errors import ChangedSince, StaleVersion
from gis_service.features import DECIMALS, etag, one
from layers import Layer

_NAMES_A_VERSION = re.compile(r'"(\d{1,18})-(\d{1,9})"')
_NEARLY = 1.1 * 10.0**-DECIMALS
"""Degrees, about a millimetre; what a geometry is rounded by when it is written, in any CRS, is no change of it."""


@dataclass(frozen=True)
class Row:
    """One version of a record: what people set, by column; `geom` is a Shapely geometry, money a Decimal."""

    id: int
    version: int
    recorded: datetime
    values: Mapping[str, Any]


def row_of(connection: Connection, layer: type[Layer], table: str, condition: str, **given: object) -> Row | None:
    """Read a version from the layer's table, or from its history."""
    columns = [layer.__table__.c[name] for name in ("id", "version", "updated_at", *layer.writable(), "extra")]
    names = ", ".join(column.name for column in columns)
    statement = text(f"SELECT {names}, ST_AsBinary(geom) AS geom FROM {table} WHERE {condition}")
    found = connection.execute(statement.columns(**{c.name: c.type for c in columns}), given).mappings().first()
    if found is None:
        return None
    values = {**found, "geom": found["geom"] and shapely.from_wkb(bytes(found["geom"]))}
    return Row(values.pop("id"), values.pop("version"), values.pop("updated_at"), values)


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the columns of `after` whose value is another one in `before`."""
    return [name for name, value in after.items() if not _same(before[name], value)]


def require_present(connection: Connection, layer: type[Layer], row: Row, read: Read) -> None:
    """Refuse where If-Match asks for a version that is not the present one, or If-Unmodified-Since for an earlier one.

    Raises
    ------
    StaleVersion
        With both versions, what has changed between them, and the present record.
    """
    present = etag(row.id, row.version)
    if read.since is not None:
        if _unmodified(connection, layer, row, read.since):
            return
        yours, known = read.since.isoformat(), None
    else:
        if not read.tags or present in read.tags:
            return
        yours, known = read.tags[0], _NAMES_A_VERSION.fullmatch(read.tags[0])
    was = _version(connection, layer, row, int(known[2])) if known and int(known[1]) == row.id else None
    raise StaleVersion(
        f"您读取的版本（{yours}）已不是现有版本（{present}）。请重新读取后再改。",
        f"The version that you read ({yours}) is no longer the present one ({present}). Read it again first.",
        yours=yours,
        current=present,
        differing=_compared(was, row, differing(was.values, row.values)) if was else [],
        feature=orjson.loads(one(connection, layer, row.values["code"]).feature),
    )


def _unmodified(connection: Connection, layer: type[Layer], row: Row, since: datetime) -> bool:
    """Say whether nobody has changed a record after a moment in whole seconds.

    Where that second has made two versions, nobody knows which of them was read: it counts as changed.
    """
    second = row.recorded.replace(microsecond=0)
    if second != since:
        return second < since
    made = f"SELECT EXISTS (SELECT FROM {layer.__tablename__}_history WHERE code = :code AND updated_at >= :second)"
    return not connection.execute(text(made), {"code": row.values["code"], "second": second}).scalar_one()


def require_unchanged(
    connection: Connection, layer: type[Layer], row: Row, read: Read, values: Mapping[str, Any] | None
) -> None:
    """Refuse to write values over what somebody has changed to others since the version that was read.

    Without values the record is to be deleted, and any change counts. Where that version is not known any more (the
    record was deleted and made again), everything counts as changed.

    Raises
    ------
    ChangedSince
        With each field: what was read, what is there now, and what she gives.
    """
    if read.version is None or read.version == row.version:
        return
    was = _version(connection, layer, row, read.version)
    names = list(row.values) if was is None else differing(was.values, row.values)
    if values is not None:
        names = [name for name in differing(row.values, values) if name in names]
    if names:
        conflicts = _compared(was, row, names)
        if values is not None:
            conflicts = [c | {"yours": _plain(values[c["field"]])} for c in conflicts]
        raise ChangedSince(
            f"自您读取第 {read.version} 版以来，他人已修改：{'、'.join(names)}（现为第 {row.version} 版）。",
            f"Since you read version {read.version} somebody has changed: {', '.join(names)} "
            f"(version {row.version} now).",
            yours=read.version,
            current=row.version,
            conflicts=conflicts,
        )


def _version(connection: Connection, layer: type[Layer], row: Row, version: int) -> Row | None:
    if not 0 < version < row.version:
        return None
    past = f"{layer.__tablename__}_history"
    return row_of(connection, layer, past, "id = :id AND version = :version", id=row.id, version=version)


def _compared(was: Row | None, row: Row, names: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"field": name, "read": _plain(was.values[name]) if was else None, "current": _plain(row.values[name])}
        for name in names
    ]


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - whatever a column holds
    if isinstance(one, shapely.Geometry) and isinstance(other, shapely.Geometry):
        return bool(shapely.equals_exact(one, other, tolerance=_NEARLY))
    return bool(one == other)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    """Return a value as the GeoJSON of the record has it."""
    if isinstance(value, shapely.Geometry):
        return orjson.loads(shapely.to_geojson(value))
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
