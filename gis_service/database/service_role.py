"""The role that serves requests: beside the owner of the tables, owning nothing, held by every policy."""

from __future__ import annotations

import base64
import getpass
import hmac

from sqlalchemy import URL

LEAKPROOF = "ALTER FUNCTION geometry_overlaps(geometry, geometry) LEAKPROOF"
"""Lets the boxes' operator && use its index under row policies; it tells nothing of the rows that it leaves out. Only a
superuser may say so; without it everything works, but a part of a large layer is found slowly."""


def service_login(owner: URL) -> URL:
    """Return how the service reaches the database that its owner reaches so.

    Its password is made of the owner's: who knows the one need not be told the other. Where the owner's URL has none, a
    password file or the server's own rules decide for both.
    """
    name = f"{owner.username or getpass.getuser()}_service"
    if owner.password is None:
        return owner.set(username=name)
    digest = hmac.digest(str(owner.password).encode(), b"gis service", "sha256")
    return owner.set(username=name, password=base64.urlsafe_b64encode(digest).decode().rstrip("="))
