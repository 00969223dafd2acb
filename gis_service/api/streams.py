"""Answers that are sent while they are made, and stopped when nobody reads them any more."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping

from anyio import CancelScope, create_task_group, fail_after, sleep
from anyio.to_thread import run_sync
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from gis_service.copied import Brake
from gis_service.errors import GisError

log = logging.getLogger(__name__)

STALLED_SECONDS = 60.0
"""A reader that takes nothing for so long is given up: it holds a connection of the database."""

_AGAIN_SECONDS = 0.1


class Stream(StreamingResponse):
    """Pieces that fail before they start where they fail at once, and stop when their reader is gone or stalls.

    Starlette leaves the latter to the garbage collector, and the query would hold its connection until then.
    """

    def __init__(
        self, pieces: Generator[bytes], brake: Brake, media_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(self._following(), media_type=media_type, headers=headers)
        self._pieces, self._first, self._brake = pieces, b"", brake

    def _following(self) -> Iterator[bytes]:
        yield self._first
        yield from self._pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces as long as somebody reads them."""

        async def send_on(message: Message) -> None:
            with fail_after(STALLED_SECONDS):
                await send(message)

        try:
            await self._begin(receive)
            await super().__call__(scope, receive, send_on)
        except TimeoutError:
            log.warning("an answer was given up: its reader took nothing for %g s", STALLED_SECONDS)
        except GisError:
            if not self._brake.pulled:
                raise
        finally:
            with CancelScope(shield=True):
                await run_sync(self._pieces.close)

    async def _begin(self, receive: Receive) -> None:
        """Wait for the first piece, of a binary file until all of it is written, unless the reader goes before that."""

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            while True:  # between two statements there is nothing to cancel
                await run_sync(self._brake.pull)
                await sleep(_AGAIN_SECONDS)

        failed: GisError | None = None
        async with create_task_group() as group:
            group.start_soon(watch)
            try:
                self._first = await run_sync(next, self._pieces)
            except GisError as error:  # not in the group's own words
                failed = error
            group.cancel_scope.cancel()
        if failed:
            raise failed
