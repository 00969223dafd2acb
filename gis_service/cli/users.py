"""gis user: who may do what."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from gis_service import users
from gis_service.cli.shared import Json, out, print_json, print_table, ready, say
from gis_service.duties import ROLES

app = typer.Typer()
user = typer.Typer(no_args_is_help=True)
app.add_typer(user, name="user", help="用户 · Users: add, list, set, password, disable, enable, token, tokens, revoke.")

Name = Annotated[str, typer.Argument(help="The name by which the user signs in.")]
Role = Annotated[str | None, typer.Option(help=f"One of {', '.join(ROLES)}.")]
Title = Annotated[str | None, typer.Option(help="The name that others read, e.g. 林工.")]
Areas = Annotated[list[str] | None, typer.Option("--area", help="An area by code or name; repeat. `all`: no limit.")]
Layers = Annotated[list[str] | None, typer.Option("--layer", help="A layer; repeat. `all`: no limit.")]
Columns = Annotated[
    list[str] | None, typer.Option("--column", help="A field that she may set, `geom` too; repeat. `all`: no limit.")
]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@contextmanager
def _changing() -> Iterator[Connection]:
    with ready() as database, database.transaction(getpass.getuser()) as connection:
        yield connection


def _given(
    role: str | None, title: str | None, areas: list[str] | None, layers: list[str] | None, columns: list[str] | None
) -> dict[str, Any]:
    """Return the options that are given; `all` lifts a limit."""
    plain = {"role": role, "title": title}
    limits = {"areas": areas, "layers": layers, "columns": columns}
    lifted = {key: None if limit == ["all"] else limit for key, limit in limits.items() if limit}
    return {key: value for key, value in plain.items() if value is not None} | lifted


def _password() -> str:
    """Ask for a password twice, or take the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    asked: str = typer.prompt(
        say("密码", "Password"), hide_input=True, confirmation_prompt=say("再次输入", "Once more")
    )
    return asked


@user.command()
def add(
    name: Name,
    *,
    role: Role = "viewer",
    title: Title = None,
    area: Areas = None,
    layer: Layers = None,
    column: Columns = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a password.")] = False,
    password_stdin: Stdin = False,
) -> None:
    """Add a user; without a password she signs in by single sign-on, or not at all and only her tokens work."""
    secret = _password() if password or password_stdin else None
    with _changing() as connection:
        users.add(connection, name, password=secret, **_given(role, title, area, layer, column))
    out.print(say(f"已添加用户 {name}。", f"The user {name} is added."), markup=False)


@user.command("list")
def list_(*, json: Json = False) -> None:
    """List the users, and what narrows them."""
    with ready() as database, database.reading() as connection:
        found = users.users(connection)
    if json:
        print_json({"users": found})
        return
    rows = [
        [
            one["name"],
            one["title"],
            one["role"],
            *(_limit(one[key]) for key in ("areas", "layers", "columns")),
            say("是", "yes") if one["has_password"] else "",
            "" if one["active"] else say("已停用", "disabled"),
        ]
        for one in found
    ]
    print_table(
        say("用户 姓名 角色 区域 图层 字段 密码 状态", "name title role areas layers columns password state").split(),
        rows,
    )


@user.command("set")
def set_(
    name: Name,
    *,
    role: Role = None,
    title: Title = None,
    area: Areas = None,
    layer: Layers = None,
    column: Columns = None,
) -> None:
    """Change a user's role, title or limits; what is not given stays."""
    with _changing() as connection:
        users.change(connection, name, _given(role, title, area, layer, column))
    out.print(say(f"已更改用户 {name}。", f"The user {name} is changed."), markup=False)


@user.command()
def password(name: Name, *, password_stdin: Stdin = False) -> None:  # noqa: ARG001 - a pipe is read without being told
    """Give a user a new password; her sessions end."""
    secret = _password()
    with _changing() as connection:
        users.set_password(connection, name, secret)
    out.print(say(f"用户 {name} 的密码已更改。", f"The user {name} has a new password."), markup=False)


@user.command()
def disable(name: Name) -> None:
    """Shut a user out at once; her sessions and tokens end."""
    with _changing() as connection:
        users.change(connection, name, {"active": False})
    out.print(say(f"用户 {name} 已停用。", f"The user {name} is disabled."), markup=False)


@user.command()
def enable(name: Name) -> None:
    """Let a disabled user in again."""
    with _changing() as connection:
        users.change(connection, name, {"active": True})
    out.print(say(f"用户 {name} 已启用。", f"The user {name} is enabled."), markup=False)


@user.command()
def token(
    name: Name,
    *,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    days: Annotated[int, typer.Option(help=f"How long it lives, 1 to {users.MOST_DAYS} days.")] = users.DAYS,
) -> None:
    """Give a user a token for a program. Its secret is printed once, and kept nowhere."""
    with _changing() as connection:
        made = users.add_token(connection, name, label, days)
    print(made["secret"])  # noqa: T201 - alone on its line, for a script to take


@user.command()
def tokens(name: Name, *, json: Json = False) -> None:
    """List a user's tokens."""
    with ready() as database, database.reading() as connection:
        found = users.tokens(connection, name)
    if json:
        print_json({"tokens": found})
        return
    rows = [
        [str(one["id"]), one["label"], *(f"{one[key]:%Y-%m-%d}" for key in ("recorded_at", "expires_at"))]
        for one in found
    ]
    print_table(say("编号 用途 建立 到期", "id label made expires").split(), rows)


@user.command()
def revoke(
    name: Name, token: Annotated[int, typer.Argument(help="The token's number, see `gis user tokens`.")]
) -> None:
    """Take a token away, at once."""
    with _changing() as connection:
        users.revoke(connection, name, token)
    out.print(say("令牌已撤销。", "The token is revoked."))


def _limit(limit: list[str] | None) -> str:
    return say("不限", "all") if limit is None else ", ".join(limit) or say("无", "none")
