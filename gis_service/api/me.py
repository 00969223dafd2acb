"""/api/me: who asks, what she may do, her password and her tokens."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from gis_service import sessions, users
from gis_service.access import User, who_acts
from gis_service.api.cookies import keep_session
from gis_service.api.deps import ConnectionDep, DatabaseDep, LanguageDep, SettingsDep, Text, UserDep
from gis_service.api.identity import address_of, session_of
from gis_service.api.problems import answering
from gis_service.duties import LABELS, ROLES, WORDS
from gis_service.errors import Forbidden
from gis_service.features import names
from layers import Language, Layer, Role, registry, with_role

router = APIRouter(tags=["users"])

_EXAMPLE = {
    "name": "lin",
    "title": "林工",
    "anonymous": False,
    "role": {"name": "editor", "label": "编辑"},
    "duties": [{"name": "read", "label": "查看与下载"}],
    "areas": [{"code": "350104102", "name": "城门镇"}],
    "layers": None,
    "columns": None,
    "may": [{"layer": "rivers", "title": "内河", "read": True, "write": True, "create": True, "fields": ["name"]}],
}
_TOKEN = {
    "id": 7,
    "label": "QGIS",
    "recorded_at": "2023-10-31T09:00:00+08:00",
    "expires_at": "2024-10-30T09:00:00+08:00",
}


class NewPassword(BaseModel):
    """The present password and the new one."""

    model_config = ConfigDict(extra="forbid")

    present: Text = Field(description="The present password.", examples=["correct horse battery"])
    password: Text = Field(description="The new one, of at least ten characters.", examples=["seven quiet rivers run"])


class NewToken(BaseModel):
    """A token that is asked for."""

    model_config = ConfigDict(extra="forbid")

    label: Text = Field("", description="What it is for.", examples=["QGIS"])
    days: int = Field(users.DAYS, description=f"How long it lives, 1 to {users.MOST_DAYS} days.", examples=[30])


@router.get("/api/me", responses={200: {"content": {"application/json": {"example": _EXAMPLE}}}})
def get_me(connection: ConnectionDep, user: UserDep, language: LanguageDep) -> dict[str, Any]:
    """Return who asks, her role and duties, what narrows her (null: nothing does), and what she may do per layer.

    What is said here holds for records that lie in her areas with all of them; the database decides of each.
    """
    return about(connection, user, language)


def about(connection: Connection, user: User, language: Language) -> dict[str, Any]:
    """Return who a user is and what she may do."""
    known = {area["code"]: area["name"] for area in names(connection, with_role(Role.AREAS), 10_000)}
    return {
        "name": user.name,
        "title": user.title,
        "anonymous": user.is_anonymous,
        "role": {"name": user.role, "label": LABELS[user.role].in_(language)},
        "duties": [
            {"name": duty, "label": word.in_(language)} for duty, word in WORDS.items() if duty in ROLES[user.role]
        ],
        "areas": None if user.areas is None else [{"code": c, "name": known.get(c, c)} for c in user.areas],
        "layers": user.layers,
        "columns": user.columns,
        "may": [_may(user, layer, language) for layer in registry().values()],
    }


def _may(user: User, layer: type[Layer], language: Language) -> dict[str, Any]:
    write = user.may_write(layer)
    fields = [*layer.writable(), "geom"] if write else []
    return {
        "layer": layer.__tablename__,
        "title": layer.title.in_(language),
        "read": user.may("read", layer),
        "write": write,
        "create": user.may_create(layer),
        "fields": [name for name in dict.fromkeys(fields) if user.columns is None or name in user.columns],
    }


@router.post("/api/me/password", status_code=HTTPStatus.NO_CONTENT, response_class=Response, responses=answering(429))
def post_password(
    request: Request,
    database: DatabaseDep,
    settings: SettingsDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    given: Annotated[NewPassword, Body()],
) -> Response:
    """Change one's own password; all sessions end, and a browser that asks is given a new one."""
    with database.reading() as connection:
        user = _known(connection)
    address, by_browser = address_of(request), session_of(request)
    tries = request.app.state.tries
    sessions.change_password(database, tries, user, given.present, given.password, address=address)
    answer = Response(status_code=HTTPStatus.NO_CONTENT)
    if by_browser:
        hours = settings.session_hours
        keep_session(request, answer, sessions.enter(database, user.name, address=address, hours=hours), hours)
    return answer


@router.get("/api/me/tokens", responses={200: {"content": {"application/json": {"example": {"tokens": [_TOKEN]}}}}})
def list_tokens(
    connection: ConnectionDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
) -> dict[str, Any]:
    """List one's own tokens for programs; their secrets are kept nowhere."""
    return {"tokens": users.tokens(connection, _known(connection).name)}


@router.post(
    "/api/me/tokens",
    status_code=HTTPStatus.CREATED,
    responses={201: {"content": {"application/json": {"example": {**_TOKEN, "secret": "gis_Vt3…"}}}}},
)
def post_token(
    request: Request,
    database: DatabaseDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    given: Annotated[NewToken, Body()],
) -> dict[str, Any]:
    """Make a token for a program. Its `secret` is told only now; who has signed in as a person may make one."""
    with database.transaction() as connection:
        user = _known(connection)
        if not session_of(request):
            raise Forbidden(
                "令牌不能用来建立新的令牌，请在浏览器中登录后建立。",
                "A token cannot make tokens. Sign in in a browser to make one.",
            )
        return users.add_token(connection, user.name, given.label, given.days)


@router.delete("/api/me/tokens/{token}", status_code=HTTPStatus.NO_CONTENT, response_class=Response)
def delete_token(
    database: DatabaseDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    token: Annotated[int, Path(description="The token's number.", examples=[7])],
) -> Response:
    """Revoke one of one's own tokens, at once."""
    with database.transaction() as connection:
        users.revoke(connection, _known(connection).name, token)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _known(connection: Connection) -> User:
    """Return who asks, refusing whoever has not signed in."""
    user = who_acts(connection)
    if user.is_anonymous:
        raise user.refusal()
    return user
