"""The accounts: users with a role, narrowed to areas, layers and columns, and the tokens by which they are known."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Boolean, DateTime, ForeignKey, Identity, Text, func, true
from sqlalchemy.orm import Mapped, mapped_column

from layers import Base


class UserRow(Base):
    """A user. `areas`, `layers` and `columns` narrow her; null is no limit.

    `areas` are codes: what lies in them, or in areas inside them, is hers. `columns` are the fields that she may set,
    `geom` among them or not; whoever is narrowed to columns neither creates nor deletes. `password` is a hash.
    """

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    title: Mapped[str] = mapped_column(Text, server_default="")
    role: Mapped[str] = mapped_column(Text)
    areas: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    layers: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    columns: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    password: Mapped[str | None] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(Boolean, server_default=true())
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class TokenRow(Base):
    """A secret by which a user is known, kept as its SHA-256: of a browser's session, or of a program."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_name: Mapped[str] = mapped_column(Text, ForeignKey("users.name", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text, server_default="")
    hash: Mapped[str] = mapped_column(Text, unique=True)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
