"""What docs/clients.md shows can be done: each of its code blocks runs against the sample district."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import copied
from people import signed_in
from serving import serving

from gis_service.database.cluster import Cluster

DOCUMENT = (Path(__file__).parents[2] / "docs" / "clients.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
STRICT = 'set -euo pipefail\ncurl() { command curl --fail-with-body --silent --show-error "$@"; }\n'


@pytest.fixture(scope="module")
def district(cluster: Cluster, sample_template: str) -> Iterator[dict[str, str]]:
    """What a program is told: where the service is, and the token of somebody who may do all."""
    for database in copied(cluster, sample_template, "documented"):
        token = signed_in(database, "wang", "admin")
        with serving(database) as address:
            yield {"address": address, "token": token}


@pytest.mark.parametrize(("language", "block"), BLOCKS)
def test_every_block_of_code_runs(district: dict[str, str], tmp_path: Path, language: str, block: str) -> None:
    code = block.replace("http://127.0.0.1:8000", district["address"])
    command = ["bash", "-c", STRICT + code] if language == "sh" else [sys.executable, "-W", "error", "-c", code]
    environment = os.environ | {"TOKEN": district["token"], "CPL_DEBUG": "OFF"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert not re.search(r"^(ERROR|Warning) \d|FAILURE", done.stderr, re.MULTILINE), done.stderr
