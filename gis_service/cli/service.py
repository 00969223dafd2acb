"""gis serve and gis run: the service."""

from __future__ import annotations

import logging
import socket

import typer
import uvicorn
from fastapi import FastAPI

from gis_service.api.app import create_app
from gis_service.cli.imports import load_with_progress
from gis_service.cli.shared import out, ready, say, settings
from gis_service.database import Database
from gis_service.database.opened import address, opened
from gis_service.database.upgrade import upgrade
from gis_service.duties import ANONYMOUS
from gis_service.errors import UsageError
from gis_service.ingest.sample import is_empty
from gis_service.settings import Settings
from gis_service.users import users
from maps import registry as map_registry

app = typer.Typer()


@app.command()
def serve() -> None:
    """Serve the district; its tables must be of this version."""
    chosen = settings()
    _require_free(chosen)
    with ready() as database:
        _serve(database, chosen)


@app.command()
def run() -> None:
    """Do everything: start the database, upgrade it, load the sample into an empty sample district, serve."""
    chosen = settings()
    _require_free(chosen)
    with opened(chosen) as database:
        upgrade(database)
        with database.reading() as connection:
            wanted = chosen.district == "sample" and is_empty(connection)
        if wanted:
            load_with_progress(database)
        _serve(database, chosen)


def _serve(database: Database, chosen: Settings) -> None:
    root = f"http://{f'[{chosen.host}]' if ':' in chosen.host else chosen.host}:{chosen.port}"
    out.print(f"\n  {say('首页', 'Start page')}  {root}/")
    for name, map_ in map_registry().items():
        out.print(f"  {say(map_.title.zh, map_.title.en)}  {root}/maps/{name}")
    out.print(f"  {say('隐患台账', 'Hazards')}  {root}/hazards\n  {say('接口文档', 'API')}  {root}/docs")
    with database.reading() as connection:
        if all(user["name"] == ANONYMOUS for user in users(connection)):
            hint = say("尚无人可登录，请先添加管理员", "Nobody can sign in yet; add an administrator")
            out.print(f"  {hint}: gis user add NAME --role admin --password", markup=False)
    out.print(f"  {say('停止：Ctrl-C', 'Stop: Ctrl-C')}\n")
    uvicorn.run(
        "gis_service.cli.service:served",
        factory=True,
        workers=chosen.workers,
        host=chosen.host,
        port=chosen.port,
        log_level="warning",
        timeout_graceful_shutdown=10,
        server_header=False,
    )


def served() -> FastAPI:
    """Return the service as each of its processes runs it; what it needs to know is in the environment."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("gis_service.sessions").setLevel(logging.INFO)  # who signs in, and who fails to, is on record
    chosen = settings()
    return create_app(Database(address(chosen), chosen), chosen)


def _require_free(chosen: Settings) -> None:
    """Refuse to start where another program has the port, before anything else is done."""
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((chosen.host, chosen.port))
        except OSError as error:
            raise UsageError(
                f"无法使用 {chosen.host}:{chosen.port}（{error.strerror}）。可能已有服务在运行；GIS_PORT 可换端口。",
                f"{chosen.host}:{chosen.port} cannot be used ({error.strerror}). Perhaps the service runs already; "
                "GIS_PORT chooses another port.",
            ) from error
