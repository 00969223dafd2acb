"""Files that are sent here: counted while they come, so that nobody fills the disk, and spooled, not held in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.types import Message

from gis_service.attachments import too_large
from gis_service.errors import UsageError, WrongType

_BESIDE = 100_000
"""Bytes of a form beside its file: the other fields, the boundaries."""


@asynccontextmanager
async def received(request: Request, limit_mb: int) -> AsyncIterator[FormData]:
    """Yield the fields of a multipart form with one `file`.

    Raises
    ------
    WrongType
        Where the body is no multipart form.
    TooLarge
        As soon as more comes than is taken, or the length that is announced is more.
    UsageError
        Where there is no file in it.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise WrongType(
            "请以 multipart/form-data 上传。", "Send it as multipart/form-data.", allowed=["multipart/form-data"]
        )
    most, come = limit_mb * 1_000_000 + _BESIDE, 0
    if int(request.headers.get("content-length", "0")) > most:
        raise too_large(limit_mb)

    async def counted() -> Message:
        nonlocal come
        message = await request.receive()
        come += len(message.get("body", b""))
        if come > most:
            raise too_large(limit_mb)
        return message

    async with Request(request.scope, counted).form(max_files=1, max_fields=5) as form:
        if not isinstance(form.get("file"), UploadFile):
            raise UsageError("缺少文件字段 file。", "The form has no file in its field `file`.", parameter="file")
        yield form
