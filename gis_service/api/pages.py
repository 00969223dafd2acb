"""HTML pages: templates, the Content-Security-Policy with its nonce, and the remembered language."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gis_service.api.addresses import path_of
from gis_service.api.cookies import csrf_token
from gis_service.api.deps import LANGUAGES, chosen_language, reader
from gis_service.api.identity import session_of
from gis_service.duties import LABELS
from maps import registry, with_nonce

_YEAR = 365 * 24 * 3600


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("gis_service", "web/templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals["menu"] = registry
    environment.globals["roles"] = LABELS
    return environment


def render(request: Request, template: str, context: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """Return a page made of a template; it knows the request's path, the reader's language, and who she is.

    `user` is None where that cannot be said, as on the page of an error of the database.
    """
    html = _templates().get_template(template).render(_known(request, status) | dict(context))
    return page(request, html, status)


def page(request: Request, html: str, status: int = 200) -> HTMLResponse:
    """Return HTML under the policy: scripts and styles of this service and, by a nonce, those of the page itself."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
        f"img-src 'self' data: {_image_host(request)}; frame-ancestors 'self'; base-uri 'none'; object-src 'none'; "
        "form-action 'self'"
    )
    response = HTMLResponse(
        with_nonce(html, nonce),
        status_code=status,
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"},
    )
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie("lang", request.query_params["lang"], max_age=_YEAR, samesite="lax", httponly=True)
    return response


def account(request: Request) -> Markup:
    """Return what the masthead of a page says of who is signed in."""
    return Markup(_templates().get_template("_account.html").render(_known(request)))  # noqa: S704 - it escapes


def page_token_of(request: Request) -> str:
    """Return what the pages of the caller's session send along when they write, empty where she has none."""
    return csrf_token(session) if (session := session_of(request)) else ""


def _known(request: Request, status: int = 200) -> dict[str, Any]:
    language = chosen_language(request)
    user, district = reader(request) if status < HTTPStatus.INTERNAL_SERVER_ERROR else (None, None)
    of_district = {"district": district.name.in_(language), "illustrative": district.illustrative} if district else {}
    return {
        **of_district,
        "language": language,
        "t": lambda zh, en: zh if language == "zh" else en,
        "path": path_of(request),
        "user": user,
        "csrf_token": page_token_of(request),
    }


def login_page(request: Request, problem: str = "", status: int = 200) -> HTMLResponse:
    """Return the page to sign in on; where the reader wanted to go is in its address."""
    context = {
        "problem": problem,
        "next": local(request.query_params.get("next")),
        "single": request.app.state.sign_on.is_on,
    }
    return render(request, "login.html", context, status)


def local(address: str | None) -> str:
    r"""Return an address of this service, the start page where another's is given.

    Browsers read a backslash as a slash and leave out tabs and line ends: `/\host` and `//host` lead away.
    """
    given = address or "/"
    clean = given.startswith("/") and given[1:2] not in ("/", "\\") and given.isprintable() and "\\" not in given
    return given if clean else "/"


def _image_host(request: Request) -> str:
    """Return the origin of the base map that the operator has set; there is none by default."""
    url: str = request.app.state.settings.base_map_url
    if "://" not in url:
        return ""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].replace('{s}', '*')}"
