"""gis hazards: the ledger. Who works at the shell answers for the district: every hazard and every step is hers."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
import typer

from gis_service.access import User
from gis_service.cli.shared import Area, AsOf, Json, asked, day, language, out, print_json, print_table, ready, say
from gis_service.ledger import Asked, Wanted, daily, page, rates, record, take
from layers import ledger

app = typer.Typer()
hazards = typer.Typer(no_args_is_help=True)
app.add_typer(hazards, name="hazards", help="隐患台账 · The ledger of hazards: list, show, rates, daily, step.")

Code = Annotated[str, typer.Argument(help="The hazard's code.")]


def _operator() -> User:
    return User(getpass.getuser(), "", "admin")


@hazards.command("list")
def list_(
    area: Area = "",
    level: Annotated[str, typer.Option(help="Levels, comma-separated.")] = "",
    status: Annotated[str, typer.Option(help="States, comma-separated.")] = "",
    kind: Annotated[str, typer.Option(help="Kinds, comma-separated.")] = "",
    subject: Annotated[str, typer.Option(help="A layer, or one of its features as layer/code.")] = "",
    found_from: Annotated[str, typer.Option(help="Found on this day (YYYY-MM-DD) or later.")] = "",
    found_to: Annotated[str, typer.Option(help="Found on this day (YYYY-MM-DD) or before.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="The most hazards.")] = 50,
    as_of: AsOf = "",
    *,
    open_: Annotated[bool | None, typer.Option("--open/--done", help="Not yet verified, or the others.")] = None,
    overdue: Annotated[bool | None, typer.Option(help="Past the deadline and not rectified, or the others.")] = None,
    supervised: Annotated[bool | None, typer.Option(help="Under special supervision, or the others.")] = None,
    json: Json = False,
) -> None:
    """List hazards: first what is to be rectified, the earliest deadline before, last what is done."""
    since, until = day("--found-from", found_from), day("--found-to", found_to)
    wanted = Wanted(area, level, status, kind, subject, open_, overdue, supervised, since, until)
    with asked(as_of) as (_, connection, today):
        found = page(connection, wanted, today, limit=limit)
    features = orjson.loads(b"[" + found.features + b"]")
    if json:
        print_json({"as_of": today, "numberMatched": found.matched, "features": features})
        return
    keys = ("code", "level", "status", "name", "subject_name", "area_name", "found_on", "deadline", "days_overdue")
    heads = say(
        "编号 级别 状态 名称 对象 区域 发现 期限 逾期天数", "code level status name subject area found deadline late"
    ).split()
    rows = [[_word(key, f["properties"][key]) for key in keys] for f in features]
    print_table(heads, rows, f"{today} · {len(rows)} / {found.matched}")


@hazards.command()
def show(code: Code, as_of: AsOf = "", *, json: Json = False) -> None:
    """Show a hazard and the steps of its loop."""
    with asked(as_of) as (_, connection, today):
        found = record(connection, code, today, _operator(), language(), as_of=day("--as-of", as_of))
    if json:
        print_json(found)
        return
    fields, facts = ledger().fields(), found["properties"]
    labels = {name: field.label.in_(language()) for name, field in fields.items()}
    labels |= {"subject_name": say("对象", "subject"), "area_name": say("区域", "area")}
    rows = [[label, _word(name, facts[name])] for name, label in labels.items() if facts[name] is not None]
    print_table(["", code], rows)
    heads = say("自 步骤 状态 人 说明 期限", "from step state by note deadline").split()
    print_table(heads, [_told(event) for event in found["events"]])
    if found["transitions"]:
        steps = (f"{one['transition']} ({one['label']})" for one in found["transitions"])
        out.print(f"{say('现在可以', 'Possible now')}: {', '.join(steps)}")


@hazards.command("rates")
def rates_(
    by: Annotated[str, typer.Option(help="A row per area, level, kind or subject_layer.")] = "",
    area: Area = "",
    found_from: Annotated[str, typer.Option("--from", help="Of those found on this day (YYYY-MM-DD) or later.")] = "",
    found_to: Annotated[str, typer.Option("--to", help="Of those found on this day (YYYY-MM-DD) or before.")] = "",
    as_of: AsOf = "",
    *,
    json: Json = False,
) -> None:
    """Compute the rates: rectified, rectified on time, verified, closed, each with its numerator and base."""
    since, until = day("--from", found_from), day("--to", found_to)
    with asked(as_of) as (_, connection, today):
        found = rates(connection, today, language(), area=area, by=by, found_from=since, found_to=until)
    if json:
        print_json(found)
        return
    lines = [*((row["label"], row) for row in found["rows"]), (say("合计", "total"), found["total"])]
    shown = found["total"]["rates"]
    heads = [str(today), say("发现", "found"), *(rate["label"] for rate in shown)]
    print_table(heads, [[name, row["found"], *map(_share, row["rates"])] for name, row in lines])
    for rate in shown:
        out.print(f"{rate['label']}: {say('基数', 'base')} {rate['base']}")


@hazards.command("daily")
def daily_(area: Area = "", as_of: AsOf = "", *, json: Json = False) -> None:
    """List what each sub-district has to do: overdue, due soon, found, to verify; the major first."""
    with asked(as_of) as (_, connection, today):
        found = daily(connection, today, language(), area)
    if json:
        print_json(found)
        return
    keys = ("level", "code", "name", "subject_name", "deadline", "days")
    rows = [
        [one["area"], label, *(_word(key, item[key]) for key in keys)]
        for one in found["areas"]
        for section, label in found["sections"].items()
        for item in one[section]
    ]
    heads = say("区域 事项 级别 编号 名称 对象 期限 天数", "area what level code name subject deadline days").split()
    print_table(heads, rows, str(found["as_of"]))


@hazards.command()
def step(
    code: Code,
    transition: Annotated[str, typer.Argument(help="The step, e.g. issue, rectify, verify (see `show`).")],
    note: Annotated[str, typer.Option(help="What is to be said of it.")] = "",
    deadline: Annotated[str, typer.Option(help="The deadline (YYYY-MM-DD) that it sets.")] = "",
    attachment: Annotated[list[int] | None, typer.Option(help="Id of an attachment of this hazard.")] = None,
    valid_from: Annotated[str, typer.Option(help="The day (YYYY-MM-DD) it was taken on; today by default.")] = "",
) -> None:
    """Take a step of a hazard's loop."""
    until, since = day("--deadline", deadline), day("--valid-from", valid_from)
    wish = Asked(transition, note, until, attachment or (), since)
    operator = _operator()
    with ready() as database:
        take(database, operator, code, wish)
        with database.reading() as connection:
            today = database.district(connection).today
            found = record(connection, code, today, operator, language())
    last = found["events"][-1]
    out.print(f"{code}: {last['label']} → {last['to_label']}")


def _word(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever a field holds
    field = ledger().fields().get(name)
    if field and field.vocabulary and value in field.vocabulary:
        return field.vocabulary[value].label.in_(language())
    if isinstance(value, bool):
        return say("是", "yes") if value else say("否", "no")
    return value


def _told(event: Mapping[str, Any]) -> Sequence[Any]:
    deadline = event["deadline"] if event["deadline"] != event["deadline_before"] else None
    since = f"{event['held_from']:%Y-%m-%d}"
    return [since, event["label"], event["to_label"], event["by"], event["note"], deadline]


def _share(rate: Mapping[str, Any]) -> str:
    if rate["percent"] is None:
        return "–"
    return f"{rate['percent']:.2f}% ({rate['numerator']}/{rate['denominator']})"
