"""The attachments: photos and files on features of any layer. The table says what they are; a store has the bytes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Identity, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from layers import Base


class AttachmentRow(Base):
    """A file on a feature: `layer` and `code` name it. `sha256` is the key of the bytes, `media_type` what they are.

    `event` is the step of the ledger's loop that it came with, if any.
    """

    __tablename__ = "attachments"
    __table_args__ = (Index("ix_attachments_subject", "layer", "code"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    layer: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Text, index=True)
    note: Mapped[str | None] = mapped_column(Text)
    event: Mapped[int | None] = mapped_column(BigInteger, index=True)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    recorded_by: Mapped[str | None] = mapped_column(Text)
