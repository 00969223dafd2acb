"""Open the district's database: the one that the settings name, or the embedded cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gis_service.database import Database
from gis_service.database.cluster import Cluster
from gis_service.settings import Settings


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """Yield the district's database; the embedded cluster runs at least as long as it is used.

    Raises
    ------
    DatabaseError
        Where it cannot be reached or started.
    """
    if settings.database_url:
        yield from _connected(settings)
        return
    cluster = Cluster(settings.home)
    with cluster.held():
        cluster.create_database()
        yield from _connected(settings)


def address(settings: Settings) -> str:
    """Return the URL of the database; the embedded cluster has been started by whoever asks."""
    return settings.database_url or Cluster(settings.home).url().render_as_string(hide_password=False)


def _connected(settings: Settings) -> Iterator[Database]:
    database = Database(address(settings), settings)
    try:
        yield database
    finally:
        database.dispose()
