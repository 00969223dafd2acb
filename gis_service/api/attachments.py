"""Photos and files on features: POST and GET /api/layers/{layer}/features/{code}/attachments, /api/attachments/{id}."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response, StreamingResponse
from starlette.datastructures import FormData

from gis_service.api.deps import ConnectionDep, DatabaseDep, LanguageDep, LayerDep, SettingsDep
from gis_service.api.problems import answering
from gis_service.api.uploads import received
from gis_service.attachments import (
    Sent,
    Store,
    attach,
    attachments,
    find,
    has_thumbnail,
    may_attach,
    remove,
    restore,
    thumbnail,
)
from gis_service.attachments.kinds import MEDIA_TYPES, is_inline
from gis_service.attachments.store import key_of

router = APIRouter(tags=["attachments"])

_EXAMPLE = {
    "id": 7,
    "name": "整改后.jpg",
    "media_type": "image/jpeg",
    "size": 1832004,
    "note": "护栏已更换",
    "url": "/api/attachments/7",
    "thumbnail": "/api/attachments/7/thumbnail",
    "by": "王工",
    "at": "2023-10-20T09:12:44+08:00",
}
_ONE: dict[str, Any] = {"content": {"application/json": {"example": _EXAMPLE}}}
_KNOWN: dict[int | str, dict[str, Any]] = {
    304: {"description": "What the client has is what there is."},
    416: {"description": "The part that Range asks for is behind the end."},
}
_LIST = {"layer": "bridges", "code": "QL-001", "attachments": [_EXAMPLE]}
_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "A photo or file; see the guide."},
                    "note": {"type": "string", "description": "What it shows."},
                },
            }
        }
    },
}


def _store(request: Request) -> Store:
    found: Store = request.app.state.attachments
    return found


def _may_attach(database: DatabaseDep, layer: LayerDep, code: str) -> None:
    """Refuse before the file is received; the connection is given back meanwhile."""
    with database.reading() as connection:
        may_attach(connection, layer, code)


async def _sent(request: Request, settings: SettingsDep) -> AsyncIterator[FormData]:
    async with received(request, settings.attachment_limit_mb) as form:
        yield form


StoreDep = Annotated[Store, Depends(_store)]
Number = Annotated[int, Path(ge=1, lt=2**63, description="Number of an attachment.", examples=[7])]


@router.post(
    "/api/layers/{layer}/features/{code:path}/attachments",
    status_code=201,
    dependencies=[Depends(_may_attach)],
    openapi_extra={"requestBody": _FORM},
    responses={
        200: _ONE | {"description": "The same bytes are on it already."},
        201: _ONE,
        **answering(413, 415),
    },
)
def post_attachment(
    database: DatabaseDep,
    layer: LayerDep,
    code: str,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    store: StoreDep,
    form: Annotated[FormData, Depends(_sent)],
    response: Response,
) -> dict[str, Any]:
    """Attach a photo or file to a feature. Its type is judged by its content; the same bytes are kept on it once."""
    sent: Any = form["file"]
    content: BinaryIO = sent.file
    given = Sent(content, sent.filename or "", str(form.get("note") or ""))
    row, is_new = attach(database, store, layer, code, given)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/api/attachments/{row['id']}"
    return described(row)


@router.get(
    "/api/layers/{layer}/features/{code:path}/attachments",
    responses={200: {"content": {"application/json": {"example": _LIST}}}},
)
def list_attachments(connection: ConnectionDep, layer: LayerDep, code: str, language: LanguageDep) -> dict[str, Any]:  # noqa: ARG001
    """List the photos and files of a feature, the oldest first."""
    rows = attachments(connection, layer, code)
    return {"layer": layer.__tablename__, "code": code, "attachments": [described(row) for row in rows]}


@router.get(
    "/api/attachments/{id}",
    response_class=Response,
    responses={
        200: {"content": {kind: {} for kind in MEDIA_TYPES}},
        206: {"description": "The part asked for by Range."},
        **_KNOWN,
    },
)
def get_attachment(
    request: Request,
    connection: ConnectionDep,
    id: Number,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    store: StoreDep,
) -> Response:
    """Return the file, byte for byte as it was sent; pictures are shown, everything else is saved."""
    row = find(connection, id)
    kind = "inline" if is_inline(row["media_type"]) else "attachment"
    headers = {"Content-Disposition": _disposition(kind, row["name"])}
    return _served(request, store, key_of(row["sha256"]), row["size"], row["media_type"], row["sha256"], headers)


@router.get(
    "/api/attachments/{id}/thumbnail",
    response_class=Response,
    responses={200: {"content": {"image/webp": {}}}, **_KNOWN},
)
def get_thumbnail(
    request: Request,
    connection: ConnectionDep,
    id: Number,
    language: LanguageDep,  # noqa: ARG001 - accepted everywhere
    store: StoreDep,
) -> Response:
    """Return a picture's thumbnail, upright, at most 480 pixels long, without the original's metadata."""
    row = find(connection, id)
    key, size = thumbnail(store, row)
    return _served(request, store, key, size, "image/webp", f"{row['sha256']}-thumbnail", {})


@router.delete("/api/attachments/{id}", status_code=204, response_class=Response)
def delete_attachment(database: DatabaseDep, id: Number, language: LanguageDep) -> None:  # noqa: ARG001
    """Take an attachment off its feature. It is kept, and can be restored."""
    with database.transaction() as connection:
        remove(connection, id)


@router.post("/api/attachments/{id}/restore", responses={200: _ONE, **answering(409)})
def restore_attachment(database: DatabaseDep, id: Number, language: LanguageDep) -> dict[str, Any]:  # noqa: ARG001
    """Put an attachment that was deleted back on its feature."""
    with database.transaction() as connection:
        return described(restore(connection, id))


def described(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what a client must know of an attachment."""
    address = f"/api/attachments/{row['id']}"
    return {
        "id": row["id"],
        "name": row["name"],
        "media_type": row["media_type"],
        "size": row["size"],
        "note": row["note"],
        "url": address,
        "thumbnail": f"{address}/thumbnail" if has_thumbnail(row) else None,
        "by": row["recorded_by"],
        "at": row["recorded_at"],
    }


def _served(
    request: Request, store: Store, key: str, size: int, media_type: str, etag: str, headers: dict[str, str]
) -> Response:
    """Answer with bytes of the store: whole, a part of them, or that the client has them; never as something to run."""
    headers |= {
        "ETag": f'"{etag}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",  # kept, but asked again each time whether it is still hers to see
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if "*" in known or headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    whole = request.headers.get("if-range", headers["ETag"]) != headers["ETag"]
    part = None if whole else _part(request.headers.get("range", ""), size)
    if part is None:
        start, end, status = 0, size, 200
    elif part[0] >= part[1]:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    else:
        start, end, status = *part, 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    return StreamingResponse(store.get(key, start, end), status, headers, media_type)


def _part(asked: str, size: int) -> tuple[int, int] | None:
    """Return from where up to where a Range header asks, empty where that is behind the end; None: everything."""
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", asked.strip())
    if not found or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _disposition(kind: str, name: str) -> str:
    """Return a Content-Disposition that carries a name in any script (RFC 6266, RFC 8187)."""
    plain = re.sub(r"[^\w.-]|[^\x20-\x7e]", "_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
