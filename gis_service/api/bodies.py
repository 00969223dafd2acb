"""The bodies of requests: JSON of a declared type, of a bounded size, read before anything else is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi import Request
from starlette.requests import ClientDisconnect

from gis_service.errors import TooLarge, UsageError, WrongType

MOST_BYTES = 16 << 20
_DEEPEST = 32


def json_of(*types: str) -> Callable[[Request], Awaitable[Any]]:
    """Return the dependency that reads a body of one of these media types.

    Raises
    ------
    WrongType
        Where the body is of another type, or compressed.
    TooLarge
        Where it has more bytes than allowed.
    UsageError
        Where it is no JSON, or nested too deep.
    """

    async def body(request: Request) -> Any:  # noqa: ANN401 - JSON
        given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if given not in types:
            raise WrongType(
                f"请求体的类型“{given}”不支持。", f"A body of type {given!r} is not taken here.", allowed=types
            )
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise WrongType("请求体不能压缩。", "The body must not be compressed.", allowed=("identity",))
        document = _opened(await _read(request))
        if _too_deep(document):
            raise UsageError(f"JSON 嵌套超过 {_DEEPEST} 层。", f"The JSON is nested deeper than {_DEEPEST}.")
        return document

    return body


async def _read(request: Request) -> bytes:
    """Read the body, and stop where it is larger than allowed."""
    stated = request.headers.get("content-length", "0")
    too_large = TooLarge(
        f"请求体超过 {MOST_BYTES >> 20} MB。", f"The body is larger than {MOST_BYTES >> 20} MB.", most_bytes=MOST_BYTES
    )
    if stated.isdecimal() and int(stated) > MOST_BYTES:
        raise too_large
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BYTES:
                raise too_large
    except ClientDisconnect as error:
        raise UsageError("请求体不完整。", "The body broke off.") from error
    return bytes(body)


def _opened(body: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"请求体不是有效的 JSON：{error}。", f"The body is no valid JSON: {error}.") from error


def _too_deep(document: Any) -> bool:  # noqa: ANN401 - JSON
    level = [document]
    for _ in range(_DEEPEST):
        inner = (v.values() if isinstance(v, dict) else v for v in level if isinstance(v, dict | list))
        level = [value for values in inner for value in values]
        if not level:
            return False
    return True
