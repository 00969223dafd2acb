"""What tests share: one throw-away cluster for the session, and databases that are copies of a template."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, sync_playwright

from gis_service.database import Database
from gis_service.database.cluster import Cluster
from gis_service.database.upgrade import upgrade
from gis_service.ingest.sample import load_sample
from gis_service.settings import Settings


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


@pytest.fixture(scope="session")
def upgraded_template(cluster: Cluster) -> str:
    """A database with the tables of this version and no records, to be copied."""
    cluster.create_database("upgraded_template")
    with database_at(cluster, "upgraded_template") as database:
        upgrade(database)
    return "upgraded_template"


@pytest.fixture(scope="session")
def sample_template(cluster: Cluster, upgraded_template: str) -> str:
    """A database with the sample district, to be copied."""
    cluster.create_database("sample_template", template=upgraded_template)
    with database_at(cluster, "sample_template") as database:
        load_sample(database)
    return "sample_template"


@pytest.fixture
def empty_district(cluster: Cluster, upgraded_template: str) -> Iterator[Database]:
    """A district without any record, of this test alone."""
    yield from copied(cluster, upgraded_template, f"empty_{next(_NUMBERS)}")


@pytest.fixture(scope="session")
def sample_district(cluster: Cluster, sample_template: str) -> Iterator[Database]:
    """The sample district, to be read only."""
    yield from copied(cluster, sample_template, "sample_read")


@pytest.fixture
def own_sample(cluster: Cluster, sample_template: str) -> Iterator[Database]:
    """The sample district, of this test alone."""
    yield from copied(cluster, sample_template, f"sample_{next(_NUMBERS)}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


_NUMBERS = count()


@contextmanager
def database_at(cluster: Cluster, name: str) -> Iterator[Database]:
    """Connect to one of the cluster's databases as the service does."""
    database = Database(cluster.url(name).render_as_string(hide_password=False), Settings())
    yield database
    database.engine.dispose()


def copied(cluster: Cluster, template: str, name: str) -> Iterator[Database]:
    """Copy a template, and drop the copy afterwards."""
    cluster.create_database(name, template=template)
    with database_at(cluster, name) as database:
        yield database
    cluster.drop_database(name)
