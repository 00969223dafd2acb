"""What tests share: one throw-away cluster for the session, and databases that are copies of a template."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gis_service.database.cluster import Cluster


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GIS_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that any account may enter: pytest's own are closed to the one that runs the cluster for root."""
    folder = Path(tempfile.mkdtemp(prefix="gis-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cluster(open_folder: Path) -> Iterator[Cluster]:
    """A running cluster, fast instead of safe."""
    cluster = Cluster(open_folder / "home", durable=False)
    with cluster.held():
        yield cluster


@pytest.fixture(scope="session")
def empty_template(cluster: Cluster) -> str:
    """A database with PostGIS and nothing else, to be copied."""
    cluster.create_database("empty_template")
    return "empty_template"


@pytest.fixture(scope="module")
def database_url(cluster: Cluster, empty_template: str, request: pytest.FixtureRequest) -> Iterator[sa.URL]:
    """An empty database with PostGIS, of this module alone."""
    name = request.module.__name__
    cluster.create_database(name, template=empty_template)
    yield cluster.url(name)
    cluster.drop_database(name)
