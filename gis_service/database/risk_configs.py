"""The versions of the risk configuration. A version is never changed: a new one is added, so old scores stay true."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, DateTime, Identity, Integer, Text, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from layers import Base, RiskConfig


class RiskConfigRow(Base):
    """One version of weights, steps and cuts."""

    __tablename__ = "risk_configs"

    version: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    config: Mapped[dict[str, Any]] = mapped_column(JSONB)
    note: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


def newest(connection: Connection) -> tuple[int, RiskConfig]:
    """Return the newest version's number and its configuration."""
    row = connection.execute(select(RiskConfigRow).order_by(RiskConfigRow.version.desc()).limit(1)).one()
    return row.version, RiskConfig(**row.config)
