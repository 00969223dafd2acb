"""Addresses of the service as links need them: quoted, for a code may hold any character."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

from fastapi import Request
from starlette.datastructures import URL


def path_of(request: Request) -> str:
    """Return the path that was asked for."""
    return _quoted(request.scope["path"])


def query_of(request: Request) -> str:
    """Return the query that was asked with, and the question mark before it; nothing where there is none."""
    return f"?{request.url.query}" if request.url.query else ""


def site_of(request: Request) -> str:
    """Return what stands before the path in a full address: scheme, host and port."""
    return _site(request.scope["scheme"], request.headers.get("host", ""), request.scope.get("server"))


@lru_cache(maxsize=1024)
def _quoted(path: str) -> str:
    return quote(path)


@lru_cache(maxsize=64)
def _site(scheme: str, host: str, server: tuple[str, int | None] | None) -> str:
    """Return it as Starlette does, which takes it long."""
    asked_of = {"scheme": scheme, "headers": [(b"host", host.encode("latin-1"))], "server": server}
    return str(URL(scope={**asked_of, "path": "", "query_string": b""}))
