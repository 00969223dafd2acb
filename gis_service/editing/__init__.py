"""Change records one by one: create, replace, patch, delete. Each is judged by its layer before the database sees it.

Everything runs in the caller's transaction, as the user of that transaction, and leaves a version in the history. The
row is locked from the moment that it is read until the transaction ends, so that no change is lost between the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import shapely
from geoalchemy2.shape import from_shape
from sqlalchemy import Connection, delete, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DataError, IntegrityError, InternalError

from gis_service.access import User, who_acts
from gis_service.database.locks import hold_places
from gis_service.editing.given import Given, Read, patch_of, read_of, record_of
from gis_service.editing.judge import judge
from gis_service.editing.versions import Row, differing, require_present, require_unchanged, row_of
from gis_service.errors import AlreadyThere, BadRecord, Fault, Forbidden
from gis_service.features import Found, one, unknown_feature
from gis_service.ingest.load import next_code
from layers import STORED_SRID, Label, Layer, Subjected

__all__ = ["Given", "Read", "change", "create", "patch_of", "read_of", "record_of", "remove"]


def create(connection: Connection, layer: type[Layer], given: Given, today: date) -> Found:
    """Create a record and return it; without a code it gets the layer's next. A hazard is found `today` by default.

    Raises
    ------
    NotSignedIn, Forbidden
        Where she who acts may not create here.
    BadRecord
        With every fault of the record.
    AlreadyThere
        Where the code is taken.
    """
    _require_whole(who_acts(connection), layer)
    hold_places(connection, layer)
    values = judge(connection, layer, given, None, whole=True, today=today)
    if values["code"] is None:
        values["code"] = next_code(connection, layer)
    new = insert(layer).values(_columns(values)).on_conflict_do_nothing(index_elements=["code"])
    with _accepted(layer):
        made = connection.execute(new.returning(layer.id)).first()
    if made is None:
        code = values["code"]
        raise AlreadyThere(
            f"编号 {code} 已被使用。",
            f"The code {code!r} is taken.",
            field="code",
            value=code,
            layer=layer.__tablename__,
        )
    return one(connection, layer, values["code"])


def change(
    connection: Connection, layer: type[Layer], code: str, given: Given, *, read: Read, today: date, whole: bool
) -> Found:
    """Replace a record (`whole`: what is not given becomes empty), or change only what is given; return it.

    Where `read` says which version she had read, what somebody has changed since is not written over. A record that
    stays as it is keeps its version.

    Raises
    ------
    NotSignedIn, Forbidden
        Where she who acts may not change it.
    UnknownName
        Where there is no such record.
    BadRecord
        With every fault of the record.
    StaleVersion
        Where the version asked for is not the present one.
    ChangedSince
        Where somebody has changed the same since.
    """
    user = who_acts(connection)
    if not user.may_write(layer):
        raise user.refusal()
    if given.shaped or issubclass(layer, Subjected):
        hold_places(connection, layer)
    row = _locked(connection, layer, code)
    require_present(connection, layer, row, read)
    values = judge(connection, layer, given, row, whole=whole, today=today)
    require_unchanged(connection, layer, row, read, values)
    changed = {name: values[name] for name in differing(row.values, values)}
    if changed:
        with _accepted(layer):
            connection.execute(update(layer).where(layer.id == row.id).values(_columns(changed)))
    return one(connection, layer, code)


def remove(connection: Connection, layer: type[Layer], code: str, read: Read) -> None:
    """Delete a record; its history stays, and with it the way back.

    Raises
    ------
    NotSignedIn, Forbidden, UnknownName, StaleVersion, ChangedSince
        As `change` does; any change since the version that was read counts.
    """
    _require_whole(who_acts(connection), layer)
    hold_places(connection, layer)
    row = _locked(connection, layer, code)
    require_present(connection, layer, row, read)
    require_unchanged(connection, layer, row, read, None)
    if connection.execute(delete(layer).where(layer.id == row.id)).rowcount != 1:
        raise _not_hers(code)


def _require_whole(user: User, layer: type[Layer]) -> None:
    """Refuse who may not create and delete."""
    if user.may_write(layer) and user.columns is not None:
        columns = ", ".join(user.columns)
        raise Forbidden(
            f"您只能修改以下字段，不能新建或删除记录：{columns}。",
            f"You may change these fields only, and neither create nor delete: {columns}.",
            allowed=user.columns,
        )
    if not user.may_create(layer):
        raise user.refusal()


def _locked(connection: Connection, layer: type[Layer], code: str) -> Row:
    """Read a record that she may change, and keep everybody else from it until the transaction ends."""
    # the table before the row, as an import takes them, or the two would wait for each other
    connection.execute(text(f"LOCK TABLE {layer.__tablename__} IN ROW EXCLUSIVE MODE"))
    row = row_of(connection, layer, layer.__tablename__, "code = :code FOR UPDATE", code=code)
    if row is None:
        # the policies of writing hold a locked read too: what she sees, but cannot lock, is not hers to change
        if row_of(connection, layer, layer.__tablename__, "code = :code", code=code):
            raise _not_hers(code)
        raise unknown_feature(connection, layer, code)
    return row


def _not_hers(code: str) -> Forbidden:
    return Forbidden(
        f"您无权更改 {code}：它不全在您的辖区或图层内，或您的角色不含此项职责。",
        f"You may not change {code}: it does not lie wholly in your areas and layers, or your role does not have the "
        "duty.",
    )


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as the table takes them."""
    taken = dict(values)
    if isinstance(taken.get("geom"), shapely.Geometry):
        taken["geom"] = from_shape(taken["geom"], srid=STORED_SRID)
    return taken


@contextmanager
def _accepted(layer: type[Layer]) -> Iterator[None]:
    """Say which rule the database, the last to judge, found broken."""
    try:
        yield
    except (DataError, IntegrityError, InternalError) as error:
        diagnosis = getattr(error.orig, "diag", None)
        rule = getattr(diagnosis, "constraint_name", None) or ""
        field = getattr(diagnosis, "column_name", None) or rule.removeprefix(f"ck_{layer.__tablename__}_") or "geom"
        why = Label("数据库无法保存或计算此值", "the database can neither keep nor measure this")
        raise BadRecord.of([Fault(field, None, why)]) from error
