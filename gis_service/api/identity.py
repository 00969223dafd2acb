"""Who asks: known by a program's token or a browser's session, and that the session's own page is what asks."""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import Depends, Request

from gis_service.access import known_by
from gis_service.api.cookies import SAFE, SESSION, require_same_site, require_token
from gis_service.api.direct import in_thread
from gis_service.database import Database
from gis_service.duties import ANONYMOUS
from gis_service.errors import NotSignedIn


def caller(request: Request) -> str | None:
    """Return the name of the user who is signed in, by a program's token or a browser's session; None where nobody is.

    Raises
    ------
    NotSignedIn
        Where a token is shown that is nobody's. A session that has ended is no error: the browser is to forget it.
    """
    database: Database = request.app.state.database
    if given := request.headers.get("authorization", "").strip():
        name, secret = _shown(given)
        found = known_by(database, secret)
        if found is None or found[1] != "program" or name not in ("", found[0]):
            raise NotSignedIn("令牌无效或已过期。", "The token is not valid, or no longer.")
        request.state.signed_in = True
        return found[0]
    if not (secret := request.cookies.get(SESSION, "")):
        return None
    found = known_by(database, secret)
    if found is None or found[1] != "session":
        request.state.stale = True
        return None
    request.state.signed_in, request.state.session = True, secret
    return found[0]


def _shown(authorization: str) -> tuple[str, str]:
    """Return a user's name, where one is given, and the secret of her token.

    It comes as `Bearer`, or as the password of `Basic`, for clients that know no other way (QGIS before 3.24, ArcGIS).
    """
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", given.strip() if scheme.lower() == "bearer" else ""
    try:
        name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return name, secret


async def page_token(request: Request) -> str:
    """Return the token of the page that sends this, from the header or the form.

    With a file it comes in the header: a body without bounds is not read before it is known whose it is.
    """
    if request.method in SAFE or SESSION not in request.cookies:
        return ""
    if given := request.headers.get("x-csrf-token"):
        return given
    if request.headers.get("content-type", "").startswith("multipart/"):
        return ""
    form = await request.form()  # empty where the body is none
    return str(form.get("csrf_token", ""))


async def identity(request: Request, token: Annotated[str, Depends(page_token)]) -> str:
    """Return the name of the user who asks: who is signed in, or else the anonymous one's.

    Raises
    ------
    NotSignedIn
        Where a token is nobody's, or nobody may read without signing in.
    Forbidden
        Where a browser's session writes, and it is not a page of this session that asks.
    """
    shown = "authorization" in request.headers or SESSION in request.cookies
    name = await in_thread(caller, request) if shown else None
    if name is not None:
        if request.method not in SAFE and (secret := session_of(request)):
            require_same_site(request)
            require_token(secret, token)
        return name
    if not request.app.state.settings.anonymous:
        raise NotSignedIn("请先登录。", "Sign in first.")
    return ANONYMOUS


def address_of(request: Request) -> str:
    """Return the address from which a request comes; behind a trusted proxy, the one that it tells."""
    return request.client.host if request.client else ""


def session_of(request: Request) -> str:
    """Return the secret of the session by which the caller is known, empty where it is not by one."""
    return str(getattr(request.state, "session", ""))
