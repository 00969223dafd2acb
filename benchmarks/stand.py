"""What is measured on: one embedded cluster of the service, and in it one district for each size of the data."""

from __future__ import annotations

import json
import math
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2

HERE = Path(".bench")
"""Everything that the suite makes."""
GIS = Path(".venv/bin/gis")
LAYER = "hazards"
"""The dense layer: points with twenty properties."""
_PATIENCE = 30.0
_HAZARDS = 260  # of the sample at scale 1


@dataclass(frozen=True)
class Stand:
    """A district of so many features in the cluster; everybody reaches the database over the same loopback port."""

    features: int
    port: int
    password: str

    @property
    def schema(self) -> str:
        """The district's schema."""
        return f"d{self.features}"

    @property
    def url(self) -> str:
        """The database as the owner of the tables reaches it."""
        return f"postgresql://gis:{self.password}@127.0.0.1:{self.port}/gis"

    @property
    def search_path(self) -> str:
        """The option of a connection by which names without a schema are the district's."""
        return f"-c search_path={self.schema},public"

    @property
    def engine_url(self) -> str:
        """The same for SQLAlchemy, on the district's search_path."""
        return f"{self.url.replace('postgresql', 'postgresql+psycopg2', 1)}?options={quote(self.search_path)}"

    def environment(self, options: str = "") -> dict[str, str]:
        """Return what PostgreSQL's own programs, GDAL and the servers read from the environment."""
        where = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "gis", "PGDATABASE": "gis"}
        return where | {"PGPASSWORD": self.password, "PGOPTIONS": f"{self.search_path} {options}".strip()}

    def rows(self, statement: str) -> list[Any]:
        """Return the rows of a statement; what it writes is kept."""
        with closing(psycopg2.connect(self.url, options=self.search_path)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []

    def settle(self) -> None:
        """Stop what the database still does for requests that nobody waits for any more."""
        asked = (
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
            "WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        until = time.monotonic() + _PATIENCE
        while self.rows(asked) and time.monotonic() < until:
            time.sleep(0.1)

    def versions(self) -> dict[str, str]:
        """Return what the database is made of."""
        [(postgresql, postgis)] = self.rows("SELECT current_setting('server_version'), postgis_lib_version()")
        return {"PostgreSQL": postgresql.split()[0], "PostGIS": postgis}

    def columns(self) -> tuple[str, ...]:
        """Return the columns that the service gives out as properties; everybody is to give out the same."""
        inner = "'id', 'geom', 'shares', 'change', 'reason', 'valid_from', 'updated_by'"
        found = self.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema()"
            f" AND table_name = '{LAYER}' AND column_name NOT IN ({inner}) ORDER BY ordinal_position"
        )
        return tuple(name for (name,) in found)


def gis(*arguments: str | Path, district: str = "sample") -> str:
    """Run a command of the service on a district of the suite's own cluster."""
    home = {"GIS_HOME": str(HERE / "home"), "GIS_DISTRICT": district, "GIS_LANGUAGE": "en"}
    bare = {name: value for name, value in os.environ.items() if not name.startswith("GIS_")}
    done = subprocess.run([GIS, *arguments], env=bare | home, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"gis {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def standing(features: int) -> Iterator[Stand]:
    """Yield a district of at least so many hazards, made when it is first asked for; the cluster runs as long."""
    HERE.mkdir(exist_ok=True)
    ran = json.loads(gis("db", "status", "--json"))["running"]
    gis("db", "start")
    try:
        port = json.loads(gis("db", "status", "--json"))["port"]
        stand = Stand(features, port, (HERE / "home/keys/gis").read_text())
        if not stand.rows(f"SELECT to_regclass('{LAYER}')")[0][0]:
            print(f"loading {features:,} hazards", flush=True)
            scale = str(math.ceil(features / _HAZARDS))
            gis("sample", "load", "--replace", "--scale", scale, "--only", LAYER, district=stand.schema)
            stand.rows("VACUUM ANALYZE")
        yield stand
    finally:
        if not ran:
            gis("db", "stop")
