"""HTML pages: templates, the Content-Security-Policy with its nonce, and the remembered language."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from gis_service.api.deps import LANGUAGES, chosen_language
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
    return environment


def render(request: Request, template: str, context: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """Return a page made of a template; it knows the request's path and the reader's language."""
    language = chosen_language(request)
    html = (
        _templates()
        .get_template(template)
        .render(language=language, t=lambda zh, en: zh if language == "zh" else en, path=request.url.path, **context)
    )
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
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache", "Vary": "Cookie"},
    )
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie("lang", request.query_params["lang"], max_age=_YEAR, samesite="lax", httponly=True)
    return response


def _image_host(request: Request) -> str:
    """Return the origin of the base map that the operator has set; there is none by default."""
    url: str = request.app.state.settings.base_map_url
    if "://" not in url:
        return ""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].replace('{s}', '*')}"
