"""The changes: one for each transaction that wrote to a layer. Every version says of which change it is part."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Identity, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from layers import Base


class ChangeRow(Base):
    """Who wrote, when, why, and from which moment on it holds; `undoes` is the change that this one takes back."""

    __tablename__ = "changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    recorded_by: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    valid_from: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    undoes: Mapped[int | None] = mapped_column(BigInteger, index=True)
