"""What COPY is given in its binary format stands in the table as it was: every kind of column, values and none."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import orjson
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis_service.ingest import binary
from gis_service.ingest.binary import JSONB, MONEY, copied

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[object]]] = {
    "text": (pa.string(), _TEXT),
    "double precision": (pa.float64(), st.floats(allow_nan=False)),
    "numeric(16, 4)": (MONEY, st.decimals(Decimal("-999999999999.9999"), Decimal("999999999999.9999"), places=4)),
    "date": (pa.date32(), st.dates()),
    "boolean": (pa.bool_(), st.booleans()),
    "integer": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "bytea": (pa.binary(), st.binary()),
    "jsonb": (pa.binary(), st.dictionaries(st.sampled_from(["名", "n"]), st.integers(0, 9)).map(orjson.dumps)),
}
_ROWS = st.lists(st.tuples(*(st.none() | values for _, values in _KINDS.values())), max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS)
def test_every_value_arrives_as_it_was(
    database_url: sa.URL, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[object, ...]]
) -> None:
    monkeypatch.setattr(binary, "_PIECE", 7)
    columns = list(zip(*rows, strict=True)) or [()] * len(_KINDS)
    given_ = {}
    for kind, values in zip(_KINDS, columns, strict=True):
        marked = [v if v is None else JSONB + v for v in values] if kind == "jsonb" else values
        given_[kind] = pa.array(marked, _KINDS[kind][0])
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        made = ", ".join(f'"{kind}" {kind}' for kind in _KINDS)
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE taken (nth integer GENERATED ALWAYS AS IDENTITY, {made})")
        pieces = copied(pa.table(given_))
        names = ", ".join(f'"{kind}"' for kind in _KINDS)
        source = SimpleNamespace(read=lambda _size: next(pieces, b""))
        connection.connection.cursor().copy_expert(f"COPY taken ({names}) FROM STDIN WITH (FORMAT binary)", source)
        found = connection.exec_driver_sql(f"SELECT {names} FROM taken ORDER BY nth").all()
    assert [tuple(map(_plain, row)) for row in found] == [tuple(map(_plain, row)) for row in rows_read(rows)]


def rows_read(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [(*row[:-1], orjson.loads(row[-1]) if isinstance(row[-1], bytes) else None) for row in rows]


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value
