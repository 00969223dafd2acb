"""/login/oidc: signing in at the bureau's own provider (OpenID Connect)."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from gis_service import sessions
from gis_service.api.cookies import keep_session
from gis_service.api.deps import SettingsDep
from gis_service.api.identity import address_of
from gis_service.api.login import Next, leave
from gis_service.api.pages import local
from gis_service.errors import UnknownName
from gis_service.sign_on import MINUTES, SignOn
from layers import Label

router = APIRouter(tags=["users"])

_COOKIE = "gis_sign_on"
_PATH = "/login/oidc"


@router.get(_PATH, status_code=HTTPStatus.SEE_OTHER, response_class=Response)
def depart(request: Request, next: Next = "/") -> Response:
    """Send a browser to the provider to sign in there."""
    departure = _provider(request).start(_callback(request), local(next))
    answer = RedirectResponse(departure.address, HTTPStatus.SEE_OTHER)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        _COOKIE, departure.cookie, max_age=MINUTES * 60, path=_PATH, secure=secure, httponly=True, samesite="lax"
    )
    return answer


@router.get(f"{_PATH}/callback", status_code=HTTPStatus.SEE_OTHER, response_class=Response)
def arrive(request: Request, settings: SettingsDep) -> Response:
    """Sign a browser in that comes back from the provider, whose own the parameters are: `code`, `state` and others."""
    cookie = request.cookies.get(_COOKIE, "")
    name, next_ = _provider(request).finish(_callback(request), cookie, request.query_params)
    hours, address = settings.session_hours, address_of(request)
    secret = sessions.enter(request.app.state.database, name, address=address, hours=hours)
    leave(request)
    answer = RedirectResponse(local(next_), HTTPStatus.SEE_OTHER)
    keep_session(request, answer, secret, hours)
    answer.delete_cookie(_COOKIE, path=_PATH)
    return answer


def _provider(request: Request) -> SignOn:
    found: SignOn = request.app.state.sign_on
    if not found.is_on:
        raise UnknownName(Label("地址", "address"), _PATH)
    return found


def _callback(request: Request) -> str:
    return str(request.url_for("arrive"))
