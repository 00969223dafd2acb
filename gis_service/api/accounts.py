"""/account and /users: the pages of one's own account, and of all for administrators."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from gis_service import users
from gis_service.api.deps import ConnectionDep, DistrictDep, LanguageDep, UserDep
from gis_service.api.me import about
from gis_service.api.pages import render
from gis_service.features import names
from layers import Role, registry, with_role

router = APIRouter(tags=["pages"])


@router.get("/account", response_class=HTMLResponse)
def account_page(
    request: Request, connection: ConnectionDep, user: UserDep, district: DistrictDep, language: LanguageDep
) -> HTMLResponse:
    """Return the page of one's own account: what one may do, the password, the tokens."""
    if user.is_anonymous:
        raise user.refusal()
    context = {
        "district": district.name.in_(language),
        "me": about(connection, user, language),
        "tokens": users.tokens(connection, user.name),
        "has_password": users.find_user(connection, user.name)["has_password"],
    }
    return render(request, "account.html", context)


@router.get("/users", response_class=HTMLResponse)
def users_page(
    request: Request, connection: ConnectionDep, user: UserDep, district: DistrictDep, language: LanguageDep
) -> HTMLResponse:
    """Return the page on which administrators keep the users."""
    user.require("administer")
    areas = names(connection, with_role(Role.AREAS), 10_000)
    fields: dict[str, str] = {}
    for layer in registry().values():
        for name, field in layer.writable().items():
            fields.setdefault(name, field.label.in_(language))
    choices: dict[str, list[dict[str, Any]]] = {
        "areas": areas,
        "layers": [{"code": name, "name": layer.title.in_(language)} for name, layer in registry().items()],
        "columns": [{"code": name, "name": label} for name, label in fields.items()],
    }
    context = {
        "district": district.name.in_(language),
        "users": [one | {"recorded_at": str(one["recorded_at"])} for one in users.users(connection)],
        "choices": choices,
        "labels": {limit: {one["code"]: one["name"] for one in there} for limit, there in choices.items()},
    }
    return render(request, "users.html", context)
