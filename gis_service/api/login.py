"""/login and /logout: sessions of browsers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gis_service import sessions
from gis_service.api.cookies import drop_session, keep_session, require_same_site
from gis_service.api.deps import DatabaseDep, LanguageDep, SettingsDep
from gis_service.api.identity import address_of, caller, session_of
from gis_service.api.pages import local, login_page
from gis_service.api.problems import answering

router = APIRouter(tags=["users"])

Next = Annotated[str, Query(description="Where to go afterwards: an address of this service.", examples=["/account"])]


@router.get("/login", response_class=HTMLResponse)
def login_form(
    request: Request,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    next: Next = "/",  # noqa: ARG001 - the page reads it
) -> HTMLResponse:
    """Return the page to sign in on."""
    return login_page(request)


@router.post("/login", status_code=HTTPStatus.SEE_OTHER, response_class=Response, responses=answering(429))
def login(
    request: Request,
    settings: SettingsDep,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form()] = "",
    next: Next = "/",
) -> Response:
    """Sign a browser in: the answer leads on, and sets the cookie of its session. Programs use tokens instead."""
    require_same_site(request)
    state, hours = request.app.state, settings.session_hours
    secret = sessions.sign_in(
        state.database, state.tries, name.strip(), password, address=address_of(request), hours=hours
    )
    leave(request)
    answer = RedirectResponse(local(next), HTTPStatus.SEE_OTHER)
    keep_session(request, answer, secret, settings.session_hours)
    return answer


@router.post("/logout", status_code=HTTPStatus.SEE_OTHER, response_class=Response)
def logout(
    request: Request,
    database: DatabaseDep,  # noqa: ARG001 - by which it is known that a page of this session asks
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
) -> Response:
    """End the browser's session."""
    answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    if session_of(request):
        leave(request)
        drop_session(request, answer)
    return answer


def leave(request: Request) -> None:
    """End the session that a browser has, if any."""
    if (name := caller(request)) and (secret := session_of(request)):
        sessions.end(request.app.state.database, name, secret)
