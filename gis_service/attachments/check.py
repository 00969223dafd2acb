"""Compare the rows of attachments with what the store holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from gis_service.attachments.store import Store, key_of, thumbnail_key
from gis_service.database import Database

FRESH = timedelta(days=1)
"""What nobody names yet may be an upload under way: bytes are kept before their row is written."""


@dataclass(frozen=True)
class Found:
    """What a check found: how many files are sound, the keys of those `missing` or `damaged`, and of `orphans`."""

    sound: int
    missing: list[str]
    damaged: list[str]
    orphans: list[str]


def check(database: Database, store: Store, *, remove_orphans: bool = False) -> Found:
    """Read every file that a row names, removed ones among them, and compare it with its SHA-256.

    Orphans are what no row names and what was left half written, both older than a day; they are removed where so
    asked.
    """
    with database.reading() as connection:
        named = {
            str(row.sha256): int(row.size)
            for row in connection.execute(
                text("SELECT sha256, size FROM attachments UNION SELECT sha256, size FROM attachments_history")
            )
        }
    kept = {found.key: found for found in store.held()}
    missing = {sha256 for sha256 in named if key_of(sha256) not in kept}
    damaged = {sha256 for sha256, size in named.items() if sha256 not in missing and not _sound(store, sha256, size)}
    wanted = {key for sha256 in named for key in (key_of(sha256), thumbnail_key(sha256))}
    orphans = sorted(key for key, it in kept.items() if key not in wanted and datetime.now(UTC) - it.since > FRESH)
    if remove_orphans:
        for key in orphans:
            store.delete(key)
    return Found(
        len(named) - len(missing) - len(damaged),
        sorted(map(key_of, missing)),
        sorted(map(key_of, damaged)),
        orphans,
    )


def _sound(store: Store, sha256: str, size: int) -> bool:
    """Say whether the bytes under a hash have it."""
    if store.size(key_of(sha256)) != size:
        return False
    digest = hashlib.sha256()
    for piece in store.get(key_of(sha256), 0, size):
        digest.update(piece)
    return digest.hexdigest() == sha256
