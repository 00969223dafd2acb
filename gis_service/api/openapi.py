"""The OpenAPI document of the whole service: what FastAPI makes of the routes, and what it cannot know of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

SECURITY: Mapping[str, Any] = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token for programs, from /account."},
    "session": {"type": "apiKey", "in": "cookie", "name": "gis_session", "description": "A browser that signed in."},
}
"""The ways to show who asks."""
ANY_OF_THESE: list[dict[str, list[str]]] = [{}, {"token": []}, {"session": []}]
"""Any one will do, or none where who has not signed in may read."""
PAGE = "text/html"
TO_SIGN_IN = "To the page to sign in on: a browser asked, nobody is signed in, and this needs it."


class Documented(FastAPI):
    """An application whose document says how it really answers."""

    def openapi(self) -> dict[str, Any]:
        """Return the document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            for path, item in document["paths"].items():
                for method, operation in item.items():
                    operation["responses"] = _answers(path, method, operation["responses"])
            schemas = document["components"]["schemas"]
            document["components"]["schemas"] = {k: s for k, s in schemas.items() if "ValidationError" not in k}
            document["components"]["securitySchemes"] = dict(SECURITY)
            document["security"] = ANY_OF_THESE
        return super().openapi()


def _answers(path: str, method: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return an operation's answers without the one that is never sent, and with the pages that browsers are sent."""
    answers = {status: answer for status, answer in said.items() if not _of_fastapi(answer)}
    if path.startswith("/api"):
        return answers
    for status in [status for status in answers if status >= "4"]:
        answers[status] = answers[status] | {"content": {**answers[status]["content"], PAGE: {}}}
    return answers | ({"303": {"description": TO_SIGN_IN}} if method == "get" else {})


def _of_fastapi(answer: Mapping[str, Any]) -> bool:
    """Return whether this is what FastAPI itself would answer to a parameter that is wrong; here it is a problem."""
    return "HTTPValidationError" in str(answer.get("content", {}).get("application/json", ""))
