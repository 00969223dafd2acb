"""A real service on a real port, for the tests that are its clients."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from gis_service.api.app import create_app
from gis_service.database import Database
from gis_service.settings import Settings


@contextmanager
def serving(database: Database, **settings: Any) -> Iterator[str]:
    """Serve a district on a free port, and give the address. No tiles are kept, where the test does not ask for it."""
    with running(create_app(database, Settings(**{"tile_cache_mb": 0} | settings))) as address:
        yield address


@contextmanager
def running(app: Any) -> Iterator[str]:
    """Run an ASGI application on a free port, and give the address."""
    taken = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        taken.close()
