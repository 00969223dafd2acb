"""The accounts as administrators and the operator keep them: users, what narrows them, and their tokens.

Everything runs in the caller's transaction: the operator's, who is free, or an administrator's, whom policies hold.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, text, update

from gis_service import passwords
from gis_service.access import hashed
from gis_service.database.accounts import TokenRow, UserRow
from gis_service.duties import ANONYMOUS, ROLES, roles_with
from gis_service.errors import AlreadyThere, NotNow, UnknownName, UnknownValue, UsageError
from gis_service.features import find_layer
from layers import Label, Role, registry, with_role

DAYS, MOST_DAYS = 365, 3650
"""How long a token lives where nothing is said, and at most."""
_NAME = re.compile(r"[\w.@+-]{1,64}")
_USER, _AREA, _FIELD, _TOKEN = (
    Label("用户", "user"),
    Label("区域", "area"),
    Label("字段", "field"),
    Label("令牌", "token"),
)
_LIMITS = ("areas", "layers", "columns")


def users(connection: Connection) -> list[dict[str, Any]]:
    """Return all users by name: who they are, what narrows them (None is no limit), whether they may sign in."""
    rows = connection.execute(select(UserRow.__table__).order_by(UserRow.name))
    return [_described(row) for row in rows]


def find_user(connection: Connection, name: str) -> dict[str, Any]:
    """Return one user as `users` does.

    Raises
    ------
    UnknownName
        With the users that there are.
    """
    row = connection.execute(select(UserRow.__table__).where(UserRow.name == name)).one_or_none()
    if row is None:
        raise UnknownName(_USER, name, connection.scalars(select(UserRow.name).order_by(UserRow.name)))
    return _described(row)


def add(connection: Connection, name: str, *, password: str | None = None, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - columns of UserRow
    """Add a user with a role and, as for `change`, title, areas, layers and columns; return her.

    Raises
    ------
    UsageError
        Where the name, the password, the role or a limit cannot be taken, or the name is taken.
    """
    name = unicodedata.normalize("NFKC", name).strip()
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"用户名“{name}”有误：1 至 64 个字母、数字、汉字或 . _ @ + - ，不含空格。",
            f"{name!r} is no name for a user: 1 to 64 letters, digits, or . _ @ + -, without spaces.",
            field="name",
        )
    _alone(connection)
    if same := connection.scalar(select(UserRow.name).where(func.lower(UserRow.name) == name.lower())):
        raise AlreadyThere(f"用户 {same} 已经存在。", f"There is a user {same} already.", field="name")
    values = _checked(connection, name, {"role": "viewer", **given})
    if password is not None:
        passwords.require_good(password, name, values.get("title", ""))
        values["password"] = passwords.hashed(password)
    connection.execute(insert(UserRow).values(name=name, **values))
    return find_user(connection, name)


def change(connection: Connection, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Change what is given of title, role, areas, layers, columns (None lifts a limit) and active; return the user.

    Areas are given by code or name. Who is disabled is out at once: her sessions and tokens end.

    Raises
    ------
    UsageError
        Where there is no such user, role, area, layer or column.
    """
    _alone(connection)
    find_user(connection, name)
    if values := _checked(connection, name, given):
        connection.execute(update(UserRow).where(UserRow.name == name).values(**values))
    if values.get("active") is False:
        connection.execute(delete(TokenRow).where(TokenRow.user_name == name))
    return find_user(connection, name)


def set_password(connection: Connection, name: str, password: str) -> None:
    """Give a user a password; her sessions end.

    Raises
    ------
    UsageError
        Where there is no such user, or the password is soon guessed.
    """
    user = find_user(connection, name)
    _require_person(name)
    passwords.require_good(password, name, user["title"])
    hash_ = passwords.hashed(password)
    connection.execute(update(UserRow).where(UserRow.name == name).values(password=hash_))
    connection.execute(delete(TokenRow).where(TokenRow.user_name == name, TokenRow.kind == "session"))


def require_another_administrator(connection: Connection, name: str) -> None:
    """Refuse to go on where nobody but this user could administer afterwards.

    Raises
    ------
    NotNow
        Where she is the last active administrator.
    """
    _alone(connection)
    others = select(UserRow.name).where(
        UserRow.active, UserRow.role.in_(roles_with("administer")), UserRow.name != name
    )
    if connection.scalar(others.limit(1)) is None:
        raise NotNow(
            "这是最后一位可用的管理员，不能停用或降级；请先指定另一位管理员。",
            "This is the last active administrator, and stays one. Make somebody else an administrator first.",
        )


def tokens(connection: Connection, name: str) -> list[dict[str, Any]]:
    """Return a user's tokens for programs, the newest first; the secrets are known to nobody.

    Raises
    ------
    UnknownName
        Where there is no such user.
    """
    find_user(connection, name)
    hers = select(TokenRow.id, TokenRow.label, TokenRow.recorded_at, TokenRow.expires_at)
    hers = hers.where(TokenRow.user_name == name, TokenRow.kind == "program").order_by(TokenRow.id.desc())
    return [dict(row) for row in connection.execute(hers).mappings()]


def add_token(connection: Connection, name: str, label: str, days: int = DAYS) -> dict[str, Any]:
    """Give a user a token for a program, for so many days; return it with its secret, which is told only now.

    Raises
    ------
    UsageError
        Where the user is not there, not active or nobody, or it would live too long.
    """
    user = find_user(connection, name)
    _require_person(name)
    if not user["active"]:
        raise NotNow(f"用户 {name} 已停用。", f"The user {name} is disabled.")
    if not 1 <= days <= MOST_DAYS:
        raise UnknownValue("days", str(days), [f"1 – {MOST_DAYS}"])
    secret = "gis_" + secrets.token_urlsafe(32)
    made = insert(TokenRow).values(
        user_name=name,
        kind="program",
        label=_plain(label, "label"),
        hash=hashed(secret),
        expires_at=func.now() + text(f"interval '{days:d} days'"),
    )
    row = connection.execute(made.returning(TokenRow.id, TokenRow.label, TokenRow.recorded_at, TokenRow.expires_at))
    return {**row.mappings().one(), "secret": secret}


def revoke(connection: Connection, name: str, token: int) -> None:
    """Take a token away: its secret is nobody's from now on.

    Raises
    ------
    UnknownName
        Where the user has no such token.
    """
    there = [one["id"] for one in tokens(connection, name)]
    if token not in there:
        raise UnknownName(_TOKEN, str(token), map(str, there))
    connection.execute(delete(TokenRow).where(TokenRow.id == token))


def _described(row: Row[Any]) -> dict[str, Any]:
    return {
        **{key: getattr(row, key) for key in ("name", "title", "role", *_LIMITS, "active", "recorded_at")},
        "has_password": row.password is not None,
    }


def _alone(connection: Connection) -> None:
    """Let one transaction at a time change the accounts, so that two cannot disable each other."""
    connection.execute(text("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"))


def _checked(connection: Connection, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given as it is stored."""
    values = dict(given)
    if "role" in values:
        if values["role"] not in ROLES:
            raise UnknownValue("role", str(values["role"]), ROLES)
        if name == ANONYMOUS and ROLES[values["role"]] != {"read"}:
            raise UsageError(
                "未登录的访客只能查看，不能有其他角色。", "Who has not signed in reads, and can have no other role."
            )
    if "title" in values:
        values["title"] = _plain(values["title"], "title")
    if values.get("areas") is not None:
        values["areas"] = _areas(connection, values["areas"])
    if values.get("layers") is not None:
        values["layers"] = [find_layer(layer).__tablename__ for layer in values["layers"]]
    if values.get("columns") is not None:
        # those of every layer: who is given another layer later keeps her columns
        there = {column for layer in registry().values() for column in (*layer.writable(), "geom")}
        if unknown := [column for column in values["columns"] if column not in there]:
            raise UnknownName(_FIELD, unknown[0], sorted(there))
    return values


def _areas(connection: Connection, given: Sequence[str]) -> list[str]:
    """Return the codes of areas that are given by code or name."""
    layer = with_role(Role.AREAS)
    there = {row.code: row.name for row in connection.execute(select(layer.code, layer.name).order_by(layer.code))}
    codes = []
    for one in given:
        found = [code for code, name in there.items() if one in (code, name)]
        if len(found) != 1:
            raise UnknownName(_AREA, one, [f"{code} {name}" for code, name in there.items()])
        codes += found
    return codes


def _plain(given: str, field: str) -> str:
    """Return a short text of one line."""
    most = 100
    if len(given) > most or not given.isprintable():
        raise UsageError(f"{field} 须为一行，至多 {most} 个字符。", f"{field} is one line of up to {most} characters.")
    return given.strip()


def _require_person(name: str) -> None:
    if name == ANONYMOUS:
        raise UsageError(
            "“anonymous”代表未登录的访客，不能登录，也不能有令牌。",
            "'anonymous' is whoever has not signed in; she can neither sign in nor have tokens.",
        )
