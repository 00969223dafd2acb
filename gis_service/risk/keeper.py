"""Scores what has been touched, beside the service: a thread that looks every few seconds, and so at midnight too."""

from __future__ import annotations

import logging
import threading

from sqlalchemy.exc import DBAPIError

from gis_service.database import Database
from gis_service.errors import GisError
from gis_service.risk.kept import keep

log = logging.getLogger(__name__)

_SECONDS = 10.0
"""Between two looks; whoever asks in between scores what has been touched herself."""


class Keeper:
    """Keeps the risk of the day; the database is the owner's. Several at once, one in each process, take turns."""

    def __init__(self, database: Database, seconds: float = _SECONDS) -> None:
        self._database, self._seconds = database, seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="risk", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End: nothing is scored any more when it returns, unless it takes long; then it ends with the process."""
        self._stopped.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                keep(self._database)
            except (DBAPIError, GisError):  # answers are scored by who asks meanwhile
                log.warning("the risk of the day was not kept; it is tried again", exc_info=True)
