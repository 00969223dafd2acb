"""Errors as problem documents (RFC 9457), in the reader's language, with what to do; for browsers as a page."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import Match

from gis_service.api.addresses import path_of, query_of
from gis_service.api.cookies import SAFE
from gis_service.api.deps import LANGUAGES, chosen_language
from gis_service.api.pages import login_page, render
from gis_service.errors import DatabaseError, GisError, UsageError
from layers import Label, Language

_DOCUMENT: dict[str, Any] = {
    "schema": {
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": {"type": "string", "description": "Where the kind of problem is explained."},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What is wrong, by its name."},
            "instance": {"type": "string"},
            "allowed": {"type": "array", "items": {"type": "string"}, "description": "What can be asked for instead."},
        },
    }
}
_MEANINGS: Mapping[int, str] = {
    400: "The request is not understood, e.g. a filter that does not parse or a number out of range.",
    401: "Nobody is signed in and this needs it, or the token is nobody's.",
    403: "She who is signed in may not do this, or not here.",
    404: "Something named is not there: a layer, an area, a field, a feature, a map.",
    409: "The code is taken; somebody has changed the same since (`conflicts`: field, read, current, yours); or the "
    "state of what is asked for does not allow it.",
    412: "The version asked for by If-Match is not the present one (`yours`, `current`, `differing`, `feature`).",
    413: "The body is larger than allowed.",
    415: "The body is of a type that is not taken.",
    422: "The record breaks rules of its layer (`errors`: field, value, rule).",
    429: "Too many failures to sign in: try again after as many seconds as `Retry-After` says.",
    503: "The database is away, busy, or not of this version.",
}


def answering(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI document says of problems that an address answers."""
    content = {"application/problem+json": _DOCUMENT}
    return {status: {"description": _MEANINGS[status], "content": content} for status in statuses}


RESPONSES = answering(400, 401, 403, 404, 503)
"""What every address may answer beside its own."""
WRITING = answering(409, 412, 413, 415, 422)
"""What an address that writes features may answer beside these."""

log = logging.getLogger(__name__)

_HTTP = {
    404: (
        Label("没有找到", "Not found"),
        Label("没有这个地址，请从首页 / 或接口文档 /docs 查找。", "There is no such address; see / or /docs."),
    ),
    405: (
        Label("方法不支持", "Method not allowed"),
        Label("此地址不支持该方法。", "This address does not take that method."),
    ),
}
_FAILED = Label(
    "服务内部出错，已记入日志。请稍后重试；若仍出错，请把时间告知管理员。",
    "The service failed and has logged it. Try again; if it persists, tell the administrator the time.",
)


def install(app: FastAPI) -> None:
    """Give every kind of error its answer. The database's own words go to the log, never to the reader."""
    app.add_exception_handler(GisError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_a_parameter)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(DataError, _of_a_value)
    app.add_exception_handler(OperationalError, _of_the_database)
    app.add_exception_handler(PoolTimeout, _of_the_database)
    app.add_exception_handler(Exception, _of_a_fault)


def _of_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, GisError)
    return _problem(request, error)


def _of_a_parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name, value = str(first["loc"][-1]), first.get("input")
    zh, en = f"参数 {name} 的值“{value}”无效。", f"{value!r} is no valid value of {name}: {first['msg']}."
    if value is None or first["type"] == "missing":
        zh, en = f"缺少参数 {name}。", f"The parameter {name} is missing."
    return _problem(request, UsageError(zh, en, parameter=name))


def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    title, detail = _HTTP.get(error.status_code, (Label(phrase, phrase), Label(str(error.detail), str(error.detail))))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and "OPTIONS" not in headers.get("Allow", ""):
        headers["Allow"] = ", ".join(_methods(request))  # Starlette names those of one route only
        if request.method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
    answer = _answer(request, error.status_code, "about:blank", title, detail)
    answer.headers.update(headers)
    return answer


def _methods(request: Request) -> Iterator[str]:
    """Yield the methods that an address takes, by whatever route."""
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            yield from ("GET", "HEAD") if method == "GET" else (method,)
    yield "OPTIONS"


def _of_a_value(request: Request, error: Exception) -> Response:
    log.info("a value was out of range at %s", request.url.path, exc_info=error)
    zh, en = "某个参数的值超出范围，无法计算。", "A parameter's value is out of range."
    return _problem(request, UsageError(zh, en))


def _of_the_database(request: Request, error: Exception) -> Response:
    log.error("the database failed at %s", request.url.path, exc_info=error)
    busy = DatabaseError(
        "数据库暂时不可用，请稍后重试。", "The database is not available at the moment. Try again shortly."
    )
    return _problem(request, busy)


def _of_a_fault(request: Request, error: Exception) -> Response:
    log.error("failed at %s", request.url.path, exc_info=error)
    return _answer(request, 500, "about:blank", GisError.title, _FAILED)


def _problem(request: Request, error: GisError) -> Response:
    members = ({"allowed": list(error.allowed)} if error.allowed else {}) | error.members
    members = _in_words(members, chosen_language(request))
    answer = _answer(request, error.status, f"/docs/problems#{error.kind}", error.title, error.message, members)
    if "retry_after" in members:
        answer.headers["Retry-After"] = str(members["retry_after"])
    return answer


def _in_words(value: Any, language: Language) -> Any:  # noqa: ANN401 - a document
    """Return a document with its labels in one language, and with half characters, which no text can hold, replaced."""
    if isinstance(value, Label):
        value = value.in_(language)
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {key: _in_words(inner, language) for key, inner in value.items()}
    return [_in_words(inner, language) for inner in value] if isinstance(value, list) else value


def _answer(
    request: Request, status: int, kind: str, title: Label, detail: Label, members: dict[str, Any] | None = None
) -> Response:
    language = chosen_language(request)
    document = {
        "type": kind,
        "title": title.in_(language),
        "status": status,
        "detail": _in_words(detail, language),
        "instance": path_of(request),
        **(members or {}),
    }
    if "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api"):
        return _page(request, status, {"allowed": [], **document})
    headers: dict[str, str] = {"Content-Language": language}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"

    def read(value: Any) -> str:  # noqa: ANN401 - whatever an error carries
        return value.in_(language) if isinstance(value, Label) else str(value)

    body = orjson.dumps(document, default=read, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    return Response(body, status_code=status, media_type="application/problem+json", headers=headers)


def _page(request: Request, status: int, document: dict[str, Any]) -> Response:
    """Return the problem as a page; whoever has to sign in first is asked to, and led back."""
    if status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS):
        return render(request, "problem.html", {"problem": document}, status=status)
    if request.method in SAFE and not request.url.path.startswith("/login"):
        asked = f"{path_of(request)}{query_of(request)}"
        language = f"lang={request.query_params['lang']}&" if request.query_params.get("lang") in LANGUAGES else ""
        return RedirectResponse(f"/login?{language}next={quote(asked, safe='/')}", HTTPStatus.SEE_OTHER)
    return login_page(request, document["detail"], status)
