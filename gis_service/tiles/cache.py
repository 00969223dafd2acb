"""Tiles on disk, each under a digest of all that it depends on: what has changed is simply not asked for again."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gis_service.database.waiting import away_from_loop

log = logging.getLogger(__name__)

_LOCKS = 256
_LOOK = 200
"""Tiles that a process writes before it looks how large the folder has become."""


class Cache:
    """A folder of at most `limit` bytes, that several processes share; the oldest tiles go first. 0 keeps nothing."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self._written, self._counting = 0, threading.Lock()

    def get(self, key: str, write: Callable[[], bytes]) -> bytes:
        """Return the tile of this key; who finds none writes it, and who asks for the same meanwhile waits for it."""
        if not self.limit:
            return write()
        name = hashlib.blake2b(key.encode(), digest_size=20).hexdigest()
        path = self.folder / name[:2] / name[2:]
        try:
            with suppress(FileNotFoundError):
                return path.read_bytes()
            away_from_loop()  # it waits for others
            with self._alone(name):
                with suppress(FileNotFoundError):
                    return path.read_bytes()
                content = write()
                self._put(path, content)
                return content
        except OSError as error:  # a full or read-only disk must not keep maps from being drawn
            log.warning("tiles are not kept: %s", error)
            return write()

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Hold one of some locks, so that nobody else writes the same tile."""
        folder = self.folder / "locks"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what she may not see, her account cannot read
        folder.mkdir(exist_ok=True)
        with (folder / str(int(name, 16) % _LOCKS)).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _put(self, path: Path, content: bytes) -> None:
        """Write a file that is whole as soon as it is there."""
        path.parent.mkdir(exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        draft.write_bytes(content)
        draft.replace(path)
        with self._counting:
            self._written += 1
            look = self._written % _LOOK == 1
        if look:
            self.shrink()

    def shrink(self) -> None:
        """Remove the oldest tiles where there are too many: down to nine tenths, so that this is seldom."""
        files = []
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            for entry in os.scandir(folder):
                with suppress(FileNotFoundError):
                    about = entry.stat()
                    # a file takes whole blocks of the disk
                    files.append((about.st_mtime_ns, max(about.st_size, about.st_blocks * 512), Path(entry.path)))
        total = sum(size for _, size, _ in files)
        if total <= self.limit:
            return
        for _, size, path in sorted(files):
            with suppress(FileNotFoundError):
                path.unlink()
            total -= size
            if total <= self.limit * 0.9:
                break
