"""The servers: the service, two others, and a bare one. Two processes each, the same database, tables and columns."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from benchmarks.stand import GIS, HERE, LAYER, Stand

PROCESSES = 2
_MOST = 10_000_000
"""Features on a page: what the others are allowed, so that one page can be a whole layer."""
_PATIENCE = 120.0


@dataclass(frozen=True)
class Server:
    """A server that runs: where, and the leader of its processes."""

    name: str
    base: str
    pid: int

    def forget_peak(self) -> None:
        """Let the peak of memory count from now on."""
        for process in self._processes():
            with suppress(OSError):
                (process / "clear_refs").write_text("5")

    def peak_mib(self) -> float:
        """Return the peak of memory of its largest process."""
        peaks = [0.0]
        for process in self._processes():
            with suppress(OSError):
                lines = (process / "status").read_text().splitlines()
                peaks += [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]
        return max(peaks)

    def _processes(self) -> Iterator[Path]:
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.getpgid(int(process.name)) == self.pid:
                    yield process


@dataclass(frozen=True)
class _Command:
    """How a server is started on a port, and the path that answers once it is up."""

    arguments: Sequence[str]
    environment: dict[str, str]
    ready: str


def _gis(stand: Stand, port: int) -> _Command:
    settings = {"GIS_DATABASE_URL": stand.url, "GIS_DISTRICT": stand.schema, "GIS_HOME": str(HERE / "home")}
    settings |= {"GIS_PORT": str(port), "GIS_WORKERS": str(PROCESSES), "GIS_TILE_CACHE_MB": "0"}
    return _Command([str(GIS), "serve"], settings, "/healthz")


def _gis_keeping(stand: Stand, port: int) -> _Command:
    """Return the service as it is, which keeps tiles; the other writes each anew, as TiPg does."""
    command = _gis(stand, port)
    return replace(command, environment=command.environment | {"GIS_TILE_CACHE_MB": "512"})


def _floor(stand: Stand, port: int) -> _Command:
    names = {"FLOOR_COLUMNS": ", ".join(stand.columns()), "FLOOR_LAYER": LAYER, "FLOOR_SCHEMA": stand.schema}
    return _Command(_uvicorn("benchmarks.floor:app", port), stand.environment() | names, "/items?limit=1")


def _tipg(stand: Stand, port: int) -> _Command:
    settings = {
        "DATABASE_URL": stand.url,
        "TIPG_DB_SCHEMAS": json.dumps([stand.schema]),
        "TIPG_DB_TABLES": json.dumps([f"{stand.schema}.{LAYER}"]),
        f"TIPG_TABLE_CONFIG__{stand.schema}_{LAYER}__properties": json.dumps([*stand.columns()]),
        "TIPG_DB_SPATIAL_EXTENT": "false",
        "TIPG_DB_DATETIME_EXTENT": "false",
        "TIPG_CATALOG_TTL": "0",
        "TIPG_MAX_FEATURES_PER_QUERY": str(_MOST),
        "TIPG_MAX_FEATURES_PER_TILE": str(_MOST),
    }
    return _Command(_uvicorn("tipg.main:app", port), settings, f"/collections/{stand.schema}.{LAYER}")


def _pygeoapi(stand: Stand, port: int) -> _Command:
    home = HERE / "pygeoapi"
    home.mkdir(exist_ok=True)
    files = {"PYGEOAPI_CONFIG": str(home / "config.yml"), "PYGEOAPI_OPENAPI": str(home / "openapi.yml")}
    Path(files["PYGEOAPI_CONFIG"]).write_text(json.dumps(_pygeoapi_config(stand, port)))  # JSON is YAML
    bin_ = Path(sys.executable).parent
    make = [str(bin_ / "pygeoapi"), "openapi", "generate", files["PYGEOAPI_CONFIG"], "--output-file"]
    log = home / "openapi.log"
    with log.open("wb") as sink:
        command = [*make, files["PYGEOAPI_OPENAPI"]]
        subprocess.run(command, env=os.environ | files, stdout=sink, stderr=sink, check=True)
    serve = [
        str(bin_ / "gunicorn"),
        "-w",
        str(PROCESSES),
        "-t",
        "600",
        "-b",
        f"127.0.0.1:{port}",
        "pygeoapi.flask_app:APP",
    ]
    return _Command(serve, files, f"/collections/{LAYER}?f=json")


def _pygeoapi_config(stand: Stand, port: int) -> dict[str, object]:
    url, text, crs = f"http://127.0.0.1:{port}", {"en": "benchmark"}, "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    data = {"host": "127.0.0.1", "port": stand.port, "dbname": "gis", "user": "gis", "password": stand.password}
    provider = {
        "type": "feature",
        "name": "PostgreSQL",
        "data": data | {"search_path": [stand.schema, "public"]},
        "id_field": "id",
        "table": LAYER,
        "geom_field": "geom",
        "properties": list(stand.columns()),
        "storage_crs": crs,  # said of EPSG:4490, which it would answer latitude first
        "crs": [crs],
    }
    contact = dict.fromkeys(("name", "position", "address", "city", "stateorprovince", "postalcode", "country"), "-")
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": url,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "languages": ["en"],
            "limits": {"default_items": 10, "max_items": _MOST},
            "map": {"url": f"{url}/{{z}}/{{x}}/{{y}}", "attribution": "none"},
            "admin": False,
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": text,
                "description": text,
                "keywords": {"en": ["-"]},
                "keywords_type": "theme",
                "terms_of_service": url,
                "url": url,
            },
            "license": {"name": "none", "url": url},
            "provider": {"name": "benchmark", "url": url},
            "contact": contact
            | {
                "phone": "-",
                "email": "a@localhost",
                "url": url,
                "hours": "-",
                "fax": "-",
                "instructions": "-",
                "role": "pointOfContact",
            },
        },
        "resources": {
            LAYER: {
                "type": "collection",
                "title": text,
                "description": text,
                "keywords": {"en": ["-"]},
                "links": [],
                "extents": {"spatial": {"bbox": [119.1, 25.9, 119.5, 26.1], "crs": crs}},
                "providers": [provider],
            }
        },
    }


def _uvicorn(app: str, port: int) -> list[str]:
    often = ["--workers", str(PROCESSES), "--log-level", "warning", "--no-access-log"]
    return [sys.executable, "-m", "uvicorn", app, "--port", str(port), *often]


_SERVERS: Mapping[str, Callable[[Stand, int], _Command]] = {
    "floor": _floor,
    "gis": _gis,
    "gis, kept": _gis_keeping,
    "TiPg": _tipg,
    "pygeoapi": _pygeoapi,
}


@contextmanager
def serving(stand: Stand, *names: str) -> Iterator[dict[str, Server]]:
    """Start servers by their names, and stop them in the end."""
    with ExitStack() as running:
        yield {name: running.enter_context(_running(name, stand)) for name in names}


@contextmanager
def _running(name: str, stand: Stand) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = _SERVERS[name](stand, port)
    base, log = f"http://127.0.0.1:{port}", HERE / f"{name}.log"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIS_")}
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command.arguments, env=environment | command.environment, stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _answers(base + command.ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not start: see {log}")
            time.sleep(0.2)
        yield Server(name, base, process.pid)
    finally:
        for by in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, by)
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)  # noqa: PLR2004
    except HTTPError as error:
        error.close()
        return False
    except (URLError, OSError):
        return False
