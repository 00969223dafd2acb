"""What came out: benchmarks/results.json, and from it the tables of docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measure import OURS, Result, Work, ratios
from benchmarks.stand import Stand

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path("docs/performance.md")
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
_PEERS = ("tipg", "pygeoapi", "asyncpg", "uvicorn", "geopandas", "pyogrio", "duckdb", "sedonadb", "folium")
_FACTS = {"ms": "ms", "first_byte_ms": "ms to the first byte", "peak_mib": "MiB", "bytes": "bytes", "rows": "rows"}


def show(features: int, work: Work, found: Mapping[str, Result]) -> None:
    """Print what came of one work."""
    faster = dict(ratios(work.unit, found))
    print(f"{features:,} {work.name} ({work.unit})")
    for name, result in found.items():
        ratio = f"{faster[name]:8.2f}×" if name in faster else " " * 9
        facts = ", ".join(f"{_number(value)} {_FACTS[fact]}" for fact, value in result.facts.items() if fact in _FACTS)
        spread = f"{_number(result.low)}–{_number(result.high)}"
        told = result.failure or f"{_number(result.median):>9}  ({spread})  {facts}"
        print(f"  {name:28} {ratio}  {told}", flush=True)


def keep(part: str, stand: Stand, work: Work, found: Mapping[str, Result]) -> None:
    """Put what came of one work into the results, in the place of what was there."""
    kept: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    kept["machine"] = _machine()
    kept["versions"] = stand.versions() | _versions()
    sizes = kept.setdefault("parts", {}).setdefault(part, {}).setdefault(work.name, {"unit": work.unit, "sizes": {}})
    targets = {name: {key: _rounded(value) for key, value in asdict(one).items()} for name, one in found.items()}
    sizes["sizes"][str(stand.features)] = {"measured": datetime.now(UTC).date().isoformat(), "targets": targets}
    RESULTS.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", "utf-8")


def write() -> None:
    """Write the tables into the page, between its markers."""
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN)
    tables = "\n".join(_page(json.loads(RESULTS.read_text("utf-8"))))
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables}\n{END}{rest.partition(END)[2]}", "utf-8")


def _page(kept: Mapping[str, Any]) -> Iterator[str]:
    told = {**kept["machine"], **kept["versions"]}
    yield "; ".join(f"{name} {value}" for name, value in told.items()) + ".\n"
    for part, works in kept["parts"].items():
        yield f"### {part.capitalize()}\n"
        yield from table(works)
        yield ""


def table(works: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a table: a row for each work and size, a column for each target.

    A cell of another target says its median, and how many times as fast as it the service is; the service's own says
    its median, its spread and what else was seen.
    """
    rows = [
        (name, work["unit"], int(size), {target: Result(**one) for target, one in at["targets"].items()})
        for name, work in works.items()
        for size, at in sorted(work["sizes"].items(), key=lambda item: int(item[0]))
    ]
    columns = list(dict.fromkeys(target for *_, found in rows for target in found))
    columns.sort(key=lambda column: column != OURS)  # stable: ours first, then as they came
    yield f"| work | features | {' | '.join(f'**{c}**' if c == OURS else c for c in columns)} |"
    yield f"|---|---:|{'---:|' * len(columns)}"
    for name, unit, size, found in rows:
        faster = dict(ratios(unit, found))
        cells = " | ".join(_cell(column, found, faster) for column in columns)
        yield f"| {name}, {unit} | {size:,} | {cells} |"


def _cell(column: str, found: Mapping[str, Result], faster: Mapping[str, float]) -> str:
    if column not in found:
        return ""
    one = found[column]
    if one.failure:
        return "failed"
    facts = [f"{_number(one.facts[fact])} {unit}" for fact, unit in _FACTS.items() if fact in one.facts]
    if column == OURS:
        return "<br>".join([f"**{_number(one.median)}** ({_number(one.low)}–{_number(one.high)})", *facts])
    shown = [fact for fact in facts if fact.endswith(("ms", "MiB", "bytes"))]
    return "<br>".join([f"{_number(one.median)} · **{faster.get(column, 0):.3g}×**", *shown])


def _number(value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 4  # noqa: PLR2004
    return f"{value:,.{digits}f}"


def _rounded(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _machine() -> dict[str, Any]:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) if sys.platform == "linux" else None
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cpu = model[1].strip() if model else platform.processor()
    return {"CPU": cpu, "cores": os.cpu_count(), "GiB": round(memory), "system": platform.platform(terse=True)}


def _versions() -> dict[str, str]:
    said = subprocess.run(["ogr2ogr", "--version"], capture_output=True, text=True, check=False).stdout
    return {"GDAL": said.partition(",")[0].split()[-1], **{name: version(name) for name in _PEERS}}
