"""The steps of the loop: which of them somebody may take now, and taking one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select, update

from gis_service.access import User
from gis_service.database import Database, note
from gis_service.database.attachments import AttachmentRow
from gis_service.database.events import EventRow
from gis_service.errors import BadRecord, Fault, Forbidden, NotNow, UnknownValue
from gis_service.features import unknown_feature
from layers import Label, Transition, ledger


@dataclass(frozen=True)
class Asked:
    """A step that is asked for, and what comes with it; `attachments` are ids, `valid_from` is the day it was taken."""

    transition: str
    note: str = ""
    deadline: date | None = None
    attachments: Sequence[int] = ()
    valid_from: date | None = None


def take(database: Database, user: User, code: str, asked: Asked) -> None:
    """Take a step of one hazard's loop as this user, on the district's day or on the earlier one given.

    Two who take the same step at once take turns: one takes it, the other is told that it is taken.

    Raises
    ------
    UnknownName, UnknownValue
        Where the hazard or the step is not there; with the steps possible now.
    NotSignedIn, Forbidden
        Where the step, or this hazard, is not hers: verifiers are not those who rectified.
    NotNow
        Where the hazard's state does not allow it.
    BadRecord
        Where a deadline, note or evidence is missing or wrong; `errors` has each.
    OutOfOrder
        Where the day given is before the one that the hazard's present version holds from.
    """
    with database.transaction(user.name) as connection:
        seen = connection.execute(_row(code)).mappings().one_or_none()
        if seen is None:
            raise unknown_feature(connection, ledger(), code)
        step = _named(seen, asked.transition)
        user.require(step.duty, ledger())
        row = connection.execute(_row(code).with_for_update()).mappings().one_or_none()
        if row is None:
            raise _not_hers(code)
        _require_now(step, row, user)
        today = database.district(connection).today
        _require_complete(connection, step, row, asked, today)
        given = asked.valid_from if asked.valid_from != today else None
        note(connection, user=user.name, reason=asked.note.strip(), valid_from=given, transition=step.name)
        event = _write(connection, code, _values(step, user, asked, given or today))
        hers = _of_hazard(code).where(AttachmentRow.id.in_(asked.attachments)).whereclause
        if asked.attachments and hers is not None:
            connection.execute(update(AttachmentRow).where(hers).values(event=event))


def possible(connection: Connection, row: RowMapping, user: User) -> list[Transition]:
    """Return the steps that this user may take now on a hazard given by its columns."""
    table = ledger().__tablename__
    hers = "gis_within(t.area_code, t.shares) AND (gis_everywhere() OR t.subject_code IS NULL OR "
    hers += f"gis_sees(t.subject_layer, t.subject_code)) OR NOT row_security_active('{table}'::regclass)"
    statement = f"SELECT {hers} FROM {table} t WHERE t.code = %s"
    if not connection.exec_driver_sql(statement, (row["code"],)).scalar():
        return []
    return [step for step in ledger().transitions if _is_now(step, row) and _is_hers(step, row, user)]


def _row(code: str) -> Select[Any]:
    hazards = ledger()
    return select(*(hazards.__table__.c[name] for name in hazards.fields())).where(hazards.code == code)


def _is_now(step: Transition, row: RowMapping) -> bool:
    """Say whether the state allows a step; one that only sets something does so once."""
    done = step.sets and not step.target and all(row[name] == value for name, value in step.sets.items())
    return row["status"] in step.sources and not done


def _is_hers(step: Transition, row: RowMapping, user: User) -> bool:
    columns = user.columns is None or set(step.touches()) <= set(user.columns)
    return columns and user.may(step.duty, ledger()) and not _is_barred(step, row, user)


def _is_barred(step: Transition, row: RowMapping, user: User) -> bool:
    return bool(step.not_by) and row[step.not_by] == user.name


def _named(row: RowMapping, name: str) -> Transition:
    steps = {step.name: step for step in ledger().transitions}
    if name not in steps:
        raise UnknownValue("transition", name, [step.name for step in steps.values() if _is_now(step, row)])
    return steps[name]


def _not_hers(code: str) -> Forbidden:
    return Forbidden(
        f"{code} 不全在您的辖区或图层内，您可以查看，不能办理。",
        f"{code} does not lie wholly in your areas and layers: you may see it, but not act on it.",
    )


def _require_now(step: Transition, row: RowMapping, user: User) -> None:
    if not _is_now(step, row):
        vocabulary = ledger().fields()["status"].vocabulary
        state = vocabulary[row["status"]].label if vocabulary else Label(row["status"], row["status"])
        raise NotNow(
            f"{row['code']} 当前状态为“{state.zh}”，不能办理“{step.label.zh}”。",
            f"{row['code']} is {state.en!r} now; {step.label.en!r} is not possible.",
            allowed=[other.name for other in ledger().transitions if _is_now(other, row)],
            state=row["status"],
        )
    if _is_barred(step, row, user):
        raise Forbidden(
            f"{row['code']} 由您整改，“{step.label.zh}”须由他人办理。",
            f"You rectified {row['code']} yourself: {step.label.en!r} is somebody else's.",
        )


def _require_complete(connection: Connection, step: Transition, row: RowMapping, asked: Asked, today: date) -> None:
    """Refuse a step whose deadline, note or evidence is missing or wrong, with all that is wrong.

    Raises
    ------
    BadRecord
        With `errors`: field, value and rule of each.
    """
    faults = [
        *_wrong_day(asked, today),
        *_wrong_deadline(step, row, asked, asked.valid_from or today),
        *_wrong_note(step, asked),
        *_wrong_attachments(connection, row["code"], asked),
    ]
    if faults:
        raise BadRecord.of(faults)


def _wrong_day(asked: Asked, today: date) -> list[Fault]:
    if asked.valid_from is None or asked.valid_from <= today:
        return []
    zh, en = f"办理日期不能晚于 {today}", f"the day it was taken cannot be after {today}"
    return [Fault("valid_from", asked.valid_from, Label(zh, en))]


def _wrong_deadline(step: Transition, row: RowMapping, asked: Asked, day: date) -> list[Fault]:
    present = row["deadline"]
    if "deadline" not in step.needs:
        zh, en = "此步骤不设期限", "this step sets no deadline"
        return [Fault("deadline", asked.deadline, Label(zh, en))] if asked.deadline else []
    if asked.deadline is None:
        return [Fault("deadline", None, Label("请填写整改期限", "a deadline is needed"))]
    if asked.deadline <= day:
        zh, en = f"期限须晚于 {day}", f"the deadline must be after {day}"
        return [Fault("deadline", asked.deadline, Label(zh, en))]
    if present and asked.deadline <= present:
        zh, en = f"期限须晚于现有期限 {present}", f"the deadline must be after the present one, {present}"
        return [Fault("deadline", asked.deadline, Label(zh, en))]
    return []


def _wrong_note(step: Transition, asked: Asked) -> list[Fault]:
    if "\0" in asked.note:
        return [Fault("note", "", Label("说明中不能有空字符", "a note cannot hold the character NUL"))]
    if "note" in step.needs and not asked.note.strip():
        return [Fault("note", "", Label("请填写说明", "a note is needed"))]
    if "evidence" in step.needs and not asked.note.strip() and not asked.attachments:
        zh, en = "请以文字说明或照片为凭", "evidence is needed: a note, or a photo"
        return [Fault("attachments", [], Label(zh, en))]
    return []


def _wrong_attachments(connection: Connection, code: str, asked: Asked) -> list[Fault]:
    """Name the attachments that are not this hazard's, or already came with an earlier step."""
    if not asked.attachments:
        return []
    mine = set(connection.scalars(_of_hazard(code).where(AttachmentRow.id.in_(asked.attachments))))
    if not (wrong := sorted(set(asked.attachments) - mine)):
        return []
    zh = f"附件 {'、'.join(map(str, wrong))} 不属于此隐患，或已用于先前的步骤"
    en = f"attachments {', '.join(map(str, wrong))} are not of this hazard, or came with an earlier step"
    return [Fault("attachments", wrong, Label(zh, en))]


def _of_hazard(code: str) -> Select[int]:
    """Select the attachments of a hazard that came with no step yet."""
    mine = (AttachmentRow.layer == ledger().__tablename__, AttachmentRow.code == code)
    return select(AttachmentRow.id).where(*mine, AttachmentRow.event.is_(None))


def _values(step: Transition, user: User, asked: Asked, day: date) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(step.clears) | dict(step.sets)
    values |= {"status": step.target} if step.target else {}
    values |= {step.stamps: day} if step.stamps else {}
    values |= {step.signs: user.name} if step.signs else {}
    return values | ({"deadline": asked.deadline} if "deadline" in step.needs else {})


def _write(connection: Connection, code: str, values: dict[str, Any]) -> int:
    """Write a step; return the event that the database appended."""
    hazards = ledger()
    written = update(hazards).where(hazards.code == code).values(values).returning(hazards.__table__.c.change)
    change = connection.execute(written).scalar_one()
    newest = select(func.max(EventRow.id)).where(EventRow.code == code, EventRow.change == change)
    return connection.execute(newest).scalar_one()
