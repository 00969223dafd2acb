"""Photos and files on features of any layer: the table says what they are, a store has the bytes.

The bytes are there before the row is, and stay when it goes: a crash leaves at most bytes that nobody names, which
`check` finds. Whose an attachment is follows from its feature; the row policies decide.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from sqlalchemy import Connection, MetaData, RowMapping, delete, func, insert, select, text

from gis_service.access import User, who_acts
from gis_service.attachments.kinds import Judged, cleaned, judge
from gis_service.attachments.pictures import picture
from gis_service.attachments.store import Store, key_of, thumbnail_key
from gis_service.database import Database
from gis_service.database.attachments import AttachmentRow
from gis_service.duties import Duty
from gis_service.errors import AlreadyThere, StoreError, TooLarge, UnknownName
from gis_service.features import unknown_feature
from layers import Label, Layer

__all__ = [
    "Sent",
    "Store",
    "attach",
    "attachments",
    "find",
    "may_attach",
    "remove",
    "restore",
    "thumbnail",
    "too_large",
]

_ATTACHMENT = Label("附件", "attachment")
_DUTIES: tuple[Duty, ...] = ("edit", "record", "handle", "verify")
_METADATA: MetaData = AttachmentRow.metadata
_ROWS = _METADATA.tables[AttachmentRow.__tablename__]


@dataclass(frozen=True)
class Sent:
    """A file as it was sent, read from its start: `name` is what its sender calls it, `note` what it shows.

    `event` is the step of the ledger's loop that it came with.
    """

    file: BinaryIO
    name: str
    note: str = ""
    event: int | None = None


def may_attach(connection: Connection, layer: type[Layer], code: str) -> User:
    """Return who acts, where she may attach files to a feature: asked before the file is received.

    Raises
    ------
    UnknownName
        Where there is no such feature for her.
    NotSignedIn, Forbidden
        Where she may read it and no more.
    """
    user, name = who_acts(connection), layer.__tablename__
    seen = connection.execute(select(layer.code).where(layer.code == code)).first()
    if seen is None:
        raise unknown_feature(connection, layer, code)
    reached = connection.execute(text("SELECT gis_reaches(:layer, :code)"), {"layer": name, "code": code}).scalar_one()
    if not reached or not any(user.may(duty) for duty in _DUTIES):
        raise user.refusal()
    return user


def attach(database: Database, store: Store, layer: type[Layer], code: str, sent: Sent) -> tuple[RowMapping, bool]:
    """Keep a file on a feature; return its row, and whether it is new: the same bytes are kept on it once.

    Raises
    ------
    TooLarge, WrongType
        Where the file is not taken.
    Forbidden
        Where the feature is not hers to write to.
    StoreError
        Where the bytes cannot be kept; then no row is.
    """
    size = sent.file.seek(0, 2)
    if size > store.limit_mb * 1_000_000:
        raise too_large(store.limit_mb)
    judged = judge(sent.file, sent.name)
    sha256 = _digest(sent.file)
    _keep(store, sha256, sent.file, judged)
    table = layer.__tablename__
    with database.transaction() as connection:
        twin = _twin(connection, table, code, sha256)
        if twin is not None:
            return twin, False
        values = {
            "layer": table,
            "code": code,
            "name": cleaned(sent.name, judged.kind),
            "media_type": judged.kind.media_type,
            "size": size,
            "sha256": sha256,
            "note": sent.note.strip() or None,
            "event": sent.event,
            "recorded_by": database.user or None,
        }
        return connection.execute(insert(_ROWS).values(**values).returning(_ROWS)).mappings().one(), True


def attachments(connection: Connection, layer: type[Layer], code: str) -> list[RowMapping]:
    """Return the rows of a feature's attachments, the oldest first.

    Raises
    ------
    UnknownName
        Where there is no such feature.
    """
    if connection.execute(select(layer.code).where(layer.code == code)).first() is None:
        raise unknown_feature(connection, layer, code)
    on_it = (_ROWS.c.layer == layer.__tablename__) & (_ROWS.c.code == code)
    return list(connection.execute(select(_ROWS).where(on_it).order_by(_ROWS.c.id)).mappings())


def find(connection: Connection, number: int) -> RowMapping:
    """Return the row of one attachment.

    Raises
    ------
    UnknownName
        Where there is none for her.
    """
    found = connection.execute(select(_ROWS).where(_ROWS.c.id == number)).mappings().one_or_none()
    if found is None:
        raise UnknownName(_ATTACHMENT, str(number))
    return found


def thumbnail(store: Store, row: RowMapping) -> tuple[str, int]:
    """Return the key and size of a picture's thumbnail; where the store has lost it, it is drawn anew.

    Raises
    ------
    UnknownName
        Where the attachment is no picture.
    """
    if not has_thumbnail(row):
        raise UnknownName(Label("缩略图", "thumbnail"), str(row["id"]))
    key = thumbnail_key(row["sha256"])
    size = store.size(key)
    if size is None:
        found = picture(store.read(key_of(row["sha256"]), row["size"]))
        if found is None:
            raise StoreError("存储中的图片已损坏。", "The picture in the store is damaged.")
        store.put(key, found.thumbnail)
        size = len(found.thumbnail)
    return key, size


def has_thumbnail(row: Mapping[Any, Any]) -> bool:
    """Say whether an attachment is a picture."""
    return str(row["media_type"]).startswith("image/")


def remove(connection: Connection, number: int) -> None:
    """Take an attachment off its feature; row and bytes are kept, to be restored.

    Raises
    ------
    UnknownName, NotSignedIn, Forbidden
        Where it is not there for her, or not hers to remove.
    """
    find(connection, number)
    if not connection.execute(delete(_ROWS).where(_ROWS.c.id == number)).rowcount:
        raise who_acts(connection).refusal()


def restore(connection: Connection, number: int) -> RowMapping:
    """Put an attachment that was removed back on its feature, under the number that it had.

    Raises
    ------
    UnknownName
        Where none of this number was ever removed.
    AlreadyThere
        Where it is there, or the same bytes are on the feature again.
    Forbidden
        Where it is not hers to put back.
    """
    names = ", ".join(column.name for column in _ROWS.columns)
    removed = (
        connection.execute(
            text(f"SELECT {names} FROM attachments_history WHERE id = :id AND deleted ORDER BY ended_at DESC LIMIT 1"),
            {"id": number},
        )
        .mappings()
        .one_or_none()
    )
    if removed is None:
        raise UnknownName(Label("已删除的附件", "removed attachment"), str(number))
    twin = _twin(connection, removed["layer"], removed["code"], removed["sha256"])
    if twin is not None:
        raise AlreadyThere(
            f"该文件已在记录上（附件 {twin['id']}）。", f"The file is there, as attachment {twin['id']}."
        )
    return connection.execute(insert(_ROWS).values(**removed).returning(_ROWS)).mappings().one()


def too_large(limit_mb: int) -> TooLarge:
    """Return the error that says a file is larger than the setting allows."""
    return TooLarge(f"文件超过 {limit_mb} MB。", f"The file is larger than {limit_mb} MB.", limit_mb=limit_mb)


def _twin(connection: Connection, layer: str, code: str, sha256: str) -> RowMapping | None:
    """Return the row of the same bytes on the same feature; two who attach them at once take turns."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{layer}/{code}/{sha256}", 0))))
    same = (_ROWS.c.layer == layer) & (_ROWS.c.code == code) & (_ROWS.c.sha256 == sha256)
    return connection.execute(select(_ROWS).where(same).limit(1)).mappings().one_or_none()


def _keep(store: Store, sha256: str, file: BinaryIO, judged: Judged) -> None:
    file.seek(0)
    store.put(key_of(sha256), file)
    if judged.picture:
        store.put(thumbnail_key(sha256), judged.picture.thumbnail)


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()
