"""People of a district, for the tests that act as them: a user with a role and limits, and the token that she shows."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import httpx
import sqlalchemy as sa

from gis_service.access import hashed
from gis_service.database import Database
from gis_service.database.accounts import TokenRow, UserRow
from gis_service.duties import RoleName


def signed_in(
    database: Database,
    name: str,
    role: RoleName,
    *,
    areas: Sequence[str] | None = None,
    layers: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
) -> str:
    """Make a user, or make her anew, as the owner of the tables; return the secret of a token of hers."""
    secret = secrets.token_urlsafe(16)
    limits = {"areas": areas, "layers": layers, "columns": columns}
    given = {key: None if limit is None else list(limit) for key, limit in limits.items()}
    with database.transaction("tests") as connection:
        connection.execute(sa.delete(UserRow).where(UserRow.name == name))
        connection.execute(sa.insert(UserRow).values(name=name, title=name, role=role, **given))
        token = {"user_name": name, "kind": "program", "label": "tests", "hash": hashed(secret)}
        connection.execute(sa.insert(TokenRow).values(**token))
    return secret


def bearing(secret: str) -> dict[str, str]:
    """Return the header by which a token is shown."""
    return {"Authorization": f"Bearer {secret}"}


def as_(district: Database, root: str, role: Any, **limits: Any) -> httpx.Client:
    """Return the client of somebody with a role and limits, of a service at `root`."""
    name = f"{role} {sorted(limits.items())}"
    return httpx.Client(base_url=root, headers=bearing(signed_in(district, name, role, **limits)), timeout=60)
