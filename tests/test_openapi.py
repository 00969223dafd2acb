"""Whatever is asked of the service, it answers as its OpenAPI documents say: schemathesis asks, of every operation.

`FUZZ_EXAMPLES=300 make test ARGS="-k test_openapi"` asks more, and other things each time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests
import schemathesis
from conftest import copied
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from people import signed_in
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core import NOT_SET
from schemathesis.core.result import Ok
from serving import serving
from sqlalchemy import text

from gis_service.api.app import create_app
from gis_service.api.ogc.definition import definition
from gis_service.crs import offered
from gis_service.database import Database
from gis_service.settings import Settings
from layers import registry
from maps import registry as map_registry

EXAMPLES = {root: int(os.environ.get("FUZZ_EXAMPLES", few)) for root, few in (("", 5), ("/ogc", 2))}
"""Of the latter few, for it says of each layer the same."""
load_all_checks()
CHECKED = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
    ]
)


def _of_the_service() -> dict[str, Any]:
    return create_app(Database("postgresql+psycopg2://nobody@127.0.0.1/none", Settings()), Settings()).openapi()


def _of_the_standard() -> dict[str, Any]:
    return definition("/ogc", "district", Settings(), [one.uri for one in offered(4549)], "en")


DOCUMENTS = {"": _of_the_service(), "/ogc": _of_the_standard()}
OPERATIONS = {
    f"{root or '/'}: {one.ok().label}": (root, one.ok())
    for root, document in DOCUMENTS.items()
    for one in schemathesis.openapi.from_dict(json.loads(json.dumps(document))).get_all_operations()
    if isinstance(one, Ok)
}
PEOPLE = ("anonymous", "admin")

FIRM: Mapping[str, Any] = {
    "area": st.sampled_from(["350104101", "350104"]),
    "filter": st.sampled_from(["code <> ''", "S_INTERSECTS(geom, BBOX(119, 25, 120, 27))", "name LIKE '%桥%'", "1 ="]),
    "sortby": st.sampled_from(["code", "-name,code", "bci"]),
    "bbox": st.sampled_from(["119,25,120,27", "119.2,26,0,119.4,26.1,9", "170,-90,-170,90"]),
    "datetime": st.sampled_from(["2023-01-01/..", "../9999-12-31T00:00:00Z", "0000-01-01T00:00:00Z/2023-10-31"]),
    "properties": st.sampled_from(["code", "code,name"]),
    "as_of": st.sampled_from(["2023-06-30", "2999-12-31", "1900-01-01"]),
    "lang": st.sampled_from(["zh", "en"]),
    "limit": st.integers(1, 20_000),
    "offset": st.integers(0, 200),
    "z": st.integers(0, 24),
    "x": st.integers(0, 1 << 12),
    "y": st.integers(0, 1 << 12),
    "id": st.integers(1, 20),
    "token": st.integers(1000, 2000),
    "crs": st.sampled_from(["EPSG:4549", "GCJ02", "EPSG:0", "http://www.opengis.net/def/crs/EPSG/0/4326"]),
    "encoding": st.sampled_from(["GBK", "UTF-8"]),
    "scheme": st.just("WebMercatorQuad"),
    "row": st.integers(0, 1 << 12),
    "col": st.integers(0, 1 << 12),
    "group": st.sampled_from(["", "status"]),
    "version": st.integers(1, 3),
}
"""Values with which an operation gets further than its first check."""
HEADERS: Mapping[str, Any] = {
    "Accept": st.sampled_from(["application/json", "text/html,*/*;q=0.8", "image/png", "*/*;q=x", ";;,", ""]),
    "Accept-Language": st.sampled_from(["en-GB,en;q=0.5", "zh", "*"]),
    "Accept-Encoding": st.sampled_from(["gzip", "identity", "br;q=1"]),
    "If-None-Match": st.sampled_from(["*", '"x", W/"y"', ","]),
    "Range": st.sampled_from(["bytes=0-1", "bytes=9-", "x"]),
    "X-Forwarded-Host": st.just("elsewhere"),
}


@pytest.fixture(scope="module")
def asked(cluster: Any, sample_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A district that may be written to, its codes, and its address."""
    for database in copied(cluster, sample_template, "openapi"):
        with database.reading() as connection:
            codes = {
                name: list(connection.execute(text(f"SELECT code FROM {name} ORDER BY code LIMIT 30")).scalars())
                for name in registry()
            }
        with serving(database, home=tmp_path_factory.mktemp("home")) as root:
            yield database, codes, root


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_whatever_is_asked_is_answered_as_documented(asked: Any, operation: str, who: str) -> None:
    (database, codes, address), (root, described) = asked, OPERATIONS[operation]
    # anew for each operation: some end what she signs in by
    shown = {"Authorization": f"Bearer {signed_in(database, 'fuzz', 'admin')}"} if who == "admin" else {}

    @settings(
        max_examples=EXAMPLES[root],
        derandomize="FUZZ_EXAMPLES" not in os.environ,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_cases(described, codes))
    def ask(case: Any) -> None:
        case.headers = {k: v for k, v in (case.headers or {}).items() if k.lower() != "authorization"} | shown
        case.call_and_validate(base_url=address + root, session=session, checks=CHECKED, timeout=30)

    with requests.Session() as session:
        ask()


@st.composite
def _cases(draw: Any, operation: Any, codes: Mapping[str, list[str]]) -> Any:
    """Draw a request as schemathesis makes it, well-formed or not; often with a part that makes sense."""
    mode = draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    case = draw(operation.as_strategy(mode))
    layer = draw(st.sampled_from(list(codes)))
    firm = {**FIRM, "layer": st.just(layer), "code": st.sampled_from(codes[layer]), "name": _names(operation.path)}
    if "/hazards/" in operation.path:
        firm["code"] = firm["featureId"] = st.sampled_from(codes["hazards"])
    for held in (case.path_parameters, case.query):
        for name in [name for name in held or {} if name in firm]:
            if draw(st.integers(0, 3)):
                held[name] = draw(firm[name])
    for name, values in HEADERS.items():
        if not draw(st.integers(0, 4)):
            case.headers = {**(case.headers or {}), name: draw(values)}
    example = _example(operation.definition.raw.get("requestBody", {}), case.media_type)
    if example is not NOT_SET and draw(st.booleans()):
        case.body = example
    return case


def _names(path: str) -> Any:
    return st.sampled_from(list(map_registry()) if path.startswith("/maps") else ["somebody", "anonymous"])


def _example(body: Mapping[str, Any], media_type: str | None) -> Any:
    return body.get("content", {}).get(media_type, {}).get("example", NOT_SET)


@pytest.mark.parametrize("root", DOCUMENTS)
def test_the_documents_are_valid(root: str) -> None:
    validator = OpenAPIV31SpecValidator if DOCUMENTS[root]["openapi"].startswith("3.1") else OpenAPIV30SpecValidator
    validator(DOCUMENTS[root]).validate()


@pytest.mark.parametrize("root", DOCUMENTS)
def test_every_operation_documents_its_problems(root: str) -> None:
    document = json.loads(json.dumps(DOCUMENTS[root]))
    for path, item in document["paths"].items():
        for operation in item.values():
            problems = {
                status: answer for status, answer in operation["responses"].items() if status >= "4" and status != "416"
            }  # which has no body
            assert {"400", "401", "403", "404", "503"} <= problems.keys(), path
            assert not {"4XX", "5XX", "default"} & problems.keys(), path
            for answer in problems.values():
                told = (
                    document["components"]["responses"][answer["$ref"].split("/")[-1]] if "$ref" in answer else answer
                )
                assert told["description"]
                assert "application/problem+json" in told["content"], path
