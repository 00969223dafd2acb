"""What every answer says to browsers and caches."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gis_service.api.cookies import drop_session

HERS_TO_KEEP = "private, no-cache"
"""What an answer with a tag may say: her own browser or program keeps it, and asks each time whether it still holds."""


class Headers:
    """Adds them to every answer: types are not guessed, addresses are not told to others, hers are not kept for others.

    A session that was found to have ended is taken from the browser.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add to the head of the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Referrer-Policy", "same-origin")
                if not scope["path"].startswith("/assets/"):
                    headers.add_vary_header("Cookie, Authorization")
                if state.get("signed_in") and headers.get("cache-control") != HERS_TO_KEEP:
                    headers["Cache-Control"] = "private, no-store"
                if state.get("stale"):
                    forgets = Response()
                    drop_session(Request(scope), forgets)
                    headers.append("set-cookie", forgets.headers["set-cookie"])
            await send(message)

        await self._app(scope, receive, send_on)
