"""The events of the ledger: one for each step of a hazard's loop, appended by trigger, never changed."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, DateTime, Identity, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from layers import Base


class EventRow(Base):
    """A step of one hazard: which transition (empty where a file or a restore brought it), from which state to which.

    `held_from` is the moment it holds from, `deadline` the one after it, `note` what was said.
    """

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(Text, index=True)
    transition: Mapped[str] = mapped_column(Text, server_default="")
    from_status: Mapped[str | None] = mapped_column(Text)
    to_status: Mapped[str] = mapped_column(Text)
    deadline: Mapped[date | None] = mapped_column(Date)
    held_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    recorded_by: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    change: Mapped[int | None] = mapped_column(BigInteger, index=True)
