"""A new layer is one file and a generated migration; a new map is one file. Nothing else is touched."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from gis_service.database.cluster import Cluster

PROJECT = Path(__file__).parents[1]

LAYER = '''"""Street trees 行道树."""

from sqlalchemy.orm import Mapped

from layers._fields import number, term
from layers._layer import Layer, Sum, Symbol
from layers._vocabulary import Label, Term, Vocabulary

HEALTH = Vocabulary("test", (Term("健康", "healthy"), Term("枯死", "dead")))


class Tree(Layer):
    """A tree."""

    title = Label("行道树", "Street trees")
    standard = "test"
    prefix = "SM"
    geometry = ("Point",)
    symbol = Symbol("health", "circle")

    health: Mapped[str] = term("长势", "Health", HEALTH)
    girth_cm: Mapped[float | None] = number("胸径", "Girth", unit="cm", minimum=0)

    measures = (Sum("girth", Label("胸径合计", "Sum of girths"), "girth_cm", "cm"),)
'''

MAP = '''"""The trees."""

from layers import Label
from maps._map import Features, Map
from maps._page import Sheet
from maps._parts import ground_requests, put_ground, put_layer


class ShadeMap(Map):
    """Where the shade is."""

    title = Label("绿荫图", "Shade map")
    description = Label("行道树", "Street trees")

    def requests(self, layers, parameters):
        """Ask for the trees."""
        return {**ground_requests(layers), "trees": Features("trees")}

    def build(self, view):
        """Draw them."""
        sheet = Sheet(self, view)
        put_ground(sheet)
        put_layer(sheet, "trees", view.data["trees"])
        return sheet
'''

FEATURE = (
    '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"名称": "大榕树", "长势": "健康", '
    '"胸径": 120}, "geometry": {"type": "Point", "coordinates": [119.35, 26.03]}}]}'
)


class Copy:
    """A copy of the project with two more files, and its command line."""

    def __init__(self, folder: Path, url: sa.URL) -> None:
        self.folder = folder
        for package in ("gis_service", "layers", "maps", "sample"):
            shutil.copytree(PROJECT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "layers" / "trees.py").write_text(LAYER, encoding="utf-8")
        (folder / "maps" / "shade.py").write_text(MAP, encoding="utf-8")
        url_text = url.render_as_string(hide_password=False)
        self.environment = os.environ | {"PYTHONPATH": str(folder), "GIS_DATABASE_URL": url_text}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-c", "from gis_service.cli import main; main()", *words]

    def gis(self, *words: str) -> str:
        done = subprocess.run(
            self.command(*words), cwd=self.folder, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    def serve(self) -> Iterator[str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = self.environment | {"GIS_PORT": str(port)}
        with subprocess.Popen(
            self.command("serve"), cwd=self.folder, env=environment, stdout=subprocess.PIPE
        ) as service:
            root = f"http://127.0.0.1:{port}"
            for _ in range(300):
                assert service.poll() is None
                try:
                    httpx.get(f"{root}/readyz").raise_for_status()
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield root
            service.terminate()
            service.wait(timeout=30)


@pytest.fixture(scope="module")
def extended(
    cluster: Cluster, sample_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """The sample district's service with one more layer and one more map."""
    cluster.create_database("extended", template=sample_template)
    copy = Copy(tmp_path_factory.mktemp("extended"), cluster.url("extended"))
    before = set((copy.folder / "gis_service/database/migrations/versions").glob("*.py"))
    copy.gis("db", "revision", "-m", "street trees")
    (migration,) = set((copy.folder / "gis_service/database/migrations/versions").glob("*.py")) - before
    assert "create_geospatial_table('trees'" in migration.read_text("utf-8")
    assert "'bridges'" not in migration.read_text("utf-8")
    copy.gis("db", "upgrade")
    (copy.folder / "trees.geojson").write_text(FEATURE, encoding="utf-8")
    copy.gis("import", "trees.geojson", "--layer", "trees")
    for root in copy.serve():
        with httpx.Client(base_url=root, timeout=30) as client:
            yield client
    cluster.drop_database("extended")


def test_the_layer_is_in_the_api_with_its_vocabulary_and_measures(extended: httpx.Client) -> None:
    (trees,) = [layer for layer in extended.get("/api/layers").json()["layers"] if layer["name"] == "trees"]
    assert (trees["title"], trees["count"]) == ("行道树", 1)
    assert [m["name"] for m in trees["measures"]] == ["count", "girth"]
    (health,) = [f for f in trees["fields"] if f["name"] == "health"]
    assert [t["code"] for t in health["terms"]] == ["健康", "枯死", "未知"]


def test_its_records_have_a_number_a_place_and_statistics(extended: httpx.Client) -> None:
    (feature,) = extended.get("/api/layers/trees/features").json()["features"]
    assert feature["id"].startswith("SM-")
    area = feature["properties"]["area_code"]
    assert area.startswith("350104")
    found = extended.get("/api/statistics/trees", params={"group": "health", "measure": "count,girth"}).json()
    assert [(row["area_code"], row["girth"]) for row in found["rows"]] == [(area, 120)]


def test_it_is_exported_tiled_found_along_rivers_and_drawn_on_the_status_map(extended: httpx.Client) -> None:
    assert extended.get("/api/exports/trees.geojson").json()["features"][0]["properties"]["name"] == "大榕树"
    assert "大榕树" in extended.get("/api/tiles/trees/10/851/435.mvt").text
    assert "trees" in extended.get("/api/along/rivers/HD-001").json()["counts"]
    page = extended.get("/maps/status").text
    assert "行道树" in page
    assert "/api/exports/trees.geojson" in page


@pytest.mark.usefixtures("extended")
def test_its_rules_are_held_by_the_database(cluster: Cluster) -> None:
    engine = sa.create_engine(cluster.url("extended"), connect_args={"options": "-c search_path=sample,public"})
    with engine.connect() as connection, pytest.raises(sa.exc.IntegrityError, match="ck_trees_health"):
        connection.execute(sa.text("UPDATE trees SET health = 'so so'"))
    engine.dispose()


def test_the_map_is_served_and_linked_from_the_start_page(extended: httpx.Client) -> None:
    assert "绿荫图" in extended.get("/maps/shade").text
    assert "Shade map" in extended.get("/maps/shade", params={"lang": "en"}).text
    start = extended.get("/", params={"lang": "zh"}).text
    assert "/maps/shade" in start
    assert "行道树" in start
