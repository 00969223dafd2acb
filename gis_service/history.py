"""The versions of one feature: what held from when to when, who changed what, why, and when it was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from gis_service.database import not_before
from gis_service.errors import Forbidden, UnknownName
from gis_service.features import unknown_feature
from layers import Field, Label, Language, Layer, content_columns

GEOMETRY = Field("text", Label("位置", "Place"))


def history(connection: Connection, layer: type[Layer], code: str, language: Language) -> list[dict[str, Any]]:
    """Return the versions of the features that bear or bore a code, the newest first.

    Each has `version`, `valid_from` and `valid_to` (null while it holds), `recorded_at`, `by`, `reason`, the `changes`
    against the version before it, and `deleted` with who, when and why, where it was ended by a deletion. A change of
    place is given as the metres that the feature's centre has moved.

    Raises
    ------
    UnknownName
        Where no feature bears or bore the code.
    """
    rows = _versions(connection, layer, code)
    if not rows:
        raise unknown_feature(connection, layer, code)
    before: Sequence[RowMapping | None] = [None, *rows]
    versions = [_version(layer, row, then, language) for row, then in zip(rows, before, strict=False)]
    return versions[::-1]


def restore(connection: Connection, layer: type[Layer], code: str, version: int) -> int:
    """Make a feature what it was in one of its versions, in the caller's transaction; return the new version.

    It is a change like any other, with a history of its own; a deleted feature is there again.

    Raises
    ------
    UnknownName
        Where there is no such version; with those that there are.
    """
    rows = _numbered(connection, layer, code)
    if str(version) not in rows:
        raise UnknownName(Label("版本", "version"), str(version), rows)
    table, columns = layer.__tablename__, content_columns(layer)
    names = ", ".join(f'"{name}"' for name in columns)
    every = f"SELECT id, {names}, version, updated_at FROM"
    chosen = (
        f"(SELECT * FROM ({every} {table} WHERE code = :code UNION ALL {every} {table}_history WHERE code = :code) v "
        "WHERE version = :version ORDER BY updated_at DESC LIMIT 1) w"
    )
    settings = ", ".join(f'"{name}" = w."{name}"' for name in columns)
    given = {"code": code, "version": version}
    changed = connection.execute(
        text(f"UPDATE {table} t SET {settings} FROM {chosen} WHERE t.code = :code RETURNING t.version"), given
    ).scalar_one_or_none()
    if changed is None:
        changed = _put_back(connection, table, names, chosen, given)
    return int(changed)


def _put_back(connection: Connection, table: str, names: str, chosen: str, given: Mapping[str, Any]) -> int:
    """Insert a version of what was deleted: the same record again, from no earlier than it was deleted.

    Raises
    ------
    Forbidden
        Where it is there, and not hers to see or to change.
    """
    past = f"SELECT max(valid_to) AS ended, max(version) + 1 AS version FROM {table}_history WHERE code = :code"
    was = connection.execute(text(past), given).one()
    not_before(connection, was.ended)
    insert = (
        f"INSERT INTO {table} (id, version, {names}) SELECT id, :next, {names} FROM {chosen} "
        "ON CONFLICT DO NOTHING RETURNING version"
    )
    made = connection.execute(text(insert), {**given, "next": was.version}).scalar_one_or_none()
    if made is None:
        raise Forbidden(
            "该记录现在存在，但您无权更改它，或其编号已被另一记录使用。",
            "The record is there, and you may not change it; or another record has taken its place.",
        )
    return int(made)


def difference(
    connection: Connection, layer: type[Layer], code: str, of: tuple[int, int], language: Language
) -> list[dict[str, Any]]:
    """Return what differs between two versions of a feature, from the first to the second, as `history` says it.

    Raises
    ------
    UnknownName
        Where there is no such feature, or no such version.
    """
    rows = _numbered(connection, layer, code)
    for version in of:
        if str(version) not in rows:
            raise UnknownName(Label("版本", "version"), str(version), rows)
    first, second = (dict(rows[str(version)]) for version in of)
    moved = "SELECT ST_Distance(CAST(:first AS geography), CAST(:second AS geography))"
    centres = {"first": first["centre"], "second": second["centre"]}
    second["moved"] = connection.execute(text(moved), centres).scalar_one()
    return _changes(layer.writable(), second, first, language)


def _numbered(connection: Connection, layer: type[Layer], code: str) -> dict[str, RowMapping]:
    """Read the versions of a code by their numbers; where a number came twice, the later.

    Raises
    ------
    UnknownName
        Where no feature bears or bore the code.
    """
    rows = {str(row["version"]): row for row in _versions(connection, layer, code)}
    if not rows:
        raise unknown_feature(connection, layer, code)
    return rows


def _versions(connection: Connection, layer: type[Layer], code: str) -> Sequence[RowMapping]:
    """Read every version of a code, the oldest first."""
    table = layer.__tablename__
    own = ", ".join(["id", "version", "valid_from", "updated_at", "updated_by", "reason", *layer.writable()])
    shape = "ST_AsBinary(geom) AS shape, ST_Centroid(geom)::geography AS centre"
    every = (
        f"SELECT {own}, {shape}, NULL::timestamptz AS valid_to, NULL::timestamptz AS ended_at, NULL AS ended_by, "
        f"NULL AS ended_reason, false AS deleted FROM {table} WHERE code = :code UNION ALL "
        f"SELECT {own}, {shape}, valid_to, ended_at, ended_by, ended_reason, deleted FROM {table}_history "
        "WHERE code = :code"
    )
    moved = "ST_Distance(centre, lag(centre) OVER (ORDER BY updated_at, id, version)) AS moved"
    return (
        connection.execute(text(f"SELECT *, {moved} FROM ({every}) v ORDER BY updated_at, id, version"), {"code": code})
        .mappings()
        .all()
    )


def _version(layer: type[Layer], row: RowMapping, before: RowMapping | None, language: Language) -> dict[str, Any]:
    return {
        "version": row["version"],
        "valid_from": row["valid_from"],
        "valid_to": row["valid_to"],
        "recorded_at": row["updated_at"],
        "by": row["updated_by"],
        "reason": row["reason"],
        "changes": _changes(layer.writable(), row, before, language) if before and not before["deleted"] else [],
        "deleted": _deletion(row) if row["deleted"] else None,
    }


def _changes(
    fields: Mapping[str, Field], row: Mapping[Any, Any], before: Mapping[Any, Any], language: Language
) -> list[dict[str, Any]]:
    """Return what differs between two versions, in words for people: fields by their labels, terms as they are read."""
    changed = [
        {
            "field": name,
            "label": field.label.in_(language),
            "from": _read(field, before[name], language),
            "to": _read(field, row[name], language),
            "unit": field.unit,
        }
        for name, field in fields.items()
        if row[name] != before[name]
    ]
    if bytes(row["shape"] or b"") != bytes(before["shape"] or b""):
        metres = round(row["moved"] or 0, 2)
        place = {"field": "geom", "label": GEOMETRY.label.in_(language), "from": None, "to": None, "unit": "m"}
        changed.append(place | {"moved_m": metres})
    return changed


def _read(field: Field, value: Any, language: Language) -> Any:  # noqa: ANN401 - whatever the column holds
    if field.vocabulary and value in field.vocabulary:
        return field.vocabulary[value].label.in_(language)
    return float(value) if field.kind == "money" and value is not None else value


def _deletion(row: RowMapping) -> dict[str, datetime | str | None]:
    return {"recorded_at": row["ended_at"], "by": row["ended_by"], "reason": row["ended_reason"]}
