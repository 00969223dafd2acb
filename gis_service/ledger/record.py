"""One hazard as people read it: its facts, the steps it has gone, and those that the reader may take now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, RowMapping, select

from gis_service.access import User
from gis_service.database.attachments import AttachmentRow
from gis_service.database.events import EventRow
from gis_service.features import as_geojson, unknown_feature
from gis_service.ledger.rows import read_with
from gis_service.ledger.steps import possible
from layers import Label, Language, Transition, ledger

RECORDED, RESTORED, CORRECTED = Label("登记", "Recorded"), Label("恢复", "Restored"), Label("更正", "Corrected")


def record(
    connection: Connection, code: str, today: date, user: User, language: Language, *, as_of: date | None = None
) -> dict[str, Any]:
    """Return a hazard as a GeoJSON Feature with `events`, the oldest first, `attachments`, and `transitions`.

    `events` are the steps it has gone, each with `label`, states, who, the day from which it holds, when it was
    recorded, note, deadline and attachments (their rows); `transitions` the steps that this user may take now, none on
    a past day.

    Raises
    ------
    UnknownName
        Where she sees no such hazard.
    """
    row = connection.execute(as_geojson(ledger(), *read_with(today)).where(ledger().code == code)).one_or_none()
    if row is None:
        raise unknown_feature(connection, ledger(), code)
    feature: dict[str, Any] = orjson.loads(row.feature)
    steps = [] if as_of else possible(connection, feature["properties"], user)
    files = _attachments(connection, code)
    return {
        **feature,
        "as_of": today,
        "events": _events(connection, code, as_of, files, language),
        "attachments": [file for file in files if file["event"] is None],
        "transitions": [_offered(step, feature["properties"]["status"], language) for step in steps],
    }


def _offered(step: Transition, status: str, language: Language) -> dict[str, Any]:
    target = step.target or status
    return {
        "transition": step.name,
        "label": step.label.in_(language),
        "to": target,
        "to_label": _state(target, language),
        "needs": list(step.needs),
    }


def _events(
    connection: Connection,
    code: str,
    as_of: date | None,
    files: list[dict[str, Any]],
    language: Language,
) -> list[dict[str, Any]]:
    rows = select(EventRow.__table__).where(EventRow.code == code).order_by(EventRow.id)
    if as_of and as_of < date.max:
        rows = rows.where(EventRow.held_from < datetime.combine(as_of + timedelta(days=1), time()))
    found = connection.execute(rows).mappings().all()
    befores: Sequence[RowMapping | None] = [None, *found]
    return [_event(row, before, files, language) for row, before in zip(found, befores, strict=False)]


def _event(
    row: RowMapping, before: RowMapping | None, files: list[dict[str, Any]], language: Language
) -> dict[str, Any]:
    """Return one step in words; `deadline_before` is the one that it changed, if any."""
    earlier = before["deadline"] if before and row["from_status"] else None
    return {
        "id": row["id"],
        "transition": row["transition"],
        "label": _label(row, before).in_(language),
        "from": row["from_status"],
        "from_label": _state(row["from_status"], language),
        "to": row["to_status"],
        "to_label": _state(row["to_status"], language),
        "by": row["recorded_by"],
        "held_from": row["held_from"],
        "recorded_at": row["recorded_at"],
        "note": row["note"],
        "deadline": row["deadline"],
        "deadline_before": earlier,
        "attachments": [file for file in files if file["event"] == row["id"]],
    }


def _label(row: RowMapping, before: RowMapping | None) -> Label:
    """Name a step: as it is declared, or by what a file, a restore or a correction made of the hazard."""
    steps = ledger().transitions
    if row["transition"]:
        return next((step.label for step in steps if step.name == row["transition"]), RESTORED)
    if row["from_status"] is None:
        return RECORDED if before is None else RESTORED
    if row["from_status"] == row["to_status"]:
        return CORRECTED
    like = [s for s in steps if row["from_status"] in s.sources and s.target == row["to_status"]]
    return like[0].label if like else CORRECTED


def _state(status: str | None, language: Language) -> str | None:
    vocabulary = ledger().fields()["status"].vocabulary
    return vocabulary[status].label.in_(language) if vocabulary and status in vocabulary.codes else status


def _attachments(connection: Connection, code: str) -> list[dict[str, Any]]:
    its = (AttachmentRow.layer == ledger().__tablename__, AttachmentRow.code == code)
    rows = select(AttachmentRow.__table__).where(*its).order_by(AttachmentRow.id)
    return [dict(row) for row in connection.execute(rows).mappings()]
