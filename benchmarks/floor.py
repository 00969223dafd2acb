"""A bare server: what Python can reach that only passes on what PostgreSQL wrote. ASGI and asyncpg, nothing between.

It knows no users, counts nothing, links nothing and checks nothing. Not for use.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import parse_qsl

import asyncpg

Send = Callable[[dict[str, Any]], Awaitable[None]]

LAYER, COLUMNS = os.environ["FLOOR_LAYER"], os.environ["FLOOR_COLUMNS"]
ROWS = f"SELECT {COLUMNS}, ST_SetSRID(geom, 4326) AS geom FROM {LAYER}"
WRITTEN = "SELECT string_agg(ST_AsGeoJSON(t.*, 'geom', 8), ',') FROM ({}) t"
TILE = f"""
    SELECT ST_AsMVT(t, '{LAYER}', 4096, 'shape') FROM (
        SELECT code, name, status,
            ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope($1, $2, $3), 4096, 64) AS shape
        FROM {LAYER} WHERE geom && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 0.015625), 4490)
    ) t"""
SETTINGS = {
    "search_path": f"{os.environ['FLOOR_SCHEMA']}, public",
    "plan_cache_mode": "force_custom_plan",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}
PIECE = 1 << 18
pool: asyncpg.Pool


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    """Answer /items, /items/{code}, /tiles/{z}/{x}/{y} and /export."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    _, what, *rest = scope["path"].split("/")
    held: AbstractAsyncContextManager[Any] = pool.acquire()
    async with held as connection:
        if what == "export":
            await _export(connection, send)
            return
        if what == "tiles":
            body = await connection.fetchval(TILE, *map(int, rest))
        elif rest:
            body = (await connection.fetchval(WRITTEN.format(f"{ROWS} WHERE code = $1"), rest[0])).encode()
        else:
            body = await _page(connection, dict(parse_qsl(scope["query_string"].decode())))
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    global pool  # noqa: PLW0603 - one for the process
    while True:
        kind = (await receive())["type"]
        if kind == "lifespan.startup":
            pool = await asyncpg.create_pool(min_size=4, max_size=4, server_settings=SETTINGS)
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def _page(connection: Any, asked: dict[str, str]) -> bytes:  # noqa: ANN401 - asyncpg publishes no types
    """Return a page: `limit`, `after` an id, in a `bbox`, and every other parameter what a column equals."""
    values: list[Any] = [int(asked.pop("limit"))]
    clauses = []
    if "after" in asked:
        values.append(int(asked.pop("after")))
        clauses.append(f"id > ${len(values)}")
    if "bbox" in asked:
        first = len(values) + 1
        values += map(float, asked.pop("bbox").split(","))
        corners = ", ".join(f"${at}" for at in range(first, first + 4))
        clauses.append(f"geom && ST_MakeEnvelope({corners}, 4490)")
    for column, value in asked.items():
        values.append(value)
        clauses.append(f"{column} = ${len(values)}")
    where = f" WHERE {' AND '.join(clauses)}" if clauses else ""
    features = await connection.fetchval(WRITTEN.format(f"{ROWS}{where} ORDER BY id LIMIT $1"), *values)
    return f'{{"type":"FeatureCollection","features":[{features or ""}]}}'.encode()


async def _export(connection: Any, send: Send) -> None:  # noqa: ANN401 - asyncpg publishes no types
    await send({"type": "http.response.start", "status": 200, "headers": []})
    held = bytearray(b'{"type":"FeatureCollection","features":[\n')
    end = b""

    async def pass_on(piece: bytes) -> None:
        nonlocal end
        held.extend(end + piece[:-1].replace(b"\n", b",\n"))
        end = piece[-1:].replace(b"\n", b",\n")
        if len(held) > PIECE:
            await send({"type": "http.response.body", "body": bytes(held), "more_body": True})
            held.clear()

    lines = f"SELECT ST_AsGeoJSON(t.*, 'geom', 8) FROM ({ROWS} ORDER BY id) t"
    await connection.copy_from_query(lines, output=pass_on, format="csv", delimiter="\x02", quote="\x01")
    await send({"type": "http.response.body", "body": bytes(held) + b"\n]}"})
