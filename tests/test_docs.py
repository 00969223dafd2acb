"""The documents say what stands: settings, commands, addresses, layout, the data dictionary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gis_service import cli
from gis_service.api.app import create_app
from gis_service.database import Database
from gis_service.dictionary import dictionary
from gis_service.errors import GisError
from gis_service.settings import Settings

PROJECT = Path(__file__).parents[1]
DOCUMENTS = [*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")]


def _read(name: str) -> str:
    return (PROJECT / name).read_text("utf-8")


def test_the_table_of_settings_is_the_code() -> None:
    rows = re.findall(r"^\| `(GIS_\w+)` \| *(.*?) *\| (.*?) \|$", _read("README.md"), re.MULTILINE)
    expected = []
    for name, field in Settings.model_fields.items():
        default = f"`{field.default}`" if field.default not in (None, "") else ""
        expected.append((f"GIS_{name.upper()}", default, field.description))
    assert rows == expected


def test_the_chinese_readme_names_every_setting() -> None:
    chinese = _read("README.zh-CN.md")
    assert all(f"GIS_{name.upper()}" in chinese for name in Settings.model_fields)


def test_every_command_that_a_document_shows_is_there() -> None:
    known = set(cli.Commands.modules)
    for document in DOCUMENTS:
        shown = set(re.findall(r"^\s*(?:\.venv/bin/)?gis ([a-z]+)", document.read_text("utf-8"), re.MULTILINE))
        assert shown <= known, document.name


def test_every_exit_code_of_an_error_is_documented() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d) \|", _read("README.md"), re.MULTILINE)}
    assert {kind.exit_code for kind in _errors()} | {0} <= documented


def _errors() -> list[type[GisError]]:
    def below(kind: type[GisError]) -> list[type[GisError]]:
        return [kind, *(k for child in kind.__subclasses__() for k in below(child))]

    return below(GisError)


def test_the_api_guide_names_every_address(sample_district: Database) -> None:
    guide = _read("docs/api-guide.md")
    paths = create_app(sample_district, Settings()).openapi()["paths"]
    pages = {"/", "/statistics/{layer}"}
    missing = [path for path in paths if path not in guide and path not in pages]
    assert not missing


def test_the_data_dictionary_is_written_from_the_declarations() -> None:
    assert _read("docs/data-dictionary.md") == dictionary(), "run: gis dictionary > docs/data-dictionary.md"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_pictures_between_documents_are_there(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", document.read_text("utf-8")):
        assert (document.parent / target).exists(), target
