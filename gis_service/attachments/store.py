"""Where the bytes of attachments lie: a folder, or a bucket of S3-compatible storage. Each under its own SHA-256.

What is put is there as a whole or not at all, and lasting when `put` returns: a row may be written then.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import parse_qs, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from gis_service.errors import StoreError
from gis_service.settings import Settings

if TYPE_CHECKING:
    from obstore import GetResult  # a type only

_PIECE = 1 << 20
_PATIENCE = timedelta(seconds=20)


@dataclass(frozen=True)
class Kept:
    """What the store holds under one key, and since when."""

    key: str
    since: datetime


def key_of(sha256: str) -> str:
    """Return the key of a file's bytes."""
    return f"bytes/{sha256[:2]}/{sha256}"


def thumbnail_key(sha256: str) -> str:
    """Return the key of a picture's thumbnail."""
    return f"thumbnails/{sha256[:2]}/{sha256}.webp"


class Store:
    """The store of one district: `GIS_HOME/attachments/<district>`, or what `GIS_ATTACHMENTS_URL` names."""

    def __init__(self, settings: Settings) -> None:
        self.limit_mb = settings.attachment_limit_mb
        self._url, self._district = settings.attachments_url, settings.district
        self._folder = settings.home.resolve() / "attachments" / settings.district

    @cached_property
    def _objects(self) -> ObjectStore:
        """Reach the store when it is first asked for: who never attaches anything needs none."""
        if not self._url:
            return LocalStore(self._folder, mkdir=True)
        parts = urlsplit(self._url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return S3Store(
            parts.netloc,
            prefix="/".join(filter(None, (parts.path.strip("/"), self._district))),
            endpoint=query.get("endpoint"),
            region=query.get("region") or os.environ.get("AWS_REGION") or "us-east-1",
            client_options={"allow_http": query.get("endpoint", "").startswith("http:"), "connect_timeout": "5s"},
            retry_config={"max_retries": 3, "retry_timeout": _PATIENCE},
        )

    def put(self, key: str, content: BinaryIO | bytes) -> None:
        """Keep bytes under a key; what is there already is put anew, so that it counts as fresh.

        Raises
        ------
        StoreError
            Where it cannot be written; then nothing is there.
        """
        with _reached():
            obstore.put(self._objects, key, content)
            if not self._url:
                _settle(self._folder / key)

    def size(self, key: str) -> int | None:
        """Return how many bytes lie under a key, None where there is none."""
        with _reached():
            try:
                return obstore.head(self._objects, key)["size"]
            except FileNotFoundError:
                return None

    def get(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """Return the bytes from `start` up to, not including, `end`, piece by piece; a fault comes at once.

        Raises
        ------
        StoreError
            Where they are not there, or cannot be read.
        """
        with _reached():
            found = obstore.get(self._objects, key, options={"range": (start, end)})
        return _pieces(found)

    def read(self, key: str, size: int) -> BinaryIO:
        """Return all bytes under a key as a file.

        Raises
        ------
        StoreError
            Where they are not there, or cannot be read.
        """
        return io.BytesIO(b"".join(self.get(key, 0, size)))

    def held(self) -> Iterator[Kept]:
        """Yield everything that the store holds."""
        with _reached():
            for batch in obstore.list(self._objects):
                for found in batch:
                    yield Kept(found["path"], found["last_modified"])
            yield from self._unfinished()

    def delete(self, key: str) -> None:
        """Remove what lies under a key."""
        with _reached():
            if "#" in key:
                (self._folder / key).unlink(missing_ok=True)
            else:
                obstore.delete(self._objects, key)

    def _unfinished(self) -> Iterator[Kept]:
        """Yield what a crash has left half written in a folder; nobody else sees it. A bucket clears up by itself."""
        if self._url or not self._folder.exists():
            return
        for path in self._folder.rglob("*#*"):
            yield Kept(str(path.relative_to(self._folder)), datetime.fromtimestamp(path.stat().st_mtime, UTC))


def _pieces(found: GetResult) -> Iterator[bytes]:
    with _reached():
        for piece in found.stream(min_chunk_size=_PIECE):
            yield bytes(piece)


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise StoreError(
            "附件存储无法访问，或其中缺少该文件。请管理员检查 GIS_HOME 或 GIS_ATTACHMENTS_URL，"
            "并运行 gis attachments check。",
            "The store of attachments cannot be reached, or lacks this file. Check GIS_HOME or GIS_ATTACHMENTS_URL, "
            "and run gis attachments check.",
        ) from error


def _settle(path: Path) -> None:
    """Wait until a file, and its name in each folder above it, outlast a loss of power."""
    for place in (path, *list(path.parents)[:3]):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
