"""What the commands share: settings, the opened database, output as tables for people and JSON for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from io import TextIOWrapper
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import Connection

from gis_service.database import Database
from gis_service.database.opened import opened
from gis_service.database.upgrade import require
from gis_service.errors import UnknownValue, UsageError
from gis_service.settings import Settings
from layers import Label, Language

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]
Area = Annotated[str, typer.Option(help="Code of an area: only what lies in it.")]
Filter = Annotated[str, typer.Option(help="CQL2 text on the layer's fields, e.g. \"status = '正常'\".")]
AsOf = Annotated[str, typer.Option(help="A day (YYYY-MM-DD): the records as they stood at its end.")]

for _stream in (sys.stdout, sys.stderr):
    if isinstance(_stream, TextIOWrapper):  # what the terminal's encoding lacks becomes a question mark
        _stream.reconfigure(errors="replace")
if sys.stdout is None:  # closed by the caller
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for as long as the program runs

# a program that reads the table gets it whole, whatever the width of its terminal
out = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, highlight=False)


def settings() -> Settings:
    """Read the settings.

    Raises
    ------
    UsageError
        Naming the environment variable that is wrong.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "GIS_" + str(first["loc"][0]).upper() if first["loc"] else "GIS_*"
        reason = first["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"环境变量 {name} 的值“{first.get('input')}”有误：{reason}。",
            f"{name}={first.get('input')!r} is wrong: {reason}.",
        ) from error


def language() -> Language:
    """Return the language of messages: GIS_LANGUAGE, Chinese by default."""
    return "en" if os.environ.get("GIS_LANGUAGE") == "en" else "zh"


def say(zh: str, en: str) -> str:
    """Return one of two texts by the language of messages."""
    return Label(zh, en).in_(language())


@contextmanager
def ready() -> Iterator[Database]:
    """Yield the district's database, with tables of this version."""
    with opened(settings()) as database:
        with database.reading() as connection:
            require(connection)
        yield database


def day(option: str, text: str) -> date | None:
    """Return the day that an option gives, None where it is not given.

    Raises
    ------
    UnknownValue
        Where it is no day.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UnknownValue(option, text, ["YYYY-MM-DD"]) from error


@contextmanager
def asked(as_of: str = "") -> Iterator[tuple[Database, Connection, date]]:
    """Yield the database, a connection that reads it as it is or stood on a day, and the day to judge for."""
    given = day("--as-of", as_of)
    with ready() as database, database.reading(given) as connection:
        yield database, connection, given or database.district(connection).today


def print_json(document: Any) -> None:  # noqa: ANN401 - anything that JSON can hold
    """Print a document, or JSON that is ready, to standard output."""
    content = document if isinstance(document, bytes) else orjson.dumps(document, option=orjson.OPT_INDENT_2)
    sys.stdout.buffer.write(content + b"\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """Print rows for people: numbers to the right, nothing where there is nothing."""
    table = Table(title=title or None, title_justify="left")
    for index, name in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def pairs(given: Sequence[str], option: str) -> Mapping[str, str]:
    """Split NAME=VALUE options.

    Raises
    ------
    UsageError
        Where one has no `=`.
    """
    for text in given:
        if "=" not in text:
            raise UsageError(f"{option} 应写作 名称=值，而不是“{text}”。", f"{option} takes NAME=VALUE, not {text!r}.")
    return dict(text.split("=", 1) for text in given)


def _cell(value: Any) -> str:  # noqa: ANN401 - a number, a text or nothing
    if value is None:
        return ""
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def progressing() -> Progress:
    """Return a progress display for people at a terminal; standard output stays clean for programs."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=err, disable=not err.is_terminal)
