"""Who acts, and what she may do: users, the tokens by which they are known, their duties.

The row policies of the database decide; what is asked here only says beforehand what would be refused, so that pages
and `Allow` headers offer no more, and refusals are in words.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection

from gis_service.database import Database
from gis_service.database.known import known
from gis_service.duties import ANONYMOUS, ROLES, Duty, RoleName
from gis_service.errors import Forbidden, NotSignedIn
from layers import Layer, Role, Subjected


@dataclass(frozen=True)
class User:
    """A user: `areas`, `layers` and `columns` narrow her, None is no limit (see database.accounts.UserRow)."""

    name: str
    title: str
    role: RoleName
    areas: tuple[str, ...] | None = None
    layers: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None

    @property
    def is_anonymous(self) -> bool:
        """Say whether nobody has signed in."""
        return self.name == ANONYMOUS

    def may(self, duty: Duty, layer: type[Layer] | None = None) -> bool:
        """Say whether she has a duty, on a layer where one is named; on which of its records the database decides."""
        if duty not in ROLES[self.role]:
            return False
        if layer is None or self.layers is None or layer.__tablename__ in self.layers:
            return True
        return issubclass(layer, Subjected) or (layer.role is Role.AREAS and duty == "read")

    def may_write(self, layer: type[Layer]) -> bool:
        """Say whether she may change records of a layer: those of what is done are recorded, others edited.

        The areas themselves are nobody's who is narrowed to some of them.
        """
        duty: Duty = "record" if issubclass(layer, Subjected) else "edit"
        return self.may(duty, layer) and (self.areas is None or layer.role is not Role.AREAS)

    def may_create(self, layer: type[Layer]) -> bool:
        """Say whether she may create and delete records of a layer."""
        return self.may_write(layer) and self.columns is None

    def require(self, duty: Duty, layer: type[Layer] | None = None) -> None:
        """Refuse what she may not do.

        Raises
        ------
        NotSignedIn
            Where nobody has signed in: perhaps she may once she is known.
        Forbidden
            Where she is known and may not.
        """
        if not self.may(duty, layer):
            raise self.refusal()

    def refusal(self) -> NotSignedIn | Forbidden:
        """Return the error that says she may not do this."""
        if self.is_anonymous:
            return NotSignedIn("此操作需要登录。", "This needs a sign-in.")
        return Forbidden(
            f"您的角色（{self.role}）或图层范围不允许此操作。",
            f"Your role ({self.role}) or your layers do not allow this.",
        )


def who_acts(connection: Connection) -> User:
    """Return the user who acts in this transaction.

    Raises
    ------
    NotSignedIn
        Where there is none, or she is no longer active.
    """
    row = known(connection)
    if row.user_name is None:
        raise NotSignedIn("该用户不存在或已停用。", "There is no such user, or she is no longer active.")
    areas, layers, columns = (None if codes is None else tuple(codes) for codes in (row.areas, row.layers, row.columns))
    return User(row.user_name, row.title, row.role, areas, layers, columns)


def hashed(secret: str) -> str:
    """Return a token as the database keeps it: it is random, so a plain digest tells nothing of it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def known_by(database: Database, secret: str) -> tuple[str, str] | None:
    """Return the user's name whose token this is, and its kind (session or program); None where it is nobody's."""
    row = database.ask(f"SELECT user_name, kind FROM gis_known_by('{hashed(secret)}')")
    return (row.user_name, row.kind) if row.user_name else None
