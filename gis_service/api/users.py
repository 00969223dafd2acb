"""/api/users: the accounts, for administrators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from gis_service import users
from gis_service.access import who_acts
from gis_service.api.deps import ConnectionDep, DatabaseDep, LanguageDep, Text, UserDep
from gis_service.api.problems import answering
from gis_service.database import Database
from gis_service.duties import ROLES

router = APIRouter(tags=["users"])

_EXAMPLE = {
    "name": "lin",
    "title": "林工",
    "role": "editor",
    "areas": ["350104102"],
    "layers": None,
    "columns": None,
    "active": True,
    "recorded_at": "2023-10-31T09:00:00+08:00",
    "has_password": True,
}
_ONE: dict[str, Any] = {"content": {"application/json": {"example": _EXAMPLE}}}

Name = Annotated[str, Path(description="The user's name.", examples=["lin"])]


class Changes(BaseModel):
    """What is changed of a user; what is not given stays, and null lifts a limit."""

    model_config = ConfigDict(extra="forbid")

    title: Text = Field("", description="The name that others read.", examples=["林工"])
    role: Text = Field("viewer", description=f"One of {', '.join(ROLES)}.", examples=["editor"])
    areas: list[Text] | None = Field(None, description="Areas by code or name.", examples=[["350104102"]])
    layers: list[Text] | None = Field(None, description="Layers by name.", examples=[["rivers"]])
    columns: list[Text] | None = Field(None, description="Fields that she may set, `geom` too.", examples=[["name"]])
    password: Text | None = Field(None, description="A new password.", examples=["correct horse battery"])
    active: bool = Field(default=True, description="Whether she may sign in.")


class NewUser(Changes):
    """A user to be added."""

    name: Text = Field(description="The name by which she signs in.", examples=["lin"])


@router.get("/api/users", responses={200: {"content": {"application/json": {"example": {"users": [_EXAMPLE]}}}}})
def list_users(
    connection: ConnectionDep,
    user: UserDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
) -> dict[str, Any]:
    """List the users, and what narrows them (null: nothing does)."""
    user.require("administer")
    return {"users": users.users(connection)}


@router.post("/api/users", status_code=HTTPStatus.CREATED, responses={201: _ONE, **answering(409)})
def post_user(
    database: DatabaseDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    response: Response,
    given: Annotated[NewUser, Body()],
) -> dict[str, Any]:
    """Add a user. Without a password she signs in by single sign-on only."""
    with _administering(database) as connection:
        made = users.add(connection, **given.model_dump(exclude_unset=True))
    response.headers["Location"] = f"/api/users/{quote(made['name'])}"
    return made


@router.patch("/api/users/{name}", responses={200: _ONE, **answering(409)})
def patch_user(
    database: DatabaseDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    name: Name,
    given: Annotated[Changes, Body()],
) -> dict[str, Any]:
    """Change a user. A new password ends her sessions; who is disabled is out at once, and her tokens are gone."""
    changes = given.model_dump(exclude_unset=True)
    password = changes.pop("password", None)
    with _administering(database) as connection:
        if changes.get("active") is False or "administer" not in ROLES.get(changes.get("role", "admin"), ()):
            users.require_another_administrator(connection, name)
        changed = users.change(connection, name, changes)
        if password is not None:
            users.set_password(connection, name, password)
            changed = users.find_user(connection, name)
    return changed


@router.delete(
    "/api/users/{name}", status_code=HTTPStatus.NO_CONTENT, response_class=Response, responses=answering(409)
)
def delete_user(
    database: DatabaseDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    name: Name,
) -> Response:
    """Disable a user: what she did keeps her name, so nobody is removed."""
    with _administering(database) as connection:
        users.require_another_administrator(connection, name)
        users.change(connection, name, {"active": False})
    return Response(status_code=HTTPStatus.NO_CONTENT)


@contextmanager
def _administering(database: Database) -> Iterator[Connection]:
    """Yield a connection to an administrator, and to nobody else."""
    with database.transaction() as connection:
        who_acts(connection).require("administer")
        yield connection
