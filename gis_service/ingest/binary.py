"""Arrow's columns as COPY takes them in PostgreSQL's binary format: in CSV it looks at every byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MONEY = pa.decimal128(18, 4)
"""How Arrow has an amount."""
JSONB = b"\1"
"""What stands before JSON that is a `jsonb`."""
_BEGIN, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_PIECE = 5_000  # rows that are written at a time, while PostgreSQL reads those before
_EPOCH = 10_957  # days from 1970 to 2000, from which PostgreSQL counts
_NUMERIC = np.dtype([("groups", ">i2"), ("weight", ">i2"), ("sign", ">u2"), ("scale", ">i2"), ("group", ">i2", 5)])
_NUMBERS = {pa.uint8(): "u1", pa.int32(): ">i4", pa.float64(): ">f8"}


def copied(rows: pa.Table) -> Iterator[bytes]:
    """Yield what COPY takes for rows whose columns are text, bytes, dates, `MONEY`, and numbers of its own widths.

    Bytes go as they are: EWKB is a geometry, JSON after `JSONB` a document.
    """
    yield _BEGIN
    for some in rows.to_batches(max_chunksize=_PIECE):
        parts = [pa.scalar(some.num_columns.to_bytes(2, "big"))]
        for column in some.columns:
            values = _bytes(column)
            lengths = pc.fill_null(pc.binary_length(values), -1)
            parts += [fixed(lengths.to_numpy().astype(">i4")), pc.fill_null(values, b"")]
        written = pc.binary_join_element_wise(*parts, b"")
        yield bytes(written.buffers()[2])
    yield _END


def _bytes(column: pa.Array) -> pa.Array:
    """Return a column as the bytes that PostgreSQL receives."""
    if pa.types.is_string(column.type) or pa.types.is_null(column.type):
        return column.cast(pa.binary())
    if pa.types.is_binary(column.type):
        return column
    if pa.types.is_boolean(column.type):
        return _bytes(column.cast(pa.uint8()))
    if pa.types.is_decimal(column.type):
        values = _amounts(pc.multiply(column, 10_000).cast(pa.int64()).fill_null(0).to_numpy())
    elif pa.types.is_date32(column.type):
        values = (column.cast(pa.int32()).fill_null(0).to_numpy() - _EPOCH).astype(">i4")
    else:
        values = column.fill_null(0).to_numpy().astype(_NUMBERS[column.type])
    return pc.if_else(column.is_valid(), fixed(values), pa.scalar(None, pa.binary()))


def _amounts(values: NDArray[np.int64]) -> NDArray[Any]:
    """Return ten-thousandths as `numeric`, whose digits are in base 10,000: the last is what is after the point."""
    written = np.empty(len(values), _NUMERIC)
    written["groups"], written["weight"], written["scale"] = 5, 3, 4
    written["sign"] = np.where(values < 0, 0x4000, 0)
    written["group"] = np.abs(values)[:, None] // 10_000 ** np.arange(4, -1, -1) % 10_000
    return written


def fixed(values: NDArray[Any]) -> pa.Array:
    """Return the bytes of each value, all of one width."""
    width = pa.binary(values.dtype.itemsize)
    return pa.Array.from_buffers(width, len(values), [None, pa.py_buffer(values)]).cast(pa.binary())
