"""GET /docs: the interface documentation, with nothing from outside."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from gis_service.api.pages import render
from gis_service.errors import GisError

router = APIRouter(include_in_schema=False)


@router.get("/docs", response_class=HTMLResponse)
def docs(request: Request) -> HTMLResponse:
    """Return the OpenAPI document as a page to read and try."""
    return render(request, "docs.html", {"openapi": "/openapi.json"})


@router.get("/docs/problems", response_class=HTMLResponse)
def problems(request: Request) -> HTMLResponse:
    """Return what each kind of problem means: the addresses that problem documents bear as their type."""
    return render(request, "problems.html", {"kinds": _kinds(GisError)})


def _kinds(kind: type[GisError]) -> list[type[GisError]]:
    return [kind, *(k for child in kind.__subclasses__() for k in _kinds(child))]
