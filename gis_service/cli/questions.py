"""gis layers, stats, figures, along, risk: the questions."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import orjson
import typer

from gis_service.along import along as along_
from gis_service.along import find_targets
from gis_service.cli.shared import Area, AsOf, Filter, Json, asked, language, out, print_json, print_table, say
from gis_service.dictionary import dictionary
from gis_service.errors import UsageError
from gis_service.extents import counts
from gis_service.features import find_layer, listed
from gis_service.lines import find_line
from gis_service.risk import NOTE, area_risk, explain, model
from gis_service.statistics import Question, statistics
from gis_service.statistics import figures as figures_
from layers import registry

app = typer.Typer()


@app.command()
def layers(as_of: AsOf = "", *, json: Json = False) -> None:
    """List the layers."""
    with asked(as_of) as (_, connection, _):
        held = counts(connection)
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "title": layer.title.in_(language()),
            "count": held[name],
            "geometry": list(layer.geometry),
            "measures": list(layer.measure_names()),
            "fields": list(layer.fields()),
        }
        for name, layer in registry().items()
    ]
    if json:
        print_json({"layers": found})
        return
    columns = [say("图层", "layer"), "", say("记录", "features"), say("几何", "geometry"), say("指标", "measures")]
    rows = [[f["name"], f["title"], f["count"], ", ".join(f["geometry"]), ", ".join(f["measures"])] for f in found]
    print_table(columns, rows)


@app.command("dictionary")
def dictionary_() -> None:
    """Write the data dictionary as Markdown."""
    sys.stdout.write(dictionary())


@app.command()
def stats(
    layer: Annotated[str, typer.Argument(help="The layer.")],
    group: Annotated[str, typer.Option(help="Vocabulary fields to group by, comma-separated.")] = "",
    measure: Annotated[str, typer.Option(help="Measures, comma-separated, e.g. count,length_km.")] = "count",
    filter: Filter = "",
    area: Area = "",
    as_of: AsOf = "",
    *,
    json: Json = False,
) -> None:
    """Count, measure and sum a layer per area, in total, and outside every area."""
    question = Question(find_layer(layer), listed(group), listed(measure) or ("count",), filter, area)
    with asked(as_of) as (_, connection, today):
        found = statistics(connection, question, today)
    if json:
        print_json(found)
        return
    outside, total = say("区域外", "outside"), say("合计", "total")
    lines = [
        *((row["area_code"], row["area"], row) for row in found["rows"]),
        *(("", outside, row) for row in found["outside"]),
        *(("", total, row) for row in found["groups"]),
        ("", total, found["total"]),
    ]
    rows = [
        [code, name, *(row.get("group", {}).get(g) for g in question.group), *(row[m] for m in question.measures)]
        for code, name, row in lines
    ]
    print_table([say("编码", "code"), say("区域", "area"), *question.group, *question.measures], rows)


@app.command()
def figures(as_of: AsOf = "", *, json: Json = False) -> None:
    """Compute the figures of the yearly report from the records."""
    with asked(as_of) as (_, connection, today):
        rows = figures_(connection, today, language())
    if json:
        print_json({"figures": rows})
        return
    columns = ["", say("指标", "figure"), say("数值", "value"), say("单位", "unit"), say("筛选", "filter")]
    print_table(columns, [[r["key"], r["label"], f"{r['value']:g}", r["unit"], r["filter"]] for r in rows])


@app.command()
def along(
    layer: Annotated[str, typer.Argument(help="A line layer, e.g. rivers.")],
    code: Annotated[str, typer.Argument(help="The line's code.")],
    within: Annotated[float, typer.Option(help="Metres from the line.")] = 200,
    layers: Annotated[str, typer.Option(help="Layers to look for, comma-separated; all by default.")] = "",
    as_of: AsOf = "",
    *,
    json: Json = False,
) -> None:
    """List what lies within so many metres of a line, in chainage order."""
    line_layer = find_layer(layer)
    with asked(as_of) as (database, connection, _):
        line = find_line(connection, line_layer, code, database.district(connection).metres())
        found = along_(connection, line, find_targets(listed(layers), line_layer), within).document()
    if json:
        print_json(found)
        return
    keys = ["chainage", "side", "distance_m", "layer", "code", "name", "term", "why"]
    rows = [[f["properties"][key] for key in keys] for f in orjson.loads(found)["features"]]
    heads = say("桩号 岸别 距离m 图层 编号 名称 状态 原因", "chainage side metres layer code name status why").split()
    title = f"{line.name or line.code} · {line.length_m:,.0f} m · {len(rows)}"
    print_table(heads, [[*row[:-1], ", ".join(row[-1])] for row in rows], title)


@app.command()
def risk(
    layer: Annotated[str, typer.Argument(help="A layer with a risk model; without it, the areas' levels.")] = "",
    code: Annotated[str, typer.Argument(help="The feature's code.")] = "",
    area: Area = "",
    as_of: AsOf = "",
    *,
    json: Json = False,
) -> None:
    """Give a feature's risk with its trace, or the risk levels of the areas."""
    if bool(layer) != bool(code):
        raise UsageError("请同时给出图层和编号，或都不给。", "Give a layer and a code, or neither.")
    with asked(as_of) as (_, connection, today):
        current = model(connection, today)
        if layer:
            found = explain(connection, find_layer(layer), code, current, language())
        else:
            found = {"as_of": current.today, "areas": area_risk(connection, current, area)}
    if json:
        print_json(found)
    elif layer:
        _print_trace(found)
    else:
        keys = ["rank", "area_code", "area", "level", "score", "assets", "overdue_major", "per_km2"]
        rows = [[*(a[key] for key in keys), *a["counts"].values()] for a in found["areas"]]
        heads = say(
            "名次 编码 区域 等级 得分 设施 逾期重大 每km²", "rank code area level score assets late per_km²"
        ).split()
        print_table([*heads, *(found["areas"][0]["counts"] if rows else [])], rows)
    if not json:
        out.print(NOTE.in_(language()))


def _print_trace(found: dict[str, Any]) -> None:
    trace = found["trace"]
    out.print(f"{found['name'] or found['code']}  {found['label']}  {found['score']:.2f} / 25")
    rows = [
        [
            f["label"],
            f["score"],
            say("缺数据，取中值", "assumed") if f["assumed"] else "",
            f["weight"],
            f["contribution"],
            ", ".join(f"{r['label']} {r['value']}{r['unit']}" for r in f["fields"]),
        ]
        for f in trace["factors"]
    ]
    print_table(say("因素 分值 . 权重 贡献 来源", "factor score . weight contribution source").split(), rows)
    out.print(
        f"L {trace['likelihood']:.2f} → m {trace['control']['multiplier']:g} → "
        f"L' {trace['controlled_likelihood']:.2f} × S {trace['severity']:g}"
    )
    for rule in trace["rules"]:
        out.print(f"≥ {rule['at_least']}  {rule['label']}")
