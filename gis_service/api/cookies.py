"""The cookie of a browser's session, and the proof that a request comes from a page of ours (against CSRF)."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response

from gis_service.errors import Forbidden

SESSION = "gis_session"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def keep_session(request: Request, response: Response, secret: str, hours: float) -> None:
    """Give the browser the secret of its session."""
    response.set_cookie(
        SESSION, secret, max_age=int(hours * 3600), secure=request.url.scheme == "https", httponly=True, samesite="lax"
    )
    request.state.stale = False


def drop_session(request: Request, response: Response) -> None:
    """Tell the browser to forget its session."""
    response.delete_cookie(SESSION, secure=request.url.scheme == "https", httponly=True, samesite="lax")


def csrf_token(secret: str) -> str:
    """Return what pages of a session send along: it is made of the session's secret and says nothing of it."""
    return hmac.digest(secret.encode(), b"csrf", "sha256").hex()


def require_token(secret: str, given: str) -> None:
    """Refuse a request that a page of this session has not sent.

    Raises
    ------
    Forbidden
        Where the token is missing or another's.
    """
    if not hmac.compare_digest(csrf_token(secret).encode(), given.encode()):
        raise Forbidden(
            "页面令牌缺失或已失效，请重新载入页面后再试。",
            "The page's token (X-CSRF-Token) is missing or no longer valid. Reload the page and try again.",
        )


def require_same_site(request: Request) -> None:
    """Refuse what a browser sends from a page of another site; a program sends neither of these headers.

    Raises
    ------
    Forbidden
        Where the page is another's.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    ours = site in ("same-origin", "none") if site else True
    if origin and urlsplit(origin).netloc != request.headers.get("host", ""):
        ours = False
    if not ours:
        raise Forbidden("请求来自其他网站的页面，已拒绝。", "The request comes from a page of another site.")
