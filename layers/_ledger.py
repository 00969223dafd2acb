"""What is done about features and recorded beside them: the ledger of hazards, and records of any other kind.

Both may have a subject, a feature of any layer; who gives no place of its own to one takes its subject's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date as date_type
from typing import Any, ClassVar, Literal

from sqlalchemy.orm import Mapped

from layers._fields import date, layer_name, text
from layers._layer import Layer, Role, with_role
from layers._vocabulary import Label

Duty = Literal["handle", "verify", "direct"]
"""Whose part a step is: who sees to the rectification, who verifies it, who directs both."""


class Subjected(Layer):
    """The base of what may be about a feature: `subject_layer` and `subject_code` name it.

    Where `geom` is not given the database puts a point on the subject, and moves it when another subject is named.
    """

    __abstract__ = True

    subject_layer: Mapped[str | None] = layer_name("对象图层", "Subject's layer")
    subject_code: Mapped[str | None] = text("对象编号", "Subject's code", indexed=True)


class Record(Subjected):
    """The base of what is done and written down: inspections, works, notices, scores.

    It needs no place of its own: it has its subject's, or none, and then counts outside every area. It is not drawn.
    """

    __abstract__ = True

    placed = False
    geometry = ("Point",)


@dataclass(frozen=True)
class Transition:
    """A step of the ledger's loop: from which states (`sources`) to which (`target`; empty: it stays).

    `duty` says who may take it; `not_by` names a column whose signer may not. It stamps the day into `stamps`, the
    user's name into `signs`, empties `clears`, and sets `sets`. `needs` is what must come with it: a deadline after
    the present one, a note, or evidence (a note or a photo).
    """

    name: str
    label: Label
    sources: tuple[str, ...]
    target: str = ""
    duty: Duty = "handle"
    stamps: str = ""
    signs: str = ""
    clears: tuple[str, ...] = ()
    sets: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[Literal["deadline", "note", "evidence"], ...] = ()
    not_by: str = ""

    def touches(self) -> tuple[str, ...]:
        """Return the columns that it sets."""
        named = [self.stamps, self.signs, *self.clears, *self.sets]
        named += ["status"] if self.target else []
        named += ["deadline"] if "deadline" in self.needs else []
        return tuple(name for name in named if name)


class Ledger(Subjected):
    """The base of the ledger of hazards: what the engine must know of it, whatever else it holds.

    A hazard begins in the state `first`, is open while its `status` is one of `open_terms`, and overdue while it is
    open, not rectified, and the district's day is past its deadline. It is rectified, verified or closed while its
    status is one of those terms, each a part of the one before. `major` is the level that makes its subject red.
    """

    __abstract__ = True

    role = Role.LEDGER
    first: ClassVar[str]
    open_terms: ClassVar[tuple[str, ...]]
    rectified_terms: ClassVar[tuple[str, ...]]
    verified_terms: ClassVar[tuple[str, ...]]
    closed_terms: ClassVar[tuple[str, ...]]
    major: ClassVar[str]
    transitions: ClassVar[tuple[Transition, ...]]

    kind: Mapped[str]
    level: Mapped[str]
    status: Mapped[str]
    supervised: Mapped[bool | None]
    found_on: Mapped[date_type | None] = date("发现日期", "Found on")
    deadline: Mapped[date_type | None] = date("整改期限", "Deadline", aliases=("限期",))
    rectified_on: Mapped[date_type | None] = date("整改完成日期", "Rectified on")

    @classmethod
    def of_the_loop(cls) -> tuple[str, ...]:
        """Return the columns that only transitions set."""
        columns = {"status", "deadline"}.union(*(step.touches() for step in cls.transitions))
        return tuple(name for name in cls.writable() if name in columns)


def ledger() -> type[Ledger]:
    """Return the ledger of hazards."""
    found = with_role(Role.LEDGER)
    if not issubclass(found, Ledger):
        raise TypeError(f"layer {found.__tablename__} plays the ledger, but is no Ledger")
    return found
